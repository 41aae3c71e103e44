package source

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// member is a place in an object that the mapping looks at.
type member struct {
	key   string
	cell  int // -1: none
	under []*member
}

// add notes that a dotted path goes to a cell: as nested objects, and as one key with dots.
func (m *member) add(path string, cell int) {
	at := m
	for _, key := range strings.Split(path, ".") {
		at = at.child(key)
	}
	at.cell = cell
	if strings.Contains(path, ".") {
		m.child(path).cell = cell
	}
}

func (m *member) child(key string) *member {
	for _, c := range m.under {
		if c.key == key {
			return c
		}
	}
	c := &member{key: key, cell: -1}
	m.under = append(m.under, c)
	return c
}

// cutJSON reads the line at the beginning of the piece into the row.
func (r *row) cutJSON(piece []byte) (n int, code string) {
	n = len(piece)
	if i := bytes.IndexByte(piece, '\n'); i >= 0 {
		n = i + 1
	}
	line := bytes.TrimSpace(piece[:n])
	switch {
	case len(line) == 0:
		return n, skipped
	case n > mostRow+1:
		return n, "too_large"
	case !utf8.Valid(line):
		return n, "bad_utf8"
	case !json.Valid(line):
		return n, "bad_json"
	case line[0] != '{':
		return n, "not_an_object"
	}
	if cap(r.values) < len(r.in.columns) {
		r.values = make([]value, len(r.in.columns))
	}
	r.values = r.values[:len(r.in.columns)]
	clear(r.values)
	r.fields, r.object = nil, line
	r.walk(r.in.paths, line)
	return n, ""
}

// walk goes through an object, whose JSON is valid, and fills the cells.
func (r *row) walk(m *member, object []byte) {
	eachMember(object, func(key, v []byte) {
		if bytes.IndexByte(key, '\\') >= 0 {
			key = r.unescape(key)
		}
		r.met(m, key, v)
	})
}

// met fills the cells of a member, and of what is looked at below it: members
// of an object, and elements of an array, whose keys are 0, 1, 2.
func (r *row) met(m *member, key, v []byte) {
	for _, c := range m.under {
		if c.key != string(key) {
			continue
		}
		if c.cell >= 0 {
			r.values[c.cell] = r.jsonValue(v)
		}
		switch {
		case len(c.under) == 0:
		case v[0] == '{':
			r.walk(c, v)
		case v[0] == '[':
			var room [20]byte
			eachElement(v, func(n int, v []byte) { r.met(c, strconv.AppendInt(room[:0], int64(n), 10), v) })
		}
	}
}

// eachMember calls f with the inside of each key and the text of its value.
func eachMember(object []byte, f func(key, v []byte)) {
	i := 1
	for {
		for object[i] != '"' {
			if object[i] == '}' {
				return
			}
			i++ // blanks and commas
		}
		from := i + 1
		i = stringEnd(object, from)
		key := object[from:i]
		for i++; object[i] == ':' || object[i] <= ' '; i++ {
			continue
		}
		end := valueEnd(object, i)
		f(key, object[i:end])
		i = end
	}
}

// eachElement calls f with the number and the text of each element.
func eachElement(array []byte, f func(n int, v []byte)) {
	for i, n := 1, 0; ; n++ {
		for array[i] == ',' || array[i] <= ' ' {
			i++
		}
		if array[i] == ']' {
			return
		}
		end := valueEnd(array, i)
		f(n, array[i:end])
		i = end
	}
}

// stringEnd gives where the closing quote of the string stands that begins at i.
func stringEnd(b []byte, i int) int {
	for ; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

// valueEnd gives where the value ends that begins at i.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i+1); depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of the object around
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// jsonValue gives a value of JSON, as it is written.
func (r *row) jsonValue(v []byte) value {
	switch v[0] {
	case '"':
		inside := v[1 : len(v)-1]
		if bytes.IndexByte(inside, '\\') >= 0 {
			inside = r.unescape(inside)
		}
		return r.in.cellOf(inside)
	case 'n':
		return value{}
	case 't', 'f':
		return truth(v[0] == 't')
	case '{', '[':
		return value{kind: raw, text: v}
	}
	return value{kind: literal, text: v}
}

// unescape gives the text that the inside of a JSON string stands for.
func (r *row) unescape(inside []byte) []byte {
	at := len(r.room)
	r.room = append(append(append(r.room, '"'), inside...), '"')
	var s string
	if err := json.Unmarshal(r.room[at:], &s); err != nil {
		panic(err) // the row is valid
	}
	r.room = r.room[:at]
	return r.keep(func(dst []byte) []byte { return append(dst, s...) })
}

// members copies the members of the row, as they are, that are not empty and
// have no value of their own in the mapping.
func (t *tree) members(r *row, dst []byte, any bool) ([]byte, bool) {
	eachMember(r.object, func(key, v []byte) {
		if r.jsonValue(v).kind == nothing || t.has(string(key)) {
			return
		}
		if any {
			dst = append(dst, ',')
		}
		dst = append(append(append(append(dst, '"'), key...), `":`...), v...)
		any = true
	})
	return dst, any
}

// array reads the elements of a JSON array, and gives them a line each.
type array struct {
	feed   *feed
	begun  bool
	closed bool
	count  int64
}

func (a *array) next() ([]byte, int64, error) {
	f, first := a.feed, a.count+1
	var piece []byte
	for len(piece) < pieceSize {
		b := f.buf[f.from:f.to]
		n, element, st := a.step(b)
		switch {
		case st == torn:
			return a.end(piece, first, shape("a JSON array of objects is needed, and after element %d there is something else; for an object on each line: format: ndjson", a.count))
		case st == more && len(b) > mostRow:
			return a.end(piece, first, shape("element %d is longer than 1 MiB", a.count+1))
		case st == more && !f.ended:
			f.fill()
			continue
		case st == more && f.err != nil:
			return a.end(piece, first, f.err)
		case st == more && a.closed:
			return a.end(piece, first, io.EOF)
		case st == more:
			return a.end(piece, first, shape("the JSON array does not end: the file is cut off after element %d", a.count))
		}
		if len(element) > 0 {
			for _, c := range element {
				if c == '\n' || c == '\r' {
					c = '\t' // a blank, and as wrong inside a string as a line end is
				}
				piece = append(piece, c)
			}
			piece = append(piece, '\n')
			a.count++
		}
		f.take(n)
	}
	return piece, first, nil
}

// end gives what was read before the error, which then comes with the next call.
func (a *array) end(piece []byte, first int64, err error) ([]byte, int64, error) {
	if len(piece) > 0 {
		return piece, first, nil
	}
	return nil, 0, err
}

// step reads blanks, a bracket, a comma or an element.
func (a *array) step(b []byte) (n int, element []byte, st state) {
	for n < len(b) && (b[n] == ' ' || b[n] == '\t' || b[n] == '\r' || b[n] == '\n') {
		n++
	}
	switch {
	case n > 0:
		return n, nil, whole
	case len(b) == 0:
		return 0, nil, more
	case a.closed:
		return 0, nil, torn
	case !a.begun:
		if b[0] != '[' {
			return 0, nil, torn
		}
		a.begun = true
		return 1, nil, whole
	case b[0] == ',':
		return 1, nil, whole
	case b[0] == ']':
		a.closed = true
		return 1, nil, whole
	case b[0] != '{':
		return 0, nil, torn
	}
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1, b[:i+1], whole
			}
		}
	}
	return 0, nil, more
}
