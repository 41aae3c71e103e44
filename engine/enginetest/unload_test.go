package enginetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

// everything is all that can be asked, by public id and message id: it is
// equal in two directories with one token secret that know the same.
func everything(t testing.TB, e *engine.Engine) []string {
	t.Helper()
	var out []string
	for _, q := range []string{
		`SELECT 'event', e.message_id, p.public_id, i.space, i.value, e.kind, e.name, e.ts, e.received_at, e.source, e.flags
			FROM all_events e LEFT JOIN profiles p ON p.id = e.profile_id LEFT JOIN identifiers i ON i.fragment = e.fragment`,
		`SELECT 'identifier', i.space, i.value, i.shared, p.public_id FROM identifiers i LEFT JOIN profiles p ON p.id = i.profile_id`,
		`SELECT 'decision', d.kind, a.space, a.value, b.space, b.value, d.rule, d.space, d.rules_version, d.known_at, e.message_id
			FROM decisions d LEFT JOIN identifiers a ON a.fragment = d.fragment LEFT JOIN identifiers b ON b.fragment = d.other LEFT JOIN all_events e ON e.seq = d.cause`,
		`SELECT 'profile column', column_name, column_type FROM (DESCRIBE SELECT * FROM profiles)`,
		`SELECT 'column', relation, event, name, class, filled, total FROM columns`,
		`SELECT 'flags', message_id, flags FROM all_events`,
		`SELECT 'source', s.* FROM sources s`,
		`SELECT 'load', l.* EXCLUDE (load, began, ended) FROM loads l`,
	} {
		rows := SQL(t, e, q)
		slices.Sort(rows)
		out = append(out, rows...)
	}
	for _, row := range SQL(t, e, "SELECT message_id, original::VARCHAR FROM all_events ORDER BY message_id") {
		id, original, _ := strings.Cut(row, " | ")
		out = append(out, id+" "+encode(jsonObject(t, original)))
	}
	out = append(out, profileColumns(t, e)...)
	var people []string
	for _, p := range everybody(t, e) {
		people = append(people, p.Public+"\n"+strings.Join(sorted(describe(p)), "\n"))
	}
	slices.Sort(people)
	return append(out, people...)
}

