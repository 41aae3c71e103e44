package enginetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/identity"
)

// Of clicks at 0, 1 and 3 seconds, two seconds being near, the second is a
// near-duplicate of the first. Without the first it counts, and makes its two
// identifiers one person, and the third is one of it.
func TestUnloadJudgesNearDuplicatesAgain(t *testing.T) {
	rules := identity.Default()
	rules.Anomalies = []identity.Anomaly{{Kind: "near_duplicate", Within: 2}}
	e := OpenDir(t, t.TempDir(), &engine.Options{NoSync: true, Rules: &rules})
	click := func(id string, second int) string {
		return fmt.Sprintf(`{"type":"track","event":"Click","messageId":%q,"userId":"jane","anonymousId":"phone","timestamp":"2026-01-01T00:00:%02dZ"}`, id, second)
	}
	report, err := e.Load(context.Background(), strings.NewReader(click("a", 0)), &engine.LoadOptions{Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	Lines(t, e, click("b", 1), click("c", 3))
	flags := func(want ...string) {
		t.Helper()
		same(t, "flags", SQL(t, e, "SELECT message_id, flags FROM all_events ORDER BY seq"), want)
		same(t, "counts", SQL(t, e, "SELECT sum(accepted), sum(flagged) FROM sources"), []string{fmt.Sprintf("%d | 1", len(want))})
	}
	flags("a | NULL", "b | near_duplicate", "c | NULL")
	if _, err := e.Unload(context.Background(), report.Load, nil); err != nil {
		t.Fatal(err)
	}
	flags("b | NULL", "c | near_duplicate")
	same(t, "decisions", SQL(t, e, "SELECT d.kind, v.message_id FROM decisions d JOIN all_events v ON v.seq = d.cause"), []string{"link | b"})
	Check(t, e)
	r, err := e.Check(context.Background(), &engine.CheckOptions{Rebuild: true})
	if err != nil || !r.Same || len(r.Problems) > 0 {
		t.Errorf("rebuild: %v, same %v, %v", err, r.Same, r.Problems)
	}
}

// What is judged again is judged by the rules of its time, whatever holds now;
// and what then counts is what others are near to, once the rule is back.
func TestUnloadJudgesByTheRulesOfTheirTime(t *testing.T) {
	near := func(within int) []identity.Anomaly {
		return []identity.Anomaly{{Kind: "near_duplicate", Within: within}}
	}
	rules := identity.Default()
	rules.Anomalies = near(2)
	e := OpenDir(t, t.TempDir(), &engine.Options{NoSync: true, Rules: &rules})
	click := func(id string, second int) string {
		return fmt.Sprintf(`{"type":"track","event":"Click","messageId":%q,"userId":"jane","timestamp":"2026-01-01T00:00:%02dZ"}`, id, second)
	}
	set := func(list []identity.Anomaly) {
		t.Helper()
		r := e.Rules()
		r.Anomalies = list
		if err := e.SetRules(r); err != nil {
			t.Fatal(err)
		}
	}
	flags := func(want ...string) {
		t.Helper()
		same(t, "flags", SQL(t, e, "SELECT message_id, flags FROM all_events ORDER BY seq"), want)
	}
	report, err := e.Load(context.Background(), strings.NewReader(click("a", 10)), &engine.LoadOptions{Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	Lines(t, e, click("b", 12), click("c", 13))
	set(nil)
	Lines(t, e, click("d", 12))
	flags("a | NULL", "b | near_duplicate", "c | NULL", "d | NULL")
	if r, err := e.Unload(context.Background(), report.Load, nil); err != nil || r.Reflagged != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	flags("b | NULL", "c | near_duplicate", "d | NULL")
	set(near(2))
	Lines(t, e, click("e", 10), click("f", 15), click("g", 9))
	flags("b | NULL", "c | near_duplicate", "d | NULL", "e | near_duplicate", "f | NULL", "g | NULL")
	end(t, e)
}
