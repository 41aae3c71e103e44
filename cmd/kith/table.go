package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// tableCmd is `kith table`.
type tableCmd struct {
	Load tableLoad `cmd:"" help:"Make a table of a file, or replace its content: CSV whose first line names the columns, or objects of JSON on lines."`
	List tableList `cmd:"" help:"List the tables, with their versions."`
	Show tableShow `cmd:"" help:"Show a table's columns and versions."`
	Drop tableDrop `cmd:"" help:"Take a table away, with all its versions."`
}

type tableLoad struct {
	Dir    string            `arg:"" help:"The platform's directory; made when it is not there."`
	Table  string            `arg:"" help:"Name of the table in SQL."`
	File   string            `arg:"" help:"File, plain, gzip or zstd; '-' is standard input."`
	Key    []string          `placeholder:"COLUMN" help:"Column, or columns with commas, that no two rows have alike."`
	Type   map[string]string `mapsep:"," placeholder:"COLUMN=TYPE" help:"Type of a column: text, number, time or boolean. Default: what every value reads as. May be given again, or with commas."`
	Source string            `placeholder:"NAME" help:"Source in the list of loads. Default: table."`
	JSON   bool              `name:"json" help:"Write what was loaded as JSON to standard output."`
}

// tableOut is a version of a table, for programs.
type tableOut struct {
	Table   string      `json:"table"`
	Load    uint32      `json:"load"`
	At      string      `json:"at"`
	Rows    int64       `json:"rows"`
	Bytes   int64       `json:"bytes"`
	Key     []string    `json:"key"`
	Columns []columnOut `json:"columns"`
}

type columnOut struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func tableOf(name string, v engine.TableVersion) tableOut {
	out := tableOut{name, v.Load, v.At.UTC().Format(time.RFC3339Nano), v.Rows, v.Bytes, append([]string{}, v.Key...), []columnOut{}}
	for _, c := range v.Columns {
		out.Columns = append(out.Columns, columnOut(c))
	}
	return out
}

// Run loads one table.
func (c *tableLoad) Run(a *app) error {
	in, err := a.openInput(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	name := "standard input"
	if c.File != "-" {
		name = filepath.Base(c.File)
	}
	rows, err := openRows(in)
	if err != nil {
		return &kith.Error{Op: "table load", On: c.File, Kind: kith.ErrInvalid, Err: err}
	}
	return a.with(c.Dir, true, func(p platform) error {
		began := time.Now()
		bar := a.progress(name, in.size, in.lines.Load, in.taken.Load)
		v, err := p.LoadTable(a.ctx, c.Table, rows, &engine.TableOptions{
			Name: name, Source: c.Source, Key: c.Key, Types: c.Type, Progress: func(int64) { bar.at(in.taken.Load()) },
		})
		bar.end()
		if err != nil {
			return err
		}
		gone := time.Since(began)
		if c.JSON {
			return writeJSON(a.stdout, tableOf(strings.ToLower(c.Table), v))
		}
		fmt.Fprintf(a.stderr, "%s: load %d, %s into %s in %s (%s/s)\n", name, v.Load, plural(v.Rows, "row"), strings.ToLower(c.Table), took(gone),
			group(int64(float64(v.Rows)/max(gone.Seconds(), 1e-6))))
		return showColumns(a.stderr, v)
	})
}

// showColumns writes the columns of a version.
func showColumns(w io.Writer, v engine.TableVersion) error {
	key := map[string]bool{}
	for _, name := range v.Key {
		key[name] = true
	}
	var rows [][]string
	for _, c := range v.Columns {
		of := c.Type
		if key[c.Name] {
			of += "  key"
		}
		rows = append(rows, []string{tame(c.Name), of})
	}
	return lined(w, "  ", rows)
}

type tableList struct {
	Dir  string `arg:"" help:"The platform's directory."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// tableLong is a table with its versions, for programs.
type tableLong struct {
	tableOut
	Versions []tableOut `json:"versions"`
}

func longOf(t engine.Table) tableLong {
	out := tableLong{tableOf(t.Name, t.TableVersion), []tableOut{}}
	for _, v := range t.Versions {
		out.Versions = append(out.Versions, tableOf(t.Name, v))
	}
	return out
}

// Run lists the tables.
func (c *tableList) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		tables, err := p.Tables(a.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			out := []tableLong{}
			for _, t := range tables {
				out = append(out, longOf(t))
			}
			return writeJSON(a.stdout, out)
		}
		if len(tables) == 0 {
			fmt.Fprintf(a.stderr, "there are none; to make one: kith table load %s NAME FILE --key COLUMN\n", c.Dir)
			return nil
		}
		rows := [][]string{{"table", "rows", "columns", "key", "load", "since", ""}}
		for _, t := range tables {
			for i := len(t.Versions) - 1; i >= 0; i-- {
				v, name, note := t.Versions[i], "", "earlier"
				if i == len(t.Versions)-1 {
					name, note = t.Name, ""
				}
				rows = append(rows, []string{name, group(v.Rows), fmt.Sprint(len(v.Columns)), tame(strings.Join(v.Key, ",")), fmt.Sprint(v.Load), when(v.At), note})
			}
		}
		return lined(a.stdout, "", rows)
	})
}

type tableShow struct {
	Dir   string `arg:"" help:"The platform's directory."`
	Table string `arg:"" help:"Name of the table."`
	JSON  bool   `name:"json" help:"Write JSON."`
}

// Run shows one table.
func (c *tableShow) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		tables, err := p.Tables(a.ctx)
		if err != nil {
			return err
		}
		for _, t := range tables {
			switch {
			case t.Name != strings.ToLower(c.Table):
				continue
			case c.JSON:
				return writeJSON(a.stdout, longOf(t))
			}
			var loads [][]string
			for _, v := range t.Versions {
				loads = append(loads, []string{fmt.Sprintf("load %d", v.Load), when(v.At), plural(v.Rows, "row"), volume(v.Bytes)})
			}
			_, err := fmt.Fprintf(a.stdout, "%s, %s\n", t.Name, plural(t.Rows, "row"))
			return errors.Join(err, showColumns(a.stdout, t.TableVersion), lined(a.stdout, "", append([][]string{{"versions"}}, loads...)))
		}
		return instead(&kith.Error{Kind: kith.ErrNotFound}, "there is no table of that name; to list them: kith table list %s", c.Dir)
	})
}

type tableDrop struct {
	Dir   string `arg:"" help:"The platform's directory."`
	Table string `arg:"" help:"Name of the table."`
}

// Run takes one table away.
func (c *tableDrop) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		if err := p.DropTable(a.ctx, c.Table); err != nil {
			return next(err, kith.ErrNotFound, "to list them: kith table list %s", c.Dir)
		}
		fmt.Fprintf(a.stderr, "table %s is gone, with every version of it\n", strings.ToLower(c.Table))
		return nil
	})
}
