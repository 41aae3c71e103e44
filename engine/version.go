package engine

import (
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// version is everything as it was after one commit: columns and bitmaps by
// pin, the store by snapshot, and how many events there are.
type version struct {
	seq       kith.Seq
	events    uint64
	fragments uint32
	pin       *storage.Pin
	snap      *storage.Snapshot
	tallies   map[string]kith.Tally
	rules     uint32
	tables    []*storage.TableVersion // every version of every reference table, by load
	lists     listNames               // static ones, by name
	at        int64                   // instant of the commit, microseconds
	members   *storage.Values         // of segments, by their numbers; nil: none is kept
	live      map[string]keeping      // segments that are kept, by name
	shown     map[string]keeping      // computed traits, by name
	clearing  bool                    // values of computed traits that were dropped are still there
	told      int64                   // the instant that members and computed traits are of, microseconds
	held      bool                    // the clock waits for segments that are being built
	due       int64                   // when time passes the next boundary, microseconds
	next      chan struct{}           // closed when there is a newer one
	all       everyone
	newest    newestAt
	refs      atomic.Int64 // one is the publisher's, while there is no newer one; 0: it is gone
}

// everyone is all people of a version, found when somebody asks.
type everyone struct {
	once sync.Once
	set  *bitmap.Set
	err  error
}

// newestAt is the newest time of an event of a version, found when somebody asks.
type newestAt struct {
	once sync.Once
	at   time.Time
	err  error
}

// versions hands out the version that was published last. Nobody waits for it,
// but while everything is put in the place of what there was.
type versions struct {
	now    atomic.Pointer[version]
	held   atomic.Int64                  // versions that somebody reads, or could
	closed atomic.Pointer[chan struct{}] // closed when there is one again; nil: nobody has to wait
}

// shut lets those wait who ask for a version while there is none.
func (vs *versions) shut() {
	wait := make(chan struct{})
	vs.closed.Store(&wait)
}

// open ends that.
func (vs *versions) open() {
	if wait := vs.closed.Swap(nil); wait != nil {
		close(*wait)
	}
}

// publish makes a version of what was just committed. The line calls it, after
// the commit and before anything else is committed.
func (e *Engine) publish(h *storage.Head) {
	v := &version{
		seq: h.Seq, events: h.Events, fragments: h.Fragments, tallies: maps.Clone(h.Tallies), rules: h.Rules, at: h.At,
		tables: e.tables.now, lists: e.static.now, pin: e.state.Pin(), snap: e.store.Snapshot(), due: math.MaxInt64,
		next: make(chan struct{}),
	}
	if l := e.liveHalf(); l != nil {
		v.members, v.live, v.due, v.held = l.members, l.known, l.due(), l.resuming > 0
		v.shown, v.clearing, v.told = l.shown, len(l.computed) > len(l.shown), l.now
	} else {
		v.shown = e.hidden
	}
	v.refs.Store(1)
	e.versions.held.Add(1)
	if old := e.versions.now.Swap(v); old != nil {
		close(old.next)
		e.release(old)
	}
	e.waker(v.due)
}

// acquire gives the newest version. It must be released.
func (e *Engine) acquire() (*version, error) {
	for {
		v := e.versions.now.Load()
		switch {
		case v != nil && v.hold():
			return v, nil
		case v != nil:
			continue // there is a newer one
		}
		if wait := e.versions.closed.Load(); wait != nil {
			<-*wait
		} else if e.versions.now.Load() == nil { // nor has there come one meanwhile
			return nil, &kith.Error{Op: "engine", Kind: kith.ErrClosed}
		}
	}
}

// hold reports false when the version went meanwhile, because there is a newer one.
func (v *version) hold() bool {
	for {
		n := v.refs.Load()
		if n == 0 {
			return false
		}
		if v.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (e *Engine) release(v *version) {
	if v.refs.Add(-1) == 0 {
		v.pin.Release()
		v.snap.Release()
		e.versions.held.Add(-1)
	}
}

// unpublish takes the last version away, so that nothing new can be read.
func (e *Engine) unpublish() {
	if v := e.versions.now.Swap(nil); v != nil {
		close(v.next)
		e.release(v)
	}
}
