package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/kithdb/kith/engine"
)

// rowWriter writes an answer. Cells come as JSON and are good until the next row.
type rowWriter interface {
	head(columns []engine.Column) error
	row(cells [][]byte) error
	end() error
}

var formatNames = []string{"table", "csv", "json", "ndjson", "markdown", "parquet"}

var formats = map[string]func(a *app, w io.Writer) rowWriter{
	"table":    func(a *app, w io.Writer) rowWriter { return &tableWriter{a: a, w: w} },
	"csv":      func(_ *app, w io.Writer) rowWriter { return &csvWriter{w: bufio.NewWriter(w)} },
	"json":     func(_ *app, w io.Writer) rowWriter { return &jsonWriter{w: bufio.NewWriter(w), list: true} },
	"ndjson":   func(_ *app, w io.Writer) rowWriter { return &jsonWriter{w: bufio.NewWriter(w)} },
	"markdown": func(_ *app, w io.Writer) rowWriter { return &markdownWriter{w: bufio.NewWriter(w)} },
	"parquet":  func(_ *app, w io.Writer) rowWriter { return &parquetWriter{w: bufio.NewWriter(w)} },
}

// null tells whether a cell is NULL.
func null(cell []byte) bool { return string(cell) == "null" }

// bare gives the text of a cell: of a string its content, of anything else its JSON.
func bare(cell []byte) string {
	if len(cell) < 2 || cell[0] != '"' {
		return string(cell)
	}
	if inner := cell[1 : len(cell)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	if json.Unmarshal(cell, &s) != nil {
		return string(cell)
	}
	return s
}

// csvWriter writes RFC 4180 with a head line. NULL is an empty field, an empty
// string is "".
type csvWriter struct{ w *bufio.Writer }

func (c *csvWriter) head(columns []engine.Column) error {
	for i, col := range columns {
		c.field(i, col.Name, false)
	}
	return c.w.WriteByte('\n')
}

func (c *csvWriter) row(cells [][]byte) error {
	for i, cell := range cells {
		c.field(i, bare(cell), null(cell))
	}
	return c.w.WriteByte('\n')
}

// field writes one field; the writer keeps its first error until the end.
func (c *csvWriter) field(i int, s string, null bool) {
	if i > 0 {
		c.w.WriteByte(',')
	}
	switch {
	case null:
	case s == "" || strings.ContainsAny(s, ",\"\r\n") || s[0] == ' ' || s[len(s)-1] == ' ':
		c.w.WriteString(`"` + strings.ReplaceAll(s, `"`, `""`) + `"`)
	default:
		c.w.WriteString(s)
	}
}

func (c *csvWriter) end() error { return c.w.Flush() }

// jsonWriter writes objects, one on each line, as a list or bare.
type jsonWriter struct {
	w    *bufio.Writer
	list bool
	keys [][]byte
	n    int
}

func (j *jsonWriter) head(columns []engine.Column) error {
	taken := map[string]int{}
	for _, c := range columns {
		name := c.Name
		for n := taken[c.Name]; taken[name] > 0; n++ { // of two columns with one name the second is name_1
			name = c.Name + "_" + strconv.Itoa(n)
		}
		taken[c.Name]++
		if name != c.Name {
			taken[name]++
		}
		key := (&engine.Column{Type: "VARCHAR"}).Append(nil, name)
		j.keys = append(j.keys, append(key, ':'))
	}
	if j.list {
		return j.w.WriteByte('[')
	}
	return nil
}

func (j *jsonWriter) row(cells [][]byte) error {
	switch {
	case j.list && j.n > 0:
		j.w.WriteString(",\n")
	case j.list:
		j.w.WriteByte('\n')
	}
	j.n++
	j.w.WriteByte('{')
	for i, cell := range cells {
		if i > 0 {
			j.w.WriteByte(',')
		}
		j.w.Write(j.keys[i])
		j.w.Write(cell)
	}
	if j.list {
		return j.w.WriteByte('}')
	}
	_, err := j.w.WriteString("}\n")
	return err
}

func (j *jsonWriter) end() error {
	if j.list && j.n > 0 {
		j.w.WriteByte('\n')
	}
	if j.list {
		j.w.WriteString("]\n")
	}
	return j.w.Flush()
}

// markdownWriter writes a table of Markdown.
type markdownWriter struct{ w *bufio.Writer }

func (m *markdownWriter) head(columns []engine.Column) error {
	rule := ""
	for _, c := range columns {
		m.w.WriteString("| " + marked(c.Name) + " ")
		if numeric(c.Type) {
			rule += "|---:"
		} else {
			rule += "|---"
		}
	}
	_, err := m.w.WriteString("|\n" + rule + "|\n")
	return err
}

func (m *markdownWriter) row(cells [][]byte) error {
	for _, cell := range cells {
		s := ""
		if !null(cell) {
			s = bare(cell)
		}
		m.w.WriteString("| " + marked(s) + " ")
	}
	_, err := m.w.WriteString("|\n")
	return err
}

func (m *markdownWriter) end() error { return m.w.Flush() }

var markdownEscapes = strings.NewReplacer("|", `\|`, "\r\n", "<br>", "\n", "<br>", `\`, `\\`, "<", "&lt;")

func marked(s string) string { return tame(markdownEscapes.Replace(s)) }

// numeric tells whether a column holds numbers.
func numeric(of string) bool {
	of, _, _ = strings.Cut(of, "(")
	switch of {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL":
		return true
	}
	return false
}

// tableRows is how many rows a table shows, which is kept in memory; the other
// formats write every row as it comes.
const tableRows = 1000

// tableWriter draws a table for people.
type tableWriter struct {
	a     *app
	w     io.Writer
	t     table.Writer
	n     int64
	width int // 0: not a terminal, nothing is cut
}

func (t *tableWriter) head(columns []engine.Column) error {
	t.t = table.NewWriter()
	t.t.SetStyle(table.StyleRounded)
	t.t.Style().Format.Header = text.FormatDefault
	t.width, _ = terminal(t.w)
	var names table.Row
	var configs []table.ColumnConfig
	for i, c := range columns {
		names = append(names, tame(c.Name))
		config := table.ColumnConfig{Number: i + 1}
		if numeric(c.Type) {
			config.Align, config.AlignHeader = text.AlignRight, text.AlignRight
		}
		if t.width > 0 {
			config.WidthMax = max(t.width-4, 16)
			config.WidthMaxEnforcer = func(s string, most int) string { return text.Snip(s, most, "…") }
		}
		configs = append(configs, config)
	}
	t.t.AppendHeader(names)
	t.t.SetColumnConfigs(configs)
	if t.width > 0 {
		t.t.Style().Size.WidthMax = t.width
	}
	return nil
}

func (t *tableWriter) row(cells [][]byte) error {
	if t.n++; t.n > tableRows {
		return nil
	}
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		if null(cell) {
			row[i] = "NULL"
		} else {
			row[i] = tame(bare(cell))
		}
	}
	t.t.AppendRow(row)
	return nil
}

func (t *tableWriter) end() error {
	if _, err := fmt.Fprintln(t.w, t.t.Render()); err != nil {
		return err
	}
	if t.n > tableRows {
		fmt.Fprintf(t.a.stderr, "the first %s of %s rows; all of them: --format csv\n", group(tableRows), group(t.n))
	}
	return nil
}
