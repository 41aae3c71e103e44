// Package world makes people and events from a seed, in constant memory, for tests, demo and bench.
package world

import (
	"context"
	"io"
	"iter"
	"strconv"

	"github.com/kithdb/kith"
)

// World is so many people and so many lines about them, all of it decided by
// the seed. The same world gives the same bytes on every machine. Nothing is
// kept per person: everything is worked out again from numbers when it is needed.
type World struct {
	People int    // persons, at least 10; every one of them has at least one event
	Events int    // lines, exactly; at least People + 100
	Seed   uint64 // another seed is another world
}

// Ada is the e-mail address of a person who lives in every world: she has a
// name, a user id, two devices, and orders.
const Ada = "ada@example.org"

// Size gives the world of a name that benchmarks use: S, M or L.
func Size(name string) (World, error) {
	switch name {
	case "S":
		return World{People: 100_000, Events: 2_000_000, Seed: 1}, nil
	case "M":
		return World{People: 1_000_000, Events: 20_000_000, Seed: 1}, nil
	case "L":
		return World{People: 10_000_000, Events: 50_000_000, Seed: 1}, nil
	}
	return World{}, &kith.Error{Op: "world.Size", On: strconv.Quote(name) + ", there are S, M and L", Kind: kith.ErrNotFound}
}

// Check says why the world cannot be made, or nil.
func (w World) Check() error {
	switch {
	case w.People < 10:
		return &kith.Error{Op: "world", On: "people, at least 10", Kind: kith.ErrInvalid}
	case w.People > 90_000_000:
		return &kith.Error{Op: "world", On: "people, at most 90000000", Kind: kith.ErrInvalid}
	case w.Events < w.People+100:
		return &kith.Error{Op: "world", On: "events, at least people + 100", Kind: kith.ErrInvalid}
	case w.Events > 1_000_000_000_000:
		return &kith.Error{Op: "world", On: "events, at most 1000000000000", Kind: kith.ErrInvalid}
	}
	return nil
}

// Lines gives every line in the order of receivedAt, without a newline. The
// slice is good until the next one. A world that Check refuses has no lines.
func (w World) Lines() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if w.Check() != nil {
			return
		}
		w.walk(func(m *maker, ev *event) bool {
			m.line = m.append(m.line[:0], ev)
			return yield(m.line)
		})
	}
}

// Write writes every line to out, and tells progress, which may be nil, how
// many are written, now and then and at the end.
func (w World) Write(ctx context.Context, out io.Writer, progress func(lines int64)) error {
	if err := w.Check(); err != nil {
		return err
	}
	if progress == nil {
		progress = func(int64) {}
	}
	buf := make([]byte, 0, 1<<18)
	done := int64(0)
	for line := range w.Lines() {
		buf = append(append(buf, line...), '\n')
		done++
		if len(buf) < 1<<17 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
		buf = buf[:0]
		progress(done)
	}
	if _, err := out.Write(buf); err != nil {
		return err
	}
	progress(done)
	return nil
}
