package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kithdb/kith/bench/peer"
	"github.com/kithdb/kith/engine"
)

// segment is a condition for Kith, and what an analyst would ask DuckDB for the
// same people: the WHERE of SELECT id FROM profiles p.
type segment struct {
	name, text, where string
	atLeast           float64 // how many times faster than DuckDB alone is the goal; 0: none
	within            float64 // seconds; 0: no goal
}

// segmentNow is the instant of the questions: some hours after the last event of
// the world, so that the day with which a window begins is cut in the middle.
var segmentNow = time.Date(2026, 7, 1, 11, 0, 0, 0, time.UTC)

// segments are what is asked. $now is the instant.
var segments = []segment{
	{"six predicates: two countries, plan, newsletter, not cancelled, ordered within 30 days, visits",
		`country IN ('FR', 'DE') AND plan = 'pro' AND newsletter AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Subscription Cancelled')
			AND EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed' AND ts > now() - INTERVAL 30 DAY) AND visits > 3`,
		`country IN ('FR', 'DE') AND plan = 'pro' AND newsletter AND id NOT IN (SELECT profile_id FROM events WHERE name = 'Subscription Cancelled' AND ts <= $now)
			AND id IN (SELECT profile_id FROM events WHERE name = 'Order Completed' AND ts > $now - INTERVAL 30 DAY AND ts <= $now) AND visits > 3`, 10, 5e-3},
	{"viewed a product within 30 days",
		`EXISTS (SELECT 1 FROM events WHERE name = 'Product Viewed' AND ts > now() - INTERVAL 30 DAY)`,
		`id IN (SELECT profile_id FROM events WHERE name = 'Product Viewed' AND ts > $now - INTERVAL 30 DAY AND ts <= $now)`, 80, 0},
	{"viewed products at least three times within 30 days",
		`(SELECT count(*) FROM events WHERE name = 'Product Viewed' AND ts > now() - INTERVAL 30 DAY) >= 3`,
		`id IN (SELECT profile_id FROM events WHERE name = 'Product Viewed' AND ts > $now - INTERVAL 30 DAY AND ts <= $now GROUP BY 1 HAVING count(*) >= 3)`, 10, 0},
	{"a numeric range: visits", `visits BETWEEN 3 AND 8`, `visits BETWEEN 3 AND 8`, 1, 0},
	{"a pattern: city", `city LIKE '%o%'`, `city LIKE '%o%'`, 0, 0},
	{"a property, by DuckDB: orders over 100 within 90 days",
		`EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed' AND properties.total > 100 AND ts > now() - INTERVAL 90 DAY)`,
		`id IN (SELECT profile_id FROM events WHERE name = 'Order Completed' AND properties.total > 100 AND ts > $now - INTERVAL 90 DAY AND ts <= $now)`, 1 / 1.5, 0},
	{"the same, of the pro plan in two countries",
		`country IN ('FR', 'DE') AND plan = 'pro' AND EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed' AND properties.total > 100 AND ts > now() - INTERVAL 90 DAY)`,
		`country IN ('FR', 'DE') AND plan = 'pro' AND id IN (SELECT profile_id FROM events WHERE name = 'Order Completed' AND properties.total > 100 AND ts > $now - INTERVAL 90 DAY AND ts <= $now)`, 0, 0},
}

// segments measures conditions that are answered on demand, and the same
// questions on a native copy of the tables in DuckDB alone. Who is in is
// compared, person by person, before anything is timed.
func (r *run) segments(ctx context.Context) (err error) {
	e, err := r.loaded(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	db, err := r.copied(ctx, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, s := range segments {
		if err := r.count(ctx, e, db, s); err != nil {
			return err
		}
	}
	return nil
}

// count compares who is in a segment, and times counting them on both sides in turn.
func (r *run) count(ctx context.Context, e *engine.Engine, db *peer.DB, s segment) error {
	o := &engine.AskOptions{Now: segmentNow}
	where := strings.ReplaceAll(s.where, "$now", "TIMESTAMP '"+segmentNow.Format(time.DateTime)+"'")
	begin := time.Now()
	members, err := e.Members(ctx, s.text, o)
	if err != nil {
		return err
	}
	first := time.Since(begin)
	var ids []string
	for id := range members {
		ids = append(ids, fmt.Sprint(uint32(id)))
	}
	bare, err := answer(db.Query(ctx, "SELECT id FROM profiles p WHERE "+where+" ORDER BY id"))
	if err != nil {
		return err
	}
	if err := same(s.name, ids, bare); err != nil {
		return err
	}
	best := [2]time.Duration{1 << 62, 1 << 62}
	for range 4*r.Repeat + 1 {
		for i, f := range []func() error{
			func() error { _, err := e.Count(ctx, s.text, o); return err },
			func() error {
				_, err := answer(db.Query(ctx, "SELECT count(*) FROM profiles p WHERE "+where))
				return err
			},
		} {
			begin = time.Now()
			if err := f(); err != nil {
				return err
			}
			best[i] = min(best[i], time.Since(begin))
		}
	}
	x, err := e.Explain(ctx, s.text, o)
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%d people; asked for the first time %s; then:", len(ids), first.Round(10*time.Microsecond))
	for _, step := range x.Steps {
		note += fmt.Sprintf(" %s %s: %d.", step.Way, step.Took.Round(10*time.Microsecond), step.People)
	}
	f := r.report.add(Figure{Part: "segments", Name: s.name, Value: best[0].Seconds(), Unit: "s", Peer: best[1].Seconds(), Ratio: best[1].Seconds() / best[0].Seconds(), Note: note})
	if s.atLeast > 0 {
		f.ratioAtLeast(s.atLeast)
	}
	if s.within > 0 {
		r.report.add(Figure{Part: "segments", Name: s.name + ": time", Value: best[0].Seconds(), Unit: "s"}).within(s.within)
	}
	r.say("segments: %s: %v, DuckDB alone %v; %s", s.name, best[0].Round(time.Microsecond), best[1].Round(time.Microsecond), note)
	return nil
}
