package enginetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// whyParts are parts of conditions over events, and what SQL says of those that
// count: one statement for each sub-select that names events.
var whyParts = []struct {
	part string
	sql  []string
}{
	{"EXISTS (SELECT 1 FROM events WHERE name = 'A')", []string{"name = 'A'"}},
	{"NOT EXISTS (SELECT 1 FROM events WHERE name = 'A' AND ts > now() - INTERVAL 3 DAY)", []string{"name = 'A' AND ts > now()::TIMESTAMP - INTERVAL 3 DAY"}},
	{"(SELECT sum(properties.n) FROM events WHERE properties.n > 3) > 10", []string{"properties.n > 3"}},
	{"(SELECT count(*) FROM events WHERE name = 'A') > (SELECT count(*) FROM events WHERE name = 'B')", []string{"name = 'A'", "name = 'B'"}},
	{"(SELECT name FROM events WHERE kind = 'track' ORDER BY ts DESC LIMIT 1) = 'A'", []string{"kind = 'track'"}},
	{"(SELECT most_frequent(name) FROM events WHERE has(properties.tags, 'x')) = 'A'", []string{"list_contains(from_json(properties.tags, '[\"VARCHAR\"]'), 'x')"}},
	{"EXISTS (SELECT 1 FROM events WHERE source = 'web' AND properties.s = 'a')", []string{"source = 'web' AND properties.s = 'a'"}},
	{"EXISTS (SELECT 1 FROM events WHERE name = 'A' AND followed_by(name = 'B', INTERVAL 1 DAY))", []string{
		"name = 'A' AND EXISTS (SELECT 1 FROM events o WHERE o.profile_id = e.profile_id AND o.name = 'B' AND o.ts <= now()::TIMESTAMP AND o.ts < e.ts + INTERVAL 1 DAY AND (o.ts, o.received_at, o.message_id) > (e.ts, e.received_at, e.message_id))"}},
	{"plan = 'pro'", nil},
}

// The events that Why names are those that SQL finds, of random people, some of
// whom turned out to be one, at random instants.
func TestWhyNamesEvents(t *testing.T) {
	seed := rand.Uint64() >> 1
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir() + "/kith"
	e := OpenDir(t, dir, &engine.Options{Zone: time.UTC})
	if err := e.SetClock("2026-01-10T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, p := range whyParts {
		text += " AND " + p.part
	}
	if _, err := e.Define(t.Context(), "all", strings.TrimPrefix(text, " AND ")); err != nil {
		t.Fatal(err)
	}
	named := 0
	for round := range 4 {
		var lines []string
		for i := range 60 {
			who := fmt.Sprintf(`"userId":"u%d"`, r.IntN(3))
			if r.IntN(2) == 0 {
				who = fmt.Sprintf(`"anonymousId":"a%d"`, r.IntN(3))
			}
			if r.IntN(20) == 0 { // two are one
				who = fmt.Sprintf(`"userId":"u%[1]d","anonymousId":"a%[1]d"`, r.IntN(3))
			}
			lines = append(lines, fmt.Sprintf(`{"type":"track","event":%q,%s,"messageId":"m%d-%d","timestamp":"2026-01-%02dT%02d:00:00Z","properties":{"n":%d,"s":%q,"tags":[%q,%q]}}`,
				string("ABC"[r.IntN(3)]), who, round, i, 1+r.IntN(12), 8*r.IntN(3), r.IntN(8), string("ab"[r.IntN(2)]), string("xyz"[r.IntN(3)]), string("xyz"[r.IntN(3)])))
		}
		if _, err := e.IngestJSON(t.Context(), cmp.Or([]string{"web", "till"}[r.IntN(2)]), []byte("["+strings.Join(lines, ",")+"]")); err != nil {
			t.Fatal(err)
		}
		if err := e.SetClock(fmt.Sprintf("2026-01-%02dT%02d:00:00Z", 10+round, r.IntN(24))); err != nil {
			t.Fatal(err)
		}
		if round == 1 { // what its sub-selects keep is read from history
			shut(t, e)
			e = OpenDir(t, dir, &engine.Options{Zone: time.UTC})
		}
		for _, who := range []kith.Identifier{{Space: "user_id", Value: "u0"}, {Space: "user_id", Value: "u1"}, {Space: "anonymous_id", Value: "a2"}} {
			named += whyNames(t, e, who)
		}
	}
	if named == 0 {
		t.Error("nothing was ever named")
	}
}

// whyNames compares what Why says of somebody with SQL.
func whyNames(t *testing.T, e *engine.Engine, who kith.Identifier) (named int) {
	t.Helper()
	w, err := e.Why(t.Context(), "all", who)
	if err != nil {
		t.Fatal(err)
	}
	if now := SQL(t, e, "SELECT now()")[0]; w.Now.Format(time.RFC3339) != now {
		t.Errorf("it is of %v, and now is %s", w.Now, now)
	}
	for i, p := range whyParts {
		got := w.Parts[i]
		count, want := 0, map[string]bool{}
		for _, where := range p.sql {
			rows := SQL(t, e, "SELECT concat_ws(' ', seq, kind, name, strftime(ts, '%Y-%m-%d %H:%M:%S'), strftime(received_at, '%Y-%m-%d %H:%M:%S.%f'), source, load, message_id) FROM events e WHERE profile_id = ? AND ts <= now()::TIMESTAMP AND "+where+" ORDER BY ts DESC, seq DESC", uint32(w.Profile))
			count += len(rows)
			for _, row := range rows[:min(5, len(rows))] {
				want[row] = true
			}
		}
		last := time.Now().AddDate(100, 0, 0)
		for _, ev := range got.Evidence {
			line := fmt.Sprint(ev.Seq, " ", ev.Kind, " ", ev.Name, " ", ev.Time.Format("2006-01-02 15:04:05"), " ", ev.Received.Format("2006-01-02 15:04:05.000000"), " ", ev.Source, " ", ev.Load, " ", ev.Message)
			if !want[line] || ev.Time.After(last) {
				t.Errorf("%s: %s is named, of %v", p.part, line, want)
			}
			last = ev.Time
		}
		if got.Counting != count || len(got.Evidence) != len(want) {
			t.Errorf("%s: %d count and %d are named, want %d and %v", p.part, got.Counting, len(got.Evidence), count, want)
		}
		named += len(want)
	}
	return named
}
