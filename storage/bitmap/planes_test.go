package bitmap

import (
	"math"
	"math/rand/v2"
	"testing"
)

var holds = map[Op]func(a, b int64) bool{
	Less:         func(a, b int64) bool { return a < b },
	LessEqual:    func(a, b int64) bool { return a <= b },
	Equal:        func(a, b int64) bool { return a == b },
	NotEqual:     func(a, b int64) bool { return a != b },
	GreaterEqual: func(a, b int64) bool { return a >= b },
	Greater:      func(a, b int64) bool { return a > b },
}

// numbers makes a block whose numbers lie around zero, within a spread.
func numbers(r *rand.Rand, spread uint64, n int) (has []uint64, vals []int64) {
	has, vals = make([]uint64, 1024), make([]int64, n)
	for i := range vals {
		vals[i] = int64(r.Uint64N(spread)) - int64(spread/2)
		if r.IntN(3) > 0 {
			has[i/64] |= 1 << (i % 64)
		}
	}
	return has, vals
}

func TestPlanesCompareAsNumbersDo(t *testing.T) {
	r := seeded(t)
	for _, spread := range []uint64{1, 2, 5, 1000, 1 << 20, 1 << 40, math.MaxUint64} {
		for _, n := range []int{65536, 1000, 64, 1, 0} {
			has, vals := numbers(r, spread, n)
			p := NewPlanes(has, vals)
			for range 8 {
				v := int64(r.Uint64N(spread)) - int64(spread/2)
				switch r.IntN(6) {
				case 0:
					v = math.MinInt64
				case 1:
					v = math.MaxInt64
				case 2:
					if n > 0 {
						v = vals[r.IntN(n)]
					}
				}
				against(t, p, has, vals, v, nil)
				against(t, p, has, vals, v, has[:1024])
				within := make([]uint64, 1024)
				for i := range within {
					within[i] = r.Uint64()
				}
				against(t, p, has, vals, v, within)
			}
		}
	}
}

func against(t *testing.T, p *Planes, has []uint64, vals []int64, v int64, within []uint64) {
	t.Helper()
	dst := make([]uint64, 1024)
	for op, f := range holds {
		p.Compare(op, v, within, dst)
		for i, x := range vals {
			bit := uint64(1) << (i % 64)
			want := has[i/64]&bit != 0 && f(x, v) && (within == nil || within[i/64]&bit != 0)
			if got := dst[i/64]&bit != 0; got != want {
				t.Fatalf("op %d: %d against %d is %v, want %v", op, x, v, got, want)
			}
		}
	}
}

func BenchmarkPlanesBuild(b *testing.B) {
	has, vals := numbers(rand.New(rand.NewPCG(1, 1)), 1<<20, 65536)
	for b.Loop() {
		NewPlanes(has, vals)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/65536, "ns/value")
}

// One comparison over 10,027,008 people, 20 binary digits.
func BenchmarkPlanesCompare10M(b *testing.B) {
	const blocks = 153
	r := rand.New(rand.NewPCG(1, 1))
	planes := make([]*Planes, blocks)
	for i := range planes {
		has, vals := numbers(r, 1<<20, 65536)
		planes[i] = NewPlanes(has, vals)
	}
	dst := make([]uint64, blocks*1024)
	for b.Loop() {
		for i, p := range planes {
			p.Compare(Greater, 1234, nil, dst[i*1024:(i+1)*1024])
		}
	}
}
