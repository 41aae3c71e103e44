package engine

import (
	"math"
	"slices"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
)

// live keeps the members of segments current: at the end of each turn it asks
// again about the people whom something happened to, and about those for whom
// the clock has passed a boundary. What it answers from is the columns, and for
// each sub-select the events that it could count, by fragment: so a merge or a
// cut moves nothing here. The line's alone, but for what says otherwise.
type live struct {
	e        *Engine
	members  *storage.Values
	numbers  map[string]uint32 // of segments, by name
	segs     map[uint32]*liveSegment
	order    []*liveSegment          // what others use comes before what uses it
	values   int                     // so many of order are computed traits: they come first
	stages   [][]*liveSegment        // the others, in order
	computed map[string]*liveSegment // computed traits, by name
	leaves   map[string]*liveLeaf
	named    map[string][]*liveLeaf    // by the names of the events that they can count
	every    []*liveLeaf               // those that can count an event of any name
	traits   map[uint32][]*liveSegment // by the path of the trait
	fixed    []*liveSegment            // that look at first_seen, last_seen or known
	onLists  map[string][]*liveSegment // by the static lists that they ask for
	ranks    map[string]*ranking
	touched  map[uint32]*touch // by fragment
	free     []*touch
	timers   timers
	now      int64 // the instant that the members are of, microseconds
	newest   int64 // the newest time of an event that counts
	changes  []storage.Change
	paths    map[string]uint32  // numbers of the paths that leaves look at
	veil     *veil              // over what leaves keep of sealed values
	turn     *turn              // that is being settled
	known    map[string]keeping // segments by name; replaced, never changed
	shown    map[string]keeping // computed traits by name; so, too
	resuming int                // segments that the clock waits for: they are not built since the directory was opened
}

// liveSegment is a segment, or a computed trait, that is kept current.
type liveSegment struct {
	Segment
	number   uint32
	trait    bool           // it is a computed trait, of which Text is the value
	col      *column        // of a computed trait: where the values stand; nil: it was dropped
	others   []*column      // where those of earlier versions may stand, which had another type
	prog     *query.Program // nil: it was dropped, nobody is in it
	leaves   []*liveLeaf    // of prog's
	ranks    []*ranking
	accounts []*accounts    // that it counts people of, as prog's Peers
	lists    []*list        // what it asks of reference tables
	users    []*liveSegment // that use it
	timer    map[uint32]int64
	upTo     uint32     // rows below were asked about since it was built
	cause    kith.Cause // of the changes that building it makes, and
	of       kith.Seq   // what caused them
	place    int        // in order
	resumed  bool       // the clock waits for it since the directory was opened
	l        *live      // whose it is: an unload begins with others
	built    chan struct{}
	gauge    *gauge
	err      error // why it was not built; set before built is closed
}

const wholeUp = math.MaxUint32

// liveLeaf is a sub-select over events, of all segments that have it.
type liveLeaf struct {
	*query.Leaf
	users []*liveSegment
	of    map[uint32][]query.Match // by fragment
	from  kith.Seq                 // it is told of every event after that number,
	since int64                    // and asked as of this instant and later
	ready bool                     // of has what happened before, too
	clear bool                     // of a computed trait, which stands in the clear: what is sealed is missing
}

// touch is somebody about whom has to be asked again.
type touch struct {
	segs  []uint64 // bit set, by place in order
	all   bool
	cause kith.Cause
	of    kith.Seq
}

// newLive makes the live half of an engine, without segments.
func (e *Engine) newLive() (*live, error) {
	members, err := e.state.Values(storage.MembersIndex)
	if err != nil {
		return nil, err
	}
	return &live{
		e: e, members: members, numbers: map[string]uint32{}, segs: map[uint32]*liveSegment{}, leaves: map[string]*liveLeaf{},
		computed: map[string]*liveSegment{},
		named:    map[string][]*liveLeaf{}, traits: map[uint32][]*liveSegment{}, onLists: map[string][]*liveSegment{}, ranks: map[string]*ranking{},
		touched: map[uint32]*touch{}, paths: map[string]uint32{}, veil: newVeil(), now: math.MinInt64, newest: math.MinInt64,
	}, nil
}

