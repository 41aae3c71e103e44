package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/enginetest/faults"
)

// unloadPoints are the steps at which an unload is killed, and what is found
// then: the world before it or the one after.
var unloadPoints = []struct {
	name  string
	pass  int
	after bool
}{
	{"before-upkeep", 1, false}, {"after-upkeep", 3, false}, {"unload-staged", 1, false}, {"unload-before-switch", 1, false},
	{"unload-after-switch", 1, true}, {"unload-moving", 1, true}, {"unload-settled", 1, true},
}

const unloadLoad = "KITH_UNLOAD_LOAD"

// Killed at any step, an unload was done or was not: never a part of it.
func TestKillAnUnload(t *testing.T) {
	if faults.Child() {
		engine.Point = faults.Point
		e, err := engine.Open(os.Getenv(victimDir), fixed())
		if err != nil {
			t.Fatal(err)
		}
		load, _ := strconv.Atoi(os.Getenv(unloadLoad)) // the parent wrote it
		if _, err := e.Unload(context.Background(), uint32(load), nil); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	kin, r := newRelatives(t), dice(7, "killed unload")
	lines := wild(r, 2500/less(3))
	t.Run("plain", func(t *testing.T) { killUnloads(t, kin, cut(pieces(r, lines)), false) })
	t.Run("flagged", func(t *testing.T) {
		kin.rules = careful()
		killUnloads(t, kin, cut(pieces(r, twins(t, r, odd(t, r, lines[:1000/less(3)])))), true)
	})
}

// killUnloads kills an unload of one of the pieces at each of its steps.
func killUnloads(t *testing.T, kin *relatives, all []piece, flagged bool) {
	base := t.TempDir()
	dir := filepath.Join(base, "full")
	load, before, after := prepared(t, kin, all, dir, base, flagged)
	for i, p := range unloadPoints {
		victim := filepath.Join(base, fmt.Sprint("victim", i))
		Copy(t, dir, victim)
		d := faults.Start(t, "TestKillAnUnload", victimDir+"="+victim, fmt.Sprintf("%s=%d", unloadLoad, load), faults.CrashAt(p.name, p.pass)).Wait()
		if !d.Killed {
			t.Errorf("%s: not killed, ended with %d\n%s", p.name, d.Code, d.Output)
			continue
		}
		e := again(t, victim)
		want := before
		if p.after {
			want = after
		}
		same(t, "killed at "+p.name, everything(t, e), want)
		if _, err := e.Unload(context.Background(), load, nil); p.after != missing(err) || err != nil && !p.after {
			t.Errorf("%s: once more gives %v", p.name, err)
		}
		same(t, "after all, killed at "+p.name, everything(t, e), after)
		end(t, e)
	}
}

// prepared makes a directory with a load in the middle, and gives its number,
// the world with it, and the world without; flagged says that flags change.
func prepared(t *testing.T, kin *relatives, all []piece, dir, base string, flagged bool) (load uint32, before, after []string) {
	t.Helper()
	e := kin.open(t, dir)
	most := 0
	for i, p := range all {
		if n := bring(t, e, p); n != 0 && i < len(all)/2 && len(p.lines) > most {
			load, most = n, len(p.lines)
		}
	}
	before = everything(t, e)
	shut(t, e)
	whole := filepath.Join(base, "whole")
	Copy(t, dir, whole)
	e = again(t, whole)
	report, err := e.Unload(context.Background(), load, nil)
	if err != nil || report.Events == 0 || report.Decisions == 0 || report.Reflagged > 0 != flagged {
		t.Fatalf("%+v, %v", report, err)
	}
	after = everything(t, e)
	end(t, e)
	if slices.Equal(before, after) {
		t.Fatal("the load made no difference")
	}
	return load, before, after
}

// While answers are being read an unload waits, and gives up after a time with
// everything as it was.
func TestUnloadWaitsForReaders(t *testing.T) {
	e := Memory(t, nil)
	Lines(t, e, `{"type":"track","event":"Look","messageId":"1","userId":"ada"}`, `{"type":"track","event":"Look","messageId":"2","userId":"ben"}`)
	rows, err := e.SQL(context.Background(), "SELECT message_id FROM events")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Unload(context.Background(), 1, &engine.UnloadOptions{Wait: 1}); !errors.Is(err, kith.ErrLocked) {
		t.Errorf("Unload gives %v, want %v", err, kith.ErrLocked)
	}
	if got := SQL(t, e, "SELECT count(*) FROM events"); got[0] != "2" {
		t.Errorf("%s events, want 2", got[0])
	}
	Check(t, e)
	rows.Close()
	if _, err := e.Unload(context.Background(), 1, nil); err != nil {
		t.Error(err)
	}
	if got := SQL(t, e, "SELECT count(*) FROM events"); got[0] != "0" {
		t.Errorf("%s events, want 0", got[0])
	}
}

// A load that is the only one leaves a directory whose answers are those of an empty one.
func TestUnloadOfAllLeavesNothing(t *testing.T) {
	kin, base := newRelatives(t), memoryDir(t)
	defer os.RemoveAll(base)
	e, empty := kin.open(t, filepath.Join(base, "full")), kin.open(t, filepath.Join(base, "empty"))
	Lines(t, e, wild(dice(3, "all"), 1500)...)
	if _, err := e.Unload(context.Background(), 1, nil); err != nil {
		t.Fatal(err)
	}
	same(t, "unloaded", everything(t, e), everything(t, empty))
	same(t, "the loads", SQL(t, e, "SELECT * FROM loads"), nil)
	same(t, "the columns", SQL(t, e, "SELECT column_name FROM (DESCRIBE SELECT * FROM events)"), SQL(t, empty, "SELECT column_name FROM (DESCRIBE SELECT * FROM events)"))
	s, err := e.Stats(context.Background())
	if err != nil || s.Events != 0 || s.Fragments != 0 || s.Profiles != 0 || s.Tally != (kith.Tally{}) {
		t.Errorf("%+v, %v", s, err)
	}
	end(t, empty)
	end(t, e)
}

// What cannot be taken back is said, and nothing changes.
func TestUnloadRefuses(t *testing.T) {
	e := Memory(t, nil)
	Lines(t, e, `{"type":"track","event":"Look","messageId":"1","userId":"ada"}`)
	if _, err := e.Unload(context.Background(), 2, nil); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("a load that never was: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Unload(ctx, 1, nil); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := e.Unload(context.Background(), 1, nil); err != nil {
		t.Error(err)
	}
	if _, err := e.Unload(context.Background(), 1, nil); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
}
