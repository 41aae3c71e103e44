package query

import (
	"cmp"
	"slices"
)

// live tells whether a match counts now, and says when that changes. The match
// is then the one that values are read from.
func (l *Leaf) live(e *env, m *Match) bool {
	e.m = m
	if m.TS > e.now {
		e.change(m.TS)
		return false
	}
	return l.dynamic == nil || l.dynamic(e) == Yes
}

// Counting gives the places in who.Matches(leaf) of the events that count at an
// instant. Those of a leaf that stand near the events of another count with
// these, and not by themselves: of such a leaf there are none.
func (p *Program) Counting(leaf int, who Person, now int64) (out []int) {
	l := p.leaves[leaf]
	if l.around != nil {
		return nil
	}
	e := p.begin(who, now)
	defer e.end()
	all := who.Matches(leaf)
	for i := range all {
		if l.live(e, &all[i]) {
			out = append(out, i)
		}
	}
	return out
}

// exists is Yes as long as one match counts: until the last of them ceases to.
func (c *compiler) exists(x *Exists) test {
	l := c.leafOf(x.Where)
	return func(e *env) Answer {
		before, lasts, begins, answer := e.next, e.now, int64(never), No
		all := e.who.Matches(l.at)
		for i := range all {
			e.next = never
			if !l.live(e, &all[i]) {
				begins = min(begins, e.next)
				continue
			}
			answer = Yes
			if lasts = max(lasts, e.next); lasts == never {
				break
			}
		}
		e.next = before
		if answer == Yes {
			e.change(lasts)
		} else {
			e.change(begins)
		}
		return answer
	}
}

// counted makes counts, sums, averages, percentiles and shares ready.
func (c *compiler) counted(a *Agg) get[Dec] {
	if a.Fn == Periods {
		return c.periods(a)
	}
	l := c.leafOf(a.Where)
	switch {
	case a.Of == nil:
		return func(e *env) (Dec, bool) {
			n, all := int64(0), e.who.Matches(l.at)
			for i := range all {
				if l.live(e, &all[i]) {
					n++
				}
			}
			return DecOf(n), true
		}
	case a.Fn == Count:
		there := inLeaf(c, l, func() presence { return c.there(a.Of) })
		return func(e *env) (Dec, bool) {
			n, all := int64(0), e.who.Matches(l.at)
			for i := range all {
				if l.live(e, &all[i]) && there(e) {
					n++
				}
			}
			return DecOf(n), true
		}
	case a.Fn == Distinct:
		return c.distinct(l, a.Of)
	case a.Fn == Percentile:
		return c.percentile(a)
	case a.Fn == Share:
		return c.share(l, a)
	}
	return c.summed(l, a)
}

// summed makes a sum or an average ready.
func (c *compiler) summed(l *Leaf, a *Agg) get[Dec] {
	of := inLeaf(c, l, func() get[Dec] { return c.number(a.Of) })
	avg := a.Fn == Avg
	return func(e *env) (Dec, bool) {
		var t total
		n, all := uint64(0), e.who.Matches(l.at)
		for i := range all {
			if !l.live(e, &all[i]) {
				continue
			}
			if d, ok := of(e); ok {
				t.add(d)
				n++
			}
		}
		switch {
		case n == 0:
			return Dec{}, false
		case avg:
			return t.over(n)
		}
		return t.sum()
	}
}

// distinct counts different values.
func (c *compiler) distinct(l *Leaf, of Value) get[Dec] {
	switch of.Type() {
	case Number:
		return different(l, inLeaf(c, l, func() get[Dec] { return c.number(of) }), numbers())
	case Bool:
		return different(l, inLeaf(c, l, func() get[bool] { return c.fact(of) }), facts())
	case Time:
		return different(l, inLeaf(c, l, func() get[int64] { return c.time(of) }), times64())
	}
	return different(l, inLeaf(c, l, func() get[string] { return c.text(of) }), texts())
}

func different[T comparable](l *Leaf, of get[T], k *form[T]) get[Dec] {
	return func(e *env) (Dec, bool) {
		room, all := k.room(e), e.who.Matches(l.at)
		seen := (*room)[:0]
		for i := range all {
			if !l.live(e, &all[i]) {
				continue
			}
			if v, ok := of(e); ok {
				seen = append(seen, v)
			}
		}
		*room = seen
		slices.SortFunc(seen, k.order)
		n := len(slices.Compact(seen))
		clear(seen) // they may be a person's
		return DecOf(int64(n)), true
	}
}

// oneOf makes the least, the greatest or the n-th value ready.
func oneOf[T comparable](c *compiler, k *form[T], a *Agg) get[T] {
	l := c.leafOf(a.Where)
	of := inLeaf(c, l, func() get[T] { return read(c, k, a.Of) })
	switch {
	case a.Fn == Nth && a.N == 1:
		l.Ordered = true
		return firstOf(l, of, a.Desc)
	case a.Fn == Nth:
		l.Ordered = true
		return nthOf(l, of, a)
	}
	sign := 1
	if a.Fn == Max {
		sign = -1
	}
	return func(e *env) (best T, there bool) {
		all := e.who.Matches(l.at)
		for i := range all {
			if !l.live(e, &all[i]) {
				continue
			}
			if v, ok := of(e); ok && (!there || k.order(v, best)*sign < 0) {
				best, there = v, true
			}
		}
		return best, there
	}
}

// inOrder compares matches by time, time received, message id.
func inOrder(a, b *Match) int {
	return cmp.Or(cmp.Compare(a.TS, b.TS), cmp.Compare(a.Received, b.Received), cmp.Compare(a.Message, b.Message))
}

func firstOf[T any](l *Leaf, of get[T], desc bool) get[T] {
	sign := 1
	if desc {
		sign = -1
	}
	return func(e *env) (v T, ok bool) {
		var first *Match
		all := e.who.Matches(l.at)
		for i := range all {
			if l.live(e, &all[i]) && (first == nil || inOrder(&all[i], first)*sign < 0) {
				first = &all[i]
			}
		}
		if first == nil {
			return v, false
		}
		e.m = first
		return of(e)
	}
}

func nthOf[T any](l *Leaf, of get[T], a *Agg) get[T] {
	n, desc := a.N, a.Desc
	return func(e *env) (v T, ok bool) {
		list, all := e.sorted[:0], e.who.Matches(l.at)
		for i := range all {
			if l.live(e, &all[i]) {
				list = append(list, &all[i])
			}
		}
		e.sorted = list
		if int64(len(list)) >= n {
			slices.SortFunc(list, inOrder)
			i := n - 1
			if desc {
				i = int64(len(list)) - n
			}
			e.m = list[i]
			v, ok = of(e)
		}
		clear(list)
		return v, ok
	}
}
