package enginetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/engine"
)

// spoken is rows that are calls already: the mapping has nothing to do.
type spoken struct {
	lines []string
	step  int // of how many a piece is; 0: of all
	at    int
}

func (s *spoken) Next() ([]byte, int64, error) {
	if s.at == len(s.lines) {
		return nil, 0, io.EOF
	}
	from := s.at
	s.at = min(len(s.lines), from+cmp.Or(s.step, len(s.lines)))
	return []byte(strings.Join(s.lines[from:s.at], "\n")), int64(from) + 1, nil
}

func (s *spoken) Map(piece []byte, line int64, item func(int64, []byte), _ func(int64, string, string, []byte)) (int, int) {
	rows := strings.Split(string(piece), "\n")
	for i, row := range rows {
		item(line+int64(i), []byte(row))
	}
	return len(rows), 0
}

func (s *spoken) Head() []byte { return nil }

// loadOptions are those of a load of them.
func loadOptions() *engine.LoadOptions {
	return &engine.LoadOptions{Source: "shop", Mapping: []byte("as it is")}
}

// raw is all that has a number, as it stands there.
func raw(t testing.TB, e *engine.Engine) []string {
	t.Helper()
	return slices.Concat(
		SQL(t, e, "SELECT seq, fragment, profile_id, message_id, name, source, load, flags FROM all_events ORDER BY seq"),
		SQL(t, e, "SELECT * EXCLUDE (known_at) FROM decisions ORDER BY seq"),
		SQL(t, e, "SELECT * FROM identifiers ORDER BY ALL"),
		SQL(t, e, "SELECT * EXCLUDE (began, ended) FROM loads ORDER BY load"),
		SQL(t, e, "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM profiles) ORDER BY ALL"))
}

// What is foretold of a load is what it comes to, and a directory of which much
// was foretold is, number by number, the one of which nothing was.
func TestForetoldIsWhatComes(t *testing.T) {
	kin, did := newRelatives(t), engine.Forecast{}
	n := rounds(t, 4, 400, func(t *testing.T, round int, seed uint64) {
		r := dice(seed, "foretold")
		lines := wild(r, 50+r.IntN(70))
		kin.rules = nil
		if round%2 == 0 {
			kin.rules, lines = careful(), twins(t, r, odd(t, r, lines))
		}
		for i, line := range lines {
			if ev := jsonObject(t, line); r.IntN(4) == 0 && ev["type"] != "alias" {
				delete(ev, "messageId")
				lines[i] = encode(ev)
			}
		}
		holds(t, pieces(r, lines), func(t testing.TB, tagged []string) {
			foretells(t, kin, cut(tagged), dice(seed, "asked"), &did)
		})
	})
	if n >= 4 && (did.Merged == 0 || did.Duplicate == 0 || did.Rejected == 0 || did.Known == 0) || n >= 100 && did.Flagged.Events == 0 {
		t.Errorf("not everything came to pass: %+v", did)
	}
	t.Logf("in all %+v", did)
}

func foretells(t testing.TB, kin *relatives, all []piece, r *rand.Rand, did *engine.Forecast) {
	base := memoryDir(t)
	defer os.RemoveAll(base) // many rounds would fill the disk
	asked, plain := kin.open(t, filepath.Join(base, "asked")), kin.open(t, filepath.Join(base, "plain"))
	ctx, last := context.Background(), uint32(0)
	for i, p := range all {
		other := all[r.IntN(len(all))]
		switch r.IntN(3) {
		case 0: // of what may never come
			if _, err := asked.Foretell(ctx, &spoken{lines: other.lines, step: 5}, loadOptions()); err != nil {
				t.Fatal(err)
			}
		case 1:
			gone, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := asked.Foretell(gone, &spoken{lines: other.lines}, loadOptions()); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		}
		if p.n%2 == 0 {
			bring(t, asked, p)
			bring(t, plain, p)
			continue
		}
		last = comes(t, asked, p.lines, did)
		if _, err := plain.LoadRows(ctx, &spoken{lines: p.lines}, loadOptions()); err != nil {
			t.Fatal(err)
		}
		if r.IntN(6) == 0 && i < len(all)-1 {
			_, err1 := asked.Unload(ctx, last, nil)
			_, err2 := plain.Unload(ctx, last, nil)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
		}
	}
	same(t, "numbers", raw(t, asked), raw(t, plain))
	same(t, "answers", everything(t, asked), everything(t, plain))
	same(t, "refused", refusals(t, asked, true), refusals(t, plain, true))
	report, err := asked.Check(ctx, &engine.CheckOptions{Rebuild: true})
	if err != nil || !report.Same || len(report.Problems) > 0 {
		t.Errorf("rebuilt: same %v, %v, %v", report.Same, report.Problems, err)
	}
	end(t, plain)
	end(t, asked)
}

