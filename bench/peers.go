package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kithdb/kith/bench/peer"
	"github.com/kithdb/kith/engine"
)

// dialect is how a server is told the tables, and asked the six predicates.
type dialect struct {
	start  func(ctx context.Context) (*peer.Server, error)
	tables []string
	after  []string // when they are filled
	ask    string
	times  float64 // how many times faster Kith is to be
}

const six = "country IN ('FR', 'DE') AND plan = 'pro' AND newsletter AND visits > 3"

var dialects = []dialect{
	{peer.PostgreSQL, []string{
		"CREATE TABLE profiles (id bigint PRIMARY KEY, country text, plan text, newsletter boolean, visits numeric)",
		"CREATE TABLE events (profile_id bigint NOT NULL, name text NOT NULL, ts timestamp NOT NULL)"}, []string{
		"CREATE INDEX ON profiles (country)", "CREATE INDEX ON profiles (plan)", "CREATE INDEX ON profiles (newsletter)", "CREATE INDEX ON profiles (visits)",
		"CREATE INDEX ON events (profile_id)", "CREATE INDEX ON events (name)", "CREATE INDEX ON events (ts)", "VACUUM ANALYZE profiles", "VACUUM ANALYZE events"},
		"SELECT count(*) FROM profiles p WHERE " + six + ` AND NOT EXISTS (SELECT 1 FROM events e WHERE e.profile_id = p.id AND e.name = 'Subscription Cancelled' AND e.ts <= $now)
			AND EXISTS (SELECT 1 FROM events e WHERE e.profile_id = p.id AND e.name = 'Order Completed' AND e.ts > $now - INTERVAL '30 days' AND e.ts <= $now)`, 50},
	{peer.ClickHouse, []string{
		"CREATE TABLE profiles (id UInt64, country Nullable(String), plan Nullable(String), newsletter Nullable(UInt8), visits Nullable(Decimal(38, 9))) ENGINE = MergeTree ORDER BY id",
		"CREATE TABLE events (profile_id UInt64, name String, ts DateTime) ENGINE = MergeTree ORDER BY (name, ts)"}, nil,
		"SELECT count(*) FROM profiles WHERE " + strings.ReplaceAll(six, "AND newsletter", "AND newsletter = 1") + ` AND id NOT IN (SELECT profile_id FROM events WHERE name = 'Subscription Cancelled' AND ts <= toDateTime($now))
			AND id IN (SELECT profile_id FROM events WHERE name = 'Order Completed' AND ts > toDateTime($now) - INTERVAL 30 DAY AND ts <= toDateTime($now))`, 100},
}

// peers measures the six predicates beside servers: on the loopback, each in a
// folder of its own, stopped afterwards. One that is not installed is left out.
func (r *run) peers(ctx context.Context) (err error) {
	e, err := r.loaded(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	for _, d := range dialects {
		s, err := d.start(ctx)
		if errors.Is(err, peer.ErrAbsent) {
			r.say("peers: %v", err)
			continue
		}
		if err == nil {
			err = errors.Join(r.beside(ctx, e, s, &d), s.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// beside fills the tables of a server, and asks both in turn.
func (r *run) beside(ctx context.Context, e *engine.Engine, s *peer.Server, d *dialect) error {
	for _, t := range d.tables {
		if _, err := s.Exec(ctx, t); err != nil {
			return err
		}
	}
	fact := "newsletter"
	if d.after == nil {
		fact = "CAST(newsletter AS UTINYINT)"
	}
	for table, from := range map[string]string{
		"profiles": "SELECT id, country, plan, " + fact + ", visits FROM profiles",
		"events":   "SELECT profile_id, name, date_trunc('second', ts) FROM events WHERE name <> ''",
	} {
		if err := r.pour(ctx, e, s, table, from); err != nil {
			return err
		}
	}
	for _, t := range d.after {
		if _, err := s.Exec(ctx, t); err != nil {
			return err
		}
	}
	o := &engine.AskOptions{Now: segmentNow}
	ask := strings.Join(strings.Fields(strings.ReplaceAll(d.ask, "$now", "TIMESTAMP '"+segmentNow.Format(time.DateTime)+"'")), " ")
	if d.after == nil {
		ask = strings.ReplaceAll(ask, "TIMESTAMP '", "'")
	}
	n, err := e.Count(ctx, segments[0].text, o)
	if err != nil {
		return err
	}
	best := [2]time.Duration{1 << 62, 1 << 62}
	for range 2*r.Repeat + 1 {
		begin := time.Now()
		if _, err := e.Count(ctx, segments[0].text, o); err != nil {
			return err
		}
		best[0] = min(best[0], time.Since(begin))
		answer, took, err := s.Best(ctx, ask, 2)
		if err != nil {
			return err
		}
		if err := same("six predicates, "+s.Name, []string{fmt.Sprint(n)}, []string{answer}); err != nil {
			return err
		}
		best[1] = min(best[1], took)
	}
	r.report.add(Figure{Part: "peers", Name: "six predicates, beside " + s.Name, Value: best[0].Seconds(), Unit: "s", Peer: best[1].Seconds(),
		Ratio: best[1].Seconds() / best[0].Seconds(), Note: fmt.Sprintf("%d people; asked: %s", n, ask)}).ratioAtLeast(d.times)
	r.say("peers: %v, %s %v", best[0].Round(time.Microsecond), s.Name, best[1].Round(time.Microsecond))
	return nil
}

// pour brings the rows of a statement into a table of a server, through a file.
func (r *run) pour(ctx context.Context, e *engine.Engine, s *peer.Server, table, from string) (err error) {
	f, err := os.CreateTemp(r.Dir, "pour-*.tsv")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	rows, err := e.SQL(ctx, from)
	if err != nil {
		return err
	}
	if err := tabs(f, rows); err != nil {
		return err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return err
	}
	begin := time.Now()
	if err := s.Load(ctx, table, f); err != nil {
		return err
	}
	r.say("peers: %s has %s after %v", s.Name, table, time.Since(begin).Round(time.Second))
	return nil
}
