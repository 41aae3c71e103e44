package storage

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Checkpoint gives the units that were dirty at a published version, as they
// were then, a few at a time, while the line goes on. Undo of a unit is kept
// until the unit was given. Until Done they count as unwritten: they are not
// evicted, because load would not find them.
type Checkpoint struct {
	s     *State
	ver   uint64
	seq   uint64
	units []unit
	next  int
}

// Freeze starts a checkpoint of the version published last, between turns;
// nil if nothing was changed. There is one at a time.
func (s *State) Freeze() *Checkpoint {
	if s.open || s.running != nil {
		panic("storage: Freeze inside a turn or a checkpoint")
	}
	if len(s.dirty) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Checkpoint{s: s, ver: s.ver, seq: s.Seq(), units: s.dirty}
	s.dirty, s.running = nil, c
	for _, u := range c.units {
		m := u.marked()
		m.dirty, m.frozen = false, true
	}
	return c
}

// Seq gives the sequence number whose state the checkpoint is.
func (c *Checkpoint) Seq() uint64 { return c.seq }

// Left counts the units that were not given yet.
func (c *Checkpoint) Left() int { return len(c.units) - c.next }

// Next gives the next units, the longest dirty first: at least one, then as
// long as neither maxBytes nor maxTime is used up. done says that none is left.
func (c *Checkpoint) Next(maxBytes int, maxTime time.Duration) (units []Unit, done bool) {
	start, size := time.Now(), 0
	for c.next < len(c.units) {
		u := c.units[c.next]
		c.next++
		c.s.mu.RLock() // readers leave marks in bitmaps, each under its own lock
		images := u.images(c.ver)
		m := u.marked()
		m.frozen, m.taken = false, true
		c.s.mu.RUnlock()
		for _, image := range images {
			size += len(image.Data)
		}
		units = append(units, images...)
		if size >= maxBytes || time.Since(start) >= maxTime {
			break
		}
	}
	return units, c.next == len(c.units)
}

// Done says that all units are stored and load finds them. What was not
// changed since is clean.
func (c *Checkpoint) Done() {
	if c.Left() > 0 {
		panic("storage: checkpoint done before its last unit was given")
	}
	c.end(false)
}

// Abort makes all units of the checkpoint dirty again.
func (c *Checkpoint) Abort() { c.end(true) }

func (c *Checkpoint) end(again bool) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
	var back []unit
	for _, u := range c.units {
		m := u.marked()
		m.frozen, m.taken = false, false
		if again && !m.dirty {
			m.dirty, back = true, append(back, u)
		}
	}
	s.dirty = append(back, s.dirty...)
	c.units, c.next = nil, 0
	s.pmu.Lock()
	oldest := s.oldest
	s.pmu.Unlock()
	s.trim(oldest)
	s.shrink()
}

// Dirty counts the units that were changed since they were last stored or frozen.
func (s *State) Dirty() int { return len(s.dirty) }

// The stored form of a block: version 1, form, width of the column, width as
// kept, exponent, bytes of a difference, rows (4 bytes), smallest value (8),
// then the rows (two bytes each, or 8,192 bytes of bits, or nothing where all
// rows have a value), then of each row in order its difference from the
// smallest value. Values kept in 16 bytes are written whole.
const (
	blockVersion = 1
	blockHead    = 18
	formSparse   = 0
	formDense    = 1
	formFull     = 2
	pieceMax     = 600 << 10 // a longer block of a column of width 16 is cut in two
)

func (b *block) images(ver uint64) []Unit {
	if steps := b.back(ver); len(steps) > 0 {
		old := b.copied()
		for _, p := range slices.Backward(steps) {
			old.undo(p.was, p.hi)
		}
		old.key, old.halved = b.key, b.halved
		defer func() { b.halved = old.halved }()
		return old.images(math.MaxUint64)
	}
	units := []Unit{{Key: b.key, Data: b.encode()}}
	second := UnitKey{b.key.Family, b.key.ID, b.key.Part | 1}
	switch data := units[0].Data; {
	case b.c.spec.Width == 16 && len(data) >= pieceMax:
		b.halved = true
		units[0].Data = data[:pieceMax]
		units = append(units, Unit{second, slices.Clone(data[pieceMax:])})
	case b.halved:
		units = append(units, Unit{Key: second})
	}
	return units
}

func (b *block) encode() []byte {
	if b.n == 0 {
		return nil
	}
	low, width := b.span()
	out := make([]byte, 0, blockHead+blockWords*8+b.n*width+8)
	form := byte(formSparse)
	switch {
	case b.n == blockRows:
		form = formFull
	case b.n >= sparseLimit:
		form = formDense
	}
	out = append(out, blockVersion, form, byte(b.c.spec.Width), byte(b.width), byte(b.exp), byte(width))
	out = binary.LittleEndian.AppendUint32(out, uint32(b.n))
	out = binary.LittleEndian.AppendUint64(out, low)
	out = b.encodeRows(out, form)
	at := len(out)
	out = out[:at+b.n*width+8][:at+b.n*width]
	pad := out[:len(out)+8]
	for i := range b.places() {
		v := b.raw(i)
		if width == 16 {
			binary.LittleEndian.PutUint64(pad[at+8:], v.Hi)
			binary.LittleEndian.PutUint64(pad[at:], v.Lo)
		} else {
			binary.LittleEndian.PutUint64(pad[at:], v.Lo-low)
		}
		at += width
	}
	return out
}

