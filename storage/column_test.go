package storage

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

// openState gives a State of which nothing is stored.
func openState(t testing.TB, memory int64) *State {
	t.Helper()
	s, err := NewState(func(UnitKey) ([]byte, error) { return nil, nil }, memory)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stateColumn(t testing.TB, s *State, id uint32, spec ColumnSpec) *Column {
	t.Helper()
	c, err := s.Column(id, spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// turnOf runs f as one turn.
func turnOf(s *State, seq uint64, f func()) {
	s.Begin()
	s.Do(f)
	s.Publish(seq)
}

func TestAQuietBlockIsNotCopied(t *testing.T) {
	s := openState(t, 1<<40)
	c := stateColumn(t, s, 1, ColumnSpec{Width: 8})
	turnOf(s, 1, func() {
		for row := range uint32(blockRows) {
			c.SetI64(row, int64(row))
		}
	})
	for range lendAfter + 1 {
		turnOf(s, 2, func() {})
	}
	p := s.Pin()
	a, err := c.Image(p, 0)
	if err != nil {
		t.Fatal(err)
	}
	if b := c.slot(0); &a.I64[0] != (*int64)(b.base) {
		t.Error("the block was copied")
	}
	turnOf(s, 3, func() { c.SetI64(5, -1) })
	b, err := c.Image(p, 0)
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Error("the image of one version was made twice")
	}
	now := s.Pin()
	n, err := c.Image(now, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
	now.Release()
	if a.I64[5] != 5 || n.I64[5] != -1 {
		t.Errorf("row 5 is %d then %d, want 5 then -1", a.I64[5], n.I64[5])
	}
}

func TestUndoIsBoundedByRowsNotByTime(t *testing.T) {
	s := openState(t, 1<<40)
	c := stateColumn(t, s, 1, ColumnSpec{Width: 8})
	r := rand.New(rand.NewPCG(1, 1))
	turnOf(s, 1, func() {
		for row := range uint32(blockRows) {
			c.SetI64(row, 7)
		}
	})
	p := s.Pin()
	for seq := range uint64(300) {
		turnOf(s, 2+seq, func() {
			for range 2000 {
				c.SetI64(r.Uint32N(4000), int64(r.Uint64()))
			}
		})
	}
	if n := c.slot(0).nPast; n > 3*foldLimit {
		t.Errorf("%d entries of undo for 4,000 rows", n)
	}
	m, err := c.Image(p, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range m.I64 {
		if v != 7 {
			t.Fatalf("row %d is %d, want 7", i, v)
		}
	}
	p.Release()
	if st := s.Stats(); st.Kept != 0 {
		t.Errorf("%d units keep undo for nobody", st.Kept)
	}
}

func TestAColumnHasOneSpec(t *testing.T) {
	s := openState(t, 0)
	stateColumn(t, s, 1, ColumnSpec{Width: 8})
	if _, err := s.Column(1, ColumnSpec{Width: 4}); !errors.Is(err, kith.ErrExists) {
		t.Errorf("error = %v, want %v", err, kith.ErrExists)
	}
	for _, spec := range []ColumnSpec{{}, {Width: 3}, {Width: 32}, {Width: 8, Number: true}} {
		if _, err := s.Column(2, spec); !errors.Is(err, kith.ErrInvalid) {
			t.Errorf("%v: error = %v, want %v", spec, err, kith.ErrInvalid)
		}
	}
}

func TestNumbersAreKeptExactly(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed ", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for exp := range maxExp + 1 {
		for range 1000 {
			v := int64(r.Uint64()) >> r.IntN(64)
			if got, ok := scaleDown(ScaleUp(v, exp), exp); !ok || got != v {
				t.Fatalf("%d times 10^%d came back as %d, %v", v, exp, got, ok)
			}
		}
	}
	for _, v := range []Cell{{0, 1 << 63}, {^uint64(0), 1<<63 - 1}, {1, 0}, {^uint64(0), ^uint64(0)}} {
		s := openState(t, 1<<40)
		c := stateColumn(t, s, 1, ColumnSpec{Width: 16, Number: true})
		turnOf(s, 1, func() { c.SetNumber(1, ScaleUp(5, 9)); c.SetNumber(0, v) })
		if got, _ := c.Get(0); got != v {
			t.Errorf("%v came back as %v", v, got)
		}
		if got, _ := c.Get(1); got != ScaleUp(5, 9) {
			t.Errorf("the other came back as %v", got)
		}
	}
}

func TestAFailedLoadIsSaidBeforeTheCommit(t *testing.T) {
	broken := errors.New("broken")
	fail := false
	s, err := NewState(func(k UnitKey) ([]byte, error) {
		if fail {
			return nil, broken
		}
		if k.Family == familyExtent {
			return []byte{1, 3}, nil
		}
		return nil, nil
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := stateColumn(t, s, 1, ColumnSpec{Width: 4})
	fail = true
	s.Begin()
	s.Do(func() { c.SetU32(7, 7) })
	if !errors.Is(s.Err(), broken) {
		t.Errorf("Err = %v, want %v", s.Err(), broken)
	}
	s.Rollback()
	p := s.Pin()
	defer p.Release()
	if _, _, err := c.At(p, 7); !errors.Is(err, broken) {
		t.Errorf("At: %v, want %v", err, broken)
	}
	fail = false
	turnOf(s, 1, func() { c.SetU32(7, 8) })
	if v, ok := c.U32(7); v != 8 || !ok {
		t.Errorf("row 7 is %d %v, want 8", v, ok)
	}
}

// A reader was still loading a block that existed only in a turn that was rolled
// back, when the line made that block again: what the reader brought replaced
// the new block, and its rows were gone.
func TestALateLoadDoesNotReplaceABlockMadeSince(t *testing.T) {
	asked, answer := make(chan bool), make(chan bool)
	s, err := NewState(func(k UnitKey) ([]byte, error) {
		if k.Family == familyColumn && k.ID == 1 {
			asked <- true
			<-answer
		}
		return nil, nil
	}, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	c, other := stateColumn(t, s, 1, ColumnSpec{Width: 4}), stateColumn(t, s, 2, ColumnSpec{Width: 4})
	p := s.Pin()
	defer p.Release()
	s.Begin()
	s.Do(func() { other.SetU32(1, 1) }) // block 0 is there now, for a while
	read := make(chan error)
	go func() {
		_, ok, err := c.At(p, 1)
		if ok {
			err = errors.New("the reader sees what came later")
		}
		read <- err
	}()
	<-asked
	s.Rollback()
	turnOf(s, 1, func() { c.SetU32(1, 7) })
	answer <- true
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	if v, ok := c.U32(1); v != 7 || !ok {
		t.Errorf("row 1 is %d %v, want 7", v, ok)
	}
}

// Random rows of a dense block that is in the cache, in turns of 20,000.
func BenchmarkSetI64(b *testing.B) {
	s := openState(b, 1<<40)
	c := stateColumn(b, s, 1, ColumnSpec{Width: 8})
	turnOf(s, 1, func() {
		for row := range uint32(blockRows) {
			c.SetI64(row, 1)
		}
	})
	rows := make([]uint32, 20000)
	for i := range rows {
		rows[i] = rand.Uint32N(blockRows)
	}
	v, n := int64(2), 0
	for b.Loop() {
		turnOf(s, 2, func() {
			for _, row := range rows {
				c.SetI64(row, v)
				v++
			}
		})
		n += len(rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/set")
}

// Random rows of 10 million, 153 blocks, 80 MB.
func BenchmarkSetI64Of10M(b *testing.B) {
	s := openState(b, 1<<40)
	c := stateColumn(b, s, 1, ColumnSpec{Width: 8})
	const people = 10_000_000
	turnOf(s, 1, func() {
		for row := range uint32(people) {
			c.SetI64(row, 1)
		}
	})
	rows := make([]uint32, 1<<20)
	for i := range rows {
		rows[i] = rand.Uint32N(people)
	}
	v, n := int64(2), 0
	for b.Loop() {
		turnOf(s, 2, func() {
			for range 20000 {
				c.SetI64(rows[n&(1<<20-1)], v)
				v++
				n++
			}
		})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/set")
}

func BenchmarkImage(b *testing.B) {
	s := openState(b, 1<<40)
	c := stateColumn(b, s, 1, ColumnSpec{Width: 8})
	for _, kind := range []string{"copied", "lent"} {
		b.Run(kind, func(b *testing.B) {
			turnOf(s, 1, func() {
				for row := range uint32(blockRows) {
					c.SetI64(row, rand.Int64())
				}
			})
			for range lendAfter + 1 {
				turnOf(s, 2, func() {})
			}
			for b.Loop() {
				if kind == "copied" {
					b.StopTimer()
					turnOf(s, 3, func() { c.SetI64(1, rand.Int64()) })
					b.StartTimer()
				}
				p := s.Pin()
				if _, err := c.Image(p, 0); err != nil {
					b.Fatal(err)
				}
				p.Release()
			}
		})
	}
}
