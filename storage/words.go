package storage

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
	"sync"

	"github.com/kithdb/kith"
)

var wordSpec = runSpec{op: "storage.Words", prefix: keyWords, cols: 1, rows: 2048, words: true, cache: 8}

// Words says which fragments have a word: pairs of the key of a word, which the
// secret makes, and a fragment. What begins alike has keys in one range. It is a
// set that only grows: a fragment that does not say a word any more stays until
// the index is made anew, so whoever reads looks at what is found.
//
// The newest pairs are in memory, in sorted parts, the others in sorted runs. It
// is derived: what was added after the last State is added again from the log.
// The line adds; readers may ask at the same time for what is committed.
type Words struct {
	mu  sync.RWMutex // guards tail, frozen and which view is the live one
	ask sync.Mutex   // one at a time asks the filters, which are read when first needed
	*runs
	tail wordTail
	turn []WordOf // the line's alone, until Commit
}

// WordOf says that a fragment has a word.
type WordOf struct {
	Key      uint64
	Fragment kith.FragmentID
}

// Compare orders by key, then by fragment.
func (a WordOf) Compare(b WordOf) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Fragment, b.Fragment))
}

// OpenWords opens the index as the state names it; nil is a new one. load gives committed values.
func OpenWords(load func(key []byte) ([]byte, error), state []byte) (*Words, error) {
	rs, err := openRuns(wordSpec, load, state)
	if err != nil {
		return nil, err
	}
	return &Words{runs: rs}, nil
}

// Begin starts a turn.
func (w *Words) Begin() { w.turn = w.turn[:0] }

// Add says that a fragment has a word. Readers see it after Commit.
func (w *Words) Add(key uint64, f kith.FragmentID) { w.turn = append(w.turn, WordOf{key, f}) }

// Commit shows readers what the turn has added.
func (w *Words) Commit() {
	if len(w.turn) == 0 {
		return
	}
	slices.SortFunc(w.turn, WordOf.Compare)
	next := w.tail.with(slices.Clone(slices.Compact(w.turn)))
	w.mu.Lock()
	w.tail = next
	w.mu.Unlock()
	w.turn = w.turn[:0]
}

// Rollback forgets what the turn has added.
func (w *Words) Rollback() { w.turn = w.turn[:0] }

// Freeze sets aside what is in memory, to be flushed; what follows goes into a new part. It says
// whether there is anything to flush. It is called between turns.
func (w *Words) Freeze() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.tail) > 0 {
		w.freeze(w.tail)
		w.tail = nil
	}
	return len(w.frozen) > 0
}

// Switched says that the record with the last State is durable.
func (w *Words) Switched() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.switched()
}

// Blank gives the state of an index without any word, whose runs get numbers of their own.
func (w *Words) Blank() []byte { return w.encode(nil) }

// Len gives the number of pairs in memory that are not frozen.
func (w *Words) Len() int { return w.tail.len() }

// Stored gives how many pairs the runs have, and the bytes of their blocks and filters. It reads them.
func (w *Words) Stored() (pairs uint64, bytes int64, err error) {
	for _, r := range w.view.runs {
		pairs += r.rows
		bytes += int64(r.lines) * 64
		for i := range r.blocks {
			data, err := w.load(w.key(runData, r.number, i))
			if err != nil {
				return 0, 0, err
			}
			bytes += int64(len(data)) + 10
		}
	}
	return pairs, bytes, nil
}

// Each calls f with every pair, in order; some may come more than once. Only the line may call it.
func (w *Words) Each(f func(WordOf) error) error {
	all, err := w.all(w.tail)
	if err != nil {
		return err
	}
	for {
		more, err := all.next()
		if err != nil || !more {
			return err
		}
		if err := f(WordOf{all.row.key, kith.FragmentID(all.row.cols[0])}); err != nil {
			return err
		}
	}
}

// wordTail are sorted parts that never change, each larger than what follows it.
type wordTail [][]WordOf

const wordPart = 1 << 18 // pairs; parts of that size are not joined any more, so that the line does not stop for long

// with gives the tail with one more part.
func (t wordTail) with(part []WordOf) wordTail {
	n := len(t)
	for n > 0 && len(t[n-1]) <= 2*len(part) && len(t[n-1])+len(part) <= wordPart {
		part = joinWords(t[n-1], part)
		n--
	}
	return append(t[:n:n], part)
}

// joinWords joins two parts into one.
func joinWords(a, b []WordOf) []WordOf {
	out := make([]WordOf, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		c := a[0].Compare(b[0])
		if c <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out = append(out, b[0])
		}
		if c >= 0 {
			b = b[1:]
		}
	}
	return append(append(out, a...), b...)
}

func (t wordTail) len() int {
	n := 0
	for _, part := range t {
		n += len(part)
	}
	return n
}

// source walks all parts in one order.
func (t wordTail) source() runSource { return &wordWalk{slices.Clone(t)} }

type wordWalk struct{ parts wordTail }

