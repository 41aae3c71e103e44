package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

func open(t *testing.T, dir string) *Engine {
	t.Helper()
	e, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func queried(t *testing.T, e *Engine, q string) string {
	t.Helper()
	rows, err := e.SQL(context.Background(), q)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	cols, _ := rows.Columns()
	var out strings.Builder
	for rows.Next() {
		vals := make([]any, len(cols))
		for i := range vals {
			vals[i] = new(any)
		}
		if err := rows.Scan(vals...); err != nil {
			t.Fatal(err)
		}
		for i, v := range vals {
			if i > 0 {
				out.WriteByte('|')
			}
			fmt.Fprint(&out, *v.(*any))
		}
		out.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const shop = `{"type":"identify","messageId":"m1","userId":"u1","anonymousId":"a1","timestamp":"2026-01-01T10:00:00Z","traits":{"email":"Ada@Example.org","name":"Ada L","country":"FR","plan":"free","age":36,"vip":false}}
{"type":"track","messageId":"m2","anonymousId":"a1","event":"Product Viewed","timestamp":"2026-01-01T09:00:00Z","properties":{"sku":"X1","price":12.5}}
{"type":"track","messageId":"m3","userId":"u1","event":"Order Completed","timestamp":"2026-01-02T09:00:00Z","properties":{"total":99.9,"products":[{"sku":"X1"}]}}
{"type":"identify","messageId":"m4","userId":"u1","timestamp":"2026-01-03T10:00:00Z","traits":{"plan":"pro","country":"BE"}}
{"type":"track","messageId":"m3","userId":"u1","event":"Order Completed","timestamp":"2026-01-02T09:00:00Z","properties":{"total":99.9,"products":[{"sku":"X1"}]}}
{"type":"track","messageId":"m2","anonymousId":"a1","event":"Product Viewed","timestamp":"2026-01-01T09:00:00Z","properties":{"sku":"X2"}}
{"type":"track","event":"nobody"}
{"type":"track","messageId":"m5","userId":"u2","event":"Order Completed","timestamp":"2026-01-05T09:00:00Z","properties":{"total":10}}
`

func TestFirstWalk(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	r, err := e.Load(context.Background(), strings.NewReader(shop), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	show := func() {
		p, err := e.Profile(context.Background(), kith.Identifier{Space: "email", Value: "ada@example.org"})
		if err != nil {
			t.Fatal(err)
		}
		j, _ := json.MarshalIndent(p, "", " ")
		t.Log(string(j))
		for _, q := range []string{
			"SELECT * FROM profiles", "SELECT name, profile_id, ts, properties.total FROM events", "SELECT original FROM events",
			"SELECT * FROM identifiers", "SELECT * FROM decisions", "SELECT * FROM merges", "SELECT * FROM rejects", "SELECT * FROM loads",
			"SELECT * FROM sources", "SELECT * FROM columns",
		} {
			t.Log(q + "\n" + queried(t, e, q))
		}
		s, err := e.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", s)
	}
	show()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir)
	show()
}

// A trait that equals an identifier of its own event says who somebody is,
// whatever its name: it stands in no column and no dictionary.
func TestATraitThatIsAnIdentifierIsSealed(t *testing.T) {
	e := open(t, "")
	report, err := e.Ingest(context.Background(),
		kith.Event{Kind: kith.Identify, UserID: "Q7fjW2kLm9XzR4aB", Traits: json.RawMessage(`{"ref":"Q7fjW2kLm9XzR4aB","tier":"gold"}`)},
		kith.Event{Kind: kith.Identify, UserID: "u2", Traits: json.RawMessage(`{"ref":"plain"}`)})
	if err != nil || report.Accepted != 2 {
		t.Fatal(report, err)
	}
	for _, c := range e.traits.all() {
		if c.dict == nil {
			continue
		}
		if _, ok := c.dict.Find("Q7fjW2kLm9XzR4aB"); ok {
			t.Errorf("it stands in the dictionary of %s", c.path)
		}
	}
	if got, want := queried(t, e, "SELECT tier FROM profiles WHERE tier IS NOT NULL"), "gold\n"; got != want {
		t.Errorf("tier = %q, want %q", got, want)
	}
	if r, err := e.Check(context.Background(), nil); err != nil || len(r.Problems) > 0 {
		t.Error(r.Problems, err)
	}
}

// Many large documents in one turn do not outgrow the store's transaction.
func TestManyLargeDocuments(t *testing.T) {
	e := open(t, "")
	var lines strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&lines, `{"type":"identify","userId":"u%d","timestamp":"2026-01-01T00:00:00Z","traits":{"note":"%x"}}`+"\n", i, strings.Repeat(fmt.Sprint(i*7919, "x"), 400))
	}
	r, err := e.Load(context.Background(), strings.NewReader(lines.String()), nil)
	if err != nil || r.Accepted != 3000 {
		t.Fatal(r.Tally, err)
	}
}
