package enginetest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/kithdb/kith/query"
)

// What the slow evaluator does with values.

// reckon calculates with two values; nil: it comes to nothing that fits.
func reckon(fn query.Func, a, b any) any {
	if from, ok := a.(time.Time); ok {
		micros := b.(time.Time).Sub(from).Microseconds()
		return big.NewRat(micros/(24*60*60*1_000_000), 1) // Go's division is towards 0
	}
	x, y, out := a.(*big.Rat), b.(*big.Rat), new(big.Rat)
	switch {
	case fn == query.Plus:
		out.Add(x, y)
	case fn == query.Minus:
		out.Sub(x, y)
	case fn == query.Times:
		out = even(out.Mul(x, y))
	case y.Sign() == 0:
		return nil
	default:
		out = even(out.Quo(x, y))
	}
	return fitting(out)
}

// fitting gives a number, or nil where it has more than 29 digits before the point.
func fitting(n *big.Rat) any {
	limit, _ := new(big.Rat).SetString("1e29")
	if new(big.Rat).Abs(n).Cmp(limit) >= 0 {
		return nil
	}
	return n
}

func (s *slow) call(x *query.Call, o *soul, d *deed) any {
	switch x.Fn {
	case query.Plus, query.Minus, query.Times, query.Over, query.Days:
		a, b := s.value(x.Args[0], o, d), s.value(x.Args[1], o, d)
		if a == nil || b == nil {
			return nil
		}
		return reckon(x.Fn, a, b)
	case query.Tier:
		return s.tier(x, o, d)
	case query.Bucket:
		return s.bucket(x, o)
	case query.Has:
		return s.has(x, o, d)
	case query.Distance:
		return s.distance(x, o, d)
	case query.Trunc, query.LocalTime, query.UTCTime:
		return s.clocked(x, o, d)
	case query.Year, query.Month, query.MonthDay, query.Hour, query.Weekday, query.Anniversary, query.NextAnniversary:
		if t, ok := s.value(x.Args[0], o, d).(time.Time); ok {
			return s.calendar(x.Fn, t)
		}
		return nil
	}
	for _, a := range x.Args {
		v := s.value(a, o, d)
		if v == nil && x.Fn == query.Coalesce {
			continue
		}
		if v == nil {
			return nil
		}
		switch x.Fn {
		case query.Coalesce:
			return v
		case query.Length:
			return big.NewRat(int64(len([]rune(v.(string)))), 1)
		case query.Lower:
			return least(v.(string))
		case query.Date:
			y, m, d := v.(time.Time).Date()
			return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		case query.Years:
			from, years := v.(time.Time), int64(0)
			if from.After(s.now) {
				return nil
			}
			for !later(from, 12*(years+1), 0).After(s.now) {
				years++
			}
			return big.NewRat(years, 1)
		}
	}
	return nil
}

// tier gives the name behind the last cut that a number has come to.
func (s *slow) tier(x *query.Call, o *soul, d *deed) any {
	n := s.value(x.Args[0], o, d)
	if n == nil {
		return nil
	}
	name := x.Args[1]
	for i := 2; i < len(x.Args); i += 2 {
		if compare(n, s.value(x.Args[i], o, d)) >= 0 {
			name = x.Args[i+1]
		}
	}
	return s.value(name, o, d)
}

// calendar gives a part of a time, or walks from one anniversary to the next.
func (s *slow) calendar(fn query.Func, t time.Time) any {
	y, m, d := t.Date()
	if n, ok := map[query.Func]int{query.Year: y, query.Month: int(m), query.MonthDay: d, query.Hour: t.Hour(), query.Weekday: int(t.Weekday())}[fn]; ok {
		return big.NewRat(int64(n), 1)
	}
	first := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if first.After(s.now) {
		return nil
	}
	last, next := first, later(first, 12, 0)
	for years := int64(2); !next.After(s.now); years++ {
		last, next = next, later(first, 12*years, 0)
	}
	if fn == query.Anniversary {
		return last
	}
	return next
}

// least brings each character to the small letter of its case variants: of
// several the one that their capital has, of none the first.
func least(s string) string {
	return strings.Map(func(r rune) rune {
		orbit := []rune{r}
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			orbit = append(orbit, f)
		}
		slices.Sort(orbit)
		if i := slices.Index(orbit, unicode.ToLower(unicode.ToUpper(orbit[0]))); i >= 0 {
			return orbit[i]
		}
		return orbit[0]
	}, s)
}

