package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// rebuild makes everything derived anew from what is truth: the identifiers,
// the decisions and the events of history, told in the order of the log to an
// engine without any, in a folder of its own. The line waits meanwhile. What
// came out is then put in the place of what there was; one record makes it
// count, so a crash leaves the old or the new. Message ids are truth and stay.
func (e *Engine) rebuild(ctx context.Context, o *CheckOptions, r *CheckReport) error {
	return e.inLine(func() error {
		v, err := e.acquire()
		if err != nil {
			return err
		}
		defer e.release(v)
		if err := e.follow.catchUp(ctx, v.seq); err != nil {
			return err
		}
		x, err := e.blank(true)
		if x != nil {
			defer x.remove()
		}
		if err != nil {
			return err
		}
		if err := x.tell(ctx, e, v, o); err != nil {
			return err
		}
		if err := e.compare(ctx, v, x, r); err != nil || e.dir == "" {
			return err
		}
		return e.adopt(ctx, x, r)
	})
}

// compare compares the digests of the engine and of the one that was made anew.
func (e *Engine) compare(ctx context.Context, v *version, x *Engine, r *CheckReport) error {
	was, wasErr := e.digestOf(ctx, v)
	now, err := x.digest(ctx)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	r.Same = wasErr == nil && maps.Equal(was, now)
	for _, family := range slices.Sorted(maps.Keys(now)) {
		if print, ok := was[family]; ok && print != now[family] {
			r.Problems = append(r.Problems, Problem{What: "rebuild", On: family, Err: errors.New("it was not what the log makes of it")})
		}
	}
	if wasErr != nil {
		r.Problems = append(r.Problems, Problem{What: "rebuild", Err: wasErr})
	}
	return nil
}

// blank makes an engine that has the names, rules and history of e, and nothing
// derived; where columns says so, it has the trait columns that e has.
func (e *Engine) blank(columns bool) (*Engine, error) {
	x := &Engine{o: e.o, lim: e.lim, secret: e.secret, classes: e.classes, paths: e.paths, sources: e.sources, spaces: e.spaces, hist: e.hist}
	if e.dir != "" {
		x.dir = e.path("tmp/rebuild")
		if err := os.RemoveAll(x.dir); err != nil { // of a rebuild that was cut short
			return nil, err
		}
		free, err := storage.DiskFree(e.dir)
		if err != nil {
			return nil, err
		}
		if free < reserve+2*e.store.Size() {
			return nil, &kith.Error{Op: "engine.Check", Kind: kith.ErrClosed, Err: errFull}
		}
	}
	x.matcher.Store(e.matcher.Load())
	var err error
	if x.store, err = storage.OpenStore(storage.Config{Dir: x.path("badger"), Memtable: x.lim.memtable}); err != nil {
		return x, err
	}
	if x.keys, err = storage.OpenKeyring("", nil, true, x.store.Get); err != nil { // its own, so that no number is sealed twice under one key
		return x, err
	}
	x.keys.Limit(e.lim.keys / 2)
	x.traits.e = x
	for _, c := range e.traits.all() {
		if columns {
			x.traits.known = append(x.traits.known, string(c.kind)+c.path)
		}
	}
	if err := x.openState(); err != nil {
		return x, err
	}
	x.line = newLine(x, storage.Head{Fragments: uint32(nobody) + 1, Loads: 1})
	x.line.words = nil
	x.follow = newFollower(x, e.lim.queue)
	x.line.fold, err = newFolder(x)
	return x, err
}

// remove ends an engine that blank made.
func (x *Engine) remove() {
	x.unpublish()
	if x.store != nil {
		x.store.Close() // nothing in it is needed any more
	}
	if x.dir != "" {
		os.RemoveAll(x.dir) // the next rebuild does it, if this does not
	}
}

// truth is one entry of what is truth, with its place in the log: a decision
// has that of the event that caused it.
type truth struct {
	seq      kith.Seq
	number   *storage.FragmentRecord
	decision *storage.Decision
	row      *history.Row
}

// batchEvents is how much is told to the new engine in one turn.
const batchEvents = 4000

// tell tells x everything that e knows as of v: who there is, and then events
// and decisions in the order of the log.
func (x *Engine) tell(ctx context.Context, e *Engine, v *version, o *CheckOptions) error {
	b := &rebuilder{x: x, e: e, v: v, progress: o.Progress, what: "rebuild"}
	streams, err := b.decisions(func(*storage.Decision) bool { return true })
	if err != nil {
		return err
	}
	err = b.tell(ctx, b.numbers(), append([]iter.Seq2[truth, error]{b.rows(ctx)}, streams...))
	if err != nil {
		return err
	}
	return b.done(v.seq, v.events, v.fragments)
}

