package engine

import (
	"maps"
	"sync"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
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
	at        int64 // instant of the commit, microseconds
	refs      int   // guarded by versions.mu; one is the publisher's
}

// versions hands out the version that was published last.
type versions struct {
	mu  sync.Mutex
	now *version // guarded by mu
}

// publish makes a version of what was just committed. The line calls it, after
// the commit and before anything else is committed.
func (e *Engine) publish(h *storage.Head) {
	v := &version{
		seq: h.Seq, events: h.Events, fragments: h.Fragments, tallies: maps.Clone(h.Tallies), rules: h.Rules, at: h.At,
		pin: e.state.Pin(), snap: e.store.Snapshot(), refs: 1,
	}
	vs := &e.versions
	vs.mu.Lock()
	old := vs.now
	vs.now = v
	vs.mu.Unlock()
	if old != nil {
		e.release(old)
	}
}

// acquire gives the newest version. It must be released.
func (e *Engine) acquire() (*version, error) {
	e.versions.mu.Lock()
	defer e.versions.mu.Unlock()
	v := e.versions.now
	if v == nil {
		return nil, &kith.Error{Op: "engine", Kind: kith.ErrClosed}
	}
	v.refs++
	return v, nil
}

func (e *Engine) release(v *version) {
	e.versions.mu.Lock()
	v.refs--
	last := v.refs == 0
	e.versions.mu.Unlock()
	if last {
		v.pin.Release()
		v.snap.Release()
	}
}

// unpublish takes the last version away, so that nothing new can be read.
func (e *Engine) unpublish() {
	e.versions.mu.Lock()
	v := e.versions.now
	e.versions.now = nil
	e.versions.mu.Unlock()
	if v != nil {
		e.release(v)
	}
}
