package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// How many lines come in before segments are defined, and how many are timed then.
const (
	liveBase  = 500_000
	liveTimed = 200_000
)

// hundred are 100 segments of mixed kinds: traits, counts in windows, 20 with
// property filters, 10 sequences, 10 that use others, 5 ranks.
func hundred() map[string]string {
	out := map[string]string{}
	add := func(text string) { out[fmt.Sprintf("s%03d", len(out))] = text }
	countries := []string{"FR", "DE", "GB", "US", "ES"}
	for i := range 15 {
		add(fmt.Sprintf("country = '%s' AND visits > %d", countries[i%5], i))
	}
	for i := range 20 {
		add(fmt.Sprintf("EXISTS (SELECT 1 FROM events WHERE name = '%s' AND ts > now() - INTERVAL %d DAY)", []string{"Product Viewed", "Order Completed"}[i%2], 3+4*i))
	}
	for i := range 20 {
		add(fmt.Sprintf("(SELECT count(*) FROM events WHERE name = 'Order Completed' AND properties.total >= %d AND ts > now() - INTERVAL %d DAY) >= 1", 20+5*i, 30+i))
	}
	for i := range 20 {
		add(fmt.Sprintf("plan = '%s' AND last_seen < now() - INTERVAL %d DAY", []string{"pro", "free"}[i%2], 5+i))
	}
	for i := range 10 {
		in := fmt.Sprintf("ts > now() - INTERVAL %d DAY", 7+3*i)
		add("EXISTS (SELECT 1 FROM events WHERE " + []string{
			"name = 'Checkout Started' AND " + in + " AND NOT followed_by(name = 'Order Completed', INTERVAL 1 HOUR)",
			"name = 'Product Viewed' AND " + in + " AND followed_by(name = 'Product Added' AND text(properties.product_id) = outer.properties.product_id, INTERVAL 1 DAY)",
			"name = 'Order Completed' AND " + in + " AND preceded_by(name = 'Email Clicked', INTERVAL 3 DAY)",
		}[i%3] + ")")
	}
	for i := range 5 {
		add(fmt.Sprintf("visits >= top_percent(%d, visits)", 5+10*i))
	}
	for i := range 10 {
		add(fmt.Sprintf("in_segment('s%03d') AND NOT in_segment('s%03d')", i, 15+i))
	}
	return out
}

// live measures what it costs to keep 100 segments current: the same lines into
// two directories, one without segments; single events; and questions about members.
func (r *run) live(ctx context.Context) (err error) {
	src, err := r.source(ctx)
	if err != nil {
		return err
	}
	base, timed, err := headOf(src, min(liveBase, r.world.Events/2), min(liveTimed, r.world.Events/4))
	if err = errors.Join(err, src.close()); err != nil {
		return err
	}
	segments := hundred()
	if r.world.Events < liveBase { // a world for trying the bench
		maps.DeleteFunc(segments, func(name, _ string) bool { return name >= "s010" })
	}
	var rates [2]float64
	var heaps [2]int64
	var single [2][]time.Duration
	for n := range 2 * r.Repeat {
		i, with, first := n%2, n%2 == 1, n < 2
		if err := r.fresh(func(e *engine.Engine) error {
			if err := e.SetClock(segmentNow.Format(time.RFC3339)); err != nil {
				return err
			}
			if _, err := e.Load(ctx, strings.NewReader(base), nil); err != nil {
				return err
			}
			if with {
				if err := r.define(ctx, e, segments, first); err != nil {
					return err
				}
			}
			begin := time.Now()
			rep, err := e.Load(ctx, strings.NewReader(timed), nil)
			if err != nil {
				return err
			}
			rates[i] = max(rates[i], float64(rep.Received)/time.Since(begin).Seconds())
			r.say("live %d of %d: segments %v: %.0f lines/s (load average %s)", n+1, 2*r.Repeat, with, float64(rep.Received)/time.Since(begin).Seconds(), loadAverage())
			if !first {
				return nil
			}
			heaps[i] = heap()
			if single[i], err = singles(ctx, e); err != nil || !with {
				return err
			}
			return r.askLive(ctx, e, segments)
		}); err != nil {
			return err
		}
	}
	r.report.add(Figure{Part: "live", Name: fmt.Sprintf("lines, with %d live segments", len(segments)), Value: rates[1], Unit: "events/s", Peer: rates[0], Ratio: rates[1] / rates[0],
		Note: fmt.Sprintf("%d lines after %d, acknowledged; peer: the same without segments", strings.Count(timed, "\n"), strings.Count(base, "\n"))}).ratioAtLeast(0.6)
	r.report.add(Figure{Part: "live", Name: "Go's heap, after a collection", Value: float64(heaps[1]), Unit: "bytes", Peer: float64(heaps[0]), Note: "peer: without segments; the difference is their state"})
	for _, q := range []struct {
		name string
		at   int
	}{{"p50", 50}, {"p99", 99}} {
		with, without := single[1][len(single[1])*q.at/100], single[0][len(single[0])*q.at/100]
		f := r.report.add(Figure{Part: "live", Name: "event to visible membership, " + q.name, Value: with.Seconds(), Unit: "s", Peer: without.Seconds(),
			Note: "one durable event of an idle engine, whose members are current when it is acknowledged; peer: the same without segments"})
		if q.at == 99 {
			f.within(without.Seconds() + 5e-3)
		}
	}
	return nil
}

