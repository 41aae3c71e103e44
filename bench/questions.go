package bench

import (
	"context"
	"errors"
	"time"

	"github.com/kithdb/kith/bench/peer"
	"github.com/kithdb/kith/engine"
)

// question is asked of Kith and of DuckDB alone, in the same words.
type question struct {
	name  string
	text  string
	limit float64 // the ratio that is the goal; 0: none
}

// questions are what an analyst asks of a shop. The answers have an order, so
// that they can be compared row by row.
var questions = []question{
	{"live profiles by country and plan", `SELECT country, plan, count(*) AS people, count(*) FILTER (WHERE last_seen >= TIMESTAMP '2026-06-01') AS active, sum(visits) AS visits
		FROM profiles WHERE known GROUP BY ALL ORDER BY ALL`, 2.5},
	{"orders and revenue by month", `SELECT date_trunc('month', ts) AS month, count(*) AS orders, sum(properties.total) AS revenue
		FROM events WHERE name = 'Order Completed' GROUP BY 1 ORDER BY 1`, 0},
	{"people who viewed a product in June", `SELECT count(DISTINCT profile_id) AS people
		FROM events WHERE name = 'Product Viewed' AND ts >= TIMESTAMP '2026-06-01' AND ts < TIMESTAMP '2026-07-01'`, 0},
	{"revenue by country (events join profiles)", `SELECT p.country, count(*) AS orders, count(DISTINCT e.profile_id) AS buyers, sum(e.properties.total) AS revenue
		FROM events e JOIN profiles p ON p.id = e.profile_id WHERE e.name = 'Order Completed' GROUP BY 1 ORDER BY 1 NULLS LAST`, 0},
	{"every event by name and how many people", `SELECT kind, name, count(*) AS n, count(DISTINCT profile_id) AS people
		FROM events GROUP BY ALL ORDER BY ALL`, 0},
}

// What the native copy is made of: the columns that the questions touch, and those beside them.
var copies = []struct{ table, from string }{
	{"profiles", `SELECT id, public_id, first_seen, last_seen, known, country, city, plan, newsletter, visits FROM profiles`},
	{"events", `SELECT seq, profile_id, kind, name, ts, received_at, source, properties.total AS properties_total, properties.price AS properties_price,
		properties.category AS properties_category, properties.brand AS properties_brand FROM events`},
}

// questions measures SQL on Kith and on a native copy of the same tables in
// DuckDB alone. The answers are compared before anything is timed.
func (r *run) questions(ctx context.Context) (err error) {
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
	for _, q := range questions {
		if err := r.ask(ctx, e, db, q); err != nil {
			return err
		}
	}
	return nil
}

// copied makes the native copy. It must be closed.
func (r *run) copied(ctx context.Context, e *engine.Engine) (*peer.DB, error) {
	db, err := peer.Open(r.path("peer.duckdb"), threads())
	if err != nil {
		return nil, err
	}
	for _, c := range copies {
		rows, err := e.SQL(ctx, c.from)
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		n, err := db.Copy(ctx, c.table, rows)
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		r.say("copied %d rows of %s", n, c.table)
	}
	return db, nil
}

// ask compares the two answers to a question, and then times it on both sides in turn.
func (r *run) ask(ctx context.Context, e *engine.Engine, db *peer.DB, q question) error {
	ours := func() ([]string, error) { return answer(e.SQL(ctx, q.text)) }
	bare := func() ([]string, error) { return answer(db.Query(ctx, q.text)) }
	a, err := ours()
	if err != nil {
		return err
	}
	b, err := bare()
	if err != nil {
		return err
	}
	if err := same(q.name, a, b); err != nil {
		return err
	}
	best := [2]time.Duration{1 << 62, 1 << 62}
	for range 2*r.Repeat + 1 {
		for i, f := range []func() ([]string, error){ours, bare} {
			begin := time.Now()
			if _, err := f(); err != nil {
				return err
			}
			best[i] = min(best[i], time.Since(begin))
		}
	}
	f := r.report.add(Figure{Part: "questions", Name: q.name, Value: best[0].Seconds(), Unit: "s", Peer: best[1].Seconds(), Ratio: best[0].Seconds() / best[1].Seconds()})
	if q.limit > 0 {
		f.ratioWithin(q.limit)
	}
	r.say("questions: %s: %v, DuckDB alone %v", q.name, best[0].Round(time.Microsecond), best[1].Round(time.Microsecond))
	return nil
}
