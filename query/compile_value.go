package query

import (
	"math"
	"slices"
	"sort"
	"time"
	"unicode/utf8"
)

const day = int64(24 * time.Hour / time.Microsecond)

// datum gives a written value.
func (l Literal) datum() Datum {
	d := Datum{As: l.As}
	switch l.As {
	case Number:
		d.Num = parseDec(l.Text)
	case Bool:
		d.Bool = l.Bool
	case Time:
		d.Time = l.Time.UnixMicro()
	default:
		d.Text = l.Text
	}
	return d
}

func always(d Datum) func(*env) (Datum, bool) {
	return func(*env) (Datum, bool) { return d, true }
}

func (b *compiler) value(v Value) (operand, error) {
	switch x := v.(type) {
	case Literal:
		return operand{as: x.As, get: always(x.datum())}, nil
	case Instant:
		return instant(x), nil
	case *Trait:
		path, as := x.Path, x.As
		if x.Fixed && as == Untold {
			as = Time
			if path == "known" {
				as = Bool
			}
		}
		return operand{as: as, get: func(e *env) (Datum, bool) { return e.p.Trait(path, as) }}, nil
	case *Field:
		return b.field(x), nil
	case *Shift:
		return b.shift(x)
	case *Call:
		return b.call(x)
	case *Agg:
		return b.agg(x)
	case *Top:
		return b.top(x)
	}
	panic("unreachable: a value of no kind")
}

func instant(x Instant) operand {
	v := operand{as: Time, moving: true}
	if x.Months == 0 && !x.Day {
		v.plain, v.span = true, x.Span.Microseconds()
		v.get = func(e *env) (Datum, bool) { return Datum{As: Time, Time: e.now + v.span}, true }
		return v
	}
	v.get = func(e *env) (Datum, bool) {
		return Datum{As: Time, Time: x.At(time.UnixMicro(e.now).UTC()).UnixMicro()}, true
	}
	return v
}

// horizon bounds how far ahead a boundary is looked for: about 400 years, in microseconds.
const horizon = 400 * 365 * day

// until notes when a moving value comes to x, and when it has passed it.
func (v *operand) until(e *env, x int64) {
	if v.plain {
		e.wake(x - v.span)
		e.wake(x - v.span + 1)
		return
	}
	past := func(to int64) (int64, bool) { // the first instant from now on at which the value is to or more
		probe := *e
		at := func(n int64) bool {
			probe.now, probe.next = n, math.MaxInt64
			d, ok := v.get(&probe)
			return ok && d.Time >= to
		}
		step := int64(1)
		for !at(e.now + step) {
			if step *= 2; step > horizon {
				return 0, false
			}
		}
		return e.now + int64(sort.Search(int(step), func(n int) bool { return at(e.now + int64(n)) })), true
	}
	for _, to := range [...]int64{x, x + 1} {
		if n, ok := past(to); ok {
			e.wake(n)
		}
	}
}

func (b *compiler) field(x *Field) operand {
	path, as := x.Path, x.As
	if t := fixed[path]; t != Untold {
		as = t
	}
	v := operand{as: as}
	switch {
	case b.static:
		v.get = func(e *env) (Datum, bool) { return e.ev.Field(path, as) }
	case path == "ts":
		v.get = func(e *env) (Datum, bool) { return Datum{As: Time, Time: e.m.TS}, true }
	default:
		k := b.leaf.keep(path, as)
		v.get = func(e *env) (Datum, bool) {
			d := e.m.Vals[k]
			return d, d.As != Untold
		}
	}
	return v
}

func (b *compiler) shift(x *Shift) (operand, error) {
	of, err := b.value(x.V)
	months, span := x.Months, x.Span
	return operand{as: Time, moving: of.moving, get: func(e *env) (Datum, bool) {
		d, ok := of.get(e)
		if !ok {
			return d, false
		}
		if months == 0 {
			d.Time += span.Microseconds()
		} else {
			d.Time = Add(time.UnixMicro(d.Time).UTC(), months, span).UnixMicro()
		}
		return d, true
	}}, err
}

func (b *compiler) call(x *Call) (operand, error) {
	args := make([]operand, len(x.Args))
	moving := false
	for i, a := range x.Args {
		var err error
		if args[i], err = b.value(a); err != nil {
			return operand{}, err
		}
		moving = moving || args[i].moving
	}
	v := operand{as: x.Type(), moving: moving}
	of := args[0]
	switch x.Fn {
	case Lower:
		v.get = func(e *env) (Datum, bool) {
			d, ok := of.get(e)
			d.Text = Fold(d.Text)
			return d, ok
		}
	case Length:
		v.get = func(e *env) (Datum, bool) {
			d, ok := of.get(e)
			return Datum{As: Number, Num: wholeDec(int64(utf8.RuneCountInString(d.Text)))}, ok
		}
	case Date:
		v.get = func(e *env) (Datum, bool) {
			d, ok := of.get(e)
			d.Time -= ((d.Time % day) + day) % day
			return d, ok
		}
	case Years:
		if moving {
			return v, errMoving
		}
		v.get = func(e *env) (Datum, bool) {
			d, ok := of.get(e)
			if !ok {
				return d, false
			}
			return e.age(d.Time)
		}
	default:
		v.get = func(e *env) (Datum, bool) {
			for _, a := range args {
				if d, ok := a.get(e); ok {
					return d, true
				}
			}
			return Datum{}, false
		}
	}
	return v, nil
}

