package identity

import (
	"bytes"
	"encoding/json"
)

// Shape says whether the value, JSON text of a leaf, has the shape of an
// e-mail address (also inside a longer text, an address of the web or a list),
// a phone number with its country, a payment card or an IBAN. It may be wrong
// about an order number that happens to be a valid card: declare such a path.
func Shape(value []byte) bool {
	if len(value) < 7 {
		return false
	}
	switch c := value[0]; {
	case c == '"':
		return shapeText(value[1 : len(value)-1])
	case c == '[' || c == '{':
		return shapeInside(value)
	case '2' <= c && c <= '6':
		return len(value) >= 14 && len(value) <= 16 && begins(value) && card(value)
	}
	return false
}

// shapeInside looks at each string of an array or an object.
func shapeInside(v []byte) bool {
	for {
		i := bytes.IndexByte(v, '"')
		if i < 0 {
			return false
		}
		v = v[i+1:]
		end := stringEnd(v)
		if shapeText(v[:end]) {
			return true
		}
		v = v[min(end+1, len(v)):]
	}
}

// stringEnd gives where the string that has begun ends.
func stringEnd(v []byte) int {
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(v)
}

// shapeText looks at the inside of a JSON string.
func shapeText(v []byte) bool {
	if bytes.IndexByte(v, '\\') >= 0 && bytes.Contains(v, []byte(`\u`)) {
		v = unescape(v)
	}
	if hasEmail(v) {
		return true
	}
	if len(v) < 8 || len(v) > 64 {
		return false
	}
	if v[0] == ' ' || v[len(v)-1] == ' ' {
		v = bytes.TrimSpace(v)
	}
	return whole(v)
}

// whole says whether all of v is a phone number, a card or an IBAN.
func whole(v []byte) bool {
	if len(v) < 8 {
		return false
	}
	switch c := v[0]; {
	case c == '+', c == '(', c == 't' && bytes.HasPrefix(v, []byte("tel:")):
		return dialled(v)
	case '2' <= c && c <= '6':
		return len(v) >= 13 && begins(v) && card(v)
	case 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
		return digit(v[2]) && digit(v[3]) && iban(v)
	}
	return false
}

func unescape(v []byte) []byte {
	text := append(append([]byte{'"'}, v...), '"')
	var s string
	if json.Unmarshal(text, &s) != nil {
		return v
	}
	return []byte(s)
}

// hasEmail says whether an e-mail address stands somewhere in v, as it is or as
// addresses of the web write it, one in another too.
func hasEmail(v []byte) bool {
	if hasAddress(v) {
		return true
	}
	if bytes.IndexByte(v, '%') < 0 {
		return false
	}
	var room [512]byte
	for range mostQuoted {
		plain, found := unquote(room[:0], v)
		if !found {
			return false
		}
		if hasAddress(plain) {
			return true
		}
		v = plain
	}
	return false
}

// mostQuoted is how often an address may be encoded for the web, one in another.
const mostQuoted = 4

func hasAddress(v []byte) bool {
	for from := 0; ; {
		i := bytes.IndexByte(v[from:], '@')
		if i < 0 {
			return false
		}
		if at := from + i; sides(v[:at], v[at+1:]) {
			return true
		}
		from += i + 1
	}
}

// unquote appends v with its %XX as the bytes they mean, and says whether there
// was one. dst may be where v begins: it never overtakes.
func unquote(dst, v []byte) (plain []byte, found bool) {
	for i := 0; i < len(v); i++ {
		if v[i] == '%' && i+2 < len(v) {
			hi, lo := hexDigit(v[i+1]), hexDigit(v[i+2])
			if hi >= 0 && lo >= 0 {
				dst, found = append(dst, byte(hi<<4|lo)), true
				i += 2
				continue
			}
		}
		dst = append(dst, v[i])
	}
	return dst, found
}

func hexDigit(c byte) int {
	switch {
	case digit(c):
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// sides says whether what stands before and after an @ is a mailbox and a domain.
func sides(before, after []byte) bool {
	if len(before) == 0 || !mailbox(before[len(before)-1]) {
		return false
	}
	end := 0
	for end < len(after) && (host(after[end]) || after[end] == '.') {
		end++
	}
	first, rest, _ := bytes.Cut(after[:end], []byte{'.'})
	if len(first) == 0 || len(rest) == 0 || digit(first[0]) && digit(rest[0]) {
		return false // no domain, or a version as in name@1.2.3
	}
	for len(rest) > 0 {
		var label []byte
		label, rest, _ = bytes.Cut(rest, []byte{'.'})
		if top(label) {
			return true
		}
	}
	return false
}

// endings are labels that end file names, as in icon@2x.png.
var endings = set("png jpg jpeg gif svg webp css js mjs json html htm pdf zip gz mp4 xml txt")

// top says whether the label can end a domain.
func top(label []byte) bool {
	if bytes.HasPrefix(label, []byte("xn--")) {
		return true
	}
	for _, c := range label {
		if !letter(c) && c < 0x80 {
			return false
		}
	}
	if len(label) < 2 {
		return false
	}
	var room [8]byte
	if len(label) > len(room) {
		return true
	}
	low, _ := lowASCII(label, room[:0])
	return !endings[string(low)]
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
func host(c byte) bool   { return letter(c) || digit(c) || c == '-' || c >= 0x80 }

func mailbox(c byte) bool {
	return host(c) || c == '_' || c == '+' || c == '.' || c == '\'' || c == '~'
}
