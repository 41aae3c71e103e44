package source

import (
	"bytes"
	"errors"
	"strings"
	"time"
)

// clock is what a date text says, field by field.
type clock struct {
	year, month, day, hour, minute, second, nano int
	pm                                           int8 // 0 not said, 1 am, 2 pm
	zoned                                        bool
	offset                                       int   // seconds east, where zoned
	unix                                         int64 // where instant
	instant                                      bool
}

// field reads one part of a date text and gives the rest.
type field func(c *clock, b []byte) (rest []byte, ok bool)

// layout is how a date is written, such as DD.MM.YYYY HH:mm.
type layout []field

// letters are the fields, longest first where one begins another.
var letters = []struct {
	word string
	read field
}{
	{"YYYY", digits(4, 4, func(c *clock, n int) { c.year = n })},
	{"YY", digits(2, 2, func(c *clock, n int) { c.year = century(n) })},
	{"MMMM", monthName}, {"MMM", monthName},
	{"MM", digits(2, 2, func(c *clock, n int) { c.month = n })},
	{"M", digits(1, 2, func(c *clock, n int) { c.month = n })},
	{"DD", digits(2, 2, func(c *clock, n int) { c.day = n })},
	{"D", digits(1, 2, func(c *clock, n int) { c.day = n })},
	{"HH", digits(2, 2, func(c *clock, n int) { c.hour = n })},
	{"H", digits(1, 2, func(c *clock, n int) { c.hour = n })},
	{"mm", digits(2, 2, func(c *clock, n int) { c.minute = n })},
	{"m", digits(1, 2, func(c *clock, n int) { c.minute = n })},
	{"ss", digits(2, 2, func(c *clock, n int) { c.second = n })},
	{"s", digits(1, 2, func(c *clock, n int) { c.second = n })},
	{"F", fraction}, {"AM", half}, {"Z", offset}, {"dddd", dayName}, {"ddd", dayName},
}

func century(n int) int {
	if n < 70 {
		return 2000 + n
	}
	return 1900 + n
}

// parseLayout reads a layout. iso, unix and unixms are words for whole ones.
func parseLayout(s string) (layout, error) {
	switch s {
	case "", "iso":
		return layout{iso}, nil
	case "unix":
		return layout{epoch(1)}, nil
	case "unixms":
		return layout{epoch(1000)}, nil
	}
	if len(s) > 100 {
		return nil, errors.New("a layout has at most 100 letters")
	}
	var l layout
	dated := strings.Contains(s, "Y") && strings.Contains(s, "M") && strings.Contains(s, "D")
next:
	for s != "" {
		for _, f := range letters {
			if rest, ok := strings.CutPrefix(s, f.word); ok {
				l, s = append(l, f.read), rest
				continue next
			}
		}
		if c := s[0]; 'a' <= c|0x20 && c|0x20 <= 'z' && c != 'T' {
			dated = false
			break
		}
		l, s = append(l, exactly(s[0])), s[1:]
	}
	if !dated {
		return nil, errors.New("a layout is iso, unix, unixms, or made of YYYY YY MM M MMM DD D HH H mm m ss s F (fraction) AM Z (zone) ddd (weekday), with a year, a month and a day, such as 'DD.MM.YYYY HH:mm'; what the file does not say stands in the text: column: \"2024-{month}\"")
	}
	return l, nil
}

// read gives what the text says, if all of it fits.
func (l layout) read(c *clock, b []byte) (ok bool) {
	*c = clock{}
	b = trimSpace(b)
	for _, f := range l {
		if b, ok = f(c, b); !ok {
			return false
		}
	}
	return len(b) == 0 && c.fits()
}

// fits says whether there is such a day and time. A leap second is the next minute.
func (c *clock) fits() bool {
	if c.instant {
		return true
	}
	if c.pm != 0 {
		if c.hour < 1 || c.hour > 12 {
			return false
		}
		c.hour = c.hour%12 + 12*int(c.pm-1)
	}
	return c.year >= 1 && c.year <= 9999 && c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= daysIn(c.year, c.month) &&
		c.hour <= 23 && c.minute <= 59 && c.second <= 60
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func digits(least, most int, set func(*clock, int)) field {
	return func(c *clock, b []byte) ([]byte, bool) {
		n, rest, ok := cutInt(b, least, most)
		if ok {
			set(c, n)
		}
		return rest, ok
	}
}

// cutInt takes a number of least to most digits off.
func cutInt(b []byte, least, most int) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(b) && i < most && '0' <= b[i] && b[i] <= '9' {
		n = n*10 + int(b[i]-'0')
		i++
	}
	return n, b[i:], i >= least
}

func exactly(want byte) field {
	return func(_ *clock, b []byte) ([]byte, bool) {
		if len(b) == 0 || b[0] != want {
			return nil, false
		}
		return b[1:], true
	}
}

