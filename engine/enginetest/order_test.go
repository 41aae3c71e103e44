package enginetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/identity"
)

// fixed are the options of the tests of this file: the clock stands.
func fixed() *engine.Options {
	return quiet(&engine.Options{NoSync: true, Memory: 64 << 20, Now: func() time.Time { return start.AddDate(0, 1, 0) }})
}

// relatives makes directories whose public ids can be compared: they have one token secret.
type relatives struct {
	keys  string
	rules *identity.Rules // nil: those of any new directory
}

func newRelatives(t testing.TB) *relatives {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "first")
	e, err := engine.Open(dir, fixed())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return &relatives{keys: filepath.Join(dir, "keys")}
}

// open makes a new directory with the secret of the others.
func (f *relatives) open(t testing.TB, dir string) *engine.Engine {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"master", "secret"} {
		if err := copyFile(filepath.Join(f.keys, name), filepath.Join(dir, "keys", name)); err != nil {
			t.Fatal(err)
		}
	}
	o := fixed()
	o.Rules = f.rules
	e, err := engine.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func again(t testing.TB, dir string) *engine.Engine {
	t.Helper()
	e, err := engine.Open(dir, fixed())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// end checks and closes.
func end(t testing.TB, e *engine.Engine) {
	t.Helper()
	Check(t, e)
	shut(t, e)
}

func shut(t testing.TB, e *engine.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// memoryDir gives a directory, in memory where there is such a thing: these
// tests are about what is written, not about disks.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "kith-order")
	if err != nil {
		dir, err = os.MkdirTemp("", "kith-order")
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// tell takes in lines as one batch.
func tell(t testing.TB, e *engine.Engine, lines []string) {
	t.Helper()
	if _, err := e.IngestJSON(context.Background(), "stream", []byte(`{"batch":[`+strings.Join(lines, ",")+`]}`)); err != nil {
		t.Fatal(err)
	}
}

// digest is everything that SQL and profiles say, but what tells one way of
// telling from another: numbers of records, loads, sources.
func digest(t testing.TB, e *engine.Engine, public bool) []string {
	t.Helper()
	var originals []string
	for _, row := range SQL(t, e, "SELECT original::VARCHAR FROM all_events ORDER BY seq") {
		originals = append(originals, encode(jsonObject(t, row))) // members in one order
	}
	out := slices.Concat(
		SQL(t, e, "SELECT 'event', e.message_id, e.profile_id, e.fragment, e.kind, e.name, e.ts, e.received_at, e.flags FROM all_events e ORDER BY e.seq"), originals,
		SQL(t, e, "SELECT 'identifier', space, value, fragment, profile_id, shared FROM identifiers ORDER BY fragment"),
		SQL(t, e, `SELECT 'decision', d.kind, d.fragment, d.other, d.rule, d.space, e.message_id FROM decisions d LEFT JOIN events e ON e.seq = d.cause ORDER BY d.seq`),
		SQL(t, e, `SELECT 'merge', survivor, absorbed, fragment, other, rule FROM merges ORDER BY seq`),
		SQL(t, e, `SELECT 'reject', verdict, reason, path, e.message_id, r.original FROM rejects r LEFT JOIN events e ON e.seq = r.repeats ORDER BY ALL`),
		SQL(t, e, "SELECT 'profile', p.* EXCLUDE (public_id) FROM profiles p ORDER BY id"),
	)
	if public {
		out = append(out, SQL(t, e, "SELECT 'public', id, public_id FROM profiles ORDER BY id")...)
	}
	var people []string
	for id, p := range everybody(t, e) {
		people = append(people, fmt.Sprintf("person %d\n%s", id, strings.Join(describe(p), "\n")))
	}
	slices.Sort(people)
	return append(out, people...)
}

// everybody gives all profiles by their number.
func everybody(t testing.TB, e *engine.Engine) map[kith.ProfileID]*kith.Profile {
	t.Helper()
	all := map[kith.ProfileID]*kith.Profile{}
	for _, row := range SQL(t, e, "SELECT space, value FROM identifiers") {
		space, value, _ := strings.Cut(row, " | ")
		id := kith.Identifier{Space: space, Value: value}
		who, err := e.Lookup(id)
		if missing(err) {
			continue // a shared device that did nothing by itself is nobody
		}
		if err == nil && all[who.ID] == nil { // its events are read once
			all[who.ID], err = e.Profile(context.Background(), id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// same makes the test fail at the first difference.
func same(t testing.TB, how string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%s: line %d is\n%s\nwant\n%s", how, i, g, w)
			return
		}
	}
}

// The same log gives the same state in any batching, with restarts and crashes
// in between, streamed or in bulk.
func TestStreamsInAnyBatching(t *testing.T) {
	kin := newRelatives(t)
	rounds(t, 12, 1000, func(t *testing.T, round int, seed uint64) {
		r := dice(seed, "batching")
		holds(t, wild(r, 20+r.IntN(60)), func(t testing.TB, lines []string) {
			batchings(t, kin, lines, seed, round%2 == 0)
		})
	})
}

// batchings tells lines in three ways and compares.
func batchings(t testing.TB, kin *relatives, lines []string, seed uint64, single bool) {
	base := memoryDir(t)
	defer os.RemoveAll(base) // a thousand rounds would fill the disk
	e := kin.open(t, filepath.Join(base, "one"))
	tell(t, e, lines)
	want := digest(t, e, true)
	bare := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return strings.HasPrefix(line, "public ") })
	shut(t, e)
	e = restarted(t, kin, dice(seed, "restarts"), base, lines)
	same(t, "with restarts", digest(t, e, true), want)
	end(t, e)
	o := fixed()
	o.Rules = kin.rules
	e, err := engine.Open("", o)
	if err != nil {
		t.Fatal(err)
	}
	if single {
		for _, line := range lines {
			tell(t, e, []string{line})
		}
		same(t, "one by one", digest(t, e, false), bare)
	} else {
		Lines(t, e, lines...)
		same(t, "in bulk", digest(t, e, false), bare)
	}
	end(t, e)
}

// restarted tells lines in pieces, and closes, or copies like a crash, in between.
func restarted(t testing.TB, kin *relatives, r *rand.Rand, base string, lines []string) *engine.Engine {
	t.Helper()
	dir := filepath.Join(base, "restarted")
	e := kin.open(t, dir)
	cuts := []int{0, len(lines)}
	for range 2 {
		cuts = append(cuts, r.IntN(len(lines)))
	}
	slices.Sort(cuts)
	for i := 1; i < len(cuts); i++ {
		if cuts[i] > cuts[i-1] {
			tell(t, e, lines[cuts[i-1]:cuts[i]])
		}
		switch {
		case i == len(cuts)-1:
		case r.IntN(2) == 0:
			shut(t, e)
			e = again(t, dir)
		default:
			if r.IntN(2) == 0 {
				SQL(t, e, "SELECT count(*) FROM events") // history has it all
			}
			next := filepath.Join(base, fmt.Sprint("crash", i))
			Copy(t, dir, next)
			shut(t, e)
			dir = next
			e = again(t, dir)
		}
	}
	return e
}

// Two orders of the same events give the same people, where no limit and no rule
// of uniqueness is hit; and they are those of the model.
func TestStreamsInAnyOrder(t *testing.T) {
	kin := newRelatives(t)
	rounds(t, 12, 1000, func(t *testing.T, _ int, seed uint64) {
		r := dice(seed, "order")
		lines, stream := calm(r, 20+r.IntN(60))
		read := map[string]told{}
		for i, line := range lines {
			read[line] = stream[i]
		}
		holds(t, lines, func(t testing.TB, lines []string) { orders(t, kin, lines, read, seed) })
	})
}

// orders tells lines as they stand and shuffled, and compares.
func orders(t testing.TB, kin *relatives, lines []string, read map[string]told, seed uint64) {
	base := memoryDir(t)
	defer os.RemoveAll(base) // a thousand rounds would fill the disk
	var stream []told
	for _, line := range lines {
		stream = append(stream, read[line])
	}
	var states [2][]string
	for i := range states {
		e := kin.open(t, filepath.Join(base, fmt.Sprint(i)))
		tell(t, e, lines)
		var people []string
		for _, p := range everybody(t, e) {
			text := strings.Join(sorted(describe(p)), "\n")
			people = append(people, text)
			states[i] = append(states[i], p.Public+"\n"+text)
		}
		slices.Sort(people)
		slices.Sort(states[i])
		same(t, "against the model", people, model(stream))
		end(t, e)
		lines = slices.Clone(lines)
		dice(seed, "shuffle").Shuffle(len(lines), func(a, b int) { lines[a], lines[b] = lines[b], lines[a] })
	}
	same(t, "in another order", states[1], states[0])
}

// sorted puts traits and activity, which follow the first two lines, into the model's order.
func sorted(lines []string) []string {
	said := slices.IndexFunc(lines[2:], func(l string) bool { return !strings.Contains(l, " = ") }) + 2
	if said < 2 {
		said = len(lines)
	}
	slices.Sort(lines[2:said])
	slices.Sort(lines[said:])
	return lines
}

// Ten thousand people on one device are ten thousand people, and the device is
// one more; the last thousand cost what the first did.
func TestManyOnOneDevice(t *testing.T) {
	const people, step = 10_000, 2500
	e := Memory(t, nil)
	var took []time.Duration
	for from := 0; from < people; from += step {
		lines := make([]string, step)
		for i := range lines {
			lines[i] = fmt.Sprintf(`{"type":"track","event":"Login","messageId":"l%d","userId":"user%d","anonymousId":"kiosk"}`, from+i, from+i)
		}
		began := time.Now()
		tell(t, e, lines)
		took = append(took, time.Since(began))
	}
	tell(t, e, []string{`{"type":"track","event":"Look","messageId":"x","anonymousId":"kiosk"}`})
	if got := SQL(t, e, "SELECT count(*), count(*) FILTER (NOT known) FROM profiles"); got[0] != "10001 | 1" {
		t.Errorf("profiles, and unknown ones: %s, want 10001 | 1", got[0])
	}
	if first, last := took[1], took[len(took)-1]; last > 4*first+50*time.Millisecond {
		t.Errorf("the cost grows: %v", took)
	}
	t.Logf("%d each took %v", step, took)
}
