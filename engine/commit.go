package engine

import (
	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// cutBlob ends the log record and starts another in the same turn.
func (t *turn) cutBlob() error {
	if err := t.endBlob(); err != nil {
		return err
	}
	t.startBlob()
	return nil
}

// commit makes the turn durable and then visible. The order is what promise 5
// stands on: nothing is published or acknowledged before the store has synced.
func (t *turn) commit() error {
	l, e := t.l, t.l.e
	e.static.settle()
	late, err := t.settleLive()
	if err != nil {
		return err
	}
	l.late = late
	if err := t.settleRepeats(); err != nil {
		return err
	}
	if err := t.rejects.Flush(t.tx, e.sealReject); err != nil {
		return err
	}
	if err := t.endBlob(); err != nil {
		return err
	}
	if err := t.put(); err != nil {
		return err
	}
	if err := e.state.Err(); err != nil {
		return err
	}
	Point("before-commit")
	if err := t.tx.Commit(); err != nil {
		return err
	}
	Point("after-commit")
	e.mids.Commit()
	e.nears.Commit()
	e.places.Commit()
	e.tokens.Commit()
	e.words.Commit()
	e.keys.Commit()
	e.state.Publish(uint64(l.head.Seq))
	e.publish(&l.head)
	for f, d := range t.docs {
		l.docs.put(f, d)
	}
	for _, s := range t.loads {
		s.stored = s.rec
	}
	e.follow.put(t.pieces)
	Point("published")
	return nil
}

// put writes what the turn collected, beside the log, into the transaction.
func (t *turn) put() error {
	l, e := t.l, t.l.e
	if err := t.tx.PutFragments(t.fresh); err != nil {
		return err
	}
	if err := t.putDocuments(); err != nil {
		return err
	}
	if err := e.keys.Puts(t.tx.Put); err != nil {
		return err
	}
	if err := e.putNames(t.tx); err != nil {
		return err
	}
	if err := t.putLoads(); err != nil {
		return err
	}
	return l.putHead(t.tx, t.at.UnixMicro())
}

// putHead writes the head record: where the log stands, and what was counted.
func (l *line) putHead(tx *storage.Tx, at int64) error {
	l.head.At = at
	if l.live != nil && len(l.live.segs) > 0 {
		l.head.Told = l.live.now
	}
	l.head.Counts = tx.Counts()
	return tx.PutMeta(storage.MetaHead(), &l.head)
}

// putNames stores the names that were added since the last commit.
func (e *Engine) putNames(tx *storage.Tx) error {
	var paths []string
	for i := e.pathsStored; i < e.paths.Len(); i++ {
		paths = append(paths, e.paths.Path(uint32(i)))
	}
	var columns []string
	for _, c := range e.traits.all()[e.traits.stored:] {
		columns = append(columns, string(c.kind)+c.path)
	}
	for _, d := range []struct {
		kind   byte
		stored *int
		fresh  []string
	}{
		{storage.Paths, &e.pathsStored, paths},
		{storage.Columns, &e.traits.stored, columns},
		{storage.Sealed, &e.sealed.stored, e.sealed.all()[e.sealed.stored:]},
		{storage.Sources, &e.sources.stored, e.sources.all()[e.sources.stored:]},
		{storage.Spaces, &e.spaces.stored, e.spaces.all()[e.spaces.stored:]},
	} {
		if len(d.fresh) == 0 {
			continue
		}
		if err := tx.PutNames(d.kind, *d.stored, d.fresh); err != nil {
			return err
		}
		*d.stored += len(d.fresh)
	}
	return nil
}

// rollback gives up the turn. What readers see is what was published before;
// the engine takes no more writes, because what went wrong was the disk, or
// bytes on it.
func (t *turn) rollback(err error) {
	l, e := t.l, t.l.e
	t.tx.Discard()
	e.state.Rollback()
	e.mids.Rollback()
	e.nears.Rollback()
	e.places.Rollback()
	e.tokens.Rollback()
	e.words.Rollback()
	e.keys.Rollback()
	l.stop(err)
}

// stop ends all writing: what was published can still be read.
func (l *line) stop(err error) {
	l.failed = &kith.Error{Op: "engine.write", Kind: kith.ErrClosed, Err: err}
	l.e.writable.Store(false)
	if l.e.log != nil {
		l.e.log.Error("writing stopped", "err", err)
	}
}

// Decided logs a decision: storage.Graph calls it for what identity concludes.
func (t *turn) Decided(d *storage.Decision) (kith.Seq, error) {
	seq := t.blob.Decision(d)
	t.chunk = storage.AppendDecision(t.chunk, d)
	if d.Kind != kith.Link && d.Kind != kith.Refuse {
		clear(t.l.pairs.m) // a pair that was linked may not be any more
	}
	return seq, nil
}

// repeated notes a natural duplicate: where it comes from, its place, and the event it repeats.
func (t *turn) repeated(it *item, load *session, of kith.Seq) {
	d := storage.Repeat{Line: it.line, Of: of, After: t.blob.Last, Source: uint32(t.l.e.sources.id(t.source(it, load))) + 1}
	if load != nil {
		d.Load = load.id
	}
	t.repeat = storage.AppendRepeat(t.repeat, d)
}

// settleRepeats stores the turn's natural duplicates under a number of their own.
func (t *turn) settleRepeats() error {
	if len(t.repeat) == 0 {
		return nil
	}
	return t.tx.PutRepeats(t.blob.Skip(), t.repeat)
}

// mostRejected is how much is kept of an item that was not accepted.
const mostRejected = 256 << 10

// reject keeps an item that was not accepted, with its reason.
func (t *turn) reject(it *item, load *session, res kith.Result) (kith.Result, error) {
	seq := t.blob.Skip()
	rec := storage.Reject{
		Seq: seq, At: t.at.UnixMicro(), Verdict: res.Verdict, Code: res.Code, Path: res.Path,
		Offset: int64(it.at), Line: it.line, Repeats: res.Seq, Source: t.source(it, load), Raw: it.raw[:min(len(it.raw), mostRejected)],
	}
	if load != nil {
		rec.Load = load.id
	}
	t.l.tally(rec.Source, load, res)
	if res.Seq == 0 {
		res.Seq = seq
	}
	if t.dry {
		return res, nil
	}
	return res, t.rejects.Put(t.tx, &rec, t.l.e.sealReject)
}

// sealReject seals a chunk of items that were not accepted.
func (e *Engine) sealReject(number uint64, plain []byte) ([]byte, error) {
	return e.keys.Seal(nobody, number, sealReject, plain, nil)
}

// openReject opens one.
func (e *Engine) openReject(number uint64, sealed []byte) ([]byte, error) {
	return e.keys.Open(nobody, number, sealReject, sealed, nil)
}

// nobody is the fragment of items that are not about anybody who is known. No
// identifier ever gets its number.
const nobody = kith.FragmentID(0)
