package query

import (
	"slices"
	"strings"
	"time"

	sqlparser "github.com/xwb1989/sqlparser"
)

// unit is what a calendar is cut into.
type unit string

const (
	theHour    unit = "hour"
	theDay     unit = "day"
	theWeek    unit = "week" // from Monday
	theMonth   unit = "month"
	theQuarter unit = "quarter"
	theYear    unit = "year"
)

// longest are the units, and what they take at most.
var longest = map[unit]int64{theHour: hour, theDay: day, theWeek: 7 * day, theMonth: 31 * day, theQuarter: 92 * day, theYear: 366 * day}

// around gives where the unit that a time is in begins, and where the next does.
func (u unit) around(t int64) (begin, end int64) {
	begin = t - clockOf(t)
	switch u {
	case theHour:
		begin += clockOf(t) / hour * hour
		return begin, begin + hour
	case theDay:
		return begin, begin + day
	case theWeek:
		const monday = 3 // the first day of 1970 was so many after one
		n := begin/day + monday
		begin -= (n - floorDiv(n, 7)*7) * day
		return begin, begin + 7*day
	}
	n := int64(1)
	switch u {
	case theQuarter:
		n = 3
	case theYear:
		n = 12
	}
	y, m, _ := civil(begin / day)
	begin = daysOf(y, m-(m-1)%n, 1) * day
	return begin, addMonths(begin, n)
}

// timed gives the time of which a function makes another one, and nothing else.
func (c *Call) timed() (Value, bool) {
	switch c.Fn {
	case Date, LocalTime, UTCTime:
		return c.Args[0], true
	case Trunc:
		return c.Args[1], true
	}
	return nil, false
}

// ofTime gives the same function of another time.
func (c *Call) ofTime(v Value) *Call {
	out := &Call{c.Fn, slices.Clone(c.Args)}
	if c.Fn == Trunc {
		out.Args[1] = v
	} else {
		out.Args[0] = v
	}
	return out
}

// move gives what a function does to a time.
func (c *Call) move() move {
	switch c.Fn {
	case Trunc:
		return move{begin: unit(c.Args[0].(Literal).Text)}
	case LocalTime, UTCTime:
		return move{zone: c.zone(), back: c.Fn == UTCTime}
	}
	return move{begin: theDay}
}

// trunc reads date_trunc('month', ts). That of a day is date(ts).
func (l *lowering) trunc(x *sqlparser.FuncExpr, args []Value) (Value, error) {
	pos := l.last
	u, _, err := l.pattern(x.Exprs[0].(*sqlparser.AliasedExpr).Expr, "a unit")
	u = strings.ToLower(u)
	if longest[unit(u)] == 0 {
		if err != nil {
			l.last = pos
		}
		return nil, l.bad("date_trunc takes a unit and a time: date_trunc('month', ts); the units are 'hour', 'day', 'week', 'month', 'quarter' and 'year'")
	}
	l.last = pos
	v, err := l.as(args[1], Time)
	if unit(u) == theDay {
		return &Call{Date, []Value{v}}, err
	}
	return &Call{Trunc, []Value{Literal{As: Text, Text: u}, v}}, err
}

// parts are the functions that give a part of a time.
var parts = map[Func]bool{Year: true, Month: true, MonthDay: true, Hour: true, Weekday: true}

// partOf gives a part of a time, and the bounds of the times, both included, at
// which it is so.
func partOf(fn Func, t int64) (n, least, most int64) {
	clock := clockOf(t)
	begin := t - clock
	y, m, d := civil(begin / day)
	switch fn {
	case Hour:
		n = clock / hour
		least = begin + n*hour
		return n, least, least + hour - 1
	case Month:
		least = daysOf(y, m, 1) * day
		return m, least, least + lengthOf(y, m)*day - 1
	case Year:
		return y, daysOf(y, 1, 1) * day, daysOf(y+1, 1, 1)*day - 1
	case Weekday:
		const thursday = 4 // the first day of 1970
		n = begin/day + thursday
		d = n - floorDiv(n, 7)*7
	}
	return d, begin, begin + day - 1
}

// part makes a part of a time ready, which may go with now.
func (c *compiler) part(x *Call) get[Dec] {
	fn, v := x.Fn, x.Args[0]
	if !moves(v) {
		of := c.time(v)
		return func(e *env) (Dec, bool) {
			t, ok := of(e)
			n, _, _ := partOf(fn, t)
			return DecOf(n), ok
		}
	}
	m, ok := movingOf(v, "")
	if !ok {
		c.refuse("a time is made of now() in a way that is not kept current")
		return nil
	}
	i := c.moving(m)
	return func(e *env) (Dec, bool) {
		n, least, most := partOf(fn, e.at[i])
		e.change(m.flip(AtLeast, least, e.now))
		e.change(m.flip(More, most, e.now))
		return DecOf(n), true
	}
}

// anniversaries gives the beginning of the day of the last anniversary of a time,
// its own day being the first, and of the next; false: its day lies ahead.
func anniversaries(from, now int64) (last, next int64, ok bool) {
	from -= clockOf(from)
	years, next, ok := yearsTo(from, now)
	return addMonths(from, 12*years), next, ok
}

// anniversary makes the last or the next anniversary of a time ready.
func (c *compiler) anniversary(x *Call) get[int64] {
	c.p.timed = true
	of, ahead := c.time(x.Args[0]), x.Fn == NextAnniversary
	return func(e *env) (int64, bool) {
		from, ok := of(e)
		if !ok {
			return 0, false
		}
		last, next, ok := anniversaries(from, e.now)
		e.change(next)
		if ahead {
			last = next
		}
		return last, ok
	}
}

// calendar works out a part of a time, or an anniversary.
func (k *reckoner) calendar(fn Func, at time.Time) datum {
	if parts[fn] {
		n, _, _ := partOf(fn, at.UnixMicro())
		return datum{as: Number, num: billions(n)}
	}
	last, next, ok := anniversaries(at.UnixMicro(), k.now.UnixMicro())
	if !ok {
		return datum{}
	}
	if fn == NextAnniversary {
		last = next
	}
	return datum{as: Time, at: time.UnixMicro(last).UTC()}
}

// anniversary writes the last or the next anniversary of a time, which is of.
func (r *renderer) anniversary(fn Func, of string) string {
	day := "date_trunc('day', " + of + ")"
	years := "date_sub('year', " + day + ", " + r.time(r.now) + ")"
	if fn == NextAnniversary {
		years = "(" + years + " + 1)"
	}
	return "(CASE WHEN " + day + " <= " + r.time(r.now) + " THEN " + day + " + to_months((12 * " + years + ")::INTEGER) END)"
}
