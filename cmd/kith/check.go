package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// checkCmd is `kith check`.
type checkCmd struct {
	Dir     string `arg:"" help:"The platform's directory."`
	Rebuild bool   `help:"Afterwards make everything that is derived anew, and say whether it is the same."`
	JSON    bool   `name:"json" help:"Write JSON."`
}

// checked is a report for programs.
type checked struct {
	At       kith.Seq         `json:"at"`
	Problems []trouble        `json:"problems"`
	Checked  map[string]int64 `json:"checked"`
	Rebuilt  bool             `json:"rebuilt"`
	Same     bool             `json:"same"`
}

type trouble struct {
	What string `json:"what"`
	On   string `json:"on,omitempty"`
	Text string `json:"text"`
	More int64  `json:"more,omitempty"`
}

// Run proves what is stored, and ends with 9 when something differs.
func (c *checkCmd) Run(a *app) error {
	began := time.Now()
	var report engine.CheckReport
	err := a.with(c.Dir, false, func(p platform) error {
		var err error
		if _, beside := p.(*engine.Client); beside && c.Rebuild {
			return instead(&kith.Error{Kind: kith.ErrUnsupported}, "a running service cannot be rebuilt beneath itself: end it, then kith check --rebuild %s", c.Dir)
		}
		report, err = p.Check(a.ctx, &engine.CheckOptions{Rebuild: c.Rebuild, Progress: a.steps()})
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(a.stdout, report2json(report))
	} else {
		err = c.show(a, report, time.Since(began))
	}
	if err == nil && len(report.Problems) > 0 {
		return instead(errDiffers, "%s", "what is stored is not what it should be: restore a backup, or kith check --rebuild "+c.Dir+" where only derived things differ")
	}
	return err
}

// steps shows on a terminal which step a check has come to.
func (a *app) steps() func(done, total int64, what string) {
	if _, ok := terminal(a.stderr); !ok {
		return nil
	}
	return func(done, total int64, what string) {
		fmt.Fprintf(a.stderr, "\r\x1b[K%d of %d: %s", done, total, what)
		if done >= total {
			fmt.Fprint(a.stderr, "\r\x1b[K")
		}
	}
}

func (c *checkCmd) show(a *app, r engine.CheckReport, gone time.Duration) error {
	for _, p := range r.Problems {
		if _, err := fmt.Fprintln(a.stdout, tame(p.String())); err != nil {
			return err
		}
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(r.Checked)) {
		parts = append(parts, group(r.Checked[what])+" "+what)
	}
	word := "all is as it should be"
	if n := len(r.Problems); n > 0 {
		word = plural(int64(n), "kind") + " of difference"
	}
	if r.Rebuilt && r.Same {
		word += "; rebuilt, and the same as before"
	} else if r.Rebuilt {
		word += "; rebuilt, and not the same as before"
	}
	_, err := fmt.Fprintf(a.stdout, "%s, as of seq %d, in %s: %s\n", word, r.At, took(gone), strings.Join(parts, ", "))
	return err
}

func report2json(r engine.CheckReport) checked {
	out := checked{At: r.At, Problems: []trouble{}, Checked: r.Checked, Rebuilt: r.Rebuilt, Same: r.Same}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, trouble{p.What, p.On, errors.Join(p.Err).Error(), p.More})
	}
	return out
}
