package storage

import (
	"crypto/rand"
	"testing"

	"github.com/kithdb/kith"
)

// A log that was written and deleted takes no room in a directory that was
// closed, also where it is so small that Badger would never merge it.
func TestCompactGivesBackTheLog(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(Config{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	blob := make([]byte, 512<<10)
	rand.Read(blob) // not to be compressed
	const n = 64
	for i := range uint64(n) {
		tx := s.Update()
		b := NewBlob(kith.Seq(i)+1, i, 0, nil)
		b.Event(&Event{Cells: blob})
		if err := tx.PutLog(b, nil); err != nil {
			t.Fatal(err)
		}
		if err := tx.Put(key8(keyReject, i), blob[:1000]); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	tx := s.Update()
	if d, err := tx.TrimLog(kith.Seq(n), n); err != nil || d != n {
		t.Fatal(d, err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	got, want := int64(0), int64(1<<20)
	for range 2 { // on a busy machine Badger may still be writing a table while the first merges
		if err := s.Compact(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err = DiskUse(dir); err != nil || got <= want {
			break
		}
		if s, err = OpenStore(Config{Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil || got > want {
		t.Errorf("the closed store takes %d bytes, want at most %d (%v)", got, want, err)
	}
	if s, err = OpenStore(Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	left := 0
	snap := s.Snapshot()
	defer snap.Release()
	if err := snap.Keys([]byte{keyReject}, func([]byte) error { left++; return nil }); err != nil || left != n {
		t.Errorf("%d records, want %d (%v)", left, n, err)
	}
}
