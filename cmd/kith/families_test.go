package main

import (
	"database/sql"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

// family is real data with segments of it. They are kept current while the clock
// goes through steps, and DuckDB alone, which reads the files itself, says how
// many members each has.
type family struct {
	name   string
	load   func(t *testing.T, e *engine.Engine) (files []any) // the paths that views name by ?
	now    time.Time
	steps  []time.Duration
	views  []string // over the files
	judged []judged
}

// judged is a segment, and what an analyst who has nothing but the files asks
// DuckDB for the same number; $now is the instant.
type judged struct{ name, text, sql string }

const aDay = 24 * time.Hour

var families = []family{
	{
		name: "online-retail",
		load: func(t *testing.T, e *engine.Engine) []any {
			return exampleFiles(t, e, "online-retail", exampleFile{mapping: "map", file: "onlineretail/online_retail.csv.gz"})
		},
		now:   time.Date(2011, 12, 10, 0, 0, 0, 0, time.UTC), // the end of the data
		steps: []time.Duration{0, 5*aDay + 7*time.Hour, 5*aDay + 7*time.Hour},
		views: []string{
			`CREATE VIEW lines AS SELECT coalesce(CustomerID, 'invoice-' || InvoiceNo) AS who, CustomerID IS NOT NULL AS known, InvoiceNo AS invoice, StockCode AS sku,
				Quantity::DECIMAL(18, 3) * UnitPrice::DECIMAL(18, 3) AS total,
				InvoiceDate::TIMESTAMP - CASE WHEN InvoiceDate BETWEEN '2011-03-27 01' AND '2011-10-30 02' THEN INTERVAL 1 HOUR ELSE INTERVAL 0 HOUR END AS ts
				FROM read_csv('$1', all_varchar = true)`,
			`CREATE VIEW sold AS SELECT * FROM lines WHERE invoice NOT LIKE 'C%'`,
			`CREATE VIEW paid AS SELECT * FROM sold WHERE known AND total > 0`,
		},
		judged: []judged{
			{"loyal", `known AND (SELECT count(DISTINCT properties.order_id) FROM events WHERE name = 'Product Purchased' AND properties.total > 0 AND ts > now() - INTERVAL 90 DAY) >= 3`,
				`SELECT who FROM paid WHERE ts > $now - INTERVAL 90 DAY GROUP BY who HAVING count(DISTINCT invoice) >= 3`},
			{"lapsing", `known AND (SELECT max(ts) FROM events WHERE name = 'Product Purchased') BETWEEN now() - INTERVAL 180 DAY AND now() - INTERVAL 90 DAY`,
				`SELECT who FROM sold WHERE known GROUP BY who HAVING max(ts) BETWEEN $now - INTERVAL 180 DAY AND $now - INTERVAL 90 DAY`},
			{"once", `known AND (SELECT count(DISTINCT properties.order_id) FROM events WHERE name = 'Product Purchased' AND properties.total > 0) = 1
				AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Product Purchased' AND properties.total > 0 AND ts >= now() - INTERVAL 90 DAY)`,
				`SELECT who FROM paid GROUP BY who HAVING count(DISTINCT invoice) = 1 AND max(ts) < $now - INTERVAL 90 DAY`},
			{"bag_not_cake", `known AND EXISTS (SELECT 1 FROM events WHERE name = 'Product Purchased' AND properties.sku = '85099B' AND ts > now() - INTERVAL 30 DAY)
				AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Product Purchased' AND properties.sku = '22423' AND ts > now() - INTERVAL 30 DAY)`,
				`SELECT who FROM sold WHERE known AND ts > $now - INTERVAL 30 DAY GROUP BY who HAVING bool_or(sku = '85099B') AND NOT bool_or(sku = '22423')`},
			{"top_tenth", `known AND (SELECT sum(properties.total) FROM events) >= top_percent(10, (SELECT sum(properties.total) FROM events))`,
				`WITH sums AS (SELECT who, any_value(known) AS known, sum(total) AS sum FROM lines GROUP BY who)
				SELECT who FROM sums WHERE known AND sum >= (SELECT min(sum) FROM (SELECT sum FROM sums ORDER BY sum DESC LIMIT (SELECT ceil(count(*) / 10)::BIGINT FROM sums)))`},
		},
	},
	{
		name: "complete-journey",
		load: func(t *testing.T, e *engine.Engine) []any {
			const products = "completejourney/products.csv.gz"
			(&exampleTable{"products", products, "product_id"}).load(t, e)
			return append(exampleFiles(t, e, "complete-journey",
				exampleFile{mapping: "transactions", file: "completejourney/transactions_sample.csv.gz"},
				exampleFile{mapping: "households", file: "completejourney/demographics.csv"},
				exampleFile{mapping: "redemptions", file: "completejourney/coupon_redemptions.csv"}), there(t, products))
		},
		now:   time.Date(2017, 11, 20, 12, 0, 0, 0, time.UTC),
		steps: []time.Duration{0, 20*aDay + 5*time.Hour, 60 * aDay},
		views: []string{
			`CREATE VIEW sales AS SELECT household_id AS who, basket_id AS basket, product_id, sales_value::DECIMAL(18, 3) AS total, transaction_timestamp::TIMESTAMP AS ts FROM read_csv('$1', all_varchar = true)`,
			`CREATE VIEW households AS SELECT * FROM read_csv('$2', all_varchar = true)`,
			`CREATE VIEW redeemed AS SELECT household_id AS who, redemption_date::TIMESTAMP AS ts FROM read_csv('$3', all_varchar = true)`,
			`CREATE VIEW products AS SELECT * FROM read_csv('$4', all_varchar = true)`,
		},
		judged: []judged{
			{"demographic", `home = 'Homeowner' AND kids <> '0' AND age_group IN ('35-44', '45-54')`,
				`SELECT household_id FROM households WHERE home_ownership = 'Homeowner' AND kids_count <> '0' AND age IN ('35-44', '45-54')`},
			{"behavioural", `(SELECT active_periods(INTERVAL 7 DAY, 8) FROM events WHERE name = 'Product Purchased') >= 3
				AND EXISTS (SELECT 1 FROM events WHERE name = 'Coupon Redeemed' AND ts > now() - INTERVAL 180 DAY AND preceded_by(name = 'Product Purchased', INTERVAL 14 DAY))`,
				`SELECT who FROM sales WHERE ts > $now - INTERVAL 56 DAY AND ts <= $now
					AND who IN (SELECT r.who FROM redeemed r JOIN sales s ON s.who = r.who AND s.ts <= r.ts AND s.ts > r.ts - INTERVAL 14 DAY WHERE r.ts > $now - INTERVAL 180 DAY AND r.ts <= $now)
				GROUP BY who HAVING count(DISTINCT (epoch_us($now) - epoch_us(ts)) // 604800000000) >= 3`},
			{"psychographic", `(SELECT sum(properties.total) FROM events WHERE name = 'Product Purchased' AND properties.product_id IN (SELECT product_id FROM products WHERE department = 'DRUG GM'))
				/ (SELECT sum(properties.total) FROM events WHERE name = 'Product Purchased') >= 0.25`,
				`SELECT who FROM sales JOIN products USING (product_id) WHERE ts <= $now GROUP BY who HAVING sum(total) FILTER (department = 'DRUG GM') >= sum(total) / 4`},
			{"transactional", `(SELECT sum(properties.total) FROM events WHERE name = 'Product Purchased' AND ts > now() - INTERVAL 90 DAY) >= 40
				AND (SELECT sum(properties.total) FROM events WHERE name = 'Product Purchased') / (SELECT count(DISTINCT properties.basket_id) FROM events WHERE name = 'Product Purchased') >= 5`,
				`SELECT who FROM sales WHERE ts <= $now GROUP BY who HAVING sum(total) FILTER (ts > $now - INTERVAL 90 DAY) >= 40 AND sum(total) >= 5 * count(DISTINCT basket)`},
		},
	},
	{
		name:  "bank-marketing",
		load:  bank,
		now:   time.Now().UTC().Truncate(aDay).Add(40 * aDay), // its calls have no time: they are of today
		steps: []time.Duration{0, 47*aDay + 13*time.Hour, 200 * aDay},
		views: []string{`CREATE VIEW calls AS SELECT * FROM read_csv('$1', all_varchar = true)`},
		judged: []judged{
			{"demographic", `job IN ('retired', 'self-employed') AND age(birthday) >= 55`,
				`SELECT 1 FROM calls WHERE job IN ('retired', 'self-employed') AND born::DATE + INTERVAL 55 YEAR <= $now`},
			{"behavioural", `EXISTS (SELECT 1 FROM events WHERE name = 'Phone Contact' AND properties.calls >= 3 AND properties.seconds > 300 AND NOT properties.subscribed)`,
				`SELECT 1 FROM calls WHERE campaign::INT >= 3 AND duration::INT > 300 AND y = 'no'`},
		},
	},
}

// exampleFiles brings files in by the mappings of docs/examples.
func exampleFiles(t *testing.T, e *engine.Engine, example string, files ...exampleFile) (paths []any) {
	t.Helper()
	for _, f := range files {
		mapping, err := os.ReadFile(filepath.Join("../../docs/examples", example, f.mapping+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		f.once(t, e, mapping)
		paths = append(paths, there(t, f.file))
	}
	return paths
}

// bank brings the calls in with a birthday for the age: no file with birthdays
// and jobs is free.
func bank(t *testing.T, e *engine.Engine) []any {
	t.Helper()
	const file, mapping = "bank_marketing/bank-additional.csv", "../../docs/examples/bank-marketing/map.yaml"
	r := csv.NewReader(strings.NewReader(unpacked(t, file)))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().UTC()
	for i, row := range rows {
		born := "born"
		if i > 0 {
			age, err := strconv.Atoi(row[0])
			if err != nil {
				t.Fatal(err)
			}
			born = today.AddDate(-age, 0, -(i * 37 % 365)).Format(time.DateOnly)
		}
		rows[i] = append(row, born)
	}
	path := filepath.Join(t.TempDir(), "calls.csv")
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = ';'
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(mapping)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	(&exampleFile{file: path}).read(t, e, []byte(strings.Replace(string(text), "age: number(age)", "birthday: born", 1)), b.String())
	return []any{path}
}

// Segments of real data have as many members as DuckDB alone counts in the
// files, and are kept current while nothing happens but time.
func TestSegmentsOfRealData(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			e, err := engine.Open(t.TempDir(), &engine.Options{NoSync: true, NoSocket: true})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			now := f.now
			tell(t, e, now)
			half := len(f.judged) / 2
			f.define(t, e, f.judged[:half]) // before the events, the others after them
			paths := f.load(t, e)
			f.define(t, e, f.judged[half:])
			db := f.plain(t, paths)
			for i, step := range f.steps {
				now = now.Add(step)
				tell(t, e, now)
				f.compare(t, e, db, now, i)
			}
		})
	}
}

