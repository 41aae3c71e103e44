//go:build linux

package enginetest

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/kithdb/kith/engine/enginetest/faults"
)

// After a power cut, which undoes what was not synced, an engine has everything
// that it acknowledged, once.
func TestPowerCutLosesNothing(t *testing.T) {
	if faults.Child() {
		victim(t)
		return
	}
	t.Parallel()
	disk := t // a disk serves five rounds
	var p *faults.PowerFS
	var dir string
	var acks map[string]int
	share := less(8)
	losses := []faults.Loss{faults.LoseAll, faults.Tear, faults.Scatter}
	rounds(t, 6, 50, func(t *testing.T, round int, seed uint64) {
		r := dice(seed, "power")
		if p == nil || round%5 == 0 {
			p = faults.Mount(disk, &faults.PowerOptions{Names: true}) // Badger does not sync the names of its tables
			dir, acks = filepath.Join(p.Dir, "kith"), map[string]int{}
		}
		v := faults.Start(t, "TestPowerCutLosesNothing",
			victimDir+"="+dir, fmt.Sprintf("%s=%d", victimRound, round), fmt.Sprintf("%s=%d", victimParts, 5000/share), fmt.Sprintf("%s=%d", victimShare, share), victimMost+"=0")
		if round%5 != 0 { // the first cut on a disk may come while the directory is made
			v.Acked(1 + r.IntN(60))
		}
		d := v.KillAfter(time.Duration(r.IntN(800)) * time.Millisecond)
		if !d.Killed {
			t.Fatalf("the victim failed by itself:\n%s", d.Output)
		}
		acked(d.Acks, acks)
		before, err := p.Stats()
		if err == nil {
			err = p.Cut(losses[round%len(losses)], seed)
		}
		if err != nil {
			t.Fatal(err)
		}
		after, err := p.Stats()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("round %d: %d batches, %d writes and %d names undone", round+1, len(d.Acks),
			after.LostWrites-before.LostWrites, after.LostNames-before.LostNames)
		reopen(t, dir, acks)
	})
}
