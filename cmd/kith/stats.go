package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/kithdb/kith/engine"
)

// statsCmd is `kith stats`.
type statsCmd struct {
	Dir  string `arg:"" help:"The platform's directory."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// Run says what is in the directory.
func (c *statsCmd) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		s, err := p.Stats(a.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, s)
		}
		return showStats(a.stdout, s)
	})
}

// showStats writes what is in a platform for people to read.
func showStats(w io.Writer, s engine.Stats) error {
	key := "keys/master, in the directory: erased people stay erased, a stolen directory can be read"
	if s.Keyed {
		key = "from outside"
	}
	state := "takes events"
	if !s.Writable {
		state = "reads only"
	}
	rows := [][]string{
		{"directory", s.Dir + ", " + state},
		{"events", fmt.Sprintf("%s, %s to %s", group(int64(s.Events)), when(s.First), when(s.Last))},
		{"people", fmt.Sprintf("%s, %s of them known", group(int64(s.Profiles)), group(int64(s.Known)))},
		{"identifiers", group(int64(s.Fragments))},
		{"received", group(int64(s.Tally.Received)) + ": " + outcome(s.Tally)},
		{"on disk", fmt.Sprintf("%s: history %s in %s, store %s", volume(s.Bytes), volume(s.History), plural(int64(s.Parts), "part"), volume(s.Store))},
		{"in memory", fmt.Sprintf("%s of columns and bitmaps, %s waiting for history", volume(s.State.Bytes), volume(s.Waiting))},
		{"rules", fmt.Sprintf("version %d", s.Rules)},
		{"master key", key},
		{"as of", fmt.Sprintf("seq %d", s.At)},
	}
	if s.Events > 0 && s.Bytes > 0 {
		rows[5][1] += fmt.Sprintf(", %.0f bytes an event", float64(s.Bytes)/float64(s.Events))
	}
	if err := lined(w, "", rows); err != nil || len(s.Sources) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w, "\nsources"); err != nil {
		return err
	}
	var sources [][]string
	for _, name := range slices.Sorted(maps.Keys(s.Sources)) {
		sources = append(sources, []string{tame(name), group(int64(s.Sources[name].Received)) + ": " + outcome(s.Sources[name])})
	}
	return lined(w, "  ", sources)
}