// headOf reads the first lines, and those after them.
func headOf(src io.Reader, base, timed int) (a, b string, err error) {
	var out [2]strings.Builder
	in := bufio.NewReaderSize(src, 1<<20)
	for i := range base + timed {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", "", err
		}
		out[min(i/base, 1)].Write(line)
	}
	return out[0].String(), out[1].String(), nil
}

// fresh runs f on a directory of its own.
func (r *run) fresh(f func(e *engine.Engine) error) error {
	dir := r.path("live.kith")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	e, err := engine.Open(dir, nil)
	if err != nil {
		return err
	}
	return errors.Join(f(e), e.Close(), os.RemoveAll(dir))
}

// define defines the segments, and notes what building them took.
func (r *run) define(ctx context.Context, e *engine.Engine, segments map[string]string, note bool) error {
	begin := time.Now()
	for i := range len(segments) {
		name := fmt.Sprintf("s%03d", i)
		if _, err := e.Define(ctx, name, segments[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if note {
		r.report.add(Figure{Part: "live", Name: fmt.Sprintf("%d segments defined and built, one after another", len(segments)), Value: time.Since(begin).Seconds(), Unit: "s"})
	}
	return nil
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// singles takes in single events of an idle engine.
func singles(ctx context.Context, e *engine.Engine) ([]time.Duration, error) {
	var took []time.Duration
	for i := range 400 {
		ev := kith.Event{Kind: kith.Track, Name: "Order Completed", UserID: fmt.Sprintf("live-%d", i%50), MessageID: fmt.Sprintf("live-%d", i),
			Properties: []byte(`{"total":120.50}`), Source: "bench", Timestamp: segmentNow.Add(-time.Hour)}
		begin := time.Now()
		rep, err := e.Ingest(ctx, ev)
		if err != nil {
			return nil, err
		}
		if rep.Accepted != 1 {
			return nil, errDiffers("accepted events", rep.Accepted, 1)
		}
		took = append(took, time.Since(begin))
		time.Sleep(2 * time.Millisecond)
	}
	slices.Sort(took)
	return took, nil
}

// askLive measures questions about members, and verifies every segment.
func (r *run) askLive(ctx context.Context, e *engine.Engine, segments map[string]string) error {
	names := make([]string, 0, len(segments))
	for name := range segments {
		names = append(names, name)
	}
	slices.Sort(names)
	took := make([]time.Duration, 100_000)
	for i := range took {
		begin := time.Now()
		if _, err := e.Contains(names[i%len(names)], kith.ProfileID(1+i*7919%20_000)); err != nil {
			return err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	r.report.add(Figure{Part: "live", Name: "is a profile a member, p50", Value: took[len(took)/2].Seconds(), Unit: "s"})
	r.report.add(Figure{Part: "live", Name: "is a profile a member, p99", Value: took[len(took)*99/100].Seconds(), Unit: "s"}).within(5e-6)
	begin := time.Now()
	if _, err := e.Overlap(ctx, names[:min(50, len(names))], nil); err != nil {
		return err
	}
	r.report.add(Figure{Part: "live", Name: "overlap of 50 × 50 segments", Value: time.Since(begin).Seconds(), Unit: "s"}).within(1)
	for _, name := range names {
		v, err := e.Verify(ctx, name)
		if err != nil {
			return err
		}
		if !v.Same() {
			return errDiffers("members of "+name, v.Kept, v.Found)
		}
	}
	return nil
}
