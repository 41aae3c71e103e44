package source

import (
	"bytes"
	"errors"
	"strings"
	"sync"

	"github.com/kithdb/kith/identity"
	"golang.org/x/text/unicode/norm"
)

// standards are the functions that bring values of one meaning into one form.
// Version 1, which `kith: 1` pins: a change of a form is another version.
var standards = map[string]*function{
	"email":      {usage: "email(x), email(x, 'drop plus'), email(x, 'drop plus', 'drop dots')", least: 1, most: 3, do: email, ready: readyEmail},
	"phone":      {usage: "phone(x, 'FR') or phone(x, column of the country)", least: 1, most: 2, do: phone, ready: readyPhone},
	"country":    {usage: "country(x)", least: 1, most: 1, do: country},
	"region":     {usage: "region(x, 'US') or region(x, column of the country)", least: 2, most: 2, do: region},
	"money":      {usage: "money(x), or money(x, ',') where the comma is the decimal mark", least: 1, most: 2, do: money, ready: readyMoney},
	"first_name": {usage: "first_name(full name)", least: 1, most: 1, do: splitName(first)},
	"last_name":  {usage: "last_name(full name)", least: 1, most: 1, do: splitName(last)},
}

// matchers have identity's normal forms of e-mail and phone, by default country.
var matchers sync.Map

func matcher(country string) *identity.Matcher {
	if m, ok := matchers.Load(country); ok {
		return m.(*identity.Matcher)
	}
	rules := identity.Rules{Country: country, Spaces: []identity.Space{{Name: "email", Form: "email"}, {Name: "phone", Form: "phone"}}}
	m, err := rules.Compile()
	if err != nil {
		return nil // no such country
	}
	matchers.Store(country, m)
	return m
}

const emailSpace, phoneSpace = 0, 1

// drops are what email leaves out.
type drops struct{ plus, dots bool }

func readyEmail(e *expr) error {
	var d drops
	for i := range e.args[1:] {
		switch word, err := e.constant(i + 1); {
		case err == nil && word == "drop plus":
			d.plus = true
		case err == nil && word == "drop dots":
			d.dots = true
		default:
			return errors.New("the rules are 'drop plus' and 'drop dots'")
		}
	}
	e.given = d
	return nil
}

// email gives identity's form of an address; what follows a plus, and the dots
// of a mailbox at Google, are dropped where the mapping says so.
func email(r *row, e *expr, a []value) value {
	b, ok := matcher("").Normalise(emailSpace, r.bytes(a[0]), nil)
	if !ok {
		return r.fail("bad_email", e)
	}
	at := bytes.LastIndexByte(b, '@')
	box, domain, d := b[:at], b[at:], e.given.(drops)
	if i := bytes.IndexByte(box, '+'); d.plus && i > 0 {
		box = box[:i]
	}
	if d.dots && (string(domain) == "@gmail.com" || string(domain) == "@googlemail.com") {
		box = bytes.ReplaceAll(box, []byte("."), nil)
	}
	if len(box) == 0 {
		return r.fail("bad_email", e)
	}
	return textOf(append(bytes.Clone(box), domain...))
}

func readyPhone(e *expr) error {
	if len(e.args) < 2 || e.args[1].op != "constant" {
		return nil
	}
	code, _ := e.constant(1)
	if _, ok := countryCode([]byte(code)); !ok || matcher(code) == nil {
		return errors.New("the country is a code such as 'FR'")
	}
	return nil
}

func phone(r *row, e *expr, a []value) value {
	home := ""
	if len(a) > 1 && a[1].kind != nothing {
		code, ok := countryCode(r.bytes(a[1]))
		if !ok {
			return r.fail("bad_country", e.args[1])
		}
		home = code
	}
	m := matcher(home)
	if m == nil {
		return r.fail("bad_country", e.args[1])
	}
	b, ok := m.Normalise(phoneSpace, r.bytes(a[0]), nil)
	if !ok {
		return r.fail("bad_phone", e)
	}
	return textOf(b)
}

func country(r *row, e *expr, a []value) value {
	code, ok := countryCode(r.bytes(a[0]))
	if !ok {
		return r.fail("bad_country", e)
	}
	return value{kind: text, text: []byte(code)}
}

// region gives the code of a region of a country that is listed in regions; of
// another country, the name with its blanks and letters in one form.
func region(r *row, e *expr, a []value) value {
	tidy := norm.NFC.Bytes(bytes.Join(bytes.Fields(r.bytes(a[0])), []byte(" ")))
	if a[1].kind == nothing {
		return textOf(tidy)
	}
	home, ok := countryCode(r.bytes(a[1]))
	if !ok {
		return r.fail("bad_country", e.args[1])
	}
	known, ok := regions[home]
	if !ok {
		return textOf(tidy)
	}
	name := foldName(string(tidy))
	name = strings.TrimPrefix(name, strings.ToLower(home)+" ") // US-CA
	if code, ok := known[name]; ok {
		return value{kind: text, text: []byte(code)}
	}
	return r.fail("bad_region", e)
}

func readyMoney(e *expr) error {
	mark, err := e.constant(1)
	if err == nil && mark != "" && mark != "," && mark != "." {
		err = errors.New("the decimal mark is '.' or ','")
	}
	if mark == "" {
		mark = "."
	}
	e.given = mark[0]
	return err
}

// money takes currency signs and letters off, and thousands separators out.
// What is left must be an exact number.
func money(r *row, e *expr, a []value) value {
	if a[0].kind == numeric || a[0].kind == literal {
		return asNumber(r, e, a)
	}
	var room [64]byte
	b, ok := amount(r.bytes(a[0]), e.given.(byte), room[:0])
	if !ok {
		return r.fail("bad_money", e)
	}
	n, ok := parseDecimal(b, 0)
	if !ok {
		return r.fail("bad_money", e)
	}
	return value{kind: numeric, num: n}
}

func splitName(part func(words [][]byte, comma int) [][]byte) func(*row, *expr, []value) value {
	return func(r *row, _ *expr, a []value) value {
		words := bytes.Fields(norm.NFC.Bytes(r.bytes(a[0])))
		comma := -1 // how many words stand before a comma
		for i, w := range words {
			if cut, ok := bytes.CutSuffix(w, []byte(",")); ok && comma < 0 && len(cut) > 0 && i+1 < len(words) {
				words[i], comma = cut, i+1
			}
		}
		return textOf(bytes.Join(part(words, comma), []byte(" ")))
	}
}

// first gives the first word, or that after "Lovelace,".
func first(words [][]byte, comma int) [][]byte {
	if comma >= 0 {
		words = words[comma:]
	}
	return words[:min(1, len(words))]
}

// last gives the last word with the particles before it, or what stands before
// a comma; of a single word, nothing.
func last(words [][]byte, comma int) [][]byte {
	if comma >= 0 {
		return words[:comma]
	}
	if len(words) < 2 {
		return nil
	}
	at := len(words) - 1
	for at > 1 && particles[string(bytes.ToLower(words[at-1]))] {
		at--
	}
	return words[at:]
}

var particles = map[string]bool{
	"von": true, "van": true, "der": true, "den": true, "de": true, "del": true, "della": true, "di": true, "da": true, "dos": true,
	"du": true, "la": true, "le": true, "ter": true, "ten": true, "zu": true, "al": true, "bin": true, "ibn": true, "st.": true,
}
