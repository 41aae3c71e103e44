package source

import (
	"math/big"
	"math/bits"
	"strconv"
)

// number is an exact decimal: mantissa × 10^-scale. Mantissas that fit 64 bits
// stay in lo; big is nil then. It has at most 38 digits.
type number struct {
	lo    int64
	big   *big.Int
	scale int
}

const (
	mostDigits = 38
	places     = 9 // of a quotient
)

var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

func bigPow(n int) *big.Int {
	if n < len(pow10) {
		return big.NewInt(pow10[n])
	}
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// parseNumber reads digits with a sign, a decimal point and an exponent, as
// long as the number is exact in 38 digits.
func parseNumber(b []byte) (number, bool) {
	b = trimSpace(b)
	mantissa, exp, ok := cutExponent(b)
	if !ok {
		return number{}, false
	}
	return parseDecimal(mantissa, exp)
}

// cutExponent parts "1.5e+05" into its mantissa and 5.
func cutExponent(b []byte) (mantissa []byte, exp int, ok bool) {
	for i, c := range b {
		if c|0x20 == 'e' {
			exp, err := strconv.Atoi(string(b[i+1:]))
			return b[:i], exp, err == nil && exp >= -60 && exp <= 60
		}
	}
	return b, 0, true
}

func parseDecimal(b []byte, exp int) (number, bool) {
	negative := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative, b = b[0] == '-', b[1:]
	}
	var lo int64
	var digits []byte // all of them, once they are more than lo holds
	count, scale, point := 0, 0, false
	for i, c := range b {
		switch {
		case c == '.' && !point:
			point = true
			continue
		case c < '0' || c > '9':
			return number{}, false
		}
		count++
		if point {
			scale++
		}
		if count <= 18 {
			lo = lo*10 + int64(c-'0')
		} else if digits == nil {
			digits = onlyDigits(b[:i+1])
		} else {
			digits = append(digits, c)
		}
	}
	if count == 0 || count > 100 {
		return number{}, false
	}
	n := number{lo: lo, scale: scale - exp}
	if digits != nil {
		n.big, _ = new(big.Int).SetString(string(digits), 10)
	}
	if negative {
		n = n.negated()
	}
	return n.tidy()
}

func onlyDigits(b []byte) []byte {
	var out []byte
	for _, c := range b {
		if c != '.' {
			out = append(out, c)
		}
	}
	return out
}

// tidy drops zeros at the end of the fraction, so that equal numbers are
// written alike, and says whether 38 digits hold the number.
func (n number) tidy() (number, bool) {
	if n.big != nil {
		return n.tidyBig()
	}
	for n.scale > 0 && n.lo%10 == 0 {
		n.lo, n.scale = n.lo/10, n.scale-1
	}
	if n.lo == 0 {
		return number{}, true
	}
	if n.scale < 0 {
		n.big = n.whole()
		return n.tidyBig()
	}
	return n, n.scale <= mostDigits
}

func (n number) tidyBig() (number, bool) {
	m, ten, rest := new(big.Int).Set(n.big), big.NewInt(10), new(big.Int)
	if n.scale < 0 {
		m.Mul(m, bigPow(-n.scale))
		n.scale = 0
	}
	for n.scale > 0 && m.Sign() != 0 {
		q := new(big.Int)
		if q.QuoRem(m, ten, rest); rest.Sign() != 0 {
			break
		}
		m, n.scale = q, n.scale-1
	}
	if m.IsInt64() {
		if m.Sign() == 0 {
			n.scale = 0
		}
		return number{lo: m.Int64(), scale: n.scale}, n.scale <= mostDigits
	}
	n.big, n.lo = m, 0
	return n, n.scale <= mostDigits && len(new(big.Int).Abs(m).Text(10)) <= mostDigits
}

// whole gives the mantissa.
func (n number) whole() *big.Int {
	if n.big != nil {
		return n.big
	}
	return big.NewInt(n.lo)
}

func (n number) negated() number {
	if n.big != nil {
		n.big = new(big.Int).Neg(n.big)
	}
	n.lo = -n.lo
	return n
}

func (n number) zero() bool { return n.big == nil && n.lo == 0 }

// scaled gives the mantissa at a larger scale, where 64 bits hold it.
func (n number) scaled(to int) (int64, bool) {
	d := to - n.scale
	if n.big != nil || d < 0 || d >= len(pow10) {
		return 0, false
	}
	return mul64(n.lo, pow10[d])
}

func (n number) scaledBig(to int) *big.Int { return new(big.Int).Mul(n.whole(), bigPow(to-n.scale)) }

func mul64(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(abs64(a), abs64(b))
	if hi != 0 || lo >= 1<<63 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func abs64(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

func (n number) plus(m number) (number, bool) {
	scale := max(n.scale, m.scale)
	a, okA := n.scaled(scale)
	b, okB := m.scaled(scale)
	if sum := a + b; okA && okB && (sum > a) == (b > 0) {
		return number{lo: sum, scale: scale}.tidy()
	}
	return number{big: new(big.Int).Add(n.scaledBig(scale), m.scaledBig(scale)), scale: scale}.tidy()
}

func (n number) times(m number) (number, bool) {
	if n.big == nil && m.big == nil {
		if p, ok := mul64(n.lo, m.lo); ok {
			return number{lo: p, scale: n.scale + m.scale}.tidy()
		}
	}
	return number{big: new(big.Int).Mul(n.whole(), m.whole()), scale: n.scale + m.scale}.tidy()
}

// over divides, rounded to nine places, half to even. m is not zero.
func (n number) over(m number) (number, bool) {
	a, b := n.whole(), m.whole()
	shift := places - n.scale + m.scale
	if shift >= 0 {
		a = new(big.Int).Mul(a, bigPow(shift))
	} else {
		b = new(big.Int).Mul(b, bigPow(-shift))
	}
	return number{big: quoEven(a, b), scale: places}.tidy()
}

// rounded rounds to so many places, half to even.
func (n number) rounded(to int) (number, bool) {
	if n.scale <= to {
		return n, true
	}
	return number{big: quoEven(n.whole(), bigPow(n.scale-to)), scale: to}.tidy()
}

func quoEven(a, b *big.Int) *big.Int {
	q, rest := new(big.Int).QuoRem(a, b, new(big.Int))
	twice := new(big.Int).Abs(rest)
	twice.Lsh(twice, 1)
	if c := twice.CmpAbs(b); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(a.Sign()*b.Sign())))
	}
	return q
}

func (n number) cmp(m number) int {
	scale := max(n.scale, m.scale)
	a, okA := n.scaled(scale)
	b, okB := m.scaled(scale)
	if okA && okB {
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	return n.scaledBig(scale).Cmp(m.scaledBig(scale))
}

// append writes the number as JSON does.
func (n number) append(dst []byte) []byte {
	at := len(dst)
	if n.big != nil {
		dst = n.big.Append(dst, 10)
	} else {
		dst = strconv.AppendInt(dst, n.lo, 10)
	}
	if n.scale == 0 {
		return dst
	}
	if dst[at] == '-' {
		at++
	}
	for len(dst)-at <= n.scale { // at least one digit before the point
		dst = append(dst, 0)
		copy(dst[at+1:], dst[at:])
		dst[at] = '0'
	}
	point := len(dst) - n.scale
	dst = append(dst, 0)
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst
}
