package engine

import (
	"bufio"
	"container/heap"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
)

// What segments and computed traits are kept current from is made of history. A
// directory that is closed in order keeps it all the same, sealed, in the file
// live, so that the next opening need not read all events and ask about
// everybody again. It is true of one checkpoint, after which nothing came: else,
// and so after a crash, everything is built.

const savedForm = 1 // counted up when what is kept changes its form

// builtFrom is a print of what the program was built from: another version may
// mean something else by the same condition, and makes everything anew.
var builtFrom = sync.OnceValue(func() string {
	text := ""
	if b, ok := debug.ReadBuildInfo(); ok {
		text = b.String()
	}
	sum := sha256.Sum256([]byte(text))
	return string(sum[:])
})

// savedLive is what a file says.
type savedLive struct {
	now       int64
	fragments uint32
	leaves    map[string]map[uint32][]query.Match // by Leaf.Key
	segs      map[uint32]*savedSegment            // by number
}

// savedSegment is a segment or a computed trait.
type savedSegment struct {
	version  uint32
	timer    map[uint32]int64
	ranks    []map[uint32]query.Dec
	accounts [][]savedSeat
	lists    []*list
}

// savedSeat is somebody who has an account.
type savedSeat struct {
	row    uint32
	key    string
	counts bool
}

// saveLive writes the file; where it cannot, everything is built. The line has
// ended, and the last checkpoint is written.
func (e *Engine) saveLive() {
	l := e.liveHalf()
	if l == nil || e.dir == "" || e.saved == e.checkpoint.N || e.checkpoint.Seq != e.line.head.Seq || e.state.Dirty() > 0 {
		return
	}
	if len(l.segs) == 0 || slices.ContainsFunc(l.order, func(s *liveSegment) bool { return !s.finished() }) {
		return
	}
	err := e.keys.SealedFile(e.path("live"), e.checkpoint.N, func(w *bufio.Writer) error {
		s := &saver{w: w, veil: l.veil}
		s.live(l)
		return s.err
	})
	if err != nil && e.log != nil {
		e.log.Warn("segments will be built anew", "err", err)
	}
}

// finished tells whether a segment is built.
func (s *liveSegment) finished() bool {
	select {
	case <-s.built:
		return s.err == nil
	default:
		return false
	}
}

