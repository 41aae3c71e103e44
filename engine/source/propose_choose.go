package source

import (
	"fmt"
	"slices"
	"strings"
)

// userNames are the names of columns with a person's own number, best first.
var userNames = []string{
	"userid", "customerid", "contactid", "memberid", "clientid", "personid", "subscriberid", "householdid", "profileid", "uid",
	"customernumber", "customerno", "custid", "loyaltycardid", "accountid",
}

// anonymousNames are those of a visitor's.
var anonymousNames = []string{"anonymousid", "visitorid", "cookieid", "fullvisitorid", "clientcookie", "sessionid"}

// chooseTime takes the date whose name says most that it is when the row happened.
func (p *proposal) chooseTime() {
	if p.in.format.kind == "log" {
		return // a log says when by itself
	}
	best := 0
	for _, c := range p.columns {
		if c.layout == "" || c.filled*10 < p.rows*9 || c.has("birth", "birthday", "dob", "birthdate", "expires", "expiry", "end") {
			continue
		}
		score := 10
		switch {
		case c.is("timestamp", "time", "eventtime", "occurredat", "datetime", "ts"):
			score = 60
		case c.has("created", "invoice", "order", "transaction", "purchase", "event", "occurred", "redemption", "start"):
			score = 50
		case c.has("updated", "modified", "synced", "modstamp"):
			score = 5
		case c.has("date", "time", "at"):
			score = 40
		}
		if strings.HasPrefix(c.name, "_") {
			score = 1
		}
		if c.filled == p.rows {
			score++
		}
		if score > best {
			best, p.time = score, c
		}
	}
}

// choosePeople finds who a row is about.
func (p *proposal) choosePeople() {
	if p.in.format.kind == "log" {
		p.people = []choiceOf{{"anonymous_id", `"{host} {agent}"`, "a log knows no more of a visitor than address and browser"}}
		p.page = true
		return
	}
	for _, name := range userNames {
		if c := p.named(name); c != nil && (p.unique == nil || c.filled > p.unique.filled) {
			p.unique = c
		}
	}
	why := "by its name"
	if c := p.named("id"); c != nil && c.filled == p.rows && (p.unique == nil && p.aboutPeople() || p.ofPeople(c)) {
		p.unique, why = c, "the id of a row, in a file that seems to be about people"
	}
	if p.unique != nil {
		p.identified("user_id", columnRef(p.unique.name), p.unique.filled, why)
	}
	for _, c := range p.columns {
		ref := columnRef(c.name)
		switch {
		case c.isEmail() && !p.identifies("email"):
			p.identified("email", "try(email("+ref+"))", c.emails, "e-mail addresses; what is none identifies nobody")
		case c.isPhone() && !p.identifies("phone"):
			expr, why := "try(phone("+ref+"))", "by its name; numbers without their country need it: phone("+ref+", 'GB')"
			if l := p.country(); l != nil {
				expr, why = "try(phone("+ref+", "+columnRef(l.name)+"))", "by its name; the country is beside it"
			}
			p.identified("phone", expr, 0, why)
		}
	}
	var visitors []string
	for _, c := range p.columns {
		if slices.Contains(anonymousNames, c.fold) && c.filled > 0 {
			visitors = append(visitors, yamlValue(columnRef(c.name)))
			p.sure = p.sure || c.filled == p.rows
		}
	}
	if len(p.people) == 0 && len(visitors) == 0 {
		p.nobody()
		return
	}
	if !p.sure {
		visitors = append(visitors, p.otherwise())
	}
	switch {
	case len(visitors) == 1:
		p.people = append(p.people, choiceOf{"anonymous_id", visitors[0], p.otherWhy("by its name")})
	case len(visitors) > 1:
		p.people = append(p.people, choiceOf{"anonymous_id", "[" + strings.Join(visitors, ", ") + "]", p.otherWhy("by their names")})
	}
}

// identified proposes an identifier, which so many rows have.
func (p *proposal) identified(space, expr string, filled int, why string) {
	p.people = append(p.people, choiceOf{space, yamlValue(expr), why})
	p.lacking = append(p.lacking, "empty("+expr+")")
	p.sure = p.sure || filled == p.rows
}

