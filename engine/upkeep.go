package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// What upkeep writes between two turns at most, and when a checkpoint begins.
const (
	pieceTime   = 3 * time.Millisecond
	sweepKeys   = 2000
	trimBlobs   = 64
	mostSkipped = 16 // turns in a row in which requests go before upkeep
)

// keeper writes checkpoints a little at a time between turns, and clears away
// what they replaced. The line's alone, but for n.
//
// A checkpoint is the state as of one number: the units that are dirty then are
// frozen and written over many turns under keys that carry the checkpoint's
// number; one record makes them count. So a crash finds the whole of the old
// checkpoint or the whole of the new, and one log is told again to all of it:
// no unit can be ahead of another (docs/decisions/0001-checkpoints.md).
type keeper struct {
	n        atomic.Uint64 // the last complete checkpoint: what loadUnit reads
	writing  bool          // a checkpoint is being written
	frozen   *storage.Checkpoint
	units    bool // all units are written
	mids     bool // the frozen message ids are written
	nears    bool
	places   bool
	tokens   bool
	words    bool
	seq      kith.Seq // as of which
	events   uint64   // that were in the log then
	last     uint64   // events that the last checkpoint had
	sweeping bool
	sweep    []byte // where to go on
	cleaning bool   // runs that were replaced may be there
	merging  bool
	skipped  int // turns since the last piece
}

// busy tells whether upkeep has something to do, so that the line must not sleep.
func (e *Engine) busy() bool {
	k := &e.keeper
	return e.line.failed == nil && e.full == nil && (k.writing || k.sweeping || k.cleaning || k.merging)
}

// upkeep does a little of what is to be done beside the log.
func (e *Engine) upkeep() {
	if e.line.failed != nil || e.full != nil || e.o.ReadOnly {
		return
	}
	if !e.keeper.writing && !e.keeper.sweeping && !e.keeper.cleaning && e.due() {
		e.freeze()
	}
	if !e.busy() {
		return
	}
	if e.keeper.skipped < mostSkipped && e.line.q.urgent.Load() > 0 {
		e.keeper.skipped++ // requests go first, but not for ever
		return
	}
	e.keeper.skipped = 0
	if e.room() != nil {
		return
	}
	if err := e.keep(); err != nil {
		e.line.stop(err)
	}
}

// due tells whether so much would have to be told again, or has come into memory, that a checkpoint begins.
func (e *Engine) due() bool {
	return e.line.head.Events-e.keeper.last >= e.lim.replay || uint64(e.words.Len()) >= wordsWait*e.lim.replay
}

// wordsWait is how many words wait in memory for each event that may be told again, at 16 bytes each.
const wordsWait = 4

// freeze begins a checkpoint as of what is published.
func (e *Engine) freeze() {
	k := &e.keeper
	k.writing, k.frozen = true, e.state.Freeze()
	e.mids.Freeze()
	e.nears.Freeze()
	e.places.Freeze()
	e.tokens.Freeze()
	e.words.Freeze()
	k.units, k.mids, k.nears, k.places, k.tokens, k.words = k.frozen == nil, false, false, false, false, false
	k.seq, k.events = e.line.head.Seq, e.line.head.Events
}

// keep does one piece of upkeep in one transaction.
func (e *Engine) keep() error {
	k := &e.keeper
	tx := e.store.Update()
	defer tx.Discard()
	var err error
	switch {
	case k.writing && !k.units:
		var units []storage.Unit
		units, k.units = k.frozen.Next(int(e.lim.piece), pieceTime)
		err = tx.PutUnits(e.checkpoint.N+1, units)
	case k.writing && !k.mids:
		k.mids, err = e.mids.Flush(tx, int(e.lim.piece))
	case k.writing && !k.nears:
		k.nears, err = e.nears.Flush(tx, int(e.lim.piece))
	case k.writing && !k.places:
		k.places, err = e.places.Flush(tx, int(e.lim.piece))
	case k.writing && !k.tokens:
		k.tokens, err = e.tokens.Flush(tx, int(e.lim.piece))
	case k.writing && !k.words:
		k.words, err = e.words.Flush(tx, int(e.lim.piece))
	case k.writing:
		return e.flip(tx)
	case k.sweeping:
		err = e.clear(tx)
	case k.cleaning:
		k.cleaning = false
		for _, r := range e.runs() {
			done, err := r.Sweep(tx, sweepKeys)
			if err != nil {
				return err
			}
			k.cleaning = k.cleaning || !done
		}
	case k.merging:
		k.merging = false
		for _, r := range e.runs() {
			more, err := r.Step(tx, int(e.lim.piece)/3)
			if err != nil {
				return err
			}
			k.merging = k.merging || more
		}
	}
	if err != nil {
		return err
	}
	return e.commitAside(tx)
}

