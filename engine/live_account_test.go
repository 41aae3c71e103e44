package engine

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/kithdb/kith/query"
)

// Whatever people do, accounts have the people and the counts that a walk over
// all of them finds, and settle tells each whom the counts have moved.
func TestAccounts(t *testing.T) {
	seed := rand.Uint64() >> 1
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	c, err := query.Parse("(SELECT count(*) FROM profiles WHERE company = outer.company AND vip) >= 2")
	if err != nil {
		t.Fatal(err)
	}
	p, err := query.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	type one struct {
		key    string
		has    bool
		counts bool
	}
	a, all, was := newAccounts(), map[uint32]one{}, map[uint32]bool{}
	walk := func(row uint32) (n int64) {
		for _, o := range all {
			if o.has && o.counts && all[row].has && o.key == all[row].key {
				n++
			}
		}
		return n
	}
	for range 2000 {
		touched := map[uint32]bool{}
		for range 1 + r.IntN(4) {
			row, o := uint32(r.IntN(12)), one{fmt.Sprint(r.IntN(4)), r.IntN(5) > 0, r.IntN(2) == 0}
			a.set(row, o.key, o.has, o.counts)
			all[row], touched[row] = o, true
		}
		a.settle(p, 0, func(row uint32) { touched[row] = true })
		for row := range all {
			n := walk(row)
			if got := a.count(all[row].key); all[row].has && got != n {
				t.Fatalf("row %d: %d count, want %d", row, got, n)
			}
			if is := n >= 2; is != was[row] && !touched[row] {
				t.Fatalf("row %d: nobody asks again, and %d count", row, n)
			}
			was[row] = n >= 2
		}
		for key, in := range a.by {
			for i, row := range in.rows {
				if q := a.of[row]; q.in != in || q.at != i || all[row].key != key || !all[row].has {
					t.Fatalf("row %d does not stand where its account has it", row)
				}
			}
		}
	}
	for row := range all {
		a.set(row, "", false, false)
	}
	if len(a.of)+len(a.by) > 0 {
		t.Errorf("%d rows and %d accounts are left of nobody", len(a.of), len(a.by))
	}
}

// What an account takes of memory for a person, and what it costs that one of
// four begins to count, or ceases.
func BenchmarkAccounts(b *testing.B) {
	const people = 1 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	a := newAccounts()
	keys := make([]string, people/4)
	for i := range keys {
		keys[i] = fmt.Sprintf("company %d", i)
	}
	for row := range uint32(people) {
		a.set(row, keys[row/4], true, row%2 == 0)
	}
	clear(a.was)
	runtime.GC()
	runtime.ReadMemStats(&after)
	r, turn := rand.New(rand.NewPCG(1, 1)), 0
	for b.Loop() {
		row := uint32(r.IntN(people))
		a.set(row, keys[row/4], true, !a.of[row].counts)
		if turn++; turn%64 == 0 {
			clear(a.was)
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/people, "B/person")
	if !slices.Contains(a.by[keys[0]].rows, 0) {
		b.Fatal("it is gone")
	}
}
