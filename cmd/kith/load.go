package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// loadCmd is `kith load`.
type loadCmd struct {
	Dir    string   `arg:"" help:"The platform's directory; made when it is not there."`
	Files  []string `arg:"" help:"Files of events, plain, gzip or zstd; '-' is standard input."`
	Source string   `placeholder:"NAME" help:"Source of the events. Default: load."`
	Strict bool     `help:"Exit with 10 when something was rejected."`
	Show   int      `default:"10" placeholder:"N" help:"How many of the first refusals to show."`
	JSON   bool     `name:"json" help:"Write the summary as JSON to standard output."`
}

// loaded is what became of one file, for programs.
type loaded struct {
	File    string `json:"file"`
	Load    uint32 `json:"load"`
	Seconds string `json:"seconds"`
	kith.Tally
	First []refusal `json:"first"`
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
	rejected := 0
	err := a.with(c.Dir, true, func(p platform) error {
		for _, in := range inputs {
			out, err := c.load(a, p, in)
			rejected += out.Rejected
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && c.Strict && rejected > 0 {
		return errRejects
	}
	return err
}

// load brings one input in.
func (c *loadCmd) load(a *app, p platform, in *input) (loaded, error) {
	began := time.Now()
	name := "standard input"
	if in.name != "-" {
		name = filepath.Base(in.name)
	}
	bar := a.progress(name, in.size, in.lines.Load, in.taken.Load)
	report, err := p.Load(a.ctx, in, &engine.LoadOptions{
		Name: name, Source: c.Source, Keep: max(c.Show, 1),
		Progress: func(int64) { bar.at(in.taken.Load()) },
	})
	bar.end()
	gone := time.Since(began)
	out := loaded{File: in.name, Load: report.Load, Seconds: fmt.Sprintf("%.3f", gone.Seconds()), Tally: report.Tally, First: []refusal{}}
	for _, i := range report.First[:min(len(report.First), max(c.Show, 0))] {
		out.First = append(out.First, refusal{i.Line, i.Verdict.String(), i.Code, i.Path})
	}
	if c.JSON {
		return out, errors.Join(err, writeJSON(a.stdout, out))
	}
	c.say(a, name, out, gone)
	if err != nil && a.ctx.Err() != nil {
		fmt.Fprintln(a.stderr, "what was accepted is stored; the same command goes on: events that are there already are not stored twice")
	}
	return out, err
}

// say tells people what became of one input.
func (c *loadCmd) say(a *app, name string, out loaded, gone time.Duration) {
	t := out.Tally
	rate := float64(t.Received) / max(gone.Seconds(), 1e-6)
	fmt.Fprintf(a.stderr, "%s: load %d, %s received in %s (%s/s): %s\n", name, out.Load, group(int64(t.Received)), took(gone), group(int64(rate)), outcome(t))
	var rows [][]string
	for _, r := range out.First {
		rows = append(rows, []string{fmt.Sprintf("line %d", r.Line), r.Verdict, tame(r.Code), tame(r.Path)})
	}
	if lined(a.stderr, "  ", rows) != nil {
		return // nobody reads
	}
	if more := t.Rejected + t.Quarantined + t.Suppressed; more > len(rows) && c.Show > 0 {
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
