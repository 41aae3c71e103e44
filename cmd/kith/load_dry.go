package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// Bounds of a dry run.
const (
	dryRows  = 10_000 // whole pieces are looked at: the last may have some more
	dryShown = 5
)

// dry says what the files would come to: some rows as events, the verdicts on
// the first rows, and who is in them. It takes them into a platform in memory,
// by the rules of the directory, and looks for their identifiers in that; the
// directory does not change, and none is made.
func (c *loadCmd) dry(a *app, inputs []*input) error {
	if c.parsed == nil {
		return instead(&kith.Error{Kind: kith.ErrUnsupported}, "--dry-run is for rows through a mapping: give --map FILE")
	}
	try := func(p platform) error {
		for _, in := range inputs {
			if err := c.dryOne(a, p, in); err != nil {
				return err
			}
		}
		return nil
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "FORMAT")); errors.Is(err, os.ErrNotExist) {
		return try(nil)
	}
	return a.with(c.Dir, false, try)
}

// dryOne says it of one file.
func (c *loadCmd) dryOne(a *app, p platform, in *input) error {
	o := &engine.Options{Threads: a.Threads, NoSocket: true}
	if p != nil {
		rules, err := p.Rules(a.ctx)
		if err != nil {
			return err
		}
		o.Rules = &rules
	}
	e, err := engine.Open("", o)
	if err != nil {
		return err
	}
	defer e.Close() // nothing of it is kept
	var from io.Reader = in
	if f := in.parquet(); f != nil {
		from = f
	}
	rows, err := c.parsed.Open(called(in.name), from)
	if err != nil {
		return err
	}
	defer rows.Close() // a temporary file
	some := &someRows{Rows: rows, w: a.stdout}
	report, err := e.LoadRows(a.ctx, some, &engine.LoadOptions{Name: called(in.name), Source: c.Source, Mapping: c.mapping, Keep: max(c.Show, 1)})
	if err = errors.Join(err, some.err); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %s looked at, %s left out on purpose: %s; nothing is stored\n",
		called(in.name), plural(report.Rows, "row"), group(report.Excepted), outcome(report.Tally))
	if err := c.dryFaults(a, e); err != nil {
		return err
	}
	return c.dryPeople(a, e, p)
}

// dryFaults lists what would be rejected, by reason, with the first line of each.
func (c *loadCmd) dryFaults(a *app, e *engine.Engine) error {
	rows, err := e.SQL(a.ctx, "SELECT reason, coalesce(path, ''), count(*), min(line) FROM rejects WHERE verdict = 'rejected' GROUP BY ALL ORDER BY 3 DESC, 1, 2")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var reason, path string
		var n, line int64
		if err := rows.Scan(&reason, &path, &n, &line); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "  %s  %s %s, first on line %d\n", group(n), tame(reason), tame(path), line)
	}
	return rows.Err()
}

// dryPeople says how many people the rows are about, and how many of them are there already.
func (c *loadCmd) dryPeople(a *app, e *engine.Engine, p platform) error {
	stats, err := e.Stats(a.ctx)
	if err != nil {
		return err
	}
	who := "1 person"
	if stats.Profiles != 1 {
		who = group(int64(stats.Profiles)) + " people"
	}
	fmt.Fprintf(a.stdout, "  %s by %s", who, plural(int64(stats.Fragments), "identifier"))
	if p == nil {
		_, err := fmt.Fprintln(a.stdout)
		return err
	}
	there, several, err := met(a.ctx, e, p)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, ", %s of them there already; %s have identifiers of several who are there, and by the rules these may become one\n",
		group(int64(there)), group(int64(several)))
	return nil
}

// met counts those people of e whom p has, and those of whom p has several.
func met(ctx context.Context, e *engine.Engine, p platform) (there, several int, err error) {
	rows, err := e.SQL(ctx, "SELECT profile_id, space, value FROM identifiers")
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	found := map[uint32]map[string]bool{}
	for rows.Next() {
		var who uint32
		var id kith.Identifier
		if err := rows.Scan(&who, &id.Space, &id.Value); err != nil {
			return 0, 0, err
		}
		old, err := p.Profile(ctx, id)
		if errors.Is(err, kith.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		if found[who] == nil {
			found[who] = map[string]bool{}
		}
		found[who][old.Public] = true
	}
	for _, f := range found {
		if there++; len(f) > 1 {
			several++
		}
	}
	return there, several, rows.Err()
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