// happened takes an event, of which secret are the identifying leaves, into the
// leaves that count it, and notes whom it may move.
func (l *live) happened(ev *storage.Event, secret []byte) {
	if ev.Time > l.newest {
		l.newest = ev.Time
	}
	if len(l.segs) == 0 {
		return
	}
	cause := kith.ByEvent
	if last, ok := l.e.people.Last.I64(uint32(l.e.people.Owner(ev.Fragment))); ok && last > ev.Time {
		cause = kith.ByLate
	}
	for _, s := range l.fixed {
		l.touch(ev.Fragment, s, cause, ev.Seq)
	}
	named := l.named[ev.Name]
	if len(named)+len(l.every) == 0 {
		return
	}
	seen := &liveEvent{l: l, ev: ev, secret: secret}
	for _, list := range [...][]*liveLeaf{named, l.every} {
		for _, leaf := range list {
			seen.clear = leaf.clear
			m, ok := leaf.Match(seen)
			if !ok {
				continue
			}
			leaf.add(uint32(ev.Fragment), m, l.now)
			for _, s := range leaf.users {
				l.touch(ev.Fragment, s, cause, ev.Seq)
			}
		}
	}
}

// add keeps a match, and forgets those of the same fragment that can never count again.
func (leaf *liveLeaf) add(fragment uint32, m query.Match, now int64) {
	list := leaf.of[fragment]
	if before, ok := leaf.Expires(now); ok && len(list) == cap(list) {
		list = slices.DeleteFunc(list, func(m query.Match) bool { return m.TS < before })
	}
	leaf.of[fragment] = append(list, m)
}

// told notes that a trait of the person who has a fragment has changed.
func (l *live) told(f kith.FragmentID, trait uint32, of kith.Seq) {
	for _, s := range l.traits[trait] {
		l.touch(f, s, kith.ByEvent, of)
	}
}

// moved notes that a person may be in any segment, or in none: two became one, or one several.
func (l *live) moved(f kith.FragmentID, cause kith.Cause, of kith.Seq) {
	if len(l.segs) == 0 {
		return
	}
	t := l.touching(f)
	t.all, t.cause, t.of = true, cause, of
}

func (l *live) touch(f kith.FragmentID, s *liveSegment, cause kith.Cause, of kith.Seq) {
	t := l.touching(f)
	t.segs[s.place>>6] |= 1 << (s.place & 63)
	if t.cause != kith.ByMerge && t.cause != kith.ByCut { // they say more
		t.cause, t.of = cause, of
	}
}

func (l *live) touching(f kith.FragmentID) *touch {
	t := l.touched[uint32(f)]
	if t != nil {
		return t
	}
	if n := len(l.free); n > 0 {
		t, l.free = l.free[n-1], l.free[:n-1]
	} else {
		t = &touch{}
	}
	if words := (len(l.order) + 63) / 64; len(t.segs) != words {
		t.segs = make([]uint64, words)
	}
	l.touched[uint32(f)] = t
	return t
}

// settle asks again about everybody who was touched, at one instant.
func (l *live) settle(at int64) error {
	if len(l.touched) == 0 {
		return nil
	}
	rows := l.everybodyTouched(make([]uint32, 0, len(l.touched)))
	if l.values > 0 { // before anything looks at them
		for _, f := range rows {
			if err := l.again(f, l.touched[f], at, l.order[:l.values]); err != nil {
				return err
			}
		}
	}
	if err := l.rankAll(rows, at); err != nil {
		return err
	}
	rows = l.everybodyTouched(rows) // a rank may have moved others
	for _, stage := range l.stages {
		if err := l.seatAll(stage[0], rows, at); err != nil {
			return err
		}
		rows = l.everybodyTouched(rows)
		for _, f := range rows {
			if err := l.again(f, l.touched[f], at, stage); err != nil {
				return err
			}
		}
	}
	for _, f := range rows {
		t := l.touched[f]
		delete(l.touched, f)
		clear(t.segs)
		t.all, t.cause, t.of = false, 0, 0
		l.free = append(l.free, t)
	}
	return nil
}

