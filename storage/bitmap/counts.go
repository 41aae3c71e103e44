package bitmap

import (
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"
	"sync"

	"github.com/kithdb/kith"
)

// Counts gives rows a count above zero, as planes: plane k is the set of the
// rows whose count has binary digit k. Its zero value is empty and ready. A
// count stays below 2^32. Add, Sub, Join and Clone change it or leave marks in
// it; the rest only reads, and may be done by many goroutines at once.
type Counts struct{ planes []*Set }

const digits = 32

// Add raises the count of row by n and gives by how much it rose, which is
// less than n only where the count would have left 32 bits.
func (c *Counts) Add(row, n uint32) uint32 {
	if max(len(c.planes), bits.Len32(n)) == digits {
		n = min(n, ^uint32(0)-c.Count(row))
	}
	rose := n
	for k := 0; n != 0; k++ {
		if k == len(c.planes) {
			c.planes = append(c.planes, &Set{})
		}
		carry := n&1 == 1 && !c.planes[k].Add(row)
		n >>= 1
		if carry {
			c.planes[k].Remove(row)
			n++
		}
	}
	return rose
}

// Sub lowers the count of row by n, at most to zero, and gives by how much it fell.
func (c *Counts) Sub(row, n uint32) uint32 {
	n = min(n, c.Count(row))
	fell := n
	for k := 0; n != 0; k++ {
		borrow := n&1 == 1 && !c.planes[k].Remove(row)
		n >>= 1
		if borrow {
			c.planes[k].Add(row)
			n++
		}
	}
	return fell
}

// Count gives the count of row, 0 if it has none.
func (c *Counts) Count(row uint32) uint32 {
	n := uint32(0)
	for k, p := range c.planes {
		if p.Has(row) {
			n |= 1 << k
		}
	}
	return n
}

// Total adds up all counts.
func (c *Counts) Total() (n uint64) {
	for k, p := range c.planes {
		n += uint64(p.Len()) << k
	}
	return n
}

// Any gives the rows that have a count.
func (c *Counts) Any() *Set { return Or(c.planes...) }

// Planes gives the sets of the binary digits, to be read only.
func (c *Counts) Planes() []*Set { return c.planes }

// Within gives the counts of the rows that are in s.
func (c *Counts) Within(s *Set) *Counts {
	n := &Counts{planes: make([]*Set, len(c.planes))}
	for k, p := range c.planes {
		n.planes[k] = And(p, s)
	}
	return n
}

// OnceEach gives each row of a set the count 1. It keeps the set.
func OnceEach(s *Set) *Counts { return &Counts{planes: []*Set{s}} }

// AtLeast gives the rows whose count is n or more; n is at least 1.
func (c *Counts) AtLeast(n uint32) *Set {
	if n <= 1 {
		return c.Any()
	}
	if bits.Len32(n) > len(c.planes) {
		return &Set{}
	}
	more, same := &Set{}, (*Set)(nil) // nil: nothing compared yet, all are the same
	for k := len(c.planes) - 1; k >= 0; k-- {
		p := c.planes[k]
		switch {
		case n>>k&1 == 1 && same == nil:
			same = Or(p)
		case n>>k&1 == 1:
			same.And(p)
		case same == nil:
			more.Or(p)
		default:
			more.Or(And(same, p))
			same.AndNot(p)
		}
	}
	more.Or(same)
	return more
}

// Empty says whether no row has a count.
func (c *Counts) Empty() bool {
	for _, p := range c.planes {
		if !p.Empty() {
			return false
		}
	}
	return true
}

// All gives the rows that have a count, ascending, with their counts.
func (c *Counts) All() iter.Seq2[uint32, uint32] {
	return func(yield func(uint32, uint32) bool) {
		for row := range c.Any().All() {
			if !yield(row, c.Count(row)) {
				return
			}
		}
	}
}

// Join adds the counts of o to c, where no row has a count in both.
func (c *Counts) Join(o *Counts) {
	for k, p := range o.planes {
		if k == len(c.planes) {
			c.planes = append(c.planes, &Set{})
		}
		c.planes[k].Or(p)
	}
}

// Clone gives counts of their own that share storage with c until one of them
// changes. Nobody else may use c meanwhile.
func (c *Counts) Clone() *Counts {
	n := &Counts{planes: make([]*Set, len(c.planes))}
	for k, p := range c.planes {
		n.planes[k] = p.Clone()
	}
	return n
}

// Size is about the memory that the counts take, in bytes.
func (c *Counts) Size() int {
	n := 0
	for _, p := range c.planes {
		n += p.Size()
	}
	return n
}

// Optimize stores runs of rows as runs.
func (c *Counts) Optimize() {
	for _, p := range c.planes {
		p.Optimize()
	}
}

// AppendTo appends the stored form of the counts to dst: the number of planes,
// then each with its length.
func (c *Counts) AppendTo(dst []byte) []byte {
	n := len(c.planes)
	for n > 0 && c.planes[n-1].Empty() {
		n--
	}
	dst = append(dst, byte(n))
	for _, p := range c.planes[:n] {
		dst = binary.AppendUvarint(dst, p.r.GetSerializedSizeInBytes())
		dst = p.AppendTo(dst)
	}
	return dst
}

