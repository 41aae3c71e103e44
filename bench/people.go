package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/engine"
)

// people measures what a service asks for on each request: a profile by
// identifier, a timeline, and taking in one event; idle, and while a load runs.
func (r *run) people(ctx context.Context) (err error) {
	e, err := r.loaded(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	ids, err := someone(ctx, e, r.lookups)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return errDiffers("identifiers to look up", 0, r.lookups)
	}
	p := &prober{run: r, e: e, ids: ids, run0: time.Now().UnixNano()}
	if err := p.all(ctx, "idle", false); err != nil {
		return err
	}
	stop := r.feed(ctx, e, uint64(p.run0))
	err = p.all(ctx, "while a load runs", true)
	rate, ferr := stop()
	r.report.add(Figure{Part: "people", Name: "the load meanwhile", Value: rate, Unit: "events/s",
		Note: "lines are made in the same process, on the same cores"})
	return errors.Join(err, ferr)
}

// someone gives identifiers of people, evenly from all there are.
func someone(ctx context.Context, e *engine.Engine, n int) ([]kith.Identifier, error) {
	rows, err := e.SQL(ctx, fmt.Sprintf("SELECT space, value FROM identifiers WHERE space IN ('user_id', 'email') USING SAMPLE reservoir(%d ROWS) REPEATABLE (1)", n))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []kith.Identifier
	for rows.Next() {
		var id kith.Identifier
		if err := rows.Scan(&id.Space, &id.Value); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// prober asks one thing after the other, with pauses, so that it does not load the machine itself.
type prober struct {
	*run
	e      *engine.Engine
	ids    []kith.Identifier
	run0   int64 // makes message ids of this run its own
	events int
}

// all measures the three of them, and before them what the machine itself adds.
func (p *prober) all(ctx context.Context, when string, busy bool) error {
	noise, err := p.times(p.lookups/4, 300*time.Microsecond, func(int) error { compute(); return nil })
	if err != nil {
		return err
	}
	p.note("the machine's own noise (a fixed sum, no Kith)", when, noise, func(*Figure) {})
	find := func(i int) error {
		_, err := p.e.Lookup(p.ids[i*7919%len(p.ids)])
		return err
	}
	if !busy {
		first, err := p.times(p.lookups, 300*time.Microsecond, find)
		if err != nil {
			return err
		}
		p.note("profile by identifier, each for the first time", when, first, func(*Figure) {})
	}
	look, err := p.times(p.lookups, 300*time.Microsecond, find)
	if err != nil {
		return err
	}
	p.note("profile by identifier", when, look, func(f *Figure) { f.within(100e-6) })
	line, err := p.times(p.timelines, time.Millisecond, func(i int) error {
		_, err := p.e.Timeline(ctx, p.ids[i*104729%len(p.ids)], 20)
		return err
	})
	if err != nil {
		return err
	}
	p.note("timeline of 20 events", when, line, func(f *Figure) { f.within(5e-3) })
	single, err := p.times(p.singles, 5*time.Millisecond, func(i int) error { return p.single(ctx) })
	if err != nil {
		return err
	}
	p.note("one event, durable", when, single, func(f *Figure) {
		if busy {
			f.within(20e-3)
		} else {
			f.within(5e-3)
		}
	})
	return nil
}

// compute is some 50 µs of sums: what it takes longer than that is the machine, not Kith.
func compute() {
	x := uint64(1)
	for range 45_000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	sum.Store(x)
}

// sum keeps the compiler from leaving the sums out.
var sum atomic.Uint64

// single takes in one event, as a service would.
func (p *prober) single(ctx context.Context) error {
	p.events++
	who := p.ids[p.events*31%len(p.ids)]
	ev := kith.Event{Kind: kith.Track, Name: "Product Viewed", UserID: who.Value, MessageID: fmt.Sprintf("bench-%d-%d", p.run0, p.events),
		Properties: []byte(`{"product_id":"p-0001","category":"Books","price":9.99}`), Source: "bench"}
	rep, err := p.e.Ingest(ctx, ev)
	if err == nil && rep.Accepted != 1 {
		return errDiffers("accepted events", rep.Accepted, 1)
	}
	return err
}

// times gives how long each of n calls took, in order of length.
func (p *prober) times(n int, pause time.Duration, f func(i int) error) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range n {
		begin := time.Now()
		if err := f(i); err != nil {
			return nil, err
		}
		took[i] = time.Since(begin)
		time.Sleep(pause)
	}
	slices.Sort(took)
	return took, nil
}

// note adds the middle and the 99th percentile; the goal is for the latter.
func (p *prober) note(what, when string, took []time.Duration, goal func(*Figure)) {
	p50, p99 := took[len(took)/2].Seconds(), took[len(took)*99/100].Seconds()
	worst := took[len(took)-1].Seconds()
	p.report.add(Figure{Part: "people", Name: what + ", " + when + ": p50", Value: p50, Unit: "s"})
	goal(p.report.add(Figure{Part: "people", Name: what + ", " + when + ": p99", Value: p99, Unit: "s",
		Note: fmt.Sprintf("of %d calls; the longest %s", len(took), show(worst, "s"))}))
	p.say("people: %s, %s: p50 %s, p99 %s", what, when, show(p50, "s"), show(p99, "s"))
}

// feed loads lines until stop is called, which gives how many a second it took.
func (r *run) feed(ctx context.Context, e *engine.Engine, seed uint64) (stop func() (float64, error)) {
	in, out := io.Pipe()
	go func() {
		buf := make([]byte, 0, 1<<18)
		n := 0
		for line := range world.Track(seed, 1<<40, warmPeople) {
			if n++; n&15 == 0 {
				runtime.Gosched() // who makes the lines is no part of what is measured
			}
			buf = append(append(buf, line...), '\n')
			if len(buf) < 1<<18-2*world.TrackSize {
				continue
			}
			if _, err := out.Write(buf); err != nil {
				return // stop closed the other end
			}
			buf = buf[:0]
		}
	}()
	type end struct {
		rep engine.LoadReport
		err error
	}
	done := make(chan end, 1)
	begin := time.Now()
	r1 := &ender{Reader: in, end: make(chan struct{})}
	go func() {
		rep, err := e.Load(ctx, r1, &engine.LoadOptions{Name: "bench"})
		done <- end{rep, err}
	}()
	return func() (float64, error) {
		close(r1.end)
		got := <-done
		took := time.Since(begin)
		return float64(got.rep.Received) / took.Seconds(), errors.Join(got.err, in.Close())
	}
}

// ender is a reader that comes to its end, at a line's end, when it is told.
type ender struct {
	io.Reader
	end  chan struct{}
	last byte
}

func (r *ender) Read(p []byte) (int, error) {
	select {
	case <-r.end:
		if r.last == '\n' || r.last == 0 {
			return 0, io.EOF
		}
	default:
	}
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.last = p[n-1]
	}
	return n, err
}