func (s *slow) agg(a *query.Agg, o *soul) any {
	var values []any
	for _, d := range s.matching(a.Where, o) {
		if a.Of == nil {
			values = append(values, true)
		} else if v := s.value(a.Of, o, &d); v != nil || a.Fn == query.Nth {
			values = append(values, v)
		}
	}
	switch a.Fn {
	case query.Periods:
		return s.periods(a, o)
	case query.Count:
		return big.NewRat(int64(len(values)), 1)
	case query.Distinct:
		seen := map[string]bool{}
		for _, v := range values {
			seen[fmt.Sprint(v)] = true
		}
		return big.NewRat(int64(len(seen)), 1)
	case query.Nth:
		if a.Desc {
			slices.Reverse(values)
		}
		if int64(len(values)) < a.N {
			return nil
		}
		return values[a.N-1]
	}
	if len(values) == 0 {
		return nil
	}
	switch a.Fn {
	case query.Share:
		return s.share(a, o)
	case query.MostFrequent, query.LeastFrequent:
		return frequent(values, a.Fn == query.MostFrequent)
	case query.UniqueList, query.Counts:
		return gathered(values, a.Fn == query.Counts)
	case query.Percentile:
		slices.SortFunc(values, compare)
		p, _ := new(big.Rat).SetString(a.Percent)
		for i := range values { // the first of which so many percent come to no more than
			if new(big.Rat).Mul(p, big.NewRat(int64(len(values)), 100)).Cmp(big.NewRat(int64(i+1), 1)) <= 0 {
				return values[i]
			}
		}
	case query.Min:
		return slices.MinFunc(values, compare)
	case query.Max:
		return slices.MaxFunc(values, compare)
	}
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, v.(*big.Rat))
	}
	if a.Fn == query.Sum {
		return fitting(sum)
	}
	return even(sum.Quo(sum, big.NewRat(int64(len(values)), 1)))
}

// frequent gives the text that is there most often, or least, but twice.
func frequent(values []any, most bool) any {
	often := map[string]int{}
	for _, v := range values {
		often[v.(string)]++
	}
	var best any
	for text, n := range often {
		if n < 2 {
			continue
		}
		if best != nil {
			than := often[best.(string)]
			if n == than && text > best.(string) || most && n < than || !most && n > than {
				continue
			}
		}
		best = text
	}
	return best
}

// gathered gives the different texts as JSON, or how often each is there.
func gathered(values []any, count bool) any {
	often, list := map[string]int{}, []string{}
	for _, v := range values {
		if often[v.(string)]++; often[v.(string)] == 1 {
			list = append(list, v.(string))
		}
	}
	slices.Sort(list)
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	var err error
	if count {
		err = enc.Encode(often) // in the order of its keys
	} else {
		err = enc.Encode(list)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	if err != nil || len(list) > 100 || len(text) > 8192 {
		return nil
	}
	return text
}

// periods looks at one period after another.
func (s *slow) periods(a *query.Agg, o *soul) any {
	end := s.now
	if a.Last.End != nil {
		there := *s // with the clock of the zone
		if a.Last.Zone != "" {
			there.now = wall(s.now, a.Last.Zone)
		}
		end = there.value(a.Last.End, o, nil).(time.Time)
	}
	begin := func(i int64) time.Time {
		t := later(end, -i*a.Last.Every.Months, -time.Duration(i)*a.Last.Every.Span)
		if a.Last.Zone != "" {
			t = firstShown(t, a.Last.Zone)
		}
		return t
	}
	active := int64(0)
	for i := range a.Last.Periods {
		from, to, n := begin(i+1), begin(i), int64(0)
		for _, d := range s.matching(a.Where, o) {
			if d.ts.After(from) && d.ts.Before(to) || d.ts.Equal(from) && a.Last.End != nil || d.ts.Equal(to) && a.Last.End == nil {
				n++
			}
		}
		if n >= a.N {
			active++
		}
	}
	return big.NewRat(active, 1)
}

// even rounds to nine places, half to even.
func even(r *big.Rat) *big.Rat {
	n := new(big.Rat).Mul(r, big.NewRat(1_000_000_000, 1))
	floor := new(big.Int).Div(n.Num(), n.Denom()) // Euclidean: towards minus infinity for a positive divisor
	rest := new(big.Rat).Sub(n, new(big.Rat).SetInt(floor))
	if c := rest.Cmp(big.NewRat(1, 2)); c > 0 || c == 0 && floor.Bit(0) == 1 {
		floor.Add(floor, big.NewInt(1))
	}
	return new(big.Rat).SetFrac(floor, big.NewInt(1_000_000_000))
}
