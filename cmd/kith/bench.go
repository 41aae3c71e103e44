package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kithdb/kith/bench"
)

// benchCmd is `kith bench`.
type benchCmd struct {
	Size   string   `default:"S" enum:"S,M,L" help:"World to measure on: S, M or L."`
	Part   []string `placeholder:"NAME" help:"Measure this part only (${parts}); may be given again."`
	Dir    string   `placeholder:"DIR" help:"Where files are put. Default: a directory of its own, removed at the end."`
	Keep   bool     `help:"Leave the files: a later run with the same --dir need not load again."`
	Repeat int      `placeholder:"N" help:"How often what is compared is repeated; the best counts."`
	Save   string   `placeholder:"DIR" help:"Also write each part into files of its own in this directory."`
	JSON   bool     `name:"json" help:"Write JSON."`
}

// Run measures Kith beside DuckDB alone, and writes one table.
func (c *benchCmd) Run(a *app) error {
	report, err := bench.Run(a.ctx, bench.Options{
		Size: c.Size, Dir: c.Dir, Keep: c.Keep, Parts: c.Part, Repeat: c.Repeat, Memory: int64(a.Memory), Command: c.typed(a),
		Say: func(text string) { fmt.Fprintln(a.stderr, text) },
	})
	if report == nil {
		return err
	}
	if c.JSON {
		err = errors.Join(err, writeJSON(a.stdout, report))
	} else {
		err = errors.Join(err, report.Write(a.stdout))
	}
	if c.Save != "" {
		err = errors.Join(err, report.Save(c.Save))
	}
	return err
}

// typed gives the command that measures the same again.
func (c *benchCmd) typed(a *app) string {
	s := "kith bench --size " + c.Size
	if len(c.Part) > 0 {
		s += " --part " + strings.Join(c.Part, ",")
	}
	if c.Repeat > 0 {
		s += fmt.Sprintf(" --repeat %d", c.Repeat)
	}
	if a.Memory > 0 {
		s += fmt.Sprintf(" --memory %d", a.Memory)
	}
	return s
}
