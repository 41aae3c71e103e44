package storage

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

// smallPlaces has blocks of 16 places, so that a few hundred make a deep structure.
func smallPlaces(t testing.TB, state []byte, shelf *runShelf) *Places {
	t.Helper()
	spec := placeSpec
	spec.rows, spec.cache = 16, 8
	rs, err := openRuns(spec, shelf.load, state)
	if err != nil {
		t.Fatal(err)
	}
	return &Places{runs: rs, tail: new(placeTail)}
}

// placeWorld drives places, a naive list beside them, and a log, the way the engine does.
type placeWorld struct {
	t      *testing.T
	dice   *rand.Rand
	shelf  *runShelf
	places *Places
	log    []placeAdd
	state  []byte
	upTo   int
	froze  int
}

// fragment draws one of a few busy or many idle fragments.
func (w *placeWorld) fragment() kith.FragmentID {
	switch w.dice.IntN(3) {
	case 0:
		return kith.FragmentID(w.dice.IntN(3))
	case 1:
		return kith.FragmentID(w.dice.IntN(20_000))
	}
	return kith.FragmentID(w.dice.IntN(60))
}

func (w *placeWorld) naive(f kith.FragmentID, upTo uint64) []Place {
	var out []Place
	for _, a := range w.log {
		if a.fragment == f && a.Ordinal < upTo {
			out = append(out, a.Place)
		}
	}
	return out
}

func (w *placeWorld) same(p *Places, when string) {
	w.t.Helper()
	for range 40 {
		f, upTo := w.fragment(), uint64(math.MaxUint64)
		if w.dice.IntN(2) == 0 {
			upTo = w.dice.Uint64N(uint64(len(w.log))*3 + 1)
		}
		got, err := p.Of(f, upTo)
		want := w.naive(f, upTo)
		if err != nil || !slices.Equal(got, want) {
			w.t.Fatalf("%s: Of(%d, %d) = %v, want %v: %v", when, f, upTo, got, want, err)
		}
		n := w.dice.IntN(6)
		if got, err = p.Newest([]kith.FragmentID{f}, upTo, n); err != nil || !slices.Equal(got, want[max(0, len(want)-n):]) {
			w.t.Fatalf("%s: Newest(%d, %d, %d) = %v, want of %v: %v", when, f, upTo, n, got, want, err)
		}
	}
	want := slices.Clone(w.log)
	slices.SortStableFunc(want, func(a, b placeAdd) int { return runCompare(uint64(a.fragment), uint64(b.fragment)) })
	var got []placeAdd
	err := p.Each(func(f kith.FragmentID, place Place) error { got = append(got, placeAdd{f, place}); return nil })
	if err != nil || !slices.Equal(got, want) {
		w.t.Fatalf("%s: Each gives %d, want %d: %v", when, len(got), len(want), err)
	}
	if err := p.Check(); err != nil {
		w.t.Fatal(when, err)
	}
}

func (w *placeWorld) crash(when string) {
	w.t.Helper()
	shelf := w.shelf.clone()
	p := smallPlaces(w.t, w.state, shelf)
	for _, a := range w.log[w.upTo:] {
		p.Add(a.fragment, a.Ordinal, a.Name, a.Day)
	}
	p.Commit()
	w.same(p, "after a crash "+when)
	flushAll(w.t, p, shelf)
	mergeAll(w.t, p, shelf)
	w.same(p, "after a crash and a checkpoint "+when)
}

func (w *placeWorld) turn() {
	w.places.Begin()
	ordinal := uint64(0)
	if n := len(w.log); n > 0 {
		ordinal = w.log[n-1].Ordinal + 1
	}
	var adds []placeAdd
	for range w.dice.IntN(50) {
		a := placeAdd{w.fragment(), Place{ordinal, uint32(w.dice.IntN(30)), int32(w.dice.IntN(900)) - 300}}
		if w.dice.IntN(20) == 0 {
			a.Name, a.Day = w.dice.Uint32(), int32(w.dice.Uint32())
		}
		ordinal += 1 + w.dice.Uint64N(3)
		w.places.Add(a.fragment, a.Ordinal, a.Name, a.Day)
		adds = append(adds, a)
	}
	if len(adds) > 0 {
		f := adds[w.dice.IntN(len(adds))].fragment
		before := w.naive(f, math.MaxUint64)
		for _, a := range adds {
			if a.fragment == f {
				before = append(before, a.Place)
			}
		}
		if got, err := w.places.Own(f); err != nil || !slices.Equal(got, before) {
			w.t.Fatalf("Own(%d) = %v, want %v: %v", f, got, before, err)
		}
	}
	if w.dice.IntN(4) == 0 {
		w.places.Rollback()
		return
	}
	w.places.Commit()
	w.log = append(w.log, adds...)
}

