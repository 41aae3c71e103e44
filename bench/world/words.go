package world

// country is where people live, and what follows from it.
type country struct {
	code, locale, zone, currency, phone, net string
	weight                                   uint64
	cities                                   []string
}

var countries = []country{
	{"FR", "fr-FR", "Europe/Paris", "EUR", "+336", "82.64.", 24, []string{"Paris", "Lyon", "Marseille", "Nantes", "Toulouse"}},
	{"DE", "de-DE", "Europe/Berlin", "EUR", "+49151", "91.12.", 20, []string{"Berlin", "Hamburg", "München", "Köln"}},
	{"US", "en-US", "America/New_York", "USD", "+1", "73.15.", 18, []string{"New York", "Austin", "Boston", "Seattle", "Chicago"}},
	{"GB", "en-GB", "Europe/London", "GBP", "+4474", "86.20.", 13, []string{"London", "Leeds", "Bristol", "Glasgow"}},
	{"ES", "es-ES", "Europe/Madrid", "EUR", "+346", "83.40.", 8, []string{"Madrid", "Barcelona", "Sevilla"}},
	{"IT", "it-IT", "Europe/Rome", "EUR", "+3934", "79.20.", 7, []string{"Roma", "Milano", "Torino"}},
	{"NL", "nl-NL", "Europe/Amsterdam", "EUR", "+316", "84.80.", 6, []string{"Amsterdam", "Utrecht", "Rotterdam"}},
	{"SE", "sv-SE", "Europe/Stockholm", "SEK", "+467", "90.22.", 4, []string{"Stockholm", "Göteborg"}},
}

// areas are where telephones of the United States are.
var areas = []string{"212", "415", "617", "512", "206", "312", "303", "404", "503", "702", "619", "214", "305"}

// name is a name and how it is written in an address.
type name struct{ said, mail string }

var firstNames = []name{
	{"Marie", "marie"}, {"Anna", "anna"}, {"Lucas", "lucas"}, {"Emma", "emma"}, {"Louis", "louis"}, {"Zoé", "zoe"}, {"Paul", "paul"}, {"Julia", "julia"},
	{"José", "jose"}, {"Laura", "laura"}, {"Noah", "noah"}, {"Sofia", "sofia"}, {"Jürgen", "juergen"}, {"Clara", "clara"}, {"Hugo", "hugo"}, {"Alice", "alice"},
	{"Björn", "bjoern"}, {"Nina", "nina"}, {"Oliver", "oliver"}, {"Giulia", "giulia"}, {"Marco", "marco"}, {"Ines", "ines"}, {"Tom", "tom"}, {"Sanne", "sanne"},
	{"Pieter", "pieter"}, {"Grace", "grace"}, {"Henry", "henry"}, {"Amélie", "amelie"}, {"Felix", "felix"}, {"Elena", "elena"}, {"David", "david"}, {"Lina", "lina"},
}

var lastNames = []name{
	{"Martin", "martin"}, {"Müller", "mueller"}, {"Smith", "smith"}, {"García", "garcia"}, {"Rossi", "rossi"}, {"Dubois", "dubois"}, {"Schmidt", "schmidt"},
	{"Johnson", "johnson"}, {"de Vries", "devries"}, {"Andersson", "andersson"}, {"Bernard", "bernard"}, {"Weber", "weber"}, {"Brown", "brown"}, {"López", "lopez"},
	{"Ferrari", "ferrari"}, {"Lefèvre", "lefevre"}, {"Becker", "becker"}, {"Davis", "davis"}, {"Jansen", "jansen"}, {"Lindqvist", "lindqvist"}, {"Moreau", "moreau"},
	{"Wagner", "wagner"}, {"Wilson", "wilson"}, {"O'Neill", "oneill"}, {"Bianchi", "bianchi"}, {"Fontaine", "fontaine"}, {"Hoffmann", "hoffmann"}, {"Taylor", "taylor"},
	{"Romero", "romero"}, {"Visser", "visser"}, {"Nguyen", "nguyen"}, {"Kowalski", "kowalski"},
}

var mailHosts = []string{"example.com", "mail.example.com", "post.example.net", "inbox.example.org", "example.net"}

var (
	categories = []string{"Shoes", "Shirts", "Garden", "Books", "Phones", "Laptops", "Toys", "Grocery", "Beauty", "Sports", "Kitchen", "Music"}
	brands     = []string{"Alto", "Borealis", "Cassis", "Delta", "Ember", "Fjord", "Granite", "Hilltop", "Indigo", "Juniper"}
	adjectives = []string{"Classic", "Light", "Green", "Compact", "Royal", "Silent", "Early", "Urban", "Golden", "Northern", "Soft", "Wild"}
	nouns      = []string{"Runner", "Companion", "Set", "Edition", "Basket", "Lamp", "Case", "Blend", "Guide", "Studio", "Pack", "Garden"}
	coupons    = []string{"WELCOME10", "SUMMER10", "FRIEND10", "COMEBACK10"}
	campaigns  = []string{"spring-sale", "newsletter", "brand", "retargeting", "back-to-school", "winter-sale"}
	sources    = []string{"google", "newsletter", "facebook", "instagram", "bing"}
	mediums    = []string{"cpc", "email", "social", "social", "cpc"}
	searches   = []string{"running shoes", "gift", "lamp", "garden chair", "headphones", "cookbook", "tea", "backpack"}
	plans      = []string{"free", "plus", "pro"}
	industries = []string{"Retail", "Software", "Health", "Education", "Logistics"}
)

// platform is a kind of device and what its library says about it.
type platform struct {
	app    bool // sends screens, not pages, and knows its device id
	weight uint64
	agent  string
	about  string // a part of context
}

var platforms = []platform{
	{false, 26, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36", webLib},
	{false, 18, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15", webLib},
	{false, 6, "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", webLib},
	{false, 22, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1", webLib},
	{true, 16, "Kiosk/4.2.1 (iPhone; iOS 17.6; Scale/3.00)", `,"library":{"name":"analytics-ios","version":"4.1.8"},"app":{"name":"Kiosk","version":"4.2.1","build":"4210"},"os":{"name":"iOS","version":"17.6"},"network":{"wifi":true,"cellular":false}`},
	{true, 12, "Kiosk/4.1.0 (Linux; Android 14; Pixel 8)", `,"library":{"name":"analytics-android","version":"4.11.3"},"app":{"name":"Kiosk","version":"4.1.0","build":"4100"},"os":{"name":"Android","version":"14"},"network":{"wifi":false,"cellular":true}`},
}

const (
	webLib    = `,"library":{"name":"analytics.js","version":"2.11.1"}`
	serverLib = `"library":{"name":"analytics-go","version":"3.3.0"}`
	iosApp    = 4 // index of platforms
)

// tablet is what a family shares: a browser, so it has no device id.
var tablet = platform{false, 0, "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1", webLib}
