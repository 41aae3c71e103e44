package enginetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

// The numbers of sessions, and when the last began, are those that SQL finds with
// the time to the event before: of events that come in any order, some at one
// instant and some exactly half an hour apart, of people who turn out to be one,
// kept and on demand.
func TestSessions(t *testing.T) {
	seed := rand.Uint64() >> 1
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	e := Memory(t, &engine.Options{Zone: time.UTC})
	if err := e.SetClock("2026-01-03T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	const begins = "FROM events WHERE NOT preceded_by(TRUE, INTERVAL 30 MINUTE))"
	for name, text := range map[string]string{"sessions": "(SELECT count(*) " + begins, "began": "(SELECT max(ts) " + begins} {
		if _, err := e.DefineTrait(t.Context(), name, text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Define(t.Context(), "often", "(SELECT count(*) "+begins+" >= 5"); err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		var lines []string
		for i := range 30 {
			who := fmt.Sprintf(`"userId":"u%d"`, r.IntN(3))
			switch r.IntN(10) {
			case 0: // two are one
				who = fmt.Sprintf(`"userId":"u%[1]d","anonymousId":"a%[1]d"`, r.IntN(3))
			case 1, 2, 3, 4:
				who = fmt.Sprintf(`"anonymousId":"a%d"`, r.IntN(3))
			}
			at := time.Date(2026, 1, 1+r.IntN(3), 0, 10*r.IntN(60), 0, 0, time.UTC) // some lie ahead
			lines = append(lines, fmt.Sprintf(`{"type":"page","name":"p%d",%s,"messageId":"m%d-%d","timestamp":%q}`, i, who, round, i, at.Format(time.RFC3339)))
		}
		Lines(t, e, lines...)
		if err := e.SetClock(fmt.Sprintf("2026-01-03T%02d:%02d:00Z", round, 10*r.IntN(6))); err != nil {
			t.Fatal(err)
		}
		want := SQL(t, e, `SELECT p.id, coalesce(count(*) FILTER (first), 0), max(ts) FILTER (first) FROM profiles p LEFT JOIN (
			SELECT profile_id, ts, coalesce(ts - lag(ts) OVER (PARTITION BY profile_id ORDER BY ts) >= INTERVAL 30 MINUTE, TRUE) AS first
			FROM events WHERE ts <= now()::TIMESTAMP) ON profile_id = p.id GROUP BY 1 ORDER BY 1`)
		if got := SQL(t, e, "SELECT id, sessions, began FROM profiles ORDER BY id"); !slices.Equal(got, want) {
			t.Errorf("round %d: kept %v, want %v", round, got, want)
		}
		for _, name := range []string{"sessions", "began"} {
			if v, err := e.VerifyTrait(t.Context(), name); err != nil || !v.Same() {
				t.Errorf("round %d: %s %+v, %v", round, name, v, err)
			}
		}
		if kept, asked := count(t, e, "often"), count(t, e, "(SELECT count(*) "+begins+" >= 5 AND TRUE"); kept != asked {
			t.Errorf("round %d: %d kept, %d asked", round, kept, asked)
		}
	}
}
