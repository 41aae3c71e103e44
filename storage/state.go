package storage

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// UnitKey names a unit: the piece of state that is loaded, written and evicted as one.
type UnitKey struct {
	Family byte
	ID     uint32
	Part   uint64
}

// The families of units.
const (
	familyExtent = 'h' // how many blocks of rows there are
	familyColumn = 'c' // column block: ID column, Part 2*block, and 2*block+1 for what is too long for one value
	familyDict   = 's' // chunk of a dictionary: ID dictionary, Part chunk
	familyValues = 'v' // set of the rows that have a value: ID index, Part code<<32|cut
	familyDays   = 'd' // counts of a day: ID event name, Part day<<32|cut, the day's sign turned
	listPart     = math.MaxUint64
)

// Append appends the key's 13 bytes to dst; they sort as (Family, ID, Part).
func (k UnitKey) Append(dst []byte) []byte {
	dst = append(dst, k.Family)
	dst = binary.BigEndian.AppendUint32(dst, k.ID)
	return binary.BigEndian.AppendUint64(dst, k.Part)
}

// ParseUnitKey reads what Append wrote.
func ParseUnitKey(b []byte) (UnitKey, bool) {
	if len(b) != 13 {
		return UnitKey{}, false
	}
	return UnitKey{b[0], binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint64(b[5:])}, true
}

// Unit is one unit as it is stored.
type Unit struct {
	Key  UnitKey
	Data []byte // nil = delete
}

// State holds columns, dictionaries and bitmap indexes, and the versions of
// them that readers have pinned. One goroutine, the line, changes it in turns.
//
// A unit has one current content and, as long as a pin or a checkpoint needs
// it, the undo of the turns since. A reader copies the content and applies the
// undo back to its version; content that nobody changes is shared instead.
//
// The line may read its own state without a lock: only the line changes
// content. Units are put in place and evicted under mu, in atomic slots.
type State struct {
	load   func(UnitKey) ([]byte, error)
	memory int64

	mu     sync.RWMutex // the content of all units, ring, hand, used
	inside bool         // the line is in Do; only the line looks
	ring   []unit       // what can be evicted
	hand   int
	used   atomic.Int64 // bytes

	open    bool   // a turn is open
	turn    uint64 // the number of the turn that is open, or comes next
	touched []unit // changed in the open turn
	kept    []unit // have undo of published turns
	dirty   []unit // changed since they were written, oldest first
	running *Checkpoint
	err     error // the first load that failed in this turn
	extent  extent

	pmu    sync.Mutex // the fields below
	ver    uint64     // the last turn that was published
	seq    uint64     // its sequence number
	pins   map[uint64]int
	oldest uint64 // the oldest pinned version; ver if none

	fmu     sync.Mutex // flights
	flights map[UnitKey]*flight

	hmu     sync.Mutex // the handles below
	columns map[uint32]*Column
	dicts   map[uint32]*Dict
	values  map[uint32]*Values
	days    map[uint32]*Days
}

// NewState gives the state whose units load returns: nil for one that is
// absent, and always as of the last checkpoint that was Done. load is called
// from any goroutine. Clean units are evicted when all units together take
// more than memory bytes.
func NewState(load func(UnitKey) ([]byte, error), memory int64) (*State, error) {
	s := &State{
		load: load, memory: memory, turn: 1,
		pins: map[uint64]int{}, flights: map[UnitKey]*flight{},
		columns: map[uint32]*Column{}, dicts: map[uint32]*Dict{},
		values: map[uint32]*Values{}, days: map[uint32]*Days{},
	}
	s.extent.mark = mark{key: UnitKey{Family: familyExtent}, small: true}
	data, err := load(s.extent.key)
	if err != nil {
		return nil, err
	}
	return s, s.extent.parse(data)
}

// Begin starts a turn.
func (s *State) Begin() {
	if s.open {
		panic("storage: Begin inside a turn")
	}
	s.open, s.err = true, nil
}

// Do runs f, which may change the state. Readers wait meanwhile, so f is short.
func (s *State) Do(f func()) {
	s.mu.Lock()
	s.inside = true
	defer func() {
		s.inside = false
		s.mu.Unlock()
	}()
	f()
}

// Err gives the first load that failed on the line's side in this turn. What
// the line read or wrote there was nothing: the turn must be rolled back.
func (s *State) Err() error { return s.err }

// Publish ends the turn: new pins see it, as seq. Undo that no pin and no
// checkpoint needs is dropped.
func (s *State) Publish(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pmu.Lock()
	s.ver, s.seq = s.turn, seq
	s.settleOldest()
	oldest, vers := s.oldest, s.needed()
	s.pmu.Unlock()
	for _, u := range s.touched {
		m := u.marked()
		keep := s.floor(m, oldest) < s.ver
		u.settle(s.ver, keep, vers)
		if keep && !m.kept {
			m.kept, s.kept = true, append(s.kept, u)
		}
		s.weigh(u)
	}
	s.end()
	s.trim(oldest)
	s.shrink()
}

