//go:build linux

package enginetest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/enginetest/faults"
)

// A disk of 1 GB that fills: writing ends with an error, reading goes on, and
// when there is room again everything that was acknowledged is there. In the
// short form another file takes most of the room after 25,000 events.
func TestFullDiskIsAnError(t *testing.T) {
	t.Parallel()
	if !faults.Namespace(t) {
		return
	}
	disk := faults.SmallDisk(t, "tmpfs", 1<<30)
	dir := filepath.Join(disk.Dir, "kith")
	e, err := engine.Open(dir, quiet(&engine.Options{Memory: 128 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	n := fill(t, e, disk)
	free, err := disk.Free()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events were acknowledged; %d MB are left", n, free>>20)
	if want := 100_000 / less(4); n < want {
		t.Errorf("full after %d events, want %d before", n, want)
	}
	readable(t, e, n)
	if err := disk.Hog(100 << 20); err != nil { // the engine may tidy up, and then it has room again
		t.Fatal(err)
	}
	if _, err := e.IngestJSON(context.Background(), "", []byte(large(rand.New(rand.NewPCG(1, 1)), n+1))); !errors.Is(err, kith.ErrClosed) {
		t.Errorf("one more event on a full disk: %v", err)
	}
	readable(t, e, n)
	if err := e.Close(); err != nil {
		t.Logf("close on a full disk: %v", err)
	}
	if still, err := engine.Open(dir, quiet(nil)); err != nil {
		t.Errorf("open on the full disk: %v", err)
	} else {
		readable(t, still, n)
		if err := still.Close(); err != nil {
			t.Logf("close on a full disk: %v", err)
		}
	}
	if err := errors.Join(disk.Relieve(), disk.Grow(2<<30)); err != nil {
		t.Fatal(err)
	}
	e = OpenDir(t, dir, nil)
	readable(t, e, n)
	if r, err := e.IngestJSON(context.Background(), "", []byte(large(rand.New(rand.NewPCG(1, 1)), n+2))); err != nil || r.Accepted != 1 {
		t.Errorf("after there is room: %+v, %v", r.Tally, err)
	}
}

// fill takes in events until that is refused, and gives how many were acknowledged.
func fill(t *testing.T, e *engine.Engine, disk *faults.Small) int {
	t.Helper()
	r, n, hogged := rand.New(rand.NewPCG(1, 2)), 0, proving()
	for {
		if n > 100_000/less(4) && !hogged {
			hogged = true
			if err := disk.Hog(225 << 20); err != nil {
				t.Fatal(err)
			}
		}
		lines := make([]string, 500)
		for i := range lines {
			lines[i] = large(r, n+1+i)
		}
		report, err := e.IngestJSON(context.Background(), "", []byte(`{"batch":[`+strings.Join(lines, ",")+`]}`))
		n += report.Accepted
		if err == nil {
			continue
		}
		if !errors.Is(err, kith.ErrClosed) {
			t.Errorf("a full disk is %v, want an error of kind closed", err)
		}
		t.Logf("refused: %v", err)
		return n
	}
}

// big is an event that does not compress.
func large(r *rand.Rand, n int) string {
	noise := make([]byte, 600)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	return fmt.Sprintf(`{"type":"track","event":"Big","messageId":"s-%d","userId":"u%d","properties":{"n":%d,"noise":"%s"}}`,
		n, n%500, n, base64.StdEncoding.EncodeToString(noise))
}

// readable sees to it that n events can be read in every way.
func readable(t *testing.T, e *engine.Engine, n int) {
	t.Helper()
	want := fmt.Sprintf("%d | %d | %d", n, n, n)
	got, err := Rows(e, "SELECT count(*), count(DISTINCT message_id), max(properties.n)::BIGINT FROM events")
	if err != nil {
		t.Errorf("SQL: %v", err)
	} else if got[0] != want {
		t.Errorf("SQL finds %s, want %s", got[0], want)
	}
	p, err := e.Profile(context.Background(), kith.Identifier{Space: "user_id", Value: "u7"})
	if err != nil {
		t.Errorf("profile: %v", err)
	} else if len(p.Recent) == 0 || p.Events < uint64(n/500) {
		t.Errorf("a profile has %d events, %d of them shown", p.Events, len(p.Recent))
	}
}
