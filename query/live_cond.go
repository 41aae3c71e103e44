package query

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"
)

// cond makes a condition ready.
func (c *compiler) cond(x Cond) test {
	switch x := x.(type) {
	case And:
		return c.chain(x, No)
	case Or:
		return c.chain(x, Yes)
	case Not:
		of := c.cond(x.Cond)
		return func(e *env) Answer { return Yes - of(e) }
	case Const:
		return always(answerOf(bool(x)))
	case *Compare:
		return c.compare(x)
	case *In:
		return c.in(x)
	case *Like:
		return c.like(x)
	case *Missing:
		there := c.there(x.V)
		return func(e *env) Answer { return answerOf(!there(e)) }
	case *Truth:
		of := c.fact(x.V)
		return func(e *env) Answer {
			b, ok := of(e)
			if !ok {
				return Unknown
			}
			return answerOf(b)
		}
	case *Exists:
		return c.exists(x)
	case *Near:
		return c.near(x)
	case *Member:
		return c.member(x)
	case *OnList:
		return c.onList(x)
	case *Listed:
		return c.listed(x)
	}
	panic(fmt.Sprintf("unreachable: %T", x))
}

func always(a Answer) test { return func(*env) Answer { return a } }

func answerOf(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

// chain joins conditions, the cheap ones first. One answer decides: what the
// others say, and when they change, is nothing to it then.
func (c *compiler) chain(list []Cond, decides Answer) test {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Cond) int { return effort(a) - effort(b) })
	parts := make([]test, len(list))
	for i, x := range list {
		parts[i] = c.cond(x)
	}
	return func(e *env) Answer {
		before, all, answer := e.next, int64(never), Yes-decides
		for _, part := range parts {
			e.next = never
			a := part(e)
			if a == decides {
				e.change(before)
				return a
			}
			all = min(all, e.next)
			if a == Unknown {
				answer = a
			}
		}
		e.next = min(before, all)
		return answer
	}
}

// effort says how much a condition costs, roughly.
func effort(c Cond) int {
	most := 0
	Walk(c, func(v Value) {
		if _, ok := v.(*Agg); ok {
			most = 9
		}
	})
	switch x := c.(type) {
	case And:
		for _, c := range x {
			most = max(most, effort(c))
		}
	case Or:
		for _, c := range x {
			most = max(most, effort(c))
		}
	case Not:
		most = max(most, effort(x.Cond))
	case *Exists, *Near:
		most = 9
	case *Listed:
		most = max(most, 3)
	case *Member, *OnList:
		most = 2
	case *Like:
		most = max(most, 1)
	}
	return most
}

func (c *compiler) compare(x *Compare) test {
	switch x.L.Type() {
	case Text:
		return compared(x.Op, c.text(x.L), c.text(x.R), texts().order)
	case Number:
		return compared(x.Op, c.number(x.L), c.number(x.R), Dec.Cmp)
	case Bool:
		return compared(x.Op, c.fact(x.L), c.fact(x.R), facts().order)
	}
	return c.compareTimes(x.Op, spread(x.L), spread(x.R))
}

// compared compares two values.
func compared[T any](op Op, l, r get[T], order func(a, b T) int) test {
	return func(e *env) Answer {
		a, there := l(e)
		b, too := r(e)
		switch {
		case there && too:
			return answerOf(holds(op, order(a, b)))
		case op == Same:
			return answerOf(there == too)
		}
		return Unknown
	}
}

// compareTimes compares two times of which one may go with now.
func (c *compiler) compareTimes(op Op, l, r Value) test {
	left, right := moves(l), moves(r)
	switch {
	case !left && !right:
		return compared(op, c.time(l), c.time(r), compareTo)
	case !left:
		return c.compareTimes(mirror[op], r, l)
	}
	if x, ok := l.(*Call); ok && x.Fn == Coalesce {
		return c.choose(op, x.Args, r)
	}
	a, ok := movingOf(l, "")
	switch {
	case !ok:
		c.refuse("a time is made of now() in a way that is not kept current")
		return nil
	case !right:
		return c.against(op, a, c.time(r))
	}
	if x, ok := r.(*Call); ok && x.Fn == Coalesce {
		return c.choose(mirror[op], x.Args, l)
	}
	if b, ok := movingOf(r, ""); ok && a.low == a.top && b.low == b.top {
		return always(answerOf(holds(op, compareTo(a.low, b.low)))) // they keep their distance
	}
	c.refuse("%w", errBoth)
	return nil
}

// choose compares the first of some times that is there, of which one goes with now.
func (c *compiler) choose(op Op, list []Value, r Value) test {
	there, of := make([]presence, len(list)), make([]test, len(list))
	for i, v := range list {
		there[i], of[i] = c.there(v), c.compareTimes(op, v, r)
	}
	last := len(list) - 1
	return func(e *env) Answer {
		for i := range last {
			if there[i](e) {
				return of[i](e)
			}
		}
		return of[last](e)
	}
}

// against compares a time that goes with now with one that does not.
func (c *compiler) against(op Op, m *moving, with get[int64]) test {
	i := c.moving(m)
	return func(e *env) Answer {
		x, ok := with(e)
		switch {
		case ok:
			e.change(m.flip(op, x, e.now))
			return answerOf(holds(op, compareTo(e.at[i], x)))
		case op == Same:
			return No
		}
		return Unknown
	}
}

