package query

import (
	"testing"
	"time"
)

// Parts of times are those of package time, and hold from the first to the last
// microsecond that partOf says, and no longer.
func TestParts(t *testing.T) {
	r := chance(t)
	of := func(fn Func, at int64) int {
		when := time.UnixMicro(at).UTC()
		return map[Func]int{Year: when.Year(), Month: int(when.Month()), MonthDay: when.Day(), Hour: when.Hour(), Weekday: int(when.Weekday())}[fn]
	}
	for range rounds(20_000) {
		at := micros("1000-01-02") + r.Int64N(micros("9998-12-31")-micros("1000-01-02"))
		for fn := range parts {
			n, least, most := partOf(fn, at)
			if at < least || at > most {
				t.Fatalf("%s of %s is said to hold from %s to %s", fn, clock(at), clock(least), clock(most))
			}
			for _, in := range []int64{at, least, most} {
				if want := of(fn, in); int(n) != want {
					t.Fatalf("%s of %s is %d, want %d", fn, clock(in), n, want)
				}
			}
			for _, out := range []int64{least - 1, most + 1} {
				if of(fn, out) == int(n) {
					t.Fatalf("%s of %s is said to be %d from %s to %s alone", fn, clock(out), n, clock(least), clock(most))
				}
			}
		}
	}
}

func TestAnniversaries(t *testing.T) {
	for _, c := range []struct{ of, now, last, next string }{
		{"2000-02-29", "2028-02-27T23:59:59.999999", "2027-02-28", "2028-02-29"},
		{"2000-02-29", "2028-02-28", "2027-02-28", "2028-02-29"}, // a leap year: not before the 29th
		{"2000-02-29", "2028-02-29", "2028-02-29", "2029-02-28"},
		{"2000-02-29", "2027-02-28", "2027-02-28", "2028-02-29"},
		{"2000-02-29T18:00:00", "2026-02-27T23:59:59.999999", "2025-02-28", "2026-02-28"},
		{"2000-02-28", "2028-02-28", "2028-02-28", "2029-02-28"},
		{"2000-12-31T23:59:59", "2026-12-31", "2026-12-31", "2027-12-31"}, // the day counts, not the hour
		{"2026-01-31T12:00:00", "2026-01-31T11:00:00", "2026-01-31", "2027-01-31"},
		{"2026-01-31T12:00:00", "2026-01-30T23:59:59.999999", "", "2026-01-31"},
		{"1899-03-01", "2026-02-28", "2025-03-01", "2026-03-01"},
	} {
		last, next, ok := anniversaries(micros(c.of), micros(c.now))
		if ok != (c.last != "") || ok && last != micros(c.last) || next != micros(c.next) {
			t.Errorf("of %s at %s: %s, %s, %t; want %s, %s", c.of, c.now, clock(last), clock(next), ok, c.last, c.next)
		}
	}
}
