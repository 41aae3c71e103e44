package storage

import (
	"encoding/binary"
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/kithdb/kith"
)

// unit is what State does with every kind of unit. All is called under mu,
// images by the line alone.
type unit interface {
	marked() *mark
	revert()                                        // takes back the open turn
	settle(turn uint64, keep bool, needed []uint64) // the open turn is published; keep: an older version is needed
	trim(floor uint64) bool                         // drops undo that leads below floor; true: none is left
	images(ver uint64) []Unit                       // the stored form at ver
	bytes() int                                     // memory, about
	seat(in bool) bool                              // puts the unit where it is looked for, unless one is there (false), or takes it away
}

// mark is the bookkeeping of a unit; hot is the reader's, the rest the line's.
type mark struct {
	key    UnitKey
	turn   uint64 // the turn that changed it last
	dirty  bool   // in State.dirty
	frozen bool   // belongs to the running checkpoint, which has not taken it yet
	taken  bool   // the running checkpoint took it and is not done
	kept   bool   // in State.kept
	small  bool   // its undo is so small that a checkpoint keeps it to the end
	spot   int    // place in State.ring, 1 is the first; 0 = not there
	size   int    // bytes in State.used
	hot    atomic.Bool
}

func (m *mark) marked() *mark { return m }

// use tells the cache that the unit was of use.
func (m *mark) use() {
	if !m.hot.Load() {
		m.hot.Store(true)
	}
}

// flight is one load, shared by all who want the unit.
type flight struct {
	done   chan struct{}
	unit   unit
	err    error
	landed bool // under mu
}

// bring loads a unit and puts it in its place. The caller holds no lock, or
// is the line inside Do. Others may have evicted the unit since. Then what
// bring gives can still be read: a unit that changed after a reader's version
// has undo and is not evicted, and one that is out of its place never changes.
// The line changes only what it finds in its place.
func (s *State) bring(line bool, key UnitKey, build func([]byte) (unit, error)) (unit, error) {
	f := s.fetch(key, build)
	if !line || !s.inside {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	if f.landed {
		return f.unit, f.err
	}
	f.landed = true
	s.fmu.Lock()
	delete(s.flights, key)
	s.fmu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	if !f.unit.seat(true) { // the line made it in the meantime: it was nobody's at any version before
		return f.unit, nil
	}
	s.enter(f.unit)
	if !line { // the line may hold a unit that it has not touched yet
		s.shrink()
	}
	return f.unit, nil
}

// fetch reads a unit once, however many ask at the same time.
func (s *State) fetch(key UnitKey, build func([]byte) (unit, error)) *flight {
	s.fmu.Lock()
	f := s.flights[key]
	if f != nil {
		s.fmu.Unlock()
		<-f.done
		return f
	}
	f = &flight{done: make(chan struct{})}
	s.flights[key] = f
	s.fmu.Unlock()
	defer close(f.done)
	data, err := s.load(key)
	if err == nil {
		f.unit, err = build(data)
	}
	f.err = err
	return f
}

// enter makes a unit one that can be evicted; mu is held.
func (s *State) enter(u unit) {
	m := u.marked()
	s.ring = append(s.ring, u)
	m.spot = len(s.ring)
	m.use()
	s.weigh(u)
}

// weigh brings State.used up to date with a unit; mu is held, or the unit is nobody else's yet.
func (s *State) weigh(u unit) {
	m, n := u.marked(), u.bytes()
	s.used.Add(int64(n - m.size))
	m.size = n
}

// patience is how many units in a row may turn out not to be evictable before
// shrink leaves it for the next time.
const patience = 256

// shrink evicts units that are clean and were not of use lately, until the
// rest fits; mu is held. What is dirty, or has undo, stays: memory is bounded
// by checkpoints and by the life of pins.
func (s *State) shrink() {
	for tries := 0; s.used.Load() > s.memory && tries < patience && len(s.ring) > 0; tries++ {
		if s.hand >= len(s.ring) {
			s.hand = 0
		}
		u := s.ring[s.hand]
		m := u.marked()
		busy := m.dirty || m.frozen || m.taken || m.kept
		if busy || m.hot.Swap(false) {
			s.hand++
			continue
		}
		u.seat(false)
		last := len(s.ring) - 1
		s.ring[s.hand] = s.ring[last]
		s.ring[s.hand].marked().spot = s.hand + 1
		s.ring[last], s.ring = nil, s.ring[:last]
		m.spot = 0
		s.used.Add(-int64(m.size))
		tries = -1
	}
}

// unitCorrupt says that stored bytes are not a unit.
func unitCorrupt(k UnitKey, what string) error {
	on := "unit " + string(rune(k.Family)) + " " + strconv.FormatUint(uint64(k.ID), 10) + " " + strconv.FormatUint(k.Part, 10)
	return &kith.Error{Op: "storage.State", On: on, Kind: kith.ErrCorrupt, Err: errors.New(what)}
}

// extent counts the blocks in which any column has had a row, by version.
type extent struct {
	mark
	n    uint32
	was  uint32 // before the open turn
	past []extentStep
}

type extentStep struct {
	turn uint64
	was  uint32
}

// grow makes block k one of those there are.
func (e *extent) grow(s *State, k uint32) {
	if k < e.n {
		return
	}
	if e.turn != s.turn {
		e.was = e.n
		s.touch(e, &e.mark)
	}
	e.n = k + 1
}

// at gives the blocks that there were at a version.
func (e *extent) at(ver uint64) uint32 {
	for _, p := range e.past {
		if p.turn > ver {
			return p.was
		}
	}
	if e.turn > ver {
		return e.was
	}
	return e.n
}

func (e *extent) revert() { e.n = e.was }

func (e *extent) settle(turn uint64, keep bool, _ []uint64) {
	if keep {
		e.past = append(e.past, extentStep{turn, e.was})
	}
}

func (e *extent) trim(floor uint64) bool {
	n := 0
	for n < len(e.past) && e.past[n].turn <= floor {
		n++
	}
	e.past = append(e.past[:0], e.past[n:]...)
	return len(e.past) == 0
}

func (e *extent) images(ver uint64) []Unit {
	return []Unit{{e.key, binary.AppendUvarint([]byte{1}, uint64(e.at(ver)))}}
}

func (e *extent) bytes() int { return 16 * len(e.past) }

func (e *extent) seat(bool) bool { return true }

func (e *extent) parse(data []byte) error {
	if data == nil {
		return nil
	}
	if len(data) < 2 || data[0] != 1 {
		return unitCorrupt(e.key, "not the form of an extent")
	}
	n, w := binary.Uvarint(data[1:])
	if w != len(data)-1 || n > 1<<16 {
		return unitCorrupt(e.key, "not the form of an extent")
	}
	e.n = uint32(n)
	return nil
}
