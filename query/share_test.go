package query

import (
	"math/big"
	"testing"
)

// A weight is 2^(40 - age/half), rounded down: n is that where
// n^half <= 2^(40 half - age) < (n+1)^half, in whole numbers.
func TestWeight(t *testing.T) {
	r := chance(t)
	exactly, some := 0, 0
	for range rounds(3000) {
		half := 1 + r.Int64N(pick[int64](r, 3, 50, 200))
		age := r.Int64N(half * pick[int64](r, 1, 3, 20, 42))
		unit := pick[int64](r, 1, 1_000_000, 3_600_000_000, 1+r.Int64N(1e9)) // the ratio is what counts
		n := Weight(age*unit, half*unit)
		if age > 40*half {
			if n != 0 {
				t.Fatalf("after %d/%d half-lives an event weighs %d", age, half, n)
			}
			continue
		}
		of := new(big.Int).Lsh(big.NewInt(1), uint(40*half-age))
		power := func(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(n), big.NewInt(half), nil) }
		if power(n).Cmp(of) > 0 || power(n+1).Cmp(of) <= 0 {
			t.Fatalf("after %d/%d half-lives an event weighs %d", age, half, n)
		}
		if halved, rest := age/half, age%half; rest != 0 {
			if some++; exactWeight(halved, rest, half) == n {
				exactly++
			}
		}
	}
	if exactly != some {
		t.Errorf("the two ways agree on %d of %d weights", exactly, some)
	}
	for _, x := range []struct{ age, half, want int64 }{
		{0, 1, 1 << 40}, {30, 30, 1 << 39}, {40 * 30, 30, 1}, {40*30 + 1, 30, 0}, {1, 1 << 52, 1<<40 - 1}, {1<<52 - 1, 1 << 52, 1 << 39}, {1 << 62, 1, 0},
	} {
		if got := Weight(x.age, x.half); got != x.want {
			t.Errorf("of age %d and half-life %d an event weighs %d, want %d", x.age, x.half, got, x.want)
		}
	}
}

func BenchmarkWeight(b *testing.B) {
	const half = 30 * day
	age := int64(0)
	for b.Loop() {
		age = (age + 7919*second) % (20 * half)
		Weight(age, half)
	}
}
