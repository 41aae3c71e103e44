package engine

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

// manyProducts is a table of n rows whose prices add up to n times the price.
func manyProducts(n, price int) string {
	var b strings.Builder
	b.WriteString("sku,name,price\n")
	for i := range n {
		fmt.Fprintf(&b, "S%d,%s,%d\n", i, strings.Repeat("n", 1+i%40), price)
	}
	return b.String()
}

// A statement that reads a table while it is dropped ends as if it were not; one
// that begins later says that there is no such table.
func TestDropUnderAStatement(t *testing.T) {
	e := open(t, t.TempDir())
	const n = 60_000
	tableLoaded(t, e, "products", manyProducts(n, 2), bySKU)
	rows, err := e.SQL(t.Context(), "SELECT sku, name FROM products")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for rows.Next() {
		var sku, name string
		if err := rows.Scan(&sku, &name); err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 {
			if err := e.DropTable(t.Context(), "products"); err != nil {
				t.Fatal(err)
			}
			tableLoaded(t, e, "products", manyProducts(10, 3), bySKU)
			if err := e.DropTable(t.Context(), "products"); err != nil {
				t.Fatal(err)
			}
		}
		seen[sku] = true
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(seen) != n {
		t.Errorf("the statement under way gave %d rows, want %d: %v", len(seen), n, err)
	}
	if _, err := e.SQL(t.Context(), "SELECT sku FROM products"); !errors.Is(err, kith.ErrInvalid) || !strings.Contains(err.Error(), "products") {
		t.Errorf("after the drop: %v, want %v that names the table", err, kith.ErrInvalid)
	}
}

// Statements and drops at the same time: each statement sees one whole version,
// or is told that there is none.
func TestDropsBesideStatements(t *testing.T) {
	e := open(t, t.TempDir())
	const n = 5_000
	tableLoaded(t, e, "products", manyProducts(n, 1), bySKU)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				rows, err := e.SQL(t.Context(), "SELECT count(*), sum(price)::BIGINT, min(price)::BIGINT FROM products")
				if errors.Is(err, kith.ErrInvalid) && strings.Contains(err.Error(), "does not exist") {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				var count, sum, price int64
				for rows.Next() {
					err = errors.Join(err, rows.Scan(&count, &sum, &price))
				}
				if err = errors.Join(err, rows.Err(), rows.Close()); err != nil || count != n || sum != n*price {
					t.Errorf("%d rows, sum %d, price %d: %v", count, sum, price, err)
					return
				}
			}
		})
	}
	for price := range 8 {
		tableLoaded(t, e, "products", manyProducts(n, price+2), bySKU)
		if price%2 == 0 {
			if err := e.DropTable(t.Context(), "products"); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	wg.Wait()
}

// tabledWorld is an engine with flagged events and tables of several versions.
func tabledWorld(t *testing.T, dir string) *Engine {
	t.Helper()
	e := open(t, dir)
	rules := reruled(e, identity.Space{Name: "omega"})
	rules.Anomalies = []identity.Anomaly{{Kind: "bot"}, {Kind: "near_duplicate", Within: 60}}
	if err := e.SetRules(rules); err != nil {
		t.Fatal(err)
	}
	tableLoaded(t, e, "products", products, bySKU)
	var lines []string
	for i := range 60 {
		agent := []string{"Mozilla/5.0 (X11; Linux x86_64)", "Googlebot/2.1 (+http://www.google.com/bot.html)"}[min(i%5, 1)^1]
		lines = append(lines, fmt.Sprintf(`{"type":"track","event":"Order","messageId":"m%d","userId":"u%d","timestamp":"2024-05-0%dT10:%02d:00Z","context":{"userAgent":%q},"properties":{"sku":"X%d","total":%d.50}}`,
			i, i%7, 1+i%3, i%60, agent, 1+i%3, i/2))
	}
	r, err := e.Load(t.Context(), strings.NewReader(strings.Join(lines, "\n")), nil)
	if err != nil || r.Accepted != 60 || r.Flagged.Events == 0 || r.Flagged.Events == 60 {
		t.Fatalf("Load = %+v, %v", r, err)
	}
	tableLoaded(t, e, "products", dearer, bySKU)
	tableLoaded(t, e, "stores", "store,city\nA,Paris\nB,\n", &TableOptions{Key: []string{"store"}})
	return e
}

// toldOf is what an engine with tables and flagged events answers.
func toldOf(t *testing.T, e *Engine) []any {
	t.Helper()
	s, err := e.Schema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	out := []any{tablesOf(t, e), s.Events, s.Traits, s.Sources}
	for _, q := range []string{
		"SELECT * FROM products ORDER BY sku", "SELECT * FROM stores ORDER BY store", "SELECT * FROM loads ORDER BY load", "SELECT * FROM sources ORDER BY source",
		"SELECT message_id, flags, original FROM all_events ORDER BY seq",
		"SELECT e.message_id, p.name, p.price FROM events e JOIN products p ON p.sku = e.properties.sku ORDER BY e.seq",
		"SELECT public_id, first_seen, last_seen FROM profiles ORDER BY public_id",
	} {
		out = append(out, queried(t, e, q))
	}
	return out
}

// A rebuild, and a copy that is restored, leave tables and flagged events as they are.
func TestTablesAndFlagsAreKept(t *testing.T) {
	from := t.TempDir()
	e := tabledWorld(t, from)
	want := toldOf(t, e)
	same := func(what string, e *Engine) {
		t.Helper()
		got := toldOf(t, e)
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s: answer %d is\n%v\nwant\n%v", what, i, got[i], want[i])
			}
		}
	}
	r, err := e.Check(t.Context(), &CheckOptions{Rebuild: true})
	if err != nil || !r.Same || len(r.Problems) > 0 {
		t.Fatalf("rebuild: %v, same %v, %v", err, r.Same, r.Problems)
	}
	if err := e.Close(); err != nil { // it takes nothing any more
		t.Fatal(err)
	}
	e = open(t, from)
	same("after a rebuild", e)

	at := t.TempDir()
	backup, keys, dir := filepath.Join(at, "backup"), filepath.Join(at, "keys"), filepath.Join(at, "restored")
	if err := errors.Join(e.BackupKeys(t.Context(), keys), e.Backup(t.Context(), backup), Restore(t.Context(), backup, keys, dir, nil)); err != nil {
		t.Fatal(err)
	}
	x := open(t, dir)
	same("restored", x)
	if r, err = x.Check(t.Context(), nil); err != nil || len(r.Problems) > 0 {
		t.Errorf("check of the restored: %v, %v", err, r.Problems)
	}
}