func (b *block) encodeRows(out []byte, form byte) []byte {
	switch {
	case form == formSparse && b.has == nil:
		for _, row := range b.rows {
			out = binary.LittleEndian.AppendUint16(out, row)
		}
	case form == formSparse:
		for i := range b.places() {
			out = binary.LittleEndian.AppendUint16(out, uint16(i))
		}
	case form == formDense && b.has == nil: // exactly as many rows as a sparse block may have
		var has [blockWords]uint64
		for _, row := range b.rows {
			has[row>>6] |= 1 << (row & 63)
		}
		for _, w := range has {
			out = binary.LittleEndian.AppendUint64(out, w)
		}
	case form == formDense:
		for _, w := range b.has {
			out = binary.LittleEndian.AppendUint64(out, w)
		}
	}
	return out
}

// places goes through the places of the values there are, in order of rows.
func (b *block) places() func(yield func(int) bool) {
	return func(yield func(int) bool) {
		if b.has == nil {
			for i := range b.rows {
				if !yield(i) {
					return
				}
			}
			return
		}
		for w, x := range b.has {
			for ; x != 0; x &= x - 1 {
				if !yield(w*64 + bits.TrailingZeros64(x)) {
					return
				}
			}
		}
	}
}

// raw gives the value at place i as it is kept.
func (b *block) raw(i int) Cell {
	if b.width == 8 {
		return Cell{Lo: lane[uint64](b.data)[i]}
	}
	return b.value(i)
}

// span gives the smallest value, 8-byte values being signed, and how many
// bytes a difference from it takes.
func (b *block) span() (low uint64, width int) {
	if b.width == 16 {
		return 0, 16
	}
	const sign = 1 << 63 // turns the order of signed numbers into that of unsigned
	turn := uint64(0)
	if b.width == 8 {
		turn = sign
	}
	low, high := uint64(math.MaxUint64), uint64(0)
	for i := range b.places() {
		v := b.raw(i).Lo ^ turn
		low, high = min(low, v), max(high, v)
	}
	return low ^ turn, (bits.Len64(high-low) + 7) / 8
}

// parse reads the stored block k of the column; nil data is an empty block.
func (c *Column) parse(k uint32, data []byte) (*block, error) {
	b := newBlock(c, k)
	if data == nil {
		return b, nil
	}
	if c.spec.Width == 16 && len(data) == pieceMax {
		more, err := c.s.load(UnitKey{b.key.Family, b.key.ID, b.key.Part | 1})
		if err != nil {
			return nil, err
		}
		data, b.halved = slices.Concat(data, more), true
	}
	bad := func(what string) (*block, error) { return nil, unitCorrupt(b.key, what) }
	if len(data) < blockHead || data[0] != blockVersion {
		return bad("not the form of a block")
	}
	form, width, n := data[1], int(data[5]), int(binary.LittleEndian.Uint32(data[6:]))
	low := binary.LittleEndian.Uint64(data[10:])
	head := map[byte]int{formSparse: 2 * n, formDense: 8 * blockWords, formFull: 0}
	size, known := head[form]
	b.width, b.exp = int(data[3]), int(data[4])
	narrow := c.spec.Number && b.width == 8 && b.exp <= maxExp
	switch {
	case int(data[2]) != c.spec.Width, !narrow && (b.width != c.spec.Width || b.exp != 0):
		return bad("a block of another column")
	case !known || n == 0 || n > blockRows || (form == formSparse && n > sparseLimit) || (form == formFull) != (n == blockRows):
		return bad("not the form of a block")
	case b.width == 16 && width != 16, b.width < 16 && width > b.width, len(data) != blockHead+size+n*width:
		return bad("not the length of a block")
	}
	b.n = n
	if !b.parseRows(data[blockHead:blockHead+size], form) {
		return bad("rows are not in order")
	}
	if !b.parseValues(data[blockHead+size:], width, low) {
		return bad("a value is too large for its column")
	}
	return b, nil
}

func (b *block) parseRows(data []byte, form byte) bool {
	if form == formSparse {
		b.rows = make([]uint16, b.n)
		b.setData(b.slotsFor(b.n))
		for i := range b.rows {
			b.rows[i] = binary.LittleEndian.Uint16(data[2*i:])
			if i > 0 && b.rows[i] <= b.rows[i-1] {
				return false
			}
		}
		return true
	}
	b.has = make([]uint64, blockWords)
	b.setData(b.slotsFor(blockRows))
	count := 0
	for i := range b.has {
		b.has[i] = math.MaxUint64
		if form == formDense {
			b.has[i] = binary.LittleEndian.Uint64(data[8*i:])
		}
		count += bits.OnesCount64(b.has[i])
	}
	return count == b.n
}

func (b *block) parseValues(data []byte, width int, low uint64) bool {
	limit := uint64(math.MaxUint64) >> (64 - 8*min(b.width, 8))
	mask := uint64(1)<<(8*min(width, 8)) - 1 // 64 digits: the shift gives 0
	var last [24]byte
	tail := max(0, len(data)-16)
	copy(last[:], data[tail:])
	at := 0
	for i := range b.places() {
		from := data[at:]
		if len(from) < 16 {
			from = last[at-tail:]
		}
		if width == 16 {
			lane[[2]uint64](b.data)[i] = [2]uint64{binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[8:])}
			at += width
			continue
		}
		d := binary.LittleEndian.Uint64(from) & mask
		v := low + d
		if b.width < 8 && (v > limit || v < d) {
			return false
		}
		if b.width == 8 {
			lane[uint64](b.data)[i] = v
		} else {
			b.put(i, Cell{Lo: v})
		}
		at += width
	}
	return true
}