// again asks some of order about the owner of a fragment and, where it has been absorbed, takes it out itself.
func (l *live) again(f uint32, t *touch, at int64, some []*liveSegment) error {
	owner := uint32(l.e.people.Owner(kith.FragmentID(f)))
	p := livePerson{l: l, row: owner}
	for _, s := range some {
		if !t.has(s) {
			continue
		}
		if owner != f {
			if s.trait {
				l.show(s, f, query.Datum{}, false)
			} else if err := l.put(s, f, false, t, at); err != nil {
				return err
			}
		}
		moved, err := l.decide(s, &p, t, at)
		if err != nil {
			return err
		}
		if moved {
			for _, u := range s.users {
				t.segs[u.place>>6] |= 1 << (u.place & 63)
			}
		}
	}
	return nil
}

// decide asks whether a person is in a segment, and notes what has changed and when it can change next.
func (l *live) decide(s *liveSegment, p *livePerson, t *touch, at int64) (moved bool, err error) {
	if p.row >= s.upTo {
		return false, nil // its turn comes while the segment is built
	}
	if s.trait {
		return l.value(s, p, at)
	}
	is := false
	if s.prog != nil {
		if err := p.begin(s); err != nil {
			return false, err
		}
		if p.exists {
			truth, next := s.prog.Eval(p, at)
			is = truth == query.Yes
			l.wake(s, p.row, next)
		}
		if p.err != nil {
			return false, p.err
		}
	}
	if l.members.Has(s.number, p.row) == is {
		return false, nil
	}
	return true, l.put(s, p.row, is, t, at)
}

// put makes a row a member, or none, and notes the change.
func (l *live) put(s *liveSegment, row uint32, is bool, t *touch, at int64) error {
	if l.members.Has(s.number, row) == is {
		return nil
	}
	l.e.state.Do(func() {
		if is {
			l.members.Add(s.number, row)
		} else {
			l.members.Remove(s.number, row)
		}
	})
	l.changes = append(l.changes, storage.Change{
		Segment: s.number, Version: s.Version, Profile: kith.ProfileID(row), Entered: is, Cause: t.cause, Of: t.of, At: at,
	})
	return nil
}

// clocked tells what the standing clock says in a turn.
func (l *live) clocked(at time.Time) int64 {
	c := &l.e.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.set.Mode {
	case "at":
		return c.set.At.UnixMicro()
	case "data":
		return l.newest
	}
	return at.UnixMicro()
}

// Bounds of a turn: changes in one record, and people asked about because time
// has passed.
const (
	mostChanges = 4096
	mostDue     = 2000
)

// settleLive brings the members up to what the turn did, and writes the changes.
// more says that time has passed more boundaries than one turn takes.
func (t *turn) settleLive() (more bool, err error) {
	l := t.l.live
	if l == nil {
		return false, nil
	}
	l.turn = t
	defer func() { l.turn = nil }()
	if l.resuming == 0 {
		more, err = l.tick(max(l.clocked(t.at), l.now)) // boundaries that time has passed, in true order,
	}
	if err == nil {
		err = l.settle(l.now) // and then what happened
	}
	if err != nil {
		return more, err
	}
	return more, t.putChanges()
}

// putChanges numbers the changes of a turn and stores them.
func (t *turn) putChanges() error {
	l := t.l.live
	for list := l.changes; len(list) > 0; {
		part := list[:min(len(list), mostChanges)]
		list = list[len(part):]
		for i := range part {
			part[i].Seq = t.blob.Skip()
		}
		if err := t.tx.PutChanges(part); err != nil {
			return err
		}
		if t.blob.Len() > blobBytes {
			if err := t.cutBlob(); err != nil {
				return err
			}
		}
	}
	l.changes = l.changes[:0]
	return nil
}
