package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

// One identifier that says more and more about its traits ends in a verdict for
// the item that is too much. The rest of the call, and the engine, go on.
func TestTraitsWithoutEndAreRefused(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(dir, &Options{Memory: 64 << 20, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	said := func(user, trait string, n int) kith.Event {
		return kith.Event{Kind: kith.Identify, UserID: user, Traits: json.RawMessage(fmt.Sprintf(`{"%s":"%s"}`, trait, strings.Repeat("x", n)))}
	}
	var many []kith.Event
	for i := range 120 {
		many = append(many, said("hoarder", fmt.Sprintf("t%d", i), 30_000))
	}
	many = append(many, said("other", "t0", 100), said("hoarder", "t0", 100), kith.Event{Kind: kith.Track, Name: "E", UserID: "hoarder"})
	r, err := e.Ingest(context.Background(), many...)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i, res := range r.Results[:120] {
		switch {
		case res.Verdict == kith.Rejected && res.Code == "traits_full" && res.Path == "$.traits":
			refused++
		case res.Verdict != kith.Accepted:
			t.Fatalf("item %d: %+v", i, res)
		}
	}
	if got := len(r.Results); refused == 0 || refused > 115 || got != len(many) {
		t.Errorf("%d of the large ones refused, %d results", refused, got)
	}
	for i, want := range []kith.Verdict{kith.Accepted, kith.Accepted, kith.Accepted} {
		if got := r.Results[120+i]; got.Verdict != want {
			t.Errorf("item %d: %+v", 120+i, got)
		}
	}
	want := queried(t, e, "SELECT count(*) FROM events")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir)
	if got := queried(t, e, "SELECT count(*) FROM events"); got != want {
		t.Errorf("after opening again %s events, want %s", got, want)
	}
	if r, err := e.Check(context.Background(), nil); err != nil || len(r.Problems) > 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

// A text inside a trait that is an object is kept as it was spelled, and check
// knows it: & and < are JSON as they are.
func TestTextsInsideOfTraits(t *testing.T) {
	e := open(t, "")
	for _, company := range []string{`{"name":"Ångström & Søns"}`, `{"name":"a \u0026 b","size":"<b>"}`, `{"a&b":"c","d":{"e>":"f&"}}`} {
		line := `{"type":"identify","userId":"a","timestamp":"2026-01-01T00:00:00Z","traits":{"company":` + company + `}}`
		if _, err := e.Load(context.Background(), strings.NewReader(line), nil); err != nil {
			t.Fatal(err)
		}
		if r, err := e.Check(context.Background(), nil); err != nil || len(r.Problems) > 0 {
			t.Errorf("%s: %v, %v", company, r.Problems, err)
		}
	}
}
