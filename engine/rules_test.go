package engine

import (
	"errors"
	"reflect"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

// Rules and a clock whose commit failed are not in force.
func TestWhatWasNotCommittedIsNotInForce(t *testing.T) {
	defer func(f func() error) { asideFault = f }(asideFault)
	lost := errors.New("the disk is gone")
	for name, set := range map[string]func(e *Engine) error{
		"rules": func(e *Engine) error {
			r := identity.Default()
			r.Spaces[len(r.Spaces)-1].Limit++
			return e.SetRules(r)
		},
		"clock": func(e *Engine) error { return e.SetClock("2030-01-01T00:00:00Z") },
	} {
		asideFault = func() error { return nil }
		e, err := Open("", nil)
		if err != nil {
			t.Fatal(err)
		}
		rules := e.Rules()
		clock, _, _ := e.Clock()
		head := e.line.head.Rules
		asideFault = func() error { return lost }
		if err := set(e); !errors.Is(err, lost) {
			t.Errorf("%s: %v, want the fault", name, err)
		}
		after, _, _ := e.Clock()
		if !reflect.DeepEqual(e.Rules(), rules) || after != clock || e.line.head.Rules != head {
			t.Errorf("%s: they changed although the commit failed", name)
		}
		e.Close() // writing has stopped: what it says does not matter here
	}
}

// What was told under old rules is told again by them.
func TestWeakIsThatOfTheRulesOfItsTime(t *testing.T) {
	e := open(t, t.TempDir())
	if _, err := e.Ingest(t.Context(), kith.Event{Kind: kith.Track, Name: "E", AnonymousID: "a1"}); err != nil {
		t.Fatal(err)
	}
	space := uint8(e.spaces.id("anonymous_id"))
	old := e.Rules()
	r := identity.Default()
	for i := range r.Spaces {
		r.Spaces[i].Weak = false
	}
	if err := e.SetRules(r); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[uint32]bool{old.Version: true, e.Rules().Version: false} {
		var got bool
		var err error
		if failed := e.inLine(func() error { got, err = e.weakAt(space, version); return err }); failed != nil || got != want {
			t.Errorf("version %d: %t, %v, want %t", version, got, failed, want)
		}
	}
}