var monthNames = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// cutLetters takes the letters off.
func cutLetters(b []byte) (string, []byte) {
	i := 0
	for i < len(b) && 'a' <= b[i]|0x20 && b[i]|0x20 <= 'z' {
		i++
	}
	return strings.ToLower(string(b[:i])), b[i:]
}

func monthName(c *clock, b []byte) ([]byte, bool) {
	word, rest := cutLetters(b)
	if word == "sept" {
		word = "sep"
	}
	for i, name := range monthNames {
		if word == name || word == name[:3] {
			c.month = i + 1
			return rest, true
		}
	}
	return nil, false
}

func dayName(_ *clock, b []byte) ([]byte, bool) {
	word, rest := cutLetters(b)
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); word == name || word == name[:3] {
			return rest, true
		}
	}
	return nil, false
}

func half(c *clock, b []byte) ([]byte, bool) {
	word, rest := cutLetters(b)
	switch word {
	case "am", "a":
		c.pm = 1
	case "pm", "p":
		c.pm = 2
	}
	return rest, c.pm != 0
}

// fraction reads the digits after the point; what is finer than a nanosecond is cut.
func fraction(c *clock, b []byte) ([]byte, bool) {
	i, unit := 0, int(1e8)
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		c.nano += int(b[i]-'0') * unit
		unit /= 10
	}
	return b[i:], i > 0
}

// offset reads Z, UTC, GMT, +02:00, +0200 or +02.
func offset(c *clock, b []byte) ([]byte, bool) {
	for _, word := range [...]string{"Z", "z", "UTC", "GMT"} {
		if rest, ok := bytes.CutPrefix(b, []byte(word)); ok {
			c.zoned = true
			return rest, true
		}
	}
	if len(b) == 0 || b[0] != '+' && b[0] != '-' {
		return nil, false
	}
	h, rest, ok := cutInt(b[1:], 2, 2)
	m := 0
	if colon, cut := bytes.CutPrefix(rest, []byte(":")); cut {
		m, rest, ok = cutInt(colon, 2, 2)
	} else if len(rest) >= 2 && '0' <= rest[0] && rest[0] <= '9' {
		m, rest, ok = cutInt(rest, 2, 2)
	}
	c.zoned, c.offset = true, (h*60+m)*60
	if b[0] == '-' {
		c.offset = -c.offset
	}
	return rest, ok && h <= 23 && m <= 59
}

// iso reads 2024-05-06, also with a time after T or a blank, and a zone.
func iso(c *clock, b []byte) ([]byte, bool) {
	var ok [3]bool
	if c.year, b, ok[0] = cutInt(b, 4, 4); !ok[0] || len(b) == 0 || b[0] != '-' {
		return nil, false
	}
	if c.month, b, ok[0] = cutInt(b[1:], 2, 2); !ok[0] || len(b) == 0 || b[0] != '-' {
		return nil, false
	}
	if c.day, b, ok[0] = cutInt(b[1:], 2, 2); !ok[0] || len(b) == 0 {
		return b, ok[0]
	}
	if b[0] != 'T' && b[0] != 't' && b[0] != ' ' {
		return nil, false
	}
	if c.hour, b, ok[0] = cutInt(b[1:], 1, 2); !ok[0] || len(b) == 0 || b[0] != ':' {
		return nil, false
	}
	if c.minute, b, ok[0] = cutInt(b[1:], 2, 2); !ok[0] {
		return nil, false
	}
	if len(b) > 0 && b[0] == ':' {
		if c.second, b, ok[0] = cutInt(b[1:], 2, 2); !ok[0] {
			return nil, false
		}
		if len(b) > 0 && (b[0] == '.' || b[0] == ',') {
			if b, ok[0] = fraction(c, b[1:]); !ok[0] {
				return nil, false
			}
		}
	}
	if len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	if len(b) == 0 {
		return b, true
	}
	return offset(c, b)
}

// epoch reads so many units a second since 1970, with a fraction.
func epoch(units int64) field {
	return func(c *clock, b []byte) ([]byte, bool) {
		n, ok := parseNumber(b)
		if !ok {
			return nil, false
		}
		if n, ok = n.times(number{lo: 1e9 / units}); !ok {
			return nil, false
		}
		nanos, _ := new(number).plus(n)
		if nanos.big != nil {
			return nil, false
		}
		whole := nanos.lo
		for ; nanos.scale > 0; nanos.scale-- {
			whole /= 10 // finer than a nanosecond
		}
		c.instant, c.unix, c.nano = true, whole/1e9, int(whole%1e9)
		if c.nano < 0 {
			c.unix, c.nano = c.unix-1, c.nano+1e9
		}
		return nil, true
	}
}
