package storage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith"
)

// slowDocument keeps every write and looks for the two that count.
type slowDocument map[uint32][]Write

func (s slowDocument) state(path uint32) (last Write, prev *Write) {
	ws := slices.Clone(s[path])
	slices.SortFunc(ws, func(a, b Write) int { return a.Compare(&b) })
	last = ws[len(ws)-1]
	for i := len(ws) - 1; i >= 0; i-- {
		if string(ws[i].Raw) != string(last.Raw) {
			return last, &ws[i]
		}
	}
	return last, nil
}

func TestDocumentIsAFunctionOfItsWrites(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		slow := slowDocument{}
		docs := []*Document{{}, {}, {}}
		for range 1 + r.IntN(12) {
			path := uint32(r.IntN(3))
			w := Write{Raw: fmt.Appendf(nil, "%d", r.IntN(3)), Time: int64(r.IntN(4)), Received: int64(r.IntN(3)), Message: fmt.Sprint(r.IntN(3)), Source: uint32(r.IntN(2))}
			slow[path] = append(slow[path], w)
			for range 1 + r.IntN(2) { // telling again changes nothing
				docs[r.IntN(len(docs))].Tell(path, kith.Other, w)
			}
		}
		joined := Join(docs...)
		back, err := DecodeDocument(joined.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		for path := range slow {
			last, prev := slow.state(path)
			got := back.Get(path)
			if got.Last.Compare(&last) != 0 || (got.Prev == nil) != (prev == nil) || prev != nil && got.Prev.Compare(prev) != 0 {
				t.Fatalf("path %d: got %+v, want last %+v prev %+v", path, got, last, prev)
			}
		}
	}
}

func TestDecodeDocumentSurvivesNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	d := &Document{}
	d.Tell(1, kith.Other, Write{Raw: []byte(`"a"`), Time: 5, Message: "m"})
	d.Tell(1, kith.Other, Write{Raw: []byte(`"b"`), Time: 6, Message: "n"})
	good := d.Append(nil)
	for range 20000 {
		bad := slices.Clone(good)
		for range 1 + r.IntN(3) {
			bad[r.IntN(len(bad))] = byte(r.Uint32())
		}
		_, _ = DecodeDocument(bad[:r.IntN(len(bad)+1)]) // the error is beside the point: it must not panic
	}
}
