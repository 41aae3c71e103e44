package history

import (
	"encoding/binary"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// typeOf tells the type of a leaf by the first byte of its text; ok is false
// when no JSON text begins so.
func typeOf(text []byte) (t byte, ok bool) {
	if len(text) == 0 {
		return 0, false
	}
	switch c := text[0]; {
	case c == '"':
		return typeString, true
	case c == '-' || c-'0' < 10:
		return typeNumber, true
	case c == '{' || c == '[':
		return typeJSON, true
	case string(text) == "true" || string(text) == "false":
		return typeBool, true
	case string(text) == "null":
		return typeNothing, true
	}
	return 0, false
}

// plain looks at the JSON string text. It reports whether it is one, and whether
// what stands between the quotes is the value as it is, without an escape.
func plain(text []byte) (ok, asIs bool) {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return false, false
	}
	s := text[1 : len(text)-1]
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		if (x|(x-ones*0x20)|(quote-ones)|(slash-ones))&tops != 0 {
			return plainSlow(s, text)
		}
		s = s[8:]
	}
	for _, c := range s {
		if c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
			return plainSlow(s, text)
		}
	}
	return true, true
}

// plainSlow finishes plain for a string with something unusual in s, its rest.
func plainSlow(s, text []byte) (ok, asIs bool) {
	for _, c := range s {
		if c == '"' || c == '\\' || c < 0x20 {
			return utf8.Valid(text) && json.Valid(text), false
		}
	}
	return utf8.Valid(s), true
}

// unquote appends the value of a JSON string that has escapes and is valid.
func unquote(dst, text []byte) []byte {
	s := text[1 : len(text)-1]
	for len(s) > 0 {
		if s[0] != '\\' {
			dst = append(dst, s[0])
			s = s[1:]
			continue
		}
		c := s[1]
		s = s[2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' && utf16.DecodeRune(r, hex4(s[2:])) != utf8.RuneError {
					r = utf16.DecodeRune(r, hex4(s[2:]))
					s = s[6:]
				} else {
					r = utf8.RuneError
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

func hex4(s []byte) rune {
	var r rune
	for _, c := range s[:4] {
		switch {
		case c <= '9':
			r = r<<4 | rune(c-'0')
		default:
			r = r<<4 | rune(c|0x20-'a'+10)
		}
	}
	return r
}

// appendQuoted appends value as a JSON string with as few escapes as there can be.
func appendQuoted(dst, value []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i, c := range value {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, value[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, value[from:]...), '"')
}

// eachRest calls f for every member of rest, the JSON object of the leaves that
// have no column: its key with the quotes, as it stands there, and its text. It
// stops when f gives false, and reports false when rest is not such an object.
func eachRest(rest []byte, f func(key, text []byte) bool) bool {
	if len(rest) < 2 || rest[0] != '{' || rest[len(rest)-1] != '}' {
		return false
	}
	s := rest[1:]
	for s[0] != '}' {
		n := skip(s)
		if n < 2 || s[0] != '"' || n >= len(s) || s[n] != ':' {
			return false
		}
		key := s[:n]
		s = s[n+1:]
		if n = skip(s); n == 0 || n >= len(s) {
			return false
		}
		if !f(key, s[:n]) {
			return true
		}
		if s = s[n:]; s[0] == ',' {
			s = s[1:]
		}
		if len(s) == 0 {
			return false
		}
	}
	return len(s) == 1
}

// skip gives the length of the JSON value that s begins with; 0: none.
func skip(s []byte) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if i >= len(s) {
				return 0
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return 0
}

// restKey gives a path as rest has it for a key, with its quotes.
func restKey(path string) []byte { return appendQuoted(nil, view(path)) }
