package engine

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kithdb/kith"
)

// Requests go before loads, and still a load that waits has its turn.
func TestNobodyStarvesInTheQueue(t *testing.T) {
	q := newQueue(1 << 20)
	ctx := context.Background()
	if err := q.put(ctx, &call{load: &session{}}); err != nil {
		t.Fatal(err)
	}
	for i := range mostPassed + 1 {
		if err := q.put(ctx, &call{}); err != nil {
			t.Fatal(err)
		}
		c, _ := q.take(false)
		if got, want := c.load != nil, i == mostPassed; got != want {
			t.Errorf("take %d gave the load: %v, want %v", i, got, want)
		}
	}
	if n := q.urgent.Load(); n != 1 {
		t.Errorf("%d requests wait, want 1", n)
	}
}

// A load that fills the queue does not keep a request out of it.
func TestAFullQueueTakesARequest(t *testing.T) {
	q := newQueue(1000)
	if err := q.put(context.Background(), &call{load: &session{}, bytes: 1000}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := q.put(ctx, &call{load: &session{}, bytes: 10}); err == nil {
		t.Error("a full queue took more of a load")
	}
	done := make(chan error)
	go func() { done <- q.put(context.Background(), &call{bytes: 10}) }()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A request with many events gives way to one with few.
func TestALargeRequestGoesBehindTheOthers(t *testing.T) {
	q := newQueue(1 << 20)
	large, small := &call{items: make([]item, 2), next: 1}, &call{}
	if err := q.put(context.Background(), small); err != nil {
		t.Fatal(err)
	}
	q.back(large)
	if c, _ := q.take(false); c != small {
		t.Error("the large request goes on before the small one")
	}
	if c, _ := q.take(false); c != large {
		t.Error("the large request was lost")
	}
}

// A request that comes while a load is stored is answered by the commit of the
// turn that runs: it does not wait for one commit and then for its own.
func TestARequestJoinsTheTurnOfALoad(t *testing.T) {
	e := open(t, "")
	var commits atomic.Int64
	var came atomic.Bool
	var at int64
	var wg sync.WaitGroup
	send := func() {
		wg.Go(func() {
			rep, err := e.Ingest(context.Background(), kith.Event{Kind: kith.Track, Name: "Asked", UserID: "somebody"})
			if err != nil || rep.Accepted != 1 {
				t.Error(rep, err)
			}
			at = commits.Load() - at
		})
	}
	before := Point
	set := func(f func(name string)) { // in the line, which calls it
		if err := e.inLine(func() error { Point = f; return nil }); err != nil {
			t.Error(err)
		}
	}
	defer set(before)
	set(func(name string) {
		switch name {
		case "numbered": // within a turn
			if e.line.head.Events > 100 && came.CompareAndSwap(false, true) {
				at = commits.Load()
				send()
				for e.line.q.urgent.Load() == 0 {
				}
			}
		case "before-commit":
			commits.Add(1)
		}
	})
	var in bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&in, `{"type":"track","event":"E","messageId":"m%d","userId":"u%d"}`+"\n", i, i)
	}
	rep, err := e.Load(context.Background(), &in, nil)
	if err != nil || rep.Accepted != 20_000 {
		t.Fatal(rep.Tally, err)
	}
	wg.Wait()
	if !came.Load() {
		t.Fatal("no request was made")
	}
	if at != 1 {
		t.Errorf("the request waited for %d commits, want 1", at)
	}
}