// run is what the indexes of sorted runs have in common.
type run interface {
	Sweep(w storage.KV, budget int) (done bool, err error)
	Step(w storage.KV, budget int) (more bool, err error)
}

func (e *Engine) runs() []run { return []run{e.mids, e.nears, e.places, e.tokens, e.words} }

// commitAside commits a transaction that is not a turn.
func (e *Engine) commitAside(tx *storage.Tx) error {
	if err := e.line.putHead(tx, e.line.head.At); err != nil {
		return err
	}
	Point("before-upkeep")
	if err := tx.Commit(); err != nil {
		return err
	}
	Point("after-upkeep")
	return nil
}

// metaThen carries out a change that is no event, in a transaction of its own:
// rules, the clock, the beginning and end of a load. It is a record of the log
// like any other, with a number and an instant, and what it changes is kept
// under a key of its own. done is called when the change is durable: what it
// changes in memory stays as it was where the commit fails.
func (e *Engine) metaThen(change func(tx *storage.Tx, seq kith.Seq, at int64) error, done func()) error {
	return e.inLine(func() error {
		if err := e.room(); err != nil {
			return err
		}
		h := &e.line.head
		before := *h
		tx := e.store.Update()
		defer tx.Discard()
		h.At = e.o.now().UnixMicro()
		b := storage.NewBlob(h.Seq+1, h.Events, h.At, nil)
		h.Seq = b.Skip()
		err := change(tx, h.Seq, h.At)
		if err == nil {
			err = tx.PutLog(b, nil)
		}
		if err != nil {
			*h = before
			return err
		}
		if err := e.commitAside(tx); err != nil {
			*h = before
			e.line.stop(err)
			return err
		}
		done()
		Point("meta-done")
		e.state.Begin()
		e.state.Publish(uint64(h.Seq))
		e.publish(h)
		return nil
	})
}

// flip makes the checkpoint that was written count.
func (e *Engine) flip(tx *storage.Tx) error {
	k := &e.keeper
	next := storage.CheckpointRecord{N: e.checkpoint.N + 1, Seq: k.seq, Mids: e.mids.State(), Nears: e.nears.State(), Places: e.places.State(), Tokens: e.tokens.State(), Words: e.words.State()}
	if err := tx.PutMeta(storage.MetaCheckpoint(), &next); err != nil {
		return err
	}
	Point("before-flip")
	if err := e.commitAside(tx); err != nil {
		return err
	}
	Point("after-flip")
	e.checkpoint = next
	k.n.Store(next.N)
	if k.frozen != nil {
		k.frozen.Done()
	}
	e.mids.Switched()
	e.nears.Switched()
	e.places.Switched()
	e.tokens.Switched()
	e.words.Switched()
	k.last, k.writing, k.frozen = k.events, false, nil
	k.sweeping, k.sweep, k.cleaning, k.merging = true, nil, true, true
	return nil
}

// clear deletes what the last checkpoint replaced, and the log that history and
// the checkpoint both have.
func (e *Engine) clear(tx *storage.Tx) error {
	k := &e.keeper
	upTo := min(e.checkpoint.Seq, e.follow.behind(e.line.head.Seq))
	n, err := tx.TrimLog(upTo, trimBlobs)
	if err != nil {
		return err
	}
	next, err := tx.SweepUnits(e.checkpoint.N, k.sweep, sweepKeys)
	if err != nil {
		return err
	}
	k.sweep = next
	k.sweeping = next != nil || n == trimBlobs
	return nil
}

// settle writes a last checkpoint and clears away what it can; the line has ended.
func (e *Engine) settle() error {
	for e.room() == nil && e.busy() {
		if err := e.keep(); err != nil {
			return err
		}
	}
	if e.full == nil && (e.line.head.Seq > e.checkpoint.Seq || e.state.Dirty() > 0) { // a computed trait moves with the clock, which has no number
		e.freeze()
	}
	for e.room() == nil && e.busy() {
		if err := e.keep(); err != nil {
			return err
		}
	}
	return nil // where there was no room, the log is told again when it is opened
}

// shrink gives the disk what is dead of the store, where there is room for the
// live part twice. It is the last thing before the store is closed.
func (e *Engine) shrink() error {
	if e.dir == "" {
		return nil
	}
	free, err := storage.DiskFree(e.dir)
	if err != nil {
		return fmt.Errorf("ask for free disk: %w", err)
	}
	if free < reserve+e.store.Size() {
		return nil
	}
	return e.store.Compact()
}
