package bitmap

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

// seeded gives a source of randomness and says in the log which.
func seeded(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// naive is a set as a map.
type naive map[uint32]bool

func (n naive) rows() []uint32 {
	rows := []uint32{}
	for r := range n {
		rows = append(rows, r)
	}
	slices.Sort(rows)
	return rows
}

// pair makes a set both ways: sparse, dense and run-like parts.
func pair(r *rand.Rand) (*Set, naive) {
	s, n := &Set{}, naive{}
	for block := range uint32(4) {
		switch r.IntN(4) {
		case 0:
			for range r.IntN(300) {
				row := block<<16 | r.Uint32N(65536)
				s.Add(row)
				n[row] = true
			}
		case 1:
			for range 9000 {
				row := block<<16 | r.Uint32N(65536)
				s.Add(row)
				n[row] = true
			}
		case 2:
			from := block<<16 | r.Uint32N(50000)
			for row := from; row < from+r.Uint32N(15000)+1; row++ {
				s.Add(row)
				n[row] = true
			}
		}
	}
	if r.IntN(2) == 0 {
		s.Optimize()
	}
	return s, n
}

func same(t *testing.T, what string, got *Set, want naive) {
	t.Helper()
	if g := slices.Collect(got.All()); !slices.Equal(g, want.rows()) {
		t.Fatalf("%s: %d rows, want %d", what, len(g), len(want))
	}
	if got.Len() != len(want) || got.Empty() != (len(want) == 0) {
		t.Fatalf("%s: Len = %d, want %d", what, got.Len(), len(want))
	}
}

func combine(a, b naive, keep func(a, b bool) bool) naive {
	out := naive{}
	for _, m := range []naive{a, b} {
		for r := range m {
			if keep(a[r], b[r]) {
				out[r] = true
			}
		}
	}
	return out
}

func TestSetsAgreeWithMaps(t *testing.T) {
	r := seeded(t)
	and := func(a, b bool) bool { return a && b }
	or := func(a, b bool) bool { return a || b }
	not := func(a, b bool) bool { return a && !b }
	for range 8 {
		a, na := pair(r)
		b, nb := pair(r)
		c, nc := pair(r)
		shared := a.Clone()
		same(t, "And", And(a, b), combine(na, nb, and))
		same(t, "Or", Or(a, b, c), combine(combine(na, nb, or), nc, or))
		same(t, "AndNot", AndNot(a, b), combine(na, nb, not))
		same(t, "AndAny, one by one", andEach(a, []*Set{b, c}), combine(na, combine(nb, nc, or), and))
		same(t, "AndAny, joined", andJoined(a, []*Set{b, c}), combine(na, combine(nb, nc, or), and))
		if got, want := a.AndLen(b), len(combine(na, nb, and)); got != want {
			t.Fatalf("AndLen = %d, want %d", got, want)
		}
		for _, op := range []struct {
			f    func(s, o *Set)
			keep func(a, b bool) bool
		}{{(*Set).And, and}, {(*Set).Or, or}, {(*Set).AndNot, not}} {
			d := a.Clone()
			op.f(d, b)
			same(t, "in place", d, combine(na, nb, op.keep))
		}
		for range 200 {
			row := r.Uint32N(4 << 16)
			if a.Has(row) != na[row] || a.Add(row) == na[row] {
				t.Fatalf("row %d", row)
			}
			na[row] = true
			row = r.Uint32N(4 << 16)
			if a.Remove(row) != na[row] {
				t.Fatalf("row %d", row)
			}
			delete(na, row)
		}
		same(t, "after changes", a, na)
		if shared.Equal(a) {
			t.Fatal("a clone followed its origin")
		}
		same(t, "from words", FromWords(a.Dense(4)), na)
		back, err := ParseSet(a.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "parsed", back, na)
		back.Optimize()
		back, err = ParseSet(back.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "parsed with runs", back, na)
	}
}

func TestBytesThatAreNoSetAreRefused(t *testing.T) {
	r := seeded(t)
	for range 20 {
		s, _ := pair(r)
		whole := s.AppendTo(nil)
		for range 100 {
			b := slices.Clone(whole)
			switch r.IntN(3) {
			case 0:
				b = b[:r.IntN(len(b))]
			case 1:
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			case 2:
				b[r.IntN(min(len(b), 40))] = byte(r.Uint32())
			}
			got, err := ParseSet(b)
			if err != nil {
				if !errors.Is(err, kith.ErrCorrupt) {
					t.Fatal(err)
				}
				continue
			}
			n, last := 0, -1 // another set, but a set
			for row := range got.All() {
				if int(row) <= last {
					t.Fatal("rows are not in order")
				}
				n, last = n+1, int(row)
			}
			if n != got.Len() {
				t.Fatalf("Len = %d, want %d", got.Len(), n)
			}
		}
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add(Of(1, 2, 70000).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSet(b); err == nil {
			n := 0
			for range s.All() {
				n++
			}
			if n != s.Len() {
				t.Fatal("rows are not as many as counted")
			}
		}
	})
}

func BenchmarkSetAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	rows := make([]uint32, 1<<20)
	for i := range rows {
		rows[i] = r.Uint32N(1 << 20)
	}
	s, i := &Set{}, 0
	for b.Loop() {
		if i&(1<<14-1) == 0 {
			s = &Set{}
		}
		s.Add(rows[i&(1<<20-1)])
		i++
	}
}

// What many small sets have together is what they have one by one.
func TestOrOfManySmallSets(t *testing.T) {
	r := seeded(t)
	for range 30 {
		want := naive{}
		var sets []*Set
		for range 2 + r.IntN(20) {
			s := &Set{}
			for range r.IntN(800) {
				row := r.Uint32N(200_000)
				s.Add(row)
				want[row] = true
			}
			sets = append(sets, s)
		}
		same(t, "Or", Or(sets...), want)
	}
}

func benchmarkOr(b *testing.B, people, share uint32) {
	var sets []*Set
	for _, c := range days(people, share, 30) {
		sets = append(sets, c.Any())
	}
	for b.Loop() {
		Or(sets...)
	}
}

func BenchmarkOr30Of100kSparse(b *testing.B) { benchmarkOr(b, 100_000, 170) }
func BenchmarkOr30Of1MSparse(b *testing.B)   { benchmarkOr(b, 1_000_000, 170) }
func BenchmarkOr30Of10M(b *testing.B)        { benchmarkOr(b, 10_000_000, 55) }
