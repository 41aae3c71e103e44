package storage

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Readers share one of Badger's transactions between two commits: to begin one
// waits for the commit that is under way.
func TestReadersShareASnapshot(t *testing.T) {
	s, err := OpenStore(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := []byte{keyMeta, 'x'}
	put := func(v byte) {
		tx := s.Update()
		defer tx.Discard()
		if err := tx.Put(key, []byte{v}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	a, b := s.Snapshot(), s.Snapshot()
	if a != b {
		t.Error("two snapshots between two commits are two transactions")
	}
	put(2)
	for _, c := range []struct {
		snap *Snapshot
		want byte
	}{{a, 1}, {b, 1}, {s.Snapshot(), 2}} {
		if got, err := c.snap.Get(key); err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("Get = %v, %v, want %d", got, err, c.want)
		}
		c.snap.Release()
	}
	if n := a.refs.Load(); n != 0 {
		t.Errorf("a snapshot that nobody has is held %d times", n)
	}
}

// While one goroutine commits, others always find a snapshot, and never an older one than before.
func TestSnapshotsBesideCommits(t *testing.T) {
	s, err := OpenStore(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := []byte{keyMeta, 'x'}
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := byte(0)
			for !done.Load() {
				got, err := s.Get(key)
				if err != nil {
					t.Error(err)
					return
				}
				if len(got) == 1 {
					if got[0] < last {
						t.Errorf("read %d after %d", got[0], last)
					}
					last = got[0]
				}
			}
		})
	}
	for i := range 250 {
		tx := s.Update()
		if err := tx.Replace(key, []byte{byte(i)}); err != nil {
			t.Error(err)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
	}
	done.Store(true)
	readers.Wait()
}
