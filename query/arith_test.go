package query

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

func whole(d Dec) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(d.Hi), 64)
	return n.Add(n, new(big.Int).SetUint64(d.Lo))
}

func ratOf(d Dec) *big.Rat {
	return new(big.Rat).Quo(new(big.Rat).SetInt(whole(d)), big.NewRat(billion, 1))
}

// calculated compares arithmetic with that of fractions: what is off is at most
// half a billionth, and then the result is even; and only what is too large does
// not fit.
func calculated(t *testing.T, a, b Dec) {
	t.Helper()
	limit, _ := new(big.Rat).SetString("1e29")
	half := big.NewRat(1, 2*billion)
	for fn, slow := range map[Func]func(x, y *big.Rat) *big.Rat{Plus: new(big.Rat).Add, Minus: new(big.Rat).Sub, Times: new(big.Rat).Mul, Over: new(big.Rat).Quo} {
		if fn == Over && b == (Dec{}) {
			continue
		}
		want := slow(ratOf(a), ratOf(b))
		got, ok := Calculate(fn, a, b)
		off := new(big.Rat).Abs(new(big.Rat).Sub(ratOf(got), want))
		switch c := off.Cmp(half); {
		case !ok:
			if new(big.Rat).Abs(want).Cmp(new(big.Rat).Sub(limit, half)) < 0 {
				t.Fatalf("%s %s %s does not fit", a, fn, b)
			}
		case c > 0 || c == 0 && got.Lo&1 == 1 || (fn == Plus || fn == Minus) && off.Sign() != 0 || new(big.Rat).Abs(ratOf(got)).Cmp(limit) >= 0:
			t.Fatalf("%s %s %s = %s", a, fn, b, got)
		}
	}
}

// summed compares sums and averages of numbers that may be great, added up and
// put together of parts as DuckDB adds them, with those of fractions.
func summed(t *testing.T, r *rand.Rand) {
	t.Helper()
	var added total
	all, wholes, rests := new(big.Int), new(big.Int), new(big.Int)
	n := 1 + r.IntN(pick(r, 2, 6, 40))
	for range n {
		d, ok := ParseDec(pick(r, "", "-") + pick(r, "9", "5", "1", "0", "49999999999999999999999999999", "90000000000000000000000000000", "99999999999999999999999999999", fmt.Sprint(r.Uint64())) + pick(r, "", ".5", ".999999999", ".000000001"))
		if !ok {
			t.Fatal("a number does not fit")
		}
		added.add(d)
		all.Add(all, whole(d))
		w, rest := new(big.Int).QuoRem(whole(d), big.NewInt(billion), new(big.Int))
		if r.IntN(2) == 0 { // small ones are not taken apart
			w, rest = new(big.Int), whole(d)
		}
		wholes.Add(wholes, w)
		if rests.Add(rests, rest); rests.BitLen() > 126 {
			return
		}
	}
	for _, x := range []struct {
		way string
		n   int
		by  func() (Dec, bool)
	}{
		{"sum", 1, added.sum},
		{"sum of parts", 1, func() (Dec, bool) { return SumOf(wordsOf(wholes), wordsOf(rests)) }},
		{"average", n, func() (Dec, bool) { return added.over(uint64(n)) }},
		{"average of parts", n, func() (Dec, bool) { return AverageOf(wordsOf(wholes), wordsOf(rests), uint64(n)) }},
	} {
		got, ok := x.by()
		want := evenly(all, int64(x.n))
		if fits := new(big.Int).Abs(want).Cmp(mostDec) < 0; ok != fits || ok && whole(got).Cmp(want) != 0 {
			t.Fatalf("%s of %d numbers: %s, %t; want %s billionths", x.way, n, got, ok, want)
		} else if x.n > 1 && !ok {
			t.Fatalf("an average of %d numbers does not fit", n)
		}
	}
}

// evenly divides by n > 0 and rounds half to even.
func evenly(a *big.Int, n int64) *big.Int {
	q, rest := new(big.Int).DivMod(a, big.NewInt(n), new(big.Int)) // towards minus infinity
	if c := rest.Lsh(rest, 1).Cmp(big.NewInt(n)); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// wordsOf gives the 128 bits of a number.
func wordsOf(n *big.Int) Dec {
	b := new(big.Int).And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))) // of two's complement
	return Dec{new(big.Int).And(b, new(big.Int).SetUint64(1<<64-1)).Uint64(), int64(b.Rsh(b, 64).Uint64())}
}

// Values that computed traits are refused for, with what the error says.
func TestValuesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "line 1, column 1: the value is empty",
		"plan":                             "line 1, column 1: nothing says how the value is read: write number(x), text(x), time(x) or bool(x) around it",
		"in_segment('x')":                  "line 1, column 1: in_segment is not allowed in a computed trait: a segment asks for computed traits, and never the other way round",
		"in_segment('x') = TRUE":           "line 1, column 1: in_segment is not allowed in a computed trait: a segment asks for computed traits, and never the other way round",
		"plan = 'pro' AND in_segment('x')": "line 1, column 18: in_segment is not allowed in a computed trait: a segment asks for computed traits, and never the other way round",
		"top_percent(10, ltv)":             "line 1, column 1: a computed trait is about one person, top_percent about all: compare the trait with it in a segment",
		"ltv + now()":                      "line 1, column 7: times are not calculated with: write days_between(a, b), or add an interval: ts + INTERVAL 30 DAY",
		"ltv + 'a'":                        "line 1, column 7: a text stands where a number is needed",
		"tier(ltv, 'a', 2, 'b', 1, 'c')":   "line 1, column 1: tier takes a number, and then names with ascending numbers between them: tier(ltv, 'bronze', 100, 'silver', 1000, 'gold') is silver from 100 on",
		"(SELECT percentile(properties.total, 0) FROM events)": "line 1, column 9: the second value of percentile is a number above 0 and at most 100",
		"most_frequent(plan)": "line 1, column 1: most_frequent is over events: write (SELECT most_frequent(…) FROM events WHERE …)",
	} {
		if _, err := ParseValue(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"now()", "current_date", "days_between(now(), now() - INTERVAL 1 DAY)", "coalesce(time(born), now())"} {
		v, err := ParseValue(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := CompileValue(v); err == nil {
			t.Errorf("%s is kept current", text)
		}
	}
}
