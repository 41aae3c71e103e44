package engine

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// tell tells the new engine everything that stays and comes.
func (u *unloading) tell(ctx context.Context) error {
	b := &rebuilder{x: u.x, e: u.e, v: u.v, progress: u.o.Progress, what: "tell what stays"}
	b.decide = func(t *turn, r *history.Row) error {
		if len(r.Also) == 0 || kith.Flags(r.Flags).Anomalous() || !u.again.since(r.Fragment, kith.Seq(r.Seq)) {
			return nil
		}
		return u.decide(t, r)
	}
	streams, err := b.decisions(u.stands)
	if err != nil {
		return err
	}
	rows := stream(func(yield func(truth) error) error {
		return u.hist.Scan(ctx, aboutPeople, func(r *history.Row) error {
			own := *r
			return yield(truth{seq: kith.Seq(r.Seq), row: &own})
		})
	})
	if err := b.tell(ctx, u.numbers(b), append([]iter.Seq2[truth, error]{rows}, streams...)); err != nil {
		return err
	}
	u.again.end(u.next)
	u.head.Seq, u.head.Events, u.head.Tallies = u.next, u.hist.Rows(), u.tallies
	return b.done(u.head.Seq, u.head.Events, u.head.Fragments)
}

// aboutPeople tells whether a leaf says something about the person: the others are not folded.
func aboutPeople(path string) bool {
	return strings.HasPrefix(path, "traits.") || strings.HasPrefix(path, "context.traits.")
}

// numbers gives the identifiers that stay and come.
func (u *unloading) numbers(b *rebuilder) iter.Seq2[truth, error] {
	return stream(func(yield func(truth) error) error {
		err := u.v.snap.Fragments(nobody, func(rec storage.FragmentRecord) error {
			if !u.left(rec.Fragment) {
				return nil
			}
			return yield(truth{seq: rec.Seq, number: &rec})
		})
		for i := range u.numbered {
			if err == nil {
				err = yield(truth{seq: u.numbered[i].Seq, number: &u.numbered[i]})
			}
		}
		return err
	})
}

// adopt puts what was made in the place of what there is.
func (u *unloading) adopt(ctx context.Context) error {
	e := u.e
	u.step(int64(u.head.Events), "put it in place")
	if err := u.counted(ctx); err != nil {
		return err
	}
	a := &adoption{e: e, x: u.x, n: e.checkpoint.N + 1, tx: e.store.Update(), begin: e.store.Update}
	defer func() { a.tx.Discard() }()
	next, err := u.aside(ctx, a)
	if err != nil {
		return err
	}
	Point("unload-staged")
	if err := u.drain(ctx); err != nil {
		return err
	}
	defer e.versions.open() // whoever waits gets the new version, or that there is none
	if err := u.flip(next); err != nil {
		return err
	}
	if err = e.settleUnload(&e.line.head); err == nil {
		Point("unload-settled")
		err = u.swap()
	}
	if err != nil {
		e.line.stop(err)
	}
	return err
}

// counted counts the people who are fewer.
func (u *unloading) counted(ctx context.Context) error {
	var was, is Stats
	v, err := u.x.acquire()
	if err != nil {
		return err
	}
	defer u.x.release(v)
	err = errors.Join(u.e.countPeople(ctx, u.v, &was), u.x.countPeople(ctx, v, &is))
	u.report.People = was.Profiles - is.Profiles
	return err
}

// aside writes everything beside what there is, and gives the checkpoint that it will be.
func (u *unloading) aside(ctx context.Context, a *adoption) (*storage.CheckpointRecord, error) {
	e := u.e
	from, is := u.x.store.Snapshot(), e.store.Snapshot()
	defer from.Release()
	defer is.Release()
	places, err := a.places()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ctx.Err(), a.units(is, from)); err != nil {
		return nil, err
	}
	words, err := a.words(is, from, u.left, u.numbered)
	if err != nil {
		return nil, err
	}
	next := &storage.CheckpointRecord{N: a.n, Places: places.State(), Words: words.State()}
	if next.Mids, err = u.mids(a); err != nil {
		return nil, err
	}
	if next.Nears, err = u.newNears(a); err != nil {
		return nil, err
	}
	if next.Tokens, err = u.newTokens(a); err != nil {
		return nil, err
	}
	if err := e.commitAside(a.tx); err != nil {
		return nil, err
	}
	a.begin = e.store.Aside
	a.tx = a.begin()
	a.about = func(f kith.FragmentID) bool { return u.about[uint32(f)] }
	steps := []func() error{
		func() error { return a.documents(is, from) },
		func() error { return a.pairs(is, from) },
		func() error { return u.columns(a) },
		func() error { return u.decisions(a, is) },
		func() error { return u.fragments(a, is) },
		func() error { return u.duplicates(a, is) },
		func() error { return u.rejects(a, is) },
		func() error { return u.otherLoads(a, is) },
	}
	for _, step := range steps {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return nil, err
		}
	}
	next.Seq = u.head.Seq
	return next, e.commitAside(a.tx)
}

