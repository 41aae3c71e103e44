package engine

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/identity"
)

// reruled gives the engine's rules with one more space.
func reruled(e *Engine, s identity.Space) identity.Rules {
	r := e.Rules()
	at := len(r.Spaces)
	if i := slices.IndexFunc(r.Spaces, func(s identity.Space) bool { return s.Weak }); i >= 0 && !s.Weak {
		at = i
	}
	r.Spaces = slices.Insert(slices.Clone(r.Spaces), at, s)
	return r
}

func taken(t *testing.T, e *Engine, lines string) {
	t.Helper()
	r, err := e.Load(context.Background(), strings.NewReader(lines), nil)
	if err != nil || r.Accepted != r.Received {
		t.Fatalf("%+v, %v", r, err)
	}
}

const kiosk = `{"type":"track","event":"E","messageId":"k1","timestamp":"2026-01-01T00:00:00Z","context":{"externalIds":[{"id":"hall","type":"kiosk"}]}}
`

// Whether an identifier was weak is decided by the rules that numbered it, also
// when the log is told again under others.
func TestReplayDecidesByTheRulesOfTheRecord(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(dir, &Options{NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	taken(t, e, kiosk)
	if err := e.SetRules(reruled(e, identity.Space{Name: "kiosk", Weak: true})); err != nil {
		t.Fatal(err)
	}
	taken(t, e, strings.NewReplacer("k1", "k2", "hall", "yard").Replace(kiosk))
	marks := func(e *Engine) (firm, known []bool) {
		for f := nobody + 1; uint32(f) < e.line.head.Fragments; f++ {
			m, err := e.people.Marks(nil, f)
			if err != nil {
				t.Fatal(err)
			}
			firm, known = append(firm, m.Firm), append(known, m.Known)
		}
		return firm, known
	}
	firm, known := marks(e)
	if len(firm) != 2 || !firm[0] || firm[1] || !known[0] || known[1] {
		t.Fatalf("firm %v, known %v, want true and false", firm, known)
	}
	crashed := filepath.Join(t.TempDir(), "crashed") // before any checkpoint
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	x := open(t, crashed)
	if firm, known := marks(x); !firm[0] || firm[1] || !known[0] || known[1] {
		t.Errorf("told again: firm %v, known %v, want true and false", firm, known)
	}
	healthy(t, x)
	if got, want := digested(t, x), digested(t, e); !maps.Equal(got, want) {
		t.Errorf("digest is %v, want %v", got, want)
	}
	r, err := x.Check(context.Background(), &CheckOptions{Rebuild: true})
	if err != nil || !r.Same {
		t.Errorf("rebuild: %+v, %v", r, err)
	}
}

// What was cleaned before other rules came into force keeps its spaces.
func TestAChunkCleanedUnderOldRules(t *testing.T) {
	e := open(t, t.TempDir())
	c := e.cleaner()
	next := reruled(e, identity.Space{Name: "omega"}) // the index that the old rules give to zeta
	b := &batch{}
	if err := e.SetRules(next); err != nil {
		t.Fatal(err)
	}
	c.Line([]byte(strings.NewReplacer("kiosk", "zeta").Replace(strings.TrimSpace(kiosk))), e.o.now().UnixMicro())
	for it := c.Next(); it != nil; it = c.Next() {
		b.add(it, 1)
	}
	if r, err := e.submit(context.Background(), b, c.rules); err != nil || r.Accepted != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := queried(t, e, "SELECT space, value FROM identifiers"); got != "zeta|hall\n" {
		t.Errorf("the identifier is %q, want that of zeta", got)
	}
	healthy(t, e)
}

// A commit that fails leaves the rules and the clock as they were.
func TestAFailedCommitChangesNoRulesAndNoClock(t *testing.T) {
	for _, change := range []func(e *Engine) error{
		func(e *Engine) error { return e.SetRules(reruled(e, identity.Space{Name: "omega"})) },
		func(e *Engine) error { return e.SetClock("2030-01-01T00:00:00Z") },
	} {
		e, err := Open(t.TempDir(), &Options{NoSocket: true})
		if err != nil {
			t.Fatal(err)
		}
		rules, version, matcher := e.Rules(), e.line.head.Rules, e.matcher.Load()
		if err := e.inLine(func() error { // which is the one that calls it
			Point = func(name string) {
				if name == "before-upkeep" {
					e.store.Close() // so that the commit fails
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := change(e); err == nil {
			t.Fatal("the commit did not fail")
		}
		if got := e.Rules(); len(identity.Diff(rules, got)) > 0 || got.Version != rules.Version || e.matcher.Load() != matcher || e.line.head.Rules != version {
			t.Errorf("rules of version %d are in force, want %d", got.Version, rules.Version)
		}
		e.clock.mu.Lock()
		if e.clock.set != (ClockSetting{}) {
			t.Errorf("the clock is %+v, want it as it was", e.clock.set)
		}
		e.clock.mu.Unlock()
		if err := e.SetClock("wall"); err == nil {
			t.Error("the engine takes writes after a commit that failed")
		}
		e.Close() // its store is closed already
		Point = func(string) {}
	}
}
