// Package bitmap keeps sets of people: one per value, planes of binary digits for numbers and for counts.
package bitmap

import (
	"iter"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Set is a set of row numbers. Its zero value is empty and ready. Everything
// but Add, Remove, And, Or, AndNot, Optimize and Clone only reads, and may be
// done by many goroutines at once.
type Set struct{ r roaring.Bitmap }

// Of gives the set of these rows, in any order.
func Of(rows ...uint32) *Set {
	s := &Set{}
	s.r.AddMany(rows)
	return s
}

// FromWords gives the set of the bits of words: bit i of word w is row 64*w+i.
// The set keeps words, which must not be written again.
func FromWords(words []uint64) *Set {
	s := &Set{}
	s.r.FromDense(words, false)
	return s
}

// Add puts row into the set and says whether it is new there.
func (s *Set) Add(row uint32) bool { return s.r.CheckedAdd(row) }

// Remove takes row out of the set and says whether it was there.
func (s *Set) Remove(row uint32) bool { return s.r.CheckedRemove(row) }

// Has says whether row is in the set.
func (s *Set) Has(row uint32) bool { return s.r.Contains(row) }

// Len counts the rows.
func (s *Set) Len() int { return int(s.r.GetCardinality()) }

// Empty says whether there is no row.
func (s *Set) Empty() bool { return s.r.IsEmpty() }

// And keeps the rows that are in o as well.
func (s *Set) And(o *Set) { s.r.And(&o.r) }

// Or puts the rows of o into s.
func (s *Set) Or(o *Set) { s.r.Or(&o.r) }

// AndNot takes the rows of o out of s.
func (s *Set) AndNot(o *Set) { s.r.AndNot(&o.r) }

// Equal says whether both sets have the same rows.
func (s *Set) Equal(o *Set) bool { return s.r.Equals(&o.r) }

// AndLen counts the rows that are in both, without making their set.
func (s *Set) AndLen(o *Set) int { return int(s.r.AndCardinality(&o.r)) }

// All gives the rows in ascending order.
func (s *Set) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) { s.r.Iterate(yield) }
}

// From gives the rows from one on, in ascending order.
func (s *Set) From(row uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		it := s.r.Iterator()
		for it.AdvanceIfNeeded(row); it.HasNext(); {
			if !yield(it.Next()) {
				return
			}
		}
	}
}

// And gives the rows that are in both sets.
func And(a, b *Set) *Set { return &Set{*roaring.And(&a.r, &b.r)} }

// AndNot gives the rows of a that are not in b.
func AndNot(a, b *Set) *Set { return &Set{*roaring.AndNot(&a.r, &b.r)} }

// Or gives the rows that are in any of the sets.
func Or(sets ...*Set) *Set {
	switch len(sets) {
	case 0:
		return &Set{}
	case 1:
		return &Set{*roaring.Or(&sets[0].r, roaring.New())}
	}
	if sparse(sets) {
		return orSparse(sets)
	}
	return &Set{*roaring.FastOr(inner(sets)...)}
}

// sparse tells whether several sets have so few rows in a block of 65,536 that
// the library would merge lists of them again and again.
func sparse(sets []*Set) bool {
	last, rows := 0, 0
	for _, s := range sets {
		if !s.Empty() {
			last = max(last, int(s.r.Maximum()>>16)+1)
			rows += s.Len()
		}
	}
	return len(sets) > 2 && rows/len(sets) < 1024*last && rows > 256*last
}

// orSparse puts the rows of all sets into one array of bits.
func orSparse(sets []*Set) *Set {
	last := uint32(0)
	for _, s := range sets {
		if !s.Empty() {
			last = max(last, s.r.Maximum())
		}
	}
	words := make([]uint64, last>>6+1)
	var buf [512]uint32
	for _, s := range sets {
		for it := s.r.ManyIterator(); ; {
			n := it.NextMany(buf[:])
			if n == 0 {
				break
			}
			for _, row := range buf[:n] {
				words[row>>6] |= 1 << (row & 63)
			}
		}
	}
	return FromWords(words)
}

// fewRows is how many rows are looked for one by one, in each of several sets:
// roaring's own AndAny first joins these, block by block, in arrays of bits.
const fewRows = 1 << 16

// AndAny gives the rows of a that are in at least one of the sets; it is
// faster than And with their Or.
func AndAny(a *Set, sets ...*Set) *Set {
	if len(sets) == 0 {
		return &Set{}
	}
	if a.Len() <= fewRows {
		return andEach(a, sets)
	}
	return andJoined(a, sets)
}

func andEach(a *Set, sets []*Set) *Set {
	out := &Set{}
	for _, s := range sets {
		out.r.Or(roaring.And(&a.r, &s.r))
	}
	return out
}

func andJoined(a *Set, sets []*Set) *Set {
	r := &Set{*roaring.Or(&a.r, roaring.New())}
	r.r.AndAny(inner(sets)...)
	return r
}

func inner(sets []*Set) []*roaring.Bitmap {
	in := make([]*roaring.Bitmap, len(sets))
	for i, s := range sets {
		in[i] = &s.r
	}
	return in
}

// Clone gives a set of its own that shares storage with s until one of them
// changes. It leaves marks in s: nobody else may use s meanwhile, and a set
// that was cloned is read by many as safely as before.
func (s *Set) Clone() *Set {
	c := &Set{}
	s.r.SetCopyOnWrite(true)
	c.r = *s.r.Clone()
	s.r.SetCopyOnWrite(false)
	c.r.SetCopyOnWrite(false)
	return c
}

// Dense gives the set as bits, as FromWords takes them, in blocks of 1,024
// words; rows beyond the blocks are left out.
func (s *Set) Dense(blocks int) []uint64 {
	words := make([]uint64, max(blocks*1024, int(s.r.DenseSize())))
	s.r.WriteDenseTo(words)
	return words[:blocks*1024]
}

// Optimize stores runs of rows as runs.
func (s *Set) Optimize() { s.r.RunOptimize() }

// Size is about the memory that the set takes, in bytes.
func (s *Set) Size() int { return int(s.r.GetSizeInBytes()) }

// AppendTo appends the portable roaring form of the set to dst.
func (s *Set) AppendTo(dst []byte) []byte {
	n := int(s.r.GetSerializedSizeInBytes())
	w := appender{slices.Grow(dst, n)}
	if _, err := s.r.WriteTo(&w); err != nil {
		panic("unreachable: " + err.Error()) // an appender does not fail
	}
	return w.b
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}
