package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// A person stays in a bucket, in each way of asking, until the public id that is
// shown becomes another: who turn out to be one are in that of the one who was
// seen first, also where that is told late. Another opening changes nothing.
func TestBucketGoesWithThePublicID(t *testing.T) {
	dir := t.TempDir() + "/kith"
	e := OpenDir(t, dir, &engine.Options{Zone: time.UTC})
	if err := e.SetClock("2026-02-01T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.DefineTrait(t.Context(), "place", "bucket('x', 1000000)"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Define(t.Context(), "half", "bucket('x', 1000000) < 500000 AND plan IS NULL"); err != nil {
		t.Fatal(err)
	}
	n := 0
	said := func(day int, more string) string {
		n++
		return fmt.Sprintf(`{"type":"track","event":"View","messageId":"m%d","timestamp":"2026-01-%02dT00:00:00Z","receivedAt":"2026-01-31T00:00:00Z",%s}`, n, day, more)
	}
	seen := map[string]bool{}
	check := func(what string) {
		t.Helper()
		var half []string
		for _, row := range SQL(t, e, "SELECT id, public_id, place FROM profiles ORDER BY id") {
			f := strings.Split(row, " | ")
			want := query.BucketOf(f[1], "x", 1_000_000)
			if f[2] != fmt.Sprint(want) {
				t.Errorf("%s: %s is in %s, want %d", what, f[0], f[2], want)
			}
			if seen[f[2]] = true; want < 500_000 {
				half = append(half, f[0])
			}
		}
		for _, text := range []string{"half", "bucket('x', 1000000) < 500000", "number(place) < 500000"} {
			if got := ids(t, e, text, nil); strings.Trim(fmt.Sprint(got), "[]") != strings.Join(half, " ") {
				t.Errorf("%s: %s has %v, want %v", what, text, got, half)
			}
		}
	}
	var lines []string
	for i := range 40 {
		lines = append(lines, said(10+i%5, fmt.Sprintf(`"anonymousId":"a%d"`, i)), said(12, fmt.Sprintf(`"userId":"u%d"`, i)))
	}
	Lines(t, e, lines...)
	check("80 people")
	all := len(seen)
	for i := range 40 { // of some the device was seen first, of some the user
		Lines(t, e, said(20, fmt.Sprintf(`"anonymousId":"a%d","userId":"u%d"`, i, i)))
	}
	check("two are one")
	if len(seen) != all || all < 70 {
		t.Errorf("of %d places %d are new after merges: want that of one of the two", all, len(seen)-all)
	}
	was := SQL(t, e, "SELECT public_id FROM profiles ORDER BY id")
	for i := range 40 { // late: now the user was seen first, and then of some the device again
		Lines(t, e, said(5, fmt.Sprintf(`"userId":"u%d"`, i)))
		if i%3 == 0 {
			Lines(t, e, said(4, fmt.Sprintf(`"anonymousId":"a%d"`, i)))
		}
	}
	check("late events")
	if slices.Equal(was, SQL(t, e, "SELECT public_id FROM profiles ORDER BY id")) {
		t.Error("no late event showed another public id")
	}
	shut(t, e)
	e = OpenDir(t, dir, &engine.Options{Zone: time.UTC})
	check("opened again")
	if v, err := e.VerifyTrait(t.Context(), "place"); err != nil || !v.Same() {
		t.Errorf("%+v, %v", v, err)
	}
}