// profileColumns is the table of profiles column by column: traits of one event may be columns in any order.
func profileColumns(t testing.TB, e *engine.Engine) []string {
	t.Helper()
	rows, err := e.SQL(context.Background(), "SELECT public_id, * EXCLUDE (id, public_id) FROM profiles")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	vals := make([]any, len(names))
	for i := range vals {
		vals[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(vals...); err != nil {
			t.Fatal(err)
		}
		who := show(*vals[0].(*any))
		for i, name := range names {
			out = append(out, fmt.Sprintf("profile %q | %s | %s", name, who, show(*vals[i].(*any))))
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// refusals is what was not accepted.
func refusals(t testing.TB, e *engine.Engine, natural bool) []string {
	t.Helper()
	var out []string
	for _, row := range SQL(t, e, `SELECT r.verdict, r.reason, r.path, r.source, r.line, e.message_id, r.original FROM rejects r LEFT JOIN all_events e ON e.seq = r.repeats`) {
		k := strings.LastIndex(row, " | ")
		if head, original := row[:k], row[k+3:]; original != "NULL" {
			row = head + " " + encode(jsonObject(t, original))
		}
		if natural || !strings.Contains(row, "natural") {
			out = append(out, row)
		}
	}
	slices.Sort(out)
	return out
}

// pieces cuts a stream at random into requests and loads: each line begins with
// the number of its piece, and pieces with an odd number are loads.
func pieces(r *rand.Rand, lines []string) []string {
	n := 0
	out := make([]string, len(lines))
	for i, line := range lines {
		if r.IntN(8) == 0 {
			n++
		}
		out[i] = strconv.Itoa(n) + "|" + line
	}
	return out
}

// piece is the lines of one request or load.
type piece struct {
	n     int
	lines []string
}

func cut(tagged []string) []piece {
	var out []piece
	for _, line := range tagged {
		text, line, _ := strings.Cut(line, "|")
		n, _ := strconv.Atoi(text) // pieces wrote it
		if len(out) == 0 || out[len(out)-1].n != n {
			out = append(out, piece{n: n})
		}
		p := &out[len(out)-1]
		p.lines = append(p.lines, line)
	}
	return out
}

// bring tells a piece; it gives the load's number, 0 for a request.
func bring(t testing.TB, e *engine.Engine, p piece) uint32 {
	t.Helper()
	source := fmt.Sprint("source", p.n%3)
	if p.n%2 == 0 {
		if _, err := e.IngestJSON(context.Background(), source, []byte(`{"batch":[`+strings.Join(p.lines, ",")+`]}`)); err != nil {
			t.Fatal(err)
		}
		return 0
	}
	r, err := e.Load(context.Background(), strings.NewReader(strings.Join(p.lines, "\n")), &engine.LoadOptions{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	return r.Load
}

// A load that is taken back was never there: profiles, counts, traits,
// decisions, rejects, tallies and SQL are those of a world without it.
func TestUnloadLeavesAWorldWithoutIt(t *testing.T) {
	kin, did := newRelatives(t), &engine.UnloadReport{}
	defer func() { engine.PartRows = 0 }()
	n := rounds(t, 5, 1000, func(t *testing.T, round int, seed uint64) {
		engine.PartRows = []int{0, 12}[round%2] // history in one part, or in many
		r := dice(seed, "unload")
		lines := wild(r, 20+r.IntN(80))
		kin.rules = nil
		if round%3 < 2 { // rules that flag, and what they find
			kin.rules, lines = careful(), twins(t, r, odd(t, r, lines))
		}
		holds(t, pieces(r, lines), func(t testing.TB, tagged []string) {
			unloads(t, kin, cut(tagged), seed, round%4 == 0, did)
		})
	})
	if n >= 100 && (did.Events == 0 || did.Passed == 0 || did.Accepted == 0 || did.Decisions == 0 || did.Refused == 0) { // a few rounds may do without
		t.Errorf("not everything came to pass: %+v", did)
	}
	if n >= 4 && did.Reflagged == 0 {
		t.Errorf("no flag changed: %+v", did)
	}
	t.Logf("in all %+v", did)
}

// twins puts events of a stream into it once more, somewhere, with other message
// ids and at most 80 seconds apart, where a minute is near: whether such an event
// is a near-duplicate depends, as often as not, on another load.
func twins(t testing.TB, r *rand.Rand, lines []string) []string {
	out := slices.Clone(lines)
	for i := range lines {
		ev := jsonObject(t, lines[r.IntN(len(lines))])
		at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(ev["timestamp"]))
		if err != nil || ev["type"] == "alias" {
			continue // a line that will be refused, or one that depends on its place
		}
		ev["messageId"], ev["timestamp"] = fmt.Sprintf("near%d", i), at.Add(time.Duration(r.IntN(160)-80)*time.Second).Format(time.RFC3339Nano)
		out = slices.Insert(out, r.IntN(len(out)+1), encode(ev))
	}
	return out
}

// unloads brings pieces in, takes one or two loads back, and compares.
func unloads(t testing.TB, kin *relatives, all []piece, seed uint64, twice bool, did *engine.UnloadReport) {
	base := memoryDir(t)
	defer os.RemoveAll(base) // a thousand rounds would fill the disk
	dir := filepath.Join(base, "with")
	e := kin.open(t, dir)
	loads := map[int]uint32{}
	for i, p := range all {
		if n := bring(t, e, p); n != 0 {
			loads[i] = n
		}
	}
	var odd []int
	for i := range loads {
		odd = append(odd, i)
	}
	slices.Sort(odd)
	if len(odd) == 0 {
		shut(t, e)
		return
	}
	r := dice(seed, "which")
	which := []int{odd[r.IntN(len(odd))]}
	if twice && kin.rules != nil { // much that flags depend on
		which[0] = slices.MaxFunc(odd, func(i, j int) int { return len(all[i].lines) - len(all[j].lines) })
	}
	if i := odd[r.IntN(len(odd))]; twice && i != which[0] {
		which = append(which, i)
	}
	spans, gone, passed := map[int]span{}, map[int][]string{}, 0
	for _, i := range which {
		spans[i] = spanOf(t, e, loads[i]) // with what came instead of events of the other
		passed += unload(t, e, loads[i], did)
	}
	for _, i := range which { // only now: what passed to a load that went, too, is gone
		gone[i] = stayed(t, e, spans[i], all[i].lines)
	}
	got, gotRefused := everything(t, e), refusals(t, e, passed == 0)
	want, wantRefused := without(t, kin, filepath.Join(base, "without"), all, gone, passed)
	if passed > 0 { // the other one's tallies are those of the model
		got, want = bare(got), bare(want)
	}
	same(t, "unloaded", got, want)
	same(t, "what was refused", gotRefused, wantRefused)
	full := everything(t, e)
	Check(t, e)
	report, err := e.Check(context.Background(), &engine.CheckOptions{Rebuild: true})
	if err != nil || !report.Same || len(report.Problems) > 0 {
		t.Errorf("rebuilt: same %v, %v, %v", report.Same, report.Problems, err)
	}
	shut(t, e)
	e = again(t, dir)
	same(t, "rebuilt", everything(t, e), full)
	for i := range gone { // its message ids are free again
		bring(t, e, all[i])
	}
	end(t, e)
}

// bare leaves out the tallies and sources.
func bare(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		return strings.HasPrefix(l, "source | ") || strings.HasPrefix(l, "load | ") || strings.HasPrefix(l, "event | ")
	})
}

// span is where the events of a load stand.
type span struct{ lo, hi, n int }

func spanOf(t testing.TB, e *engine.Engine, load uint32) (s span) {
	t.Helper()
	row := SQL(t, e, "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0), count(*) FROM all_events WHERE load = ?", load)[0]
	if _, err := fmt.Sscanf(row, "%d | %d | %d", &s.lo, &s.hi, &s.n); err != nil {
		t.Fatal(err)
	}
	return s
}

// unload takes a load back, and gives how many of its events stay as another's.
func unload(t testing.TB, e *engine.Engine, load uint32, did *engine.UnloadReport) int {
	t.Helper()
	n, flags := spanOf(t, e, load).n, flagsOf(t, e)
	dry, err := e.Unload(context.Background(), load, &engine.UnloadOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Unload(context.Background(), load, nil)
	if err != nil {
		t.Fatal(err)
	}
	if dry.Events != r.Events || dry.Passed != r.Passed || dry.Accepted != r.Accepted || dry.Reflagged != r.Reflagged || r.Events+r.Passed != n {
		t.Errorf("of %d events: %+v, and before %+v", n, r, dry)
	}
	other := 0
	for seq, f := range flagsOf(t, e) {
		if old, ok := flags[seq]; ok && old != f {
			other++
		}
	}
	if r.Reflagged != other {
		t.Errorf("Reflagged = %d, want %d", r.Reflagged, other)
	}
	did.Events, did.Passed, did.Accepted, did.Reflagged = did.Events+r.Events, did.Passed+r.Passed, did.Accepted+r.Accepted, did.Reflagged+r.Reflagged
	did.Refused, did.Decisions, did.Forgotten, did.People = did.Refused+r.Refused, did.Decisions+r.Decisions, did.Forgotten+r.Forgotten, did.People+r.People
	return r.Passed
}

// flagsOf gives the flags of each event, by its number.
func flagsOf(t testing.TB, e *engine.Engine) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, row := range SQL(t, e, "SELECT seq, flags FROM all_events") {
		seq, f, _ := strings.Cut(row, " | ")
		out[seq] = f
	}
	return out
}

// stayed gives the lines of a load whose events stand where the load's stood.
func stayed(t testing.TB, e *engine.Engine, s span, lines []string) []string {
	t.Helper()
	stay := SQL(t, e, "SELECT message_id FROM all_events WHERE seq BETWEEN ? AND ?", s.lo, s.hi)
	var left []string
	seen := map[string]bool{}
	for _, line := range lines {
		id := fmt.Sprint(jsonObject(t, line)["messageId"])
		if slices.Contains(stay, id) && !seen[id] {
			seen[id] = true
			left = append(left, line)
		}
	}
	return left
}

// without is the world in which the loads that are gone never were, but for the lines that stayed.
func without(t testing.TB, kin *relatives, dir string, all []piece, gone map[int][]string, passed int) (is, refused []string) {
	e := kin.open(t, dir)
	for i, p := range all {
		if left, ok := gone[i]; ok {
			p.lines = left
		}
		if len(p.lines) > 0 {
			bring(t, e, p)
		}
	}
	is, refused = everything(t, e), refusals(t, e, passed == 0)
	end(t, e)
	return is, refused
}
