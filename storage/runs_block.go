package storage

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// runRow is one row of a sorted run: a key and up to three columns.
type runRow struct {
	key  uint64
	cols [runCols]uint64
}

const (
	runCols    = 3
	runVersion = 1
	runHead    = 20 // version, low bits, rows u16, first key u64, last - first u64
	runColHead = 10 // width, kind, base u64
	runPad     = 8  // zero bytes at the end, so that any field can be read as one word
	runMaxRows = 4096
	runMaxDict = 1024
)

// runBlock is a block of a sorted run, readable in place: keys as Elias-Fano (low bits
// packed, high bits unary), columns packed to the width of their largest distance from
// the smallest value, or from a list of the distinct values where that is smaller. A key
// is found without decoding the others. Layout:
//
//	version u8 | low u8 | rows u16 | first u64 | span u64 | per column: width u8, kind u8, base u64
//	high bits | low bits | per column: dictionary u64…, packed fields | 8 zero bytes
//
// of kind 1 the base is the number of entries in the dictionary. All little-endian.
type runBlock struct {
	rows  int
	low   uint
	first uint64
	span  uint64
	high  []byte // unary high parts
	ones  int    // length of high in bits
	lows  []byte
	cols  [runCols]runCol
	size  int
}

// runCol is one packed column.
type runCol struct {
	width uint
	base  uint64
	dict  []byte // nil = base + field, else dict[field]
	bits  []byte
}

// runField reads field i of width w out of a packed section that is followed by at least 8 bytes.
func runField(b []byte, i int, w uint) uint64 {
	if w == 0 {
		return 0
	}
	at := uint(i) * w
	off, sh := at>>3, at&7
	v := binary.LittleEndian.Uint64(b[off:]) >> sh
	if sh+w > 64 {
		v |= uint64(b[off+8]) << (64 - sh)
	}
	return v & (1<<w - 1)
}

// appendRunFields packs the values, w bits each, and ends on a whole byte.
func appendRunFields(dst []byte, vals []uint64, w uint) []byte {
	if w == 0 {
		return dst
	}
	var acc uint64
	var n uint
	for _, v := range vals {
		acc |= v << n
		n += w
		if n >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			n -= 64
			acc = v >> (w - n)
		}
	}
	for i := uint(0); i < n; i += 8 {
		dst = append(dst, byte(acc>>i))
	}
	return dst
}

// at gives value i of the column.
func (c *runCol) at(i int) (uint64, bool) {
	v := runField(c.bits, i, c.width)
	if c.dict == nil {
		return c.base + v, true
	}
	if v >= c.base {
		return 0, false
	}
	return binary.LittleEndian.Uint64(c.dict[v*8:]), true
}

// encodeRun writes the rows, which ascend by key and are 1 to runMaxRows, as one block.
func encodeRun(rows []runRow, cols int) []byte {
	n := len(rows)
	first, span := rows[0].key, rows[n-1].key-rows[0].key
	low := uint(0)
	if q := span / uint64(n); q > 0 {
		low = uint(bits.Len64(q)) - 1
	}
	out := make([]byte, runHead+cols*runColHead, runHead+cols*runColHead+n*24)
	out[0], out[1] = runVersion, byte(low)
	binary.LittleEndian.PutUint16(out[2:], uint16(n))
	binary.LittleEndian.PutUint64(out[4:], first)
	binary.LittleEndian.PutUint64(out[12:], span)
	start := len(out)
	out = append(out, make([]byte, (uint64(n)+span>>low+8)>>3)...)
	vals := make([]uint64, n)
	for i, r := range rows {
		d := r.key - first
		vals[i] = d & (1<<low - 1)
		p := d>>low + uint64(i)
		out[start+int(p>>3)] |= 1 << (p & 7)
	}
	out = appendRunFields(out, vals, low)
	for c := range cols {
		for i := range rows {
			vals[i] = rows[i].cols[c]
		}
		out = appendRunColumn(out, out[runHead+c*runColHead:][:runColHead], vals)
	}
	return append(out, make([]byte, runPad)...)
}

// appendRunColumn packs one column and fills in its head, which lies in the same block.
func appendRunColumn(out, head []byte, vals []uint64) []byte {
	least, most := slices.Min(vals), slices.Max(vals)
	width, base := uint(bits.Len64(most-least)), least
	if width > 4 && width < 48 { // a dictionary of payloads or times never pays
		if dict := runDistinct(vals, least); dict != nil {
			w := uint(bits.Len(uint(len(dict) - 1)))
			if len(dict)*64+len(vals)*int(w) < len(vals)*int(width) {
				for i, v := range vals {
					at, _ := slices.BinarySearch(dict, v)
					vals[i] = uint64(at)
				}
				head[0], head[1] = byte(w), 1
				binary.LittleEndian.PutUint64(head[2:], uint64(len(dict)))
				for _, v := range dict {
					out = binary.LittleEndian.AppendUint64(out, v)
				}
				return appendRunFields(out, vals, w)
			}
		}
	}
	head[0], head[1] = byte(width), 0
	binary.LittleEndian.PutUint64(head[2:], base)
	if base != 0 {
		for i := range vals {
			vals[i] -= base
		}
	}
	return appendRunFields(out, vals, width)
}

