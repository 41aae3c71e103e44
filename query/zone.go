package query

import (
	"archive/zip"
	_ "embed"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	sqlparser "github.com/xwb1989/sqlparser"
)

// The database of time zones is ours, and not the machine's, which package time
// asks first: every machine answers alike.
//
//go:embed zoneinfo.zip
var zoneinfo string

// Zone is the clock of a place: by how much it is ahead of UTC, piece by piece.
type Zone struct {
	loc         *time.Location
	from, ahead []int64 // where pieces begin, the first ever, and microseconds
	least, most int64   // of ahead
}

// mostTabled is how far the pieces of a zone are known; after that package time is asked.
var mostTabled = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

var zones struct {
	sync.Mutex // guards what follows
	files      map[string]*zip.File
	known      map[string]*Zone
}

// ZoneOf gives the zone of a name of the IANA database, such as Europe/Paris.
func ZoneOf(name string) (*Zone, error) {
	zones.Lock()
	defer zones.Unlock()
	if z := zones.known[name]; z != nil {
		return z, nil
	}
	if zones.files == nil {
		r, err := zip.NewReader(strings.NewReader(zoneinfo), int64(len(zoneinfo)))
		if err != nil {
			return nil, err
		}
		zones.files, zones.known = map[string]*zip.File{}, map[string]*Zone{}
		for _, f := range r.File {
			zones.files[f.Name] = f
		}
	}
	f := zones.files[name]
	if f == nil || f.FileInfo().IsDir() {
		return nil, errors.New("that is no zone: a zone is written as the IANA database has it, 'Europe/Paris', 'America/New_York' or 'UTC'" + meant(name))
	}
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	loc, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil, err
	}
	zones.known[name] = newZone(loc)
	return zones.known[name], nil
}

// meant gives the zone that is spelled so but for the case of letters.
func meant(name string) string {
	for known, f := range zones.files {
		if strings.EqualFold(known, name) && !f.FileInfo().IsDir() {
			return ", and here '" + known + "'"
		}
	}
	return ""
}

// newZone puts down the pieces of a zone.
func newZone(loc *time.Location) *Zone {
	z := &Zone{loc: loc, least: math.MaxInt64, most: math.MinInt64}
	for t := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(); t < mostTabled; {
		ahead, until := z.ask(t)
		if n := len(z.ahead); n == 0 || z.ahead[n-1] != ahead {
			z.from, z.ahead = append(z.from, t), append(z.ahead, ahead)
			z.least, z.most = min(z.least, ahead), max(z.most, ahead)
		}
		t = until
	}
	z.from[0] = math.MinInt64
	return z
}

// at gives by how much the clock is ahead of UTC, and until when it surely stays so.
func (z *Zone) at(t int64) (ahead, until int64) {
	if t >= mostTabled {
		return z.ask(t)
	}
	i, found := slices.BinarySearch(z.from, t)
	if !found {
		i--
	}
	if until = mostTabled; i+1 < len(z.from) {
		until = z.from[i+1]
	}
	return z.ahead[i], until
}

// ask is at, of package time.
func (z *Zone) ask(t int64) (ahead, until int64) {
	when := time.UnixMicro(t).In(z.loc)
	_, seconds := when.Zone()
	_, end := when.ZoneBounds()
	switch {
	case end.IsZero():
		until = never
	case !end.After(when): // by its rules the piece ends with 365 days of the year, also in leap years
		until = t - clockOf(t) + day
	default:
		until = end.UnixMicro()
	}
	return int64(seconds) * second, until
}

// Local gives what the clock shows at an instant, as if that were UTC.
func (z *Zone) Local(t int64) int64 {
	ahead, _ := z.at(t)
	return t + ahead
}

// Instant gives the first instant at which the clock shows a time, or a later
// one where it skips that.
func (z *Zone) Instant(wall int64) int64 {
	t, _, _ := z.shown(wall)
	return t
}

// shown is Instant, and tells whether a later time is also first shown then, and
// how much later a time may be so that nothing else is true of it.
func (z *Zone) shown(wall int64) (t int64, skipped bool, lasts int64) {
	for t = wall - z.most; ; {
		ahead, until := z.at(t)
		if u := wall - ahead; u < t {
			return t, true, t - u
		} else if u < until || until == never {
			return u, false, left(u, until)
		}
		t = until
	}
}

// since gives the instants at which the clock shows a time or a later one.
func (z *Zone) since(wall int64) ranges {
	out := ranges{{WholeNum(wall - z.least), mostNum}}
	for t := wall - z.most; t < wall-z.least; {
		ahead, until := z.at(t)
		if from := max(t, wall-ahead); from < until {
			out = out.or(ranges{{WholeNum(from), WholeNum(until - 1)}})
		}
		t = until
	}
	return out
}

// zone gives the zone of local_time and utc_time.
func (c *Call) zone() *Zone {
	z, err := ZoneOf(c.Args[1].(Literal).Text)
	if err != nil {
		panic("unreachable: lowering has found the zone")
	}
	return z
}

// zoneName reads the name of a zone that is written out.
func (l *lowering) zoneName(e sqlparser.Expr, help string) (string, error) {
	pos := l.last
	name, _, err := l.pattern(e, "a zone")
	if err != nil {
		l.last = pos
		return "", l.bad("%s", help)
	}
	if _, err := ZoneOf(name); err != nil {
		return "", l.bad("%s", err)
	}
	return name, nil
}

// zoned reads local_time(ts, 'Europe/Paris') and utc_time(t, 'Europe/Paris').
func (l *lowering) zoned(fn Func, x *sqlparser.FuncExpr, args []Value) (Value, error) {
	help := string(fn) + " takes a time and a zone that is written out: " + string(fn) + "(ts, 'Europe/Paris')"
	name, err := l.zoneName(x.Exprs[1].(*sqlparser.AliasedExpr).Expr, help)
	if err != nil {
		return nil, err
	}
	v, err := l.as(args[0], Time)
	return &Call{fn, []Value{v, Literal{As: Text, Text: name}}}, err
}
