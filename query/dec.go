package query

import (
	"cmp"
	"math/bits"
	"strconv"
	"strings"
)

// Dec is an exact DECIMAL(38,9): a number times 10^9, as an integer of 128 bits.
type Dec struct {
	Lo uint64
	Hi int64
}

const billion = 1_000_000_000

// DecOf gives a whole number.
func DecOf(n int64) Dec {
	if n < 0 {
		hi, lo := bits.Mul64(-uint64(n), billion)
		return Dec{lo, int64(hi)}.negative()
	}
	hi, lo := bits.Mul64(uint64(n), billion)
	return Dec{lo, int64(hi)}
}

// ParseDec reads a number as JSON writes it. It gives false for one that does
// not fit: more than 29 digits before the point, or 9 after it.
func ParseDec(s string) (Dec, bool) {
	if d, ok := plainDec(s); ok {
		return d, true
	}
	text, err := decimal(s)
	if err != nil {
		return Dec{}, false
	}
	return plainDec(text)
}

// plainDec reads digits, a point and digits, if they fit as they stand.
func plainDec(s string) (Dec, bool) {
	digits, minus := strings.CutPrefix(s, "-")
	whole, frac, point := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 29 || len(frac) > 9 || point && frac == "" {
		return Dec{}, false
	}
	var d Dec
	for _, part := range [2]string{whole, frac} {
		for i := range len(part) {
			c := part[i] - '0'
			if c > 9 {
				return Dec{}, false
			}
			d = d.tens(c)
		}
	}
	for range 9 - len(frac) {
		d = d.tens(0)
	}
	if minus {
		d = d.negative()
	}
	return d, true
}

// tens is ten times a number, and a digit. It does not overflow below 10^38.
func (d Dec) tens(digit byte) Dec {
	hi, lo := bits.Mul64(d.Lo, 10)
	lo, carry := bits.Add64(lo, uint64(digit), 0)
	return Dec{lo, int64(uint64(d.Hi)*10 + hi + carry)}
}

func (d Dec) negative() Dec {
	lo, borrow := bits.Sub64(0, d.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(d.Hi), borrow)
	return Dec{lo, int64(hi)}
}

// Cmp compares two numbers: below zero where d is the lesser.
func (d Dec) Cmp(e Dec) int {
	return cmp.Or(cmp.Compare(d.Hi, e.Hi), cmp.Compare(d.Lo, e.Lo))
}

// Quo is the quotient by n > 0, rounded half to even at the ninth place.
func (d Dec) Quo(n uint64) Dec {
	var t total
	t.add(d)
	q, _ := t.over(n) // it is no more than d
	return q
}

// String gives the canonical text: no zeros at the ends.
func (d Dec) String() string {
	minus := d.Hi < 0
	if minus {
		d = d.negative()
	}
	lo, frac := bits.Div64(uint64(d.Hi)%billion, d.Lo, billion)
	upper, lower := bits.Div64(uint64(d.Hi)/billion, lo, 1e18) // two steps give the 30 digits that it has at most
	text := strconv.FormatUint(lower, 10)
	if upper > 0 {
		text = strconv.FormatUint(upper, 10) + strings.Repeat("0", 18-len(text)) + text
	}
	if frac > 0 {
		f := strconv.FormatUint(frac, 10)
		text += "." + strings.TrimRight(strings.Repeat("0", 9-len(f))+f, "0")
	}
	if minus {
		return "-" + text
	}
	return text
}

// total adds up numbers exactly, in whatever order, and says at the end
// whether what they come to fits. Of numbers that fit it holds 2^64.
type total struct {
	lo, mid uint64
	hi      int64
}

func (t *total) add(d Dec) {
	var carry uint64
	t.lo, carry = bits.Add64(t.lo, d.Lo, 0)
	t.mid, carry = bits.Add64(t.mid, uint64(d.Hi), carry)
	t.hi += d.Hi>>63 + int64(carry)
}

// sum gives the sum; false: it has more than 29 digits before the point.
func (t *total) sum() (Dec, bool) {
	d := Dec{t.lo, int64(t.mid)}
	return d, t.hi == d.Hi>>63 && d.fits()
}

// over is the quotient by n > 0, rounded half to even at the ninth place;
// false: it does not fit. An average fits where each of its numbers does,
// whether their sum does or not.
func (t *total) over(n uint64) (Dec, bool) {
	a := *t
	minus := a.hi < 0
	if minus {
		a = a.negative()
	}
	hi, r := uint64(a.hi)/n, uint64(a.hi)%n
	mid, r := bits.Div64(r, a.mid, n)
	lo, r := bits.Div64(r, a.lo, n)
	if r > n-r || r == n-r && lo&1 == 1 { // twice the rest compared with n
		var carry uint64
		lo, carry = bits.Add64(lo, 1, 0)
		mid, carry = bits.Add64(mid, 0, carry)
		hi += carry
	}
	d := Dec{lo, int64(mid)}
	return d.signed(minus), hi == 0 && d.Hi >= 0 && d.fits()
}

func (t total) negative() total {
	lo, borrow := bits.Sub64(0, t.lo, 0)
	mid, borrow := bits.Sub64(0, t.mid, borrow)
	hi, _ := bits.Sub64(0, uint64(t.hi), borrow)
	return total{lo, mid, int64(hi)}
}

// totalOf is the total of a sum of whole numbers, which is an integer of 128
// bits, and of a sum of others.
func totalOf(whole, rest Dec) total {
	w, minus := whole, whole.Hi < 0
	if minus {
		w = w.negative()
	}
	over, lo := bits.Mul64(w.Lo, billion)
	hi, mid := bits.Mul64(uint64(w.Hi), billion)
	mid, carry := bits.Add64(mid, over, 0)
	t := total{lo, mid, int64(hi + carry)}
	if minus {
		t = t.negative()
	}
	t.add(rest)
	return t
}

// SumOf joins the sum of the whole parts of numbers, an integer of 128 bits, and
// the sum of the rests; false: that does not fit.
func SumOf(whole, rest Dec) (Dec, bool) {
	t := totalOf(whole, rest)
	return t.sum()
}

// AverageOf is the sum of n > 0 numbers, in such parts, divided by n.
func AverageOf(whole, rest Dec, n uint64) (Dec, bool) {
	t := totalOf(whole, rest)
	return t.over(n)
}

// Add is the sum of two numbers; false: it does not fit.
func (d Dec) Add(e Dec) (Dec, bool) {
	var t total
	t.add(d)
	t.add(e)
	return t.sum()
}