// runDistinct gives the sorted distinct values, or nil when they are too many to pay.
func runDistinct(vals []uint64, least uint64) []uint64 {
	limit := min(runMaxDict, len(vals)/8)
	var seen [4096]uint64 // open addressing; distance from the least, + 1
	list := make([]uint64, 0, 64)
	for _, v := range vals {
		d := v - least + 1
		for h := d * 0x9E3779B97F4A7C15 >> 52; ; h = (h + 1) & 4095 {
			if seen[h] == d {
				break
			}
			if seen[h] == 0 {
				if len(list) >= limit {
					return nil
				}
				seen[h] = d
				list = append(list, v)
				break
			}
		}
	}
	slices.Sort(list)
	return list
}

// openRun reads the head of a block and proves that every later access stays inside it.
// It says false for bytes that encodeRun does not make.
func openRun(data []byte, cols int) (runBlock, bool) {
	b := runBlock{size: len(data)}
	if len(data) < runHead+cols*runColHead+runPad || data[0] != runVersion || data[1] > 63 {
		return b, false
	}
	b.low, b.rows = uint(data[1]), int(binary.LittleEndian.Uint16(data[2:]))
	b.first, b.span = binary.LittleEndian.Uint64(data[4:]), binary.LittleEndian.Uint64(data[12:])
	if b.rows == 0 || b.rows > runMaxRows || b.span>>b.low > 4*runMaxRows || b.first+b.span < b.first {
		return b, false
	}
	b.ones = b.rows + int(b.span>>b.low) + 1
	rest := data[runHead+cols*runColHead:]
	ok := true
	take := func(n int) []byte {
		if !ok || n > len(rest)-runPad {
			ok = false
			return nil
		}
		part := rest
		rest = rest[n:]
		return part
	}
	b.high = take((b.ones + 7) >> 3)
	b.lows = take((b.rows*int(b.low) + 7) >> 3)
	for c := range cols {
		head, col := data[runHead+c*runColHead:], &b.cols[c]
		col.width, col.base = uint(head[0]), binary.LittleEndian.Uint64(head[2:])
		if col.width > 64 || head[1] > 1 || head[1] == 1 && (col.base == 0 || col.base > runMaxDict) {
			return b, false
		}
		if head[1] == 1 {
			col.dict = take(int(col.base) * 8)
		}
		col.bits = take((b.rows*int(col.width) + 7) >> 3)
	}
	return b, ok && len(rest) == runPad && b.whole()
}

// whole says whether the high bits hold as many ones as there are rows.
func (b *runBlock) whole() bool {
	n := 0
	for i := 0; i < b.ones; i += 64 {
		n += bits.OnesCount64(b.word(i))
	}
	return n == b.rows
}

// word gives the 64 high bits from bit i, a multiple of 8; bits behind the end are 0.
func (b *runBlock) word(i int) uint64 {
	w := binary.LittleEndian.Uint64(b.high[i>>3:])
	if left := b.ones - i; left < 64 {
		w &= 1<<left - 1
	}
	return w
}

// equal gives the rows from ≤ i < to that have the key.
func (b *runBlock) equal(key uint64) (from, to int) {
	d := key - b.first
	if key < b.first || d > b.span {
		return 0, 0
	}
	at := b.behind(int(d >> b.low))
	i, want := at-int(d>>b.low), d&(1<<b.low-1)
	for ; at < b.ones && b.high[at>>3]>>(at&7)&1 == 1; at, i = at+1, i+1 {
		low := runField(b.lows, i, b.low)
		if low > want {
			break
		}
		if low == want {
			if from == to {
				from, to = i, i
			}
			to++
		}
	}
	return from, to
}

// behind gives the bit behind the h-th zero of the high bits, the first that stands for h.
func (b *runBlock) behind(h int) int {
	if h == 0 {
		return 0
	}
	for i := 0; i < b.ones; i += 64 {
		w := ^b.word(i)
		n := bits.OnesCount64(w)
		if n < h {
			h -= n
			continue
		}
		for ; h > 1; h-- {
			w &= w - 1
		}
		return i + bits.TrailingZeros64(w) + 1
	}
	return b.ones
}

// row gives the columns of row i, whose key is known; false when a dictionary does not have them.
func (b *runBlock) row(i, cols int, r *runRow) bool {
	ok := true
	for c := range cols {
		v, fine := b.cols[c].at(i)
		r.cols[c], ok = v, ok && fine
	}
	return ok
}

// runScan walks the keys of a block in order.
type runScan struct {
	b  runBlock
	i  int    // row
	at int    // bit of the word
	w  uint64 // what is left of it
}

func (s *runScan) reset(b runBlock) { *s = runScan{b: b, w: b.word(0)} }

// next fills r with the next row and says whether there was one; ok is false for bytes that make no sense.
func (s *runScan) next(cols int, r *runRow) (more, ok bool) {
	if s.i >= s.b.rows {
		return false, true
	}
	for s.w == 0 {
		if s.at += 64; s.at >= s.b.ones {
			return false, false
		}
		s.w = s.b.word(s.at)
	}
	p := s.at + bits.TrailingZeros64(s.w)
	s.w &= s.w - 1
	r.key = s.b.first + (uint64(p-s.i)<<s.b.low | runField(s.b.lows, s.i, s.b.low))
	ok = s.b.row(s.i, cols, r)
	s.i++
	return true, ok
}
