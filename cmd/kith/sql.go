package main

import (
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kithdb/kith/engine"
)

// sqlCmd is `kith sql`.
type sqlCmd struct {
	Dir    string   `arg:"" help:"The platform's directory."`
	Query  string   `arg:"" optional:"" help:"One statement that reads; '-' or none: from standard input."`
	Args   []string `arg:"" optional:"" help:"Values of the ? in the statement."`
	output `embed:""`
}

// output says how rows are written.
type output struct {
	Format string `placeholder:"NAME" help:"One of ${formats}. Default: by the name after -o, else table on a terminal, csv on a pipe."`
	JSON   bool   `name:"json" help:"The same as --format json."`
	Out    string `short:"o" placeholder:"FILE" help:"Write to a file, which appears when it is whole."`
}

// Run asks one question.
func (c *sqlCmd) Run(a *app) error {
	query := c.Query
	if query == "" || query == "-" {
		if _, ok := terminal(a.stdin); ok {
			return wrong("kith sql --help", "there is no statement")
		}
		text, err := io.ReadAll(a.stdin)
		if err != nil {
			return err
		}
		query = string(text)
	}
	if ok, err := c.said(a, query); ok {
		return err
	}
	args := make([]any, len(c.Args))
	for i, s := range c.Args {
		args[i] = s
	}
	return c.rows(a, c.Dir, query, args...)
}

// rows asks a directory and writes the answer.
func (o *output) rows(a *app, dir, query string, args ...any) error {
	format, err := o.format(a)
	if err != nil {
		return err
	}
	return a.with(dir, false, func(p platform) error {
		rows, err := p.SQL(a.ctx, query, args...)
		if err != nil {
			return err
		}
		err = o.write(a, format, rows)
		return errors.Join(err, rows.Close())
	})
}

// format gives the name of the format that is meant.
func (o *output) format(a *app) (string, error) {
	name := o.Format
	switch {
	case o.JSON:
		name = "json"
	case name != "":
	case o.Out != "":
		name = map[string]string{
			".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".md": "markdown", ".parquet": "parquet", ".txt": "table",
		}[strings.ToLower(filepath.Ext(o.Out))]
	default:
		if _, ok := terminal(a.stdout); ok {
			name = "table"
		}
	}
	if name == "" {
		name = "csv"
	}
	if formats[name] == nil {
		return "", wrong("kith sql --help", "there is no format of that name: %s", strings.Join(formatNames, ", "))
	}
	if _, ok := terminal(a.stdout); ok && name == "parquet" && o.Out == "" {
		return "", wrong("kith sql DIR QUERY -o FILE.parquet", "parquet is not for terminals")
	}
	return name, nil
}

// write writes rows to where they belong.
func (o *output) write(a *app, format string, rows *sql.Rows) error {
	if o.Out == "" {
		return a.each(formats[format](a, a.stdout), rows)
	}
	return whole(o.Out, func(f *os.File) error { return a.each(formats[format](a, f), rows) })
}

// whole makes a file that appears when everything has been written.
func whole(path string, write func(f *os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return plain(err)
	}
	err = write(f)
	if err == nil {
		err = f.Chmod(0o600) // what is in it may be people
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) // the error is told already
	}
	return err
}

// each gives rows to a writer, cell by cell as JSON.
func (a *app) each(w rowWriter, rows *sql.Rows) error {
	columns, err := engine.Columns(rows)
	if err != nil {
		return err
	}
	if err := w.head(columns); err != nil {
		return err
	}
	vals, into, cells := make([]any, len(columns)), make([]any, len(columns)), make([][]byte, len(columns))
	for i := range vals {
		into[i] = &vals[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range vals {
			cells[i] = columns[i].Append(cells[i][:0], v)
		}
		if err := w.row(cells); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := a.ctx.Err(); err != nil {
		return err
	}
	return w.end()
}
