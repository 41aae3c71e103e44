package storage

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"sync/atomic"
	"unsafe"
	"weak"

	"github.com/kithdb/kith"
)

// ColumnSpec says what a column holds.
type ColumnSpec struct {
	Width  int  // bytes of a value: 1, 2, 4, 8 or 16
	Number bool // Width 16: exact decimals, DECIMAL(38,9) as a little-endian int128 of billionths; kept in 8 bytes where they fit
}

// Cell is one value as bytes, little-endian: a signed 8-byte value is
// int64(Lo), a number is the int128 of Lo and Hi.
type Cell struct{ Lo, Hi uint64 }

// Column is one value of every row, or none. What gives no error and takes no
// pin is the line's; the rest is any reader's.
type Column struct {
	s     *State
	id    uint32
	spec  ColumnSpec
	table atomic.Pointer[[]atomic.Pointer[block]] // grows and changes under State.mu
	empty *Image
}

// Column gives the column of that number, ErrExists if it is in use with another spec.
func (s *State) Column(id uint32, spec ColumnSpec) (*Column, error) {
	on := "column " + strconv.FormatUint(uint64(id), 10)
	switch {
	case spec.Number && spec.Width != 16,
		bits.OnesCount(uint(spec.Width)) != 1 || spec.Width > 16:
		return nil, &kith.Error{Op: "storage.Column", On: on, Kind: kith.ErrInvalid, Err: errors.New("no such width")}
	}
	s.hmu.Lock()
	defer s.hmu.Unlock()
	c := s.columns[id]
	if c == nil {
		c = &Column{s: s, id: id, spec: spec}
		c.table.Store(&[]atomic.Pointer[block]{})
		c.empty = emptyImage(spec)
		s.columns[id] = c
	}
	if c.spec != spec {
		return nil, &kith.Error{Op: "storage.Column", On: on, Kind: kith.ErrExists, Err: errors.New("with another width")}
	}
	return c, nil
}

// widen makes the table at least n long; State.mu is held.
func (c *Column) widen(n int) []atomic.Pointer[block] {
	old := *c.table.Load()
	t := make([]atomic.Pointer[block], max(n, len(old)+len(old)/2))
	for i := range old {
		t[i].Store(old[i].Load())
	}
	c.table.Store(&t)
	return t
}

func (c *Column) slot(k uint32) *block {
	if t := *c.table.Load(); int(k) < len(t) {
		return t[k].Load()
	}
	return nil
}

// find gives the line the block of a row; nil = none of its rows has a value.
func (c *Column) find(row uint32) *block {
	if b := c.slot(row >> 16); b != nil {
		b.use()
		return b
	}
	return c.fetch(row >> 16)
}

func (c *Column) fetch(k uint32) *block {
	for k < c.s.extent.n {
		b, err := c.bring(true, k)
		if err != nil {
			c.s.fail(err)
			return nil
		}
		if !c.s.inside || b == c.slot(k) {
			return b
		}
		if b = c.slot(k); b != nil {
			return b
		}
	}
	return nil
}

func (c *Column) bring(line bool, k uint32) (*block, error) {
	u, err := c.s.bring(line, newBlock(c, k).key, func(data []byte) (unit, error) { return c.parse(k, data) })
	if err != nil {
		return nil, err
	}
	return u.(*block), nil
}

// own gives the line the block of a row to change; nil = it cannot be loaded.
func (c *Column) own(row uint32) *block {
	if b := c.slot(row >> 16); b != nil {
		return b
	}
	if b := c.fetch(row >> 16); b != nil || c.s.err != nil {
		return b
	}
	if !c.s.inside {
		panic("storage: state changed outside Do")
	}
	b := newBlock(c, row>>16)
	b.seat(true)
	c.s.enter(b)
	return b
}

// Warm loads the block of a row. Called outside Do, it spares readers the wait.
func (c *Column) Warm(row uint32) { c.find(row) }

// Get gives the line the value of a row.
func (c *Column) Get(row uint32) (Cell, bool) {
	if b := c.find(row); b != nil {
		return b.get(uint16(row))
	}
	return Cell{}, false
}

// Has says to the line whether a row has a value.
func (c *Column) Has(row uint32) bool {
	_, ok := c.Get(row)
	return ok
}

// U32 gives the line the value of a row as an unsigned number.
func (c *Column) U32(row uint32) (uint32, bool) {
	v, ok := c.Get(row)
	return uint32(v.Lo), ok
}

// I64 gives the line the value of a row as a signed number.
func (c *Column) I64(row uint32) (int64, bool) {
	v, ok := c.Get(row)
	return int64(v.Lo), ok
}

// Set gives a row a value; it is cut to the width of the column.
func (c *Column) Set(row uint32, v Cell) {
	if c.spec.Width < 16 {
		v.Hi = 0
	}
	if c.spec.Width < 8 {
		v.Lo &= 1<<(8*c.spec.Width) - 1
	}
	if b := c.own(row); b != nil {
		b.change(uint16(row), v, true)
	}
}

