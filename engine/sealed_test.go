package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
)

// secretive are events of three people, of whose properties some are sealed: by
// their name, by their shape, and because they are an identifier of the event.
const secretive = `{"type":"track","event":"Signed Up","messageId":"1","userId":"ada-lovelace","timestamp":"2026-01-01T00:00:00Z","properties":{"email":"ada@example.org","by":"ada-lovelace","comment":"Very nice"}}
{"type":"track","event":"Signed Up","messageId":"2","userId":"bob","timestamp":"2026-01-02T00:00:00Z","properties":{"email":"bob@example.org","by":"ada-lovelace","comment":5}}
{"type":"track","event":"Signed Up","messageId":"3","userId":"eve","timestamp":"2026-01-03T00:00:00Z","properties":{"via":"eve@example.org","cc":["x","ada@example.org"]}}
{"type":"track","event":"Signed Up","messageId":"4","userId":"eve","timestamp":"2026-01-04T00:00:00Z","properties":{"via":"web","email":"eve@example.org"}}
{"type":"track","event":"Signed Up","messageId":"5","userId":"eve","timestamp":"2026-01-05T00:00:00Z","properties":{"via":"web","email":"eve@example.org"}}
`

// hush loads secretive, and gives the people by their user ids.
func hush(t *testing.T, e *Engine) map[string]kith.ProfileID {
	t.Helper()
	if r, err := e.Load(context.Background(), strings.NewReader(secretive), nil); err != nil || r.Accepted != 5 {
		t.Fatal(r.Tally, err)
	}
	return named3(t, e)
}

func named3(t *testing.T, e *Engine) map[string]kith.ProfileID {
	t.Helper()
	who := map[string]kith.ProfileID{}
	for _, id := range []string{"ada-lovelace", "bob", "eve"} {
		p, err := e.Profile(t.Context(), kith.Identifier{Space: "user_id", Value: id})
		if err != nil {
			t.Fatal(err)
		}
		who[id] = p.ID
	}
	return who
}

// knowing are conditions on what is sealed, and of whom they are true.
var knowing = []struct{ where, who string }{
	{"EXISTS (SELECT 1 FROM events WHERE name = 'Signed Up' AND properties.email = 'ada@example.org')", "ada-lovelace"},
	{"EXISTS (SELECT 1 FROM events WHERE properties.email = 'Ada@example.org')", ""},
	{"EXISTS (SELECT 1 FROM events WHERE properties.email <> 'ada@example.org')", "bob eve"},
	{"EXISTS (SELECT 1 FROM events WHERE properties.email IN ('ada@example.org', 'eve@example.org'))", "ada-lovelace eve"},
	{"EXISTS (SELECT 1 FROM events WHERE properties.email NOT IN ('ada@example.org'))", "bob eve"},
	{"EXISTS (SELECT 1 FROM events WHERE NOT (properties.email <=> 'ada@example.org'))", "bob eve"},
	{"EXISTS (SELECT 1 FROM events WHERE properties.email IS NULL)", "eve"},
	{"NOT EXISTS (SELECT 1 FROM events WHERE properties.comment IS NOT NULL)", "eve"},
	{"(SELECT count(properties.email) FROM events) = 2", "eve"},
	{"(SELECT count(DISTINCT properties.email) FROM events) = 1", "ada-lovelace bob eve"},
	{"(SELECT count(DISTINCT properties.via) FROM events) = 2", "eve"},
	{"(SELECT most_frequent(properties.email) FROM events) = 'eve@example.org'", "eve"},
	{"EXISTS (SELECT 1 FROM events WHERE properties.by = 'ada-lovelace')", "ada-lovelace bob"},
	{"EXISTS (SELECT 1 FROM events WHERE properties.comment LIKE 'Very%')", "ada-lovelace"},
	{"EXISTS (SELECT 1 FROM events WHERE properties.comment = 5)", "bob"},
	{"EXISTS (SELECT 1 FROM events WHERE has(properties.cc, 'ada@example.org'))", "eve"},
	{"(SELECT properties.via FROM events ORDER BY ts LIMIT 1) = 'eve@example.org'", "eve"},
	{"(SELECT max(text(properties.email)) FROM events) > 'b'", "bob eve"},
	{"EXISTS (SELECT 1 FROM events WHERE followed_by(text(properties.email) = outer.properties.email))", "eve"},
}

