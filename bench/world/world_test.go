package world

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

// The first lines of S, on every machine. When the world is changed on purpose,
// this changes, and every figure that was measured on it is of another world.
const golden = "0b8e24cdc14c7e5fe525b30c54e357a70732b868842c80a895415e53d4d3ad3f"

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	w, err := Size("S")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	n := 0
	for line := range w.Lines() {
		sum.Write(line)
		if n++; n == 100_000 {
			break
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != golden {
		t.Errorf("hash of the first 100,000 lines = %s, want %s", got, golden)
	}
}

func TestAnotherSeedGivesOtherLines(t *testing.T) {
	ids := map[string]bool{}
	for _, seed := range []uint64{1, 2} {
		w := World{People: 50, Events: 1000, Seed: seed}
		for line := range w.Lines() {
			if i := bytes.Index(line, []byte(`"messageId":"`)); i >= 0 {
				ids[string(line[i:i+50])] = true
			}
		}
	}
	if got, want := len(ids), 1900; got < want {
		t.Errorf("message ids = %d, want at least %d", got, want)
	}
}

func TestSizesOfWorlds(t *testing.T) {
	for _, c := range []struct {
		name           string
		people, events int
	}{{"S", 100_000, 2_000_000}, {"M", 1_000_000, 20_000_000}, {"L", 10_000_000, 50_000_000}} {
		w, err := Size(c.name)
		if err != nil || w.People != c.people || w.Events != c.events {
			t.Errorf("Size(%q) = %d people, %d events, %v", c.name, w.People, w.Events, err)
		}
	}
	if _, err := Size("XL"); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("Size(XL): %v, want not found", err)
	}
}

func TestAWorldThatCannotBe(t *testing.T) {
	for _, w := range []World{{}, {People: 9, Events: 1000}, {People: 100, Events: 199}, {People: 1 << 40, Events: 1 << 41}, {People: 10, Events: -1}} {
		if err := w.Write(t.Context(), io.Discard, nil); !errors.Is(err, kith.ErrInvalid) {
			t.Errorf("Write of %+v: %v, want invalid", w, err)
		}
		if _, err := w.Truth(t.Context()); !errors.Is(err, kith.ErrInvalid) {
			t.Errorf("Truth of %+v: %v, want invalid", w, err)
		}
		for range w.Lines() {
			t.Errorf("%+v has a line", w)
			break
		}
	}
}

func TestWriteIsLines(t *testing.T) {
	w := World{People: 300, Events: 5000, Seed: 3}
	var a, b bytes.Buffer
	last := int64(0)
	if err := w.Write(t.Context(), &a, func(n int64) { last = n }); err != nil {
		t.Fatal(err)
	}
	for line := range w.Lines() {
		b.Write(line)
		b.WriteByte('\n')
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("Write and Lines differ")
	}
	if got, want := last, int64(w.Events); got != want {
		t.Errorf("progress = %d, want %d", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Write(ctx, io.Discard, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Write with a context that has ended: %v", err)
	}
}

func TestPermutationsCanBeAskedBothWays(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 5, 64, 1000, 4097} {
		p := newPerm(n, mix(n))
		seen := make([]bool, n)
		for x := range n {
			y := p.at(x)
			if y >= n || seen[y] {
				t.Fatalf("perm of %d: at(%d) = %d, out of range or twice", n, x, y)
			}
			seen[y] = true
			if got := p.of(y); got != x {
				t.Fatalf("perm of %d: of(at(%d)) = %d", n, x, got)
			}
		}
	}
}

func TestLengthsMakeExactlyTheEvents(t *testing.T) {
	for _, w := range []World{{10, 110, 1}, {1000, 1100, 2}, {1000, 3999, 3}, {1000, 5000, 4}, {999, 20_007, 5}, {50, 100_000, 6}, {1_000_000, 5_000_000, 7}} {
		s := newShape(w)
		sum, most := uint64(adaLines), uint64(0)
		for g := range s.total {
			n := s.length(g)
			sum, most = sum+n, max(most, n)
		}
		if got, want := sum, uint64(w.Events); got != want {
			t.Errorf("%+v: lines = %d, want %d", w, got, want)
		}
		if most > s.longest {
			t.Errorf("%+v: a session of %d lines, want at most %d", w, most, s.longest)
		}
	}
}

func TestTimesAndAmountsAreWrittenAsTheStandardLibraryDoes(t *testing.T) {
	for ms := startAt - 500*dayLen; ms < endAt+500*dayLen; ms += 7*hourLen + 12_345 {
		want := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
		if got := string(appendTime(nil, ms)); got != want {
			t.Fatalf("appendTime(%d) = %s, want %s", ms, got, want)
		}
	}
	if got := string(appendTime(nil, startAt)); got != "2024-07-01T00:00:00.000Z" {
		t.Errorf("the first day is %s", got)
	}
	if got := string(appendTime(nil, endAt-1)); got != "2026-06-30T23:59:59.999Z" {
		t.Errorf("the last instant is %s", got)
	}
	if got := string(appendCents(nil, 120_003)); got != "1200.03" {
		t.Errorf("appendCents = %s", got)
	}
}

func TestTrackLinesAreRightAndOfOneSize(t *testing.T) {
	for _, people := range []int{1, 200, 5000, 8000} {
		users, ids, before := map[string]bool{}, map[string]bool{}, ""
		for line := range Track(9, 5000, people) {
			var ev struct{ Type, Event, UserID, AnonymousID, MessageID, ReceivedAt string }
			if err := json.Unmarshal(line, &ev); err != nil {
				t.Fatal(err)
			}
			if len(line) != TrackSize || ev.Type != "track" || ev.Event == "" || ev.AnonymousID == "" || ev.ReceivedAt < before {
				t.Fatalf("line of %d bytes: %s", len(line), line)
			}
			users[ev.UserID], ids[ev.MessageID], before = true, true, ev.ReceivedAt
		}
		if got, want := len(users), min(people, 5000); got > want || people >= 5000 && got != want {
			t.Errorf("users = %d of %d people", got, people)
		}
		if got, want := len(ids), 5000; got != want {
			t.Errorf("message ids = %d, want %d", got, want)
		}
	}
}

func TestTrackLinesAreNeverTooLong(t *testing.T) {
	n := 0
	for range Track(11, 300_000, 1_000_000) {
		n++
	}
	if got, want := n, 300_000; got != want {
		t.Errorf("lines = %d, want %d", got, want)
	}
}

func TestMemoryDoesNotGrowWithTheWorld(t *testing.T) {
	heap := func(people, events int) uint64 {
		w, n, most := World{People: people, Events: events, Seed: 5}, 0, uint64(0)
		for range w.Lines() {
			if n++; n%100_000 == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			if n == 600_000 {
				break
			}
		}
		return most
	}
	small, large := heap(30_000, 600_000), heap(10_000_000, 50_000_000)
	if large > small+32<<20 {
		t.Errorf("heap = %d MB for a world of 10 million, %d MB for one of 30,000", large>>20, small>>20)
	}
}

func BenchmarkLines(b *testing.B) {
	w, err := Size("M")
	if err != nil {
		b.Fatal(err)
	}
	n, size := 0, 0
	for b.Loop() {
		for line := range w.Lines() {
			size += len(line)
			if n++; n%100_000 == 0 {
				break
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
	b.SetBytes(int64(size / b.N))
}

func BenchmarkTrack(b *testing.B) {
	for b.Loop() {
		for range Track(1, 100_000, 1_000_000) {
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "lines/s")
}