// SetNumber gives a row a number.
func (c *Column) SetNumber(row uint32, v Cell) { c.Set(row, v) }

// SetU8 sets a row of a column of width 1; booleans are 0 and 1.
func (c *Column) SetU8(row uint32, v uint8) { setLane(c, row, v) }

// SetU32 sets a row of a column of width 4.
func (c *Column) SetU32(row uint32, v uint32) { setLane(c, row, v) }

// SetI64 sets a row of a column of width 8.
func (c *Column) SetI64(row uint32, v int64) { setLane(c, row, v) }

// setLane is Set without the detours, for dense blocks.
func setLane[T uint8 | uint32 | int64](c *Column, row uint32, v T) {
	if c.spec.Width != int(unsafe.Sizeof(v)) {
		panic("storage: a value of another width than its column")
	}
	b := c.own(row)
	if b == nil {
		return
	}
	if b.has == nil {
		cell := Cell{Lo: uint64(v)}
		b.change(uint16(row), cell, true)
		return
	}
	i := row & (blockRows - 1)
	bit := uint64(1) << (i & 63)
	old, had := *(*T)(unsafe.Add(b.base, uintptr(i)*unsafe.Sizeof(v))), b.has[i>>6]&bit != 0
	if had && old == v {
		return
	}
	b.amu.Lock()
	if b.turn != c.s.turn {
		b.open() // may replace the arrays
	}
	b.cur = append(b.cur, was{uint64(old), uint16(i), had})
	*(*T)(unsafe.Add(b.base, uintptr(i)*unsafe.Sizeof(v))) = v
	if !had {
		b.has[i>>6] |= bit
		b.n++
	}
	b.amu.Unlock()
}

// Clear takes the value of a row away.
func (c *Column) Clear(row uint32) {
	if b := c.find(row); b != nil {
		b.change(uint16(row), Cell{}, false)
	}
}

// At gives the value of a row at a version.
func (c *Column) At(p *Pin, row uint32) (v Cell, ok bool, err error) {
	if b := c.slot(row >> 16); p != nil && b != nil {
		b.use()
		lock(&b.amu)
		v, ok = b.at(uint16(row), p.ver)
		b.amu.Unlock()
		return v, ok, nil
	}
	err = c.look(p, row>>16, func(b *block, ver uint64) { v, ok = b.at(uint16(row), ver) })
	return v, ok, err
}

// look shows f the block, locked, unless it is empty at every version.
func (c *Column) look(p *Pin, k uint32, f func(b *block, ver uint64)) error {
	ver := c.s.see(p)
	b, none := c.slot(k), k >= c.s.extent.n
	if b == nil && !none {
		c.s.unsee(p)
		var err error
		if b, err = c.bring(p == nil, k); err != nil {
			return err
		}
		c.s.see(p)
	}
	if b != nil {
		b.use()
		f(b, ver)
	}
	c.s.unsee(p)
	return nil
}

// Image is one block as it was at a version. It never changes, also after the
// pin was released, and is shared: nobody writes to it. The values are in the
// slice of the column's width, always 65,536 of them; rows without one are 0.
type Image struct {
	Has   []uint64 // 1,024 words; bit set = the row has a value
	Count int      // of the bits of Has
	U8    []uint8
	U16   []uint16
	U32   []uint32
	I64   []int64
	Wide  [][2]uint64
	Exp   int // numbers: if Wide is nil, they are I64 times 10^Exp billionths
}

// lendAfter is for how many turns nobody changed a block that is given to
// readers as it is. Blocks that change all the time are copied by the reader;
// else the line would copy every one of them after every read.
const lendAfter = 8

// Image gives a block at a version. A block that is dense and quiet is not
// copied: it is marked, and the line replaces marked arrays before it changes
// them. Any other is copied and taken back to the version by its undo; the
// copy is shared with who asks for the same.
func (c *Column) Image(p *Pin, k int) (*Image, error) {
	m, at, own, steps := c.empty, uint64(0), (*block)(nil), []pastTurn(nil)
	err := c.look(p, uint32(k), func(b *block, ver uint64) {
		if m = b.ready(ver); m == nil {
			own, steps, at = b.copied(), b.back(ver), ver
		}
	})
	if own == nil || err != nil {
		return m, err
	}
	for i := len(steps) - 1; i >= 0; i-- {
		own.undo(steps[i].was, steps[i].hi)
	}
	m = own.dense()
	if p == nil {
		return m, nil // the line may change the block again in this very turn
	}
	c.s.see(p)
	if b := c.slot(uint32(k)); b != nil {
		b.remember(m, at)
	}
	c.s.unsee(p)
	return m, nil
}

