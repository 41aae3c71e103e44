package engine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// Roll-ups of days give what the days give, also when a day has changed since,
// and take no more memory than they may.
func TestRollUpsAreTheirDays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var kept rollups
	names := []*storage.Days{{}, {}}
	var days [2][]dayParts
	for i, of := range names {
		for day := int32(20_000); day < 20_400; day += 1 + r.Int32N(3) {
			days[i] = append(days[i], dayParts{of, day, counted(r)})
		}
	}
	rolled := 0
	for range 500 {
		mine := days[r.IntN(2)]
		from, to := 20_000+r.Int32N(400), 20_000+r.Int32N(400)
		window := slices.DeleteFunc(slices.Clone(mine), func(d dayParts) bool { return d.day < from || d.day > to })
		var each []*bitmap.Set
		for _, d := range window {
			each = append(each, planesOf(d.parts)...)
		}
		sets := kept.sets(window, func(first, last int32) bool { return from <= first && last <= to }, 1<<20)
		if !bitmap.Or(sets...).Equal(bitmap.Or(each...)) {
			t.Fatalf("days %d to %d: %d sets differ from %d", from, to, len(sets), len(each))
		}
		if len(sets) < len(each) {
			rolled++
		}
		size := 0
		for _, k := range kept.kept {
			size += k.bytes()
		}
		if kept.size != size || size > 1<<20 {
			t.Fatalf("roll-ups of %d bytes, %d by their count, and at most %d were allowed", size, kept.size, 1<<20)
		}
		mine[r.IntN(len(mine))].parts = counted(r)
	}
	if rolled < 100 {
		t.Errorf("only %d of 500 windows were rolled up", rolled)
	}
}

func counted(r *rand.Rand) []*bitmap.Counts {
	c := &bitmap.Counts{}
	for range r.IntN(300) {
		c.Add(r.Uint32N(200_000), 1+r.Uint32N(3))
	}
	return []*bitmap.Counts{c}
}