// moves tells whether a time goes with now, for some.
func moves(v Value) bool {
	switch x := v.(type) {
	case Instant:
		return true
	case *Shift:
		return moves(x.V)
	case *Call:
		if t, ok := x.timed(); ok {
			return moves(t)
		}
		return x.Fn == Coalesce && slices.ContainsFunc(x.Args, moves)
	}
	return false
}

// spread puts what is done to the first of some times into each of them.
func spread(v Value) Value {
	var of Value
	var with func(Value) Value
	switch x := v.(type) {
	case *Shift:
		of, with = x.V, func(v Value) Value { return &Shift{v, x.Months, x.Span} }
	case *Call:
		t, ok := x.timed()
		if !ok {
			return v
		}
		of, with = t, func(v Value) Value { return x.ofTime(v) }
	default:
		return v
	}
	of = spread(of)
	if x, ok := of.(*Call); ok && x.Fn == Coalesce {
		out := &Call{Fn: Coalesce}
		for _, a := range x.Args {
			out.Args = append(out.Args, spread(with(a)))
		}
		return out
	}
	return with(of)
}

func (c *compiler) in(x *In) test {
	v := spread(x.V)
	if moves(v) {
		var all []test
		for _, l := range x.List {
			all = append(all, c.compareTimes(Equal, v, l))
		}
		return anyOf(all, x.Null)
	}
	switch v.Type() {
	case Text:
		return within(x, c.text(v), texts())
	case Number:
		return within(x, c.number(v), numbers())
	case Bool:
		return within(x, c.fact(v), facts())
	}
	return within(x, c.time(v), times64())
}

// anyOf is Yes where one is, and with null never No.
func anyOf(list []test, null bool) test {
	return func(e *env) Answer {
		most := No
		if null {
			most = Unknown
		}
		for _, t := range list {
			most = max(most, t(e))
		}
		return most
	}
}

// within looks a value up in a list.
func within[T comparable](x *In, of get[T], k *form[T]) test {
	const few = 8 // up to that, looking at each is faster than hashing
	var list []T
	all := map[T]bool{}
	for _, l := range x.List {
		if v := k.of(datumOf(l)); !all[v] {
			all[v] = true
			list = append(list, v)
		}
	}
	without := No
	if x.Null {
		without = Unknown
	}
	return func(e *env) Answer {
		v, ok := of(e)
		switch {
		case !ok:
			return Unknown
		case len(list) > few && all[v], len(list) <= few && slices.Contains(list, v):
			return Yes
		}
		return without
	}
}

func (c *compiler) like(x *Like) test {
	of := c.text(x.V)
	if x.Regexp {
		re, err := regexp.Compile(x.Pattern)
		if err != nil {
			c.refuse("a pattern is no regular expression")
			return nil
		}
		return func(e *env) Answer {
			s, ok := of(e)
			if !ok {
				return Unknown
			}
			return answerOf(re.MatchString(s))
		}
	}
	p := x.parts()
	return func(e *env) Answer {
		s, ok := of(e)
		if !ok {
			return Unknown
		}
		return answerOf(alike(s, p, x.Fold))
	}
}

// What is no character of a LIKE pattern.
const (
	anyOne  rune = -1
	anyMany rune = -2
)

// parts gives the characters of a LIKE pattern, and what stands for any. With
// Fold they are folded.
func (c *Like) parts() []rune {
	var out []rune
	escaped := false
	for _, r := range c.Pattern {
		switch {
		case !escaped && c.Escape != 0 && r == c.Escape:
			escaped = true
			continue
		case !escaped && r == '%':
			r = anyMany
		case !escaped && r == '_':
			r = anyOne
		case c.Fold:
			r = foldRune(r)
		}
		escaped = false
		out = append(out, r)
	}
	return out
}

// alike matches a text: where it fails, the last % takes one more character.
func alike(s string, p []rune, fold bool) bool {
	i, k, star, from := 0, 0, -1, 0
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if fold {
			r = foldRune(r)
		}
		switch {
		case k < len(p) && p[k] == anyMany:
			star, from = k, i
			k++
		case k < len(p) && (p[k] == anyOne || p[k] == r):
			i, k = i+n, k+1
		case star >= 0:
			_, n := utf8.DecodeRuneInString(s[from:])
			from += n
			i, k = from, star+1
		default:
			return false
		}
	}
	for k < len(p) && p[k] == anyMany {
		k++
	}
	return k == len(p)
}

func (c *compiler) member(x *Member) test {
	name := x.Segment
	if !slices.Contains(c.p.segments, name) {
		c.p.segments = append(c.p.segments, name)
	}
	return func(e *env) Answer { return answerOf(e.who.Member(name)) }
}

func (c *compiler) onList(x *OnList) test {
	name := x.List
	if !slices.Contains(c.p.lists, name) {
		c.p.lists = append(c.p.lists, name)
	}
	return func(e *env) Answer { return answerOf(e.who.OnList(name)) }
}

func (c *compiler) listed(x *Listed) test {
	i := c.table(x)
	if x.V.Type() == Number {
		of := c.number(x.V)
		return func(e *env) Answer {
			n, ok := of(e)
			if !ok {
				return Unknown
			}
			return answerOf(e.who.Listed(i, Datum{As: Number, Num: n}))
		}
	}
	of := c.text(x.V)
	return func(e *env) Answer {
		s, ok := of(e)
		if !ok {
			return Unknown
		}
		return answerOf(e.who.Listed(i, Datum{As: Text, Text: s}))
	}
}
