package query

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"time"
)

// Num is a number in billionths, as columns keep it: an int128 in two's
// complement; or a whole number, where something is counted in.
type Num struct {
	Hi int64
	Lo uint64
}

// WholeNum gives a whole number as it is.
func WholeNum(n int64) Num { return Num{n >> 63, uint64(n)} }

var (
	leastNum = Num{math.MinInt64, 0}
	mostNum  = Num{math.MaxInt64, math.MaxUint64}
)

// Cmp compares two numbers.
func (n Num) Cmp(o Num) int { return cmp.Or(cmp.Compare(n.Hi, o.Hi), cmp.Compare(n.Lo, o.Lo)) }

func (n Num) next() Num {
	n.Lo++
	if n.Lo == 0 {
		n.Hi++
	}
	return n
}

func (n Num) before() Num {
	if n.Lo == 0 {
		n.Hi--
	}
	n.Lo--
	return n
}

// Int64 gives the number where it fits, else the nearest.
func (n Num) Int64() int64 {
	switch {
	case n.Hi < -1 || n.Hi == -1 && int64(n.Lo) >= 0:
		return math.MinInt64
	case n.Hi > 0 || n.Hi == 0 && int64(n.Lo) < 0:
		return math.MaxInt64
	}
	return int64(n.Lo)
}

// Over divides by 10^exp, rounded down, or up.
func (n Num) Over(exp int, up bool) Num {
	if exp == 0 {
		return n
	}
	by := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp)), nil)
	q, m := new(big.Int).DivMod(n.big(), by, new(big.Int)) // Euclidean: down, as by is positive
	if up && m.Sign() != 0 {
		q.Add(q, big.NewInt(1))
	}
	return numOf(q)
}

func (n Num) big() *big.Int {
	b := new(big.Int).Lsh(big.NewInt(n.Hi), 64)
	return b.Add(b, new(big.Int).SetUint64(n.Lo))
}

func numOf(b *big.Int) Num {
	lo := new(big.Int).And(b, new(big.Int).SetUint64(math.MaxUint64))
	return Num{new(big.Int).Rsh(b, 64).Int64(), lo.Uint64()}
}

// billionths reads canonical decimal text.
func billionths(text string) Num {
	r, _ := new(big.Rat).SetString(text) // decimal made it
	r.Mul(r, big.NewRat(1_000_000_000, 1))
	return numOf(r.Num())
}

// Range is the numbers from Lo to Hi, both included.
type Range struct{ Lo, Hi Num }

// ranges is a set of numbers: ranges in order that do not touch.
type ranges []Range

var allNums = ranges{{leastNum, mostNum}}

// or joins two sets.
func (a ranges) or(b ranges) ranges {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Range) int { return x.Lo.Cmp(y.Lo) })
	out := all[:0]
	for _, r := range all {
		if n := len(out); n > 0 && (out[n-1].Hi == mostNum || r.Lo.Cmp(out[n-1].Hi.next()) <= 0) {
			if r.Hi.Cmp(out[n-1].Hi) > 0 {
				out[n-1].Hi = r.Hi
			}
			continue
		}
		out = append(out, r)
	}
	return out
}

// not gives all numbers that are not in the set.
func (a ranges) not() ranges {
	var out ranges
	from := leastNum
	for _, r := range a {
		if r.Lo != leastNum {
			out = append(out, Range{from, r.Lo.before()})
		}
		if r.Hi == mostNum {
			return out
		}
		from = r.Hi.next()
	}
	return append(out, Range{from, mostNum})
}

func (a ranges) and(b ranges) ranges { return a.not().or(b.not()).not() }

// than gives the numbers that stand so to n.
func than(op Op, n Num) ranges {
	switch op {
	case Unequal:
		return than(Equal, n).not()
	case Less:
		return than(AtLeast, n).not()
	case More:
		return than(AtMost, n).not()
	case AtMost:
		return ranges{{leastNum, n}}
	case AtLeast:
		return ranges{{n, mostNum}}
	}
	return ranges{{n, n}}
}

// divided is for which numbers a condition is true, and for which it is false.
type divided struct{ yes, no ranges }