func tell(t *testing.T, e *engine.Engine, now time.Time) {
	t.Helper()
	if err := e.SetClock(now.Format(time.RFC3339)); err != nil {
		t.Fatal(err)
	}
}

func (f *family) define(t *testing.T, e *engine.Engine, segments []judged) {
	t.Helper()
	for _, s := range segments {
		if _, err := e.Define(t.Context(), s.name, s.text); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
}

// plain opens DuckDB with views over the files.
func (f *family) plain(t *testing.T, paths []any) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, v := range f.views {
		for i, p := range paths {
			v = strings.ReplaceAll(v, fmt.Sprintf("'$%d'", i+1), fmt.Sprintf("'%s'", p))
		}
		if _, err := db.ExecContext(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// compare asks both sides for the sizes; somebody is in each, and not everybody.
func (f *family) compare(t *testing.T, e *engine.Engine, db *sql.DB, now time.Time, step int) {
	t.Helper()
	all, err := e.Count(t.Context(), "TRUE", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.judged {
		var want int
		ask := "SELECT count(*) FROM (" + strings.ReplaceAll(s.sql, "$now", "TIMESTAMP '"+now.Format(time.DateTime)+"'") + ")"
		if err := db.QueryRowContext(t.Context(), ask).Scan(&want); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		n, err := e.Count(t.Context(), s.name, nil)
		if err != nil || n != want {
			t.Errorf("%s on %s: %d, %v; DuckDB alone says %d", s.name, now.Format(time.DateTime), n, err, want)
		}
		if step == 0 && (want == 0 || want == all) {
			t.Errorf("%s: %d of %d are members: nothing is asked", s.name, want, all)
		}
		if v, err := e.Verify(t.Context(), s.name); err != nil || !v.Same() {
			t.Errorf("verify %s: %+v, %v", s.name, v, err)
		}
		t.Logf("%s %s: %d of %d", now.Format(time.DateTime), s.name, want, all)
	}
	if f.name != "bank-marketing" || step == 0 {
		return
	}
	if got := asked(t, e, "SELECT count(*) > 0, bool_and(moved_at = date_trunc('day', moved_at)) FROM changes WHERE segment = 'demographic' AND cause = 'clock'"); got != "true,true\n" {
		t.Errorf("who came of age did so on a birthday's midnight: %s", got)
	}
}
