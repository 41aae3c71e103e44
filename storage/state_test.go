package storage

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// stateModel is a State as maps.
type stateModel struct {
	cols   [5]map[uint32]Cell
	texts  []string
	values map[[2]uint32]bool // code, row
	counts map[dayRow]uint32
	top    uint32 // blocks
}

type dayRow struct {
	day int32
	row uint32
}

var modelSpecs = [5]ColumnSpec{{Width: 1}, {Width: 4}, {Width: 8}, {Width: 16, Number: true}, {Width: 2}}

func newStateModel() *stateModel {
	m := &stateModel{values: map[[2]uint32]bool{}, counts: map[dayRow]uint32{}}
	for i := range m.cols {
		m.cols[i] = map[uint32]Cell{}
	}
	return m
}

func (m *stateModel) clone() *stateModel {
	n := *m
	for i := range m.cols {
		n.cols[i] = maps.Clone(m.cols[i])
	}
	n.texts, n.values, n.counts = slices.Clone(m.texts), maps.Clone(m.values), maps.Clone(m.counts)
	return &n
}

// stateBench is a State, its handles and what is stored of it.
type stateBench struct {
	s      *State
	cols   [5]*Column
	dict   *Dict
	values *Values
	days   *Days
	mu     sync.Mutex
	store  map[UnitKey][]byte
}

func (b *stateBench) load(k UnitKey) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.store[k]), nil
}

func (b *stateBench) put(units []Unit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range units {
		if len(u.Data) > 900<<10 {
			panic("a unit is too long")
		}
		if u.Data == nil {
			delete(b.store, u.Key)
			continue
		}
		b.store[u.Key] = u.Data
	}
}

func openBench(store map[UnitKey][]byte, memory int64) (*stateBench, error) {
	b := &stateBench{store: store}
	var err error
	if b.s, err = NewState(b.load, memory); err != nil {
		return nil, err
	}
	for i, spec := range modelSpecs {
		if b.cols[i], err = b.s.Column(uint32(i), spec); err != nil {
			return nil, err
		}
	}
	if b.dict, err = b.s.Dict(3); err != nil {
		return nil, err
	}
	if b.values, err = b.s.Values(4); err != nil {
		return nil, err
	}
	b.days, err = b.s.Days(5)
	return b, err
}

// modelRow picks rows that crowd in some blocks and are rare in others.
func modelRow(r *rand.Rand) uint32 {
	switch r.IntN(10) {
	case 0:
		return 2<<16 | r.Uint32N(65536)
	case 1:
		return r.Uint32N(6)<<16 | r.Uint32N(50)
	}
	return r.Uint32N(2)<<16 | r.Uint32N(9000)
}

func modelCell(r *rand.Rand, i int) Cell {
	switch i {
	case 0:
		return Cell{Lo: uint64(r.Uint32N(3))}
	case 1:
		return Cell{Lo: uint64(r.Uint32())}
	case 2:
		return Cell{Lo: uint64(1e15 + r.Int64N(1e12) - 2e15*r.Int64N(2))}
	case 4:
		return Cell{Lo: uint64(r.Uint32N(1 << 16))}
	}
	switch r.IntN(4000) { // numbers: mostly cents, seldom what takes more digits or 16 bytes
	case 0:
		return Cell{r.Uint64(), uint64(int64(r.Uint64()) >> 2)}
	case 1:
		return ScaleUp(r.Int64N(1e9)-5e8, 0)
	}
	return ScaleUp(r.Int64N(1e6)-5e5, 7)
}

// step makes one change both ways.
func (b *stateBench) step(r *rand.Rand, m *stateModel) {
	row := modelRow(r)
	switch r.IntN(12) {
	case 0:
		i := r.IntN(5)
		b.cols[i].Clear(row)
		delete(m.cols[i], row)
	case 1:
		text := fmt.Sprint("text ", r.IntN(4000))
		code, _ := b.dict.Code(text)
		if int(code) == len(m.texts) {
			m.texts = append(m.texts, text)
		}
		if m.texts[code] != text {
			panic("a code of another text")
		}
	case 2, 3:
		k := [2]uint32{r.Uint32N(3), row * (1 + 40*r.Uint32N(2))}
		if r.IntN(3) == 0 {
			if b.values.Remove(k[0], k[1]) != m.values[k] {
				panic("Remove")
			}
			delete(m.values, k)
		} else {
			if b.values.Add(k[0], k[1]) == m.values[k] {
				panic("Add")
			}
			m.values[k] = true
		}
	case 4, 5:
		b.stepDay(r, m, row)
	default:
		i := r.IntN(5)
		v := modelCell(r, i)
		switch i {
		case 0:
			b.cols[i].SetU8(row, uint8(v.Lo))
		case 1:
			b.cols[i].SetU32(row, uint32(v.Lo))
		case 2:
			b.cols[i].SetI64(row, int64(v.Lo))
		default:
			b.cols[i].Set(row, v)
		}
		m.cols[i][row] = v
		m.top = max(m.top, row>>16+1)
	}
}

