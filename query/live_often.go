package query

import (
	"math/bits"
	"slices"
)

// often makes the text ready that most, or fewest, of the events that count say,
// of those that at least two say; of equally frequent ones the first in order.
func (c *compiler) often(a *Agg) get[string] {
	l := c.leafOf(a.Where)
	of := inLeaf(c, l, func() get[string] { return c.text(a.Of) })
	sign := 1
	if a.Fn == LeastFrequent {
		sign = -1
	}
	return func(e *env) (string, bool) {
		seen := collect(l, of, e, &e.texts)
		slices.Sort(seen)
		best, most := "", 0
		for i := 0; i < len(seen); {
			n := i
			for n < len(seen) && seen[n] == seen[i] {
				n++
			}
			if n -= i; n >= 2 && (most == 0 || (n-most)*sign > 0) {
				best, most = seen[i], n
			}
			i += n
		}
		clear(seen) // they may be a person's
		return best, most > 0
	}
}

// percentile makes the ⌈n·percent/100⌉-th smallest of the numbers of the events
// that count ready.
func (c *compiler) percentile(a *Agg) get[Dec] {
	l := c.leafOf(a.Where)
	of := inLeaf(c, l, func() get[Dec] { return c.number(a.Of) })
	percent, _ := ParseDec(a.Percent) // percentOf has read it
	return func(e *env) (Dec, bool) {
		seen := collect(l, of, e, &e.nums)
		if len(seen) == 0 {
			return Dec{}, false
		}
		slices.SortFunc(seen, Dec.Cmp)
		return seen[rankOf(len(seen), percent.Lo)-1], true
	}
}

// rankOf is n·percent/100 rounded up, at least 1; percent is in billionths.
func rankOf(n int, percent uint64) int {
	const whole = 100 * billion
	hi, lo := bits.Mul64(uint64(n), percent)
	k, rest := bits.Div64(hi, lo, whole)
	if rest > 0 {
		k++
	}
	return max(int(k), 1)
}

// collect gives the values of the events that count, in a room that is used again.
func collect[T any](l *Leaf, of get[T], e *env, room *[]T) []T {
	all := e.who.Matches(l.at)
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
	return seen
}
