package query

import (
	"time"
)

// Deeds is a condition on how many events somebody has: of these names, at these
// times; or on how many days.
type Deeds struct {
	Names  []EventName
	Every  bool    // Names are all there are
	Window []Range // in microseconds, none after now
	Days   bool    // days are counted, not events
	Counts []Range // how many it takes; with 0: who has none, too
}

// newDeeds reads a condition about one aggregate; nil: DuckDB has to answer it.
func newDeeds(c Cond, a *Agg, now time.Time, x Index) *Deeds {
	d := &Deeds{Every: true, Window: ranges{{leastNum, WholeNum(now.UnixMicro())}}}
	switch {
	case a.Fn == Count && a.Of == nil:
	case a.Fn == Distinct && isDay(a.Of):
		d.Days = true
	default:
		return nil
	}
	counts, ok := splits(c, subject{agg: a}, now)
	if !ok {
		return nil
	}
	d.Counts = wholes(counts.yes)
	var where Cond
	if a.Where != nil {
		where = Simplify(a.Where)
	}
	var names []Cond
	parts, several := where.(And)
	if !several && where != nil {
		parts = And{where}
	}
	for _, c := range parts {
		switch fieldsOf(c) {
		case "ts":
			w, ok := splits(c, subject{field: "ts"}, now)
			if !ok {
				return nil
			}
			d.Window = ranges(d.Window).and(w.yes)
		case "name", "":
			names = append(names, c)
		default:
			return nil
		}
	}
	if !d.name(names, now, x) {
		return nil
	}
	return d
}

// isDay tells whether a value is date(ts).
func isDay(v Value) bool {
	c, ok := v.(*Call)
	if !ok || c.Fn != Date {
		return false
	}
	f, ok := c.Args[0].(*Field)
	return ok && f.Path == "ts"
}

// fieldsOf gives what a condition over an event looks at: ts; name, which stands
// for kind, too; nothing; or else other.
func fieldsOf(c Cond) string {
	out := ""
	Walk(c, func(v Value) {
		at := out
		switch x := v.(type) {
		case *Field:
			switch x.Path {
			case "ts":
				at = "ts"
			case "name", "kind":
				at = "name"
			default:
				at = "other"
			}
		case *Trait, *Cell, *Agg, *Top:
			at = "other"
		}
		if out != "" && at != out {
			at = "other"
		}
		out = at
	})
	if tabled(c) {
		return "other"
	}
	return out
}

// tabled tells whether a condition looks elsewhere: into a reference table, at
// other events, into another segment or a list.
func tabled(c Cond) bool {
	switch x := c.(type) {
	case And:
		for _, c := range x {
			if tabled(c) {
				return true
			}
		}
	case Or:
		for _, c := range x {
			if tabled(c) {
				return true
			}
		}
	case Not:
		return tabled(x.Cond)
	case *Listed, *Exists, *Member, *OnList, *Near:
		return true
	}
	return false
}

// name finds the names for which the conditions are true. False: some of them
// are not counted by day.
func (d *Deeds) name(conds []Cond, now time.Time, x Index) bool {
	var at EventName
	r := &reckoner{now: now, look: func(v Value) datum {
		if v.(*Field).Path == "kind" {
			return datum{as: Text, text: at.Kind}
		}
		return datum{as: Text, text: at.Name}
	}}
	d.Every = len(conds) == 0
	for _, at = range x.Names() {
		if r.cond(And(conds)) != isTrue {
			continue
		}
		if !at.Counted {
			return false
		}
		d.Names = append(d.Names, at)
	}
	return true
}

// wholes gives the whole numbers, 0 or more, of a set in billionths.
func wholes(in ranges) []Range {
	var out []Range
	for _, r := range in {
		r.Lo, r.Hi = r.Lo.Over(9, true), r.Hi.Over(9, false)
		if r.Lo.Hi < 0 {
			r.Lo = Num{}
		}
		if r.Lo.Cmp(r.Hi) <= 0 {
			out = append(out, r)
		}
	}
	return out
}
