package enginetest

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// shop is a small shop with a table of products.
func shop(t *testing.T, dir string) *engine.Engine {
	t.Helper()
	e := OpenDir(t, dir, &engine.Options{Zone: time.UTC})
	Lines(t, e,
		`{"type":"identify","userId":"ada","messageId":"1","timestamp":"2026-01-01T00:00:00Z","traits":{"plan":"pro","company":"acme","country":"FR","ltv":120.5,"birthday":"1990-03-01","joined":"2024-12-31","address":{"city":"Paris"},"email":"ada@example.org"}}`,
		`{"type":"identify","userId":"bob","messageId":"2","timestamp":"2026-01-01T00:00:00Z","traits":{"plan":"free","company":"acme","country":"BE","ltv":3}}`,
		`{"type":"track","userId":"ada","event":"Order Completed","messageId":"3","timestamp":"2026-01-02T00:00:00Z","properties":{"total":60}}`,
		`{"type":"track","userId":"ada","event":"Product Viewed","messageId":"4","timestamp":"2026-01-03T00:00:00Z","properties":{"sku":"rake"}}`,
		`{"type":"track","userId":"bob","event":"Product Viewed","messageId":"5","timestamp":"2026-01-03T00:00:00Z","properties":{"sku":"lamp"}}`,
		`{"type":"track","anonymousId":"c","event":"Product Viewed","messageId":"6","timestamp":"2026-01-04T00:00:00Z","properties":{"sku":"rake"}}`)
	if err := e.SetClock("2026-01-05T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	return e
}

func count(t *testing.T, e *engine.Engine, condition string) int {
	t.Helper()
	n, err := e.Count(context.Background(), condition, nil)
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	return n
}

// Definitions last: over another opening, a rebuild, and an unload.
func TestSegmentsLast(t *testing.T) {
	dir, ctx := t.TempDir()+"/kith", context.Background()
	e := shop(t, dir)
	define := func(name, text string) error {
		_, err := e.Define(ctx, name, text)
		return err
	}
	if err := define("french", "country='FR'"); err != nil {
		t.Fatal(err)
	}
	if err := define("others", "NOT in_segment('french')"); err != nil {
		t.Fatal(err)
	}
	if a, b := count(t, e, "french"), count(t, e, "others"); a != 1 || b != 2 {
		t.Errorf("%d are french and %d not, want 1 and 2", a, b)
	}
	if err := define("known_others", "in_segment('others') AND NOT in_segment('french')"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.LoadTable(ctx, "beds", &sheet{[]string{"sku", "size"}, [][]string{{"rake", "2"}}}, nil); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"column colour of table beds: not found: line 2, column 42: its columns are sku, size": func() error {
			return define("x", "colour = 'red' AND\n  country IN (SELECT sku FROM beds WHERE colour = 'red')")
		},
		"list nope: not found: line 1, column 30": func() error {
			_, err := e.Explain(ctx, "country = 'nope' AND in_list('nope')", nil)
			return err
		},
		"segment french: invalid: it uses itself: french > others > french":                func() error { return define("french", "in_segment('others')") },
		"segment french: invalid: it uses itself: french > known_others > others > french": func() error { return define("french", "known AND NOT in_segment('known_others')") },
		"segment new: invalid: it uses itself: new > new":                                  func() error { return define("new", "in_segment('new')") },
		"engine.SQL: segment nobody: not found": func() error {
			_, err := Rows(e, "SELECT count(*) FROM profiles WHERE in_segment('nobody', id)")
			return err
		},
		"engine.SQL: segment noone: not found":                          func() error { _, err := Rows(e, "SELECT in_segment('noone', 1)"); return err },
		"engine.SQL: segment nothing: not found":                        func() error { _, err := Rows(e, "FROM segment('nothing')"); return err },
		"engine.SQL: segment: not found: a name":                        func() error { _, err := Rows(e, "FROM segment('ann@example.org')"); return err },
		"line 1, column 12: that is no name of a segment: a name has":   func() error { return define("x", "in_segment('ann@example.org')") },
		"engine.DropSegment: segment: not found":                        func() error { return e.DropSegment(ctx, "ann@example.org") },
		"segment nobody: not found: line 1, column 12":                  func() error { return define("new", "in_segment('nobody')") },
		"segment french: denied: segments use it: known_others, others": func() error { return e.DropSegment(ctx, "french") },
		"a name has":     func() error { return define("a b", "TRUE") },
		"line 1, column": func() error { return define("x", "country = ") },
		"table garden: not found: line 1, column 27: kith table list": func() error { return define("x", "country IN (SELECT c FROM garden)") },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "ann@") {
			t.Errorf("got %v, want %q", err, name)
		}
	}
	if s, err := e.Define(ctx, "french", "country = 'FR' -- the same"); err != nil || s.Version != 1 {
		t.Errorf("defined again: %+v, %v", s, err)
	}
	if s, err := e.Define(ctx, "french", "country IN ('FR', 'BE')"); err != nil || s.Version != 2 {
		t.Errorf("defined otherwise: %+v, %v", s, err)
	}
	all, err := e.Segments(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Unload(ctx, 1, nil); err != nil {
		t.Fatal(err)
	}
	Check(t, e)
	if r, err := e.Check(ctx, &engine.CheckOptions{Rebuild: true}); err != nil || !r.Same {
		t.Errorf("rebuilt: %+v, %v", r, err)
	}
	shut(t, e)
	e = again(t, dir)
	defer end(t, e)
	segmentsHold(t, e) // they are found again
	if now, err := e.Segments(ctx); err != nil || !slices.Equal(now, all) {
		t.Errorf("after another opening %v, %v, want %v", now, err, all)
	}
	if n := count(t, e, "others"); n != 0 {
		t.Errorf("%d others where nobody is", n)
	}
}

// A literal of a definition may be somebody's: it stands nowhere in clear.
func TestSegmentsAreSealed(t *testing.T) {
	dir := t.TempDir() + "/kith"
	e := shop(t, dir)
	if _, err := e.Define(context.Background(), "one", "email = 'q7Wz1Lp0Xk9Rt3Vb@example.org'"); err != nil {
		t.Fatal(err)
	}
	shut(t, e)
	h := newHunt(map[string]string{"email": "q7Wz1Lp0Xk9Rt3Vb"})
	h.files(t, "after a definition", dir)
	h.store(t, "after a definition", dir, nil)
}

// Every example of the page is answered, and as the walk over events does.
func TestExamplesOfSegments(t *testing.T) {
	e := shop(t, "")
	page, err := os.ReadFile(Repository("docs/segments.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.LoadTable(context.Background(), "products", &products{}, &engine.TableOptions{Key: []string{"sku"}}); err != nil {
		t.Fatal(err)
	}
	s := newSlow(t, e, time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))
	s.lists = map[string]onList{"vip": {"user_id=ada": true, "anonymous_id=c": true}, "staff": {"anonymous_id=c": true}}
	for name, on := range s.lists {
		if _, err := e.ImportList(context.Background(), name, handing(slices.Sorted(maps.Keys(on))...), engine.ReplaceList); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, m := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		n++
		if strings.Contains(m[1], "FROM products") { // the walk has no tables
			if got := count(t, e, m[1]); got != 2 {
				t.Errorf("%s: %d, want 2", m[1], got)
			}
			continue
		}
		concur(t, e, s, m[1])
	}
	if n < 10 {
		t.Errorf("%d examples", n)
	}
}

// products are the rows of a table.
type products struct{ at int }

func (p *products) Columns() []string { return []string{"sku", "category"} }
func (p *products) Next() ([]string, int64, error) {
	rows := [][]string{{"rake", "Garden"}, {"lamp", "Home"}}
	if p.at == len(rows) {
		return nil, 0, io.EOF
	}
	p.at++
	return rows[p.at-1], int64(p.at), nil
}

// What is refused says where, and never what stands in quotes.
func TestConditionsThatAreRefused(t *testing.T) {
	e := shop(t, "")
	_, err := e.Count(context.Background(), "plan = 'pro'\n  AND email = 'ada@example.org' + 1", nil)
	var at *engine.ConditionError
	if !errors.As(err, &at) || !errors.Is(err, kith.ErrInvalid) || at.Line != 2 || strings.Contains(err.Error(), "ada") {
		t.Errorf("got %v", err)
	}
	if _, err := query.FromJSON([]byte(`{"node":"or"}`)); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
