package identity

import (
	"strings"

	"github.com/kithdb/kith"
)

// set makes a table of folded names.
func set(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// The tables hold last elements of paths, folded: lower case, letters and digits only.
var (
	// identifying names say who somebody is, wherever they stand.
	identifying = set(`
		email emails emailaddress emailaddresses mail phone phones phonenumber phonenumbers telephone tel mobile mobilephone mobilenumber cellphone cell
		msisdn fax whatsapp firstname lastname fullname middlename surname familyname givenname maidenname forename
		nickname displayname username userlogin login screenname realname legalname cardholder cardholdername avatar avatarurl gravatar gravatarid
		profilepicture pictureurl photourl street streetaddress streetname street1 street2 address addresses address1 address2 addresslines addressline
		addressline1 addressline2 line1 line2 homeaddress housenumber houseno ip ipaddress ipv4 ipv6 clientip userip remoteip
		remoteaddr userid anonymousid previousid customerid visitorid clientid memberid personid contactid
		subscriberid profileid employeeid externalid externalids deviceid advertisingid adid idfa idfv gaid aaid distinctid cookieid
		ssn socialsecuritynumber passport passportnumber nationalid taxid iban cardnumber creditcard creditcardnumber
		accountnumber bankaccount licenseplate password devicetoken pushtoken
		comment comments message note notes feedback bio aboutme remarks freetext body signature`)

	// traitNames are identifying as a trait, and say nothing elsewhere.
	traitNames = set(`name id description website handle twitter linkedin facebook instagram photo picture about`)

	// personNames are identifying below something that is a person.
	personNames = set(`name id uid login handle description website photo picture url htmlurl`)

	// persons are elements under which personNames tell about a person.
	persons = set(`
		user customer person contact author sender recipient owner member employee buyer seller patient guest
		visitor subscriber profile billingaddress shippingaddress deliveryaddress address billing shipping committer pusher
		assignee actor reviewer creator invitee lead spouse traveler traveller passenger driver mother father wife
		husband friend kid sibling brother sister beneficiary payer consignee attendee participant student teacher`)

	// addressNames are identifying below an address.
	addressNames = set(`
		full formatted text lines line apartment apartmentnumber apt unit suite flat house housename building door doorcode
		floor pobox recipient attention co careof`)

	// parted are identifying names whose value may come in parts; partNames are the parts.
	parted    = set(`name fullname email emails phone phones phonenumber telephone mobile street`)
	partNames = set(`
		first last middle given family full formatted maiden prefix suffix home work main primary secondary personal
		private business office mobile other value number address e164 raw`)

	// deviceNames are identifying below context.device.
	deviceNames = set(`id name token advertisingid`)

	// descriptive names say what somebody is like.
	descriptive = set(`
		country countrycode countryname region regioncode regionname city town province county postalcode postcode zip zipcode
		gender sex birthday birthdate birthyear dateofbirth dob age agegroup company companyname organization organisation
		employer jobtitle occupation industry nationality maritalstatus income latitude longitude lat lon lng`)

	// traitTraits are descriptive as a trait, and say nothing elsewhere.
	traitTraits = set(`title state department role language`)

	// free names belong to things that are bought; their values look like much and are about nobody.
	free = set(`
		orderid ordernumber transactionid checkoutid cartid invoiceid invoicenumber trackingnumber shipmentid
		productid productsku sku variantid`)

	// flags begin the name of a fact about a value instead of the value.
	flags = set(`has is accepts accept allow allows opt optin send via no num count wants can`)

	// tails end names that hold the value, such as billing_email.
	tails = set(`
		email emailaddress phone phonenumber telephone firstname lastname fullname middlename surname username
		ipaddress streetaddress avatarurl userid customerid deviceid anonymousid`)
)

// byTable gives the class that the names in a path decide.
func byTable(path string) (kith.Class, bool) {
	at := elements(path)
	last := at[len(at)-1]
	name, parent, above := foldName(last), "", ""
	if len(at) > 1 {
		above = at[len(at)-2]
		parent = foldName(above)
	}
	someone := person(above)
	trait := parent == "traits" && (len(at) == 2 || len(at) == 3 && at[0] == "context")
	switch {
	case parent == "useragentdata" || name == "iphone":
		return 0, false
	case parent == "company" && (name == "name" || name == "id"):
		return kith.Descriptive, true
	case identifying[name],
		trait && traitNames[name],
		someone && personNames[name],
		parent == "device" && deviceNames[name],
		located(parent) && addressNames[name],
		parted[parent] && partNames[name],
		addressed(last),
		named(last),
		tailed(last):
		return kith.Identifying, true
	case descriptive[name], trait && traitTraits[name], someone && name == "state":
		return kith.Descriptive, true
	case free[name]:
		return kith.Other, true
	}
	return 0, false
}

// tailed says whether the last words of the name are one of the tails, and its
// first is not a flag.
func tailed(last string) bool {
	words := nameWords(last)
	if len(words) < 2 || flags[words[0]] {
		return false
	}
	n := len(words)
	return tails[words[n-1]] || tails[words[n-2]+words[n-1]]
}

// person says whether an element is about a person: one of persons, more of
// them, or a kind of one, such as emergency_contact.
func person(element string) bool {
	words := nameWords(element)
	if len(words) == 0 {
		return false
	}
	for _, name := range [...]string{words[len(words)-1], strings.Join(words, "")} {
		if one, many := strings.CutSuffix(name, "s"); persons[name] || many && persons[one] {
			return true
		}
	}
	return false
}

// named says whether the name is the name of a person, such as customer_name.
func named(last string) bool {
	of, ok := strings.CutSuffix(foldName(last), "name")
	return ok && persons[of]
}

// addressed says whether the name is that of an address or of a line of one:
// billing_street, street_and_number, shippingAddress2, address_line_3, line4.
func addressed(last string) bool {
	words := nameWords(last)
	if len(words) == 0 || flags[words[0]] {
		return false
	}
	name := strings.TrimRight(strings.Join(words, ""), "0123456789")
	for _, w := range words {
		if w = strings.TrimRight(w, "0123456789"); w == "street" || w == "streetaddress" {
			return true
		}
	}
	return strings.HasSuffix(name, "address") || strings.Contains(name, "addressline") || lined(words)
}

// located says whether what stands below an element tells where somebody lives.
func located(parent string) bool {
	return strings.HasSuffix(parent, "address") || strings.HasSuffix(parent, "addresses") || parent == "billing" || parent == "shipping"
}

// elements cuts a path at its dots; a dot after a backslash belongs to the element.
func elements(path string) []string {
	var all []string
	start := 0
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case '.':
			all = append(all, path[start:i])
			start = i + 1
		}
	}
	return append(all, path[start:])
}

// foldName leaves the letters and digits of a name, in lower case.
func foldName(s string) string { return strings.Join(nameWords(s), "") }

// nameWords cuts first_name, first-name, firstName and "First Name" into first
// and name.
func nameWords(s string) []string {
	var words []string
	var word []byte
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
			word = word[:0]
		}
	}
	small := false // the last letter was a small one or a digit
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z':
			if small {
				end()
			}
			word, small = append(word, c+'a'-'A'), false
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c >= 0x80:
			word, small = append(word, c), true
		default:
			end()
			small = false
		}
	}
	end()
	return words
}

// lined says whether the words are line and a number.
func lined(words []string) bool {
	n := strings.Join(words, "")
	rest, ok := strings.CutPrefix(n, "line")
	return ok && len(rest) == 1 && '0' <= rest[0] && rest[0] <= '9'
}
