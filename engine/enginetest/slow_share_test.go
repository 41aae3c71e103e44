package enginetest

import (
	"math/big"
	"time"

	"github.com/kithdb/kith/query"
)

// share weighs the events that say a text, and those that say the one.
func (s *slow) share(a *query.Agg, o *soul) any {
	var newest time.Time
	for _, d := range s.matching(a.Where, o) { // in order
		if s.value(a.Of, o, &d) != nil {
			newest = d.ts
		}
	}
	some, all := new(big.Int), new(big.Int)
	for _, d := range s.matching(a.Where, o) {
		v := s.value(a.Of, o, &d)
		if v == nil {
			continue
		}
		weight := big.NewInt(1)
		if a.Half != 0 {
			weight = weightOf(newest.Sub(d.ts), a.Half)
		}
		all.Add(all, weight)
		if v == a.Text {
			some.Add(some, weight)
		}
	}
	return even(new(big.Rat).SetFrac(some, all))
}

// weightOf is 2^(40 - age/half), rounded down: by the series of ln 2 and of the
// exponential function, in units of 2^-400.
func weightOf(age, half time.Duration) *big.Int {
	const places = 400
	one := new(big.Int).Lsh(big.NewInt(1), places)
	if age%half == 0 {
		return new(big.Int).Rsh(new(big.Int).Lsh(big.NewInt(1), 40), uint(age/half))
	}
	x := new(big.Int)
	for k := int64(1); k < places; k++ { // ln 2 = sum of 1/(k 2^k)
		x.Add(x, new(big.Int).Quo(new(big.Int).Rsh(one, uint(k)), big.NewInt(k)))
	}
	x.Mul(x, big.NewInt(int64(age%half)))
	x.Quo(x, big.NewInt(int64(half)))
	sum, term := new(big.Int), new(big.Int).Set(one)
	for k := int64(1); term.Sign() != 0; k++ { // e^-x = 1 - x + x^2/2 - …
		sum.Add(sum, term)
		term.Mul(term, x)
		term.Rsh(term, places)
		term.Quo(term, big.NewInt(-k))
	}
	return sum.Rsh(sum, places-40+uint(age/half))
}
