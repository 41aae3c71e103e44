package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// form is what the evaluator must know about values of one type.
type form[T comparable] struct {
	as    Type
	of    func(Datum) T
	order func(a, b T) int
	other func(*compiler, Value) get[T] // makes ready what values of this type alone are
	room  func(*env) *[]T               // to count different values in
}

func texts() *form[string] {
	return &form[string]{Text, func(d Datum) string { return d.Text }, strings.Compare, (*compiler).otherText, func(e *env) *[]string { return &e.texts }}
}

func numbers() *form[Dec] {
	return &form[Dec]{Number, func(d Datum) Dec { return d.Num }, Dec.Cmp, (*compiler).otherNumber, func(e *env) *[]Dec { return &e.nums }}
}

func facts() *form[bool] {
	order := func(a, b bool) int {
		switch {
		case a == b:
			return 0
		case b:
			return -1
		}
		return 1
	}
	return &form[bool]{Bool, func(d Datum) bool { return d.Bool }, order, (*compiler).whether, func(e *env) *[]bool { return &e.bools }}
}

func times64() *form[int64] {
	return &form[int64]{Time, func(d Datum) int64 { return d.Time }, cmp.Compare[int64], (*compiler).otherTime, func(e *env) *[]int64 { return &e.times }}
}

func (c *compiler) text(v Value) get[string] { return read(c, texts(), v) }
func (c *compiler) number(v Value) get[Dec]  { return read(c, numbers(), v) }
func (c *compiler) fact(v Value) get[bool]   { return read(c, facts(), v) }
func (c *compiler) time(v Value) get[int64]  { return read(c, times64(), v) }

// datumOf gives a written value.
func datumOf(l Literal) Datum {
	d := Datum{As: l.As, Text: l.Text, Bool: l.Bool}
	switch l.As {
	case Number:
		d.Num, _ = ParseDec(l.Text) // decimal made it
	case Time:
		d.Time = l.Time.UnixMicro()
	}
	return d
}

// read makes a value ready.
func read[T comparable](c *compiler, k *form[T], v Value) get[T] {
	switch x := v.(type) {
	case Literal:
		d := datumOf(x)
		t := k.of(d)
		return func(*env) (T, bool) { return t, true }
	case *Trait:
		path, as := c.path(x), x.As
		if as == Time && !x.Fixed {
			text := asTime(k, func(e *env) (Datum, bool) { return e.who.Trait(path, Text) })
			return func(e *env) (T, bool) { // the column of a computed one may be of times
				if d, ok := e.who.Trait(path, Time); ok {
					return k.of(d), ok
				}
				return text(e)
			}
		}
		return func(e *env) (T, bool) {
			d, ok := e.who.Trait(path, as)
			return k.of(d), ok
		}
	case *Field:
		return field(c, k, x)
	case *Agg:
		if x.Fn == Min || x.Fn == Max || x.Fn == Nth {
			return oneOf(c, k, x)
		}
	case *Call:
		if x.Fn == Coalesce {
			return coalesced(c, k, x.Args)
		}
	}
	return k.other(c, v)
}

// asTime reads texts as times.
func asTime[T comparable](k *form[T], of get[Datum]) get[T] {
	return func(e *env) (t T, ok bool) {
		d, ok := of(e)
		if ok {
			d.Time, ok = readTime(d.Text)
			t = k.of(d)
		}
		return t, ok
	}
}

// field reads what an event says: as it comes in, or as it was kept.
func field[T comparable](c *compiler, k *form[T], x *Field) get[T] {
	path, as := x.Path, x.As
	switch {
	case c.raw && as == Time && fixed[path] == Untold:
		return asTime(k, func(e *env) (Datum, bool) { return e.ev.Field(path, Text) })
	case c.raw:
		return func(e *env) (T, bool) {
			d, ok := e.ev.Field(path, as)
			return k.of(d), ok
		}
	case path == "ts":
		return any(get[int64](func(e *env) (int64, bool) { return e.match(x.Up).TS, true })).(get[T]) // T is int64: ts is a time
	}
	leaf := c.leaf
	for range x.Up {
		leaf = leaf.around
	}
	i := leaf.keep(path, as)
	if x.Up == 0 {
		return func(e *env) (T, bool) { return kept(e, k, &e.m.Vals[i]) }
	}
	return func(e *env) (T, bool) { return kept(e, k, &e.match(x.Up).Vals[i]) }
}

// kept reads what a match has of a field.
func kept[T comparable](e *env, k *form[T], d *Datum) (T, bool) {
	if d.Secret {
		return k.of(e.who.Unveil(*d)), true
	}
	return k.of(*d), d.As != Untold
}

// match gives the event that is looked at, or one so many steps around it.
func (e *env) match(up int) *Match {
	if up == 0 {
		return e.m
	}
	return e.out[len(e.out)-up]
}