func (b *stateBench) stepDay(r *rand.Rand, m *stateModel, row uint32) {
	k, n := dayRow{int32(r.IntN(5)) - 2, row}, r.Uint32N(4)
	switch r.IntN(4) {
	case 0:
		b.days.Sub(k.day, row, n)
		m.counts[k] -= min(n, m.counts[k])
	case 1:
		to := dayRow{k.day, modelRow(r)}
		b.days.Move(k.day, row, to.row)
		if to != k {
			m.counts[to] += m.counts[k]
			delete(m.counts, k)
		}
		if m.counts[to] == 0 {
			delete(m.counts, to)
		}
	default:
		b.days.Add(k.day, row, n)
		m.counts[k] += n
	}
	if m.counts[k] == 0 {
		delete(m.counts, k)
	}
}

// differ says where what a pin shows (nil: the line) is not the model.
func (b *stateBench) differ(p *Pin, m *stateModel) error {
	if p != nil && p.Blocks() != int(m.top) {
		return fmt.Errorf("%d blocks, want %d", p.Blocks(), m.top)
	}
	for i, c := range b.cols {
		if err := columnDiffers(c, p, m.cols[i], int(m.top)); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	if got := b.dict.Texts(p); !slices.Equal(got, m.texts) {
		return fmt.Errorf("%d texts, want %d", len(got), len(m.texts))
	}
	for code, text := range m.texts {
		if got, ok := b.dict.FindAt(p, text); !ok || int(got) != code {
			return fmt.Errorf("text %d is %d", code, got)
		}
	}
	values, counts := map[[2]uint32]bool{}, map[dayRow]uint32{}
	for _, code := range b.values.Codes(p) {
		set, err := b.values.Set(p, code)
		if err != nil {
			return err
		}
		for row := range set.All() {
			values[[2]uint32{code, row}] = true
		}
		set.Add(99) // it is ours
	}
	for _, day := range b.days.List(p) {
		c, err := b.days.Counts(p, day)
		if err != nil {
			return err
		}
		for row, n := range c.All() {
			counts[dayRow{day, row}] = n
		}
		c.Add(99, 3)
	}
	if !maps.Equal(values, m.values) {
		return fmt.Errorf("%d values, want %d", len(values), len(m.values))
	}
	if !maps.Equal(counts, m.counts) {
		return fmt.Errorf("%d counts, want %d", len(counts), len(m.counts))
	}
	return nil
}

func columnDiffers(c *Column, p *Pin, want map[uint32]Cell, blocks int) error {
	seen := 0
	for k := range blocks + 1 {
		im, err := c.Image(p, k)
		if err != nil {
			return err
		}
		seen += im.Count
		nulls := im.Nulls()
		var dec [][2]uint64
		if c.spec.Number {
			dec = im.Decimals()
		}
		for i := range uint32(blockRows) {
			has := im.Has[i/64]>>(i%64)&1 == 1
			if nulls != nil && has == (nulls[i/64]>>(i%64)&1 == 1) {
				return fmt.Errorf("Nulls and Has agree at %d", i)
			}
			var got Cell
			switch {
			case im.U8 != nil:
				got.Lo = uint64(im.U8[i])
			case im.U16 != nil:
				got.Lo = uint64(im.U16[i])
			case im.U32 != nil:
				got.Lo = uint64(im.U32[i])
			case dec != nil:
				got = Cell{dec[i][0], dec[i][1]}
			default:
				got.Lo = uint64(im.I64[i])
			}
			if !has && got == (Cell{}) { // without a value it is 0; Count tells whether one is missing
				continue
			}
			v, ok := want[uint32(k)<<16|i]
			if has != ok || got != v {
				return fmt.Errorf("row %d of block %d is %v %v, want %v %v", i, k, got, has, v, ok)
			}
		}
	}
	if seen != len(want) {
		return fmt.Errorf("%d rows, want %d", seen, len(want))
	}
	n := 0
	for row, v := range want {
		if got, ok, err := c.At(p, row); err != nil || !ok || got != v {
			return fmt.Errorf("At row %d: %v %v %v, want %v", row, got, ok, err, v)
		}
		if n++; n == 20 {
			break
		}
	}
	return nil
}

// modelRun drives a State and its model side by side.
type modelRun struct {
	t       *testing.T
	r       *rand.Rand
	b       *stateBench
	m       *stateModel
	memory  int64
	readers sync.WaitGroup
	tokens  chan bool
	errs    chan error
	ck      *Checkpoint
	frozen  *stateModel
	staged  []Unit
}

func (x *modelRun) turn(seq uint64) {
	before := x.m.clone()
	x.b.s.Begin()
	for range 1 + x.r.IntN(3) {
		if x.r.IntN(3) == 0 {
			x.look(before)
		}
		x.b.s.Do(func() {
			for range x.r.IntN(1500) {
				x.b.step(x.r, x.m)
			}
		})
	}
	if x.r.IntN(6) == 0 {
		if err := x.b.differ(nil, x.m); err != nil {
			x.t.Fatal("the line's own view: ", err)
		}
	}
	if err := x.b.s.Err(); err != nil {
		x.t.Fatal(err)
	}
	if x.r.IntN(4) == 0 {
		x.b.s.Rollback()
		x.m = before.clone() // readers look at before
	} else {
		x.b.s.Publish(seq)
	}
	x.look(x.m.clone())
	x.checkpoint()
}

// look lets a reader compare the published version with its model for a while.
func (x *modelRun) look(m *stateModel) {
	select {
	case x.tokens <- true:
	default:
		return
	}
	p := x.b.s.Pin()
	times := 1 + x.r.IntN(2)
	x.readers.Go(func() {
		defer func() { p.Release(); <-x.tokens }()
		for range times {
			if err := x.b.differ(p, m); err != nil {
				x.errs <- err
			}
		}
	})
}

// checkpoint goes a small step on, and reads everything back when it is done.
func (x *modelRun) checkpoint() {
	if x.ck == nil {
		if x.ck = x.b.s.Freeze(); x.ck == nil {
			return
		}
		x.frozen, x.staged = x.m.clone(), nil
	}
	if x.r.IntN(40) == 0 {
		x.ck.Abort()
		x.ck = nil
		return
	}
	units, done := x.ck.Next(x.r.IntN(300<<10), time.Hour)
	x.staged = append(x.staged, units...)
	if !done {
		return
	}
	x.b.put(x.staged)
	x.ck.Done()
	x.ck = nil
	again, err := openBench(maps.Clone(x.b.store), x.memory)
	if err != nil {
		x.t.Fatal(err)
	}
	p := again.s.Pin()
	defer p.Release()
	if err := again.differ(p, x.frozen); err != nil {
		x.t.Fatal("after a restart: ", err)
	}
}

func TestStateAgreesWithMaps(t *testing.T) {
	for _, memory := range []int64{0, 1 << 20, 1 << 40} {
		t.Run(fmt.Sprint("memory ", memory), func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Log("seed ", seed)
			x := &modelRun{t: t, r: rand.New(rand.NewPCG(seed, 1)), m: newStateModel(), memory: memory,
				tokens: make(chan bool, 4), errs: make(chan error, 1000)}
			var err error
			if x.b, err = openBench(map[UnitKey][]byte{}, memory); err != nil {
				t.Fatal(err)
			}
			turns := 40
			if testing.Short() {
				turns = 12
			}
			for seq := range turns {
				x.turn(uint64(seq + 1))
				select {
				case err := <-x.errs:
					t.Fatal("a reader: ", err)
				default:
				}
			}
			x.readers.Wait()
			close(x.errs)
			for err := range x.errs {
				t.Fatal("a reader: ", err)
			}
			x.settled()
		})
	}
}

// settled checks that nothing is kept for readers who are gone.
func (x *modelRun) settled() {
	if x.ck != nil {
		x.ck.Abort()
	}
	x.b.s.Begin()
	x.b.s.Publish(1 << 20)
	st := x.b.s.Stats()
	if st.Kept != 0 || st.Pins != 0 {
		x.t.Errorf("%d units keep undo for %d pins", st.Kept, st.Pins)
	}
	for ck := x.b.s.Freeze(); ck != nil; ck = x.b.s.Freeze() {
		units, done := ck.Next(1<<40, time.Hour)
		if !done {
			x.t.Fatal("not done")
		}
		x.b.put(units)
		ck.Done()
	}
	if x.memory > 0 {
		return
	}
	for range 20 {
		x.b.s.Begin()
		x.b.s.Publish(1<<20 + 1)
	}
	if st := x.b.s.Stats(); st.Units > 0 {
		x.t.Errorf("%d units are in memory, want none", st.Units)
	}
	if err := x.b.differ(nil, x.m); err != nil {
		x.t.Fatal("after eviction: ", err)
	}
}
