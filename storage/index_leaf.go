package storage

import (
	"math"
	"slices"
	"sync"

	"github.com/kithdb/kith/storage/bitmap"
)

// leaf is the counts of the rows of one cut. Undo is the differences, so that
// a change keeps only what it did.
type leaf struct {
	mark
	x      *index
	place  *berth
	counts bitmap.Counts
	weight int // bytes of counts when last measured
	cur    []step
	past   []leafTurn
	nPast  int
	foldAt int

	smu  sync.Mutex // snap, and the marks that copying leaves in counts
	snap *bitmap.Counts
	from uint64 // snap is the counts at versions from … to
	to   uint64
}

// step is a difference of one row.
type step struct {
	row uint32
	n   int32
}

type leafTurn struct {
	turn  uint64
	steps []step
}

func newLeaf(x *index, sl *berth) *leaf {
	l := &leaf{x: x, place: sl, foldAt: foldLimit}
	l.key = UnitKey{x.key.Family, x.key.ID, sl.part}
	return l
}

// change moves the count of a row by n and gives by how much it moved.
func (l *leaf) change(row uint32, n int64) int64 {
	if l.turn != l.x.s.turn {
		l.x.s.touch(l, &l.mark)
		l.use()
		if l.snap != nil && l.to > l.x.s.ver {
			l.to = l.x.s.ver
		}
	}
	if n > 0 {
		n = int64(l.counts.Add(row, uint32(n)))
	} else {
		n = -int64(l.counts.Sub(row, uint32(-n)))
	}
	for left := n; left != 0; {
		part := max(min(left, math.MaxInt32), math.MinInt32)
		l.cur = append(l.cur, step{row, int32(part)})
		left -= part
	}
	return n
}

// takeBack applies steps backwards, the newest first.
func takeBack(c *bitmap.Counts, steps []step) {
	for _, st := range slices.Backward(steps) {
		if st.n > 0 {
			c.Sub(st.row, uint32(st.n))
		} else {
			c.Add(st.row, uint32(-int64(st.n)))
		}
	}
}

// countAt gives the count of a row at a version.
func (l *leaf) countAt(row uint32, ver uint64) int64 {
	n := int64(l.counts.Count(row))
	if l.turn <= ver {
		return n
	}
	back := func(steps []step) {
		for _, st := range steps {
			if st.row == row {
				n -= int64(st.n)
			}
		}
	}
	back(l.cur)
	for _, p := range l.past {
		if p.turn > ver {
			back(p.steps)
		}
	}
	return n
}

// at gives the counts at a version, to be read only.
func (l *leaf) at(ver uint64) *bitmap.Counts {
	l.smu.Lock()
	defer l.smu.Unlock()
	if l.snap != nil && l.from <= ver && ver <= l.to {
		return l.snap
	}
	c := l.counts.Clone()
	if l.turn > ver {
		takeBack(c, l.cur)
		for _, p := range slices.Backward(l.past) {
			if p.turn > ver {
				takeBack(c, p.steps)
			}
		}
	}
	if ver != never {
		l.snap, l.from, l.to = c, ver, ver
		if l.turn <= ver {
			l.to = math.MaxUint64
		}
	}
	return c
}

func (l *leaf) revert() {
	takeBack(&l.counts, l.cur)
	l.cur = l.cur[:0]
}

func (l *leaf) settle(turn uint64, keep bool, needed []uint64) {
	l.weight = l.counts.Size()
	if !keep {
		l.cur, l.snap = l.cur[:0], nil
		return
	}
	l.past = append(l.past, leafTurn{turn, slices.Clone(l.cur)})
	l.nPast += len(l.cur)
	l.cur = l.cur[:0]
	if l.nPast > l.foldAt {
		l.fold(needed)
		l.foldAt = max(foldLimit, 2*l.nPast)
	}
}

// fold joins turns between which no version is needed, and adds up the steps of a row.
func (l *leaf) fold(needed []uint64) {
	var out []leafTurn
	l.nPast = 0
	for i := 0; i < len(l.past); {
		at, _ := slices.BinarySearch(needed, l.past[i].turn)
		j, sums := i, map[uint32]int64{}
		for ; j < len(l.past) && (at == len(needed) || needed[at] >= l.past[j].turn); j++ {
			for _, st := range l.past[j].steps {
				sums[st.row] += int64(st.n)
			}
		}
		t := leafTurn{turn: l.past[j-1].turn}
		for row, n := range sums {
			for n != 0 {
				part := max(min(n, math.MaxInt32), math.MinInt32)
				t.steps = append(t.steps, step{row, int32(part)})
				n -= part
			}
		}
		l.nPast += len(t.steps)
		out, i = append(out, t), j
	}
	l.past = out
}

func (l *leaf) trim(floor uint64) bool {
	n := 0
	for n < len(l.past) && l.past[n].turn <= floor {
		l.nPast -= len(l.past[n].steps)
		n++
	}
	l.past = slices.Delete(l.past, 0, n)
	if l.snap != nil && l.to < floor {
		l.snap = nil
	}
	if len(l.past) == 0 {
		l.past, l.foldAt = nil, foldLimit
	}
	return len(l.past) == 0
}

func (l *leaf) images(ver uint64) []Unit {
	c := &bitmap.Counts{}
	c.Join(l.at(ver)) // others may be reading what at gives
	if c.Empty() {
		return []Unit{{Key: l.key}}
	}
	c.Optimize()
	return []Unit{{l.key, c.AppendTo([]byte{1})}}
}

func (l *leaf) bytes() int { return 384 + l.weight + 8*(cap(l.cur)+l.nPast) }

func (l *leaf) seat(in bool) bool {
	if in {
		return l.place.leaf.CompareAndSwap(nil, l)
	}
	return l.place.leaf.CompareAndSwap(l, nil)
}

// parse reads a stored leaf; nil data is an empty one.
func (x *index) parse(key UnitKey, sl *berth, data []byte) (*leaf, error) {
	l := newLeaf(x, sl)
	if data == nil {
		return l, nil
	}
	if len(data) == 0 || data[0] != 1 {
		return nil, unitCorrupt(key, "not the form of counts")
	}
	c, err := bitmap.ParseCounts(data[1:])
	if err != nil {
		return nil, unitCorrupt(key, "not the form of counts")
	}
	l.counts, l.weight = *c, c.Size()
	return l, nil
}
