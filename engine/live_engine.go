package engine

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage/bitmap"
)

// keeping is what readers of a version know of a segment, or of a computed trait.
type keeping struct {
	number  uint32
	version uint32
	ready   bool // its members are kept: else a question is answered on demand
	built   chan struct{}
	gauge   *gauge
	col     *column // of a computed trait
}

// WaitLive waits until every segment and computed trait is kept current, which
// is some time after an opening, a load taken back, or a definition. Nothing else
// waits for that; but who moves meanwhile, by an event or whatever else, moves
// with the cause ByDefinition (ByUnload), when what moved the person is found.
func (e *Engine) WaitLive(ctx context.Context) error { return e.await(ctx) }

// await waits until every segment that there is is built, or could not be.
func (e *Engine) await(ctx context.Context) error {
	v, err := e.acquire()
	if err != nil {
		return err
	}
	lists := [...]map[string]keeping{v.shown, v.live}
	e.release(v)
	for _, list := range lists {
		for _, s := range list {
			if s.ready || s.built == nil {
				continue
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.built:
			}
		}
	}
	return nil
}

// startLive takes up the segments of the directory, as it was closed with them,
// or begins to build them. What has become due since the last commit is told
// when they are built.
func (e *Engine) startLive() error {
	e.builder.open()
	l, err := e.freshLive(e.line.head.Told, kith.ByDefinition)
	if err != nil {
		return err
	}
	e.line.live = l
	if err := e.recallLive(l); err != nil {
		return err
	}
	e.publish(&e.line.head)
	go e.builder.run(e)
	go e.beat()
	return nil
}

// freshLive takes up all segments, as of an instant.
func (e *Engine) freshLive(now int64, cause kith.Cause) (*live, error) {
	l, err := e.newLive()
	if err != nil {
		return nil, err
	}
	snap := e.store.Snapshot()
	defer snap.Release()
	all, err := e.definitions(snap)
	if err != nil {
		return nil, err
	}
	traits, err := e.computed(snap)
	if err != nil {
		return nil, err
	}
	newest, err := e.newestTime()
	if err != nil {
		return nil, err
	}
	l.newest = newest
	return l, l.open(all, traits, now, cause)
}

// newestTime gives the newest time of an event that counts, as published.
func (e *Engine) newestTime() (int64, error) {
	v, err := e.acquire()
	if err != nil {
		return 0, err
	}
	defer e.release(v)
	at, err := e.newest(v)
	if err != nil || at.IsZero() {
		return math.MinInt64, err
	}
	return at.UnixMicro(), nil
}

// restartLive begins anew with all segments, after what leaves are made of was
// replaced, or the clock has gone back. It is called in the line.
func (e *Engine) restartLive(cause kith.Cause) error {
	if e.line.live == nil {
		return nil
	}
	now := e.line.live.now
	if cause == kith.ByClock {
		now = e.line.live.clocked(e.o.now())
	}
	l, err := e.freshLive(now, cause)
	if err == nil {
		e.line.live = l
	}
	return err
}

// builder builds segments, one after another, beside the line.
type builder struct {
	mu      sync.Mutex
	changed *sync.Cond
	queue   []*liveSegment // guarded by mu
	closed  bool           // guarded by mu
	ctx     context.Context
	stop    context.CancelFunc
	done    chan struct{}
	ticked  chan struct{} // closed when the goroutine that tells the clock has ended
	wakeup  chan struct{}
}

func (b *builder) open() {
	b.changed = sync.NewCond(&b.mu)
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.done, b.ticked, b.wakeup = make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
}

func (b *builder) put(s *liveSegment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, s)
	b.changed.Broadcast()
}

func (b *builder) next() *liveSegment {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) == 0 && !b.closed {
		b.changed.Wait()
	}
	if b.closed {
		return nil
	}
	s := b.queue[0]
	b.queue = b.queue[1:]
	return s
}

func (b *builder) run(e *Engine) {
	defer close(b.done)
	for s := b.next(); s != nil; s = b.next() {
		if s.err = e.build(b.ctx, s); s.err != nil && b.ctx.Err() == nil {
			b.failed(e, s)
		}
		close(s.built)
	}
}

// failed lets the clock go on without a segment that could not be built.
func (b *builder) failed(e *Engine, s *liveSegment) {
	if e.log != nil && !errors.Is(s.err, errReplaced) {
		e.log.Error("a segment is not kept current", "segment", s.Name, "err", s.err)
	}
	s.gauge.set(Progress{Doing: isStopped})
	err := e.inLine(func() error {
		if l := e.line.live; l != nil {
			l.resume(s)
			e.publish(&e.line.head)
		}
		return nil
	})
	if err != nil && e.log != nil {
		e.log.Error("nothing is written any more", "err", err)
	}
}