// ParseCounts reads what AppendTo wrote, all of b. Bytes that are not exactly
// counts are ErrCorrupt.
func ParseCounts(b []byte) (*Counts, error) {
	bad := &kith.Error{Op: "bitmap.ParseCounts", Kind: kith.ErrCorrupt, Err: errors.New("not the form of counts")}
	if len(b) == 0 || b[0] > digits {
		return nil, bad
	}
	c := &Counts{planes: make([]*Set, b[0])}
	b = b[1:]
	for k := range c.planes {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return nil, bad
		}
		p, err := ParseSet(b[w : w+int(n)])
		if err != nil {
			return nil, err
		}
		c.planes[k], b = p, b[w+int(n):]
	}
	if len(b) > 0 {
		return nil, bad
	}
	return c, nil
}

// TotalAtLeast gives the rows whose counts add up to n or more over all of
// parts, such as the days of a window; n is at least 1, and totals are below 2^32.
func TotalAtLeast(n uint32, parts ...*Counts) *Set {
	if n <= 1 {
		var all []*Set
		for _, c := range parts {
			all = append(all, c.planes...)
		}
		return Or(all...)
	}
	reached, _, _ := Reach(n, parts, nil)
	return reached
}

// Reach gives the rows whose counts in sure add up to n or more, and as open
// those that do so only together with their counts in maybe: with each, in the
// order of the rows, what it has in sure. Totals are below 2^32.
func Reach(n uint32, sure, maybe []*Counts) (reached, open *Set, has []uint32) {
	a, b := walksOf(sure), walksOf(maybe)
	last := max(lastBlock(a), lastBlock(b))
	t := scratch.Get().(*sums)
	enough, more := make([]uint64, (last+1)<<10), make([]uint64, (last+1)<<10)
	for block := range last + 1 {
		yes, perhaps := enough[block<<10:][:1024], more[block<<10:][:1024]
		some := false
		for _, w := range a {
			some = w.each(uint32(block), func(row uint16) {
				t.sure[row] += w.weight
				if t.sure[row] >= n {
					yes[row>>6] |= 1 << (row & 63)
				}
			}) || some
		}
		for _, w := range b {
			some = w.each(uint32(block), func(row uint16) {
				t.maybe[row] += w.weight
				if t.sure[row] < n && t.sure[row]+t.maybe[row] >= n {
					perhaps[row>>6] |= 1 << (row & 63)
				}
			}) || some
		}
		for i, word := range perhaps {
			for ; word != 0; word &= word - 1 {
				has = append(has, t.sure[i<<6|bits.TrailingZeros64(word)])
			}
		}
		if some {
			*t = sums{}
		}
	}
	scratch.Put(t)
	return FromWords(enough), FromWords(more), has
}

// sums are the totals of the rows of a block. Those in scratch are zero.
type sums struct{ sure, maybe [65536]uint32 }

var scratch = sync.Pool{New: func() any { return new(sums) }}

// Totals adds up the counts of every row over all of parts.
func Totals(parts ...*Counts) iter.Seq2[uint32, uint32] {
	return func(yield func(uint32, uint32) bool) {
		stop := false
		eachTotal(parts, func(block int, totals *[65536]uint32) {
			for i, t := range totals {
				if t != 0 && !stop {
					stop = !yield(uint32(block)<<16|uint32(i), t)
				}
			}
		})
	}
}

// eachTotal gives the totals block by block, where there are any. All planes
// are walked side by side, so that the totals of a block stay in the cache.
func eachTotal(parts []*Counts, f func(block int, totals *[65536]uint32)) {
	walks := walksOf(parts)
	t := scratch.Get().(*sums)
	for block := range lastBlock(walks) + 1 {
		some := false
		for _, w := range walks {
			some = w.each(uint32(block), func(row uint16) { t.sure[row] += w.weight }) || some
		}
		if some {
			f(block, &t.sure)
			clear(t.sure[:])
		}
	}
	scratch.Put(t)
}

// walk goes through one plane in ascending order.
type walk struct {
	plane  *Set
	it     interface{ NextMany([]uint32) int }
	weight uint32
	buf    [512]uint32
	rest   []uint32
}

func walksOf(parts []*Counts) (walks []*walk) {
	for _, c := range parts {
		for k, p := range c.planes {
			if !p.Empty() {
				walks = append(walks, &walk{plane: p, it: p.r.ManyIterator(), weight: 1 << k})
			}
		}
	}
	return walks
}

// lastBlock gives the last block in which one of the planes has a row; -1: none.
func lastBlock(walks []*walk) int {
	last := -1
	for _, w := range walks {
		last = max(last, int(w.plane.r.Maximum()>>16))
	}
	return last
}

// each calls f for the rows of the next block, and says whether there were any.
func (w *walk) each(block uint32, f func(row uint16)) bool {
	some := false
	for {
		if len(w.rest) == 0 {
			w.rest = w.buf[:w.it.NextMany(w.buf[:])]
			if len(w.rest) == 0 {
				return some
			}
		}
		for i, row := range w.rest {
			if row>>16 != block {
				w.rest = w.rest[i:]
				return some
			}
			f(uint16(row))
			some = true
		}
		w.rest = nil
	}
}
