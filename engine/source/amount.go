package source

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// amount takes out of "€ 1.234,56", "(USD 12)" or "1 234.50-" the digits, sign
// and point that parseDecimal reads. Thousands come in groups of three.
func amount(b []byte, mark byte, dst []byte) ([]byte, bool) {
	negative := false
	if b = trimSpace(b); len(b) > 2 && b[0] == '(' && b[len(b)-1] == ')' {
		b, negative = b[1:len(b)-1], true
	}
	b, minus, ok := bare(b)
	if !ok {
		return nil, false
	}
	if negative != minus {
		dst = append(dst, '-')
	}
	if bytes.Count(b, []byte{mark}) > 1 {
		return nil, false
	}
	whole, fraction, point := bytes.Cut(b, []byte{mark})
	if dst, ok = thousands(whole, mark, dst); !ok {
		return nil, false
	}
	if point {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst, true
}

// bare takes signs, currency letters and blanks off both ends.
func bare(b []byte) (core []byte, negative, ok bool) {
	signs := 0
	off := func(c rune) bool {
		switch {
		case c == '-' || c == '\u2212':
			negative = true
			signs++
			return true
		case c == '+':
			signs++
			return true
		}
		return unicode.Is(unicode.Sc, c) || unicode.IsLetter(c) || blank(c)
	}
	core = bytes.TrimFunc(b, off)
	letters := len(b) - len(core)
	return core, negative, len(core) > 0 && signs <= 1 && letters <= 16
}

// thousands copies the digits of whole, whose separators must be one and the
// same and stand before groups of three.
func thousands(whole []byte, mark byte, dst []byte) ([]byte, bool) {
	var sep rune
	group := -1 // digits since the last separator; -1: none yet
	for len(whole) > 0 {
		c, n := utf8.DecodeRune(whole)
		whole = whole[n:]
		if '0' <= c && c <= '9' {
			dst = append(dst, byte(c))
			if group >= 0 {
				group++
			}
			continue
		}
		separates := c == '.' || c == ',' || c == '\'' || c == '\u2019' || c == ' ' || c == '\u00a0' || c == '\u202f'
		if !separates || c == rune(mark) || sep != 0 && c != sep || group >= 0 && group != 3 || len(dst) == 0 {
			return nil, false
		}
		sep, group = c, 0
	}
	return dst, group < 0 || group == 3
}