// otherwise is who a row is about that has no identifier: one unknown person an
// order, where there are orders, else one a row.
func (p *proposal) otherwise() string {
	by := "line()"
	for _, c := range p.columns {
		if c.filled == p.rows && c.has("invoice", "order", "basket", "session", "transaction") && c.has("id", "no", "number") && c.layout == "" {
			by = columnRef(c.name)
			break
		}
	}
	value := yamlText(sourceName(p.name) + "-{" + by + "}")
	if p.lacking == nil {
		return value
	}
	return "{value: " + value + ", when: " + yamlText(strings.Join(p.lacking, " and ")) + "}"
}

func (p *proposal) otherWhy(why string) string {
	if p.sure {
		return why
	}
	return "rows that nothing else identifies are unknown people"
}

// nobody is for files in which no column is known to identify a person.
func (p *proposal) nobody() {
	for _, c := range p.columns {
		if c.filled == p.rows && c.has("id", "key", "no", "number", "index") && c.layout == "" {
			p.unique = c
			p.people = []choiceOf{{"external." + sourceName(c.name), yamlValue(columnRef(c.name)), "no column names a person; this one names something in every row: is it right?"}}
			return
		}
	}
	p.people = []choiceOf{{"anonymous_id", `"` + sourceName(p.name) + `-{line()}"`, "no column identifies anybody: each row is one unknown person"}}
}

func (p *proposal) named(fold string) *column {
	for _, c := range p.columns {
		if c.fold == fold && c.filled > 0 && !strings.Contains(c.name, ".") {
			return c
		}
	}
	return nil
}

func (p *proposal) identifies(space string) bool {
	return slices.ContainsFunc(p.people, func(c choiceOf) bool { return c.space == space })
}

// aboutPeople says whether there are names, addresses or birthdays.
func (p *proposal) aboutPeople() bool {
	return slices.ContainsFunc(p.columns, func(c *column) bool {
		return c.isEmail() || c.is("firstname", "lastname", "surname", "fullname", "birthday", "dateofbirth", "gender", "email") ||
			strings.HasSuffix(c.fold, "firstname") || strings.HasSuffix(c.fold, "email")
	})
}

// ofPeople says whether each row is a person: first and last name beside an id
// of its own.
func (p *proposal) ofPeople(id *column) bool {
	return id != nil && len(id.distinct) == p.rows && p.named("firstname") != nil && p.named("lastname") != nil
}

func (p *proposal) country() *column {
	for _, c := range p.columns {
		if c.isCountry() {
			return c
		}
	}
	return nil
}

// chooseEvent decides which call a row is.
func (p *proposal) chooseEvent() {
	own := p.unique != nil && len(p.unique.distinct) == p.unique.filled && p.unique.filled == p.rows
	thing := p.has("order", "invoice", "transaction", "basket", "payment", "checkout")
	switch {
	case p.page:
		p.event, p.why = "page:", "each line is a page that was asked for"
	case p.eventColumn() != nil:
		c := p.eventColumn()
		p.event, p.why = `track: `+yamlText("{"+columnRef(c.name)+"}"), fmt.Sprintf("%d different names of events", len(c.distinct))
	case p.ofPeople(p.unique), own && (p.aboutPeople() && !thing || p.time == nil):
		p.event, p.why, p.person = "identify:", "one row a person", true
	case p.has("redemption"):
		p.event, p.why = "track: Coupon Redeemed", "by the names of the columns"
	case thing && p.has("product", "stock", "sku", "quantity"):
		p.event, p.why = "track: Product Purchased", "a row is a line of an order, by the names of the columns"
	case p.has("payment"):
		p.event, p.why = "track: Payment Made", "by the names of the columns"
	case thing:
		p.event, p.why = "track: Order Completed", "by the names of the columns"
	case p.time == nil && p.aboutPeople():
		p.event, p.why, p.person = "identify:", "nothing says when, and the columns tell what somebody is like", true
	default:
		p.event, p.why = "track: "+yamlText(string(title([]byte(strings.ReplaceAll(sourceName(p.name), "-", " "))))+" Row"), "by the name of the file: what does a row say that somebody did?"
	}
}

// eventColumn is a column with few different names of events.
func (p *proposal) eventColumn() *column {
	for _, c := range p.columns {
		if c.is("event", "eventname", "eventtype", "action", "activity") && c.filled == p.rows && len(c.distinct) <= 100 && c.numbers == 0 {
			return c
		}
	}
	return nil
}

func (p *proposal) has(words ...string) bool {
	return slices.ContainsFunc(p.columns, func(c *column) bool {
		return c.has(words...) || slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(c.fold, w) })
	})
}
