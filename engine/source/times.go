package source

import (
	"errors"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are known on every machine
)

// times are the functions about days and instants.
var times = map[string]*function{
	"time": {usage: "time(x), time(x, 'layout'), time(x, 'layout', 'zone')", least: 1, most: 3, do: instant, ready: readyTime},
	"date": {usage: "date(x), date(x, 'layout')", least: 1, most: 2, do: day, ready: readyTime},
}

// reading is how a text becomes an instant: the layouts in the order in which
// they are tried, and the zone of a text without one (nil: the mapping's).
type reading struct {
	layouts []layout
	zone    *time.Location
}

func readyTime(e *expr) error {
	name, err := e.constant(1)
	if err != nil {
		return err
	}
	l, err := parseLayout(name)
	if err != nil {
		return err
	}
	zone, err := e.constant(2)
	if err != nil {
		return err
	}
	g := reading{layouts: []layout{l}}
	if zone != "" {
		if g.zone, err = parseZone(zone); err != nil {
			return err
		}
	}
	e.given = g
	return nil
}

// parseZone takes a name such as Europe/Paris, or an offset such as +02:00.
func parseZone(s string) (*time.Location, error) {
	var c clock
	if rest, ok := offset(&c, []byte(s)); ok && len(rest) == 0 {
		return time.FixedZone("", c.offset), nil
	}
	if z, err := time.LoadLocation(s); err == nil && s != "" && !strings.EqualFold(s, "local") {
		return z, nil
	}
	return nil, errors.New("the zone " + strconv.Quote(s) + " is not known; zones are written Europe/Paris, UTC or +02:00")
}

// read gives what the first layout that fits makes of the text.
func (g reading) read(c *clock, b []byte) bool {
	for _, l := range g.layouts {
		if l.read(c, b) {
			return true
		}
	}
	return false
}

func instant(r *row, e *expr, a []value) value {
	g := e.given.(reading)
	if g.zone == nil {
		g.zone = r.in.zone
	}
	return r.instant(g, a[0], e)
}

// instant writes the text as RFC 3339 in UTC.
func (r *row) instant(g reading, v value, e *expr) value {
	c := &r.clock
	if !g.read(c, r.bytes(v)) {
		return r.fail("bad_date", e)
	}
	at, nano := c.unix, c.nano
	if !c.instant {
		at = days(c.year, c.month, c.day)*86400 + int64(c.hour*3600+c.minute*60+c.second)
		if c.zoned {
			at -= int64(c.offset)
		} else {
			at -= r.offset(at, g.zone)
		}
	}
	t := time.Unix(at, int64(nano)).UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return r.fail("bad_date", e)
	}
	return textOf(r.keep(func(dst []byte) []byte { return appendInstant(dst, t) }))
}

// days counts the days from 1970-01-01, in the calendar of today.
func days(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := int64((month + 9) % 12)
	doe := yoe*365 + yoe/4 - yoe/100 + (153*mp+2)/5 + int64(day) - 1
	return era*146097 + doe - 719468
}

// offset gives the seconds east of UTC at a local time. Of an hour that comes
// twice it is the first; a time that a clock jumps over is read by the clock
// before the jump.
func (r *row) offset(local int64, z *time.Location) int64 {
	if z == time.UTC || z == nil {
		return 0
	}
	before := r.zoneAt(local-86400, z)
	if r.zoneAt(local-before, z) == before {
		return before
	}
	after := r.zoneAt(local-before, z)
	if r.zoneAt(local-after, z) == after {
		return after
	}
	return before
}

// zoneAt gives the offset at an instant. It remembers the last period.
func (r *row) zoneAt(unix int64, z *time.Location) int64 {
	p := &r.period
	if p.zone != z || unix < p.from || unix >= p.to {
		t := time.Unix(unix, 0).In(z)
		start, end := t.ZoneBounds()
		_, off := t.Zone()
		*p = period{zone: z, from: -1 << 62, to: 1 << 62, offset: int64(off)}
		if !start.IsZero() {
			p.from = start.Unix()
		}
		if !end.IsZero() {
			p.to = end.Unix()
		}
	}
	return p.offset
}

// period is a stretch of time with one offset.
type period struct {
	zone     *time.Location
	from, to int64
	offset   int64
}

// day writes the text as a day, without a time and a zone.
func day(r *row, e *expr, a []value) value {
	c := &r.clock
	if !e.given.(reading).read(c, r.bytes(a[0])) {
		return r.fail("bad_date", e)
	}
	if c.instant {
		t := time.Unix(c.unix, 0).In(r.in.zone)
		if c.year, c.month, c.day = t.Year(), int(t.Month()), t.Day(); c.year < 1 || c.year > 9999 {
			return r.fail("bad_date", e)
		}
	}
	return textOf(r.keep(func(dst []byte) []byte { return appendDay(dst, c.year, c.month, c.day) }))
}

func appendDay(dst []byte, year, month, day int) []byte {
	dst = pad(dst, year, 1000)
	dst = pad(append(dst, '-'), month, 10)
	return pad(append(dst, '-'), day, 10)
}

// appendInstant writes RFC 3339, with a fraction where there is one.
func appendInstant(dst []byte, t time.Time) []byte {
	if t.Nanosecond() != 0 {
		return t.AppendFormat(dst, time.RFC3339Nano)
	}
	y, m, d := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDay(dst, y, int(m), d)
	dst = pad(append(dst, 'T'), hour, 10)
	dst = pad(append(dst, ':'), minute, 10)
	dst = pad(append(dst, ':'), second, 10)
	return append(dst, 'Z')
}

// pad writes n with as many digits as unit has.
func pad(dst []byte, n, unit int) []byte {
	for ; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+n/unit%10))
	}
	return dst
}
