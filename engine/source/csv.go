package source

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// delimiters are those that are guessed among.
const delimiters = ",;\t|"

// record is one record of CSV, taken apart. A field in quotes may hold the
// delimiter, line ends and, written twice, quotes.
type record struct {
	fields [][]byte
	room   []byte // for fields with quotes in them
}

// read takes the record at b[0] apart. last: nothing follows b.
func (c *record) read(b []byte, delimiter byte, last bool) (n int, st state) {
	c.fields, c.room = c.fields[:0], c.room[:0]
	for i := 0; ; {
		if i < len(b) && b[i] == '"' {
			if i, st = c.quoted(b, i+1, last); st != whole {
				return 0, st
			}
			switch {
			case i == len(b):
				return i, rowState(i)
			case b[i] == delimiter:
				i++
				continue
			case b[i] == '\n':
				return i + 1, rowState(i)
			case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
				return i + 2, rowState(i)
			case b[i] == '\r' && i+1 == len(b) && last:
				return i + 1, rowState(i)
			case b[i] == '\r' && i+1 == len(b):
				return 0, more
			}
			return 0, torn
		}
		j := i
		for j < len(b) && b[j] != delimiter && b[j] != '\n' {
			j++
		}
		switch {
		case j == len(b) && !last:
			return 0, more
		case j == len(b):
			c.fields = append(c.fields, bytes.TrimSuffix(b[i:], []byte{'\r'}))
			return j, rowState(j)
		case b[j] == '\n':
			c.fields = append(c.fields, bytes.TrimSuffix(b[i:j], []byte{'\r'}))
			return j + 1, rowState(j)
		}
		c.fields = append(c.fields, b[i:j])
		i = j + 1
	}
}

// quoted reads the field whose quote stands before i, up to after its closing quote.
func (c *record) quoted(b []byte, i int, last bool) (int, state) {
	doubled := false
	for j := i; ; j += 2 {
		k := bytes.IndexByte(b[j:], '"')
		if k < 0 || j+k+1 == len(b) && !last {
			if last {
				return 0, torn
			}
			return 0, more
		}
		if j += k; j+1 < len(b) && b[j+1] == '"' {
			doubled = true
			continue
		}
		field := b[i:j]
		if doubled {
			field = c.single(field)
		}
		c.fields = append(c.fields, field)
		return j + 1, whole
	}
}

// single writes each doubled quote once.
func (c *record) single(field []byte) []byte {
	at := len(c.room)
	for k := 0; k < len(field); k++ {
		c.room = append(c.room, field[k])
		if field[k] == '"' {
			k++
		}
	}
	return c.room[at:len(c.room):len(c.room)]
}

// empty says whether there was nothing in the line.
func (c *record) empty() bool { return len(c.fields) == 1 && len(c.fields[0]) == 0 }

// openCSV guesses the delimiter, where it is not given, and reads the header.
func (in *Input) openCSV(f *feed) error {
	if in.format.delimiter == 0 {
		f.fill()
		in.format.delimiter = guessDelimiter(f.buf[f.from:f.to], f.ended)
	}
	in.scan = func() scan {
		var c record
		return func(b []byte, last bool) (int, state) { return c.read(b, in.format.delimiter, last) }
	}()
	if in.format.columns != nil {
		in.columns = in.format.columns
		return nil
	}
	for {
		row, st := f.peek(in.scan)
		switch {
		case f.err != nil:
			return f.err
		case len(row) == 0:
			return fmt.Errorf("the file is empty: it should begin with the names of its columns, or the mapping have format: {type: csv, columns: [...]}")
		case st != whole:
			return fmt.Errorf("line %d: the row with the names of the columns cannot be read: its quotes do not close, it is longer than 1 MiB, or the lines end with CR alone", f.line)
		case !utf8.Valid(row):
			return fmt.Errorf("line %d: the names of the columns are not UTF-8; the mapping may say format: {type: csv, encoding: windows-1252}", f.line)
		}
		var c record
		c.read(row, in.format.delimiter, true)
		blank := c.empty()
		if !blank {
			in.columns = columnNames(c.fields)
			if torn := func(name string) bool { return strings.Contains(strings.ReplaceAll(name, "\r\n", ""), "\r") }; slices.ContainsFunc(in.columns, torn) {
				return fmt.Errorf("line %d: the lines end with CR alone; tr '\\r' '\\n' makes lines of them", f.line)
			}
		}
		f.take(len(row))
		if !blank {
			return nil
		}
	}
}

// columnNames gives each column a name of its own: one without a name is
// column_3, the second of a name is name_2.
func columnNames(header [][]byte) []string {
	names, seen := make([]string, len(header)), make(map[string]bool)
	for i, h := range header {
		base := string(trimSpace(h))
		if base == "" {
			base = "column_" + strconv.Itoa(i+1)
		}
		name := base
		for k := 2; seen[name]; k++ {
			name = base + "_" + strconv.Itoa(k)
		}
		names[i], seen[name] = name, true
	}
	return names
}

// headless says whether names seem to be data: an e-mail address or a day is
// among them, or none has a letter. What may be data is not shown.
func headless(names []string) bool {
	letters := false
	for _, name := range names {
		if _, host, ok := strings.Cut(name, "@"); ok && strings.Contains(host, ".") || fullDay.MatchString(name) {
			return true
		}
		letters = letters || strings.ContainsFunc(name, unicode.IsLetter)
	}
	return !letters
}

var fullDay = regexp.MustCompile(`^\d+[-/.]\d+[-/.]\d+([T ]\d+:.*)?$`)

// guessDelimiter takes the one that cuts the first rows into most columns,
// in each as many as in the first.
func guessDelimiter(b []byte, last bool) byte {
	best, most := byte(','), 1
	for i := range len(delimiters) {
		n := steady(b, delimiters[i], last)
		if n > most {
			best, most = delimiters[i], n
		}
	}
	return best
}

// steady gives the number of columns that the delimiter makes of the first
// rows; 0 where more than one row in ten has another number.
func steady(b []byte, delimiter byte, last bool) int {
	var c record
	columns, rows, odd := 0, 0, 0
	for rows < 50 && len(b) > 0 {
		n, st := c.read(b, delimiter, last)
		if st != whole {
			break
		}
		b = b[n:]
		if c.empty() {
			continue
		}
		if rows++; rows == 1 {
			columns = len(c.fields)
		} else if len(c.fields) != columns {
			odd++
		}
	}
	if odd*10 > rows {
		return 0
	}
	return columns
}

// cutCSV reads the record at the beginning of the piece into the row.
func (r *row) cutCSV(piece []byte) (n int, code string) {
	n, st := r.record.read(piece, r.in.format.delimiter, true)
	if st != whole {
		n = len(piece)
		if i := bytes.IndexByte(piece, '\n'); i >= 0 {
			n = i + 1
		}
		if n > mostRow {
			return n, "too_large"
		}
		return n, "bad_quotes"
	}
	if r.record.empty() {
		return n, skipped
	}
	if !utf8.Valid(piece[:n]) {
		return n, "bad_utf8"
	}
	if len(r.record.fields) != len(r.in.columns) {
		r.path = fmt.Sprintf("%d of %d", len(r.record.fields), len(r.in.columns))
		return n, "bad_columns"
	}
	r.fields = r.record.fields
	return n, ""
}
