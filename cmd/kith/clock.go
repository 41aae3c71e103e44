package main

import (
	"fmt"
	"time"

	"github.com/kithdb/kith/engine"
)

// clockCmd is `kith clock`.
type clockCmd struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Spec string `arg:"" optional:"" help:"wall; data: the newest event's time; or an instant such as 2011-12-10T00:00:00Z, forward only."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// Run shows the standing clock, after setting it where that is asked for.
func (c *clockCmd) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		if c.Spec != "" {
			if err := p.SetClock(a.ctx, c.Spec); err != nil {
				return err
			}
		}
		set, now, err := p.Clock(a.ctx)
		if err != nil {
			return err
		}
		return c.show(a, set, now)
	})
}

func (c *clockCmd) show(a *app, set engine.ClockSetting, now time.Time) error {
	if c.JSON {
		out := map[string]any{"mode": set.Mode, "now": nil}
		if !now.IsZero() {
			out["now"] = now
		}
		return writeJSON(a.stdout, out)
	}
	word := map[string]string{"wall": "the wall clock", "data": "the newest event", "at": "a standing instant"}[set.Mode]
	if now.IsZero() {
		_, err := fmt.Fprintf(a.stdout, "%s: there is no event yet\n", word)
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s: %s\n", word, now.Format(time.RFC3339Nano))
	return err
}
