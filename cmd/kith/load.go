package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/source"
)

// loadCmd is `kith load`.
type loadCmd struct {
	Dir       string   `arg:"" help:"The platform's directory; made when it is not there."`
	Files     []string `arg:"" help:"Files of events, plain, gzip or zstd; with --map, any that the mapping is for; '-' is standard input."`
	Map       string   `placeholder:"FILE" help:"Mapping that makes events of the files' rows; kith map proposes one."`
	Source    string   `placeholder:"NAME" help:"Source of the events. Default: that of the mapping, or load."`
	Strict    bool     `help:"Exit with 10 when something was rejected."`
	MaxErrors int      `placeholder:"N" help:"Stop when N items were rejected; what was stored stays."`
	Errors    string   `placeholder:"FILE" help:"Write what was not accepted to a CSV file: line, path, reason, the row as it came in."`
	DryRun    bool     `name:"dry-run" help:"Store nothing: show five rows as events, the verdicts on the first 10,000, and which people would become one. With --map."`
	Show      int      `default:"10" placeholder:"N" help:"How many of the first refusals to show."`
	JSON      bool     `name:"json" help:"Write the summary as JSON to standard output."`

	mapping []byte
	parsed  *source.Mapping
}

// loaded is what became of one file, for programs.
type loaded struct {
	File    string `json:"file"`
	Load    uint32 `json:"load"`
	Seconds string `json:"seconds"`
	kith.Tally
	Rows     int64     `json:"rows,omitempty"`
	Excepted int64     `json:"excepted,omitempty"`
	Earlier  int64     `json:"earlier,omitempty"`
	First    []refusal `json:"first"`
}

// refusal is one item that was not accepted.
type refusal struct {
	Line    int64  `json:"line"`
	Verdict string `json:"verdict"`
	Code    string `json:"code"`
	Path    string `json:"path,omitempty"`
}

// Run brings the files in, one load each, in the order given.
func (c *loadCmd) Run(a *app) error {
	if err := c.readMapping(); err != nil {
		return err
	}
	var inputs []*input
	defer func() {
		for _, in := range inputs {
			in.Close()
		}
	}()
	for _, name := range c.Files { // all of them are there before anything is stored
		in, err := a.openInput(name)
		if err != nil {
			return err
		}
		inputs = append(inputs, in)
	}
	if c.DryRun {
		return c.dry(a, inputs)
	}
	errs, err := c.createErrors()
	if err != nil {
		return err
	}
	rejected := 0
	err = a.with(c.Dir, true, func(p platform) error {
		for _, in := range inputs {
			out, err := c.load(a, p, in)
			rejected += out.Rejected
			if err = errors.Join(err, errs.list(a, p, out)); err != nil {
				return err
			}
		}
		return nil
	})
	err = errors.Join(err, errs.close())
	if err == nil && c.Strict && rejected > 0 {
		return errRejects
	}
	return err
}

// readMapping reads the mapping, where there is one.
func (c *loadCmd) readMapping() (err error) {
	if c.Map == "" {
		return nil
	}
	if c.mapping, err = os.ReadFile(c.Map); err != nil {
		return plain(err)
	}
	if c.parsed, err = source.Parse(c.mapping); err != nil {
		return err
	}
	if c.Source == "" {
		c.Source = c.parsed.Source()
	}
	c.parsed = c.parsed.As(c.Source)
	return nil
}

// load brings one input in. Where a load of it did not end, and now it is
// another, a file is read again, as a load of its own.
func (c *loadCmd) load(a *app, p platform, in *input) (loaded, error) {
	began := time.Now()
	report, err := c.bring(a, p, in)
	if errors.Is(err, engine.ErrChanged) {
		report, err = c.anew(a, p, in, report.Load, err)
	}
	out, err := c.told(a, in.name, report, time.Since(began), err)
	switch {
	case c.JSON:
	case errors.Is(err, engine.ErrTooMany):
		fmt.Fprintf(a.stderr, "stopped after %s: what was stored stays, and the same command with a greater --max-errors goes on\n", plural(int64(out.Rejected), "reject"))
	case err != nil && a.ctx.Err() != nil && report.Load > 0:
		fmt.Fprintln(a.stderr, "what was accepted is stored; the same command goes on where this one stopped")
	}
	return out, err
}

