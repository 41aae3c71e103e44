package enginetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// What is kept current equals what is asked on demand, after every batch of
// events, whatever the clock did meanwhile; and the feed applied from zero gives
// the same.
func TestLiveIsOnDemand(t *testing.T) {
	start := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	changes, compared := 0, 0
	causes := map[kith.Cause]int{}
	rounds(t, 3, 2_000, func(t *testing.T, _ int, seed uint64) {
		r := dice(seed, "live")
		now := start
		w := &liveWorld{dir: t.TempDir(), now: now}
		w.open(t)
		w.clock(t)
		w.goods(t, r)
		w.list(t, r, "vip")
		w.list(t, r, "staff")
		for _, name := range []string{"some", "more"} {
			w.say(t, name, one(r, "plan = 'pro'", "vip", "in_list('vip')", "ltv > 3 OR EXISTS (SELECT 1 FROM events WHERE name = 'Buy')", "plan IN (SELECT sort FROM goods)"))
		}
		w.say(t, "ranked", "ltv >= top_percent(50, ltv)")
		w.say(t, "listed", "in_list('vip') OR in_list('staff') AND known")
		w.say(t, "buyers", "EXISTS (SELECT 1 FROM profiles WHERE address.city = outer.address.city AND EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 9 DAY))")
		w.say(t, "among", "(SELECT count(*) FROM profiles WHERE plan = outer.plan AND in_segment('ranked') AND in_segment('some')) >= 2")
		if _, err := w.e.DefineTrait(t.Context(), "crew", "(SELECT group_id FROM events WHERE kind = 'group' ORDER BY ts DESC LIMIT 1)"); err != nil {
			t.Fatal(err)
		}
		w.say(t, "crewed", "(SELECT count(*) FROM profiles WHERE crew = outer.crew AND plan IS NOT NULL) BETWEEN 2 AND 4")
		w.say(t, "recent", "EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 9 DAY)")
		for range 4 {
			w.define(t, r)
		}
		lines := crowd(r, 120+r.IntN(200), now.Add(20*24*time.Hour))
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		for len(lines) > 0 && !t.Failed() {
			n := min(1+r.IntN(60), len(lines))
			switch r.IntN(10) {
			case 0, 1, 2:
				w.define(t, r)
			case 3:
				if r.IntN(2) == 0 {
					w.goods(t, r)
				} else {
					w.reopen(t)
				}
			case 7, 8:
				w.list(t, r, one(r, "vip", "staff"))
			case 4, 5, 6:
				w.now = w.now.Add(time.Duration(r.IntN(6*24*60)) * time.Minute)
				w.clock(t)
			}
			if r.IntN(3) == 0 {
				w.load(t, lines[:n])
			} else {
				Lines(t, w.e, lines[:n]...)
			}
			lines = lines[n:]
			if len(w.loads) > 0 && r.IntN(12) == 0 {
				w.unload(t, r)
			}
			compared += w.compare(t)
		}
		for _, name := range []string{"vip", "staff"} { // whatever became of the dice, somebody moves by it
			w.list(t, r, name)
		}
		for range 4 {
			w.now = w.now.Add(time.Duration(r.IntN(40*24)) * time.Hour)
			w.clock(t)
			compared += w.compare(t)
		}
		changes += w.replay(t, causes)
		if made, err := w.e.Check(t.Context(), &engine.CheckOptions{Rebuild: true}); err != nil || !made.Same {
			t.Errorf("made anew from the log it is another: %v, %v", made.Problems, err)
		}
	})
	t.Logf("%d comparisons, %d changes, by cause %v", compared, changes, causes)
	if compared > 300 {
		for _, c := range []kith.Cause{kith.ByEvent, kith.ByClock, kith.ByMerge, kith.ByDefinition, kith.ByRank, kith.ByTable} {
			if causes[c] == 0 {
				t.Errorf("nobody moved by %s: the test asks too little", c)
			}
		}
	}
}

// liveWorld is a directory with segments, and what they are.
type liveWorld struct {
	dir   string
	e     *engine.Engine
	now   time.Time
	texts map[string]string // by name
	lists map[string]onList
	loads []uint32
}

