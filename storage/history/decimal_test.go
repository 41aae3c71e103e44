package history

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestNumbersAreExact judges parseNumber by math/big, and plain by encoding/json.
func TestNumbersAreExact(t *testing.T) {
	r := seeded(t)
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
	for range 200_000 {
		s := anyNumber(r)
		n, ok := parseNumber([]byte(s))
		if ok != json.Valid([]byte(s)) {
			t.Fatalf("%q: ok %v", s, ok)
		}
		if !ok {
			continue
		}
		rat, _ := new(big.Rat).SetString(s)
		rat.Mul(rat, big.NewRat(1e9, 1))
		fits := rat.IsInt() && new(big.Int).Abs(rat.Num()).Cmp(limit) < 0
		if n.fits != fits {
			t.Fatalf("%q: fits %v, want %v", s, n.fits, fits)
		}
		if !fits {
			continue
		}
		v := new(big.Int).Lsh(big.NewInt(n.value.hi), 64)
		if v.Add(v, new(big.Int).SetUint64(n.value.lo)); v.Cmp(rat.Num()) != 0 {
			t.Fatalf("%q = %s, want %s", s, v, rat.Num())
		}
		for places := range uint8(3) {
			if got := string(appendNumber(nil, n.value, places)); (got == s) != n.spelled(places) {
				t.Fatalf("%q with %d places is written %q, spelled %v", s, places, got, n.spelled(places))
			}
		}
	}
}

// anyNumber makes a JSON number, or nearly one.
func anyNumber(r *rand.Rand) string {
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("0123456789"[r.IntN(10)])
		}
		return b.String()
	}
	s := []string{"", "", "", "-"}[r.IntN(4)]
	if r.IntN(4) == 0 {
		s += "0"
	} else {
		s += digits(1 + r.IntN([]int{3, 12, 31}[r.IntN(3)]))
	}
	if r.IntN(2) == 0 {
		s += "." + digits(r.IntN(12)) + strings.Repeat("0", r.IntN(3))
	}
	if r.IntN(6) == 0 {
		s += []string{"e", "E"}[r.IntN(2)] + []string{"", "+", "-"}[r.IntN(3)] + digits(r.IntN(3))
	}
	if r.IntN(30) == 0 {
		s += "x"
	}
	return s
}

func TestTextsAreExact(t *testing.T) {
	r := seeded(t)
	for range 100_000 {
		var b strings.Builder
		for range r.IntN(24) {
			b.WriteString([]string{"a", "bc", "é", "\\n", "\\u00e9", "\\ud83d", "\\ude00", "\\", "\"", "\x01", "\xff", "defghijk"}[[]int{0, 1, 1, 2, 3, 4, 5, 6, 11, 11, 11, 7 + r.IntN(40)}[r.IntN(12)]%12])
		}
		text := []byte(`"` + b.String() + `"`)
		var want string
		err := json.Unmarshal(text, &want)
		ok, asIs := plain(text)
		if strings.Contains(b.String(), "\xff") {
			if ok {
				t.Fatalf("%q is not UTF-8", text)
			}
			continue
		}
		if ok != (err == nil) {
			t.Fatalf("%q: ok %v, %v", text, ok, err)
		}
		if !ok {
			continue
		}
		if got := string(unquote(nil, text)); got != want {
			t.Fatalf("%q = %q, want %q", text, got, want)
		}
		if asIs != (string(text[1:len(text)-1]) == want) {
			t.Fatalf("%q: as it is %v", text, asIs)
		}
		var again string
		if err := json.Unmarshal(appendQuoted(nil, []byte(want)), &again); err != nil || again != want {
			t.Fatalf("%q comes back as %q", want, again)
		}
	}
}
