package enginetest

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// proving tells whether the long forms of the proofs are wanted.
func proving() bool { return os.Getenv("KITH_PROVE") == "1" }

// less gives by how much a short form does with less, 1 in the long ones.
func less(n int) int {
	if proving() {
		return 1
	}
	return n
}

// rounds calls f for each round of a random test, a test of its own: so many in go test, and long
// ones with KITH_PROVE=1, where the rounds that are done are remembered, and a
// test that was interrupted goes on. The seed of a round is printed when it fails.
// It gives how many rounds this process did.
func rounds(t *testing.T, short, long int, f func(t *testing.T, round int, seed uint64)) int {
	t.Helper()
	n, from, base := short, 0, seed(t)
	if testing.Short() {
		n = (short + 3) / 4
	}
	if proving() {
		n = long
		s := progress(t)[t.Name()]
		if from = s.Done; from > 0 {
			base = s.Seed
			t.Logf("rounds 1 to %d of %d were done before", from, n)
		}
	}
	for i := from; i < n; i++ {
		t.Run(strconv.Itoa(i+1), func(t *testing.T) { f(t, i, base+uint64(i)) })
		if t.Failed() {
			t.Fatalf("round %d of %d, KITH_SEED=%d", i+1, n, base)
		}
		if proving() {
			note(t, done{i + 1, base})
		}
	}
	return n - from
}

// notes guards the file of progress: some tests run at the same time.
var notes sync.Mutex

// seed gives the seed of a random test: KITH_SEED, or another each time.
func seed(t testing.TB) uint64 {
	t.Helper()
	s := uint64(time.Now().UnixNano()) % 1_000_000_000
	if text := os.Getenv("KITH_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		s = n
	}
	t.Logf("KITH_SEED=%d", s)
	return s
}

func dice(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name)) // it never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// done is how far a proof is.
type done struct {
	Done int
	Seed uint64
}

// stateFile is where the progress of the long forms is kept.
func stateFile(t testing.TB) string {
	t.Helper()
	if f := os.Getenv("KITH_PROVE_STATE"); f != "" {
		return f
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "kith", "prove.json")
}

func progress(t testing.TB) map[string]done {
	t.Helper()
	all := map[string]done{}
	text, err := os.ReadFile(stateFile(t))
	if errors.Is(err, os.ErrNotExist) {
		return all
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func note(t testing.TB, d done) {
	t.Helper()
	notes.Lock()
	defer notes.Unlock()
	all := progress(t)
	all[t.Name()] = d
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := stateFile(t)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".new", text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}
