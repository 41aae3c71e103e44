package clean

import "bytes"

// walk goes through the members of an object, or the elements of an array,
// that was checked before; in one that was not it ends where it no longer understands.
type walk struct {
	b                  []byte
	i                  int // place after the last one
	begun              bool
	keyFrom, keyTo     int
	valueFrom, valueTo int
	unescaped          []byte
}

// member steps to the next member of the object.
func (w *walk) member() bool {
	if !w.step('{', '}') || w.b[w.i] != '"' {
		return false
	}
	w.keyFrom = w.i
	if w.keyTo = skip(w.b, w.i); w.keyTo < 0 {
		return false
	}
	i := blanks(w.b, w.keyTo)
	if i >= len(w.b) || w.b[i] != ':' {
		return false
	}
	return w.take(blanks(w.b, i+1))
}

// element steps to the next element of the array.
func (w *walk) element() bool { return w.step('[', ']') && w.take(w.i) }

func (w *walk) step(first, last byte) bool {
	w.i = blanks(w.b, w.i)
	if w.i >= len(w.b) || !w.begun && w.b[w.i] != first || w.begun && w.b[w.i] != ',' {
		return false
	}
	w.begun = true
	w.i = blanks(w.b, w.i+1)
	return w.i < len(w.b) && w.b[w.i] != last
}

func (w *walk) take(i int) bool {
	w.valueFrom, w.valueTo = i, skip(w.b, i)
	w.i = w.valueTo
	return w.valueTo > i
}

// name is the member's key as it stands in the text.
func (w *walk) name() []byte { return w.b[w.keyFrom:w.keyTo] }

// value is the JSON text of the value.
func (w *walk) value() []byte { return w.b[w.valueFrom:w.valueTo] }

// key is the member's key; valid until the next step.
func (w *walk) key() []byte {
	key := w.b[w.keyFrom+1 : w.keyTo-1]
	if bytes.IndexByte(key, '\\') < 0 {
		return key
	}
	w.unescaped = safeUnescape(w.unescaped[:0], key)
	return w.unescaped
}

// safeUnescape is unescape for a text that was not checked: what is no escape stays.
func safeUnescape(dst, s []byte) []byte {
	var c Cleaner
	for i := 0; i < len(s); {
		if s[i] == '\\' {
			end := c.escape(s, i)
			if end < 0 {
				return append(dst, s[i:]...)
			}
			dst = unescape(dst, s[i:end])
			i = end
			continue
		}
		dst = append(dst, s[i])
		i++
	}
	return dst
}

// skip gives the place after the value at i, looking at quotes and brackets
// alone; negative when it has no end.
func skip(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				continue
			}
			for i < len(b) && !blank(b[i]) && b[i] != ',' && b[i] != ']' && b[i] != '}' {
				i++
			}
			return i
		}
		if depth <= 0 {
			return i + 1
		}
	}
	return -1
}

// skipString gives the place after the string at i.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return -1
		}
		from := i
		i += k
		slashes := 0
		for i-1-slashes >= from && b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
	return -1
}
