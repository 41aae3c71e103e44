package query

import (
	"math"
	"testing"
)

// Who sits where, who counts there, and when the clock changes that.
func TestSeat(t *testing.T) {
	p := compiled(t, "(SELECT count(*) FROM profiles WHERE company = outer.company AND seen > now() - INTERVAL 2 DAY) >= 2")
	if n := len(p.Peers()); n != 1 {
		t.Fatalf("%d accounts, want 1", n)
	}
	now := micros("2026-01-31")
	seat := func(who *somebody) [4]any {
		key, has, counts, next := p.Seat(0, who, now)
		return [4]any{key, has, counts, next}
	}
	never := int64(math.MaxInt64)
	for _, c := range []struct {
		name string
		of   said
		want [4]any
	}{
		{"counts until two days after", said{"company": say("acme"), "seen": say("2026-01-30")}, [4]any{"acme", true, true, micros("2026-02-01")}},
		{"too long ago", said{"company": say("acme"), "seen": say("2026-01-01")}, [4]any{"acme", true, false, never}},
		{"unknown is not counted", said{"company": say("acme")}, [4]any{"acme", true, false, never}},
		{"no account", said{"seen": say("2026-01-30")}, [4]any{"", false, false, never}},
		{"a number is no account", said{"company": say(5)}, [4]any{"", false, false, never}},
	} {
		if got := seat(&somebody{traits: c.of}); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	one := &somebody{traits: said{"company": say("acme")}, peers: map[string]int64{"acme": 2}}
	none := &somebody{peers: map[string]int64{"": 2}}
	for who, want := range map[*somebody]Answer{one: Yes, none: No} {
		if got, _ := p.Eval(who, now); got != want {
			t.Errorf("Eval = %d, want %d", got, want)
		}
	}
}

// A number of people that moves on one side of what it is compared with decides nothing.
func TestCrossed(t *testing.T) {
	const of = "(SELECT count(*) FROM profiles WHERE company = outer.company)"
	for _, c := range []struct {
		text          string
		before, after int64
		want          bool
	}{
		{of + " >= 3", 3, 4, false},
		{of + " >= 3", 2, 3, true},
		{of + " >= 3", 9, 0, true},
		{"NOT 5 > " + of, 5, 9, false},
		{"NOT 5 > " + of, 4, 5, true},
		{"EXISTS (SELECT 1 FROM profiles WHERE company = outer.company) AND vip OR " + of + " = 7", 1, 6, false},
		{"EXISTS (SELECT 1 FROM profiles WHERE company = outer.company) AND vip OR " + of + " = 7", 7, 6, true},
		{of + " = ltv", 7, 8, true},
		{of + " + 1 > 3", 7, 8, true},
		{of + " IN (1, 2)", 7, 8, true},
		{"(" + of + " > 3) IS TRUE", 7, 8, true},
	} {
		if got := compiled(t, c.text).Crossed(0, c.before, c.after); got != c.want {
			t.Errorf("%s: from %d to %d: %t, want %t", c.text, c.before, c.after, got, c.want)
		}
	}
}
