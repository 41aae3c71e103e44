package storage

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith"
)

// A value comes back to the letter, whatever it looks like; a UUID takes 17 bytes.
func TestPackValue(t *testing.T) {
	const id = "e019cbc4-02b8-4b3b-b052-684b545ef061"
	for value, want := range map[string]int{
		"": 0, "ada@example.org": 15, id: 17, id[:35]: 35, id[:35] + "A": 36, id[:8] + "_" + id[9:]: 36, "\x00": 2, "\x01a": 3, "\x02a": 2,
		"\x00" + id[:16]: 18, "e019cbc402-b8-4b3b-b052-684b545ef061": 36,
	} {
		p := PackValue(nil, []byte(value))
		got, err := UnpackValue(p, nil)
		if err != nil || string(got) != value || len(p) != want {
			t.Errorf("%q: %q of %d bytes, want %d (%v)", value, got, len(p), want, err)
		}
	}
	if _, err := UnpackValue([]byte{valueUUID, 1, 2}, nil); err == nil {
		t.Error("a UUID of two bytes is read")
	}
}

// Records of fragments come back with their numbers, and a chunk tells only how far these are apart.
func TestFragmentRecords(t *testing.T) {
	s, err := OpenStore(Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	var recs []FragmentRecord
	seq := kith.Seq(1) << 40
	for i := range 500 {
		seq += kith.Seq(1 + rng.IntN(3))
		recs = append(recs, FragmentRecord{Fragment: kith.FragmentID(i + 1), Seq: seq, At: 7, Rules: 1, Space: 3, Sealed: fmt.Appendf(nil, "value of %d", i)})
	}
	tx := s.Update()
	if err := tx.PutFragments(recs); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, most := tx.Bytes(), int64(500*16+1000); got > most {
		t.Errorf("500 records take %d bytes, want at most %d", got, most)
	}
	snap := s.Snapshot()
	defer snap.Release()
	for _, want := range recs {
		got, err := snap.Fragment(want.Fragment)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v, want %v (%v)", got, want, err)
		}
	}
}

// What was decided about two fragments comes back, whatever the rule is called.
func TestPairRecords(t *testing.T) {
	s, err := OpenStore(Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tx := s.Update()
	defer tx.Discard()
	for i, rule := range append([]string{"", "another rule"}, pairRules...) {
		want := PairRecord{Kind: kith.Refuse, Seq: 1<<40 + 9, Cause: 1 << 40, At: 1_780_000_000_000_000, Rule: rule}
		before := tx.Bytes()
		if err := tx.PutPair(9, kith.FragmentID(i), want, false); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := tx.Pair(kith.FragmentID(i), 9); err != nil || !ok || got != want {
			t.Errorf("%+v, want %+v (%v)", got, want, err)
		}
		if got := tx.Bytes() - before; i > 1 && got > 35 {
			t.Errorf("%q takes %d bytes, want at most 35", rule, got)
		}
	}
}
