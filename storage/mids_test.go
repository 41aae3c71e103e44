package storage

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith"
)

// smallMids has blocks of 16 ids, so that a few hundred make a deep structure.
func smallMids(t testing.TB, state []byte, shelf ...*runShelf) *Mids {
	t.Helper()
	spec := midSpec
	spec.rows, spec.cache = 16, 8
	s := newShelf()
	if len(shelf) > 0 {
		s = shelf[0]
	}
	rs, err := openRuns(spec, s.load, state)
	if err != nil {
		t.Fatal(err)
	}
	return &Mids{runs: rs, table: newMidTable(nil)}
}

// midOp is one record of the log: an id that was added, or removed where seq is 0.
type midOp struct {
	id uint64
	Mid
}

// midWorld drives an index, a naive one beside it, and a log, the way the engine does.
type midWorld struct {
	t     *testing.T
	dice  *rand.Rand
	shelf *runShelf
	mids  *Mids
	log   []midOp
	ids   []uint64
	state []byte // of the last checkpoint
	upTo  int    // the log up to here is in it
	froze int    // where the last freeze was
	tries int    // crashes looked at
}

func (w *midWorld) model(n int) map[uint64]Mid {
	m := map[uint64]Mid{}
	for _, op := range w.log[:n] {
		if m[op.id] = op.Mid; op.Seq == 0 {
			delete(m, op.id)
		}
	}
	return m
}

// same compares everything that can be asked.
func (w *midWorld) same(m *Mids, when string) {
	w.t.Helper()
	want := w.model(len(w.log))
	found := make([]Mid, len(w.ids))
	if err := m.FindAll(w.ids, found); err != nil {
		w.t.Fatal(when, err)
	}
	for i, id := range w.ids {
		one, ok, err := m.Find(id)
		if err != nil || one != want[id] && (ok || want[id].Seq != 0) || found[i].Seq != want[id].Seq {
			w.t.Fatalf("%s: Find(%x) = %v %v, FindAll %v, want %v", when, id, one, err, found[i], want[id])
		}
	}
	got := map[uint64]Mid{}
	err := m.Each(func(id, payload, seq uint64) error { got[id] = Mid{payload, seq}; return nil })
	if err != nil || !maps.Equal(got, want) {
		w.t.Fatalf("%s: Each gives %d, want %d: %v", when, len(got), len(want), err)
	}
	if err := m.Check(); err != nil {
		w.t.Fatal(when, err)
	}
}

// crash opens what the store holds now and replays the log behind the last checkpoint.
func (w *midWorld) crash(when string) {
	w.t.Helper()
	w.tries++
	shelf := w.shelf.clone()
	m := smallMids(w.t, w.state, shelf)
	for _, op := range w.log[w.upTo:] {
		applyMid(m, op)
	}
	w.same(m, "after a crash "+when)
	flushAll(w.t, m, shelf)
	mergeAll(w.t, m, shelf)
	w.same(m, "after a crash and a checkpoint "+when)
	left := 0
	for k := range shelf.m {
		if k[1] == runMark {
			left++
		}
	}
	if n, _ := m.Runs(); n != left {
		w.t.Fatalf("%s: %d runs are stored, want %d", when, left, n)
	}
}

func applyMid(m *Mids, op midOp) {
	if op.Seq == 0 {
		m.Remove(op.id)
	} else {
		m.Add(op.id, op.Payload, op.Seq)
	}
}

// turn adds and removes some ids, and may be rolled back.
func (w *midWorld) turn() {
	w.mids.Begin()
	var ops []midOp
	for range w.dice.IntN(40) {
		op := midOp{w.ids[w.dice.IntN(len(w.ids))], Mid{w.dice.Uint64(), uint64(len(w.log)+len(ops)) + 1}}
		if w.dice.IntN(8) == 0 {
			op.Mid = Mid{}
		}
		applyMid(w.mids, op)
		ops = append(ops, op)
		if got, _ := w.mids.Recent(op.id); got != op.Mid {
			w.t.Fatalf("Recent = %v, want %v", got, op.Mid)
		}
	}
	if w.dice.IntN(4) == 0 {
		w.mids.Rollback()
		return
	}
	w.mids.Commit()
	w.log = append(w.log, ops...)
}

func (w *midWorld) must(_ bool, err error) {
	w.t.Helper()
	if err != nil && !errors.Is(err, errShelf) {
		w.t.Fatal(err)
	}
}

var errShelf = errors.New("a put that fails")

func TestMidsEqualAMapThroughCrashes(t *testing.T) {
	dice := runDice(t)
	for round := range 12 {
		w := &midWorld{t: t, dice: dice, shelf: newShelf()}
		w.mids = smallMids(t, nil, w.shelf)
		for range 400 {
			w.ids = append(w.ids, dice.Uint64())
		}
		if round%3 == 0 { // ids that are not spread
			for i := range w.ids {
				w.ids[i] = uint64(i)
			}
		}
		quiet := true
		w.shelf.after = func() {
			if !quiet && dice.IntN(25) == 0 {
				w.crash("inside a step")
			}
		}
		w.shelf.fail = func() error {
			if dice.IntN(300) == 0 {
				return errShelf
			}
			return nil
		}
		for range 150 {
			quiet = false
			w.step()
			quiet = true
			if dice.IntN(10) == 0 {
				w.same(w.mids, "running")
				w.crash("between steps")
			}
		}
		t.Logf("round %d: %d crashes", round, w.tries)
	}
}

