package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kithdb/kith/identity"
)

// column is what was seen of one column.
type column struct {
	name   string
	fold   string // letters and digits of the name, small
	words  []string
	typed  bool // JSON says its type
	filled int

	numbers, emails, bools, lands, zeros, zones, plus int
	fits                                              []int // by dateLayouts
	distinct                                          map[string]bool
	empties                                           map[string]bool // words for nothing that were seen

	layout string // "": no date
	both   bool   // day and month cannot be told apart
	zoned  bool
	number bool
}

// dateLayouts are tried in this order; of two that fit, the first is proposed.
var dateLayouts = []string{
	"iso", "DD/MMM/YYYY:HH:mm:ss Z", "D/M/YYYY", "M/D/YYYY", "D/M/YYYY H:mm", "M/D/YYYY H:mm", "D/M/YYYY H:mm:ss", "M/D/YYYY H:mm:ss",
	"D/M/YY", "M/D/YY", "D/M/YY H:mm", "M/D/YY H:mm", "D.M.YYYY", "D.M.YYYY H:mm", "D.M.YYYY H:mm:ss", "D-M-YYYY", "M-D-YYYY", "D-M-YYYY H:mm",
	"YYYY/MM/DD", "YYYY/MM/DD HH:mm:ss", "YYYYMMDD", "D MMM YYYY", "D-MMM-YYYY", "MMM D, YYYY", "M/D/YYYY h:mm AM",
}

var parsedLayouts = func() (out []layout) {
	for i, s := range dateLayouts {
		l, err := parseLayout(strings.ReplaceAll(s, "h:mm AM", "H:mm AM"))
		if err != nil {
			panic(dateLayouts[i])
		}
		out = append(out, l)
	}
	return out
}()

var nameParts = regexp.MustCompile(`[A-Z]+[a-z]*|[a-z]+|[0-9]+`)

func newColumn(name string) *column {
	c := &column{name: name, fits: make([]int, len(dateLayouts)), distinct: make(map[string]bool), empties: make(map[string]bool)}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Count(name, ".") > 0 && last == "" {
		last = name
	}
	for _, w := range nameParts.FindAllString(last, -1) {
		c.words = append(c.words, strings.ToLower(w))
	}
	c.fold = strings.Join(c.words, "")
	return c
}

var noWords = []string{"NA", "N/A", "NULL", "null", "nil", "None", `\N`, "nan", "NaN", "-"}

// see counts one value.
func (c *column) see(b []byte, r *row) {
	if b = trimSpace(b); len(b) == 0 {
		return
	}
	if slices.Contains(noWords, string(b)) {
		c.empties[string(b)] = true
		return
	}
	c.filled++
	if len(c.distinct) < sampleRows {
		c.distinct[string(b)] = true
	}
	if _, ok := parseNumber(b); ok {
		c.numbers++
		if len(b) > 1 && b[0] == '0' && b[1] != '.' {
			c.zeros++
		}
	}
	if at := bytes.IndexByte(b, '@'); at > 0 && bytes.IndexByte(b[at:], '.') > 0 && bytes.IndexByte(b, ' ') < 0 {
		c.emails++
	}
	if b[0] == '+' {
		c.plus++
	}
	if s := strings.ToLower(string(b)); s == "true" || s == "false" {
		c.bools++
	}
	if len(c.distinct) <= 300 && len(b) > 1 {
		if _, ok := countryCode(b); ok {
			c.lands++
		}
	}
	if len(b) >= 6 && len(b) <= 40 && bytes.ContainsAny(b, "0123456789") {
		for i, l := range parsedLayouts {
			if c.fits[i] == c.filled-1 && l.read(&r.clock, b) {
				c.fits[i]++
				if i == 0 && r.clock.zoned {
					c.zones++
				}
			}
		}
	}
}

// conclude decides what the column holds.
func (c *column) conclude(rows int) {
	if c.filled == 0 {
		return
	}
	for i, n := range c.fits {
		if n != c.filled || dateLayouts[i] == "YYYYMMDD" && !c.has("date", "day", "time") {
			continue
		}
		if c.layout == "" {
			c.layout, c.zoned = dateLayouts[i], c.zones == c.filled || strings.Contains(dateLayouts[i], "Z")
			continue
		}
		if strings.HasPrefix(c.layout, "D/M") && strings.HasPrefix(dateLayouts[i], "M/D") || strings.HasPrefix(c.layout, "D-M") && strings.HasPrefix(dateLayouts[i], "M-D") {
			c.both = true
		}
	}
	c.layout = strings.ReplaceAll(c.layout, "h:mm AM", "H:mm AM")
	codes := c.has("id", "code", "zip", "postcode", "upc", "ean", "sku", "phone", "mobile", "fax", "no", "number", "key")
	c.number = c.numbers == c.filled && c.zeros == 0 && !codes && c.layout == ""
}

