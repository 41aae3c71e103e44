package storage

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
	"weak"
)

const (
	blockRows   = 1 << 16
	blockWords  = blockRows / 64
	sparseLimit = blockRows / 16 // a block with more rows is dense
	foldLimit   = 8192           // undo entries of a block before they are folded
)

// block is the values of 65,536 rows of one column: sparse (rows ascending,
// values beside them) or dense (a bit and a place for every row).
type block struct {
	mark
	c     *Column
	k     uint32
	n     int            // rows that have a value
	rows  []uint16       // sparse
	has   []uint64       // dense; nil = sparse
	data  []uint64       // the values, width bytes each
	base  unsafe.Pointer // of data
	width int            // bytes of a value as kept: that of the column, but 8 while all numbers fit
	exp   int            // numbers of width 8 are multiples of 10^exp billionths

	cur    []was      // undo of the open turn, oldest first
	curHi  []uint64   // the high halves, where the column is 16 bytes wide
	past   []pastTurn // undo of published turns, oldest first
	nPast  int        // entries in past
	halved bool       // its stored form was in two values
	foldAt int        // entries at which past is folded next

	// amu is held by whoever changes what stands above, beside State.mu, and by a
	// reader of single rows instead of State.mu: it waits for the change of one
	// value and not for that of an event.
	amu sync.Mutex

	lent atomic.Bool // has and data are in readers' hands: never written again
	imu  sync.Mutex  // the fields below
	img  weak.Pointer[Image]
	from uint64 // img is the block at versions from … to
	to   uint64
}

// was is what a row had before a change.
type was struct {
	lo  uint64
	row uint16
	had bool
}

type pastTurn struct {
	turn uint64
	was  []was
	hi   []uint64
}

func newBlock(c *Column, k uint32) *block {
	b := &block{c: c, k: k, width: c.spec.Width, foldAt: foldLimit}
	b.key = UnitKey{familyColumn, c.id, uint64(k) << 1}
	if c.spec.Number {
		b.width, b.exp = 8, maxExp
	}
	return b
}

// slotsFor gives memory for n values.
func (b *block) slotsFor(n int) []uint64 { return make([]uint64, (n*b.width+7)/8) }

func (b *block) setData(d []uint64) {
	b.data, b.base = d, unsafe.Pointer(unsafe.SliceData(d))
}

// lane views words as values of another width; both are little-endian machines' memory.
func lane[T uint8 | uint16 | uint32 | uint64 | int64 | [2]uint64](words []uint64) []T {
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8/int(unsafe.Sizeof(t)))
}

// open prepares the block for its first change in a turn.
func (b *block) open() {
	s := b.c.s
	s.touch(b, &b.mark)
	b.use()
	s.extent.grow(s, b.k)
	if b.img != (weak.Pointer[Image]{}) && b.to > s.ver {
		b.to = s.ver
	}
	if b.lent.Load() {
		b.has, b.rows = slices.Clone(b.has), slices.Clone(b.rows)
		b.setData(slices.Clone(b.data))
		b.lent.Store(false)
	}
}

// find gives the place of a row's value.
func (b *block) find(row uint16) (int, bool) {
	if b.has != nil {
		return int(row), b.has[row>>6]>>(row&63)&1 == 1
	}
	if n := len(b.rows); n == 0 || b.rows[n-1] < row {
		return n, false
	}
	return slices.BinarySearch(b.rows, row)
}

func (b *block) get(row uint16) (Cell, bool) {
	i, ok := b.find(row)
	if !ok {
		return Cell{}, false
	}
	return b.value(i), true
}

// value gives the value at place i.
func (b *block) value(i int) Cell {
	switch b.width {
	case 1:
		return Cell{Lo: uint64(*(*uint8)(unsafe.Add(b.base, i)))}
	case 2:
		return Cell{Lo: uint64(*(*uint16)(unsafe.Add(b.base, 2*i)))}
	case 4:
		return Cell{Lo: uint64(*(*uint32)(unsafe.Add(b.base, 4*i)))}
	case 8:
		v := *(*uint64)(unsafe.Add(b.base, 8*i))
		if b.c.spec.Number {
			return ScaleUp(int64(v), b.exp)
		}
		return Cell{Lo: v}
	}
	v := *(*[2]uint64)(unsafe.Add(b.base, 16*i))
	return Cell{v[0], v[1]}
}