// knows sees to it that conditions find whom they should, asked on demand, as
// one statement for DuckDB, and kept current.
func knows(t *testing.T, e *Engine, who map[string]kith.ProfileID, kept bool) {
	t.Helper()
	for i, c := range knowing {
		var want, got []kith.ProfileID
		for _, name := range strings.Fields(c.who) {
			want = append(want, who[name])
		}
		seq, err := e.Members(t.Context(), c.where, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.where, err)
		}
		for id := range seq {
			got = append(got, id)
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.where, got, want)
		}
		if !kept {
			continue
		}
		name := fmt.Sprintf("s%d", i)
		if n, err := e.Count(t.Context(), name, nil); err != nil || n != len(want) {
			t.Errorf("%s: %d are kept, want %d: %v", c.where, n, len(want), err)
		}
		if v, err := e.Verify(t.Context(), name); err != nil || !v.Same() {
			t.Errorf("%s: %+v, %v", c.where, v, err)
		}
	}
}

func TestConditionsOpenWhatIsSealed(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(dir, &Options{NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range knowing { // before there is anybody: all comes through the line
		if _, err := e.Define(t.Context(), fmt.Sprintf("s%d", i), c.where); err != nil {
			t.Fatalf("%s: %v", c.where, err)
		}
	}
	who := hush(t, e)
	knows(t, e, who, true)
	unseen(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir) // and through history
	if err := e.WaitLive(t.Context()); err != nil {
		t.Fatal(err)
	}
	knows(t, e, who, true)
	unseen(t, e)
	healthy(t, e)
}

// unseen sees to it that leaves have nothing of what is sealed in the clear.
func unseen(t *testing.T, e *Engine) {
	t.Helper()
	hidden := 0
	err := e.inLine(func() error {
		for _, leaf := range e.line.live.leaves {
			for _, list := range leaf.of {
				for _, m := range list {
					for _, d := range m.Vals {
						if d.Secret {
							hidden++
						}
						for _, clear := range []string{"@example.org", "Very nice", "ada-lovelace"} {
							if strings.Contains(d.Text, clear) {
								t.Errorf("a leaf has %q", clear)
							}
						}
						if d.As == query.Number && d.Num == query.DecOf(5) {
							t.Error("a leaf has the number of a comment")
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil || hidden == 0 {
		t.Errorf("%d veiled values: %v", hidden, err)
	}
}

// Explain says what is opened and how often, and shows nothing of it.
func TestExplainSaysWhatIsOpened(t *testing.T) {
	e := open(t, "")
	hush(t, e)
	x, err := e.Explain(t.Context(), "EXISTS (SELECT 1 FROM events WHERE properties.email REGEXP '^[a-d]') AND EXISTS (SELECT 1 FROM events WHERE properties.via = 'web' OR properties.nothing = 1)", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(x.Sealed, []string{"properties.email", "properties.via"}) || !slices.Equal(x.Absent, []string{"properties.nothing"}) {
		t.Errorf("sealed %q, absent %q", x.Sealed, x.Absent)
	}
	n := 0
	for _, s := range x.Steps {
		n += s.Opened
	}
	if n < 5 { // each event that has something sealed, for the first part
		t.Errorf("%d were opened: %+v", n, x.Steps)
	}
	if shown := fmt.Sprintf("%+v", x); strings.Contains(shown, "example.org") {
		t.Errorf("a value is shown: %s", shown)
	}
	x, err = e.Explain(t.Context(), "EXISTS (SELECT 1 FROM events WHERE name = 'Signed Up')", nil)
	if err != nil || len(x.Sealed) > 0 || x.Steps[0].Opened > 0 {
		t.Errorf("%q, %+v, %v", x.Sealed, x.Steps, err)
	}
}

// A computed trait stands in the clear: what is sealed is denied to it where its
// name says so, and missing where only some values are sealed.
func TestTraitsLeaveOutWhatIsSealed(t *testing.T) {
	e := open(t, "")
	who := hush(t, e)
	if _, err := e.DefineTrait(t.Context(), "mail", "(SELECT max(text(properties.email)) FROM events)"); !errors.Is(err, kith.ErrDenied) {
		t.Errorf("a trait of e-mail addresses: %v, want ErrDenied", err)
	}
	const first = "(SELECT min(text(properties.via)) FROM events)"
	if _, err := e.Define(t.Context(), "early", first+" = 'eve@example.org'"); err != nil { // the same sub-select
		t.Fatal(err)
	}
	if _, err := e.DefineTrait(t.Context(), "first_via", first); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), strings.NewReader(strings.ReplaceAll(secretive, `"messageId":"`, `"messageId":"again `)), nil); err != nil {
		t.Fatal(err)
	}
	if got, want := queried(t, e, "SELECT id, first_via FROM profiles WHERE first_via IS NOT NULL"), fmt.Sprintf("%d|web\n", who["eve"]); got != want {
		t.Errorf("the trait is %q, want %q", got, want)
	}
	if v, err := e.VerifyTrait(t.Context(), "first_via"); err != nil || !v.Same() || v.Kept != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	if n, err := e.Count(t.Context(), "early", nil); err != nil || n != 1 {
		t.Errorf("%d are in the segment, want 1: %v", n, err)
	}
	if v, err := e.Verify(t.Context(), "early"); err != nil || !v.Same() {
		t.Errorf("%+v, %v", v, err)
	}
}

// A directory of a version that has not noted which paths are sealed: whoever
// reads it takes all for sealed, whoever opens it for writing finds out.
func TestADirectoryWithoutSealedPaths(t *testing.T) {
	dir := t.TempDir()
	e := filled(t, dir)
	who := hush(t, e)
	before := slices.Clone(e.sealed.all())
	err := e.inLine(func() error {
		tx := e.store.Update()
		defer tx.Discard()
		if err := tx.DropNames(storage.Sealed); err != nil {
			return err
		}
		return e.commitAside(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := Open(dir, &Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	knowsThese(t, old, who)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir)
	knowsThese(t, e, who)
	after := slices.Clone(e.sealed.all())
	slices.Sort(before)
	if slices.Sort(after); !slices.Equal(after, before) || len(after) < 8 {
		t.Errorf("sealed are %q, want %q", after, before)
	}
	healthy(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, dir); len(again.sealed.all()) != len(after) {
		t.Errorf("%d are stored, want %d", len(again.sealed.all()), len(after))
	}
}

// knowsThese asks of the people of hush alone.
func knowsThese(t *testing.T, e *Engine, who map[string]kith.ProfileID) {
	t.Helper()
	for name, mail := range map[string]string{"ada-lovelace": "ada", "bob": "bob", "eve": "eve"} {
		is, err := e.IsMember(t.Context(), "EXISTS (SELECT 1 FROM events WHERE properties.email = '"+mail+"@example.org')", kith.Identifier{Space: "user_id", Value: name}, nil)
		if err != nil || !is {
			t.Errorf("%d is not found: %v", who[name], err)
		}
	}
}

// What a veil hides it shows again, and it looks otherwise each time.
func TestAVeilShowsWhatItHides(t *testing.T) {
	v := newVeil()
	for _, d := range []query.Datum{
		{As: query.Text, Text: "ada@example.org"}, {As: query.Text}, {As: query.List, Text: `["a"]`}, {As: query.Number, Num: query.DecOf(-7)},
		{As: query.Bool, Bool: true}, {As: query.Bool}, {As: query.Time, Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()},
	} {
		a, b := v.hide(d), v.hide(d)
		want := d
		want.Secret = true
		if got := v.show(a); got != want || a.Text == b.Text || d.Text != "" && strings.Contains(a.Text, d.Text) || a.Num != (query.Dec{}) || a.Time != 0 || a.Bool {
			t.Errorf("%+v is hidden as %+v and shown as %+v", d, a, got)
		}
	}
}

// BenchmarkOpening asks 100,000 events for a text that stands sealed in each, and
// for one that stands in the clear.
func BenchmarkOpening(b *testing.B) {
	e, err := Open("", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	const events = 100_000
	var lines strings.Builder
	for i := range events {
		fmt.Fprintf(&lines, `{"type":"track","event":"Signed Up","messageId":"%d","userId":"u%d","timestamp":"2026-01-01T00:00:00Z","properties":{"email":"somebody.%d@example.org","ref":"somebody %d"}}`+"\n", i, i%20_000, i, i)
	}
	if _, err := e.Load(b.Context(), strings.NewReader(lines.String()), nil); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, where string }{
		{"clear", "properties.ref = 'somebody 7'"}, {"sealed", "properties.email = 'somebody.7@example.org'"}, {"sealed-null", "properties.email IS NULL"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				n, err := e.Count(b.Context(), "EXISTS (SELECT 1 FROM events WHERE "+c.where+")", nil)
				if want := map[bool]int{true: 0, false: 1}[c.name == "sealed-null"]; err != nil || n != want {
					b.Fatalf("%d people, want %d: %v", n, want, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}
