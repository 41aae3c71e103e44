package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/bench/world"
)

// With little memory a load stays near it, whatever comes in. The load runs in
// a process of its own, as what other tests left behind would be counted, too.
func TestMemoryIsBounded(t *testing.T) {
	const given, most = 256 << 20, 500 << 20
	if os.Getenv("KITH_TEST_MEMORY") != "" {
		measureLoad(t, given)
		return
	}
	if testing.Short() { // and under the race detector, which takes memory of its own
		t.Skip("a load of 200,000 events")
	}
	if anonymous() == 0 {
		t.Skip("this system does not tell what is anonymous memory")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self, "-test.run=^TestMemoryIsBounded$", "-test.v")
	child.Env = append(os.Environ(), "KITH_TEST_MEMORY=1", "GOGC=100", "GOMEMLIMIT=off")
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("the load: %v\n%s", err, out)
	}
	_, after, _ := strings.Cut(string(out), "peak=")
	digits, _, _ := strings.Cut(after, "\n")
	peak, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		t.Fatalf("the load tells no peak:\n%s", out)
	}
	t.Logf("peak of anonymous memory: %d MB", peak>>20)
	if peak > most {
		t.Errorf("a load with Memory = %d MB took %d MB of anonymous memory, more than %d", given>>20, peak>>20, most>>20)
	}
}

// measureLoad loads a world and prints the most anonymous memory that this process had.
func measureLoad(t *testing.T, given int64) {
	e, err := Open(t.TempDir(), &Options{Memory: given, NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	peak, stop := int64(0), make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			peak = max(peak, anonymous())
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	in, out := io.Pipe()
	go func() {
		w := world.World{People: 8_000, Events: 200_000, Seed: 1}
		out.CloseWithError(w.Write(context.Background(), out, nil))
	}()
	r, err := e.Load(context.Background(), in, nil)
	if err != nil || r.Accepted < 190_000 {
		t.Fatal(r.Tally, err)
	}
	if got := queried(t, e, "SELECT count(*) FROM events"); got != fmt.Sprintln(r.Accepted) {
		t.Errorf("events in SQL: %s, want %d", got, r.Accepted)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	close(stop)
	<-watched
	fmt.Printf("peak=%d\n", peak)
}

// anonymous gives the memory of this process that no file stands behind, 0 where that cannot be told.
func anonymous() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "RssAnon:")
	kb, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, err := strconv.ParseInt(kb, 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// A question that needs more than its share ends in words, and the engine goes on.
func TestAQuestionThatNeedsTooMuchIsRefusedInWords(t *testing.T) {
	e, err := Open(t.TempDir(), &Options{Memory: leastMemory, NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Load(context.Background(), strings.NewReader(shop), nil); err != nil {
		t.Fatal(err)
	}
	rows, err := e.SQL(context.Background(), "SELECT len(list(i::VARCHAR || repeat('x', 400))) FROM range(2000000) r(i)")
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		rows.Close()
	}
	if !errors.Is(err, kith.ErrInvalid) || !strings.Contains(fmt.Sprint(err), "more memory than Options.Memory allows") {
		t.Errorf("a list of 800 MB with 256 MB ended with %v", err)
	}
	if got := queried(t, e, "SELECT count(*) > 0 FROM events"); got != "true\n" {
		t.Errorf("the question after it: %s", got)
	}
}