func apart(yes ranges) divided { return divided{yes, yes.not()} }

// splits gives for which values of a subject a condition is what. It is not ok
// where the condition looks at anything else, or does more than compare.
func splits(c Cond, s subject, now time.Time) (out divided, ok bool) {
	switch x := c.(type) {
	case And:
		out = apart(allNums)
		for _, c := range x {
			p, ok := splits(c, s, now)
			if !ok {
				return out, false
			}
			out = divided{out.yes.and(p.yes), out.no.or(p.no)}
		}
		return out, true
	case Or:
		out = apart(nil)
		for _, c := range x {
			p, ok := splits(c, s, now)
			if !ok {
				return out, false
			}
			out = divided{out.yes.or(p.yes), out.no.and(p.no)}
		}
		return out, true
	case Not:
		out, ok = splits(x.Cond, s, now)
		return divided{out.no, out.yes}, ok
	case Const:
		if x {
			return apart(allNums), true
		}
		return apart(nil), true
	case *Missing:
		return apart(nil), s.is(x.V)
	case *Exists:
		return apart(than(AtLeast, WholeNum(1_000_000_000))), s.exists()
	case *In:
		var yes ranges
		for _, l := range x.List {
			yes = yes.or(than(Equal, numIn(l, now)))
		}
		if out = apart(yes); x.Null {
			out.no = nil
		}
		return out, s.is(x.V)
	case *Compare:
		return comparing(x, s, now)
	}
	return out, false
}

// comparing splits a comparison of the subject, or of a time so long after it,
// with what everybody knows.
func comparing(x *Compare, s subject, now time.Time) (divided, bool) {
	l, r, op := x.L, x.R, x.Op
	if known(l) {
		l, r, op = r, l, mirror[op]
	}
	if !known(r) {
		return divided{}, false
	}
	d := (&reckoner{now: now}).value(r)
	n := d.num
	if d.as == Time {
		n = WholeNum(d.at.UnixMicro())
	}
	set, ok := than(op, n), d.as == Time || d.as == Number
	for ok && !s.is(l) {
		l, set, ok = before(l, set)
	}
	return apart(set), ok
}

// before gives the time of which a value is made, and for which times the value
// is in a set. It is not ok for what is no time, and where that is not worked out.
func before(v Value, set ranges) (Value, ranges, bool) {
	switch x := v.(type) {
	case *Shift:
		by := move{months: x.Months, span: x.Span.Microseconds()}
		return x.V, by.before(set), x.Months == 0 && x.Span%time.Microsecond == 0
	case *Call:
		if t, ok := x.timed(); ok && x.Fn != UTCTime {
			by := x.move()
			return t, by.before(set), true
		}
	}
	return nil, nil, false
}

// before gives for which times the move makes one of a set. It is not for months,
// and not for what goes back to UTC.
func (s *move) before(set ranges) ranges {
	var out ranges
	for _, r := range set {
		in := allNums
		if r.Lo != leastNum {
			in = s.since(r.Lo.Int64())
		}
		if r.Hi != mostNum {
			in = in.and(s.since(r.Hi.next().Int64()).not())
		}
		out = out.or(in)
	}
	return out
}

// since gives for which times the move makes at least that one.
func (s *move) since(t int64) ranges {
	switch {
	case s.zone != nil:
		return s.zone.since(t)
	case s.begin != "":
		if begin, end := s.begin.around(t); begin != t {
			t = end
		}
	}
	return than(AtLeast, WholeNum(t-s.span))
}

// numIn gives a written number or time as a column keeps it.
func numIn(l Literal, now time.Time) Num {
	d := (&reckoner{now: now}).value(l)
	if d.as == Time {
		return WholeNum(d.at.UnixMicro())
	}
	return d.num
}

// known tells whether a value is the same for everybody, without looking at anybody.
func known(v Value) bool {
	out := true
	WalkValue(v, func(v Value) {
		switch x := v.(type) {
		case *Trait, *Field, *Cell, *Agg, *Top, *Peers, Whether:
			out = false
		case *Call:
			out = out && x.Fn != Bucket
		}
	})
	return out
}