// flush writes what was added to an index as runs, and gives its state.
func (a *adoption) flush(r interface {
	Freeze() bool
	Flush(w storage.KV, budget int) (done bool, err error)
	State() []byte
}) ([]byte, error) {
	for more := r.Freeze(); more; {
		done, err := r.Flush(a.tx, int(a.e.lim.piece)/2)
		if err != nil {
			return nil, err
		}
		if err := a.commit(); err != nil {
			return nil, err
		}
		more = !done
	}
	return r.State(), nil
}

// mids makes the message ids of events that go free again.
func (u *unloading) mids(a *adoption) ([]byte, error) {
	m, err := storage.OpenMids(u.e.store.Get, u.e.checkpoint.Mids)
	if err != nil {
		return nil, err
	}
	m.Begin()
	for i, seq := range u.own {
		if u.passes[seq] == nil {
			m.Remove(u.prints[i])
		}
	}
	for i := range u.born {
		b := &u.born[i]
		m.Add(b.idPrint, b.payPrint, b.row.Seq)
	}
	m.Commit()
	return a.flush(m)
}

// newTokens makes the index of identifiers anew without those that go.
func (u *unloading) newTokens(a *adoption) ([]byte, error) {
	e := u.e
	if len(u.gone) == 0 && len(u.numbered) == 0 {
		return e.checkpoint.Tokens, nil
	}
	ts, err := storage.OpenTokens(e.store.Get, e.tokens.Blank())
	if err != nil {
		return nil, err
	}
	ts.Begin()
	err = e.tokens.Each(func(t kith.Token, f kith.FragmentID) error {
		if !u.left(f) {
			return nil
		}
		return ts.Add(t, f)
	})
	for i, t := range u.tokens {
		err = errors.Join(err, ts.Add(t, u.numbered[i].Fragment))
	}
	if err != nil {
		return nil, err
	}
	ts.Commit()
	return a.flush(ts)
}

// columns names the trait columns anew.
func (u *unloading) columns(a *adoption) error {
	if err := a.tx.DropNames(storage.Columns); err != nil {
		return err
	}
	var names []string
	for _, c := range u.x.traits.all() {
		names = append(names, string(c.kind)+c.path)
	}
	return a.tx.PutNames(storage.Columns, 0, names)
}

// onward is next for the functions that write many records.
func (a *adoption) onward(tx *storage.Tx) (*storage.Tx, error) {
	err := a.next()
	return a.tx, err
}

// decisions takes those away that were taken again, and adds what was decided.
func (u *unloading) decisions(a *adoption, is *storage.Snapshot) (err error) {
	if a.tx, err = a.tx.KeepDecisions(&is.Reader, u.stands, a.onward); err != nil {
		return err
	}
	for i, chunk := range u.again.done {
		if err := a.tx.PutDecisions(u.again.last[i], chunk); err != nil {
			return err
		}
		if err := a.next(); err != nil {
			return err
		}
	}
	return nil
}

// fragments takes the identifiers away that nobody names any more, and adds new ones.
func (u *unloading) fragments(a *adoption, is *storage.Snapshot) (err error) {
	if len(u.gone) > 0 {
		gone := func(f kith.FragmentID) bool { return !u.left(f) }
		if a.tx, err = a.tx.DropFragments(&is.Reader, gone, a.onward); err != nil {
			return err
		}
	}
	for i := range u.numbered { // each by itself: they may be of several versions of the rules
		if err := a.tx.PutFragments(u.numbered[i : i+1]); err != nil {
			return err
		}
	}
	if len(u.numbered) == 0 {
		return nil
	}
	return u.e.keys.Puts(a.tx.Put)
}

// duplicates takes the natural duplicates away that are none any more, and adds those that are now.
func (u *unloading) duplicates(a *adoption, is *storage.Snapshot) (err error) {
	var at place
	var emptied uint64
	keep := func(seq kith.Seq, _ storage.Repeat) bool {
		at = at.following(seq)
		return !u.repeats[at]
	}
	if a.tx, emptied, err = a.tx.KeepRepeats(&is.Reader, keep, a.onward); err != nil {
		return err
	}
	u.lost += emptied
	var p []byte
	for i, d := range u.anew {
		p = storage.AppendRepeat(p, d)
		if len(p) < decisionChunk && i < len(u.anew)-1 {
			continue
		}
		u.next++
		u.head.Seq = u.next
		if err := a.tx.PutRepeats(u.next, p); err != nil {
			return err
		}
		p = nil
	}
	return nil
}

