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
	"github.com/kithdb/kith/identity"
)

// pair is a condition, and a statement that an analyst wrote for the same.
type pair struct {
	line           int
	at             time.Time // when it is asked
	condition, sql string
	live           string // as this segment it is kept current
}

// handwritten reads the pairs: comments that begin with -- are the condition,
// with ---- headings; before a condition may stand "-- @ an instant" and "-- live a name".
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
func (p *pair) agree(t *testing.T, e *engine.Engine, how string, got, byHand []kith.ProfileID) {
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
	const most = 2000 // people
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	r := dice(seed(t), "handwritten")
	rules := identity.Default()
	rules.Anomalies = []identity.Anomaly{{Kind: "bot"}}
	e := Memory(t, &engine.Options{Zone: time.UTC, Rules: &rules, Now: func() time.Time { return now.AddDate(0, 1, 0) }})
	if err := e.SetClock(now.Format(time.RFC3339)); err != nil {
		t.Fatal(err)
	}
	m := &market{r: r, now: now}
	lines := m.people(most)
	half := len(lines) / 2
	for i, part := range [][]string{lines[:half], lines[half:]} {
		if _, err := e.Load(t.Context(), strings.NewReader(strings.Join(part, "\n")), &engine.LoadOptions{Source: []string{"web", "app"}[i]}); err != nil {
			t.Fatal(err)
		}
	}
	goods := &sheet{[]string{"sku", "price", "category", "code"}, [][]string{{"a1", "20", "Garden", "x"}, {"b2", "2.5", "Home", "y"}, {"C3", "100", "Garden", "pro"}, {"ü-4", "", "Home", "free"}, {"d5", "40.1", "", "x"}, {"", "5", "Garden", "team"}, {"77", "77", "Home", ""}}}
	if _, err := e.LoadTable(t.Context(), "goods", goods, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range [][2]string{{"french", "country = 'FR'"}, {"loyal", "(SELECT count(*) FROM events WHERE name = 'Buy') >= 3"}, {"loyal_french", "in_segment('loyal') AND in_segment('french')"}} {
		if _, err := e.Define(t.Context(), s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	pairs := handwritten(t, now)
	if v := os.Getenv("KITH_HAND"); v != "" { // those whose condition or statement has it
		word := regexp.MustCompile(v)
		pairs = slices.DeleteFunc(pairs, func(p pair) bool { return !word.MatchString(p.condition) && !word.MatchString(p.sql) })
	} else if len(pairs) < 200 {
		t.Errorf("%d pairs, want 200", len(pairs))
	}
	for _, p := range pairs {
		if p.live == "" {
			continue
		}
		if _, err := e.Define(t.Context(), p.live, p.condition); err != nil {
			t.Fatalf("line %d: %s: %v", p.line, p.condition, err)
		}
	}
	all := len(SQL(t, e, "SELECT id FROM profiles"))
	spread := [12]int{} // nobody, tenths, everybody
	var slowest time.Duration
	for _, p := range pairs {
		n := p.ask(t, e, &slowest)
		switch n {
		case 0:
			spread[0]++
		case all:
			spread[11]++
		default:
			spread[1+n*10/all]++
		}
	}
	some := len(pairs) - spread[0] - spread[11]
	t.Logf("%d pairs about %d people, %s events; for nobody, by tenths, for everybody: %v; the slowest took %v", len(pairs), all, SQL(t, e, "SELECT count(*) FROM events")[0], spread, slowest)
	if len(pairs) >= 200 && some*3 < len(pairs)*2 {
		t.Errorf("%d of %d pairs are about some and not all: the test asks too little", some, len(pairs))
	}
	keptByHand(t, e, m, most, pairs)
}

// ask compares a pair, and gives how many people it is about.
func (p *pair) ask(t *testing.T, e *engine.Engine, slowest *time.Duration) int {
	t.Helper()
	begin := time.Now()
	byHand := p.byHand(t, e, p.at)
	hand := time.Since(begin)
	seq, err := e.Members(t.Context(), p.condition, &engine.AskOptions{Now: p.at})
	if err != nil {
		t.Errorf("line %d: %s: %v", p.line, p.condition, err)
		return 0
	}
	got := slices.Collect(seq)
	took := time.Since(begin)
	*slowest = max(*slowest, took)
	if testing.Verbose() && took > 300*time.Millisecond {
		t.Logf("line %d took %v, by hand %v", p.line, took, hand)
	}
	p.agree(t, e, "the engine gives", got, byHand)
	return len(byHand)
}

// keptByHand compares those pairs that are segments, before and after more
// events and with the clock moved on.
func keptByHand(t *testing.T, e *engine.Engine, m *market, people int, pairs []pair) {
	t.Helper()
	live := slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.live == "" })
	moved := 0
	was := map[string][]kith.ProfileID{}
	for step, at := range []time.Time{m.now, m.now, m.now.AddDate(0, 0, 3).Add(time.Hour), m.now.AddDate(0, 0, 10)} {
		if step > 0 {
			Lines(t, e, m.more(people, 150)...)
		}
		if err := e.SetClock(at.Format(time.RFC3339Nano)); err != nil {
			t.Fatal(err)
		}
		for _, p := range live {
			got := ids(t, e, p.live, nil)
			p.agree(t, e, fmt.Sprintf("kept, at %s:", at.Format(time.RFC3339)), got, p.byHand(t, e, at))
			if old, ok := was[p.live]; ok && !slices.Equal(old, got) {
				moved++
			}
			was[p.live] = got
		}
	}
	t.Logf("%d segments; in %d of %d steps somebody moved", len(live), moved, 3*len(live))
	if len(pairs) >= 200 && (len(live) < 12 || moved < len(live)) {
		t.Errorf("%d segments moved in %d steps: the test asks too little", len(live), moved)
	}
}