func (w *liveWorld) load(t *testing.T, lines []string) {
	t.Helper()
	r, err := w.e.Load(t.Context(), strings.NewReader(strings.Join(lines, "\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.loads = append(w.loads, r.Load)
}

// unload takes a load back; the segments are built again after that.
func (w *liveWorld) unload(t *testing.T, r *rand.Rand) {
	t.Helper()
	i := r.IntN(len(w.loads))
	if _, err := w.e.Unload(t.Context(), w.loads[i], nil); err != nil {
		t.Fatal(err)
	}
	w.loads = slices.Delete(w.loads, i, i+1)
	segmentsHold(t, w.e)
}

func (w *liveWorld) open(t *testing.T) {
	t.Helper()
	w.e = OpenDir(t, w.dir, &engine.Options{Zone: time.UTC, Now: func() time.Time { return w.now }})
}

func (w *liveWorld) clock(t *testing.T) {
	t.Helper()
	if err := w.e.SetClock(w.now.Format(time.RFC3339Nano)); err != nil {
		t.Fatal(err)
	}
}

func (w *liveWorld) reopen(t *testing.T) {
	t.Helper()
	if err := w.e.Close(); err != nil {
		t.Fatal(err)
	}
	w.open(t)
}

// goods loads the reference table that conditions ask, with other rows each time.
func (w *liveWorld) goods(t *testing.T, r *rand.Rand) {
	t.Helper()
	rows := [][]string{{"a", "1", "pro"}, {"b", "2.5", "free"}, {"d", "10.5", ""}, {"", "3", "größe"}, {"C", "", "pro"}, {"c", "2", "free"}}
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if _, err := w.e.LoadTable(t.Context(), "goods", &sheet{[]string{"sku", "price", "sort"}, rows[:3+r.IntN(4)]}, nil); err != nil {
		t.Fatal(err)
	}
}

// list makes a static list, or changes one.
func (w *liveWorld) list(t *testing.T, r *rand.Rand, name string) {
	t.Helper()
	if w.lists == nil {
		w.lists = map[string]onList{}
	}
	if w.lists[name] == nil {
		w.lists[name] = onList{}
	}
	w.lists[name].hand(t, r, w.e, name)
}

func (w *liveWorld) say(t *testing.T, name, text string) {
	t.Helper()
	if w.texts == nil {
		w.texts = map[string]string{}
	}
	if _, err := w.e.Define(t.Context(), name, text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	w.texts[name] = text
}

// define defines one more segment, or one of them otherwise.
func (w *liveWorld) define(t *testing.T, r *rand.Rand) {
	t.Helper()
	name := fmt.Sprintf("s%d", r.IntN(8))
	text := condition(r)
	if len(w.texts) > 0 && r.IntN(4) == 0 {
		used := one(r, sortedNames(w.texts)...)
		if used < name { // so that none uses itself
			text = "(" + text + one(r, " AND ", " OR ", " AND NOT ") + "in_segment('" + used + "'))"
		}
	}
	w.say(t, name, text)
}

func sortedNames(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// compare compares each segment with its condition asked on demand.
func (w *liveWorld) compare(t *testing.T) int {
	t.Helper()
	listsHold(t, w.e, w.lists)
	for _, name := range sortedNames(w.texts) {
		kept := ids(t, w.e, name, nil)
		asked := ids(t, w.e, "("+w.texts[name]+")", &engine.AskOptions{Now: w.now})
		if !slices.Equal(kept, asked) {
			t.Errorf("%s at %v: %s\nkept  %v\nasked %v", name, w.now, w.texts[name], kept, asked)
		}
	}
	return len(w.texts)
}

func ids(t *testing.T, e *engine.Engine, condition string, o *engine.AskOptions) []kith.ProfileID {
	t.Helper()
	seq, err := e.Members(context.Background(), condition, o)
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	return slices.Collect(seq)
}

// replay applies the feed from zero: nobody enters twice, and in the end the members are those there are.
func (w *liveWorld) replay(t *testing.T, causes map[kith.Cause]int) int {
	t.Helper()
	in, n, last := map[string]map[kith.ProfileID]bool{}, 0, kith.Seq(0)
	for c, err := range w.e.Changes("", 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		causes[c.Cause]++
		if c.Seq <= last {
			t.Fatalf("change %d comes after %d", c.Seq, last)
		}
		last = c.Seq
		s := in[c.Segment]
		if s == nil {
			s = map[kith.ProfileID]bool{}
			in[c.Segment] = s
		}
		if s[c.Profile] == c.Entered {
			t.Errorf("change %d: profile %d enters or leaves %s twice", c.Seq, c.Profile, c.Segment)
		}
		s[c.Profile] = c.Entered
	}
	for name := range w.texts {
		var got []kith.ProfileID
		for id, is := range in[name] {
			if is {
				got = append(got, id)
			}
		}
		slices.Sort(got)
		if want := ids(t, w.e, name, nil); !slices.Equal(got, want) {
			t.Errorf("%s: the feed gives %v, the segment has %v", name, got, want)
		}
	}
	return n
}

// A segment that is built again for a table sees the rows that were loaded, also
// where its builder is faster than the line that publishes them.
func TestLiveSeesTheTableThatWasLoaded(t *testing.T) {
	var slow atomic.Bool
	point := engine.Point
	engine.Point = func(string) {
		if slow.Load() {
			time.Sleep(30 * time.Millisecond)
		}
	}
	t.Cleanup(func() { engine.Point = point }) // after the engine is closed
	e := shop(t, "")
	give := func(sku string) {
		t.Helper()
		if _, err := e.LoadTable(t.Context(), "goods", &sheet{[]string{"sku"}, [][]string{{sku}}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	give("gold")
	if _, err := e.Define(t.Context(), "some", "plan IN (SELECT sku FROM goods)"); err != nil {
		t.Fatal(err)
	}
	slow.Store(true)
	give("pro")
	slow.Store(false)
	segmentsHold(t, e)
	if n := count(t, e, "some"); n != 1 {
		t.Errorf("%d members, want 1", n)
	}
}