// put stores the value at place i; a number fits.
func (b *block) put(i int, v Cell) {
	switch b.width {
	case 1:
		*(*uint8)(unsafe.Add(b.base, i)) = uint8(v.Lo)
	case 2:
		*(*uint16)(unsafe.Add(b.base, 2*i)) = uint16(v.Lo)
	case 4:
		*(*uint32)(unsafe.Add(b.base, 4*i)) = uint32(v.Lo)
	case 8:
		if b.c.spec.Number {
			n, _ := scaleDown(v, b.exp)
			v.Lo = uint64(n)
		}
		*(*uint64)(unsafe.Add(b.base, 8*i)) = v.Lo
	default:
		*(*[2]uint64)(unsafe.Add(b.base, 16*i)) = [2]uint64{v.Lo, v.Hi}
	}
}

// change sets or clears a row and keeps what it had.
func (b *block) change(row uint16, v Cell, has bool) {
	old, had := b.get(row)
	if had == has && (!has || old == v) {
		return
	}
	b.amu.Lock()
	defer b.amu.Unlock()
	if b.turn != b.c.s.turn {
		b.open()
	}
	b.note(row, old, had)
	b.apply(row, v, has)
}

func (b *block) note(row uint16, old Cell, had bool) {
	b.cur = append(b.cur, was{old.Lo, row, had})
	if b.c.spec.Width == 16 {
		b.curHi = append(b.curHi, old.Hi)
	}
}

// apply sets or clears a row.
func (b *block) apply(row uint16, v Cell, has bool) {
	if !has {
		b.clear(row)
		return
	}
	if b.c.spec.Number && b.width == 8 {
		b.fit(v)
	}
	i, ok := b.find(row)
	if !ok {
		i = b.insert(row, i)
	}
	b.put(i, v)
}

// insert makes a place for a row, which in a sparse block is i.
func (b *block) insert(row uint16, i int) int {
	if b.has == nil && b.n >= sparseLimit {
		b.spread()
	}
	b.n++
	if b.has != nil {
		b.has[row>>6] |= 1 << (row & 63)
		return int(row)
	}
	b.rows = slices.Insert(b.rows, i, row)
	if need := (b.n*b.width + 7) / 8; need > len(b.data) {
		d := b.slotsFor(max(8, b.n+b.n/2))
		copy(d, b.data)
		b.setData(d)
	}
	bytes := lane[uint8](b.data)
	copy(bytes[(i+1)*b.width:b.n*b.width], bytes[i*b.width:])
	return i
}

func (b *block) clear(row uint16) {
	i, ok := b.find(row)
	if !ok {
		return
	}
	b.n--
	if b.has != nil {
		b.has[row>>6] &^= 1 << (row & 63)
		clear(lane[uint8](b.data)[i*b.width : (i+1)*b.width])
		return
	}
	b.rows = slices.Delete(b.rows, i, i+1)
	bytes := lane[uint8](b.data)
	copy(bytes[i*b.width:], bytes[(i+1)*b.width:(b.n+1)*b.width])
}

// spread turns a sparse block into a dense one.
func (b *block) spread() {
	has, data := make([]uint64, blockWords), b.slotsFor(blockRows)
	b.scatter(has, data)
	b.has, b.rows = has, nil
	b.setData(data)
}

// scatter writes the rows of a sparse block into the arrays of a dense one.
func (b *block) scatter(has, data []uint64) {
	to, from, w := lane[uint8](data), lane[uint8](b.data), b.width
	for i, row := range b.rows {
		has[row>>6] |= 1 << (row & 63)
		copy(to[int(row)*w:(int(row)+1)*w], from[i*w:])
	}
}

// undo applies what was, newest first.
func (b *block) undo(ws []was, hi []uint64) {
	for i, w := range slices.Backward(ws) {
		v := Cell{Lo: w.lo}
		if hi != nil {
			v.Hi = hi[i]
		}
		b.apply(w.row, v, w.had)
	}
}

func (b *block) revert() {
	b.amu.Lock()
	defer b.amu.Unlock()
	b.undo(b.cur, b.curHi)
	b.cur, b.curHi = nil, nil // a reader may still look at them
}

func (b *block) settle(turn uint64, keep bool, needed []uint64) {
	b.amu.Lock()
	defer b.amu.Unlock()
	switch {
	case keep:
		b.past = append(b.past, pastTurn{turn, b.cur, b.curHi})
		b.nPast += len(b.cur)
		b.cur, b.curHi = nil, nil
		if b.nPast > b.foldAt {
			b.fold(needed)
			b.foldAt = max(foldLimit, 2*b.nPast)
		}
	case cap(b.cur) > 1024:
		b.cur, b.curHi = nil, nil
	default:
		b.cur, b.curHi = b.cur[:0], b.curHi[:0]
	}
}