func (w *placeWorld) step() {
	must := func(_ bool, err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	switch w.dice.IntN(8) {
	case 0, 1, 2:
		w.turn()
	case 3:
		if w.dice.IntN(3) == 0 {
			w.places.Freeze()
			w.froze = len(w.log)
		}
	case 4:
		must(w.places.Flush(w.shelf, w.dice.IntN(3000)))
	case 5:
		must(w.places.Step(w.shelf, w.dice.IntN(3000)))
	case 6:
		if done, err := w.places.Flush(w.shelf, 1<<20); err == nil && done {
			state := w.places.State()
			if w.dice.IntN(5) > 0 {
				w.state, w.upTo = state, w.froze
				w.places.Switched()
			}
		}
	case 7:
		must(w.places.Sweep(w.shelf, 1+w.dice.IntN(30)))
		if w.dice.IntN(8) == 0 {
			w.places.Abort()
		}
	}
}

func TestPlacesEqualAListThroughCrashes(t *testing.T) {
	dice := runDice(t)
	for range 12 {
		w := &placeWorld{t: t, dice: dice, shelf: newShelf()}
		w.places = smallPlaces(t, nil, w.shelf)
		quiet := true
		w.shelf.after = func() {
			if !quiet && dice.IntN(30) == 0 {
				w.crash("inside a step")
			}
		}
		for range 150 {
			quiet = false
			w.step()
			quiet = true
			if dice.IntN(10) == 0 {
				w.same(w.places, "running")
				w.crash("between steps")
			}
		}
	}
}

// TestPlacesAreReadWhileTheyChange has readers compare what they may see with what was committed
// when they began, while the line adds, flushes, merges and sweeps.
func TestPlacesAreReadWhileTheyChange(t *testing.T) {
	dice := runDice(t)
	shelf := newShelf()
	p := smallPlaces(t, nil, shelf)
	const fragments, total = 50, 20_000
	var committed atomic.Uint64
	var wait sync.WaitGroup
	stop := make(chan struct{})
	for r := range 3 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			own := rand.New(rand.NewPCG(uint64(r), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				f, upTo := own.Uint64N(fragments), committed.Load()
				got, err := p.Of(kith.FragmentID(f), upTo)
				want := 0
				if upTo > f {
					want = int((upTo - f + fragments - 1) / fragments)
				}
				if err != nil || len(got) != want {
					t.Errorf("Of(%d, %d) gives %d, want %d: %v", f, upTo, len(got), want, err)
					return
				}
				if len(got) > 0 && (got[0].Ordinal != f || got[len(got)-1].Ordinal != uint64(want-1)*fragments+f) {
					t.Errorf("the ordinals of %d go from %d to %d", f, got[0].Ordinal, got[len(got)-1].Ordinal)
				}
			}
		}()
	}
	for at := uint64(0); at < total && !t.Failed(); {
		p.Begin()
		for range 1 + dice.IntN(400) {
			p.Add(kith.FragmentID(at%fragments), at, uint32(at%7), int32(at/100))
			at++
		}
		p.Commit()
		committed.Store(at)
		if dice.IntN(4) == 0 {
			flushAll(t, p, shelf)
		}
		if more, err := p.Step(shelf, 20_000); err != nil {
			t.Fatal(err)
		} else if !more && dice.IntN(2) == 0 {
			p.State()
			p.Switched()
		}
		if _, err := p.Sweep(shelf, 50); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wait.Wait()
}

func TestSweepLeavesARunThatAReaderHolds(t *testing.T) {
	shelf := newShelf()
	p := smallPlaces(t, nil, shelf)
	for i := range uint64(600) {
		p.Add(kith.FragmentID(i%9), i, 1, 1)
		if i%100 == 99 {
			p.Commit()
			flushAll(t, p, shelf)
		}
	}
	old := p.view
	old.refs.Add(1)
	for _, err := p.Step(shelf, 1<<20); err != nil; {
		t.Fatal(err)
	}
	p.State()
	p.Switched()
	if done, err := p.Sweep(shelf, 1000); done || err != nil {
		t.Fatalf("Sweep = %v, %v while a reader holds the old runs", done, err)
	}
	if err := p.check(old.runs[0]); err != nil {
		t.Fatal(err)
	}
	old.refs.Add(-1)
	if done, err := p.Sweep(shelf, 1000); !done || err != nil {
		t.Fatalf("Sweep = %v, %v after the reader has gone", done, err)
	}
	if err := p.check(old.runs[0]); !errors.Is(err, kith.ErrCorrupt) {
		t.Fatalf("the old run is still there: %v", err)
	}
}

func TestPlacesNameDamage(t *testing.T) {
	shelf := newShelf()
	p := smallPlaces(t, nil, shelf)
	for i := range uint64(300) {
		p.Add(kith.FragmentID(i%40), i, uint32(i%5), int32(i/9))
	}
	p.Commit()
	state := flushAll(t, p, shelf)
	for key := range maps.Clone(shelf.m) {
		for _, damage := range []string{"missing", "short", "flipped"} {
			broken := shelf.clone()
			v := slices.Clone(broken.m[key])
			switch damage {
			case "missing":
				delete(broken.m, key)
			case "short":
				broken.m[key] = v[:len(v)-1]
			case "flipped":
				v[0] ^= 1
				broken.m[key] = v
			}
			bad := smallPlaces(t, state, broken)
			if err := bad.Check(); !errors.Is(err, kith.ErrCorrupt) {
				t.Errorf("Check with a %s value of kind %d = %v, want ErrCorrupt", damage, key[1], err)
			}
			for f := range kith.FragmentID(40) {
				if got, err := bad.Of(f, math.MaxUint64); err == nil && len(got) < 7 || err != nil && !errors.Is(err, kith.ErrCorrupt) {
					t.Fatalf("Of with a %s value of kind %d gives %d: %v", damage, key[1], len(got), err)
				}
			}
		}
	}
}

// fillPlaces adds n places of so many fragments, in flushes of size, as two years that arrive in
// order, and says how many bytes each takes.
func fillPlaces(t testing.TB, n, fragments, size int) (*Places, float64) {
	shelf := newShelf()
	p, err := OpenPlaces(shelf.load, nil)
	if err != nil {
		t.Fatal(err)
	}
	dice := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		name := min(dice.IntN(40), dice.IntN(40))
		day := 19_000 + i*730/n - int(dice.ExpFloat64()*0.3)
		p.Add(kith.FragmentID(dice.IntN(fragments)), uint64(i), uint32(name), int32(day))
		if i%2000 == 1999 {
			p.Commit()
		}
		if (i+1)%size == 0 {
			p.Commit()
			flushAll(t, p, shelf)
			mergeAll(t, p, shelf)
		}
	}
	_, rows := p.Runs()
	return p, float64(shelf.bytes()) / float64(rows)
}

