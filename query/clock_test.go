package query

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func aMoving(r *rand.Rand) *moving {
	m := &moving{}
	for range 1 + r.IntN(4) {
		switch r.IntN(6) {
		case 0, 1:
			m = m.by(move{begin: pick(r, theHour, theDay, theDay, theWeek, theMonth, theQuarter, theYear)})
		case 4:
			m = m.by(move{zone: aZone(r), back: r.IntN(3) == 0})
		case 2:
			m = m.by(move{months: int64(r.IntN(9) - 4), span: (r.Int64N(9) - 4) * 6 * 3600 * second})
		default:
			m = m.by(move{span: (r.Int64N(99) - 49) * 3600 * second})
		}
	}
	return m
}

// aZone is one whose clock is changed within the tests' weeks, by an hour or by
// half of one, or which is ahead by a half.
func aZone(r *rand.Rand) *Zone {
	z, err := ZoneOf(pick(r, zoneNames...))
	if err != nil {
		panic(err)
	}
	return z
}

var zoneNames = []string{"Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana", "UTC"}

// A flip is the first: at each instant before it at which something could
// happen the comparison is as it was, and at it it is not.
func TestFlip(t *testing.T) {
	r := chance(t)
	found := 0
	for range rounds(2000) {
		m, op := aMoving(r), pick(r, Equal, Unequal, Less, AtMost, More, AtLeast, Same)
		now := micros(pick(r, "2025-08-20", "2025-12-01", "2026-01-01")) + r.Int64N(120*24)*3600*second + pick[int64](r, -1, 0, 0, 1)
		if r.IntN(3) == 0 { // within hours of a change
			now = micros(pick(r, changes...)) + (r.Int64N(200)-150)*hour/2 + pick[int64](r, -1, 0, 1)
		}
		x := m.at(now+(r.Int64N(50)-25)*6*3600*second) + pick[int64](r, -1, 0, 0, 1)
		got := m.flip(op, x, now)
		was := holds(op, compareTo(m.at(now), x))
		want := int64(never)
		for _, n := range instants(m, x, now) {
			if holds(op, compareTo(m.at(n), x)) != was {
				want = n
				break
			}
		}
		if got != want && (want != never || got < now+60*day) {
			t.Fatalf("%+v %s %s, from %s: flips at %s, want %s", m.moves, op, clock(x), clock(now), clock(got), clock(want))
		}
		if got != never {
			found++
		}
		least := m.least(now)
		for _, n := range instants(m, x, now) {
			if m.at(n) < least {
				t.Fatalf("%+v from %s is %s at %s, least gives %s", m.moves, clock(now), clock(m.at(n)), clock(n), clock(least))
			}
		}
	}
	if found < rounds(2000)/4 {
		t.Errorf("only %d of them flip", found)
	}
}

// instants gives, in order, all instants of 60 days after now at which a moving
// time can jump, which are half hours, or pass x.
func instants(m *moving, x, now int64) []int64 {
	var out []int64
	add := func(n int64) {
		if n > now && n < now+60*day {
			out = append(out, n)
		}
	}
	for n := now - clockOf(now)%(hour/2); n < now+60*day; n += hour / 2 {
		reach := max(n, now)
		reach += x - m.at(reach)
		for i := int64(-1); i <= 1; i++ {
			add(n + i)
			if reach >= n-1 && reach <= n+hour/2 {
				add(reach + i)
			}
		}
	}
	slices.Sort(out)
	return out
}

// changes are when clocks are put forward or back.
var changes = []string{"2025-10-26T01:00:00", "2026-03-29T01:00:00", "2025-11-02T06:00:00", "2026-03-08T07:00:00", "2025-10-04T15:30:00", "2026-04-04T15:00:00", "2025-11-02T05:00:00", "2026-03-08T05:00:00"}
