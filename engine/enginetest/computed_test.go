package enginetest

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// A computed trait is a column: it follows events and the clock, segments use
// it, SQL shows it, and when it is dropped it is gone.
func TestComputedTrait(t *testing.T) {
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	o := &engine.Options{Zone: time.UTC, Now: func() time.Time { return now }}
	e := OpenDir(t, dir, o)
	order := func(id, who, total string) string {
		return `{"type":"track","event":"Order Completed","messageId":"` + id + `","userId":"` + who + `","timestamp":"2026-01-04T10:00:00Z","properties":{"total":` + total + `}}`
	}
	Lines(t, e, order("1", "ada", "19.90"), order("2", "ada", "5.10"), order("3", "bob", "7"))
	ltv, err := e.DefineTrait(t.Context(), "ltv", "(SELECT sum(properties.total) FROM events WHERE name = 'Order Completed' AND ts > now() - INTERVAL 30 DAY)")
	if err != nil {
		t.Fatal(err)
	}
	if ltv.State != "live" || ltv.Type != "number" || ltv.Version != 1 {
		t.Errorf("defined is %+v", ltv)
	}
	if _, err := e.DefineTrait(t.Context(), "last_order", "(SELECT max(ts) FROM events WHERE name = 'Order Completed')"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Define(t.Context(), "good", "ltv >= 20"); err != nil {
		t.Fatal(err)
	}
	want := func(what string, rows ...string) {
		t.Helper()
		got := SQL(t, e, "SELECT id, ltv, last_order, in_segment('good', id) FROM profiles ORDER BY id")
		if !slices.Equal(got, rows) {
			t.Errorf("%s: %q, want %q", what, got, rows)
		}
	}
	want("at first", "1 | 25 | 2026-01-04T10:00:00Z | true", "2 | 7 | 2026-01-04T10:00:00Z | false")
	Lines(t, e, order("4", "bob", "13"))
	want("after an order", "1 | 25 | 2026-01-04T10:00:00Z | true", "2 | 20 | 2026-01-04T10:00:00Z | true")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = OpenDir(t, dir, o)
	want("opened again", "1 | 25 | 2026-01-04T10:00:00Z | true", "2 | 20 | 2026-01-04T10:00:00Z | true")
	now = now.Add(30 * 24 * time.Hour)
	want("after the window", "1 | NULL | 2026-01-04T10:00:00Z | false", "2 | NULL | 2026-01-04T10:00:00Z | false")
	p, err := e.Profile(t.Context(), kith.Identifier{Space: "user_id", Value: "ada"})
	if err != nil || len(p.Computed) != 1 || string(p.Computed[0].Value) != `"2026-01-04T10:00:00Z"` {
		t.Errorf("the profile has %v, %v", p.Computed, err)
	}
	if err := e.DropTrait(t.Context(), "ltv"); !errors.Is(err, kith.ErrDenied) || !strings.Contains(err.Error(), "the segment good") {
		t.Errorf("dropped while it is used: %v", err)
	}
	if err := e.DropSegment(t.Context(), "good"); err != nil {
		t.Fatal(err)
	}
	if err := e.DropTrait(t.Context(), "ltv"); err != nil { // T23
		t.Fatal(err)
	}
	if got := SQL(t, e, "SELECT name, computed FROM columns WHERE relation = 'profiles'"); !slices.Equal(got, []string{"last_order | true"}) {
		t.Errorf("columns are %q", got)
	}
}

// A sum that has more than 29 digits before the point is missing for who has it,
// and for nobody else; what comes later may bring it back. An average of numbers
// that fit is always there.
func TestSumsThatDoNotFit(t *testing.T) {
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	e := Open(t, &engine.Options{Zone: time.UTC, Now: func() time.Time { return now }})
	n := 0
	order := func(who, total string) string {
		n++
		return fmt.Sprintf(`{"type":"track","event":"Order","messageId":"m%02d","userId":"%s","timestamp":"2026-01-0%dT10:00:00Z","properties":{"total":%s}}`, n, who, 1+n%4, total)
	}
	Lines(t, e, order("ann", "10"), order("bob", "9e28"))
	for name, text := range map[string]string{"total": "sum(properties.total)", "mean": "avg(properties.total)", "more": "sum(properties.total) FROM events) + (SELECT sum(properties.total)"} {
		if _, err := e.DefineTrait(t.Context(), name, "(SELECT "+text+" FROM events)"); err != nil {
			t.Fatal(err)
		}
	}
	rich := "(SELECT sum(properties.total) FROM events) >= 5"
	if _, err := e.Define(t.Context(), "rich", rich); err != nil {
		t.Fatal(err)
	}
	sum, _ := new(big.Rat).SetString("9e28")
	count := int64(1)
	for _, total := range []string{"0", "9999999999999999999999999999.999999999", "0.000000001", "9e28", "9e28", "-9e28", "-9e28", "-9e28", "-9e28", "-99999999999999999999999999999.999999999", "9e28", "0.000000001", "99999999999999999999999999999.5"} {
		Lines(t, e, order("bob", total))
		next, _ := new(big.Rat).SetString(total)
		sum, count = sum.Add(sum, next), count+1
		got := SQL(t, e, "SELECT total, mean, more, in_segment('rich', id) FROM profiles ORDER BY id")
		twice := fitting(new(big.Rat).Add(sum, sum))
		fits := fitting(sum) != nil
		want := fmt.Sprintf("%s | %s | %s | %t", worded(fitting(sum)), worded(even(new(big.Rat).Quo(sum, big.NewRat(count, 1)))), worded(twice), fits && sum.Cmp(big.NewRat(5, 1)) >= 0)
		if !slices.Equal(got, []string{"10 | 10 | 20 | true", want}) {
			t.Errorf("after %s: %q, want of bob %s", total, got, want)
		}
		asked := []kith.ProfileID{1}
		if strings.HasSuffix(want, "true") {
			asked = append(asked, 2)
		}
		if got := ids(t, e, "("+rich+")", nil); !slices.Equal(got, asked) {
			t.Errorf("after %s: asked on demand %v, want %v", total, got, asked)
		}
		for _, name := range []string{"total", "mean", "more"} {
			if v, err := e.VerifyTrait(t.Context(), name); err != nil || !v.Same() {
				t.Errorf("after %s: %s is %+v, %v", total, name, v, err)
			}
		}
	}
	Check(t, e)
}
