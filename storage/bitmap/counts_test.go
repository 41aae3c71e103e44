package bitmap

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func sameCounts(t *testing.T, c *Counts, want map[uint32]uint32) {
	t.Helper()
	got := map[uint32]uint32{}
	for row, n := range c.All() {
		got[row] = n
	}
	if !maps.Equal(got, want) {
		t.Fatalf("%d rows have counts, want %d", len(got), len(want))
	}
	if c.Empty() != (len(want) == 0) {
		t.Fatal("Empty is wrong")
	}
}

// some makes counts both ways.
func some(r *rand.Rand, ops int) (*Counts, map[uint32]uint32) {
	c, m := &Counts{}, map[uint32]uint32{}
	for range ops {
		row, n := r.Uint32N(3000)*61, r.Uint32N(9)
		switch r.IntN(5) {
		case 0:
			want := min(n, m[row])
			if got := c.Sub(row, n); got != want {
				panic("Sub")
			}
			m[row] -= want
		default:
			c.Add(row, n)
			m[row] += n
		}
		if m[row] == 0 {
			delete(m, row)
		}
	}
	return c, m
}

func TestCountsAgreeWithMaps(t *testing.T) {
	r := seeded(t)
	for range 20 {
		c, m := some(r, 8000)
		sameCounts(t, c, m)
		held, was := c.Clone(), maps.Clone(m)
		for row := range uint32(500) {
			c.Add(row*61, 1)
			m[row*61]++
		}
		sameCounts(t, c, m)
		sameCounts(t, held, was)
		for _, n := range []uint32{1, 2, 3, 5, 8, 13, 40, 1000} {
			want := naive{}
			for row, k := range m {
				if k >= n {
					want[row] = true
				}
			}
			same(t, "AtLeast", c.AtLeast(n), want)
		}
		back, err := ParseCounts(c.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		sameCounts(t, back, m)
	}
}

func TestACountStaysWithin32Bits(t *testing.T) {
	c := &Counts{}
	if got := c.Add(7, math.MaxUint32-1); got != math.MaxUint32-1 {
		t.Fatal(got)
	}
	if got, want := c.Add(7, 5), uint32(1); got != want {
		t.Errorf("Add = %d, want %d", got, want)
	}
	if got, want := c.Count(7), uint32(math.MaxUint32); got != want {
		t.Errorf("Count = %d, want %d", got, want)
	}
	if got, want := c.Sub(7, math.MaxUint32), uint32(math.MaxUint32); got != want || !c.Empty() {
		t.Errorf("Sub = %d, want %d", got, want)
	}
}

func TestTotalsAddUp(t *testing.T) {
	r := seeded(t)
	var parts []*Counts
	total := map[uint32]uint32{}
	for range 12 {
		c, m := some(r, 3000)
		parts = append(parts, c)
		for row, n := range m {
			total[row] += n
		}
	}
	got := maps.Collect(Totals(parts...))
	if !maps.Equal(got, total) {
		t.Fatalf("%d totals, want %d", len(got), len(total))
	}
	for _, n := range []uint32{1, 2, 3, 7, 20, 60, 300} {
		want := naive{}
		for row, k := range total {
			if k >= n {
				want[row] = true
			}
		}
		same(t, "TotalAtLeast", TotalAtLeast(n, parts...), want)
	}
	same(t, "of nothing", TotalAtLeast(3), naive{})
}

func TestBytesThatAreNoCountsAreRefused(t *testing.T) {
	r := seeded(t)
	c, _ := some(r, 3000)
	whole := c.AppendTo(nil)
	for i := range whole {
		if _, err := ParseCounts(whole[:i]); err == nil {
			t.Fatalf("%d of %d bytes were taken", i, len(whole))
		}
	}
	for range 3000 {
		b := slices.Clone(whole)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		if c, err := ParseCounts(b); err == nil {
			c.Any()
		}
	}
}

// days makes counts of so many days in which one of share of the people has some.
func days(people, share uint32, n int) []*Counts {
	r := rand.New(rand.NewPCG(1, 2))
	parts := make([]*Counts, n)
	for i := range parts {
		parts[i] = &Counts{}
		for range people / share {
			parts[i].Add(r.Uint32N(people), 1+r.Uint32N(2))
		}
	}
	return parts
}

func BenchmarkCountsAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	rows := make([]uint32, 1<<20)
	for i := range rows {
		rows[i] = r.Uint32N(1 << 20)
	}
	c, i := &Counts{}, 0
	for b.Loop() {
		if i&(1<<14-1) == 0 {
			c = &Counts{}
		}
		c.Add(rows[i&(1<<20-1)], 1)
		i++
	}
}

func BenchmarkTotalAtLeast3Of30Days10M(b *testing.B) {
	parts := days(10_000_000, 55, 30)
	for b.Loop() {
		TotalAtLeast(3, parts...)
	}
}

func BenchmarkTotalAtLeast1Of30Days10M(b *testing.B) {
	parts := days(10_000_000, 55, 30)
	for b.Loop() {
		TotalAtLeast(1, parts...)
	}
}
