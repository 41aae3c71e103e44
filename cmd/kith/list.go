package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// listCmd is `kith list`.
type listCmd struct {
	Import  listImport  `cmd:"" help:"Make a static list of identifiers, or change what is on it."`
	Members listMembers `cmd:"" help:"List the people on it."`
	History listHistory `cmd:"" help:"List its imports."`
	List    listList    `cmd:"" help:"List the static lists."`
	Drop    listDrop    `cmd:"" help:"Take a static list away."`
}

type listImport struct {
	Dir    string `arg:"" help:"The platform's directory; made when it is not there."`
	Name   string `arg:"" help:"Name of the list."`
	File   string `arg:"" help:"File, plain, gzip or zstd; '-' is standard input. Each line is an identifier as space=value, such as email=ada@example.org; id=… takes a public id."`
	Space  string `placeholder:"NAME" help:"Space of all identifiers, such as email: a line is the value alone."`
	Column string `placeholder:"NAME" help:"The file is CSV whose first line names the columns, or objects of JSON on lines: the values are in this one. Its name is the space, where --space names none."`
	Mode   string `default:"replace" enum:"replace,add,remove" help:"What becomes of those who are on the list: replace, add or remove."`
	JSON   bool   `name:"json" help:"Write what became of it as JSON to standard output."`
}

// Run imports one list.
func (c *listImport) Run(a *app) error {
	in, err := a.openInput(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	name := "standard input"
	if c.File != "-" {
		name = filepath.Base(c.File)
	}
	ids, err := openIDs(in, c.Space, c.Column)
	if err != nil {
		return &kith.Error{Op: "list import", On: c.File, Kind: kith.ErrInvalid, Err: err}
	}
	return a.with(c.Dir, true, func(p platform) error {
		bar := a.progress(name, in.size, in.lines.Load, in.taken.Load)
		r, err := p.ImportList(a.ctx, c.Name, &shownIDs{ids, func() { bar.at(in.taken.Load()) }}, engine.ListMode(c.Mode))
		bar.end()
		if err != nil {
			return next(err, kith.ErrNotFound, "to list them: kith list list %s", c.Dir)
		}
		if c.JSON {
			return writeJSON(a.stdout, r)
		}
		fmt.Fprintf(a.stderr, "%s: version %d, %s, %s\n", c.Name, r.Version, plural(int64(r.Entries), "identifier"), plurals(r.Members, "member", "members"))
		if r.Waiting > 0 {
			fmt.Fprintf(a.stderr, "nobody has %s of them yet\n", group(int64(r.Waiting)))
		}
		if r.Repeated > 0 {
			fmt.Fprintf(a.stderr, "repeated: %s\n", group(int64(r.Repeated)))
		}
		if r.Refused > 0 {
			fmt.Fprintf(a.stderr, "left out, no identifiers: %s\n", linesOf(r.Refused, r.RefusedAt))
		}
		return nil
	})
}

// linesOf names lines: all of them, or the first of many.
func linesOf(n int, first []int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s,", plural(int64(n), "line"))
	for i, line := range first {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %d", line)
	}
	if n > len(first) {
		b.WriteString(" …")
	}
	return b.String()
}

// shownIDs shows how far it is read.
type shownIDs struct {
	engine.Identifiers
	at func()
}

func (s *shownIDs) Next() (kith.Identifier, int64, error) {
	id, line, err := s.Identifiers.Next()
	if line%1024 == 0 {
		s.at()
	}
	return id, line, err
}

type listMembers struct {
	Dir     string   `arg:"" help:"The platform's directory."`
	Name    string   `arg:"" help:"Name of the list."`
	Columns []string `placeholder:"NAME" help:"Columns of profiles, with commas. Default: public_id, first_seen, last_seen."`
	output  `embed:""`
}

// Run lists people.
func (c *listMembers) Run(a *app) error {
	format, err := c.format(a)
	if err != nil {
		return err
	}
	return a.with(c.Dir, false, func(p platform) error {
		rows, err := p.People(a.ctx, "in_list('"+strings.ReplaceAll(c.Name, "'", "''")+"')", c.Columns, a.at())
		if err != nil {
			return err
		}
		err = c.write(a, format, rows)
		return errors.Join(err, rows.Close())
	})
}

type listHistory struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Name string `arg:"" help:"Name of the list."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// Run lists versions.
func (c *listHistory) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		all, err := p.ListHistory(a.ctx, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, all)
		}
		var rows [][]string
		for _, v := range all {
			rows = append(rows, []string{
				fmt.Sprintf("version %d", v.Version), when(v.At), v.Mode, plural(int64(v.Given), "line"),
				group(int64(v.Refused)) + " left out", plural(int64(v.Entries), "identifier"),
			})
		}
		return lined(a.stdout, "", rows)
	})
}

type listList struct {
	Dir  string `arg:"" help:"The platform's directory."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// Run lists the lists.
func (c *listList) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		all, err := p.Lists(a.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, all)
		}
		var rows [][]string
		for _, l := range all {
			rows = append(rows, []string{
				l.Name, fmt.Sprintf("version %d", l.Version), when(l.At), plural(int64(l.Entries), "identifier"),
				plurals(l.Members, "member", "members"), group(int64(l.Waiting)) + " waiting",
			})
		}
		return lined(a.stdout, "", rows)
	})
}

type listDrop struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Name string `arg:"" help:"Name of the list."`
}

// Run drops a list.
func (c *listDrop) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error { return p.DropList(a.ctx, c.Name) })
}