// recallLive takes up what the directory was closed with, where that is true of
// it; else the file is removed.
func (e *Engine) recallLive(l *live) error {
	if e.dir == "" {
		return nil
	}
	var s *savedLive
	err := e.keys.ReadSealed(e.path("live"), e.checkpoint.N, func(r *bufio.Reader) (err error) {
		s, err = readSaved(r, l.veil)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && e.checkpoint.Seq == e.line.head.Seq && l.recall(s):
		e.saved = e.checkpoint.N
		return nil
	case err != nil && e.log != nil:
		e.log.Warn("segments are built anew", "err", err)
	}
	if err := os.Remove(e.path("live")); err != nil {
		return fmt.Errorf("remove what is not true any more: %w", err)
	}
	return nil
}

// recall takes up what was saved, all or nothing.
func (l *live) recall(s *savedLive) bool {
	if s.fragments != l.e.line.head.Fragments || s.now < l.now {
		return false
	}
	for key := range l.leaves {
		if s.leaves[key] == nil {
			return false
		}
	}
	for number, seg := range l.segs {
		if is := s.segs[number]; seg.prog != nil && (is == nil || !is.fits(seg)) {
			return false
		}
	}
	l.now = s.now
	for key, leaf := range l.leaves {
		leaf.of, leaf.ready = s.leaves[key], true
	}
	for _, seg := range slices.Clone(l.order) {
		if seg.prog != nil {
			seg.recall(s.segs[seg.number])
		} else if !l.gone(seg) {
			continue // it is built: whoever is left in it leaves
		}
		l.tell(seg, true)
		l.resume(seg)
		seg.upTo, seg.cause = wholeUp, 0
		close(seg.built)
		l.e.builder.forget(seg)
	}
	heap.Init(&l.timers)
	l.arrange()
	return true
}

// fits tells whether it was saved of this definition.
func (s *savedSegment) fits(seg *liveSegment) bool {
	return s.version == seg.Version && len(s.ranks) == len(seg.ranks) && len(s.accounts) == len(seg.accounts) && len(s.lists) == len(seg.prog.Tables())
}

// recall takes up the timers of a segment, and what it knows of others.
func (seg *liveSegment) recall(s *savedSegment) {
	seg.timer, seg.lists = s.timer, s.lists
	for row, at := range s.timer {
		seg.l.timers = append(seg.l.timers, timer{at, seg.number, row})
	}
	for i, of := range s.ranks {
		seg.ranks[i].fill(of)
	}
	for i, seats := range s.accounts {
		a := seg.accounts[i]
		for _, x := range seats {
			a.set(x.row, x.key, true, x.counts)
		}
		clear(a.was)
	}
}

// fill gives a new ranking its numbers.
func (r *ranking) fill(of map[uint32]query.Dec) {
	all := make([]ranked, 0, len(of))
	for row, v := range of {
		all = append(all, ranked{v, row})
	}
	slices.SortFunc(all, ranked.compare)
	r.of, r.runs = of, nil
	for run := range slices.Chunk(all, longestRun/2) {
		r.runs = append(r.runs, slices.Clone(run))
	}
	r.settle()
}

// gone tells whether nobody is left in a segment that was dropped, and forgets it then.
func (l *live) gone(s *liveSegment) bool {
	if s.trait {
		return false
	}
	for row := range l.e.line.head.Fragments {
		if l.members.Has(s.number, row) {
			return false
		}
	}
	delete(l.segs, s.number)
	return true
}

// forget takes a segment out of the queue.
func (b *builder) forget(s *liveSegment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = slices.DeleteFunc(b.queue, func(q *liveSegment) bool { return q == s })
}

// live writes everything.
func (s *saver) live(l *live) {
	s.number(savedForm)
	s.text(builtFrom())
	s.signed(l.now)
	s.number(uint64(l.e.line.head.Fragments))
	s.number(uint64(len(l.leaves)))
	for _, key := range sortedKeys(l.leaves) {
		s.text(key)
		s.matches(l.leaves[key].of)
	}
	s.number(uint64(len(l.segs)))
	for _, n := range slices.Sorted(maps.Keys(l.segs)) {
		s.segment(l.segs[n])
	}
}

// readSaved is the inverse of saver.live.
func readSaved(r *bufio.Reader, v *veil) (*savedLive, error) {
	in := &saved{r: r, veil: v}
	if in.number() != savedForm || in.text() != builtFrom() {
		return nil, errors.Join(in.err, &kith.Error{Op: "engine.Open", On: "live", Kind: kith.ErrUnsupported, Err: errors.New("it is of another version")})
	}
	out := &savedLive{now: in.signed(), fragments: uint32(in.number()), leaves: map[string]map[uint32][]query.Match{}, segs: map[uint32]*savedSegment{}}
	for range in.count() {
		key := in.text()
		out.leaves[key] = in.matches()
	}
	for range in.count() {
		n := uint32(in.number())
		out.segs[n] = in.segment()
	}
	in.end()
	return out, in.err
}

func (s *saver) segment(seg *liveSegment) {
	s.number(uint64(seg.number))
	s.number(uint64(seg.Version))
	rows := s.rows(len(seg.timer))
	for _, row := range slices.Sorted(maps.Keys(seg.timer)) {
		rows.next(row)
		s.signed(seg.timer[row])
	}
	s.number(uint64(len(seg.ranks)))
	for _, r := range seg.ranks {
		rows := s.rows(len(r.of))
		for _, row := range slices.Sorted(maps.Keys(r.of)) {
			rows.next(row)
			s.decimal(r.of[row])
		}
	}
	s.number(uint64(len(seg.accounts)))
	for _, a := range seg.accounts {
		rows := s.rows(len(a.of))
		for _, row := range slices.Sorted(maps.Keys(a.of)) {
			rows.next(row)
			s.text(a.of[row].in.key)
			s.fact(a.of[row].counts)
		}
	}
	s.number(uint64(len(seg.lists)))
	for _, list := range seg.lists {
		s.number(uint64(len(list.values)))
		for v := range list.values {
			s.datum(v)
		}
	}
}

func (in *saved) segment() *savedSegment {
	s := &savedSegment{version: uint32(in.number()), timer: map[uint32]int64{}}
	for row := range in.rows() {
		s.timer[row] = in.signed()
	}
	for range in.count() {
		of := map[uint32]query.Dec{}
		for row := range in.rows() {
			of[row] = in.decimal()
		}
		s.ranks = append(s.ranks, of)
	}
	for range in.count() {
		var seats []savedSeat
		for row := range in.rows() {
			seats = append(seats, savedSeat{row, in.text(), in.fact()})
		}
		s.accounts = append(s.accounts, seats)
	}
	for range in.count() {
		of := &list{map[query.Datum]bool{}}
		for range in.count() {
			of.values[in.datum()] = true
		}
		s.lists = append(s.lists, of)
	}
	return s
}