// tell tells x who there is, and then the rest.
func (b *rebuilder) tell(ctx context.Context, numbers iter.Seq2[truth, error], streams []iter.Seq2[truth, error]) error {
	b.identity = identityIn(b.e.keys, b.v.snap)
	b.begin()
	defer func() { b.t.tx.Discard() }()
	each := func(w truth) error {
		if b.full() {
			if err := b.end(); err != nil {
				return err
			}
			if b.progress != nil && b.batches%64 == 0 {
				b.progress(int64(b.events), int64(b.v.events), b.what)
			}
			b.begin()
		}
		return b.one(w)
	}
	err := merged([]iter.Seq2[truth, error]{numbers}, each)
	if err == nil {
		err = merged(streams, each)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = b.end()
	}
	return err
}

// done ends the telling: x is what e is as of these numbers.
func (b *rebuilder) done(seq kith.Seq, events uint64, fragments uint32) error {
	x := b.x
	if err := b.members(); err != nil {
		return err
	}
	x.line.head.Seq, x.line.head.Events, x.line.head.Fragments = seq, events, fragments
	if err := x.settle(); err != nil {
		return err
	}
	x.publish(&x.line.head)
	return nil
}

// merged goes through streams, each ascending by number, in the order of the numbers.
func merged(streams []iter.Seq2[truth, error], f func(truth) error) error {
	type source struct {
		next func() (truth, error, bool)
		now  truth
		ok   bool
	}
	var all []*source
	for _, s := range streams {
		next, stop := iter.Pull2(s)
		defer stop()
		all = append(all, &source{next: next})
	}
	step := func(s *source) (err error) {
		s.now, err, s.ok = s.next()
		return err
	}
	for _, s := range all {
		if err := step(s); err != nil {
			return err
		}
	}
	for {
		var least *source
		for _, s := range all {
			if s.ok && (least == nil || s.now.seq < least.now.seq) {
				least = s
			}
		}
		if least == nil {
			return nil
		}
		if err := f(least.now); err != nil {
			return err
		}
		if err := step(least); err != nil {
			return err
		}
	}
}

// rebuilder tells the truth of e to x, in turns.
type rebuilder struct {
	e, x     *Engine
	progress func(done, total int64, what string)
	what     string
	v        *version
	t        *turn
	events   uint64
	batches  int
	decide   func(*turn, *history.Row) error // decides about an event before it is folded; nil: its decisions are told
	n        int                             // told in this turn
	held     *truth                          // an event that waits for the decisions that it caused: they were taken before it was folded

	identity func(kith.FragmentID) ([]byte, error) // what the record of a fragment has
}

func (b *rebuilder) begin() {
	x := b.x
	b.t = &turn{l: x.line, tx: x.store.Update(), docs: map[kith.FragmentID]*document{}, replay: true}
	b.t.graph = x.graph(b.t)
	b.n = 0
	x.state.Begin()
	x.mids.Begin()
	x.places.Begin()
	x.keys.Begin()
}

func (b *rebuilder) full() bool { return b.n >= batchEvents || b.t.tx.Full(b.t.docBytes) }

// end commits what was told in a turn, and writes a checkpoint now and then.
func (b *rebuilder) end() error {
	if err := b.release(); err != nil {
		return err
	}
	x, t := b.x, b.t
	b.batches++
	x.line.head.Events = b.events
	x.line.head.Seq = max(x.line.head.Seq, kith.Seq(b.batches)) // documents are sealed with it: once for each turn
	if err := errors.Join(t.putDocuments(), x.keys.Puts(t.tx.Put), x.state.Err()); err != nil {
		return err
	}
	if err := x.line.putHead(t.tx, time.Now().UnixMicro()); err != nil {
		return err
	}
	if err := t.tx.Commit(); err != nil {
		return err
	}
	x.places.Commit()
	x.mids.Commit()
	x.keys.Commit()
	x.state.Publish(uint64(x.line.head.Seq))
	for f, d := range t.docs {
		x.line.docs.put(f, d)
	}
	if b.events-x.keeper.last >= x.lim.replay {
		return x.settle()
	}
	return nil
}

// one tells one entry.
func (b *rebuilder) one(w truth) error {
	b.n++
	if b.held != nil && (w.decision == nil || w.decision.Cause != b.held.seq) {
		if err := b.release(); err != nil {
			return err
		}
	}
	switch {
	case w.number != nil:
		token, err := b.token(w.number)
		if err != nil {
			return err
		}
		weak, err := b.e.weak(w.number.Rules, w.number.Space)
		if err != nil {
			return err
		}
		b.x.people.Number(w.number.Fragment, w.number.Space, weak, token)
	case w.decision != nil:
		d := w.decision
		if d.Kind != kith.Leave {
			_, known, err := b.t.tx.Pair(d.A, d.B)
			if err != nil {
				return err
			}
			rec := storage.PairRecord{Kind: d.Kind, Seq: d.Seq, Cause: d.Cause, At: d.At.UnixMicro(), Rule: d.Rule}
			if err := b.t.tx.PutPair(d.A, d.B, rec, known); err != nil {
				return err
			}
		}
		return b.t.graph.Carry(d)
	default:
		b.held = &w
	}
	return nil
}