// fold joins turns between which no version is needed: of each row only the
// oldest entry counts. So undo is bounded by rows and pins, not by time.
func (b *block) fold(needed []uint64) {
	var seen [blockWords]uint64
	var out []pastTurn
	b.nPast = 0
	for i := 0; i < len(b.past); {
		j := i + 1
		at, _ := slices.BinarySearch(needed, b.past[i].turn) // versions below it are at 0 … at-1
		for j < len(b.past) && (at == len(needed) || needed[at] >= b.past[j].turn) {
			j++
		}
		p := b.past[i]
		if j > i+1 {
			clear(seen[:])
			p = joinTurns(b.past[i:j], &seen)
		}
		out = append(out, p)
		b.nPast += len(p.was)
		i = j
	}
	b.past = out
}

func joinTurns(turns []pastTurn, seen *[blockWords]uint64) pastTurn {
	out := pastTurn{turn: turns[len(turns)-1].turn}
	for _, t := range turns {
		for i, w := range t.was {
			if seen[w.row>>6]>>(w.row&63)&1 == 1 {
				continue
			}
			seen[w.row>>6] |= 1 << (w.row & 63)
			out.was = append(out.was, w)
			if t.hi != nil {
				out.hi = append(out.hi, t.hi[i])
			}
		}
	}
	return out
}

func (b *block) trim(floor uint64) bool {
	b.amu.Lock()
	defer b.amu.Unlock()
	n := 0
	for n < len(b.past) && b.past[n].turn <= floor {
		b.nPast -= len(b.past[n].was)
		n++
	}
	b.past = slices.Delete(b.past, 0, n)
	if len(b.past) == 0 {
		b.past, b.foldAt = nil, foldLimit
	}
	return len(b.past) == 0
}

func (b *block) bytes() int {
	entry := 16
	if b.c.spec.Width == 16 {
		entry = 24
	}
	return 256 + 8*len(b.data) + 8*len(b.has) + 2*cap(b.rows) + entry*(cap(b.cur)+b.nPast)
}

// seat puts the block into its column, or takes it out.
func (b *block) seat(in bool) bool {
	t := *b.c.table.Load()
	if int(b.k) >= len(t) {
		t = b.c.widen(int(b.k) + 1)
	}
	if in {
		return t[b.k].CompareAndSwap(nil, b)
	}
	return t[b.k].CompareAndSwap(b, nil)
}

// copied gives a block with arrays of its own and no undo.
func (b *block) copied() *block {
	n := &block{c: b.c, k: b.k, n: b.n, width: b.width, exp: b.exp,
		has: slices.Clone(b.has), rows: slices.Clone(b.rows)}
	n.setData(slices.Clone(b.data))
	return n
}

// back collects the undo that leads from now to ver, oldest first. What it
// holds does not change while ver is pinned.
func (b *block) back(ver uint64) []pastTurn {
	i := len(b.past)
	for i > 0 && b.past[i-1].turn > ver {
		i--
	}
	steps := slices.Clone(b.past[i:])
	if b.turn > ver && len(b.cur) > 0 {
		steps = append(steps, pastTurn{b.turn, b.cur, b.curHi})
	}
	return steps
}

// at gives a row's value at a version: the oldest undo that leads below it
// counts, or what the row has now.
func (b *block) at(row uint16, ver uint64) (Cell, bool) {
	if b.turn > ver {
		i := len(b.past)
		for i > 0 && b.past[i-1].turn > ver {
			i--
		}
		for _, p := range b.past[i:] {
			if v, had, ok := before(row, p.was, p.hi); ok {
				return v, had
			}
		}
		if v, had, ok := before(row, b.cur, b.curHi); ok {
			return v, had
		}
	}
	return b.get(row)
}

// before gives what a row had before a turn that changed it.
func before(row uint16, ws []was, hi []uint64) (v Cell, had, ok bool) {
	for i := range ws {
		if w := &ws[i]; w.row == row {
			v = Cell{Lo: w.lo}
			if hi != nil {
				v.Hi = hi[i]
			}
			return v, w.had, true
		}
	}
	return v, false, false
}
