package storage

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/kithdb/kith"
)

// TestTokensAgainstAMap adds, flushes and looks up at random, with tokens that
// share their first halves, and readers beside the line.
func TestTokensAgainstAMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	s, err := OpenStore(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ts, err := OpenTokens(s.Get, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := func(n uint64) (k kith.Token) {
		binary.BigEndian.PutUint64(k[:8], n/3) // three of a kind
		binary.BigEndian.PutUint64(k[8:], n)
		return k
	}
	want := map[uint64]kith.FragmentID{}
	first := ts
	var readers sync.WaitGroup
	readers.Go(func() {
		for n := range uint64(20_000) {
			if _, _, err := first.Find(token(n % 4000)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for round := range 40 {
		ts.Begin()
		for range 100 {
			n := r.Uint64N(4000)
			if _, ok := want[n]; !ok {
				want[n] = kith.FragmentID(len(want))
				if _, place, ok, err := ts.Place(token(n)); err == nil && !ok && n%2 == 0 {
					ts.Put(place, token(n), want[n])
				} else if err := ts.Add(token(n), want[n]); err != nil {
					t.Fatal(err)
				}
			}
		}
		ts.Commit()
		if round%5 == 4 {
			flushTokens(t, s, ts)
		}
		if round == 25 { // again, from what is stored
			flushTokens(t, s, ts)
			readers.Wait()
			if ts, err = OpenTokens(s.Get, ts.State()); err != nil {
				t.Fatal(err)
			}
		}
		for n := range uint64(4000) {
			f, ok, err := ts.Find(token(n))
			if w, is := want[n]; err != nil || ok != is || f != w {
				t.Fatalf("round %d: token %d: %d %v %v, want %d %v", round, n, f, ok, err, w, is)
			}
		}
	}
}

func flushTokens(t *testing.T, s *Store, ts *Tokens) {
	t.Helper()
	ts.Freeze()
	for done := false; !done; {
		tx := s.Update()
		var err error
		if done, err = ts.Flush(tx, 1<<16); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	ts.State()
	ts.Switched()
}
