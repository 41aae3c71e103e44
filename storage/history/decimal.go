package history

import (
	"math/bits"
	"strconv"
)

// scale is the number of decimal places of a number column: DECIMAL(38,9).
const scale = 9

// int128 is a signed 128-bit integer in two's complement, low word first: the
// way DuckDB keeps DECIMAL(38,9), as the value times 10^9.
type int128 struct {
	lo uint64
	hi int64
}

// number is what parseNumber found in a JSON number.
type number struct {
	value  int128
	fits   bool // value is exactly the number
	plain  bool // no exponent, not -0
	places int  // digits after the point
	last   byte // the last of them
}

var pow10 = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// parseNumber reads a JSON number exactly; ok is false when text is not one.
func parseNumber(text []byte) (n number, ok bool) {
	i := 0
	neg := len(text) > 0 && text[0] == '-'
	if neg {
		i++
	}
	from := i
	var m uint64
	for i < len(text) && text[i]-'0' < 10 && i-from < 19 {
		m = m*10 + uint64(text[i]-'0')
		i++
	}
	whole := i - from
	if whole == 0 || whole > 1 && text[from] == '0' {
		return n, false
	}
	if i < len(text) && text[i] == '.' && whole <= 9 {
		i++
		at := i
		for i < len(text) && text[i]-'0' < 10 && i-at <= scale {
			m = m*10 + uint64(text[i]-'0')
			i++
		}
		if n.places = i - at; n.places == 0 {
			return n, false
		}
		n.last = text[i-1]
	}
	if i < len(text) || n.places > scale { // long, with exponent, or not a number
		return parseLong(text)
	}
	hi, lo := bits.Mul64(m, pow10[scale-n.places])
	n.value, n.fits, n.plain = int128{lo, int64(hi)}, true, !(neg && m == 0)
	if neg {
		n.value = n.value.neg()
	}
	return n, true
}

// parseLong is parseNumber for numbers with many digits or an exponent.
func parseLong(text []byte) (n number, ok bool) {
	i := 0
	neg := text[0] == '-'
	if neg {
		i++
	}
	var digits []byte
	from := i
	for ; i < len(text) && text[i]-'0' < 10; i++ {
		digits = append(digits, text[i])
	}
	if i == from || text[from] == '0' && i-from > 1 {
		return n, false
	}
	if i < len(text) && text[i] == '.' {
		i++
		at := i
		for ; i < len(text) && text[i]-'0' < 10; i++ {
			digits = append(digits, text[i])
		}
		if n.places = i - at; n.places == 0 {
			return n, false
		}
		n.last = text[i-1]
	}
	exp, rest, ok := parseExponent(text[i:])
	if !ok {
		return n, false
	}
	n.value, n.fits = scaled(digits, exp-n.places+scale)
	zero := n.value == int128{}
	if neg && n.fits {
		n.value = n.value.neg()
	}
	n.plain = !rest && !(neg && zero)
	return n, true
}

// parseExponent reads what stands after the digits: nothing, or an exponent.
func parseExponent(text []byte) (exp int, given, ok bool) {
	if len(text) == 0 {
		return 0, false, true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false, false
	}
	text = text[1:]
	neg := false
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		neg = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, false, false
	}
	for _, c := range text {
		if c-'0' >= 10 {
			return 0, false, false
		}
		exp = min(exp*10+int(c-'0'), 1<<30)
	}
	if neg {
		exp = -exp
	}
	return exp, true, true
}

// scaled gives digits × 10^exp when it is an integer of at most 38 digits.
func scaled(digits []byte, exp int) (int128, bool) {
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		exp++
	}
	if len(digits) == 0 {
		return int128{}, true
	}
	if exp < 0 || len(digits)+exp > 38 || exp > 38 {
		return int128{}, false
	}
	var hi, lo uint64
	for i := range len(digits) + exp {
		var d uint64
		if i < len(digits) {
			d = uint64(digits[i] - '0')
		}
		carry, l := bits.Mul64(lo, 10)
		l, c := bits.Add64(l, d, 0)
		hi, lo = hi*10+carry+c, l
	}
	return int128{lo, int64(hi)}, true
}

func (v int128) neg() int128 {
	lo, borrow := bits.Sub64(0, v.lo, 0)
	hi, _ := bits.Sub64(0, uint64(v.hi), borrow)
	return int128{lo, int64(hi)}
}

// spelled reports whether appendNumber with at least places digits after the
// point gives back the text that n was read from.
func (n *number) spelled(places uint8) bool {
	if !n.plain || n.places < int(places) || n.places > scale {
		return false
	}
	return n.places == int(places) || n.last != '0'
}

// appendNumber writes v, a number times 10^9, with at least places digits after
// the point and no zeros at the end beyond them.
func appendNumber(dst []byte, v int128, places uint8) []byte {
	if v.hi < 0 {
		dst = append(dst, '-')
		v = v.neg()
	}
	// three groups of at most 19 digits: v = high × 10^19 + low
	qhi, r := bits.Div64(0, uint64(v.hi), pow10[19])
	qlo, low := bits.Div64(r, v.lo, pow10[19])
	_ = qhi // v < 10^38, so the quotient fits one word
	var buf [48]byte
	all := buf[:0]
	if qlo > 0 {
		all = strconv.AppendUint(all, qlo, 10)
		pad := strconv.AppendUint(nil, low, 10)
		for range 19 - len(pad) {
			all = append(all, '0')
		}
		all = append(all, pad...)
	} else {
		all = strconv.AppendUint(all, low, 10)
	}
	if len(all) <= scale {
		var lead [48]byte
		zeros := lead[:0]
		for range scale + 1 - len(all) {
			zeros = append(zeros, '0')
		}
		all = append(zeros, all...)
	}
	dst = append(dst, all[:len(all)-scale]...)
	frac := all[len(all)-scale:]
	n := len(frac)
	for n > int(places) && frac[n-1] == '0' {
		n--
	}
	if n > 0 {
		dst = append(append(dst, '.'), frac[:n]...)
	}
	return dst
}

// ParseDecimal reads a JSON number as DECIMAL(38,9): the value times 10^9 as an
// int128, low word first. ok is false when that is not exactly the number.
func ParseDecimal(text []byte) (lo, hi uint64, ok bool) {
	n, ok := parseNumber(text)
	return n.value.lo, uint64(n.value.hi), ok && n.fits
}
