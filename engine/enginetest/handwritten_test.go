package enginetest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// pair is a condition, and a statement that an analyst wrote for the same.
type pair struct {
	line           int
	at             time.Time // when it is asked
	condition, sql string
	live           string // as this segment it is kept current
}

// handwritten reads the pairs: comments that begin with -- are the condition,
// those with ---- are headings; "-- @ an instant" and "-- live a name" may stand before
// the statement.
func handwritten(t *testing.T, now time.Time) []pair {
	t.Helper()
	text, err := os.ReadFile("testdata/handwritten.sql")
	if err != nil {
		t.Fatal(err)
	}
	var out []pair
	p := pair{at: now}
	for i, line := range strings.Split(string(text), "\n") {
		said, comment := strings.CutPrefix(line, "-- ")
		switch {
		case strings.HasPrefix(line, "----") || line == "":
		case comment && strings.HasPrefix(said, "@ "):
			if p.at, err = time.Parse(time.RFC3339Nano, said[2:]); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
		case comment && strings.HasPrefix(said, "live "):
			p.live = said[5:]
		case comment && p.sql == "":
			if p.line == 0 {
				p.line = i + 1
			}
			p.condition += said + "\n"
		default:
			p.sql += line + "\n"
			if strings.HasSuffix(line, ";") {
				p.condition, p.sql = strings.TrimSpace(p.condition), strings.TrimSuffix(strings.TrimSpace(p.sql), ";")
				out, p = append(out, p), pair{at: now}
			}
		}
	}
	return out
}

// byHand asks the statement, with the instant written out where it says $now.
func (p *pair) byHand(t *testing.T, e *engine.Engine, at time.Time) []kith.ProfileID {
	t.Helper()
	text := strings.ReplaceAll(p.sql, "$now", "TIMESTAMP '"+at.UTC().Format("2006-01-02 15:04:05.999999")+"'")
	rows, err := e.SQL(t.Context(), text)
	if err != nil {
		t.Errorf("line %d: %s\n%s\n%v", p.line, p.condition, p.sql, err)
		return nil
	}
	defer rows.Close()
	var out []kith.ProfileID
	for rows.Next() {
		var id kith.ProfileID
		if err := rows.Scan(&id); err != nil {
			t.Fatalf("line %d: %v", p.line, err)
		}
		out = append(out, id)
	}
	if err := rows.Err(); err != nil {
		t.Errorf("line %d: %s\n%v", p.line, p.condition, err)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// agree tells of who is in one answer and not in the other.
func (p *pair) agree(t *testing.T, how string, got, byHand []kith.ProfileID) {
	t.Helper()
	if slices.Equal(got, byHand) {
		return
	}
	less := func(a, b []kith.ProfileID) string {
		n, few := 0, []string(nil)
		for _, id := range a {
			if _, found := slices.BinarySearch(b, id); !found {
				if n++; n <= 5 {
					few = append(few, fmt.Sprint(id))
				}
			}
		}
		return fmt.Sprintf("%d (%s)", n, strings.Join(few, ", "))
	}
	t.Errorf("line %d: %s\n%s %d people, by hand %d; only %s %s, only by hand %s", p.line, p.condition, how, len(got), len(byHand), how, less(got, byHand), less(byHand, got))
}

// What an analyst writes in SQL for a condition, who knows docs/segments.md and
// docs/sql.md and not how we say it to DuckDB, gives the same people.
func TestHandwritten(t *testing.T) {
	m := &market{r: dice(seed(t), "handwritten"), now: time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC), most: 2000 / less(2)}
	pairs := chosen(t, handwritten(t, m.now))
	e := m.open(t)
	for _, p := range pairs {
		if p.live == "" {
			continue
		}
		if _, err := e.Define(t.Context(), p.live, p.condition); err != nil {
			t.Fatalf("line %d: %s: %v", p.line, p.condition, err)
		}
	}
	all := count(t, e, "TRUE")
	spread := [12]int{} // nobody, tenths, everybody
	var slowest time.Duration
	for _, p := range pairs {
		begin := time.Now()
		switch n := p.ask(t, e); n {
		case 0:
			spread[0]++
		case all:
			spread[11]++
		default:
			spread[1+n*10/all]++
		}
		slowest = max(slowest, time.Since(begin))
	}
	some := len(pairs) - spread[0] - spread[11]
	t.Logf("%d pairs about %d people, %s events; for nobody, by tenths, for everybody: %v; the slowest took %v", len(pairs), all, SQL(t, e, "SELECT count(*) FROM events")[0], spread, slowest)
	if len(pairs) >= 200 && some*3 < len(pairs)*2 {
		t.Errorf("%d of %d pairs are about some and not all: the test asks too little", some, len(pairs))
	}
	keptByHand(t, e, m, pairs)
}

// chosen gives all pairs, or with KITH_HAND those whose condition, statement or name it matches.
func chosen(t *testing.T, pairs []pair) []pair {
	t.Helper()
	if v := os.Getenv("KITH_HAND"); v != "" {
		word := regexp.MustCompile(v)
		return slices.DeleteFunc(pairs, func(p pair) bool {
			return !slices.ContainsFunc([]string{p.condition, p.sql, p.live}, word.MatchString)
		})
	}
	if len(pairs) < 200 {
		t.Errorf("%d pairs, want 200", len(pairs))
	}
	return pairs
}

// ask compares a pair, and gives how many people it is about.
func (p *pair) ask(t *testing.T, e *engine.Engine) int {
	t.Helper()
	byHand := p.byHand(t, e, p.at)
	seq, err := e.Members(t.Context(), p.condition, &engine.AskOptions{Now: p.at})
	if err != nil {
		t.Errorf("line %d: %s: %v", p.line, p.condition, err)
		return 0
	}
	p.agree(t, "the engine gives", slices.Collect(seq), byHand)
	return len(byHand)
}

// keptByHand compares those pairs that are segments, before and after more
// events and with the clock moved on.
func keptByHand(t *testing.T, e *engine.Engine, m *market, pairs []pair) {
	t.Helper()
	live := slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.live == "" })
	moved := 0
	was := map[string][]kith.ProfileID{}
	for step, at := range []time.Time{m.now, m.now, m.now.AddDate(0, 0, 10).Add(time.Hour)} {
		if step > 0 {
			Lines(t, e, m.more(150)...)
		}
		if err := e.SetClock(at.Format(time.RFC3339Nano)); err != nil {
			t.Fatal(err)
		}
		for _, p := range live {
			got := ids(t, e, p.live, nil)
			p.agree(t, fmt.Sprintf("kept, at %s:", at.Format(time.RFC3339)), got, p.byHand(t, e, at))
			if old, ok := was[p.live]; ok && !slices.Equal(old, got) {
				moved++
			}
			was[p.live] = got
		}
	}
	t.Logf("%d segments; in %d of %d steps somebody moved", len(live), moved, 2*len(live))
	if len(pairs) >= 200 && (len(live) < 12 || moved < len(live)) {
		t.Errorf("%d segments moved in %d steps: the test asks too little", len(live), moved)
	}
}
