package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// Bounds of a dry run.
const (
	dryRows  = 10_000 // whole pieces are looked at: the last may have some more
	dryShown = 5
)

// dry says what the files would come to: some rows as events, and of the first
// rows the verdicts, who is in them, and what would be decided about these
// people. Where there is no directory it is one in memory that is asked.
func (c *loadCmd) dry(a *app, inputs []*input) error {
	if c.parsed == nil {
		return instead(&kith.Error{Kind: kith.ErrUnsupported}, "--dry-run is for rows through a mapping: give --map FILE")
	}
	try := func(p platform) error {
		rejected := 0
		for _, in := range inputs {
			n, err := c.dryOne(a, p, in)
			if err != nil {
				return err
			}
			rejected += n
		}
		if c.Strict && rejected > 0 {
			return errRejects
		}
		return nil
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "FORMAT")); !errors.Is(err, os.ErrNotExist) {
		return a.with(c.Dir, false, try)
	}
	e, err := engine.Open("", &engine.Options{Threads: a.Threads, NoSocket: true})
	if err != nil {
		return err
	}
	defer e.Close() // nothing is in it
	return try(&direct{e, a})
}

// dryOne says it of one file, and how many would be rejected.
func (c *loadCmd) dryOne(a *app, p platform, in *input) (rejected int, err error) {
	var from io.Reader = in
	if f := in.parquet(); f != nil {
		from = f
	}
	rows, err := c.parsed.Open(called(in.name), from)
	if err != nil {
		return 0, err
	}
	defer rows.Close() // a temporary file
	some := &someRows{Rows: rows, w: a.stdout}
	if c.JSON {
		some.w = io.Discard
	}
	f, err := p.Foretell(a.ctx, some, &engine.LoadOptions{Name: called(in.name), Source: c.Source, Mapping: c.mapping})
	if err = errors.Join(err, some.err); err != nil {
		return 0, err
	}
	if c.JSON {
		return f.Tally.Rejected, writeJSON(a.stdout, f)
	}
	return f.Tally.Rejected, c.foretold(a.stdout, called(in.name), &f)
}

// foretold writes what a load would come to.
func (c *loadCmd) foretold(w io.Writer, name string, f *engine.Forecast) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s looked at, %s left out on purpose: %s; nothing is stored\n", name, plural(f.Rows, "row"), group(f.Excepted), outcome(f.Tally))
	for _, fault := range f.Faults {
		what := strings.TrimSpace(tame(fault.Code) + " " + tame(fault.Path))
		fmt.Fprintf(&b, "  %s  %s, first on line %d\n", group(int64(fault.Count)), what, fault.Line)
	}
	who := "1 person"
	if f.People != 1 {
		who = group(int64(f.People)) + " people"
	}
	fmt.Fprintf(&b, "  %s, %s of them there already; %s\n", who, group(int64(f.Known)), plural(int64(f.Identifiers), "new identifier"))
	for _, d := range f.Decisions {
		rule := tame(d.Rule)
		if d.Space != "" {
			rule += ", " + tame(d.Space)
		}
		switch d.Kind {
		case kith.Refuse.String():
			fmt.Fprintf(&b, "  %s would be refused (%s)\n", plural(int64(d.Count), "link"), rule)
		case kith.Leave.String():
			fmt.Fprintf(&b, "  %s would leave the person that has it, and stand alone (%s)\n", plural(int64(d.Count), "identifier"), rule)
		}
	}
	if f.Merged > 0 {
		fmt.Fprintf(&b, "  %s would make one of two people who are there\n", plural(int64(f.Merged), "link"))
	}
	for _, m := range f.Merges {
		fmt.Fprintf(&b, "    %s and %s, on line %d: %s, %s with %s\n", m.A, m.B, m.Line, tame(m.Rule), tame(m.Spaces[0]), tame(m.Spaces[1]))
	}
	if more := f.Merged - len(f.Merges); more > 0 {
		fmt.Fprintf(&b, "    and %s more\n", group(int64(more)))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// someRows is the first rows of an input, of which it shows a few as events.
type someRows struct {
	engine.Rows
	w    io.Writer
	rows int
	err  error
}

func (s *someRows) Next() ([]byte, int64, error) {
	if s.rows >= dryRows {
		return nil, 0, io.EOF
	}
	piece, line, err := s.Rows.Next()
	if err != nil {
		return nil, 0, err
	}
	first, shown := s.rows == 0, 0
	n, _ := s.Rows.Map(piece, line, func(line int64, call []byte) {
		if shown++; !first || shown > dryShown || s.err != nil {
			return
		}
		var b bytes.Buffer
		if s.err = json.Indent(&b, call, "  ", "  "); s.err == nil {
			_, s.err = fmt.Fprintf(s.w, "line %d\n  %s\n", line, &b)
		}
	}, func(int64, string, string, []byte) {})
	s.rows += n
	return piece, line, nil
}
