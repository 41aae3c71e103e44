package storage

import (
	"math"
	"slices"
	"sync"

	"github.com/kithdb/kith"
)

var placeSpec = runSpec{op: "storage.Places", prefix: keyPlaces, cols: 3, rows: 4096, cache: 128}

// Aside marks, in the place of a name, an event that stands outside of profiles
// and counts; its flags stand below.
const Aside = 1 << 31

// Place is where one event of a fragment stands: its ordinal in history, the number of its
// name, or Aside and its flags, and its day since 1970.
type Place struct {
	Ordinal uint64
	Name    uint32
	Day     int32
}

// Places says of each fragment where its events stand in history. The newest are in memory, the
// others in runs sorted by fragment. It is derived: what was added after the last State is added
// again from the log. The line adds; readers may ask at the same time for what is committed.
type Places struct {
	mu sync.RWMutex // guards tail, frozen and which view is the live one
	*runs
	tail *placeTail
	turn []placeAdd // the line's alone, until Commit
}

type placeAdd struct {
	fragment kith.FragmentID
	Place
}

// OpenPlaces opens the places as the state names them; nil starts with none. load gives committed values.
func OpenPlaces(load func(key []byte) ([]byte, error), state []byte) (*Places, error) {
	rs, err := openRuns(placeSpec, load, state)
	if err != nil {
		return nil, err
	}
	return &Places{runs: rs, tail: new(placeTail)}, nil
}

// Begin starts a turn.
func (p *Places) Begin() { p.turn = p.turn[:0] }

// Add says that the event at the ordinal belongs to the fragment. Ordinals ascend over all calls.
// Readers see it after Commit.
func (p *Places) Add(f kith.FragmentID, ordinal uint64, name uint32, day int32) {
	p.turn = append(p.turn, placeAdd{f, Place{ordinal, name, day}})
}

const placeGroup = 256 // adds under one lock, so that readers wait a few microseconds

// Commit shows readers what the turn has added.
func (p *Places) Commit() {
	for rest := p.turn; len(rest) > 0; {
		n := min(placeGroup, len(rest))
		p.mu.Lock()
		for i := range rest[:n] {
			p.tail.add(rest[i].fragment, rest[i].Place)
		}
		p.mu.Unlock()
		rest = rest[n:]
	}
	p.turn = p.turn[:0]
}

// Rollback forgets what the turn has added.
func (p *Places) Rollback() { p.turn = p.turn[:0] }

// Of gives the fragment's committed places with ordinals below upTo, ascending.
func (p *Places) Of(f kith.FragmentID, upTo uint64) ([]Place, error) {
	out, err := p.newest(f, upTo, math.MaxInt)
	slices.Reverse(out)
	return out, err
}

// Newest gives the n newest committed places with ordinals below upTo of several fragments, ascending.
func (p *Places) Newest(fs []kith.FragmentID, upTo uint64, n int) ([]Place, error) {
	var all []Place
	for _, f := range fs {
		some, err := p.newest(f, upTo, n)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b Place) int {
		if a.Ordinal < b.Ordinal {
			return -1
		}
		return 1
	})
	return all[max(0, len(all)-n):], nil
}

// Own gives all places of the fragment, with those of the turn. Only the line may call it.
func (p *Places) Own(f kith.FragmentID) ([]Place, error) {
	out, err := p.Of(f, math.MaxUint64)
	for i := range p.turn {
		if p.turn[i].fragment == f {
			out = append(out, p.turn[i].Place)
		}
	}
	return out, err
}

// newest gives the places below upTo from new to old, at most n. Every run is older than those
// behind it, so that it can stop early.
func (p *Places) newest(f kith.FragmentID, upTo uint64, n int) ([]Place, error) {
	rlock(&p.mu)
	out := p.tail.newest(nil, f, upTo, n)
	frozen, view := p.frozen, p.view
	view.refs.Add(1)
	p.mu.RUnlock()
	defer view.refs.Add(-1)
	for i := len(frozen) - 1; i >= 0 && len(out) < n; i-- {
		out = frozen[i].(*placeTail).newest(out, f, upTo, n)
	}
	for i := len(view.runs) - 1; i >= 0 && len(out) < n; i-- {
		fine := true
		err := p.find(view.runs[i], uint64(f), func(row *runRow) bool {
			place, ok := placeOf(row)
			fine = ok
			if ok && place.Ordinal < upTo {
				out = append(out, place)
			}
			return ok && len(out) < n
		})
		if err == nil && !fine {
			err = p.corrupt("place", view.runs[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Freeze sets aside what is in memory, to be flushed; what follows goes into a new part. It says
// whether there is anything to flush. It is called between turns.
func (p *Places) Freeze() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tail.count > 0 {
		p.freeze(p.tail)
		p.tail = new(placeTail)
	}
	return len(p.frozen) > 0
}

// Switched says that the record with the last State is durable.
func (p *Places) Switched() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.switched()
}

// Len gives the number of places in memory that are not frozen.
func (p *Places) Len() int { return p.tail.count }

// Each calls f with every committed place, by fragment and ordinal. Only the line may call it.
func (p *Places) Each(f func(kith.FragmentID, Place) error) error {
	all, err := p.all(p.tail)
	if err != nil {
		return err
	}
	for {
		more, err := all.next()
		if err != nil || !more {
			return err
		}
		place, ok := placeOf(&all.row)
		if !ok || all.row.key >= uint64(kith.NoFragment) {
			return p.corrupt("place", nil)
		}
		if err := f(kith.FragmentID(all.row.key), place); err != nil {
			return err
		}
	}
}
