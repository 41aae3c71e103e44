package main

import (
	"fmt"
	"sync/atomic"

	"github.com/kithdb/kith/bench/world"
)

// worldCmd is `kith world`.
type worldCmd struct {
	shape `embed:""`
}

// shape says which world is meant.
type shape struct {
	Size   string  `default:"S" enum:"S,M,L" help:"S: 100,000 people and 2 million events; M: 1 and 20 million; L: 10 and 50 million."`
	People int     `placeholder:"N" help:"So many people instead."`
	Events int     `placeholder:"N" help:"So many events instead."`
	Seed   *uint64 `placeholder:"N" help:"Another seed is another world. Default: 1."`
}

// world gives the world that is meant. People alone bring 20 events each.
func (s *shape) world() (world.World, error) {
	w, err := world.Size(s.Size)
	if err != nil {
		return w, err
	}
	if s.People > 0 {
		w.People, w.Events = s.People, max(20*s.People, s.People+100)
	}
	if s.Events > 0 {
		w.Events = s.Events
	}
	if s.Events > 0 && s.People == 0 {
		w.People = min(max(w.Events/20, 10), w.Events-100)
	}
	if s.Seed != nil {
		w.Seed = *s.Seed
	}
	return w, w.Check()
}

// Run writes a world to standard output.
func (c *worldCmd) Run(a *app) error {
	w, err := c.world()
	if err != nil {
		return err
	}
	if _, ok := terminal(a.stdout); ok {
		return wrong(fmt.Sprintf("kith world --people %d > world.ndjson", w.People), "a world is not for terminals")
	}
	var done atomic.Int64
	bar := a.progress("world", int64(w.Events), done.Load, done.Load)
	defer bar.end()
	return w.Write(a.ctx, a.stdout, func(lines int64) {
		done.Store(lines)
		bar.at(lines)
	})
}
