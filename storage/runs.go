package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/kithdb/kith"
)

// KV is the open transaction that sorted runs are written through: *Tx is one.
type KV = kv

// kv is KV within the room.
type kv interface {
	Get(key []byte) ([]byte, error) // nil = absent; a copy
	Put(key, value []byte) error
	Delete(key []byte) error
	Scan(prefix []byte, f func(key, value []byte) error) error // an error of f ends it and is returned
}

// runSpec says what kind of rows a family of runs keeps.
type runSpec struct {
	op     string // for errors, such as "storage.Mids"
	prefix byte
	cols   int
	rows   int  // in a block
	single bool // the newest row of a key stands for all, and is a tombstone where its last column is 0
	filter bool // keys are evenly spread: keep a filter of them
	words  bool // rows are a set, ordered by key and first column; blocks are lists, and the filter is of how keys begin
	cache  int  // opened blocks kept at most; a power of two
}

// run is one sorted run: written once, never changed. What is read of it stays in memory
// except blocks.
type run struct {
	number uint32
	blocks uint32
	rows   uint64
	lines  uint32
	filter runFilter
	firsts atomic.Pointer[[]uint64] // the first key of each block
}

// runSource gives rows ascending by key, and rows of one key from old to new.
type runSource interface {
	next(r *runRow) (bool, error)
}

// runMemory is a part that was frozen: it can be read again from its start.
type runMemory interface {
	source() runSource
	len() int
}

// runView is a set of runs that readers hold on to. A run is not deleted while a view that has it is held.
type runView struct {
	runs []*run
	refs atomic.Int64
}

// runs is the part that is equal for all families: frozen memory becomes a run, runs become
// larger runs, and each new set of runs counts from the moment the record with State is
// committed and Switched is called. It belongs to the line, except find, which needs a view.
type runs struct {
	runSpec
	load     func(key []byte) ([]byte, error)
	view     *runView   // the live runs, oldest first
	retired  []*runView // views that readers may still hold
	number   uint32     // of the next run
	frozen   []runMemory
	flush    *runMerge // frozen memory on its way to a run
	flushed  *run
	covers   int       // how many frozen parts flush and flushed hold
	merge    *runMerge // runs on their way to a larger one
	merged   *run
	window   []*run // what merge and merged replace
	proposed *runProposal
	litter   bool // there may be runs to sweep
	blocks   []atomic.Pointer[runCached]
}

// runProposal is what the last State said.
type runProposal struct {
	runs    []*run
	flushed bool
	merged  bool
}

// openRuns reads the state that the last checkpoint holds; nil starts with no run.
func openRuns(spec runSpec, load func(key []byte) ([]byte, error), state []byte) (*runs, error) {
	rs := &runs{runSpec: spec, load: load, view: &runView{}, litter: true}
	rs.blocks = make([]atomic.Pointer[runCached], spec.cache)
	if state == nil {
		return rs, nil
	}
	return rs, rs.decode(state)
}

// Limit bounds the memory for opened blocks, in bytes. It is called before anything is looked up.
func (rs *runs) Limit(memory int64) {
	n := 8
	for n < rs.cache && int64(n)*2*int64(rs.rows*runRowMemory) <= memory {
		n *= 2
	}
	rs.blocks = make([]atomic.Pointer[runCached], n)
}

// runRowMemory is what a row of an opened block takes at most, about.
const runRowMemory = 16

const runStateHead = 9 // version, next number u32, runs u32; then for each run 20 bytes

// encode writes the names and sizes of the runs.
func (rs *runs) encode(list []*run) []byte {
	p := make([]byte, 0, runStateHead+len(list)*20)
	p = append(p, runVersion)
	p = binary.BigEndian.AppendUint32(p, rs.number)
	p = binary.BigEndian.AppendUint32(p, uint32(len(list)))
	for _, r := range list {
		p = binary.BigEndian.AppendUint32(p, r.number)
		p = binary.BigEndian.AppendUint32(p, r.blocks)
		p = binary.BigEndian.AppendUint64(p, r.rows)
		p = binary.BigEndian.AppendUint32(p, r.lines)
	}
	return p
}

