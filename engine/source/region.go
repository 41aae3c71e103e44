package source

import (
	"strings"
	"sync"
	"sync/atomic"
)

// countryCache remembers what countryCode has found: a file has few spellings.
var (
	countryCache  sync.Map
	countryCached atomic.Int64
)

// regions has, by country, the codes of its regions (ISO 3166-2 without the
// country) by folded name and by folded code.
var regions = map[string]map[string]string{
	"US": regionTable(`AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|DC District of Columbia|
		DC Washington DC|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|
		MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|
		NJ New Jersey|NM New Mexico|NY New York|NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|
		SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|
		WY Wyoming|PR Puerto Rico|GU Guam|VI Virgin Islands|AS American Samoa|MP Northern Mariana Islands|AA Armed Forces Americas|
		AE Armed Forces Europe|AP Armed Forces Pacific|PW Palau|FM Micronesia|MH Marshall Islands`),
	"CA": regionTable(`AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NL Newfoundland|NS Nova Scotia|
		NT Northwest Territories|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|QC Québec|SK Saskatchewan|YT Yukon|YT Yukon Territory`),
	"AU": regionTable(`ACT Australian Capital Territory|NSW New South Wales|NT Northern Territory|QLD Queensland|SA South Australia|TAS Tasmania|
		VIC Victoria|WA Western Australia`),
	"DE": regionTable(`BW Baden-Württemberg|BY Bayern|BY Bavaria|BE Berlin|BB Brandenburg|HB Bremen|HH Hamburg|HE Hessen|HE Hesse|
		MV Mecklenburg-Vorpommern|NI Niedersachsen|NI Lower Saxony|NW Nordrhein-Westfalen|NW North Rhine-Westphalia|NW NRW|RP Rheinland-Pfalz|
		SL Saarland|SN Sachsen|SN Saxony|ST Sachsen-Anhalt|SH Schleswig-Holstein|TH Thüringen|TH Thuringia`),
}

func regionTable(list string) map[string]string {
	table := make(map[string]string)
	for _, line := range strings.Split(list, "|") {
		code, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		table[foldName(name)] = code
		table[foldName(code)] = code
	}
	return table
}