func coalesced[T comparable](c *compiler, k *form[T], list []Value) get[T] {
	all := make([]get[T], len(list))
	for i, v := range list {
		all[i] = read(c, k, v)
	}
	return func(e *env) (t T, ok bool) {
		for _, of := range all {
			if t, ok = of(e); ok {
				break
			}
		}
		return t, ok
	}
}

// whether makes a condition over an event, or Has, ready as a value.
func (c *compiler) whether(v Value) get[bool] {
	if x, ok := v.(*Call); ok { // Has
		return c.has(x)
	}
	x, ok := v.(Whether)
	if !ok {
		panic(fmt.Sprintf("unreachable: %T", v))
	}
	of := c.cond(Simplify(x.Cond))
	return func(e *env) (bool, bool) {
		a := of(e)
		return a == Yes, a != Unknown
	}
}

func (c *compiler) otherText(v Value) get[string] {
	switch x := v.(type) {
	case *Agg:
		if x.Fn == UniqueList || x.Fn == Counts {
			return c.gathered(x)
		}
		return c.often(x) // MostFrequent or LeastFrequent
	case *Call:
		if x.Fn == Tier {
			return c.tiered(x)
		}
	}
	if x, ok := v.(*Call); ok && x.Fn == Lower {
		of := c.text(x.Args[0])
		return func(e *env) (string, bool) {
			s, ok := of(e)
			if ok {
				s = Fold(s)
			}
			return s, ok
		}
	}
	panic(fmt.Sprintf("unreachable: %T", v))
}

func (c *compiler) otherNumber(v Value) get[Dec] {
	switch x := v.(type) {
	case *Agg:
		return c.counted(x)
	case *Top:
		i := c.top(x)
		return func(e *env) (Dec, bool) {
			d, ok := e.who.Top(i)
			return d.Num, ok
		}
	case *Peers:
		i := c.peers(x)
		key := c.p.seats[i].key
		return func(e *env) (Dec, bool) {
			account, ok := key(e)
			if !ok {
				return Dec{}, true
			}
			return DecOf(e.who.Peers(i, account)), true
		}
	case *Call:
		switch x.Fn {
		case Years:
			return c.years(x.Args[0])
		case Days:
			return c.between(x)
		case Plus, Minus, Times, Over:
			return c.calculated(x)
		case Year, Month, MonthDay, Hour, Weekday:
			return c.part(x)
		case Distance:
			return c.distance(x)
		case Bucket:
			return c.bucketed(x)
		}
		of := c.text(x.Args[0]) // Length
		return func(e *env) (Dec, bool) {
			s, ok := of(e)
			return DecOf(int64(utf8.RuneCountInString(s))), ok
		}
	}
	panic(fmt.Sprintf("unreachable: %T", v))
}

func (c *compiler) years(v Value) get[Dec] {
	c.p.timed = true
	of := c.time(v)
	return func(e *env) (Dec, bool) {
		from, ok := of(e)
		if !ok {
			return Dec{}, false
		}
		years, next, ok := yearsTo(from, e.now)
		e.change(next)
		return DecOf(years), ok
	}
}

func (c *compiler) otherTime(v Value) get[int64] {
	switch x := v.(type) {
	case Instant:
		c.refuse("now() stands where a value is kept that must not change by itself")
		return nil
	case *Shift:
		of, by := c.time(x.V), move{months: x.Months, span: x.Span.Microseconds()}
		return func(e *env) (int64, bool) {
			t, ok := of(e)
			return by.of(t), ok
		}
	case *Call:
		t, ok := x.timed()
		if !ok {
			return c.anniversary(x)
		}
		of, by := c.time(t), x.move()
		return func(e *env) (int64, bool) {
			t, ok := of(e)
			return by.of(t), ok
		}
	}
	panic(fmt.Sprintf("unreachable: %T", v))
}

// there makes the question ready whether a value is there, as any type where none is told.
func (c *compiler) there(v Value) presence {
	switch x := v.(type) {
	case *Shift:
		return c.there(x.V)
	case Instant:
		return func(*env) bool { return true }
	case *Call:
		if t, ok := x.timed(); ok {
			return c.there(t)
		}
		switch x.Fn {
		case Lower, Length, Coalesce:
			return c.oneThere(x.Args)
		}
	}
	switch v.Type() {
	case Text:
		return found(c.text(v))
	case Number:
		return found(c.number(v))
	case Bool:
		return found(c.fact(v))
	case Time:
		return found(c.time(v))
	}
	all, err := readingsOf(v)
	if err != nil {
		c.refuse("%w", err)
		return nil
	}
	return c.oneThere(all)
}

func found[T any](of get[T]) presence {
	return func(e *env) bool {
		_, ok := of(e)
		return ok
	}
}

// oneThere asks whether one of some values is there.
func (c *compiler) oneThere(list []Value) presence {
	all := make([]presence, len(list))
	for i, v := range list {
		all[i] = c.there(v)
	}
	return func(e *env) bool {
		return slices.ContainsFunc(all, func(p presence) bool { return p(e) })
	}
}
