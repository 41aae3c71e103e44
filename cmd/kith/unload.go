package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/kithdb/kith/engine"
)

// unloadCmd is `kith unload`.
type unloadCmd struct {
	Dir    string `arg:"" help:"The platform's directory."`
	Load   uint32 `arg:"" help:"Number of the load, as kith load said it, and the table loads has it."`
	DryRun bool   `name:"dry-run" help:"Only say what would go and what would pass to others; change nothing."`
	JSON   bool   `name:"json" help:"Write the summary as JSON to standard output."`
}

// Run takes one load back.
func (c *unloadCmd) Run(a *app) error {
	began := time.Now()
	return a.with(c.Dir, false, func(p platform) error {
		r, err := p.Unload(a.ctx, c.Load, &engine.UnloadOptions{DryRun: c.DryRun, Progress: a.steps()})
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, r)
		}
		fmt.Fprintln(a.stderr, c.summary(r, time.Since(began)))
		return nil
	})
}

// summary says what became of the load.
func (c *unloadCmd) summary(r engine.UnloadReport, gone time.Duration) string {
	head := fmt.Sprintf("load %d is taken back in %s", r.Load, took(gone))
	if c.DryRun {
		head = fmt.Sprintf("load %d stays; without it", r.Load)
	}
	parts := []string{events(r.Events) + " gone"}
	if r.Passed > 0 {
		parts = append(parts, events(r.Passed)+" passed to those who had them, too")
	}
	if r.Accepted > 0 {
		parts = append(parts, events(r.Accepted)+" of others accepted instead")
	}
	if r.Refused > 0 {
		parts = append(parts, plural(int64(r.Refused), "item")+" that had not been accepted forgotten")
	}
	if r.Reflagged > 0 {
		parts = append(parts, events(r.Reflagged)+" of others with another flag: near-duplicates or none any more")
	}
	if !c.DryRun {
		parts = append(parts, people(-r.People), plural(int64(r.Decisions), "decision")+" taken again")
	} else if r.Forgotten > 0 {
		parts = append(parts, plural(int64(r.Forgotten), "decision")+" to be looked at again")
	}
	return head + ": " + strings.Join(parts, ", ")
}

func events(n int) string { return plural(int64(n), "event") }

// people says by how many there are more or fewer.
func people(more int) string {
	switch n := max(more, -more); {
	case more < 0 && n == 1:
		return "1 person fewer"
	case more < 0:
		return group(int64(n)) + " people fewer"
	case n == 1:
		return "1 person more"
	case more > 0:
		return group(int64(n)) + " people more"
	}
	return "as many people as before"
}
