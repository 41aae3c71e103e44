package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/enginetest/faults"
)

// lastChange gives the newest change of a segment.
func lastChange(t *testing.T, e *engine.Engine, segment string) (last kith.Change) {
	t.Helper()
	for c, err := range e.Changes(segment, 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = c
	}
	return last
}

// Who has an identifier of a list is on it: at once, or from the event on that
// brings the identifier, and then wherever a merge puts it.
func TestListsFollowIdentifiers(t *testing.T) {
	dir, ctx := t.TempDir()+"/kith", context.Background()
	e := shop(t, dir)
	if _, err := e.Define(ctx, "vips", "in_list('vip')"); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("a segment of a list that there is not: %v", err)
	}
	r, err := e.ImportList(ctx, "vip", handing("user_id=ada", "email=Later@Example.org ", "nonsense", "user_id=ada", "planet=mars", "email=no address", "anonymous_id=z"), engine.ReplaceList)
	if err != nil || r.Given != 7 || r.Repeated != 1 || r.Unknown != 2 || r.Refused != 3 || !slices.Equal(r.RefusedAt, []int64{3, 5, 6}) || r.Entries != 3 || r.Waiting != 2 || r.Members != 1 {
		t.Errorf("imported: %+v, %v", r, err)
	}
	if _, err := e.Define(ctx, "vips", "in_list('vip')"); err != nil {
		t.Fatal(err)
	}
	lists := map[string]onList{"vip": {"user_id=ada": true, "email=later@example.org": true, "anonymous_id=z": true}}
	hold := func(when string, n int) {
		t.Helper()
		listsHold(t, e, lists)
		segmentsHold(t, e)
		if got := count(t, e, "vips"); got != n {
			t.Errorf("%s: %d members, want %d", when, got, n)
		}
	}
	hold("after the import", 1)

	Lines(t, e, `{"type":"identify","userId":"dan","messageId":"7","timestamp":"2026-01-04T00:00:00Z","traits":{"email":"later@example.org"}}`)
	c := lastChange(t, e, "vips")
	if seq := SQL(t, e, "SELECT seq FROM events WHERE message_id = '7'"); !c.Entered || c.Cause != kith.ByEvent || fmt.Sprint(c.Of) != seq[0] {
		t.Errorf("the change is %+v, want by event %v", c, seq)
	}
	hold("after the identifier came", 2)

	Lines(t, e, `{"type":"track","anonymousId":"z","event":"Product Viewed","messageId":"8","timestamp":"2026-01-04T00:00:01Z"}`)
	hold("after another came", 3)
	Lines(t, e, `{"type":"track","userId":"ada","anonymousId":"z","event":"Product Viewed","messageId":"9","timestamp":"2026-01-04T00:00:02Z"}`)
	if c := lastChange(t, e, "vips"); c.Entered || c.Cause != kith.ByMerge {
		t.Errorf("the change is %+v, want that one of two left by a merge", c)
	}
	hold("after a merge", 2)

	r, err = e.ImportList(ctx, "vip", handing("user_id=bob"), engine.AddToList)
	if c := lastChange(t, e, "vips"); err != nil || c.Cause != kith.ByTable || c.Of != r.Seq || !c.Entered || r.Version != 2 {
		t.Errorf("added: %+v, %v, the change is %+v", r, err, c)
	}
	lists["vip"]["user_id=bob"] = true
	hold("after one was added", 3)

	end(t, e)
	e = OpenDir(t, dir, &engine.Options{Zone: time.UTC})
	hold("after another opening", 3)

	r, err = e.ImportList(ctx, "vip", handing("user_id=ada", "email=later@example.org", "user_id=nobody", "anonymous_id=z"), engine.RemoveFrom)
	if c := lastChange(t, e, "vips"); err != nil || c.Cause != kith.ByTable || c.Of != r.Seq || c.Entered || r.Entries != 1 {
		t.Errorf("removed: %+v, %v, the change is %+v", r, err, c)
	}
	lists["vip"] = onList{"user_id=bob": true}
	hold("after some were removed", 1)

	if _, err := e.Unload(ctx, 1, nil); err != nil { // the whole shop
		t.Fatal(err)
	}
	if c := lastChange(t, e, "vips"); c.Entered || c.Cause != kith.ByUnload {
		t.Errorf("the change is %+v, want that he left by an unload", c)
	}
	hold("after an unload", 0)
	if all, err := e.Lists(ctx); err != nil || len(all) != 1 || all[0].Waiting != 1 {
		t.Errorf("after an unload: %+v, %v", all, err)
	}
	Lines(t, e, `{"type":"track","userId":"bob","event":"Product Viewed","messageId":"10","timestamp":"2026-01-04T00:00:00Z"}`)
	hold("after he came again", 1)
	Check(t, e)
	if r, err := e.Check(ctx, &engine.CheckOptions{Rebuild: true}); err != nil || !r.Same {
		t.Errorf("rebuilt: %+v, %v", r, err)
	}
	shut(t, e)
	e = OpenDir(t, dir, &engine.Options{Zone: time.UTC})
	hold("after a rebuild", 1)
}