// Rollback ends the turn and takes back everything that was changed in it.
func (s *State) Rollback() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range slices.Backward(s.touched) {
		u.revert()
		s.weigh(u)
	}
	s.end()
}

// end closes the turn. A rolled back turn's number is not used again, so that
// nothing changed in it passes for changed in the next.
func (s *State) end() {
	clear(s.touched)
	s.touched = s.touched[:0]
	s.open, s.err = false, nil
	s.turn++
}

// Seq gives the sequence number that was published last.
func (s *State) Seq() uint64 {
	s.pmu.Lock()
	defer s.pmu.Unlock()
	return s.seq
}

// touch notes that the open turn changes u.
func (s *State) touch(u unit, m *mark) {
	if !s.open || !s.inside {
		panic("storage: state changed outside a turn or outside Do")
	}
	m.turn = s.turn
	s.touched = append(s.touched, u)
	if !m.dirty {
		m.dirty, s.dirty = true, append(s.dirty, u)
	}
}

// fail keeps the first error of the turn.
func (s *State) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Pin holds one version for a reader.
type Pin struct {
	s        *State
	ver, seq uint64
	once     sync.Once
}

// Pin pins the version that was published last.
func (s *State) Pin() *Pin {
	s.pmu.Lock()
	defer s.pmu.Unlock()
	s.pins[s.ver]++
	return &Pin{s: s, ver: s.ver, seq: s.seq}
}

// Seq gives the sequence number that the reader sees.
func (p *Pin) Seq() uint64 { return p.seq }

// Blocks counts the blocks of 65,536 rows in which any column has had a row.
func (p *Pin) Blocks() int {
	p.s.mu.RLock()
	defer p.s.mu.RUnlock()
	return int(p.s.extent.at(p.ver))
}

// Release lets go of the version. A second call does nothing.
func (p *Pin) Release() {
	p.once.Do(func() {
		s := p.s
		s.pmu.Lock()
		if s.pins[p.ver]--; s.pins[p.ver] == 0 {
			delete(s.pins, p.ver)
		}
		was := s.oldest
		s.settleOldest()
		oldest := s.oldest
		s.pmu.Unlock()
		if oldest != was && s.mu.TryLock() { // else the next Publish does it
			s.trim(oldest)
			s.mu.Unlock()
		}
	})
}

// settleOldest finds the oldest version that is pinned; pmu is held.
func (s *State) settleOldest() {
	s.oldest = s.ver
	for v := range s.pins {
		s.oldest = min(s.oldest, v)
	}
}

// needed gives the versions that somebody reads, ascending; pmu is held.
func (s *State) needed() []uint64 {
	vers := make([]uint64, 0, len(s.pins)+1)
	for v := range s.pins {
		vers = append(vers, v)
	}
	if s.running != nil {
		vers = append(vers, s.running.ver)
	}
	slices.Sort(vers)
	return slices.Compact(vers)
}

// floor gives the oldest version that is needed of a unit.
func (s *State) floor(m *mark, oldest uint64) uint64 {
	if s.running != nil && (m.frozen || m.small) {
		return min(oldest, s.running.ver)
	}
	return oldest
}

// trim drops undo that leads below what is needed; mu is held.
func (s *State) trim(oldest uint64) {
	left := s.kept[:0]
	for _, u := range s.kept {
		m := u.marked()
		if m.kept = !u.trim(s.floor(m, oldest)); m.kept {
			left = append(left, u)
		}
		s.weigh(u)
	}
	clear(s.kept[len(left):])
	s.kept = left
}

// see locks for a reader of version p and gives that version; nil is the
// line's own view. unsee unlocks.
func (s *State) see(p *Pin) uint64 {
	if p == nil && s.inside {
		return math.MaxUint64
	}
	rlock(&s.mu)
	if p == nil {
		return math.MaxUint64
	}
	return p.ver
}

func (s *State) unsee(p *Pin) {
	if p == nil && s.inside {
		return
	}
	s.mu.RUnlock()
}

// StateStats says what the state takes.
type StateStats struct {
	Units int   // that can be evicted, in memory
	Bytes int64 // of all units and their undo
	Kept  int   // units with undo that a reader or a checkpoint needs
	Dirty int   // units that wait for a checkpoint
	Pins  int
}

// Stats says what the state takes.
func (s *State) Stats() StateStats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.pmu.Lock()
	defer s.pmu.Unlock()
	st := StateStats{Units: len(s.ring), Bytes: s.used.Load(), Kept: len(s.kept), Dirty: len(s.dirty)}
	for _, n := range s.pins {
		st.Pins += n
	}
	return st
}
