package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kithdb/kith/engine"
)

// mark is what some programs put in front of UTF-8.
var mark = []byte("\xef\xbb\xbf")

// openRows reads the rows of a reference table: CSV whose first line names the
// columns, or objects of JSON, one on each line. The first byte tells which.
func openRows(r io.Reader) (engine.TableRows, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	head, err := in.Peek(3)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if bytes.Equal(head, mark) {
		in.Discard(len(mark)) // they are there
	}
	head, err = in.Peek(64 << 10)
	if err != nil && err != io.EOF {
		return nil, err
	}
	first := bytes.TrimLeft(head, " \t\r\n")
	if len(first) == 0 {
		return nil, errors.New("the file is empty")
	}
	if first[0] == '{' {
		return &jsonRows{in: in, places: map[string]int{}}, nil
	}
	if bytes.HasPrefix(head, []byte("PAR1")) || bytes.IndexByte(head, 0) >= 0 {
		return nil, errors.New("the file is neither CSV nor lines of JSON")
	}
	c := &csvRows{r: csv.NewReader(in)}
	c.r.Comma, c.r.ReuseRecord = delimiter(head), true
	names, err := c.r.Read()
	if err != nil {
		return nil, sharpCSV(err)
	}
	for i, name := range names {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("line 1, column %d: it is not UTF-8: iconv -t UTF-8 makes it so", i+1)
		}
		c.names = append(c.names, strings.TrimSpace(name))
	}
	return c, nil
}

// delimiter gives what stands most often between the names of the first line.
func delimiter(head []byte) rune {
	counts := map[rune]int{}
	quoted := false
scan:
	for _, r := range string(head) {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '\n':
			break scan
		default:
			counts[r]++
		}
	}
	best := ','
	for _, r := range ";\t|" {
		if counts[r] > counts[best] {
			best = r
		}
	}
	return best
}

// csvRows reads CSV.
type csvRows struct {
	r     *csv.Reader
	names []string
}

func (c *csvRows) Columns() []string { return c.names }

func (c *csvRows) Next() ([]string, int64, error) {
	row, err := c.r.Read()
	if err != nil {
		return nil, 0, sharpCSV(err)
	}
	line, _ := c.r.FieldPos(0)
	return row, int64(line), nil
}

// sharpCSV says in our words what is wrong with a line.
func sharpCSV(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return err
	}
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("line %d has another number of cells than the first", p.Line)
	case p.StartLine != p.Line:
		return fmt.Errorf("line %d, character %d, of a row that begins in line %d: %w", p.Line, p.Column, p.StartLine, p.Err)
	}
	return fmt.Errorf("line %d, character %d: %w", p.Line, p.Column, p.Err)
}

// jsonRows reads objects of JSON. Their members are the columns, in the order in
// which they are met; what is no text, number or truth stays JSON.
type jsonRows struct {
	in     *bufio.Reader
	names  []string
	places map[string]int
	row    []string
	line   int64
}

func (j *jsonRows) Columns() []string { return j.names }

func (j *jsonRows) Next() ([]string, int64, error) {
	for {
		text, err := j.in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, 0, err
		}
		j.line++
		if text = bytes.TrimSpace(text); len(text) > 0 {
			err := j.read(text)
			return j.row, j.line, err
		}
		if err == io.EOF {
			return nil, 0, io.EOF
		}
	}
}

// read reads one object into row.
func (j *jsonRows) read(text []byte) error {
	bad := fmt.Errorf("line %d is not an object of JSON", j.line)
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return bad
	}
	j.row = j.row[:0]
	for range j.names {
		j.row = append(j.row, "")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return bad
		}
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return bad
		}
		i, ok := j.places[name.(string)]
		if !ok {
			i = len(j.names)
			j.places[name.(string)] = i
			j.names, j.row = append(j.names, name.(string)), append(j.row, "")
		}
		j.row[i] = cell(raw)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return bad
	}
	if _, err := d.Token(); err != io.EOF {
		return bad
	}
	return nil
}

// cell gives the text of a value.
func cell(raw json.RawMessage) string {
	var s string
	switch {
	case string(raw) == "null":
		return ""
	case raw[0] == '"' && json.Unmarshal(raw, &s) == nil:
		return s
	}
	return string(raw)
}