// anew brings an input in that is not the one of which a load had taken some.
func (c *loadCmd) anew(a *app, p platform, in *input, load uint32, err error) (engine.LoadReport, error) {
	if in.size == 0 {
		return engine.LoadReport{}, next(err, engine.ErrChanged, "load %d stays as it is; the same command takes this input as a load of its own", load)
	}
	again, err := a.openInput(in.name)
	if err != nil {
		return engine.LoadReport{}, err
	}
	defer again.Close()
	fmt.Fprintf(a.stderr, "%s: not the file of which load %d had taken some: that stays as it is, and this is another load\n", called(in.name), load)
	return c.bring(a, p, again)
}

// told tells what became of one input, to people or as JSON.
func (c *loadCmd) told(a *app, file string, report engine.LoadReport, gone time.Duration, err error) (loaded, error) {
	out := loaded{
		File: file, Load: report.Load, Seconds: fmt.Sprintf("%.3f", gone.Seconds()), Tally: report.Tally,
		Rows: report.Rows, Excepted: report.Excepted, Earlier: report.Earlier, First: []refusal{},
	}
	for _, i := range report.First[:min(len(report.First), max(c.Show, 0))] {
		out.First = append(out.First, refusal{i.Line, i.Verdict.String(), i.Code, i.Path})
	}
	if c.JSON {
		return out, errors.Join(err, writeJSON(a.stdout, out))
	}
	if report.Load > 0 {
		c.say(a, called(file), out, gone)
	}
	return out, err
}

// called is what an input is called in the list of loads.
func called(file string) string {
	if file == "-" {
		return "standard input"
	}
	return filepath.Base(file)
}

// bring hands one input to the platform, through the mapping where there is one.
func (c *loadCmd) bring(a *app, p platform, in *input) (engine.LoadReport, error) {
	name := called(in.name)
	bar := a.progress(name, in.size, in.lines.Load, in.taken.Load)
	defer bar.end()
	o := &engine.LoadOptions{
		Name: name, Source: c.Source, Keep: max(c.Show, 1), Size: in.size, Mapping: c.mapping, MaxErrors: c.MaxErrors,
		Progress: func(int64) { bar.at(in.taken.Load()) },
	}
	if c.parsed == nil {
		return p.Load(a.ctx, in, o)
	}
	var from io.Reader = in
	if f := in.parquet(); f != nil {
		from = f
	}
	rows, err := c.parsed.Open(o.Name, from)
	if err != nil {
		return engine.LoadReport{}, err
	}
	defer rows.Close() // a temporary file, which is gone already where that is possible
	return p.LoadRows(a.ctx, rows, o)
}

// say tells people what became of one input.
func (c *loadCmd) say(a *app, name string, out loaded, gone time.Duration) {
	t := out.Tally
	rate := float64(int64(t.Received)-out.Earlier) / max(gone.Seconds(), 1e-6)
	rows := ""
	if c.parsed != nil {
		rows = " of " + plural(out.Rows, "row")
		if out.Excepted > 0 {
			rows += ", " + group(out.Excepted) + " of them left out on purpose"
		}
	}
	fmt.Fprintf(a.stderr, "%s: load %d, %s received%s in %s (%s/s): %s\n", name, out.Load, group(int64(t.Received)), rows, took(gone), group(int64(rate)), outcome(t))
	if out.Earlier > 0 {
		fmt.Fprintf(a.stderr, "  the load had not ended: %s were stored before, and it went on\n", group(out.Earlier))
	}
	var first [][]string
	for _, r := range out.First {
		first = append(first, []string{fmt.Sprintf("line %d", r.Line), r.Verdict, tame(r.Code), tame(r.Path)})
	}
	if lined(a.stderr, "  ", first) != nil {
		return // nobody reads
	}
	if more := t.Rejected + t.Quarantined + t.Suppressed; more > len(first) && c.Show > 0 {
		fmt.Fprintf(a.stderr, "  all %s: kith rejects %s --load %d\n", group(int64(more)), c.Dir, out.Load)
	}
}

// outcome writes a tally, leaving out what did not happen.
func outcome(t kith.Tally) string {
	s := group(int64(t.Accepted)) + " accepted"
	for _, part := range []struct {
		n    int
		word string
	}{{t.Duplicate, "duplicate"}, {t.Rejected, "rejected"}, {t.Quarantined, "quarantined"}, {t.Suppressed, "suppressed"}} {
		if part.n > 0 {
			s += ", " + group(int64(part.n)) + " " + part.word
		}
	}
	if t.Flagged.Events > 0 {
		s += fmt.Sprintf("; %s flagged (%s)", group(int64(t.Flagged.Events)), t.Flagged)
	}
	return s
}
