package query

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/storage/bitmap"
)

// crowd is people whose traits stand in maps; it answers a leaf by working it
// out for one after the other.
type crowd struct {
	now      time.Time
	people   []map[string]any // string, *big.Rat, bool
	kinds    map[string]Type
	segments map[string]string
	asked    int
}

func (w *crowd) Kept(t *Trait) (Type, bool)        { return w.kinds[t.Path], w.kinds[t.Path] != Time }
func (w *crowd) Names() []EventName                { return nil }
func (w *crowd) Size(l *Piece) int                 { return len(Print(l.Cond)) }
func (w *crowd) Segment(name string) (Cond, error) { return Parse(w.segments[name]) }
func (w *crowd) List(name string) error            { return onlyVIP(name) }
func (w *crowd) Everybody() (*bitmap.Set, error) {
	s := &bitmap.Set{}
	for i := range w.people {
		s.Add(uint32(i))
	}
	return s, nil
}

func onlyVIP(name string) error {
	if name != "vip" {
		return errors.New("no list " + name)
	}
	return nil
}

// Answer works out the whole condition of the leaf for each person, and where
// it is about one trait, that Sole and Ranges say the same.
func (w *crowd) Answer(l *Piece, within *bitmap.Set) (*bitmap.Set, error) {
	w.asked++
	if within == nil {
		within, _ = w.Everybody()
	}
	out := &bitmap.Set{}
	for i := range within.All() {
		want := w.truth(l.Cond, w.people[i]) == isTrue
		if want {
			out.Add(i)
		}
		if l.Way == ByNothing && l.True != want {
			return nil, fmt.Errorf("%s is %v for everybody", Print(l.Cond), l.True)
		}
		if l.Way == ByTrait {
			if err := w.same(l.Sole, w.people[i][l.Sole.Trait.Path], want); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (w *crowd) same(s *Sole, v any, want bool) error {
	got := false
	switch x := v.(type) {
	case nil:
		got = s.OfNone()
	case string:
		got = s.OfText(x)
		if texts, ok := s.Texts(); ok && want && !slices.Contains(texts, x) {
			return fmt.Errorf("%s is true for %q, which Texts has not", Print(s.cond), x)
		}
	case bool:
		got = s.OfBool(x)
	case *big.Rat:
		n := billionths(x.FloatString(9))
		got = s.OfNum(n)
		if r, ok := s.Ranges(); ok && want != slices.ContainsFunc(r, func(r Range) bool { return r.Lo.Cmp(n) <= 0 && n.Cmp(r.Hi) <= 0 }) {
			return fmt.Errorf("%s: Ranges says %v for %v", Print(s.cond), !want, x)
		}
	}
	if got != want {
		return fmt.Errorf("%s is %v for %v, want %v", Print(s.cond), got, v, want)
	}
	return nil
}

func (w *crowd) truth(c Cond, who map[string]any) truth3 {
	r := &reckoner{now: w.now, look: func(v Value) datum {
		t := v.(*Trait)
		switch x := who[t.Path].(type) {
		case string:
			return readText(x, t.As)
		case bool:
			if t.As == Bool || t.As == Untold {
				return datum{as: Bool, is: x}
			}
		case *big.Rat:
			if t.As == Number || t.As == Untold {
				return datum{as: Number, num: billionths(x.FloatString(9))}
			}
		}
		return datum{}
	}}
	return w.with(r, c, who)
}

// with is cond, and goes into other segments.
func (w *crowd) with(r *reckoner, c Cond, who map[string]any) truth3 {
	switch x := c.(type) {
	case And:
		least := isTrue
		for _, c := range x {
			least = min(least, w.with(r, c, who))
		}
		return least
	case Or:
		most := isFalse
		for _, c := range x {
			most = max(most, w.with(r, c, who))
		}
		return most
	case Not:
		return isTrue - w.with(r, x.Cond, who)
	case *Member:
		def, err := w.Segment(x.Segment)
		if err != nil {
			panic(err)
		}
		return truthOf(w.truth(def, who) == isTrue)
	case *OnList:
		return truthOf(who["on "+x.List] == true)
	}
	return r.cond(c)
}

func choose[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func someLeaf(r *rand.Rand) string {
	op := choose(r, "=", "<>", "<", "<=", ">", ">=", "<=>")
	num := choose(r, "0", "3", "10.5", "10.500000001", "-7")
	return choose(r,
		"plan "+op+" "+choose(r, "'pro'", "'Größe'", "''"), "plan IN ('pro', 'x')", "plan NOT IN ('pro', NULL)", "plan "+choose(r, "LIKE", "NOT ILIKE")+" "+choose(r, "'p%'", "'%O%'", "'_r_'", "'GR%E'", "'%%'"),
		"ltv "+op+" "+num, "ltv BETWEEN -7 AND "+num, "ltv IN (3, 10.5)", "NOT ltv IN (3, NULL)", "ltv IS NULL", "coalesce(ltv, 4) "+op+" "+num, "text(ltv) IS NULL",
		"vip", "NOT vip", "vip IS NOT TRUE", "born "+op+" DATE '2000-02-29'", "age(born) "+op+" "+choose(r, "25", "26"), "born + INTERVAL 3 MONTH "+op+" now()",
		"secret "+op+" 'a'", "secret IS NULL", "in_segment('rich')", "in_list('vip')", "NOT in_list('vip')", "nothing IS NULL", "nothing = 1", "length(plan) "+op+" 3", "lower(plan) = 'größe'", "now() > DATE '2020-01-01'", "TRUE")
}

func someCondition(r *rand.Rand, depth int) string {
	if depth == 0 {
		return someLeaf(r)
	}
	a, b := someCondition(r, depth-1), someCondition(r, depth-1)
	return choose(r, a, "NOT ("+a+")", "("+a+" AND "+b+")", "("+a+" OR "+b+")", "("+a+" OR "+b+" OR "+someLeaf(r)+")")
}

// A plan gives the people for whom the condition, worked out person by person
// without any plan, is true.
func TestAPlanAnswersTheCondition(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	w := &crowd{
		now:      time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC),
		kinds:    map[string]Type{"plan": Text, "ltv": Number, "vip": Bool, "born": Text, "secret": Time}, // Time: sealed
		segments: map[string]string{"rich": "ltv > 3 AND NOT in_segment('pros')", "pros": "plan = 'pro'"},
	}
	for range 200 {
		who := map[string]any{}
		for k, v := range map[string]any{
			"plan": choose(r, "pro", "Pro", "GRÖSSE", "größe", "GRÖẞE", "", "x"), "ltv": big.NewRat(choose[int64](r, 0, 3, -7, 10_500_000_000, 10_500_000_001), choose[int64](r, 1, 1_000_000_000)),
			"vip": r.IntN(2) == 0, "born": choose(r, "2000-02-29", "1999-01-01T00:00:00+14:00", "never"), "secret": choose(r, "a", "b"), "on vip": true,
		} {
			if r.IntN(4) > 0 {
				who[k] = v
			}
		}
		w.people = append(w.people, who)
	}
	some := 0
	for range 1000 {
		text := someCondition(r, 1+r.IntN(3))
		c, err := Parse(text)
		if err != nil {
			t.Fatal(text, err)
		}
		p, err := NewPlan(c, w.now, w)
		if err != nil {
			t.Fatal(text, err)
		}
		got, err := p.Solve(w, nil)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		want := &bitmap.Set{}
		for i, who := range w.people {
			if w.truth(c, who) == isTrue {
				want.Add(uint32(i))
			}
		}
		if !got.Equal(want) {
			t.Fatalf("seed %d: %s gives %d people, want %d", seed, text, got.Len(), want.Len())
		}
		if n := got.Len(); n > 0 && n < len(w.people) {
			some++
		}
	}
	if some < 300 {
		t.Errorf("%d of 1000 conditions are true for some", some)
	}
}

// What only DuckDB knows is asked last and at once, and not at all when nobody is left.
func TestThePlanAsksForLittle(t *testing.T) {
	w := &crowd{people: []map[string]any{{"plan": "pro"}}, kinds: map[string]Type{"plan": Text, "secret": Time}}
	for _, c := range []struct {
		text  string
		ways  []Way
		asked int
	}{
		{"secret = 'a' AND plan = 'pro' AND secret = 'b' AND (SELECT sum(properties.x) FROM events) > 2", []Way{ByTrait, ByDuckDB, ByDuckDB}, 1},
		{"secret = 'a' AND plan = 'free'", []Way{ByTrait, ByDuckDB}, 1},
		{"plan = 'pro' OR plan = 'free' AND plan <> 'x'", []Way{ByTrait}, 1},
		{"secret = 'a' OR plan = 'pro'", []Way{ByTrait, ByDuckDB}, 1},
		{"ltv > 3 AND ltv < 5", []Way{ByTrait}, 1},
	} {
		cond, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewPlan(cond, w.now, w)
		if err != nil {
			t.Fatal(err)
		}
		var ways []Way
		for _, l := range p.Pieces() {
			ways = append(ways, l.Way)
		}
		if !slices.Equal(ways, c.ways) {
			t.Errorf("%s: ways %v, want %v", c.text, ways, c.ways)
		}
		if w.asked = 0; strings.Contains(c.text, "sum(") {
			continue
		}
		if _, err := p.Solve(w, nil); err != nil {
			t.Fatal(err)
		}
		if w.asked != c.asked {
			t.Errorf("%s: %d leaves were asked, want %d", c.text, w.asked, c.asked)
		}
	}
}

// Sets of numbers are what they are by trying every number near their ends.
func TestRanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	ends := []Num{leastNum, {-1, 0}, WholeNum(-3), WholeNum(-1), {}, WholeNum(1), WholeNum(5), WholeNum(math.MaxInt64), {0, math.MaxUint64}, {1, 0}, mostNum}
	in := func(s ranges, n Num) bool {
		for i, r := range s {
			if i > 0 && s[i-1].Hi.next().Cmp(r.Lo) >= 0 {
				t.Fatalf("ranges touch: %v", s)
			}
			if r.Lo.Cmp(n) <= 0 && n.Cmp(r.Hi) <= 0 {
				return true
			}
		}
		return false
	}
	some := func() (s ranges) {
		for range r.IntN(4) {
			a, b := choose(r, ends...), choose(r, ends...)
			if a.Cmp(b) > 0 {
				a, b = b, a
			}
			s = s.or(ranges{{a, b}})
		}
		return s
	}
	for range 2000 {
		a, b := some(), some()
		for _, e := range ends {
			for _, n := range []Num{e, e.next(), e.before()} {
				if in(a.or(b), n) != (in(a, n) || in(b, n)) || in(a.and(b), n) != (in(a, n) && in(b, n)) || in(a.not(), n) == in(a, n) {
					t.Fatalf("%v, %v: wrong for %v", a, b, n)
				}
			}
		}
	}
	for range 2000 {
		n, exp := Num{int64(r.Uint64()) >> r.IntN(64), r.Uint64()}, r.IntN(10)
		by := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp)), nil)
		down, up := new(big.Int).Mul(n.Over(exp, false).big(), by), new(big.Int).Mul(n.Over(exp, true).big(), by)
		d := new(big.Int).Sub(up, down)
		if down.Cmp(n.big()) > 0 || up.Cmp(n.big()) < 0 || d.Sign() != 0 && d.Cmp(by) != 0 || d.Sign() == 0 && down.Cmp(n.big()) != 0 {
			t.Fatalf("%v over 10^%d: %v, %v", n.big(), exp, down, up)
		}
	}
}