// ready gives an image that takes no copying, nil if there is none.
func (b *block) ready(ver uint64) *Image {
	b.imu.Lock()
	defer b.imu.Unlock()
	if b.from <= ver && ver <= b.to {
		if m := b.img.Value(); m != nil {
			return m
		}
	}
	if b.has == nil || b.turn > ver || b.turn+lendAfter >= b.c.s.turn {
		return nil
	}
	b.lent.Store(true)
	m := b.dense()
	b.img, b.from, b.to = weak.Make(m), b.turn, math.MaxUint64
	return m
}

// remember keeps an image of version at for others, as long as somebody uses it.
func (b *block) remember(m *Image, at uint64) {
	b.imu.Lock()
	defer b.imu.Unlock()
	b.img, b.from, b.to = weak.Make(m), at, at
	if b.turn <= at {
		b.to = math.MaxUint64
	}
}

// dense gives the block's own arrays as an image, spread if it is sparse.
func (b *block) dense() *Image {
	if b.has == nil {
		b.spread()
	}
	m := &Image{Has: b.has, Count: b.n}
	switch b.width {
	case 1:
		m.U8 = lane[uint8](b.data)
	case 2:
		m.U16 = lane[uint16](b.data)
	case 4:
		m.U32 = lane[uint32](b.data)
	case 8:
		m.I64 = lane[int64](b.data)
		if b.c.spec.Number {
			m.Exp = b.exp
		}
	case 16:
		m.Wide = lane[[2]uint64](b.data)
	}
	return m
}

var zeros [2 * blockRows]uint64 // the values of every empty image

func emptyImage(spec ColumnSpec) *Image {
	width := spec.Width
	if spec.Number {
		width = 8
	}
	b := block{c: &Column{spec: spec}, width: width, has: zeros[:blockWords]}
	b.setData(zeros[: width*blockRows/8 : width*blockRows/8])
	return b.dense()
}

// Nulls gives a bit for every row that has no value, nil if all have one.
func (m *Image) Nulls() []uint64 {
	if m.Count == blockRows {
		return nil
	}
	nulls := make([]uint64, len(m.Has))
	for i, w := range m.Has {
		nulls[i] = ^w
	}
	return nulls
}

// Decimals gives the numbers of the rows as int128 of billionths.
func (m *Image) Decimals() [][2]uint64 {
	if m.Wide != nil {
		return m.Wide
	}
	d := make([][2]uint64, len(m.I64))
	for i, v := range m.I64 {
		c := ScaleUp(v, m.Exp)
		d[i] = [2]uint64{c.Lo, c.Hi}
	}
	return d
}

// maxExp is the exponent of whole numbers.
const maxExp = 9

var powers = [maxExp + 1]uint64{1, 10, 100, 1000, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// ScaleUp gives v times 10^exp, as a number of a column whose blocks keep it so.
func ScaleUp(v int64, exp int) Cell {
	if v < 0 {
		hi, lo := bits.Mul64(-uint64(v), powers[exp])
		lo, borrow := bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
		return Cell{lo, hi}
	}
	hi, lo := bits.Mul64(uint64(v), powers[exp])
	return Cell{lo, hi}
}

// scaleDown gives v divided by 10^exp, if that is a whole number of 64 bits.
func scaleDown(v Cell, exp int) (int64, bool) {
	hi, lo, negative := v.Hi, v.Lo, int64(v.Hi) < 0
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	if hi >= powers[exp] {
		return 0, false
	}
	q, r := bits.Div64(hi, lo, powers[exp])
	switch {
	case r != 0:
		return 0, false
	case negative:
		return -int64(q), q <= 1<<63
	}
	return int64(q), q < 1<<63
}

// fit changes how the block keeps numbers so that v can be kept exactly.
func (b *block) fit(v Cell) {
	if b.n == 0 {
		b.exp = maxExp
	}
	for e := b.exp; e >= 0; e-- {
		if _, ok := scaleDown(v, e); ok {
			if e == b.exp || b.rescale(e) {
				return
			}
			break
		}
	}
	n := b.n
	if b.has != nil {
		n = blockRows
	}
	wide := make([]uint64, 2*max(n, len(b.data)))
	for i := range n {
		c := b.value(i)
		wide[2*i], wide[2*i+1] = c.Lo, c.Hi
	}
	b.width, b.exp = 16, 0
	b.setData(wide)
}

// rescale makes all numbers multiples of 10^exp billionths, if they fit then.
func (b *block) rescale(exp int) bool {
	n, by := b.n, int64(powers[b.exp-exp])
	if b.has != nil {
		n = blockRows
	}
	old := lane[int64](b.data)[:n]
	for _, v := range old {
		if v > math.MaxInt64/by || v < math.MinInt64/by {
			return false
		}
	}
	for i := range old {
		old[i] *= by
	}
	b.exp = exp
	return true
}
