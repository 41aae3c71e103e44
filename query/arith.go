package query

import (
	"math/big"
	"math/bits"
)

// mostDec is the first whole number of billionths that a DECIMAL(38,9) does not hold.
var mostDec = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)

// Calculate adds, subtracts, multiplies or divides exactly; a product and a
// quotient are rounded half to even at the ninth place. It gives false where
// that does not fit a DECIMAL(38,9), and for a division by zero.
func Calculate(fn Func, a, b Dec) (Dec, bool) {
	switch fn {
	case Plus:
		return a.Add(b)
	case Minus:
		return a.Add(b.negative())
	case Times:
		return a.times(b)
	}
	return a.over(b)
}

// fits tells whether a number has at most 29 digits before the point.
func (d Dec) fits() bool {
	if d.Hi < 0 {
		d = d.negative()
	}
	const hi, lo = 5421010862427522170, 687399551400673280 // 10^38
	return d.Hi >= 0 && (d.Hi < hi || d.Hi == hi && d.Lo < lo)
}

// sides gives the absolute values, and whether they have different signs.
func sides(d, e Dec) (a, b Dec, minus bool) {
	if d.Hi < 0 {
		d, minus = d.negative(), true
	}
	if e.Hi < 0 {
		e, minus = e.negative(), !minus
	}
	return d, e, minus
}

func (d Dec) times(e Dec) (Dec, bool) {
	a, b, minus := sides(d, e)
	if a.Hi == 0 && b.Hi == 0 {
		hi, lo := bits.Mul64(a.Lo, b.Lo)
		q := Dec{lo, int64(hi)}
		if q.Hi >= 0 {
			return q.Quo(billion).signed(minus), true
		}
	}
	n := new(big.Int).Mul(a.big(), b.big())
	return rounded(n, big.NewInt(billion), minus)
}

func (d Dec) over(e Dec) (Dec, bool) {
	if e == (Dec{}) {
		return Dec{}, false
	}
	a, b, minus := sides(d, e)
	if a.Hi == 0 && b.Hi == 0 {
		hi, lo := bits.Mul64(a.Lo, billion)
		return Dec{lo, int64(hi)}.Quo(b.Lo).signed(minus), true
	}
	n := new(big.Int).Mul(a.big(), big.NewInt(billion))
	return rounded(n, b.big(), minus)
}

func (d Dec) signed(minus bool) Dec {
	if minus {
		return d.negative()
	}
	return d
}

func (d Dec) big() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(d.Hi), 64)
	return n.Add(n, new(big.Int).SetUint64(d.Lo))
}

// rounded is the quotient of two numbers that are not negative, half to even.
func rounded(n, by *big.Int, minus bool) (Dec, bool) {
	q, rest := new(big.Int).QuoRem(n, by, new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(by); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	if q.Cmp(mostDec) >= 0 {
		return Dec{}, false
	}
	lo := new(big.Int).And(q, new(big.Int).SetUint64(1<<64-1)).Uint64()
	return Dec{lo, int64(new(big.Int).Rsh(q, 64).Uint64())}.signed(minus), true
}

// daysBetween gives the whole days from one time to another, towards zero, and
// the bounds of the times, both included, at which it is so.
func daysBetween(from, to int64) (days, least, most int64) {
	days = (to - from) / day
	switch {
	case days > 0:
		return days, from + days*day, from + (days+1)*day - 1
	case days < 0:
		return days, from + (days-1)*day + 1, from + days*day
	}
	return 0, from - day + 1, from + day - 1
}

// calculated makes arithmetic ready.
func (c *compiler) calculated(x *Call) get[Dec] {
	fn, a, b := x.Fn, c.number(x.Args[0]), c.number(x.Args[1])
	return func(e *env) (Dec, bool) {
		l, ok := a(e)
		if !ok {
			return l, false
		}
		r, ok := b(e)
		if !ok {
			return r, false
		}
		return Calculate(fn, l, r)
	}
}

// between makes the whole days between two times ready, of which one may go with now.
func (c *compiler) between(x *Call) get[Dec] {
	from, to := x.Args[0], x.Args[1]
	switch ahead := moves(from); {
	case !ahead && !moves(to):
		a, b := c.time(from), c.time(to)
		return func(e *env) (Dec, bool) {
			l, ok := a(e)
			r, too := b(e)
			days, _, _ := daysBetween(l, r)
			return DecOf(days), ok && too
		}
	case ahead && moves(to):
		c.refuse("now() stands on both sides of days_between")
		return nil
	case ahead:
		of := c.since(from, to)
		return func(e *env) (Dec, bool) {
			d, ok := of(e)
			return d.negative(), ok
		}
	}
	return c.since(to, from)
}

// since gives the days from a time to one that goes with now.
func (c *compiler) since(moving, still Value) get[Dec] {
	m, ok := movingOf(moving, "")
	if !ok {
		c.refuse("a time is made of now() in a way that is not kept current")
		return nil
	}
	i, of := c.moving(m), c.time(still)
	return func(e *env) (Dec, bool) {
		from, ok := of(e)
		if !ok {
			return Dec{}, false
		}
		days, least, most := daysBetween(from, e.at[i])
		e.change(m.flip(AtLeast, least, e.now))
		e.change(m.flip(More, most, e.now))
		return DecOf(days), true
	}
}

// tiered makes the name of the tier that a number is in ready.
func (c *compiler) tiered(x *Call) get[string] {
	of := c.number(x.Args[0])
	var names []string
	var cuts []Dec
	for i, a := range x.Args[1:] {
		d := datumOf(a.(Literal))
		if i%2 == 0 {
			names = append(names, d.Text)
		} else {
			cuts = append(cuts, d.Num)
		}
	}
	return func(e *env) (string, bool) {
		n, ok := of(e)
		if !ok {
			return "", false
		}
		return names[tierOf(n, cuts)], true
	}
}

// tierOf gives how many of the cuts, which ascend, a number has come to.
func tierOf(n Dec, cuts []Dec) int {
	at := 0
	for at < len(cuts) && n.Cmp(cuts[at]) >= 0 {
		at++
	}
	return at
}