// rejects takes those away that are none any more, and adds those that are now.
func (u *unloading) rejects(a *adoption, is *storage.Snapshot) (err error) {
	u.e.keys.Resalt() // a chunk is sealed again under its number
	keep := func(r *storage.Reject) (stays, changed bool) {
		if u.taken[r.Seq] {
			return false, true
		}
		of, changed := u.rename[r.Seq]
		if changed {
			r.Repeats = kith.Seq(of)
		}
		return true, changed
	}
	if a.tx, err = a.tx.KeepRejects(&is.Reader, u.e.openReject, u.e.sealReject, keep, a.onward); err != nil {
		return err
	}
	var chunk storage.Rejects
	for i := range u.refused {
		if err := chunk.Put(a.tx, &u.refused[i], u.e.sealReject); err != nil {
			return err
		}
	}
	return chunk.Flush(a.tx, u.e.sealReject)
}

// otherLoads takes the load away, and corrects the tallies of those that got something of it.
func (u *unloading) otherLoads(a *adoption, is *storage.Snapshot) (err error) {
	if err := a.tx.DropLoad(u.load.ID); err != nil {
		return err
	}
	if a.tx, err = a.tx.DropPieces(&is.Reader, u.load.ID, a.onward); err != nil {
		return err
	}
	u.lost++ // of its beginning
	if u.load.Ended != 0 {
		u.lost++
	}
	for id, change := range u.loads {
		l, err := is.Load(id)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		add(&l.Tally, &change, 1)
		if err := a.tx.PutLoad(l); err != nil {
			return err
		}
	}
	return nil
}

// drain waits until nobody reads a version any more; whoever comes waits until
// there is a new one.
func (u *unloading) drain(ctx context.Context) error {
	e := u.e
	wait := u.o.Wait
	if wait == 0 {
		wait = 30 * time.Second
	}
	e.versions.shut()
	e.unpublish()
	e.release(u.v)
	u.v = nil
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for tick := time.NewTicker(time.Millisecond); e.versions.held.Load() > 0; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			e.publish(&e.line.head)
			e.versions.open()
			return &kith.Error{Op: "engine.Unload", On: on("load", u.load.ID), Kind: kith.ErrLocked, Err: errors.New("answers are still being read: end them, then unload again")}
		}
	}
	return nil
}

// flip makes what was made count: one transaction.
func (u *unloading) flip(next *storage.CheckpointRecord) error {
	e := u.e
	if err := errors.Join(u.hist.Sync(), e.store.Sync()); err != nil {
		return u.reopened(err)
	}
	tx := e.store.Update()
	defer tx.Discard()
	at := e.o.now().UnixMicro()
	rec := storage.Unload{
		ID: u.load.ID, Seq: e.line.head.Seq + 1, Last: u.head.Seq, At: at,
		Events: uint64(u.report.Events), Numbers: u.lost, Fragments: uint32(len(u.gone)),
	}
	man := u.hist.Manifest()
	err := errors.Join(tx.PutUnload(&rec), tx.PutMeta(storage.MetaUnload(), &rec), tx.PutMeta(storage.MetaManifest(), &man), tx.PutMeta(storage.MetaCheckpoint(), next))
	if err != nil {
		return u.reopened(err)
	}
	u.switched = true // from here on a failure leaves what the next to open finds
	e.line.head = u.head
	err = errors.Join(e.putNames(tx), e.line.putHead(tx, at))
	Point("unload-before-switch")
	if err == nil {
		err = tx.Commit()
	}
	if err == nil && e.o.NoSync {
		err = e.store.Sync()
	}
	if err != nil {
		e.line.stop(err)
		return err
	}
	Point("unload-after-switch")
	e.checkpoint = *next
	e.keys.Commit()
	return nil
}

// reopened shows the old version again.
func (u *unloading) reopened(err error) error {
	u.e.publish(&u.e.line.head)
	return err
}

// swap lets the engine go on with what was made, as if it had been opened now.
func (u *unloading) swap() error {
	e, l := u.e, u.e.line
	if err := u.hist.Switch(); err != nil {
		return err
	}
	snap := e.store.Snapshot()
	names, err := snap.Names(storage.Columns)
	snap.Release()
	if err != nil {
		return err
	}
	e.traits = traits{e: e, known: names}
	if err := e.openState(); err != nil {
		return err
	}
	if l.fold, err = newFolder(e); err != nil {
		return err
	}
	l.frags, l.spelled = newFragmentCache(e.lim.caches), map[kith.FragmentID]bool{}
	l.pairs, l.docs = newPairCache(e.lim.caches), newDocCache(e.lim.docs)
	k := &e.keeper
	k.writing, k.frozen, k.sweep, k.merging, k.last = false, nil, nil, true, e.line.head.Events
	for id, change := range u.loads {
		if s := l.sessions[id]; s != nil {
			add(&s.rec.Tally, &change, 1)
			add(&s.stored.Tally, &change, 1)
		}
	}
	u.x.remove()
	if err := e.openLists(); err != nil {
		return err
	}
	e.publish(&l.head)
	if err := e.restartLive(kith.ByUnload); err != nil {
		return err
	}
	e.publish(&l.head)
	return nil
}
