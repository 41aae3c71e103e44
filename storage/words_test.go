package storage

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith"
)

// wordKey gives the key of a word of few letters, as the secret might make it,
// and how many of its bits tell of letters.
func wordKey(dice *rand.Rand) (key uint64, bits int) {
	for i := range 1 + dice.IntN(12) {
		n := 4
		if i < 4 {
			n = 8
		}
		bits += n
		key |= uint64(1+dice.IntN(3)) << (64 - bits)
	}
	return key, bits
}

// wordRange gives the range of what begins as a word does, or as part of it.
func wordRange(dice *rand.Rand) WordRange {
	key, bits := wordKey(dice)
	for bits > 8 && dice.IntN(3) > 0 {
		if bits -= 4; bits < 32 {
			bits -= 4
		}
	}
	rest := uint64(1)<<(64-bits) - 1
	return WordRange{From: key &^ rest, To: key | rest, Bits: bits}
}

// wordsIn is what the index gives for ranges.
func wordsIn(t *testing.T, w *Words, ranges []WordRange) map[WordOf]bool {
	t.Helper()
	v := w.View()
	defer v.Release()
	got := map[WordOf]bool{}
	err := v.Each(ranges, func(key uint64, fragments []uint32) bool {
		for _, f := range fragments {
			got[WordOf{key, kith.FragmentID(f)}] = true
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := v.Size(ranges)
	if err != nil || n < 0 {
		t.Fatalf("Size = %d, %v", n, err)
	}
	return got
}

// TestWordsAgainstASet adds, rolls back, flushes, merges and opens again, and
// compares what ranges give with a plain set.
func TestWordsAgainstASet(t *testing.T) {
	dice := runDice(t)
	shelf := newShelf()
	w, err := OpenWords(shelf.load, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, kept := map[WordOf]bool{}, map[WordOf]bool{}
	var state []byte
	for range 300 {
		w.Begin()
		turn := map[WordOf]bool{}
		for range dice.IntN(800) {
			key, _ := wordKey(dice)
			p := WordOf{key, kith.FragmentID(dice.IntN(2000))}
			w.Add(p.Key, p.Fragment)
			turn[p] = true
		}
		if dice.IntN(5) == 0 {
			w.Rollback()
		} else {
			w.Commit()
			maps.Copy(all, turn)
		}
		switch dice.IntN(12) {
		case 0:
			state = flushAll(t, w, shelf)
			kept = maps.Clone(all)
		case 1:
			flushAll(t, w, shelf)
			state = mergeAll(t, w, shelf)
			kept = maps.Clone(all)
		case 2:
			w.Freeze() // and go on: it is flushed later
		case 3:
			if w, err = OpenWords(shelf.load, state); err != nil {
				t.Fatal(err)
			}
			all = maps.Clone(kept)
		}
		var ranges []WordRange
		for range 1 + dice.IntN(4) {
			ranges = append(ranges, wordRange(dice))
		}
		slices.SortFunc(ranges, func(a, b WordRange) int { return runCompare(a.From, b.From) })
		ranges = slices.CompactFunc(ranges, func(a, b WordRange) bool { return b.From <= a.To })
		want := map[WordOf]bool{}
		for p := range all {
			for _, r := range ranges {
				if r.From <= p.Key && p.Key <= r.To {
					want[p] = true
				}
			}
		}
		if got := wordsIn(t, w, ranges); !maps.Equal(got, want) {
			t.Fatalf("%d ranges give %d words, want %d", len(ranges), len(got), len(want))
		}
	}
	every := map[WordOf]bool{}
	if err := w.Each(func(p WordOf) error { every[p] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(every, all) {
		t.Errorf("Each gives %d words, want %d", len(every), len(all))
	}
	if err := w.Check(); err != nil {
		t.Error(err)
	}
}

// TestWordsSayWhatIsDamaged flips bytes of every stored value.
func TestWordsSayWhatIsDamaged(t *testing.T) {
	dice := runDice(t)
	shelf := newShelf()
	w, err := OpenWords(shelf.load, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Begin()
	for range 20000 {
		key, _ := wordKey(dice)
		w.Add(key, kith.FragmentID(dice.IntN(50)))
	}
	w.Commit()
	state := flushAll(t, w, shelf)
	found := 0
	for key, good := range shelf.clone().m {
		for _, i := range []int{0, len(good) / 2, len(good) - 1} {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << dice.IntN(8)
			shelf.m[key] = bad
			again, err := OpenWords(shelf.load, state)
			if err != nil {
				t.Fatal(err)
			}
			switch err := again.Check(); {
			case err == nil: // a fragment more or less: the store's checksum finds it
			case !errors.Is(err, kith.ErrCorrupt):
				t.Fatalf("Check = %v, want ErrCorrupt", err)
			default:
				found++
			}
			v := again.View()
			v.Each([]WordRange{{0, 1<<64 - 1, 0}}, func(uint64, []uint32) bool { return true }) // no panic
			v.Release()
		}
		shelf.m[key] = good
	}
	if found == 0 {
		t.Error("no damage was found")
	}
}
