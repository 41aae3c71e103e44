package enginetest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kithdb/kith/query"
)

// What the slow evaluator knows of clocks and calendars: package time, with the
// machine's database of zones.

// zoned are zones whose clocks are changed within 100 days of the tests' now, and
// one that is ahead by a half hour.
var zoned = []string{"Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"}

// turns are when their clocks are put forward or back.
var turns = []time.Time{
	time.Date(2025, 10, 26, 1, 0, 0, 0, time.UTC), time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2025, 11, 2, 6, 0, 0, 0, time.UTC),
	time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC), time.Date(2025, 10, 4, 15, 30, 0, 0, time.UTC), time.Date(2026, 4, 4, 15, 0, 0, 0, time.UTC),
}

// turned gives a time within hours of a change between two times, or of the second of them.
func turned(r *rand.Rand, from, to time.Time) time.Time {
	near := []time.Time{}
	for _, t := range turns {
		if t.After(from) && t.Before(to) {
			near = append(near, t)
		}
	}
	if len(near) == 0 {
		return to
	}
	return one(r, near...).Add(time.Duration(r.IntN(61)-30)*time.Hour/2 + time.Duration(r.IntN(3)-1)*time.Microsecond)
}

func zone(r *rand.Rand) string { return "'" + one(r, zoned...) + "'" }

func unit(r *rand.Rand) string {
	return one(r, "'hour'", "'day'", "'week'", "'month'", "'month'", "'quarter'", "'year'")
}

// local gives what a calendar or a clock makes of a time.
func local(r *rand.Rand, t string) string {
	there := "local_time(" + t + ", " + zone(r) + ")"
	return one(r, there, "date("+there+")", "date("+there+")", "date_trunc("+unit(r)+", "+there+")", "date_trunc("+unit(r)+", "+t+")", "utc_time("+t+", "+zone(r)+")")
}

// moment gives a time that goes with now.
func moment(r *rand.Rand) string {
	z := zone(r)
	there := one(r, "date(", "date_trunc("+unit(r)+", ") + "local_time(" + one(r, "now()", "now() - "+aSpan(r)) + ", " + z + "))"
	return one(r, there, there, "utc_time("+there+", "+z+")", "utc_time("+there+" - "+aSpan(r)+", "+z+")", "date_trunc("+unit(r)+", now())", "date_trunc("+unit(r)+", current_date) - "+aSpan(r), "local_time(now(), "+z+")")
}

// clocked works out date_trunc, local_time and utc_time.
func (s *slow) clocked(x *query.Call, o *soul, d *deed) any {
	a, b := s.value(x.Args[0], o, d), s.value(x.Args[1], o, d)
	if a == nil || b == nil {
		return nil
	}
	switch x.Fn {
	case query.LocalTime:
		return wall(a.(time.Time), b.(string))
	case query.UTCTime:
		return firstShown(a.(time.Time), b.(string))
	}
	return begun(a.(string), b.(time.Time))
}

// begun goes back from a day to one with which the unit begins.
func begun(unit string, t time.Time) time.Time {
	y, m, d := t.Date()
	if unit == "hour" {
		return time.Date(y, m, d, t.Hour(), 0, 0, 0, time.UTC)
	}
	for t = time.Date(y, m, d, 0, 0, 0, 0, time.UTC); ; t = t.AddDate(0, 0, -1) {
		switch {
		case unit == "day",
			unit == "week" && t.Weekday() == time.Monday,
			unit == "month" && t.Day() == 1,
			unit == "quarter" && t.Day() == 1 && t.Month()%3 == 1,
			unit == "year" && t.YearDay() == 1:
			return t
		}
	}
}

var locations sync.Map // by name: it takes a file to load one

// wall gives what a clock shows at an instant, as if that were UTC.
func wall(t time.Time, zone string) time.Time {
	loc, ok := locations.Load(zone)
	if !ok {
		var err error
		if loc, err = time.LoadLocation(zone); err != nil {
			panic(err)
		}
		locations.Store(zone, loc)
	}
	t = t.In(loc.(*time.Location))
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// firstShown gives the first instant at which a clock shows a time: it tries by
// how much the clock may be ahead. Where it never shows it, it gives the first
// minute at which it shows a later one.
func firstShown(t time.Time, zone string) time.Time {
	for ahead := 15 * time.Hour; ahead >= -15*time.Hour; ahead -= 15 * time.Minute {
		if u := t.Add(-ahead); wall(u, zone).Equal(t) {
			return u
		}
	}
	u := t.Truncate(time.Minute).Add(-16 * time.Hour)
	for !wall(u, zone).After(t) {
		u = u.Add(time.Minute)
	}
	return u
}
