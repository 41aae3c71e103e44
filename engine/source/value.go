package source

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// kind says what a value is.
type kind uint8

const (
	nothing kind = iota // an empty cell: the member is left out
	text
	numeric // in num
	boolean // text is "true" or "false"
	literal // a number as JSON spells it, in text
	raw     // an array or object of JSON, in text
	failed  // the row is refused: row.code and row.path say why
)

// value is what an expression gives. Its text is valid until the row is done.
type value struct {
	kind kind
	text []byte
	num  number
}

var (
	yes = value{kind: boolean, text: []byte("true")}
	no  = value{kind: boolean, text: []byte("false")}
)

func truth(b bool) value {
	if b {
		return yes
	}
	return no
}

// isTrue says whether the value is the truth value true.
func (v value) isTrue() bool { return v.kind == boolean && len(v.text) == 4 }

func textOf(b []byte) value {
	if len(b) == 0 {
		return value{}
	}
	return value{kind: text, text: b}
}

// bytes gives the value as text.
func (r *row) bytes(v value) []byte {
	if v.kind != numeric {
		return v.text
	}
	return r.keep(v.num.append)
}

// keep gives room for a text of this row, which write appends to.
func (r *row) keep(write func([]byte) []byte) []byte {
	at := len(r.room)
	r.room = write(r.room)
	return r.room[at:len(r.room):len(r.room)]
}

// fail refuses the row.
func (r *row) fail(code string, e *expr) value {
	r.code, r.path = code, e.column()
	return value{kind: failed}
}

// number reads a value as an exact number; where it is none, the row is refused.
func (r *row) number(v value, e *expr) (number, value) {
	if v.kind == numeric {
		return v.num, v
	}
	n, ok := parseNumber(v.text)
	if !ok || v.kind == raw || v.kind == boolean {
		return n, r.fail("bad_number", e)
	}
	return n, value{kind: numeric, num: n}
}

func (r *row) numeric(n number, ok bool, e *expr) value {
	if !ok {
		return r.fail("bad_number", e)
	}
	return value{kind: numeric, num: n}
}

// trimSpace takes blanks and invisible marks from both ends.
func trimSpace(b []byte) []byte {
	if n := len(b); n > 0 && b[0] > ' ' && b[0] < utf8.RuneSelf && b[n-1] > ' ' && b[n-1] < utf8.RuneSelf {
		return b
	}
	return bytes.TrimFunc(b, blank)
}

func blank(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsControl(c) || c == '\u200b' || c == '\u2060' || c == '\ufeff'
}

// writeValue appends the value as JSON.
func writeValue(dst []byte, v value) []byte {
	switch v.kind {
	case text:
		return appendString(dst, v.text)
	case numeric:
		return v.num.append(dst)
	default:
		return append(dst, v.text...)
	}
}

const hexDigits = "0123456789abcdef"

// appendString appends b, which is UTF-8, as a JSON string.
func appendString(dst, b []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, c := range b {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, b[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, b[from:]...), '"')
}