// age gives the whole years from a time to now, and notes the next anniversary.
func (e *env) age(from int64) (Datum, bool) {
	e.wake(from)
	if from > e.now {
		return Datum{}, false
	}
	born, now := time.UnixMicro(from).UTC(), time.UnixMicro(e.now).UTC()
	years := int64(now.Year() - born.Year())
	if Add(born, 12*years, 0).After(now) {
		years--
	}
	e.wake(Add(born, 12*(years+1), 0).UnixMicro())
	return Datum{As: Number, Num: wholeDec(years)}, true
}

func (b *compiler) top(x *Top) (operand, error) {
	key := printValue(x)
	i, ok := b.tops[key]
	if !ok {
		of, err := b.value(x.Of)
		if err != nil {
			return operand{}, err
		}
		i = len(b.p.tops)
		b.tops[key] = i
		b.p.tops, b.p.topOf, b.p.ranked = append(b.p.tops, x), append(b.p.topOf, of), append(b.p.ranked, false)
	}
	return operand{as: Number, get: func(e *env) (Datum, bool) { return e.p.Top(i) }}, nil
}

func (b *compiler) agg(a *Agg) (operand, error) {
	leaf, i, err := b.sub(a.Where, a.Of, a.Fn == Nth)
	if err != nil {
		return operand{}, err
	}
	v := operand{as: a.Type()}
	switch {
	case a.Fn == Nth:
		v.get = func(e *env) (Datum, bool) { return leaf.nth(e, i, a.N, a.Desc) }
	case a.Fn == Distinct:
		v.get = func(e *env) (Datum, bool) { return leaf.distinct(e, i) }
	case a.Fn == Count:
		v.get = func(e *env) (Datum, bool) {
			n := int64(0)
			leaf.values(e, i, func(*Datum) { n++ })
			return Datum{As: Number, Num: wholeDec(n)}, true
		}
	case a.Fn == Min || a.Fn == Max:
		v.get = func(e *env) (Datum, bool) { return leaf.extreme(e, i, a.Fn == Max) }
	default:
		v.get = func(e *env) (Datum, bool) { return leaf.sum(e, i, a.Fn == Avg) }
	}
	return v, nil
}

// values calls f for the value of each match that counts and has one.
func (l *Leaf) values(e *env, leaf int, f func(d *Datum)) {
	l.each(e, leaf, func(m *Match) bool {
		if l.of.get == nil {
			f(nil)
		} else if d, ok := l.of.get(e); ok {
			f(&d)
		}
		return true
	})
}

func (l *Leaf) distinct(e *env, leaf int) (Datum, bool) {
	var few []Datum
	many := map[Datum]bool{}
	l.values(e, leaf, func(d *Datum) {
		switch {
		case len(few) < 16 && !slices.Contains(few, *d):
			few = append(few, *d)
		case len(few) == 16 && !slices.Contains(few, *d):
			many[*d] = true
		}
	})
	return Datum{As: Number, Num: wholeDec(int64(len(few) + len(many)))}, true
}

func (l *Leaf) extreme(e *env, leaf int, most bool) (best Datum, ok bool) {
	l.values(e, leaf, func(d *Datum) {
		if c := d.compare(&best); !ok || c > 0 && most || c < 0 && !most {
			best, ok = *d, true
		}
	})
	return best, ok
}

// sum adds up exactly; a sum that does not fit is missing.
func (l *Leaf) sum(e *env, leaf int, mean bool) (Datum, bool) {
	n, fits, sum := uint64(0), true, Dec{}
	l.values(e, leaf, func(d *Datum) {
		var ok bool
		sum, ok = sum.add(d.Num)
		n, fits = n+1, fits && ok
	})
	if n == 0 || !fits {
		return Datum{}, false
	}
	if mean {
		sum = sum.over(n)
	}
	return Datum{As: Number, Num: sum}, true
}

// nth gives the value of one match, by time, time received and message id.
func (l *Leaf) nth(e *env, leaf int, n int64, desc bool) (Datum, bool) {
	var all []*Match
	l.each(e, leaf, func(m *Match) bool { all = append(all, m); return true })
	if int64(len(all)) < n {
		return Datum{}, false
	}
	slices.SortFunc(all, func(a, b *Match) int {
		if desc {
			a, b = b, a
		}
		return a.order(b)
	})
	e.m = all[n-1]
	return l.of.get(e)
}
