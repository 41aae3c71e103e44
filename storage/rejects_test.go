package storage

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/kithdb/kith"
)

// Rejects come back as they were, from any number on, and alike ones take a
// small part of their size.
func TestRejectsInChunks(t *testing.T) {
	s, err := OpenStore(Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seal := func(number uint64, plain []byte) ([]byte, error) {
		return append(fmt.Appendf(nil, "%08d", number), plain...), nil
	}
	open := func(number uint64, sealed []byte) ([]byte, error) {
		if string(sealed[:8]) != fmt.Sprintf("%08d", number) {
			return nil, errors.New("another number")
		}
		return sealed[8:], nil
	}
	var all []Reject
	var c Rejects
	tx := s.Update()
	items := 0
	for i := range 1000 {
		r := Reject{
			Seq: kith.Seq(3*i + 1), At: int64(i / 100), Verdict: kith.Rejected, Code: "required", Path: "userId", Line: int64(i), Load: 7,
			Source: "shop", Raw: fmt.Appendf(nil, `{"type":"track","event":"Order Completed","messageId":"m-%d","properties":{"total":%d.5,"currency":"EUR","products":[{"sku":"%x","quantity":1},{"sku":"%x","quantity":2}]}}`, i, i*i%1000, i*7919, i*104729),
		}
		if i%10 == 0 {
			r.Verdict, r.Code, r.Path, r.Repeats, r.Offset = kith.Duplicate, "synthetic", "", kith.Seq(i+1), -1
		}
		if i == 500 {
			r.Raw = bytes.Repeat([]byte("x"), 256<<10)
		}
		if i == 501 {
			r.Raw = nil
		}
		all = append(all, r)
		items += len(r.Raw)
		if err := c.Put(tx, &r, seal); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(tx, seal); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(tx, seal); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, most := tx.Bytes(), int64(items/6); got > most {
		t.Errorf("%d bytes of items take %d, want at most %d", items, got, most)
	}
	snap := s.Snapshot()
	defer snap.Release()
	for _, from := range []int{0, 1, 499, 502, 999} {
		i := from
		err := snap.Rejects(all[from].Seq, open, func(r *Reject) error {
			if len(r.Raw) == 0 {
				r.Raw = nil
			}
			if !reflect.DeepEqual(*r, all[i]) {
				t.Fatalf("reject %d differs", i)
			}
			i++
			return nil
		})
		if err != nil || i != len(all) {
			t.Errorf("from %d: ended at %d, want %d (%v)", from, i, len(all), err)
		}
	}
	sealed := func(uint64, []byte) ([]byte, error) { return nil, nil }
	n := 0
	if err := snap.Rejects(0, sealed, func(r *Reject) error { n++; return nil }); err != nil || n != len(all) {
		t.Errorf("without opening: %d, want %d (%v)", n, len(all), err)
	}
}