// What is wrong with a list is said, and nobody is named.
func TestListsThatAreRefused(t *testing.T) {
	e, ctx := shop(t, ""), context.Background()
	give := func(name string, mode engine.ListMode, texts ...string) error {
		_, err := e.ImportList(ctx, name, handing(texts...), mode)
		return err
	}
	if err := give("vip", engine.ReplaceList, "user_id=ada"); err != nil {
		t.Fatal(err)
	}
	for _, s := range [][2]string{{"direct", "known AND NOT in_list('vip')"}, {"through", "in_segment('direct')"}} {
		if _, err := e.Define(ctx, s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.DefineTrait(ctx, "is_vip", "in_list('vip')"); err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]func() error{
		"a name has":              func() error { return give("a b", engine.ReplaceList, "user_id=ada") },
		"replaces, adds":          func() error { return give("vip", "merge", "user_id=ada") },
		"nothing was handed over": func() error { return give("vip", engine.ReplaceList) },
		"none of the 2":           func() error { return give("vip", engine.ReplaceList, "secret", "planet=secret") },
		"list other: not found":   func() error { return give("other", engine.RemoveFrom, "user_id=ada") },
		"used by the trait is_vip, the segment direct": func() error { return e.DropList(ctx, "vip") },
		"list gone: not found":                         func() error { return e.DropList(ctx, "gone") },
		"list away: not found":                         func() error { _, err := e.Count(ctx, "in_list('away')", nil); return err },
		"list never: not found":                        func() error { _, err := e.ListHistory(ctx, "never"); return err },
		"engine.SQL: list unsaid: not found":           func() error { _, err := Rows(e, "SELECT in_list('unsaid', id) FROM profiles"); return err },
		"engine.SQL: list: not found: a name has": func() error {
			_, err := Rows(e, "SELECT in_list('secret@example.org', id) FROM profiles")
			return err
		},
		"line 1, column 19: that is no name of a list: a name has": func() error {
			_, err := e.Count(ctx, "known AND in_list('secret@example.org')", nil)
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if n, m := count(t, e, "in_list('vip')"), count(t, e, "is_vip"); n != 1 || m != 1 {
		t.Errorf("after all that %d are on it, and %d by the trait, want 1", n, m)
	}
	for _, name := range []string{"through", "direct"} {
		if err := e.DropSegment(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.DropTrait(ctx, "is_vip"); err != nil {
		t.Fatal(err)
	}
	if err := e.DropList(ctx, "vip"); err != nil {
		t.Fatal(err)
	}
	if err := give("vip", engine.AddToList, "user_id=bob", "user_id=new"); err != nil {
		t.Fatal(err)
	}
	all, err := e.ListHistory(ctx, "vip")
	got := ""
	for _, v := range all {
		got += fmt.Sprintf("%d %s %d; ", v.Version, v.Mode, v.Entries)
	}
	if err != nil || got != "1 replace 1; 2 drop 0; 3 add 2; " {
		t.Errorf("its history is %s, %v", got, err)
	}
	listsHold(t, e, map[string]onList{"vip": {"user_id=bob": true, "user_id=new": true}})
}

// What is on a list stands nowhere in clear, whether somebody has it or not.
func TestListsAreSealed(t *testing.T) {
	dir := t.TempDir() + "/kith"
	e := shop(t, dir)
	if _, err := e.ImportList(context.Background(), "vip", handing("user_id=ada", "email=q7wz1lp0xk9rt3vb@example.org", "q7wz1lp0xk9rt3vb"), engine.ReplaceList); err != nil {
		t.Fatal(err)
	}
	shut(t, e)
	h := newHunt(map[string]string{"email": "q7wz1lp0xk9rt3vb"})
	h.files(t, "after an import", dir)
	h.store(t, "after an import", dir, nil)
}

// A list of many chunks: whom it moves by the thousand are moved by building the
// segments that ask for it again.
func TestListsOfThousands(t *testing.T) {
	e, ctx := Memory(t, &engine.Options{Zone: time.UTC}), context.Background()
	var lines, some, others []string
	on := onList{}
	for i := range 7000 {
		id := fmt.Sprintf("u%d", i)
		lines = append(lines, fmt.Sprintf(`{"type":"track","userId":"%s","event":"E","messageId":"%d","timestamp":"2026-01-01T00:00:00Z"}`, id, i))
		if i%3 > 0 {
			some = append(some, "user_id="+id)
		}
		if i%2 > 0 {
			others = append(others, "user_id="+id, fmt.Sprintf("user_id=n%d", i))
		}
	}
	Lines(t, e, lines...)
	if _, err := e.ImportList(ctx, "l", handing("user_id=u0"), engine.ReplaceList); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"on": "in_list('l')", "off": "NOT in_list('l')"} {
		if _, err := e.Define(ctx, name, text); err != nil {
			t.Fatal(err)
		}
	}
	give := func(mode engine.ListMode, texts []string, entries, members int) {
		t.Helper()
		r, err := e.ImportList(ctx, "l", handing(texts...), mode)
		if err != nil || r.Entries != entries || r.Members != members {
			t.Errorf("%s: %+v, %v, want %d and %d", mode, r, err, entries, members)
		}
		listsHold(t, e, map[string]onList{"l": on})
		segmentsHold(t, e)
		if a, b := count(t, e, "on"), count(t, e, "off"); a != members || a+b != 7000 {
			t.Errorf("%s: %d on it and %d not, want %d of 7000", mode, a, b, members)
		}
		if c := lastChange(t, e, "on"); c.Cause != kith.ByTable || c.Of != r.Seq {
			t.Errorf("%s: the change is %+v, want by table %d", mode, c, r.Seq)
		}
	}
	for _, id := range some {
		on[id] = true
	}
	give(engine.ReplaceList, some, 4666, 4666) // two chunks
	for _, id := range others {
		on[id] = true
	}
	give(engine.AddToList, others, 4666+1167+3500, 4666+1167)
	for _, id := range some {
		delete(on, id)
	}
	give(engine.RemoveFrom, some, 1167+3500, 1167)
	x, err := e.Explain(ctx, "in_list('l') AND known AND last_seen > DATE '2025-01-01'", nil)
	if err != nil || len(x.Steps) == 0 || x.Steps[0].Way != "list" || x.True != 1167 {
		t.Errorf("answered by %+v, %v", x.Steps, err)
	}
	if got, want := ids(t, e, "in_list('l') AND last_seen > DATE '2025-01-01' AND NOT known", nil), []kith.ProfileID(nil); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// listPoints are the steps at which an import is killed, and whether it counts then.
var listPoints = []struct {
	name  string
	after bool
}{{"list-written", false}, {"before-commit", false}, {"after-commit", true}, {"published", true}, {"list-counted", true}}

// Killed at any step, an import counts or does not: never a part of it. What it
// left is gone after the next.
func TestKillAnImport(t *testing.T) {
	two := []string{"user_id=bob", "anonymous_id=c", "user_id=new"}
	if faults.Child() {
		e, err := engine.Open(os.Getenv(victimDir), quiet(&engine.Options{Zone: time.UTC}))
		if err != nil {
			t.Fatal(err)
		}
		segmentsHold(t, e) // else it is killed while they are built
		engine.Point = faults.Point
		if _, err := e.ImportList(t.Context(), "vip", handing(two...), engine.ReplaceList); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	base := t.TempDir()
	dir := filepath.Join(base, "full")
	e := shop(t, dir)
	one := onList{"user_id=ada": true}
	if _, err := e.ImportList(t.Context(), "vip", handing("user_id=ada"), engine.ReplaceList); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Define(t.Context(), "vips", "in_list('vip') OR plan = 'none'"); err != nil {
		t.Fatal(err)
	}
	shut(t, e)
	for _, p := range listPoints {
		victim := filepath.Join(base, p.name)
		Copy(t, dir, victim)
		d := faults.Start(t, "TestKillAnImport", victimDir+"="+victim, faults.CrashAt(p.name, 1)).Wait()
		if !d.Killed {
			t.Errorf("%s: not killed, ended with %d\n%s", p.name, d.Code, d.Output)
			continue
		}
		e := OpenDir(t, victim, &engine.Options{Zone: time.UTC})
		want := one
		if p.after {
			want = onList{two[0]: true, two[1]: true, two[2]: true}
		}
		listsHold(t, e, map[string]onList{"vip": want})
		segmentsHold(t, e)
		Check(t, e)
		if _, err := e.ImportList(t.Context(), "vip", handing(two...), engine.ReplaceList); err != nil {
			t.Fatal(err)
		}
		listsHold(t, e, map[string]onList{"vip": {two[0]: true, two[1]: true, two[2]: true}})
		segmentsHold(t, e)
		w := &liveWorld{e: e, texts: map[string]string{"vips": ""}}
		w.replay(t, map[kith.Cause]int{})
	}
}

// Lists are imported, changed and asked while events come in and loads are foretold.
func TestListsBesideEvents(t *testing.T) {
	e, ctx := Memory(t, &engine.Options{Zone: time.UTC}), t.Context()
	if _, err := e.ImportList(ctx, "l", handing("user_id=u1", "user_id=u700"), engine.ReplaceList); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Define(ctx, "on", "in_list('l')"); err != nil {
		t.Fatal(err)
	}
	line := func(i int) string {
		return fmt.Sprintf(`{"type":"track","userId":"u%d","anonymousId":"a%d","event":"E","messageId":"%d","timestamp":"2026-01-01T00:00:00Z"}`, i%800, i%1100, i)
	}
	done := make(chan error, 2)
	go func() {
		for i := 0; i < 8000; i += 20 {
			var lines []string
			for k := range 20 {
				lines = append(lines, line(i+k))
			}
			if _, err := ingest(e, lines); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	on := onList{}
	go func() {
		for round := range 40 {
			var texts []string
			for i := range 60 {
				texts = append(texts, fmt.Sprintf("user_id=u%d", (i*13+round*7)%900), fmt.Sprintf("anonymous_id=a%d", (i*17+round*11)%1200))
			}
			mode := []engine.ListMode{engine.ReplaceList, engine.AddToList, engine.AddToList, engine.RemoveFrom}[round%4]
			if _, err := e.ImportList(ctx, "l", handing(texts...), mode); err != nil {
				done <- err
				return
			}
			if mode == engine.ReplaceList {
				clear(on)
			}
			for _, id := range texts {
				if on[id] = true; mode == engine.RemoveFrom {
					delete(on, id)
				}
			}
		}
		done <- nil
	}()
	for left := 2; left > 0; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			left--
		default:
			if _, err := e.Lists(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Count(ctx, "in_list('l') AND known", nil); err != nil {
				t.Fatal(err)
			}
			ahead := make([]string, 300) // identifiers that are on the list, and stay nobody's by this
			for i := range ahead {
				ahead[i] = line(20_000 + i*3)
			}
			if _, err := e.Foretell(ctx, &spoken{lines: ahead}, loadOptions()); err != nil {
				t.Fatal(err)
			}
		}
	}
	listsHold(t, e, map[string]onList{"l": on})
	segmentsHold(t, e)
}
