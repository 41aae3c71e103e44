package enginetest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/identity"
)

// careful are rules with anomalies of every kind.
func careful() *identity.Rules {
	r := identity.Default()
	r.Anomalies = []identity.Anomaly{
		{Kind: "bot"},
		{Kind: "test", Leaf: "properties.env", Equals: []string{"staging"}},
		{Kind: "outlier", Event: []string{"Order Completed"}, Leaf: "properties.total", Max: "9999"},
		{Kind: "impossible", Before: "2001-01-01"},
		{Kind: "near_duplicate", Within: 60},
	}
	return &r
}

// odd puts anomalies between the lines of a stream: each is one of its lines,
// told again or beforehand with another message id and something about it that
// a rule finds, so that it would move counts, times, traits and links.
func odd(t testing.TB, r *rand.Rand, lines []string) []string {
	out := slices.Clone(lines)
	for i := range len(lines)/3 + 1 {
		ev := jsonObject(t, lines[r.IntN(len(lines))])
		ev["messageId"] = fmt.Sprintf("odd%d", i)
		delete(ev, "sentAt")
		after := false
		switch r.IntN(5) {
		case 0:
			sub(ev, "context")["userAgent"] = "Mozilla/5.0 (compatible; bingbot/2.0)"
		case 1:
			sub(ev, "properties")["env"] = "staging"
		case 2:
			ev["type"], ev["event"] = "track", "Order Completed"
			sub(ev, "properties")["total"] = 10_000 + r.IntN(100)
			delete(ev, "name")
		case 3:
			ev["timestamp"] = "1999-12-31T23:59:59Z"
		default:
			at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(ev["timestamp"]))
			if err != nil {
				continue // a line that will be refused
			}
			ev["timestamp"], after = at.Add(time.Duration(r.IntN(120)-60)*time.Second).Format(time.RFC3339Nano), true
		}
		if ev["type"] == "alias" {
			continue // told beforehand it would be another event
		}
		at := r.IntN(len(out) + 1)
		if after {
			at = len(out)
		}
		out = slices.Insert(out, at, encode(ev))
	}
	return out
}

// The flags, and all that follows from them, are the same in any batching, with
// restarts and crashes in between.
func TestFlagsInAnyBatching(t *testing.T) {
	kin := newRelatives(t)
	kin.rules = careful()
	rounds(t, 8, 400, func(t *testing.T, round int, seed uint64) {
		r := dice(seed, "flags")
		holds(t, odd(t, r, wild(r, 20+r.IntN(60))), func(t testing.TB, lines []string) {
			batchings(t, kin, lines, seed, round%2 == 0)
		})
	})
}

// A world with flagged events is the world without them: the same people with
// the same public ids, traits, counts, times and days, the same decisions, the
// same events; and all_events has all. The flags are those that a second, slow
// judge gives.
func TestFlaggedChangeNothing(t *testing.T) {
	kin := newRelatives(t)
	kin.rules = careful()
	total := 0
	rounds(t, 8, 400, func(t *testing.T, _ int, seed uint64) {
		r := dice(seed, "apart")
		lines, _ := calm(r, 20+r.IntN(60))
		holds(t, odd(t, r, lines), func(t testing.TB, lines []string) {
			total += unmoved(t, kin, lines)
		})
	})
	if total == 0 {
		t.Error("nothing was flagged")
	}
	t.Logf("%d events were flagged", total)
}

// unmoved tells lines, and tells those of them that were not flagged to another
// engine, and compares. It gives how many were flagged.
func unmoved(t testing.TB, kin *relatives, lines []string) int {
	base := memoryDir(t)
	defer os.RemoveAll(base) // many rounds would fill the disk
	whole := kin.open(t, filepath.Join(base, "whole"))
	tell(t, whole, lines)
	flags := map[string]string{}
	for _, row := range SQL(t, whole, "SELECT message_id, coalesce(flags, '') FROM all_events") {
		id, f, _ := strings.Cut(row, " | ")
		flags[id] = f
	}
	if want := judged(t, whole); !maps.Equal(flags, want) {
		for id, f := range flags {
			if f != want[id] {
				t.Errorf("event %s is flagged %q, and the slow judge says %q", id, f, want[id])
			}
		}
	}
	var rest []string
	for _, line := range lines {
		if flags[fmt.Sprint(jsonObject(t, line)["messageId"])] == "" {
			rest = append(rest, line)
		}
	}
	bare := kin.open(t, filepath.Join(base, "bare"))
	tell(t, bare, rest)
	same(t, "with flagged events", picture(t, whole), picture(t, bare))
	same(t, "all_events", SQL(t, whole, "SELECT message_id FROM all_events WHERE flags IS NULL ORDER BY seq"), SQL(t, bare, "SELECT message_id FROM all_events ORDER BY seq"))
	n := 0
	for _, f := range flags {
		if f != "" {
			n++
		}
	}
	if got, want := SQL(t, whole, "SELECT sum(accepted), sum(flagged) FROM sources")[0], fmt.Sprintf("%d | %d", len(flags), n); got != want {
		t.Errorf("accepted and flagged: %s, want %s", got, want)
	}
	r, err := whole.Check(context.Background(), &engine.CheckOptions{Rebuild: true})
	if err != nil || !r.Same || len(r.Problems) > 0 {
		t.Errorf("rebuild: %v, same %v, %v", err, r.Same, r.Problems)
	}
	shut(t, whole)
	end(t, bare)
	return n
}

