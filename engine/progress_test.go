package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// buyers takes in so many of them, who order something each.
func buyers(t *testing.T, e *Engine, n int) {
	t.Helper()
	for from := 0; from < n; from += 1000 {
		var b strings.Builder
		for i := from; i < min(n, from+1000); i++ {
			fmt.Fprintf(&b, `{"type":"track","event":"Order Completed","messageId":"o%d","userId":"u%d","timestamp":"2026-01-02T00:00:00Z","properties":{"total":%d}}`+"\n", i, i, i)
		}
		if _, err := e.Load(t.Context(), strings.NewReader(b.String()), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever builds says how far he is, one step after another, in the line as
// elsewhere; what waits for its turn says that, and what is built nothing.
func TestBuildingSaysHowFar(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "kith"))
	const people = 3*rowsAtOnce + 10
	buyers(t, e, people)
	ctx := context.Background()
	var traits, segments []Progress
	note := func() {
		all, err := e.Segments(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if (s.State == "building") != (s.Progress.Doing != "") {
				t.Errorf("%+v", s)
			}
			segments = append(segments, s.Progress)
		}
		values, err := e.ComputedTraits(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range values {
			traits = append(traits, s.Progress)
		}
	}
	// The builder goes on in turns of the line, one by one: whoever asks for
	// turns, too, sees what there is between them.
	between := func(done <-chan error) {
		t.Helper()
		for {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				note()
				return
			default:
				if err := e.inLine(func() error { note(); return nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	defined := make(chan error)
	go func() {
		_, err := e.DefineTrait(ctx, "ltv", "(SELECT sum(properties.total) FROM events WHERE name = 'Order Completed')")
		defined <- err
	}()
	between(defined)
	go func() {
		_, err := e.Define(ctx, "rich", "ltv >= top_percent(10, ltv)")
		defined <- err
	}()
	between(defined)
	steps(t, "the trait", traits, people, isReading, isAsking)
	steps(t, "the segment", segments, people, isComparing, isAsking)
	healthy(t, e)
}

// steps sees to it that progress goes on, through what is to be done, to its end.
func steps(t *testing.T, what string, list []Progress, people int64, doing ...string) {
	t.Helper()
	order := []string{isWaiting, isReading, isComparing, isAsking, ""}
	at, last, saw := 0, int64(0), map[string]bool{}
	for _, p := range list {
		for order[at] != p.Doing {
			if at++; at == len(order) {
				t.Fatalf("%s: %q comes too late in %v", what, p.Doing, list)
			}
			last = 0
		}
		if p.People < last || p.People > p.Of || p.Of != 0 && p.Of != people {
			t.Fatalf("%s: %+v after %d", what, p, last)
		}
		last, saw[p.Doing] = p.People, true
	}
	for _, d := range append(doing, "") {
		if !saw[d] {
			t.Errorf("%s is never seen %q in %d looks", what, d, len(list))
		}
	}
}

// A statement about the table of segments does not wait for those that are being
// built, and one about members does.
func TestTableOfSegmentsDoesNotWait(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "kith"))
	buyers(t, e, 10)
	stuck := &liveSegment{gauge: &gauge{}, built: make(chan struct{})}
	stuck.gauge.mu.Lock() // whoever builds it waits, and so do those behind it
	e.builder.put(stuck)
	defined := make(chan error)
	go func() {
		_, err := e.Define(context.Background(), "everybody", "TRUE")
		defined <- err
	}()
	for all := []Segment(nil); len(all) == 0; {
		var err error
		if all, err = e.Segments(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const ask = "SELECT name, state, progress, members FROM segments"
	if got, want := queried(t, e, "SELECT * EXCLUDE (text, version, defined_at, seq) FROM segments"), "everybody|building|waiting|<nil>\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	soon, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := e.SQL(soon, ask); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a statement about members does not wait: %v", err)
	}
	stuck.gauge.mu.Unlock()
	if err := <-defined; err != nil {
		t.Fatal(err)
	}
	if got, want := queried(t, e, ask), "everybody|live|<nil>|10\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