func TestPlacesAreSmall(t *testing.T) {
	for _, fragments := range []int{500, 50_000, 1_000_000} {
		_, each := fillPlaces(t, 500_000, fragments, 250_000)
		t.Logf("%d fragments: %.2f bytes a place", fragments, each)
		if each > 6 {
			t.Errorf("%d fragments: %.2f bytes a place, want at most 6", fragments, each)
		}
	}
}

func BenchmarkPlaces(b *testing.B) {
	n := *midCount
	start := time.Now()
	p, each := fillPlaces(b, n, n/5, min(2_000_000, n/5))
	runs, rows := p.Runs()
	b.Logf("%d places of %d fragments in %d runs, %.2f bytes each, filled in %v", rows, n/5, runs, each, time.Since(start))
	dice := rand.New(rand.NewPCG(8, 8))
	b.Run("Of", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Of(kith.FragmentID(dice.IntN(n/5)), math.MaxUint64); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, fragments := range []int{20_000, 1_000_000} {
		b.Run("Turn of 2000 from "+map[int]string{20_000: "20k", 1_000_000: "1M"}[fragments], func(b *testing.B) {
			for at := uint64(n); b.Loop(); {
				p.Begin()
				for range 2000 {
					p.Add(kith.FragmentID(dice.IntN(fragments)), at, 3, 20_000)
					at++
				}
				p.Commit()
				if p.Len() >= 2_000_000 {
					p.tail = new(placeTail)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/place")
		})
	}
}