func (s *wordWalk) next(r *runRow) (bool, error) {
	at := -1
	for i, p := range s.parts {
		if len(p) > 0 && (at < 0 || p[0].Compare(s.parts[at][0]) < 0) {
			at = i
		}
	}
	if at < 0 {
		return false, nil
	}
	w := s.parts[at][0]
	s.parts[at] = s.parts[at][1:]
	*r = runRow{key: w.Key}
	r.cols[0] = uint64(w.Fragment)
	return true, nil
}

// WordRange is what begins with some letters.
type WordRange struct {
	From, To uint64 // keys, both are in it
	Bits     int    // of a key that tell of these letters
}

// WordView is the index as it is at a moment. It must be released.
type WordView struct {
	w     *Words
	tails []wordTail
	view  *runView
	list  []uint32
}

// View gives the index as it is now: with everything that is committed.
func (w *Words) View() *WordView {
	rlock(&w.mu)
	defer w.mu.RUnlock()
	v := &WordView{w: w, tails: []wordTail{w.tail}, view: w.view}
	for _, m := range w.frozen {
		v.tails = append(v.tails, m.(wordTail))
	}
	v.view.refs.Add(1)
	return v
}

// Release ends the view.
func (v *WordView) Release() { v.view.refs.Add(-1) }

// Size gives about how many pairs there are in ranges. It reads no block.
func (v *WordView) Size(ranges []WordRange) (int, error) {
	n := 0
	for _, t := range v.tails {
		for _, part := range t {
			for _, r := range ranges {
				from, to := bounds(part, r)
				n += to - from
			}
		}
	}
	for _, run := range v.view.runs {
		firsts, err := v.w.index(run)
		if err != nil {
			return 0, err
		}
		each := int(run.rows / uint64(run.blocks))
		for _, r := range ranges {
			from, to := blocksOf(firsts, r)
			n += (to-from-1)*each + each/8 // of the first block a part: most ranges are small
		}
	}
	return n, nil
}

// bounds gives the place of a range in a sorted part.
func bounds(part []WordOf, r WordRange) (from, to int) {
	from = sort.Search(len(part), func(i int) bool { return part[i].Key >= r.From })
	to = from
	if from < len(part) && part[from].Key <= r.To {
		to += sort.Search(len(part)-from, func(i int) bool { return part[from+i].Key > r.To })
	}
	return from, to
}

// blocksOf gives the blocks that may have something of a range: of the first, only what is behind its first key.
func blocksOf(firsts []uint64, r WordRange) (from, to int) {
	to = sort.Search(len(firsts), func(i int) bool { return firsts[i] > r.To })
	from = sort.Search(to, func(i int) bool { return firsts[i] >= r.From })
	return max(from-1, 0), max(to, 1)
}

// Each calls f for the words in ranges, which ascend and do not overlap, with
// the fragments that have it, until f says false. A word comes once for each
// part of the index that has it. The fragments are valid until f returns.
func (v *WordView) Each(ranges []WordRange, f func(key uint64, fragments []uint32) bool) error {
	for _, t := range v.tails {
		for _, part := range t {
			for _, r := range ranges {
				from, to := bounds(part, r)
				if !v.part(part[from:to], f) {
					return nil
				}
			}
		}
	}
	for _, run := range v.view.runs {
		if more, err := v.run(run, ranges, f); err != nil || !more {
			return err
		}
	}
	return nil
}

func (v *WordView) part(part []WordOf, f func(key uint64, fragments []uint32) bool) bool {
	for len(part) > 0 {
		key := part[0].Key
		v.list = v.list[:0]
		for len(part) > 0 && part[0].Key == key {
			v.list = append(v.list, uint32(part[0].Fragment))
			part = part[1:]
		}
		if !f(key, v.list) {
			return false
		}
	}
	return true
}

// run is Each in one run: a block is read once for all ranges in it.
func (v *WordView) run(r *run, ranges []WordRange, f func(key uint64, fragments []uint32) bool) (bool, error) {
	firsts, err := v.w.index(r)
	if err != nil {
		return false, err
	}
	had, data := -1, []byte(nil)
	for _, g := range ranges {
		v.w.ask.Lock()
		maybe, err := v.w.begins(r, g.From, g.Bits)
		v.w.ask.Unlock()
		if err != nil {
			return false, err
		}
		if !maybe {
			continue
		}
		from, to := blocksOf(firsts, g)
		for i := from; i < to; i++ {
			if i != had {
				if data, err = v.w.load(v.w.key(runData, r.number, uint32(i))); err != nil {
					return false, err
				}
				had = i
			}
			more, ok := v.block(data, g, f)
			if !ok {
				return false, v.w.corrupt("block "+strconv.Itoa(i), r)
			}
			if !more {
				return false, nil
			}
		}
	}
	return true, nil
}

// block is Each in one block.
func (v *WordView) block(data []byte, g WordRange, f func(key uint64, fragments []uint32) bool) (more, ok bool) {
	s, ok := openWords(data)
	for ok {
		var there bool
		if there, ok = s.next(); !ok || !there || s.key > g.To {
			break
		}
		if s.key < g.From {
			continue
		}
		if v.list, ok = s.fragments(v.list[:0]); ok && !f(s.key, v.list) {
			return false, true
		}
	}
	return true, ok
}