// decode is the inverse of encode.
func (rs *runs) decode(p []byte) error {
	if len(p) < runStateHead || p[0] != runVersion {
		return rs.corrupt("state", nil)
	}
	rs.number = binary.BigEndian.Uint32(p[1:])
	n := binary.BigEndian.Uint32(p[5:])
	p = p[runStateHead:]
	if uint64(len(p)) != uint64(n)*20 {
		return rs.corrupt("state", nil)
	}
	seen := make(map[uint32]bool, n)
	for ; len(p) > 0; p = p[20:] {
		r := &run{number: binary.BigEndian.Uint32(p), blocks: binary.BigEndian.Uint32(p[4:]),
			rows: binary.BigEndian.Uint64(p[8:]), lines: binary.BigEndian.Uint32(p[16:])}
		wrong := r.number >= rs.number || seen[r.number] || r.blocks == 0 || r.rows < uint64(r.blocks) ||
			r.rows > uint64(r.blocks)*uint64(rs.rows) || (rs.filter || rs.words) != (r.lines > 0) || uint64(r.lines) > 1<<30
		if wrong {
			return rs.corrupt("state", nil)
		}
		seen[r.number] = true
		r.filter = newFilter(r.lines)
		rs.view.runs = append(rs.view.runs, r)
	}
	return nil
}

// freeze adds a memory part to what the next flush writes. A flush under way starts again, with both.
func (rs *runs) freeze(m runMemory) {
	rs.frozen = append(rs.frozen, m)
	rs.flush, rs.flushed, rs.proposed = nil, nil, nil
	rs.litter = true
}

// Flush writes more of what was frozen, about budget bytes. It says whether the run is complete;
// then State names it.
func (rs *runs) Flush(w kv, budget int) (done bool, err error) {
	if len(rs.frozen) == 0 || rs.flushed != nil {
		return true, nil
	}
	if rs.flush == nil {
		var src []runSource
		rows := 0
		for _, m := range rs.frozen {
			src = append(src, m.source())
			rows += m.len()
		}
		rs.covers = len(rs.frozen)
		if rs.flush, err = rs.begin(w, src, uint64(rows), len(rs.view.runs) == 0); err != nil {
			return false, err
		}
	}
	if rs.flushed, err = rs.flush.advance(w, budget); err != nil {
		rs.flush, rs.litter = nil, true
		return false, err
	}
	if rs.flushed == nil {
		return false, nil
	}
	rs.flush = nil
	return true, nil
}

// Step merges runs, about budget bytes at a time. It says whether there is more to do before
// the next switch.
func (rs *runs) Step(w kv, budget int) (more bool, err error) {
	if rs.merged != nil {
		return false, nil
	}
	if rs.merge == nil {
		if err := rs.choose(w); err != nil || rs.merge == nil {
			return false, err
		}
	}
	if rs.merged, err = rs.merge.advance(w, budget); err != nil {
		rs.merge, rs.window, rs.litter = nil, nil, true
		return false, err
	}
	if rs.merged != nil {
		rs.merge = nil
	}
	return rs.merged == nil, nil
}

// State names the runs as they will be after Switched: with the frozen part where its flush is
// done, and with merged runs instead of what they were merged from.
func (rs *runs) State() []byte {
	p := &runProposal{flushed: rs.flushed != nil, merged: rs.merged != nil}
	for _, r := range rs.view.runs {
		if !p.merged || !slices.Contains(rs.window, r) {
			p.runs = append(p.runs, r)
		} else if r == rs.window[0] && rs.merged.rows > 0 {
			p.runs = append(p.runs, rs.merged)
		}
	}
	if p.flushed && rs.flushed.rows > 0 {
		p.runs = append(p.runs, rs.flushed)
	}
	rs.proposed = p
	return rs.encode(p.runs)
}

// switched makes the runs that the last State named the live ones, and drops what they replace.
func (rs *runs) switched() {
	p := rs.proposed
	if p == nil {
		return
	}
	if p.flushed {
		rs.frozen = append([]runMemory(nil), rs.frozen[rs.covers:]...)
		rs.flushed = nil
	}
	if p.merged {
		rs.merged, rs.window = nil, nil
	}
	if p.flushed || p.merged {
		rs.retired = append(rs.retired, rs.view)
		rs.view = &runView{runs: p.runs}
		rs.litter = true
	}
	rs.proposed = nil
}

