package engine

import (
	"context"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// Bounds of what is given to history at once.
const (
	flushRows  = 122_880          // a row group of DuckDB
	flushIdle  = time.Second      // after the last event, when no more come
	flushAfter = 10 * time.Second // after the first, when they keep coming: small flushes cost DuckDB a rewrite each
)

// follower brings committed events to history. Its watermark stands in history
// itself, in the transaction of the rows, so each event gets there exactly once.
type follower struct {
	e     *Engine
	limit int64

	mu      sync.Mutex
	changed *sync.Cond
	pieces  []piece   // guarded by mu: committed, not yet in history
	since   time.Time // guarded by mu: when the first of them came
	last    time.Time // guarded by mu: when the last did
	events  int       // guarded by mu
	bytes   int64     // guarded by mu
	want    kith.Seq  // guarded by mu: somebody waits for history to have this; 0: nobody
	err     error     // guarded by mu: of the last attempt
	closed  bool      // guarded by mu
	done    chan struct{}
}

func newFollower(e *Engine, limit int64) *follower {
	f := &follower{e: e, limit: limit, done: make(chan struct{})}
	f.changed = sync.NewCond(&f.mu)
	return f
}

// wait blocks while more than limit bytes wait for history, until ctx ends: the
// one who brings events waits here, so that the line never has to.
func (f *follower) wait(ctx context.Context, limit int64) error {
	stop := context.AfterFunc(ctx, f.wake)
	defer stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.bytes > limit && !f.closed {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.err != nil {
			return f.err
		}
		f.changed.Wait()
	}
	return nil
}

// wake lets those who wait look again.
func (f *follower) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changed.Broadcast()
}

// put hands over what a turn committed.
func (f *follower) put(pieces []piece) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range pieces {
		if len(p.events) == 0 {
			continue
		}
		f.last = time.Now()
		if len(f.pieces) == 0 {
			f.since = f.last
		}
		f.pieces = append(f.pieces, p)
		f.events += len(p.events)
		f.bytes += int64(len(p.blob))
	}
	f.changed.Broadcast()
}

// takeOver takes over the pieces of the log that history lacks, when the engine opens.
func (f *follower) takeOver(pieces []piece) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range pieces {
		if len(p.events) > 0 {
			f.pieces = append(f.pieces, p)
			f.events += len(p.events)
			f.bytes += int64(len(p.blob))
		}
	}
}

// waiting gives the bytes that are not in history yet.
func (f *follower) waiting() int64 {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

// run flushes when enough waits, or long enough, or somebody asks.
func (f *follower) run() {
	defer close(f.done)
	for {
		pieces, ok := f.next()
		if !ok {
			return
		}
		f.flushed(pieces, f.flush(pieces))
	}
}

// next waits for something to flush. ok is false when the follower is closed and all is done, or hopeless.
func (f *follower) next() (pieces []piece, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if f.closed && (len(f.pieces) == 0 || f.err != nil) {
			return nil, false
		}
		if len(f.pieces) > 0 {
			if wait := flushIdle - time.Since(f.since); f.err != nil && !f.closed && wait > 0 { // not again at once
				timer := time.AfterFunc(wait, f.wake)
				f.changed.Wait()
				timer.Stop()
				continue
			}
			due := min(flushAfter-time.Since(f.since), flushIdle-time.Since(f.last))
			if f.events >= flushRows || f.bytes >= f.limit || f.want > 0 || due <= 0 || f.closed {
				return f.take(), true
			}
			timer := time.AfterFunc(due, f.wake)
			f.changed.Wait()
			timer.Stop()
			continue
		}
		f.changed.Wait()
	}
}

// take gives the pieces of one flush. They stay in the list until history has them.
func (f *follower) take() []piece {
	n, bytes := 0, int64(0)
	for n < len(f.pieces) && (n == 0 || bytes < f.limit) {
		bytes += int64(len(f.pieces[n].blob))
		n++
	}
	return f.pieces[:n:n]
}

