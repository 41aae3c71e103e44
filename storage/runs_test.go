package storage

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kithdb/kith"
)

var runSeed = flag.Uint64("run-seed", 0, "seed of the random tests of sorted runs; 0 draws one")

// runDice gives a source of randomness whose seed the test prints.
func runDice(t testing.TB) *rand.Rand {
	seed := *runSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-run-seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// runShelf is a store in a map. after is called behind every change, with what a crash there would leave.
type runShelf struct {
	mu    sync.RWMutex
	m     map[string][]byte
	after func()
	fail  func() error // asked before every Put
}

func newShelf() *runShelf { return &runShelf{m: map[string][]byte{}} }

func (s *runShelf) load(key []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return bytes.Clone(s.m[string(key)]), nil
}

func (s *runShelf) Get(key []byte) ([]byte, error) { return s.load(key) }

func (s *runShelf) Put(key, value []byte) error {
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.m[string(key)] = bytes.Clone(value)
	s.mu.Unlock()
	if len(value) > 900<<10 {
		return errors.New("a value above 900 KB")
	}
	if s.after != nil {
		s.after()
	}
	return nil
}

func (s *runShelf) Delete(key []byte) error {
	s.mu.Lock()
	delete(s.m, string(key))
	s.mu.Unlock()
	if s.after != nil {
		s.after()
	}
	return nil
}

func (s *runShelf) Scan(prefix []byte, f func(key, value []byte) error) error {
	s.mu.RLock()
	keys := slices.Sorted(maps.Keys(s.m))
	s.mu.RUnlock()
	for _, k := range keys {
		if strings.HasPrefix(k, string(prefix)) {
			if err := f([]byte(k), s.m[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *runShelf) clone() *runShelf {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &runShelf{m: maps.Clone(s.m)}
}

func (s *runShelf) bytes() (n int) {
	for k, v := range s.m {
		n += len(k) + len(v)
	}
	return n
}

// runFamily is what Mids and Places have in common.
type runFamily interface {
	Freeze() bool
	Flush(kv, int) (bool, error)
	Step(kv, int) (bool, error)
	State() []byte
	Switched()
	Abort()
	Sweep(kv, int) (bool, error)
	Check() error
}

// flushAll takes a family through a whole checkpoint and all merges.
func flushAll(t testing.TB, f runFamily, s *runShelf) (state []byte) {
	t.Helper()
	f.Freeze()
	for {
		done, err := f.Flush(s, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
	}
	state = f.State()
	f.Switched()
	return state
}

// mergeAll merges until nothing is to be merged, and sweeps.
func mergeAll(t testing.TB, f runFamily, s *runShelf) (state []byte) {
	t.Helper()
	for {
		for {
			more, err := f.Step(s, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
		}
		last := state
		state = f.State()
		f.Switched()
		if bytes.Equal(last, state) {
			break
		}
	}
	for {
		done, err := f.Sweep(s, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return state
		}
	}
}

func TestRunBlockGivesBackItsRows(t *testing.T) {
	dice := runDice(t)
	for range 3000 {
		n := 1 + dice.IntN(300)
		keyBits, cols := dice.UintN(65), 1+dice.IntN(runCols)
		rows := make([]runRow, n)
		var width [runCols]uint
		for c := range cols {
			width[c] = dice.UintN(65)
		}
		start := dice.Uint64()
		for i := range rows {
			rows[i].key = start>>1 + dice.Uint64()>>1>>(64-keyBits)
			for c := range cols {
				rows[i].cols[c] = dice.Uint64() >> (64 - width[c])
				if dice.IntN(2) == 0 {
					rows[i].cols[c] = rows[dice.IntN(i+1)].cols[c]
				}
			}
		}
		slices.SortFunc(rows, func(a, b runRow) int { return runCompare(a.key, b.key) })
		b, ok := openRun(encodeRun(rows, cols), cols)
		if !ok {
			t.Fatalf("openRun refuses %d rows of %d bits", n, keyBits)
		}
		var scan runScan
		scan.reset(b)
		for i := range rows {
			var r runRow
			if more, ok := scan.next(cols, &r); !more || !ok || r != rows[i] {
				t.Fatalf("row %d = %v, want %v", i, r, rows[i])
			}
			from, to := b.equal(rows[i].key)
			if i < from || i >= to || from > 0 && rows[from-1].key == rows[i].key || to < n && rows[to].key == rows[i].key {
				t.Fatalf("equal(%d) = %d, %d; row %d", rows[i].key, from, to, i)
			}
			if near := rows[i].key + 1; !slices.ContainsFunc(rows, func(r runRow) bool { return r.key == near }) {
				if from, to := b.equal(near); from != to {
					t.Fatalf("equal(%d) = %d, %d; there is none", near, from, to)
				}
			}
		}
	}
}

func runCompare(a, b uint64) int {
	if a < b {
		return -1
	} else if a > b {
		return 1
	}
	return 0
}

func TestRunBlockSurvivesNoise(t *testing.T) {
	dice := runDice(t)
	for range 200 {
		rows := make([]runRow, 1+dice.IntN(60))
		for i := range rows {
			rows[i] = runRow{uint64(i) * 7, [runCols]uint64{dice.Uint64(), uint64(dice.IntN(9)) << 20, 5}}
		}
		good := encodeRun(rows, 3)
		for range 500 {
			bad := bytes.Clone(good)
			for range 1 + dice.IntN(4) {
				bad[dice.IntN(len(bad))] ^= byte(1 + dice.IntN(255))
			}
			if dice.IntN(4) == 0 {
				bad = bad[:dice.IntN(len(bad))]
			}
			b, ok := openRun(bad, 3)
			if !ok {
				continue
			}
			var scan runScan
			var r runRow
			scan.reset(b)
			for range 2 * len(rows) {
				scan.next(3, &r)
				b.equal(r.key)
				b.equal(dice.Uint64() >> 54)
			}
		}
	}
}

func TestRunStateSurvivesNoise(t *testing.T) {
	dice := runDice(t)
	m, s := smallMids(t, nil), newShelf()
	for i := range uint64(500) {
		m.Add(dice.Uint64(), i, i+1)
	}
	good := flushAll(t, m, s)
	for i := range good {
		for _, bad := range [][]byte{append(bytes.Clone(good[:i]), append([]byte{good[i] ^ 0x80}, good[i+1:]...)...), good[:i]} {
			if _, err := openRuns(m.runSpec, s.load, bad); err != nil && !errors.Is(err, kith.ErrCorrupt) {
				t.Fatalf("openRuns of a damaged state: %v, want ErrCorrupt", err)
			}
		}
	}
}

func TestMergesKeepRunsFew(t *testing.T) {
	dice := runDice(t)
	for _, size := range []uint64{3000, 100_000, 500_000, 2_000_000} {
		var list []*run
		total, written, most := uint64(0), uint64(0), 0
		for total < 50_000_000 {
			list = append(list, &run{rows: size/2 + dice.Uint64N(size)})
			total += list[len(list)-1].rows
			for {
				from, to := mergeWindow(list)
				if to-from < 2 {
					break
				}
				sum := uint64(0)
				for _, r := range list[from:to] {
					sum += r.rows
				}
				written += sum
				list = slices.Replace(list, from, to, &run{rows: sum})
			}
			most = max(most, len(list))
		}
		t.Logf("flushes of %d: at most %d runs, each row written %.1f times again", size, most, float64(written)/float64(total))
		if most > 12 {
			t.Errorf("flushes of %d leave %d runs, want at most 12", size, most)
		}
	}
}
