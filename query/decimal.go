package query

import (
	"cmp"
	"math/big"
	"math/bits"
	"strings"
)

// Dec is an exact DECIMAL(38,9): the value times 10^9, as an int128.
type Dec struct {
	Lo uint64
	Hi int64
}

// wholeDec gives a whole number.
func wholeDec(n int64) Dec {
	neg := n < 0
	if neg {
		n = -n
	}
	hi, lo := bits.Mul64(uint64(n), 1e9)
	d := Dec{lo, int64(hi)}
	if neg {
		return d.neg()
	}
	return d
}

func (d Dec) neg() Dec {
	lo, borrow := bits.Sub64(0, d.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(d.Hi), borrow)
	return Dec{lo, int64(hi)}
}

// Cmp gives -1, 0 or 1.
func (d Dec) Cmp(o Dec) int { return cmp.Or(cmp.Compare(d.Hi, o.Hi), cmp.Compare(d.Lo, o.Lo)) }

// largest is the greatest DECIMAL(38,9).
var largest = parseDec(strings.Repeat("9", 29) + "." + strings.Repeat("9", 9))

// add gives the sum; not ok where it does not fit.
func (d Dec) add(o Dec) (Dec, bool) {
	lo, carry := bits.Add64(d.Lo, o.Lo, 0)
	hi, _ := bits.Add64(uint64(d.Hi), uint64(o.Hi), carry)
	s := Dec{lo, int64(hi)}
	if (d.Hi < 0) == (o.Hi < 0) && (s.Hi < 0) != (d.Hi < 0) {
		return s, false
	}
	return s, s.Cmp(largest) <= 0 && s.Cmp(largest.neg()) >= 0
}

// over divides by a whole number above zero, and rounds half to even.
func (d Dec) over(n uint64) Dec {
	neg := d.Hi < 0
	if neg {
		d = d.neg()
	}
	qh, r := uint64(d.Hi)/n, uint64(d.Hi)%n
	ql, r := bits.Div64(r, d.Lo, n)
	if r > n-r || r == n-r && ql&1 == 1 { // twice r compared with n, without overflow
		var carry uint64
		ql, carry = bits.Add64(ql, 1, 0)
		qh += carry
	}
	q := Dec{ql, int64(qh)}
	if neg {
		return q.neg()
	}
	return q
}

// parseDec reads canonical text.
func parseDec(s string) Dec {
	whole, frac, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	n, ok := new(big.Int).SetString(whole+frac+strings.Repeat("0", 9-len(frac)), 10)
	if !ok {
		panic("unreachable: " + s + " is no canonical number")
	}
	lo := new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1))
	d := Dec{lo.Uint64(), int64(new(big.Int).Rsh(n, 64).Uint64())}
	if strings.HasPrefix(s, "-") {
		return d.neg()
	}
	return d
}
