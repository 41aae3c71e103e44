package enginetest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// Every example of the page is worked out, and as the walk over events does.
func TestExamplesOfTraits(t *testing.T) {
	e := shop(t, "")
	now := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	Lines(t, e,
		`{"type":"track","userId":"ada","event":"Order Completed","messageId":"7","timestamp":"2026-01-01T18:00:00Z","properties":{"total":15.50,"price":7.75,"quantity":2}}`,
		`{"type":"track","userId":"ada","event":"Product Viewed","messageId":"8","timestamp":"2026-01-04T00:00:00Z","properties":{"sku":"rake","category":"Garden"}}`)
	page, err := os.ReadFile(Repository("docs/traits.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSlow(t, e, now)
	s.computed = map[string]query.Value{}
	n, there := 0, 0
	for _, m := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		n++
		name := fmt.Sprintf("x%d", n)
		if _, err := e.DefineTrait(t.Context(), name, m[1]); err != nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		if s.computed[name], err = query.ParseValue(m[1]); err != nil {
			t.Fatal(err)
		}
		if v, err := e.VerifyTrait(t.Context(), name); err != nil || !v.Same() {
			t.Errorf("%s: %+v, %v", m[1], v, err)
		}
		var want []string
		some := false
		for _, o := range s.souls {
			w := worded(s.worked(name, o))
			some = some || w != "NULL" && w != "0" && w != "false"
			want = append(want, fmt.Sprintf("%d | %s", o.id, w))
		}
		if some {
			there++
		}
		if got := SQL(t, e, "SELECT id, "+name+" FROM profiles ORDER BY id"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, the walk gives %q", m[1], got, want)
		}
	}
	if n < 10 || there < n {
		t.Errorf("of %d examples %d come to something", n, there)
	}
}

// The worked examples of the field: ties of the most frequent (T9), first and
// last by the time of the event (T10), and what is dropped is gone (T23).
func TestTraitsThatOthersArgueAbout(t *testing.T) {
	e := Memory(t, &engine.Options{Zone: time.UTC})
	if err := e.SetClock("2026-02-01T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	n := 0
	viewed := func(who, sku, at string) string {
		n++
		return fmt.Sprintf(`{"type":"track","userId":"%s","event":"Viewed","messageId":"m%02d","timestamp":"2026-01-%s:00:00Z","receivedAt":"2026-01-30T00:00:00Z","properties":{"sku":"%s"}}`, who, n, at, sku)
	}
	for name, text := range map[string]string{
		"favourite": "(SELECT most_frequent(properties.sku) FROM events)",
		"rarest":    "(SELECT least_frequent(properties.sku) FROM events)",
		"first_one": "text((SELECT properties.sku FROM events ORDER BY ts LIMIT 1))",
		"last_one":  "text((SELECT properties.sku FROM events ORDER BY ts DESC LIMIT 1))",
		"views":     "(SELECT count(*) FROM events)",
	} {
		if _, err := e.DefineTrait(t.Context(), name, text); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what, row string) {
		t.Helper()
		got := SQL(t, e, "SELECT favourite, rarest, first_one, last_one, views FROM profiles WHERE id = 1")
		if !slices.Equal(got, []string{row}) {
			t.Errorf("%s: %q, want %q", what, got, row)
		}
	}
	Lines(t, e, viewed("ada", "rake", "10T10"), viewed("ada", "lamp", "10T11"))
	want("nothing twice", "NULL | NULL | rake | lamp | 2")
	Lines(t, e, viewed("ada", "rake", "11T10"), viewed("ada", "lamp", "11T11"))
	want("a tie: the first in order", "lamp | lamp | rake | lamp | 4")
	Lines(t, e, viewed("ada", "rake", "05T10"))
	want("a third one, which came late and is the first by its time", "rake | lamp | rake | lamp | 5")
	Lines(t, e, viewed("ada", "hose", "05T10"), viewed("ada", "moss", "11T11"))
	want("equal times: by the message id", "rake | lamp | rake | moss | 7")
	Lines(t, e, viewed("bob", "lamp", "20T10"), viewed("bob", "lamp", "03T10"), viewed("bob", "lamp", "20T09"),
		`{"type":"identify","userId":"ada","messageId":"x1","timestamp":"2026-01-21T00:00:00Z","receivedAt":"2026-01-30T00:00:00Z","traits":{"email":"ada@example.org"}}`,
		`{"type":"identify","userId":"bob","messageId":"x2","timestamp":"2026-01-02T00:00:00Z","receivedAt":"2026-01-30T00:00:00Z","traits":{"email":"bob@example.org"}}`)
	want("another person", "rake | lamp | rake | NULL | 8")

	if err := e.DropTrait(t.Context(), "views"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.SQL(t.Context(), "SELECT views FROM profiles"); err == nil || !strings.Contains(err.Error(), "views") {
		t.Errorf("a dropped trait is still there: %v", err)
	}
	if c, err := e.Count(t.Context(), "number(views) > 0", nil); err != nil || c != 0 {
		t.Errorf("%d people have a dropped trait, %v", c, err)
	}
	if _, err := e.DefineTrait(t.Context(), "views", "EXISTS (SELECT 1 FROM events WHERE name = 'Viewed')"); err != nil { // of another type
		t.Fatal(err)
	}
	if got := SQL(t, e, "SELECT id, views FROM profiles ORDER BY id"); !slices.Equal(got, []string{"1 | true", "2 | true"}) {
		t.Errorf("defined again it is %q", got)
	}
}

// A name that events come to say later goes on to mean the computed trait, and
// is theirs when that is dropped.
func TestComputedTraitThatEventsSay(t *testing.T) {
	dir := t.TempDir() + "/kith"
	e := shop(t, dir)
	if _, err := e.DefineTrait(t.Context(), "rank", "number(ltv) * 2"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Define(t.Context(), "high", "rank >= 100"); err != nil {
		t.Fatal(err)
	}
	Lines(t, e, `{"type":"identify","userId":"bob","messageId":"20","timestamp":"2026-01-04T00:00:00Z","traits":{"rank":500}}`)
	show := func(want ...string) {
		t.Helper()
		if got := SQL(t, e, "SELECT id, rank FROM profiles ORDER BY id"); !slices.Equal(got, want) {
			t.Errorf("rank is %q, want %q", got, want)
		}
	}
	ada, bob := SQL(t, e, "SELECT profile_id FROM identifiers WHERE value = 'ada'")[0], SQL(t, e, "SELECT profile_id FROM identifiers WHERE value = 'bob'")[0]
	other := SQL(t, e, "SELECT id FROM profiles WHERE NOT known")[0]
	show(ada+" | 241", bob+" | 6", other+" | NULL")
	if a, b := count(t, e, "high"), count(t, e, "rank >= 100"); a != 1 || b != 1 {
		t.Errorf("%d are high, and %d asked on demand", a, b)
	}
	shut(t, e)
	e = OpenDir(t, dir, &engine.Options{Zone: time.UTC, ReadOnly: true})
	if got := SQL(t, e, "SELECT column_name FROM (DESCRIBE profiles) WHERE column_name LIKE '%rank%'"); len(got) > 0 {
		t.Errorf("opened read-only, there is %q", got)
	}
	if b := count(t, e, "rank >= 100"); b != 1 {
		t.Errorf("opened read-only, %d are high", b)
	}
	shut(t, e)
	e = OpenDir(t, dir, &engine.Options{Zone: time.UTC})
	if err := e.DropSegment(t.Context(), "high"); err != nil {
		t.Fatal(err)
	}
	if err := e.DropTrait(t.Context(), "rank"); err != nil {
		t.Fatal(err)
	}
	show(ada+" | NULL", bob+" | 500", other+" | NULL")
}
