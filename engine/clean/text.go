package clean

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the bytes of a word that end a run of ordinary text: quote,
// backslash, control characters and what is not ASCII. The lowest mark is exact.
func special(w uint64) uint64 {
	q, s := w^(ones*'"'), w^(ones*'\\')
	return ((w-ones*0x20)&^w | (q-ones)&^q | (s-ones)&^s | w) & highs
}

// text reads the string whose opening quote is at i. It gives the place after
// the closing quote, negative when the item is refused, and whether there are escapes.
func (c *Cleaner) text(b []byte, i int) (end int, esc bool) {
	i++
	for {
		if i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		}
		if i >= len(b) {
			return c.fail(BadJSON, len(b)), esc
		}
		switch ch := b[i]; {
		case ch == '"':
			return i + 1, esc
		case ch == '\\':
			esc = true
			if i = c.escape(b, i); i < 0 {
				return i, esc
			}
		case ch < 0x20:
			return c.fail(BadJSON, i), esc
		case ch < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n <= 1 {
				return c.fail(BadUTF8, i), esc
			}
			i += n
		}
	}
}

// escape reads the escape at i; a high surrogate together with the low one after it.
func (c *Cleaner) escape(b []byte, i int) int {
	if i+1 >= len(b) {
		return c.fail(BadJSON, len(b))
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		r := hex4(b, i+2)
		if r < 0 {
			return c.fail(BadJSON, i)
		}
		if !utf16.IsSurrogate(r) {
			return i + 6
		}
		if i+7 < len(b) && b[i+6] == '\\' && b[i+7] == 'u' {
			low := hex4(b, i+8)
			if low < 0 {
				return c.fail(BadJSON, i+6)
			}
			if utf16.DecodeRune(r, low) != utf8.RuneError {
				return i + 12
			}
		}
		return c.fail(BadUTF8, i)
	}
	return c.fail(BadJSON, i+1)
}

// hex4 reads four hexadecimal digits; -1 when they are not there.
func hex4(b []byte, i int) rune {
	if i+4 > len(b) {
		return -1
	}
	var r rune
	for _, ch := range b[i : i+4] {
		switch {
		case '0' <= ch && ch <= '9':
			ch -= '0'
		case 'a' <= ch|0x20 && ch|0x20 <= 'f':
			ch = ch | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(ch)
	}
	return r
}

// unescape appends what a checked string, given without its quotes, says.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		switch ch := s[i+1]; ch {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s, i+2)
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(s, i+8))
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			i += 4
		default:
			dst = append(dst, ch)
		}
		i += 2
	}
	return dst
}

// appendString appends a JSON string that says s, which is UTF-8.
func appendString[T string | []byte](dst []byte, s T) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for k := range len(s) {
		ch := s[k]
		switch {
		case ch == '"' || ch == '\\':
			dst = append(dst, '\\', ch)
		case ch < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[ch>>4], digits[ch&15])
		default:
			dst = append(dst, ch)
		}
	}
	return append(dst, '"')
}

// compact appends a checked JSON text without the white space between its parts.
func compact(dst, s []byte) []byte {
	inside := false
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case inside && ch == '\\':
			dst = append(dst, ch)
			i++
			ch = s[i]
		case ch == '"':
			inside = !inside
		case !inside && blank(ch):
			continue
		}
		dst = append(dst, ch)
	}
	return dst
}

func blank(ch byte) bool { return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r' }

// blanks skips white space.
func blanks(b []byte, i int) int {
	for i < len(b) && blank(b[i]) {
		i++
	}
	return i
}
