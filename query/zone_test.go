package query

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// What clocks show, and when they first do, near the changes of some.
func TestZones(t *testing.T) {
	for _, c := range []struct{ zone, at, shows string }{
		{"Europe/Paris", "2026-03-29T00:59:59.999999", "2026-03-29T01:59:59.999999"},
		{"Europe/Paris", "2026-03-29T01:00:00", "2026-03-29T03:00:00"},
		{"Europe/Paris", "2025-10-26T00:59:59.999999", "2025-10-26T02:59:59.999999"},
		{"Europe/Paris", "2025-10-26T01:00:00", "2025-10-26T02:00:00"},
		{"America/New_York", "2026-03-08T07:00:00", "2026-03-08T03:00:00"},
		{"Asia/Kolkata", "2026-03-08T18:30:00", "2026-03-09"},
		{"Australia/Lord_Howe", "2026-04-04T14:59:59.999999", "2026-04-05T01:59:59.999999"},
		{"Australia/Lord_Howe", "2026-04-04T15:00:00", "2026-04-05T01:30:00"},
		{"Europe/Paris", "2352-12-31T12:00:00", "2352-12-31T13:00:00"}, // the last day of a leap year, by rules alone
		{"UTC", "1000-01-01", "1000-01-01"},
	} {
		z, err := ZoneOf(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := clock(z.Local(micros(c.at))); got != clock(micros(c.shows)) {
			t.Errorf("in %s at %s it is %s, want %s", c.zone, c.at, got, c.shows)
		}
	}
	for _, c := range []struct{ zone, shows, first string }{
		{"Europe/Paris", "2026-06-01", "2026-05-31T22:00:00"},
		{"Europe/Paris", "2026-03-29T02:30:00", "2026-03-29T01:00:00"}, // is skipped
		{"Europe/Paris", "2026-03-29T03:00:00", "2026-03-29T01:00:00"},
		{"Europe/Paris", "2025-10-26T02:30:00", "2025-10-26T00:30:00"}, // is shown twice
		{"Europe/Paris", "2025-10-26T03:00:00", "2025-10-26T02:00:00"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00"},     // that day began at one o'clock
		{"America/Havana", "2025-11-02", "2025-11-02T04:00:00"},        // the first hour of that day was there twice
		{"America/St_Johns", "2010-11-07", "2010-11-07T02:30:00"},      // a minute later it was the day before once more
		{"Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00"}, // that day was left out
	} {
		z, err := ZoneOf(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := clock(z.Instant(micros(c.shows))); got != clock(micros(c.first)) {
			t.Errorf("in %s it is first %s at %s, want %s", c.zone, c.shows, got, c.first)
		}
	}
}

// wallOf is what package time says that a clock shows.
func wallOf(z *Zone, at int64) int64 {
	w := time.UnixMicro(at).In(z.loc)
	y, m, d := w.Date()
	return time.Date(y, m, d, w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), time.UTC).UnixMicro()
}

// aChange is a time near one at which something happens in a zone.
func aChange(r *rand.Rand, z *Zone) int64 {
	switch r.IntN(4) {
	case 0:
		return micros("1000-01-01") + r.Int64N(micros("9999-12-31")-micros("1000-01-01"))
	case 1:
		return daysOf(1800+r.Int64N(900), pick[int64](r, 1, 12), pick[int64](r, 1, 31))*day + r.Int64N(day)
	}
	return z.from[max(1, r.IntN(len(z.from)))%len(z.from)]%(1<<60) + (r.Int64N(8)-4)*hour/2 + pick[int64](r, -1, 0, 1)
}

// Every zone of the database is that of package time; nothing earlier than
// Instant shows a time or a later one; and pieces are no longer than they are.
func TestZonesArePackageTimes(t *testing.T) {
	r := chance(t)
	if _, err := ZoneOf("UTC"); err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, f := range zones.files {
		if f.FileInfo().IsDir() || testing.Short() && r.IntN(10) > 0 {
			continue
		}
		n++
		z, err := ZoneOf(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if z.least < -16*hour || z.most > 16*hour || z.least > z.most {
			t.Errorf("%s is ahead by %d to %d", name, z.least, z.most)
		}
		for range 60 {
			at := aChange(r, z)
			if got, want := z.Local(at), wallOf(z, at); got != want {
				t.Fatalf("%s at %s: %s, want %s", name, clock(at), clock(got), clock(want))
			}
			ahead, until := z.at(at)
			if until <= at || ahead < z.least || ahead > z.most || until != never && wallOf(z, until-1) != until-1+ahead {
				t.Fatalf("%s at %s is said to be ahead by %d until %s", name, clock(at), ahead, clock(until))
			}
			wall := at + z.ahead[r.IntN(len(z.ahead))]
			first := z.Instant(wall)
			if z.Local(first) < wall || z.Local(first-1) >= wall {
				t.Fatalf("%s is first %s at %s, when it is %s", name, clock(wall), clock(first), clock(z.Local(first)))
			}
			for _, from := range z.from[1:] { // what a piece shows last is the latest that it shows
				if from < first && z.Local(from-1) >= wall {
					t.Fatalf("%s is first %s at %s, but later at %s", name, clock(wall), clock(first), clock(from-1))
				}
			}
		}
	}
	t.Logf("%d zones", n)
	if n < 400 && !testing.Short() {
		t.Errorf("%d zones", n)
	}
}

// A condition on what is made of a time is true for those times that it is
// solved for, to the microsecond.
func TestBefore(t *testing.T) {
	r := chance(t)
	ok := 0
	for range rounds(2000) {
		of := "time(born)"
		for range 1 + r.IntN(3) {
			of = pick(r, aLocal(r, of), of+" "+aSpan(r))
		}
		now := micros("2026-01-20") + r.Int64N(90*24)*hour
		c, err := Parse(of + " " + anOp(r) + " " + pick(r, aMoment(r), "TIMESTAMP '2026-03-29 02:30:00'", "TIMESTAMP '2026-03-29 00:00:00.000001'"))
		if err != nil {
			t.Fatal(err)
		}
		trait := &Trait{Path: "born", As: Time}
		sole := newSole(trait, Time, Simplify(c), time.UnixMicro(now).UTC())
		in, split := sole.Ranges()
		if !split {
			continue
		}
		ok++
		var times []int64
		for _, g := range in {
			times = append(times, g.Lo.Int64()-1, g.Lo.Int64(), g.Hi.Int64(), g.Hi.Int64()+1)
		}
		for range 40 {
			times = append(times, aTime(r), micros(pick(r, changes...))+(r.Int64N(100)-50)*hour/2+pick[int64](r, -1, 0, 1))
		}
		for _, at := range times {
			if at < micros("1900-01-01") || at > micros("2100-01-01") {
				continue // the ends of all there is
			}
			n := WholeNum(at)
			want := slices.ContainsFunc(in, func(g Range) bool { return g.Lo.Cmp(n) <= 0 && n.Cmp(g.Hi) <= 0 })
			if got := sole.OfNum(n); got != want {
				t.Fatalf("%s at %s: %t of %s, said to be %t", Print(c), clock(now), got, clock(at), want)
			}
		}
	}
	if ok < rounds(2000)/4 {
		t.Errorf("only %d are solved", ok)
	}
}

// Days by the clock of a place have what hours they have there.
func TestPeriodsOfAZone(t *testing.T) {
	l := Last{Periods: 3, Every: Gap{Span: 24 * time.Hour}, End: Instant{Day: true}, Zone: "Europe/Paris"}
	for _, c := range []struct {
		now   string
		hours [3]int64 // of the last day, and those before
	}{{"2026-03-30T12:00:00", [3]int64{23, 24, 24}}, {"2026-03-31T21:59:59", [3]int64{24, 23, 24}}, {"2025-10-26T22:59:59.999999", [3]int64{24, 24, 24}}, {"2025-10-26T23:00:00", [3]int64{25, 24, 24}}} {
		for i, want := range c.hours {
			var at [2]int64
			for k := range at {
				m, _ := movingOf(l.begin(int64(i+k)), "")
				at[k] = m.at(micros(c.now))
			}
			if got := (at[0] - at[1]) / hour; got != want {
				t.Errorf("day %d before %s has %d hours, want %d", i, c.now, got, want)
			}
		}
	}
}
