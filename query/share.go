package query

import (
	"math"
	"math/big"
	"math/bits"

	sqlparser "github.com/xwb1989/sqlparser"
)

// wholeWeight is what the newest event weighs: after 40 half-lives an event
// weighs 1, and then nothing.
const wholeWeight = 40

// Weight is what an event weighs that is so many microseconds older than the
// newest, of which half is a half-life: 2^(40 - age/half), rounded down.
//
// That is exact. A float is near enough for all but one weight in some hundred;
// where the bounds of its error are not rounded to one number, or the weight is
// a power of two, it is worked out otherwise.
func Weight(age, half int64) int64 {
	halved, rest := age/half, age%half
	switch {
	case halved > wholeWeight:
		return 0
	case rest == 0:
		return 1 << (wholeWeight - halved)
	}
	const slip = 1.0 / (1 << 49) // a float has 53 bits; the quotient and Exp2 lose less than two of them
	of := math.Ldexp(math.Exp2(-float64(rest)/float64(half)), int(wholeWeight-halved))
	if n := int64(of * (1 - slip)); n == int64(of*(1+slip)) {
		return n
	}
	return exactWeight(halved, rest, half)
}

// exactWeight is the weight between halved and halved+1 half-lives. 2^(rest/half)
// is irrational: with bits enough, its bounds are rounded to one number.
func exactWeight(halved, rest, half int64) int64 {
	for prec := uint(128); ; prec *= 2 {
		of := new(big.Float).SetPrec(prec).SetInt64(1 << (wholeWeight - halved))
		root := new(big.Float).SetPrec(prec).SetFloat64(0.5)
		for r, n := rest, uint(0); r != 0 && n < prec; n++ { // 2^-(b1/2 + b2/4 + …), in which b are the bits of rest/half
			root.Sqrt(root)
			if r *= 2; r >= half {
				r -= half
				of.Mul(of, root)
			}
		}
		slip := new(big.Float).SetMantExp(of, 16-int(prec)) // two roundings for each bit, at most, and what is behind the last
		low, _ := new(big.Float).Sub(of, slip).Int64()
		if high, _ := new(big.Float).Add(of, slip).Int64(); low == high {
			return low
		}
	}
}

// share reads share(x, 'Garden') and share(x, 'Garden', INTERVAL 30 DAY).
func (l *lowering) share(s *scope, agg *Agg, f *sqlparser.FuncExpr) error {
	pos := l.last
	help := "share(properties.category, 'Garden') is of the events that say a text the part that says 'Garden', from 0 to 1; behind that may stand in what time an event comes to weigh half, in days or hours: INTERVAL 30 DAY"
	agg.Fn = Share
	for i, e := range f.Exprs {
		a, ok := e.(*sqlparser.AliasedExpr)
		ok = ok && !f.Distinct && a.As.IsEmpty()
		var err error
		switch {
		case ok && i == 0:
			if agg.Of, err = l.value(s, a.Expr); err == nil {
				agg.Of, err = l.as(agg.Of, Text)
			}
		case ok && i == 1:
			var text string
			text, _, err = l.pattern(a.Expr, "the second value of share")
			agg.Text = text
		case ok && i == 2:
			var half Gap
			half, ok = l.gap(a.Expr)
			agg.Half, ok = half.Span, ok && half.Months == 0
		default:
			ok = false
		}
		if err != nil {
			return err
		}
		if !ok {
			l.last = pos
			return l.bad("%s", help)
		}
	}
	l.last = pos
	if len(f.Exprs) < 2 {
		return l.bad("%s", help)
	}
	return nil
}

// share makes the share of the events that say a text ready.
func (c *compiler) share(l *Leaf, a *Agg) get[Dec] {
	of := inLeaf(c, l, func() get[string] { return c.text(a.Of) })
	text, half := a.Text, a.Half.Microseconds()
	return func(e *env) (Dec, bool) {
		ages, some := e.times[:0], e.counts[:0] // some: the times of those that say it
		newest, all := int64(math.MinInt64), e.who.Matches(l.at)
		for i := range all {
			if !l.live(e, &all[i]) {
				continue
			}
			if said, ok := of(e); ok {
				newest = max(newest, all[i].TS)
				ages = append(ages, all[i].TS)
				if said == text {
					some = append(some, all[i].TS)
				}
			}
		}
		e.times, e.counts = ages, some
		if len(ages) == 0 {
			return Dec{}, false
		}
		return weighed(some, newest, half).over(weighed(ages, newest, half))
	}
}

// weighed is what events at some times weigh together.
func weighed(times []int64, newest, half int64) Dec {
	if half == 0 {
		return DecOf(int64(len(times)))
	}
	var sum Dec
	for _, t := range times {
		var carry uint64
		sum.Lo, carry = bits.Add64(sum.Lo, uint64(Weight(newest-t, half)), 0)
		sum.Hi += int64(carry)
	}
	return sum
}