// wordy says whether the words for nothing stand among values of another kind.
func (c *column) wordy() bool {
	return c.number || c.layout != "" || c.filled == 0
}

func (c *column) has(words ...string) bool {
	return slices.ContainsFunc(c.words, func(w string) bool { return slices.Contains(words, w) })
}

// is says whether the whole name is one of these, small letters and digits only.
func (c *column) is(names ...string) bool { return slices.Contains(names, c.fold) }

func (c *column) mostly(n int) bool { return c.filled > 0 && n*10 >= c.filled*9 }

// isEmail, isPhone and isCountry go by the name and by the shape of the values.
func (c *column) isEmail() bool {
	return c.mostly(c.emails) && !c.has("url", "link")
}

func (c *column) isPhone() bool {
	return c.has("phone", "telephone", "mobile", "msisdn") && !c.has("is", "has", "type", "service") && c.bools == 0 && c.filled > 0 && len(c.distinct) > 2
}

func (c *column) isCountry() bool {
	return c.has("country", "nation") && c.filled > 0 && c.lands*2 >= c.filled
}

// timeWhy says why it is the time of a row.
func (c *column) timeWhy() string {
	why := "the column that says when"
	switch {
	case c.both:
		why += "; day and month cannot be told apart in these rows: is it M/D or D/M?"
	case !c.zoned:
		why += "; it has no zone: which one was it written in?"
	}
	return why
}

// member gives the value of the column and the reason for it.
func (c *column) member() (expr, why string) {
	ref := columnRef(c.name)
	switch {
	case c.isEmail():
		return yamlValue("try(email(" + ref + "), " + ref + ")"), "e-mail addresses"
	case c.isCountry():
		return yamlValue("try(country(" + ref + "), " + ref + ")"), "names or codes of countries, as two letters; what is none stays as it is"
	case c.typed:
		return yamlValue(ref), "as JSON has it"
	case c.bools == c.filled:
		return yamlValue("bool(" + ref + ")"), "true or false in all rows read"
	case c.layout == "iso" || c.layout == "":
	case strings.ContainsAny(c.layout, "H"):
		return yamlValue(fmt.Sprintf("time(%s, '%s')", ref, c.layout)), "a date and time in all rows read"
	default:
		return yamlValue(fmt.Sprintf("date(%s, '%s')", ref, c.layout)), "a day in all rows read"
	}
	if c.number {
		return yamlValue("number(" + ref + ")"), "a number in all rows read"
	}
	if c.layout == "iso" {
		return yamlValue(ref), "a date as ISO 8601 writes it"
	}
	if class, ok := new(identity.Classes).PathClass("traits." + c.name); ok {
		return yamlValue(ref), class.String() + ", by its name"
	}
	if len(c.distinct) > 1 && len(c.distinct)*10 <= c.filled {
		return yamlValue(ref), strconv.Itoa(len(c.distinct)) + " different texts"
	}
	return yamlValue(ref), "text"
}

// columnRef writes a column as an expression does.
func columnRef(name string) string {
	if e, err := parseExpr(name); err == nil && e.op == "column" && e.name == name {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// yamlValue writes an expression as a value of YAML.
func yamlValue(e string) string {
	plain := e != "" && (e[0] == '_' || 'a' <= e[0]|0x20 && e[0]|0x20 <= 'z')
	if strings.EqualFold(e, "null") {
		plain = false // YAML's
	}
	if plain && !strings.Contains(e, ": ") && !strings.Contains(e, " #") && !strings.HasSuffix(e, ":") {
		return e
	}
	return yamlText("{" + e + "}")
}

// yamlText writes a text in quotes; those of JSON are read by YAML too.
func yamlText(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a text
	}
	return strings.TrimSpace(b.String())
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_ -]*$`)

// memberKey names the member for a column: dots are for what is nested.
func memberKey(name string) string {
	key := strings.ReplaceAll(name, ".", "_")
	switch strings.ToLower(key) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return strconv.Quote(key)
	}
	if plainKey.MatchString(key) && key == strings.TrimSpace(key) {
		return key
	}
	return yamlText(key)
}

var sourceLetters = regexp.MustCompile(`[^a-z0-9]+`)

// sourceName makes a name of the file's.
func sourceName(file string) string {
	base, _, _ := strings.Cut(filepath.Base(file), ".")
	s := strings.Trim(sourceLetters.ReplaceAllString(strings.ToLower(base), "-"), "-")
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		s = "file-" + s
	}
	return strings.Trim(s, "-")
}