// step does one of the things that the line does between turns.
func (w *midWorld) step() {
	switch w.dice.IntN(9) {
	case 0, 1, 2:
		w.turn()
	case 3:
		if w.dice.IntN(3) == 0 {
			w.mids.Freeze()
			w.froze = len(w.log)
		}
	case 4:
		w.must(w.mids.Flush(w.shelf, w.dice.IntN(4000)))
	case 5:
		w.must(w.mids.Step(w.shelf, w.dice.IntN(4000)))
	case 6: // a checkpoint, once its flush is done
		if done, err := w.mids.Flush(w.shelf, 1<<20); err == nil && done {
			state := w.mids.State()
			if w.dice.IntN(5) > 0 { // otherwise its transaction is lost
				w.state, w.upTo = state, w.froze
				w.mids.Switched()
			}
		}
	case 7:
		w.must(w.mids.Sweep(w.shelf, 1+w.dice.IntN(30)))
	case 8:
		if w.dice.IntN(6) == 0 {
			w.mids.Abort()
		}
	}
}

func TestMidsNameDamage(t *testing.T) {
	shelf := newShelf()
	m := smallMids(t, nil, shelf)
	for i := range uint64(300) {
		m.Add(i, i*i, i+1)
	}
	state := flushAll(t, m, shelf)
	for key := range maps.Clone(shelf.m) {
		for _, damage := range []string{"missing", "short", "flipped"} {
			broken := shelf.clone()
			v := append([]byte(nil), broken.m[key]...)
			switch damage {
			case "missing":
				delete(broken.m, key)
			case "short":
				broken.m[key] = v[:len(v)-1]
			case "flipped":
				v[0] ^= 1
				broken.m[key] = v
			}
			bad := smallMids(t, state, broken)
			if err := bad.Check(); !errors.Is(err, kith.ErrCorrupt) {
				t.Errorf("Check with a %s value of kind %d = %v, want ErrCorrupt", damage, key[1], err)
			}
			for i := range uint64(300) {
				if mid, ok, err := bad.Find(i); err == nil && (!ok || mid.Seq != i+1) || err != nil && !errors.Is(err, kith.ErrCorrupt) {
					t.Fatalf("Find with a %s value of kind %d = %v %v %v", damage, key[1], mid, ok, err)
				}
			}
		}
	}
}

func TestFilterLetsFewThrough(t *testing.T) {
	dice := runDice(t)
	const n = 200_000
	f := newFilter(midSpec.lines(n))
	for i := range f.pieces {
		f.pieces[i] = make([]filterLine, f.size(i))
	}
	at := func(key uint64) *filterLine { l := f.line(key); return &f.pieces[l/filterPiece][l%filterPiece] }
	for range n {
		key := dice.Uint64()
		at(key).add(filterHash(key))
		if !at(key).has(filterHash(key)) {
			t.Fatal("a key is not found")
		}
	}
	hits := 0
	for range 1_000_000 {
		if key := dice.Uint64(); at(key).has(filterHash(key)) {
			hits++
		}
	}
	t.Logf("%d of 1,000,000 absent keys get through", hits)
	if hits > 2000 {
		t.Errorf("%d of 1,000,000 absent keys get through, want at most 2,000", hits)
	}
}

// fillMids makes an index of n ids in flushes of size each.
func fillMids(b testing.TB, n, size int) (*Mids, *runShelf) {
	shelf := newShelf()
	m, err := OpenMids(shelf.load, nil)
	if err != nil {
		b.Fatal(err)
	}
	dice := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		m.Add(dice.Uint64(), dice.Uint64(), uint64(i+1))
		if (i+1)%size == 0 {
			flushAll(b, m, shelf)
			mergeAll(b, m, shelf)
			m.Begin()
		}
	}
	return m, shelf
}

func TestMidsAreSmall(t *testing.T) {
	const n = 400_000
	m, shelf := fillMids(t, n, n)
	filter := 0
	for k, v := range shelf.m {
		if k[1] == runLines {
			filter += len(v)
		}
	}
	disk := float64(shelf.bytes()-filter) / n
	t.Logf("%.2f bytes an id on disk and %.2f of filter", disk, float64(filter)/n)
	if disk > 17 || filter > 2.01*n {
		t.Errorf("%.2f bytes an id on disk, %d of filter in all; want at most 17, and 2 each", disk, filter)
	}
	_ = m
}

func ExampleMids() {
	shelf := newShelf()
	m, _ := OpenMids(shelf.load, nil)
	m.Begin()
	m.Add(77, 1, 5)
	m.Commit()
	fmt.Println(m.Find(77))
	// Output: {1 5} true <nil>
}
