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

// The arithmetic on microseconds is that of package time.
func TestCalendar(t *testing.T) {
	r := chance(t)
	for range rounds(50_000) {
		at := micros("1000-01-01") + r.Int64N(micros("9999-12-31")-micros("1000-01-01"))
		if r.IntN(2) == 0 { // the ends of months, and midnight
			at -= clockOf(at)
			y, m, _ := civil(at / day)
			at = daysOf(y, m, pick[int64](r, 1, lengthOf(y, m)))*day + pick[int64](r, 0, 1, day-1, 12*3600*second)
		}
		months := int64(r.IntN(2*pick(r, 3, 30, 3000)) - 1500)
		when := time.UnixMicro(at).UTC()
		want := Add(when, months, 0).UnixMicro()
		if got := addMonths(at, months); got != want {
			t.Fatalf("%s and %d months: %s, want %s", clock(at), months, clock(got), clock(want))
		}
		m := (&moving{}).by(move{months: months})
		if got := m.at(at) - at; got < m.low || got > m.top {
			t.Fatalf("%s and %d months is beyond the bounds", clock(at), months)
		}
		if got, want := at-clockOf(at), when.Truncate(24*time.Hour).UnixMicro(); got != want {
			t.Fatalf("the day of %s begins %s", clock(at), clock(got))
		}
		now := at + r.Int64N(40*365*day) - 5*365*day
		if r.IntN(2) == 0 {
			now = addMonths(at, int64(r.IntN(40*12))) + pick[int64](r, -1, 0, 1)
		}
		years, next, ok := yearsTo(at, now)
		slow := int64(-1)
		for addMonths(at, 12*(slow+1)) <= now {
			slow++
		}
		if ok != (slow >= 0) || ok && years != slow || next != addMonths(at, 12*(slow+1)) {
			t.Fatalf("from %s to %s: %d years, the next at %s, %t; want %d", clock(at), clock(now), years, clock(next), ok, slow)
		}
	}
}

func TestReadTime(t *testing.T) {
	r := chance(t)
	forms := []string{"2026-01-31", "2026-02-29T23:59:59.123456Z", "2024-02-29 00:00:00+14:59", "1999-12-31T23:59:60", "2026-06-31", "9999-12-31T23:59:59.9-14:00", "2000-01-01T24:00:00", "2000-01-01T10:00:00.1234567", "2000-01-01T10:00:00+15:00", "0999-01-01", "2000-01-01T10:00:00.", "2000-01-01 10:00", "2000-1-1", "２000-01-01"}
	for i := range rounds(100_000) {
		s := []byte(forms[i%len(forms)])
		for range i / len(forms) % 3 {
			s[r.IntN(len(s))] = "0123456789-:.TZ+ "[r.IntN(17)]
		}
		if r.IntN(5) == 0 {
			s = s[:r.IntN(len(s))]
		}
		want, ok := ParseTime(string(s))
		if got, is := readTime(string(s)); is != ok || ok && got != want.UnixMicro() {
			t.Fatalf("readTime(%q) = %s, %t; want %s, %t", s, clock(got), is, want, ok)
		}
	}
}