// picture is all that SQL and profiles say about people, decisions and events,
// without the numbers that arrival gives.
func picture(t testing.TB, e *engine.Engine) []string {
	t.Helper()
	var out []string
	for _, p := range everybody(t, e) {
		p.Flagged.Events = 0
		out = append(out, p.Public+"\n"+strings.Join(describe(p), "\n"))
	}
	out = append(out, SQL(t, e, "SELECT 'profile', p.* EXCLUDE (id) FROM profiles p")...)
	slices.Sort(out)
	decided, err := (&play{e: e}).decisions()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range SQL(t, e, "SELECT original::VARCHAR FROM events ORDER BY seq") {
		out = append(out, encode(jsonObject(t, row))) // members in one order
	}
	return slices.Concat(out, decided,
		SQL(t, e, "SELECT 'event', e.message_id, p.public_id, e.kind, e.name, e.ts FROM events e JOIN profiles p ON p.id = e.profile_id ORDER BY e.seq"))
}

// judged decides about each event again, by what came in: two near-duplicates
// have the same JSON but for times and message id.
func judged(t testing.TB, e *engine.Engine) map[string]string {
	t.Helper()
	type kept struct{ at time.Time }
	before := map[string][]kept{}
	out := map[string]string{}
	for _, row := range SQL(t, e, "SELECT ts, original::VARCHAR FROM all_events ORDER BY seq") {
		stamp, text, _ := strings.Cut(row, " | ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			t.Fatal(err)
		}
		ev := jsonObject(t, text)
		id := fmt.Sprint(ev["messageId"])
		var f []string
		if agent := fmt.Sprint(sub(ev, "context")["userAgent"]); strings.Contains(agent, "bot") {
			f = append(f, "bot")
		}
		if sub(ev, "properties")["env"] == "staging" {
			f = append(f, "test")
		}
		if n := fmt.Sprint(sub(ev, "properties")["total"]); ev["event"] == "Order Completed" && len(n) == 5 {
			f = append(f, "outlier")
		}
		if at.Year() < 2001 {
			f = append(f, "impossible")
		}
		for _, k := range []string{"messageId", "timestamp", "originalTimestamp", "sentAt", "receivedAt"} {
			delete(ev, k)
		}
		mark := encode(ev) + strings.Join(f, ",")
		near := slices.ContainsFunc(before[mark], func(k kept) bool { return at.Sub(k.at).Abs() <= time.Minute })
		if near {
			f = append(f, "near_duplicate")
		} else {
			before[mark] = append(before[mark], kept{at})
		}
		out[id] = strings.Join(f, ",")
	}
	return out
}

// What a rule says applies to what is accepted from then on; restarts and a
// rebuild tell again what was decided, by the rules of its time.
func TestFlagsKeepTheRulesOfTheirTime(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "kith")
	e := OpenDir(t, dir, &engine.Options{NoSync: true})
	click := func(id string, second int) string {
		return fmt.Sprintf(`{"type":"track","event":"Click","messageId":%q,"userId":"jane","timestamp":"2026-01-01T00:00:%02dZ"}`, id, second)
	}
	set := func(within int) {
		r := e.Rules()
		r.Anomalies = nil
		if within > 0 {
			r.Anomalies = []identity.Anomaly{{Kind: "near_duplicate", Within: within}}
		}
		if err := e.SetRules(r); err != nil {
			t.Fatal(err)
		}
	}
	Lines(t, e, click("a1", 0), click("a2", 1)) // no rule
	set(3)
	Lines(t, e, click("b1", 2), click("b2", 3)) // what came before the rule is not looked at
	set(10)
	Lines(t, e, click("c1", 4), click("c2", 5)) // likewise
	set(0)
	Lines(t, e, click("d1", 6), click("d2", 6))
	set(3)
	crash := filepath.Join(base, "crash")
	Copy(t, dir, crash)
	want := []string{"a1 | NULL", "a2 | NULL", "b1 | NULL", "b2 | near_duplicate", "c1 | NULL", "c2 | near_duplicate", "d1 | NULL", "d2 | NULL"}
	further := func(e *engine.Engine) {
		Lines(t, e, click("e1", 7), click("e2", 5)) // b1, of the same rule, is near e2
		same(t, "flags", SQL(t, e, "SELECT message_id, flags FROM all_events ORDER BY seq"), append(slices.Clone(want), "e1 | NULL", "e2 | near_duplicate"))
		Check(t, e)
	}
	further(e)
	shut(t, e)
	e = OpenDir(t, crash, nil)
	further(e)
	r, err := e.Check(context.Background(), &engine.CheckOptions{Rebuild: true})
	if err != nil || !r.Same || len(r.Problems) > 0 {
		t.Errorf("rebuild: %v, same %v, %v", err, r.Same, r.Problems)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = OpenDir(t, crash, nil)
	Lines(t, e, click("f1", 8), click("f2", 13))
	same(t, "after a rebuild", SQL(t, e, "SELECT message_id, flags FROM all_events WHERE message_id LIKE 'f%' ORDER BY seq"), []string{"f1 | near_duplicate", "f2 | NULL"})
}
