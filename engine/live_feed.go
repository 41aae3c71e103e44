package engine

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// Watch gives the changes of a segment's members from a number on (0: from the
// first), and goes on with those that come, until ctx ends. An empty name means
// all segments. Applied in order they give the members at each number. The
// error comes last: ErrNotFound where no segment ever had the name, ctx's when
// it has ended.
func (e *Engine) Watch(ctx context.Context, segment string, from kith.Seq) iter.Seq2[kith.Change, error] {
	return func(yield func(kith.Change, error) bool) {
		if err := e.current(ctx); err != nil {
			yield(kith.Change{}, err)
			return
		}
		for {
			v, err := e.acquire()
			if err != nil {
				yield(kith.Change{}, err)
				return
			}
			more, err := e.changes(v, segment, from, func(c kith.Change) bool { return yield(c, nil) })
			from = v.seq + 1
			next := v.next
			e.release(v)
			switch {
			case err != nil:
				yield(kith.Change{}, err)
				return
			case !more:
				return
			}
			select {
			case <-ctx.Done():
				yield(kith.Change{}, ctx.Err())
				return
			case <-next:
			}
		}
	}
}

// Changes gives the changes of a segment's members from a number on that there
// are, as Watch does, and ends.
func (e *Engine) Changes(segment string, from kith.Seq) iter.Seq2[kith.Change, error] {
	return func(yield func(kith.Change, error) bool) {
		err := e.current(context.Background())
		var v *version
		if err == nil {
			v, err = e.acquire()
		}
		if err == nil {
			defer e.release(v)
			_, err = e.changes(v, segment, from, func(c kith.Change) bool { return yield(c, nil) })
		}
		if err != nil {
			yield(kith.Change{}, err)
		}
	}
}

// changes calls f for the changes of a version; more is false when f has enough.
func (e *Engine) changes(v *version, segment string, from kith.Seq, f func(kith.Change) bool) (more bool, err error) {
	all, err := e.definitions(v.snap)
	if err != nil {
		return false, err
	}
	if _, ok := all[segment]; segment != "" && !ok {
		return false, noSegment("engine.Watch", segment)
	}
	names := map[uint32]string{}
	for _, s := range all {
		names[s.number] = s.Name
	}
	more = true
	err = v.snap.Changes(from, func(c *storage.Change) error {
		if segment != "" && names[c.Segment] != segment {
			return nil
		}
		more = f(kith.Change{
			Seq: c.Seq, Segment: names[c.Segment], Version: c.Version, Profile: c.Profile,
			Entered: c.Entered, Cause: c.Cause, Of: c.Of, At: time.UnixMicro(c.At).UTC(),
		})
		if !more {
			return storage.ErrStop
		}
		return nil
	})
	if errors.Is(err, storage.ErrStop) {
		err = nil
	}
	return more, err
}

// liveHalf gives the live half, if there is one yet.
func (e *Engine) liveHalf() *live {
	if e.line == nil {
		return nil
	}
	return e.line.live
}

// rewind begins anew where the clock has gone back, which a change from the
// wall to an instant of the data does. It is called in the line.
func (e *Engine) rewind() error {
	l := e.line.live
	if l == nil || len(l.segs) == 0 || l.clocked(e.o.now()) >= l.now {
		return nil
	}
	err := e.restartLive(kith.ByClock)
	e.publish(&e.line.head)
	return err
}

// retellChanges carries out the changes of a blob of the log again.
func (t *turn) retellChanges(first, last kith.Seq) error {
	e := t.l.e
	members, err := e.state.Values(storage.MembersIndex)
	if err != nil {
		return err
	}
	snap := e.store.Snapshot() // the turn's transaction is in the middle of the log
	defer snap.Release()
	return apply(e.state, members, snap, first, last)
}

// apply carries out the changes from first to last.
func apply(s *storage.State, members *storage.Values, r interface {
	Changes(kith.Seq, func(*storage.Change) error) error
}, first, last kith.Seq) error {
	return r.Changes(first, func(c *storage.Change) error {
		if c.Seq > last {
			return storage.ErrStop
		}
		s.Do(func() {
			if c.Entered {
				members.Add(c.Segment, uint32(c.Profile))
			} else {
				members.Remove(c.Segment, uint32(c.Profile))
			}
		})
		return nil
	})
}

// members gives the new engine the members that the changes make.
func (b *rebuilder) members() error {
	b.begin()
	defer func() { b.t.tx.Discard() }()
	members, err := b.x.state.Values(storage.MembersIndex)
	if err != nil {
		return err
	}
	if err := apply(b.x.state, members, b.v.snap, 0, b.v.seq); err != nil {
		return err
	}
	return b.end()
}
