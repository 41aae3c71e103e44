package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/enginetest/faults"
)

// points are the named steps that a victim is killed at, and how often it may
// pass them before.
var points = []struct {
	name   string
	passes int
}{
	{"before-commit", 20}, {"after-commit", 20}, {"published", 20}, {"numbered", 300},
	{"before-history", 1}, {"after-history", 1}, {"before-manifest", 2}, {"after-manifest", 2},
	{"before-upkeep", 5}, {"after-upkeep", 5}, {"before-flip", 1}, {"after-flip", 1},
}

// perDir is how many rounds share a directory.
const perDir = 5

// Killed at random and at every named step while it takes in events, an engine
// has everything that it acknowledged, once.
func TestKillLosesNothing(t *testing.T) {
	if faults.Child() {
		victim(t)
		return
	}
	t.Parallel()
	base := memoryDir(t) // what a killed process wrote stays, on a disk or not
	t.Cleanup(func() { os.RemoveAll(base) })
	dir, acks, hits := "", map[string]int{}, map[string]int{}
	done := rounds(t, 15, 340, func(t *testing.T, round int, seed uint64) {
		if round%perDir == 0 || dir == "" {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			dir, acks = filepath.Join(base, strconv.Itoa(round)), map[string]int{}
		}
		kill(t, dir, round, seed, acks, hits)
		reopen(t, dir, acks)
	})
	t.Logf("killed at %v", hits)
	for _, p := range points {
		want := 0
		switch done {
		case 15:
			want = 1
		case 340:
			want = 20
		}
		if hits[p.name] < want {
			t.Errorf("killed only %d times at %s, want %d", hits[p.name], p.name, want)
		}
	}
}

// kill runs one victim until it is dead.
func kill(t *testing.T, dir string, round int, seed uint64, acks, hits map[string]int) {
	t.Helper()
	r := dice(seed, "kill")
	share := less(8)
	env := []string{
		victimDir + "=" + dir, fmt.Sprintf("%s=%d", victimRound, round),
		fmt.Sprintf("%s=%d", victimParts, 6000/share), fmt.Sprintf("%s=%d", victimShare, share),
	}
	p := points[(round-round/5)%len(points)]
	random := round%5 == 4
	if random {
		env = append(env, victimMost+"=0")
	} else {
		env = append(env, fmt.Sprintf("%s=%d", victimMost, 12+r.IntN(12)), faults.CrashAt(p.name, 1+r.IntN(max(1, p.passes/less(2)))))
	}
	began := time.Now()
	v := faults.Start(t, "TestKillLosesNothing", env...)
	var d faults.Death
	if random {
		v.Acked(1)
		d = v.KillAfter(time.Duration(r.IntN(1500/less(3))) * time.Millisecond)
	} else {
		d = v.Wait()
	}
	acked(d.Acks, acks)
	switch {
	case !d.Killed && d.Code != 0:
		t.Fatalf("the victim failed by itself:\n%s", d.Output)
	case random:
		hits["random"]++
	case d.Killed:
		hits[p.name]++
	}
	if d.Killed && !random && !slices.Contains(d.Points, p.name) {
		t.Errorf("killed at %s, which it never came to", p.name)
	}
	where := p.name
	if random {
		where = "random"
	}
	t.Logf("round %d: at %s, killed %v, %d batches in %v", round+1, where, d.Killed, len(d.Acks), time.Since(began).Round(time.Millisecond))
}

// reopen opens what a crash left, and sees to it that nothing is missing.
func reopen(t *testing.T, dir string, acks map[string]int) {
	t.Helper()
	began := time.Now()
	e, err := engine.Open(dir, quiet(nil))
	if err != nil {
		t.Fatalf("open after a crash: %v", err)
	}
	opened := time.Since(began)
	whole(t, e, acks)
	segmentsHold(t, e)
	Check(t, e)
	if err := e.Close(); err != nil {
		t.Errorf("close after a crash: %v", err)
	}
	t.Logf("opened in %v, closed after %v", opened.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}