// release folds the event that was held.
func (b *rebuilder) release() error {
	if b.held == nil {
		return nil
	}
	r := b.held.row
	b.held = nil
	if b.decide != nil {
		if err := b.decide(b.t, r); err != nil {
			return err
		}
	}
	ev := &storage.Event{
		Seq: kith.Seq(r.Seq), Fragment: kith.FragmentID(r.Fragment), Kind: kith.Kind(r.Kind), Flags: r.Flags, Name: r.Name,
		Time: r.Time, Received: r.Received, Sent: r.Sent, Original: r.Original,
		Source: uint32(b.e.sources.id(r.Source)), Load: r.Load, Message: r.MessageID, Cells: r.Cells,
	}
	if kith.Flags(r.Flags).Anomalous() { // what it says of a person is not told
		b.events++
		return b.x.line.fold.event(b.t, ev, b.events-1, nil, nil)
	}
	secret, err := leaves(b.e.keys, b.x.traits.telling(r), b.identity)
	if err != nil {
		return err
	}
	b.events++
	told, err := b.x.traits.of(ev.Kind, ev.Cells, secret)
	if err != nil {
		return err
	}
	return b.x.line.fold.event(b.t, ev, b.events-1, secret, told)
}

// token gives the token of a fragment's identifier, made anew from its value
// where the rules still normalise it so, else as the column has it.
func (b *rebuilder) token(rec *storage.FragmentRecord) (kith.Token, error) {
	plain, err := storage.UnpackValue(b.e.keys.Open(rec.Fragment, uint64(rec.Seq), sealIdentity, rec.Sealed, nil))
	if err != nil {
		return kith.Token{}, err
	}
	t := tokenIn(b.e, rec.Space, plain)
	f, ok, err := b.e.tokens.Find(t)
	if err != nil || ok && f == rec.Fragment {
		return t, err
	}
	return b.e.people.Token(b.v.pin, rec.Fragment)
}

// tokenIn gives the token that a value has in a space of the directory.
func tokenIn(e *Engine, space uint8, value []byte) kith.Token {
	m := e.matcher.Load()
	name := e.spaces.at(int(space))
	norm, ok := m.Normalise(m.Space(name), value, nil)
	if name == "" || !ok {
		return kith.Token{}
	}
	return e.secret.Token(name, norm)
}

// numbers gives the identifiers.
func (b *rebuilder) numbers() iter.Seq2[truth, error] {
	return stream(func(yield func(truth) error) error {
		return b.v.snap.Fragments(nobody, func(rec storage.FragmentRecord) error {
			rec.Sealed = slices.Clone(rec.Sealed)
			return yield(truth{seq: rec.Seq, number: &rec})
		})
	})
}

// decisions gives the links, refusals, leaves and cuts that keep is true for, in
// streams of which each is in the order of the log: those that an unload has
// taken again are one of their own.
func (b *rebuilder) decisions(keep func(*storage.Decision) bool) ([]iter.Seq2[truth, error], error) {
	unloads, err := b.v.snap.Unloads()
	if err != nil {
		return nil, err
	}
	retaken := func(seq kith.Seq) bool {
		return slices.ContainsFunc(unloads, func(u storage.Unload) bool { return u.Seq <= seq && seq <= u.Last })
	}
	some := func(from, to kith.Seq, ok func(kith.Seq) bool) iter.Seq2[truth, error] {
		return stream(func(yield func(truth) error) error {
			return b.v.snap.DecisionsFrom(from, func(d *storage.Decision) error {
				switch {
				case d.Seq > to:
					return storage.ErrStop
				case !ok(d.Seq) || !keep(d):
					return nil
				}
				return yield(truth{seq: cause(d), decision: d})
			})
		})
	}
	streams := []iter.Seq2[truth, error]{some(0, b.v.seq, func(s kith.Seq) bool { return !retaken(s) })}
	for _, u := range unloads {
		streams = append(streams, some(u.Seq, u.Last, func(kith.Seq) bool { return true }))
	}
	return streams, nil
}

// rows gives the events.
func (b *rebuilder) rows(ctx context.Context) iter.Seq2[truth, error] {
	return func(yield func(truth, error) bool) {
		for r, err := range b.e.hist.Scan(ctx, 1, uint64(b.v.seq)) {
			if !yield(truth{seq: kith.Seq(r.Seq), row: &r}, err) || err != nil {
				return
			}
		}
	}
}

// stream makes an iterator of a function that calls back.
func stream(each func(yield func(truth) error) error) iter.Seq2[truth, error] {
	return func(yield func(truth, error) bool) {
		stopped := false
		err := each(func(w truth) error {
			if stopped = !yield(w, nil); stopped {
				return storage.ErrStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(truth{}, fmt.Errorf("read what is truth: %w", err))
		}
	}
}