func (f *follower) flushed(pieces []piece, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	if err != nil {
		if f.e.log != nil {
			f.e.log.Error("history is behind", "err", err)
		}
		f.since = time.Now() // try again after a while
		f.want = 0
		f.changed.Broadcast()
		return
	}
	mark := kith.Seq(f.e.hist.Watermark())
	n := 0
	for n < len(f.pieces) && f.pieces[n].newest <= mark {
		f.events -= len(f.pieces[n].events)
		f.bytes -= int64(len(f.pieces[n].blob))
		n++
	}
	f.pieces = append([]piece(nil), f.pieces[n:]...) // a copy: the old list would keep what is done in memory
	if len(f.pieces) == 0 || f.pieces[0].from > f.want {
		f.want = 0
	}
	f.since = time.Now()
	f.changed.Broadcast()
}

// flush appends the events of pieces to history.
func (f *follower) flush(pieces []piece) error {
	n := 0
	for _, p := range pieces {
		n += len(p.events)
	}
	rows := make([]history.Row, 0, n)
	mark := f.e.hist.Watermark()
	for _, p := range pieces {
		err := storage.EachRecord(p.blob, func(rec *storage.Record) error {
			if rec.Event != nil && uint64(rec.Seq) > mark {
				if len(rows)&yieldMask == yieldMask {
					runtime.Gosched()
				}
				rows = append(rows, f.row(rec.Event))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if n := len(rows) / flushRows * flushRows; n > 0 && !f.hurried() {
		rows = rows[:n] // whole row groups: what is over would be a small one for ever
	}
	if f.e.o.NoSync { // history must not be ahead of what the log keeps after a power cut
		if err := f.e.store.Sync(); err != nil {
			return err
		}
	}
	Point("before-history")
	if err := f.e.hist.Append(rows); err != nil {
		return err
	}
	Point("after-history")
	return nil
}

// hurried tells whether somebody waits for all there is.
func (f *follower) hurried() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed || f.want > 0
}

// row gives an event in the form of history. It shares the event's bytes.
func (f *follower) row(ev *storage.Event) history.Row {
	r := history.Row{
		Seq: uint64(ev.Seq), Fragment: uint32(ev.Fragment), Kind: uint8(ev.Kind), Flags: ev.Flags, Name: ev.Name,
		Time: ev.Time, Received: ev.Received, Sent: ev.Sent, Original: ev.Original,
		Source: f.e.sources.at(int(ev.Source)), Load: ev.Load, MessageID: ev.Message, Cells: ev.Cells,
	}
	if len(ev.Sealed) > 0 {
		r.Sealed = ev.Sealed
	}
	if len(ev.Said) > 0 {
		r.Said = ev.Said
	}
	if len(ev.Also) > 0 {
		r.Also = make([]uint32, len(ev.Also))
		for i, a := range ev.Also {
			r.Also[i] = uint32(a)
		}
	}
	return r
}

// catchUp waits until history has every event up to seq.
func (f *follower) catchUp(ctx context.Context, seq kith.Seq) error {
	stop := context.AfterFunc(ctx, f.wake)
	defer stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.pieces) > 0 && f.pieces[0].from <= seq {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.err != nil {
			return f.err
		}
		if f.closed {
			return &kith.Error{Op: "engine", Kind: kith.ErrClosed}
		}
		f.want = max(f.want, seq)
		f.changed.Broadcast()
		f.changed.Wait()
	}
	return nil
}

// behind gives the number up to which history has every event.
func (f *follower) behind(published kith.Seq) kith.Seq {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pieces) == 0 {
		return published
	}
	return f.pieces[0].from - 1
}

// tail gives the pieces that history has not got yet.
func (f *follower) tail() []piece {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pieces[:len(f.pieces):len(f.pieces)]
}

// pick calls g for those of the ordinals that pieces hold, and gives the rest.
// Pieces and ordinals are ascending.
func pick(pieces []piece, ordinals []uint64, g func(ev *storage.Event) error) (rest []uint64, err error) {
	for _, o := range ordinals {
		i := sort.Search(len(pieces), func(i int) bool { return pieces[i].first+uint64(len(pieces[i].events)) > o })
		if i == len(pieces) || o < pieces[i].first {
			rest = append(rest, o)
			continue
		}
		p := &pieces[i]
		ev, err := storage.EventAt(p.blob, p.from, p.events[o-p.first])
		if err != nil {
			return nil, err
		}
		if err := g(ev); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// close flushes what waits and ends.
func (f *follower) close() error {
	f.mu.Lock()
	f.closed = true
	f.changed.Broadcast()
	f.mu.Unlock()
	<-f.done
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
