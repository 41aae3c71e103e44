package bench

import (
	"context"
	"errors"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/engine"
)

// open measures how long it takes from nothing to the first answers.
func (r *run) open(ctx context.Context) error {
	e, err := r.loaded(ctx)
	if err != nil {
		return err
	}
	if err := e.Close(); err != nil {
		return err
	}
	var cold, warm opened
	how := ""
	for i := range r.Repeat {
		if how, err = chill(r.path(worldDir)); err != nil {
			return err
		}
		c, err := r.openOnce(ctx)
		if err != nil {
			return err
		}
		w, err := r.openOnce(ctx)
		if err != nil {
			return err
		}
		if i == 0 || c.profile < cold.profile {
			cold = c
		}
		if i == 0 || w.profile < warm.profile {
			warm = w
		}
		r.say("open: cold %v, warm %v to the first profile", c.profile.Round(time.Millisecond), w.profile.Round(time.Millisecond))
	}
	for _, o := range []struct {
		name  string
		t     opened
		limit float64
		note  string
	}{{"cold", cold, 1, how}, {"warm", warm, 0.3, ""}} {
		r.report.add(Figure{Part: "open", Name: o.name + ": open", Value: o.t.open.Seconds(), Unit: "s", Note: o.note})
		r.report.add(Figure{Part: "open", Name: o.name + ": to the first profile", Value: o.t.profile.Seconds(), Unit: "s"}).within(o.limit)
		r.report.add(Figure{Part: "open", Name: o.name + ": to the first answer of SQL over all profiles", Value: o.t.sql.Seconds(), Unit: "s"})
	}
	return nil
}

// opened is when what was there, counted from the start.
type opened struct{ open, profile, sql time.Duration }

func (r *run) openOnce(ctx context.Context) (t opened, err error) {
	begin := time.Now()
	e, err := engine.Open(r.path(worldDir), &engine.Options{Memory: r.Memory})
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	t.open = time.Since(begin)
	if _, err := e.Lookup(kith.Identifier{Space: "email", Value: world.Ada}); err != nil {
		return t, err
	}
	t.profile = time.Since(begin)
	_, err = answer(e.SQL(ctx, questions[0].text))
	t.sql = time.Since(begin)
	return t, err
}