// close ends building: what is not built is built when the directory is opened again.
func (b *builder) close() {
	if b.changed == nil {
		return // it was never opened
	}
	b.stop()
	b.mu.Lock()
	b.closed = true
	b.changed.Broadcast()
	b.mu.Unlock()
	<-b.done
	<-b.ticked
}

// beat tells the clock: it sleeps until the next boundary. With a clock of
// somebody else's, or one that stands, nobody sleeps: it is told at each commit
// and each question.
func (e *Engine) beat() {
	defer close(e.builder.ticked)
	if e.o.Now != nil {
		return
	}
	for {
		wait := time.Hour
		if v := e.versions.now.Load(); v != nil && e.walled() {
			wait = min(wait, time.Until(time.UnixMicro(min(v.due, farAway))))
		}
		select {
		case <-e.builder.ctx.Done():
			return
		case <-e.builder.wakeup:
		case <-time.After(max(wait, time.Millisecond)):
			if err := e.tickTo(e.o.now()); err != nil {
				return // nothing is written any more
			}
		}
	}
}

// farAway is an instant that no time.Duration from now reaches.
const farAway = math.MaxInt64 / 2048

// walled tells whether the standing clock is the wall's.
func (e *Engine) walled() bool {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	return e.clock.set.Mode == "" || e.clock.set.Mode == "wall"
}

// tickTo lets the line tell the clock everything that is due.
func (e *Engine) tickTo(now time.Time) error {
	for more := true; more; {
		err := e.inLine(func() (err error) {
			more, err = e.line.tick(now)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tick tells the clock in a turn of its own, where something is due.
func (l *line) tick(now time.Time) (more bool, err error) {
	if l.live == nil || l.live.resuming > 0 || l.live.due() > l.live.clocked(now) {
		return false, nil
	}
	t, err := l.begin()
	if err != nil {
		return false, err
	}
	if err := t.commit(); err != nil {
		t.rollback(err)
		return false, err
	}
	return l.live.due() <= l.live.clocked(now), nil
}

// keeps gives a version, to be released, in which the members of a segment are
// kept as of what the clock says now; not ok: they are not, and a question is
// answered on demand.
func (e *Engine) keeps(name string) (v *version, k keeping, ok bool, err error) {
	for {
		if v, err = e.acquire(); err != nil {
			return nil, k, false, err
		}
		k = v.live[name]
		now, err := e.at(v)
		late := err == nil && v.due <= now.UnixMicro()
		switch {
		case err != nil || !k.ready || late && (v.held || !e.writable.Load()):
			e.release(v)
			return nil, k, false, err
		case !late:
			return v, k, true, nil
		}
		e.release(v)
		if err := e.tickTo(now); err != nil {
			return nil, k, false, err
		}
	}
}

// kept gives the members of a segment, if they are kept.
func (e *Engine) kept(name string) (*bitmap.Set, bool, error) {
	v, k, ok, err := e.keeps(name)
	if !ok {
		return nil, false, err
	}
	defer e.release(v)
	set, err := v.members.Set(v.pin, k.number)
	return set, err == nil, err
}

// Contains tells whether a profile is a member of a segment, as of the last
// commit and what the clock says: IsMember for who has the number already. It is
// ErrNotFound where no segment has the name, ErrUnsupported while it is built.
func (e *Engine) Contains(segment string, who kith.ProfileID) (bool, error) {
	is, ok, err := e.keptOf(segment, func(*version) (kith.ProfileID, error) { return who, nil })
	if err != nil || ok {
		return is, err
	}
	v, err := e.acquire()
	if err != nil {
		return false, err
	}
	defer e.release(v)
	_, err = (&view{e: e, v: v}).kept(segment) // says what is wrong
	return false, err
}

// keptOf tells whether somebody is in a segment that is kept.
func (e *Engine) keptOf(name string, find func(v *version) (kith.ProfileID, error)) (is, ok bool, err error) {
	v, k, ok, err := e.keeps(name)
	if !ok {
		return false, false, err
	}
	defer e.release(v)
	who, err := find(v)
	if err == nil {
		is, err = v.members.HasAt(v.pin, k.number, uint32(who))
	}
	return is, err == nil, err
}

// waker wakes the goroutine that tells the clock: a boundary may have come nearer.
func (e *Engine) waker(due int64) {
	if e.builder.wakeup == nil || e.o.Now != nil || due == math.MaxInt64 {
		return
	}
	select {
	case e.builder.wakeup <- struct{}{}:
	default:
	}
}