// Abort forgets what Flush and Step have written since the last switch, because a transaction
// with it was lost. Both start again; what was frozen stays visible.
func (rs *runs) Abort() {
	rs.flush, rs.flushed, rs.merge, rs.merged, rs.window, rs.proposed = nil, nil, nil, nil, nil, nil
	rs.litter = true
}

// Runs gives the number of live runs and of their rows.
func (rs *runs) Runs() (n int, rows uint64) {
	for _, r := range rs.view.runs {
		rows += r.rows
	}
	return len(rs.view.runs), rows
}

var errRunStop = errors.New("stop")

// Sweep deletes runs that are no longer named, at most budget keys, and says whether none is left.
// It never deletes one that a reader holds.
func (rs *runs) Sweep(w kv, budget int) (done bool, err error) {
	if !rs.litter {
		return true, nil
	}
	var marks []uint32
	err = w.Scan([]byte{rs.prefix, runMark}, func(key, _ []byte) error {
		if len(key) == 10 {
			marks = append(marks, binary.BigEndian.Uint32(key[2:]))
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	inUse, held := rs.inUse()
	for _, n := range marks {
		if inUse[n] {
			continue
		}
		if budget, err = rs.remove(w, n, budget); err != nil || budget <= 0 {
			return false, err
		}
	}
	rs.litter = held
	return !held, nil
}

// inUse gives the numbers of the runs that must stay, and whether some stay for a reader alone.
func (rs *runs) inUse() (numbers map[uint32]bool, held bool) {
	numbers = map[uint32]bool{}
	kept := rs.retired[:0]
	for _, v := range rs.retired {
		if v.refs.Load() > 0 {
			kept = append(kept, v)
		}
	}
	clear(rs.retired[len(kept):])
	rs.retired = kept
	for _, v := range append([]*runView{rs.view}, kept...) {
		for _, r := range v.runs {
			numbers[r.number] = true
		}
	}
	for _, m := range []*runMerge{rs.flush, rs.merge} {
		if m != nil {
			numbers[m.w.run.number] = true
		}
	}
	for _, r := range []*run{rs.flushed, rs.merged} {
		if r != nil {
			numbers[r.number] = true
		}
	}
	return numbers, len(kept) > 0
}

// remove deletes one run, its mark last, and gives what is left of the budget.
func (rs *runs) remove(w kv, number uint32, budget int) (int, error) {
	for _, kind := range []byte{runData, runIndex, runLines} {
		var keys [][]byte
		prefix := rs.key(kind, number, 0)[:6]
		err := w.Scan(prefix, func(key, _ []byte) error {
			if len(keys) >= budget {
				return errRunStop
			}
			keys = append(keys, append([]byte(nil), key...))
			return nil
		})
		if err != nil && !errors.Is(err, errRunStop) {
			return 0, err
		}
		for _, key := range keys {
			if err := w.Delete(key); err != nil {
				return 0, err
			}
		}
		if budget -= len(keys); budget <= 0 {
			return 0, nil
		}
	}
	return budget - 1, w.Delete(rs.key(runMark, number, 0))
}

// The second byte of a key says what the value is; then the run and the number of the piece.
const (
	runMark  = 0 // stands from before the first block until after the last is deleted
	runData  = 1
	runIndex = 2 // first keys of 65,536 blocks
	runLines = 3 // a piece of the filter
)

func (rs *runs) key(kind byte, number, piece uint32) []byte {
	k := make([]byte, 2, 10)
	k[0], k[1] = rs.prefix, kind
	k = binary.BigEndian.AppendUint32(k, number)
	return binary.BigEndian.AppendUint32(k, piece)
}

// corrupt says which stored thing is not what was written.
func (rs *runs) corrupt(on string, r *run) error {
	if r != nil {
		on = fmt.Sprintf("run %d %s", r.number, on)
	}
	return &kith.Error{Op: rs.op, On: on, Kind: kith.ErrCorrupt}
}

// lines gives the number of filter lines for so many rows.
func (s *runSpec) lines(rows uint64) uint32 {
	switch {
	case s.words:
		return uint32(rows/wordFilterRows + 1)
	case !s.filter:
		return 0
	}
	return uint32(min((rows+filterRows-1)/filterRows+1, math.MaxInt32>>1))
}
