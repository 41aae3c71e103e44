package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// oddTexts are written otherwise by one writer of JSON than by another.
var oddTexts = []string{
	"", " ", "a", "a", "A", "ä", `a"b`, `a\b`, "a/b", "a\nb", "a\tb\r", "\b\f", "\x01", "\x1e", "\x7f", "<&>", "\u2028\u2029", "😀", "'", "{", "[1]", "null", "\u00a0", "z",
}

// gathers are the traits of the test below.
var gathers = map[string]string{"skus": "(SELECT unique_list(properties.sku) FROM events)", "views": "(SELECT counts(properties.sku) FROM events)"}

// What a person's events say is one array, and one object, to the byte the same
// live, by DuckDB and by a walk; what is beyond the bounds is missing.
func TestUniqueListAndCounts(t *testing.T) {
	e := Memory(t, &engine.Options{Zone: time.UTC})
	if err := e.SetClock("2026-02-01T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	n := 0
	say := func(who string, texts ...string) {
		t.Helper()
		var lines []string
		for _, text := range texts {
			n++
			sku, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf(`{"type":"track","userId":%q,"event":"Viewed","messageId":"m%d","timestamp":"2026-01-10T00:00:00Z","properties":{"sku":%s}}`, who, n, sku))
		}
		Lines(t, e, lines...)
	}
	for name, text := range gathers {
		if got, err := e.DefineTrait(t.Context(), name, text); err != nil || got.Type != "text" {
			t.Fatal(got, err)
		}
	}
	say("ada", "b", "a", "b")
	say("bob", oddTexts...)
	Lines(t, e, `{"type":"track","userId":"cyd","event":"Viewed","messageId":"c","timestamp":"2026-01-10T00:00:00Z","properties":{"sku":5}}`)
	gathersSame(t, e, "at first")
	if got, want := SQL(t, e, "SELECT skus, views FROM profiles ORDER BY id LIMIT 1"), `["a","b"] | {"a":1,"b":2}`; got[0] != want {
		t.Errorf("ada has %s, want %s", got, want)
	}
	gathersAsked(t, e)
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprint("sku", i))
	}
	say("dan", many...)
	say("eva", strings.Repeat("x", 4090), strings.Repeat("y", 4090)) // with what stands around them 8,191 bytes
	gathersSame(t, e, "at the bounds")
	if n := count(t, e, "skus IS NOT NULL AND views IS NOT NULL"); n != 4 {
		t.Errorf("%d have a list, want 4", n)
	}
	say("dan", "one more")
	say("eva", "zzz")
	gathersSame(t, e, "beyond them")
	if n := count(t, e, "skus IS NOT NULL OR views IS NOT NULL"); n != 2 {
		t.Errorf("%d have a list, want 2", n)
	}
}

// gathersSame compares what is kept with what DuckDB works out, to the byte, and
// with the walk, which writes the same JSON otherwise.
func gathersSame(t *testing.T, e *engine.Engine, when string) {
	t.Helper()
	s := newSlow(t, e, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	s.computed = map[string]query.Value{}
	for name, text := range gathers {
		if v, err := e.VerifyTrait(t.Context(), name); err != nil || !v.Same() {
			t.Errorf("%s: %s is not what DuckDB works out: %+v, %v", when, name, v, err)
		}
		var err error
		if s.computed[name], err = query.ParseValue(text); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, o := range s.souls {
			want = append(want, fmt.Sprintf("%d | %s", o.id, worded(s.worked(name, o))))
		}
		if got := SQL(t, e, "SELECT id, "+name+" FROM profiles ORDER BY id"); !slices.EqualFunc(got, want, sameJSON) {
			t.Errorf("%s: %s is %q, want %q", when, name, got, want)
		}
	}
}

// gathersAsked asks for them in segments, kept and on demand.
func gathersAsked(t *testing.T, e *engine.Engine) {
	t.Helper()
	for condition, want := range map[string]int{
		"has(skus, 'a')": 2, "has(skus, 'b')": 1, `has(skus, 'a"b')`: 1, "NOT has(skus, 'b')": 1, "skus IS NULL": 1, "has(views, 'a')": 0,
		`(SELECT unique_list(properties.sku) FROM events) = '["a","b"]'`: 1, `(SELECT counts(name) FROM events) = '{"Viewed":3}'`: 1,
	} {
		if _, err := e.Define(t.Context(), "s", condition); err != nil {
			t.Fatal(err)
		}
		if got, asked := count(t, e, "s"), count(t, e, "("+condition+")"); got != want || asked != want {
			t.Errorf("%s: %d kept, %d asked, want %d", condition, got, asked, want)
		}
	}
}

// sameJSON tells whether two rows say the same, of JSON the same value.
func sameJSON(a, b string) bool {
	id, x, _ := strings.Cut(a, " | ")
	other, y, _ := strings.Cut(b, " | ")
	var v, w any
	if id != other || json.Unmarshal([]byte(x), &v) != nil || json.Unmarshal([]byte(y), &w) != nil {
		return a == b
	}
	return fmt.Sprint(v) == fmt.Sprint(w)
}
