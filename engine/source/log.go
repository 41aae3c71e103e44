package source

import (
	"bytes"
	"unicode/utf8"
)

// logColumns are the columns of an access log in the common or combined form.
var logColumns = []string{"host", "ident", "user", "time", "method", "url", "path", "query", "protocol", "status", "bytes", "referrer", "agent"}

// logTime reads the log's own time, where the mapping names none.
func logTime(in *Input) *when {
	l, err := parseLayout("DD/MMM/YYYY:HH:mm:ss Z")
	if err != nil {
		panic(err) // a constant
	}
	return &when{value: &expr{op: "column", name: "time", cell: 3, do: meanings["column"]}, reading: reading{layouts: []layout{l, {iso}}, zone: in.zone}}
}

// cutLog reads the line at the beginning of the piece into the row:
//
//	host ident user [time] "method url protocol" status bytes "referrer" "agent"
func (r *row) cutLog(piece []byte) (n int, code string) {
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
	}
	if cap(r.fields) < len(logColumns) {
		r.fields = make([][]byte, len(logColumns))
	}
	r.fields = r.fields[:len(logColumns)]
	clear(r.fields)
	c := logLine{rest: line, ok: true}
	f := r.fields
	f[0], f[1], f[2] = c.word(), c.word(), c.word()
	f[3] = c.between('[', ']')
	request := c.between('"', '"')
	f[9], f[10] = c.word(), c.word()
	if len(c.rest) > 0 { // combined
		f[11], f[12] = c.between('"', '"'), c.between('"', '"')
	}
	if !c.ok || len(f[9]) != 3 {
		return n, "bad_log"
	}
	if method, target, ok := bytes.Cut(request, []byte(" ")); ok {
		f[4], f[5] = method, target
		if i := bytes.LastIndexByte(target, ' '); i >= 0 {
			f[5], f[8] = target[:i], target[i+1:]
		}
		f[6], f[7], _ = bytes.Cut(f[5], []byte("?"))
	}
	for i, b := range f {
		if len(b) == 1 && b[0] == '-' {
			f[i] = nil
		}
	}
	return n, ""
}

// logLine is what is left of a line.
type logLine struct {
	rest []byte
	ok   bool
}

// word takes a word off, and the blank after it.
func (c *logLine) word() []byte {
	w, rest, _ := bytes.Cut(c.rest, []byte(" "))
	c.ok, c.rest = c.ok && len(w) > 0, rest
	return w
}

// between takes what stands between two marks, and the blank after it. A quote
// inside has a backslash before it.
func (c *logLine) between(open, closed byte) []byte {
	if len(c.rest) == 0 || c.rest[0] != open {
		c.ok = false
		return nil
	}
	for i := 1; i < len(c.rest); i++ {
		switch c.rest[i] {
		case '\\':
			i++
		case closed:
			inside := c.rest[1:i]
			c.rest = bytes.TrimPrefix(c.rest[i+1:], []byte(" "))
			return inside
		}
	}
	c.ok = false
	return nil
}