// comes foretells a load, lets it come, and compares. It gives the load's number.
func comes(t testing.TB, e *engine.Engine, lines []string, did *engine.Forecast) uint32 {
	t.Helper()
	ctx := context.Background()
	whole, numbers, who := everything(t, e), raw(t, e), whose(t, e)
	identifiers := len(SQL(t, e, "SELECT fragment FROM identifiers"))
	f, err := e.Foretell(ctx, &spoken{lines: lines, step: 7}, loadOptions())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "answers after it was foretold", everything(t, e), whole)
	same(t, "numbers after it was foretold", raw(t, e), numbers)
	r, err := e.LoadRows(ctx, &spoken{lines: lines}, loadOptions())
	if err != nil {
		t.Fatal(err)
	}
	if f.Tally != r.Tally || f.Rows != r.Rows || f.Excepted != r.Excepted {
		t.Errorf("foretold %+v of %d rows, and came %+v of %d", f.Tally, f.Rows, r.Tally, r.Rows)
	}
	decided := []string{}
	for _, d := range f.Decisions {
		decided = append(decided, fmt.Sprintf("%s | %s | %s | %d", d.Kind, d.Rule, d.Space, d.Count))
	}
	slices.Sort(decided)
	want := SQL(t, e, "SELECT d.kind, d.rule, coalesce(d.space, ''), count(*) FROM decisions d JOIN all_events e ON e.seq = d.cause WHERE e.load = ? AND d.kind <> 'number' GROUP BY ALL", r.Load)
	slices.Sort(want)
	same(t, "decisions", decided, want)
	faults := []string{}
	for _, x := range f.Faults {
		faults = append(faults, fmt.Sprintf("%s | %s | %d | %d", x.Code, x.Path, x.Count, x.Line))
	}
	slices.Sort(faults)
	want = SQL(t, e, "SELECT reason, coalesce(path, ''), count(*), min(line) FROM rejects WHERE verdict = 'rejected' AND load = ? GROUP BY ALL", r.Load)
	slices.Sort(want)
	same(t, "faults", faults, want)
	if got := len(SQL(t, e, "SELECT fragment FROM identifiers")) - identifiers; f.Identifiers != got {
		t.Errorf("Identifiers = %d, want %d", f.Identifiers, got)
	}
	peopled(t, e, &f, who, r.Load)
	did.Merged, did.Known, did.People = did.Merged+f.Merged, did.Known+f.Known, did.People+f.People
	did.Duplicate, did.Rejected, did.Flagged.Events = did.Duplicate+f.Duplicate, did.Rejected+f.Rejected, did.Flagged.Events+f.Flagged.Events
	return r.Load
}

// Rows that say more about somebody than there is room for are foretold to be
// refused, whether the room was taken before or is by the rows themselves.
func TestForetoldWhereTraitsAreFull(t *testing.T) {
	e := newRelatives(t).open(t, filepath.Join(t.TempDir(), "full"))
	for round := range 2 {
		var lines []string
		for i := range 24 {
			lines = append(lines, fmt.Sprintf(`{"type":"identify","userId":"ada","messageId":"r%d-%d","timestamp":"2026-01-01T00:00:00Z","traits":{"t%d_%d":%q}}`, round, i, round, i, strings.Repeat("x", 25_000)))
		}
		did := engine.Forecast{}
		load := comes(t, e, lines, &did)
		full := SQL(t, e, "SELECT count(*) FROM rejects WHERE reason = 'traits_full' AND load = ?", load)[0]
		if want := []int{4, 24}[round]; did.Rejected != want || full != fmt.Sprint(want) {
			t.Errorf("Rejected = %d, %s of them as traits_full, want %d", did.Rejected, full, want)
		}
	}
	end(t, e)
}

// whose gives the public id of everybody who has an identifier, by fragment.
func whose(t testing.TB, e *engine.Engine) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, row := range SQL(t, e, "SELECT i.fragment, p.public_id FROM identifiers i JOIN profiles p ON p.id = i.profile_id") {
		f, id, _ := strings.Cut(row, " | ")
		out[f] = id
	}
	return out
}

// peopled compares what was foretold of people with who they have become.
func peopled(t testing.TB, e *engine.Engine, f *engine.Forecast, before map[string]string, load uint32) {
	t.Helper()
	after := whose(t, e)
	were := map[string]map[string]bool{} // who they were, by who they are
	for frag, id := range after {
		if were[id] == nil {
			were[id] = map[string]bool{}
		}
		if old, ok := before[frag]; ok {
			were[id][old] = true
		}
	}
	about := SQL(t, e, "SELECT DISTINCT p.public_id FROM events e JOIN profiles p ON p.id = e.profile_id WHERE e.load = ?", load)
	known := 0
	for _, id := range about {
		if len(were[id]) > 0 {
			known++
		}
	}
	if f.People != len(about) || f.Known != known {
		t.Errorf("People, Known = %d, %d, want %d, %d", f.People, f.Known, len(about), known)
	}
	if slices.ContainsFunc(f.Decisions, func(d engine.Outcome) bool { return d.Kind == "leave" }) {
		return // some who were one are two, or one and another
	}
	merged := 0
	for _, old := range were {
		merged += max(0, len(old)-1)
	}
	if f.Merged != merged || len(f.Merges) != min(merged, 5) {
		t.Errorf("Merged = %d, and %d of them, want %d", f.Merged, len(f.Merges), merged)
	}
	for _, m := range f.Merges {
		one := 0
		for _, old := range were {
			if old[m.A] && old[m.B] && m.A != m.B {
				one++
			}
		}
		if one != 1 {
			t.Errorf("the two who were to become one on line %d are one %d times", m.Line, one)
		}
	}
}
