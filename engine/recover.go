package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// openNames reads the head record, the dictionaries and the rules.
func (e *Engine) openNames() (*storage.Head, error) {
	head, err := e.openHead()
	if err != nil {
		return nil, err
	}
	snap := e.store.Snapshot()
	defer snap.Release()
	lists := map[byte][]string{}
	for _, kind := range []byte{storage.Paths, storage.Sources, storage.Spaces, storage.Columns, storage.Sealed} {
		names, err := snap.Names(kind)
		if err != nil {
			return nil, err
		}
		lists[kind] = names
	}
	if e.paths, err = clean.NewPaths(lists[storage.Paths]); err != nil {
		return nil, err
	}
	e.pathsStored = len(lists[storage.Paths])
	if err := e.openSealed(lists[storage.Sealed], head); err != nil {
		return nil, err
	}
	e.sources, e.spaces = newNames(lists[storage.Sources]), newNames(lists[storage.Spaces])
	e.traits = traits{e: e}
	e.traits.known = lists[storage.Columns]
	if err := errors.Join(e.openTables(snap), e.openContents(snap)); err != nil {
		return nil, err
	}
	return head, e.openRules(snap, head)
}

// openHead reads the head record.
func (e *Engine) openHead() (*storage.Head, error) {
	snap := e.store.Snapshot()
	defer snap.Release()
	head := &storage.Head{}
	if _, err := snap.Meta(storage.MetaHead(), head); err != nil {
		return nil, err
	}
	e.store.SetCounts(head.Counts)
	return head, e.finishUnload(head)
}

// finishUnload finishes an unload that a crash cut short: one that had made its
// switch is carried through, one that had not is forgotten.
func (e *Engine) finishUnload(head *storage.Head) error {
	if e.o.ReadOnly { // it was closed in order
		return nil
	}
	switched, err := e.store.Get(storage.MetaUnload())
	switch {
	case err != nil:
		return err
	case switched != nil:
		return e.settleUnload(head)
	}
	return e.forgetStaged(head)
}

// openRules finds the rules of the directory, or gives a new one its first.
func (e *Engine) openRules(snap *storage.Snapshot, head *storage.Head) error {
	rules := identity.Default()
	if e.o.Rules != nil {
		rules = *e.o.Rules
	}
	if head.Rules > 0 {
		rec, err := snap.Rules(head.Rules)
		if err != nil {
			return err
		}
		stored, err := identity.Parse(rec.Text)
		if err != nil {
			return &kith.Error{Op: "engine.Open", On: "rules", Kind: kith.ErrCorrupt, Err: err}
		}
		if e.o.Rules != nil {
			if diff := identity.Diff(stored, rules); len(diff) > 0 {
				return &kith.Error{Op: "engine.Open", On: "Options.Rules", Kind: kith.ErrInvalid,
					Err: errors.New("the directory has other rules (" + diff[0] + "); change them with SetRules, or kith rules set")}
			}
		}
		rules = stored
	}
	m, err := rules.Compile(e.spaces.all()...)
	if err != nil {
		return err
	}
	e.useRules(m)
	return nil
}

// openState opens what a checkpoint keeps, as of the last complete one.
func (e *Engine) openState() error {
	snap := e.store.Snapshot()
	defer snap.Release()
	if _, err := snap.Meta(storage.MetaCheckpoint(), &e.checkpoint); err != nil {
		return err
	}
	e.keeper.n.Store(e.checkpoint.N)
	e.keeper.sweeping, e.keeper.cleaning = !e.o.ReadOnly, !e.o.ReadOnly // a crash may have left an unfinished checkpoint
	var err error
	if e.state, err = storage.NewState(e.loadUnit, e.lim.state); err != nil {
		return err
	}
	if e.people, err = storage.OpenPeople(e.state); err != nil {
		return err
	}
	if err = e.traits.open(e.traits.known); err != nil {
		return err
	}
	if e.mids, err = storage.OpenMids(e.store.Get, e.checkpoint.Mids); err != nil {
		return err
	}
	if e.nears, err = storage.OpenNears(e.store.Get, e.checkpoint.Nears); err != nil {
		return err
	}
	if e.tokens, err = storage.OpenTokens(e.store.Get, e.checkpoint.Tokens); err != nil {
		return err
	}
	if e.places, err = storage.OpenPlaces(e.store.Get, e.checkpoint.Places); err != nil {
		return err
	}
	if e.words, err = storage.OpenWords(e.store.Get, e.checkpoint.Words); err != nil {
		return err
	}
	e.mids.Limit(e.lim.runs)
	e.nears.Limit(e.lim.runs)
	e.tokens.Limit(e.lim.runs)
	e.places.Limit(e.lim.runs)
	return nil
}

// loadUnit reads a unit as of the last complete checkpoint.
func (e *Engine) loadUnit(k storage.UnitKey) ([]byte, error) {
	snap := e.store.Snapshot()
	defer snap.Release()
	return snap.Unit(k, e.keeper.n.Load())
}

// openHistory opens the parts that the manifest names.
func (e *Engine) openHistory() error {
	var m history.Manifest
	snap := e.store.Snapshot()
	_, err := snap.Meta(storage.MetaManifest(), &m)
	snap.Release()
	if err != nil {
		return err
	}
	e.hist, err = history.Open(history.Options{
		Dir: e.path("history"), Temp: e.path("tmp"), Memory: e.lim.duckdb, Threads: e.lim.threads,
		Paths: e.paths, Manifest: m, Save: e.saveManifest, PartRows: PartRows, ReadOnly: e.o.ReadOnly,
		Free: func() (int64, error) { return storage.DiskFree(e.dir) },
	})
	return err
}

// saveManifest stores which parts history has.
func (e *Engine) saveManifest(m history.Manifest) error {
	tx := e.store.Update()
	defer tx.Discard()
	if err := tx.PutMeta(storage.MetaManifest(), m); err != nil {
		return err
	}
	Point("before-manifest")
	if err := tx.Commit(); err != nil {
		return err
	}
	if e.o.NoSync { // parts that it does not name are removed after this
		if err := e.store.Sync(); err != nil {
			return err
		}
	}
	Point("after-manifest")
	return nil
}

// replay tells the state what came after the checkpoint, and history what came
// after its watermark, and starts the line where the log ends.
func (e *Engine) replay(head *storage.Head) error {
	e.line = newLine(e, *head)
	var err error
	if e.line.fold, err = newFolder(e); err != nil {
		return err
	}
	e.follow = newFollower(e, e.lim.queue)
	if ahead := e.hist.Watermark(); ahead > uint64(head.Seq) {
		return &kith.Error{Op: "engine.Open", On: "the log", Kind: kith.ErrCorrupt, Err: fmt.Errorf("it ends at number %d and history has %d: the store has lost its end", head.Seq, ahead)}
	}
	if head.Fragments == 0 {
		e.static.versions = map[string]uint32{}
		return e.first()
	}
	if err := e.replayTail(head); err != nil {
		return err
	}
	if err := e.replayState(); err != nil {
		return err
	}
	if err := e.openLists(); err != nil {
		return err
	}
	e.publish(head)
	return nil
}

// first writes the first records of a new directory: its rules, and nobody's fragment.
func (e *Engine) first() error {
	t, err := e.line.begin()
	if err != nil {
		return err
	}
	h := &e.line.head
	h.Rules, h.Fragments, h.Loads, h.Tallies = 1, uint32(nobody)+1, 1, map[string]kith.Tally{}
	rules := storage.RulesRecord{Version: 1, Seq: t.blob.Skip(), At: t.at.UnixMicro(), Text: e.matcher.Load().Rules().Format()}
	if err := t.tx.PutMeta(storage.MetaManifest(), e.hist.Manifest()); err != nil {
		return err
	}
	if err := t.tx.PutRules(rules); err != nil {
		return err
	}
	return t.commit()
}

// replayTail gives history's follower the records that history lacks.
func (e *Engine) replayTail(head *storage.Head) error {
	snap := e.store.Snapshot()
	defer snap.Release()
	mark := kith.Seq(e.hist.Watermark())
	var pieces []piece
	err := snap.Blobs(mark, func(last kith.Seq, blob []byte) error {
		h, err := storage.HeadOf(blob)
		if err != nil {
			return err
		}
		p := piece{blob: append([]byte{}, blob...), first: h.Ordinal, from: h.First, last: last}
		err = storage.EachRecord(p.blob, func(rec *storage.Record) error {
			if rec.Event != nil {
				p.events = append(p.events, rec.Mark)
				p.newest = rec.Seq
			}
			return nil
		})
		pieces = append(pieces, p)
		return err
	})
	if err != nil {
		return err
	}
	next := head.Events // the ordinal of the first event that the log has and history lacks
	for _, p := range pieces {
		if len(p.events) > 0 {
			next = p.first
			break
		}
	}
	if rows := e.hist.Rows(); rows < next {
		return &kith.Error{Op: "engine.Open", On: "history", Kind: kith.ErrCorrupt, Err: fmt.Errorf("it has %d events and the log goes on at %d", rows, next)}
	}
	if e.o.ReadOnly && len(pieces) > 0 {
		return storage.ErrUnclean
	}
	e.follow.takeOver(pieces)
	return nil
}

// replayState folds the records that came after the checkpoint.
func (e *Engine) replayState() error {
	t := &turn{l: e.line, tx: e.store.Update(), docs: map[kith.FragmentID]*document{}, replay: true}
	defer t.tx.Discard()
	t.graph = e.graph(t)
	var err error
	if t.rulings, err = e.everRuled(); err != nil {
		return err
	}
	err = t.tx.Blobs(e.checkpoint.Seq, func(last kith.Seq, blob []byte) error {
		e.state.Begin()
		e.mids.Begin()
		e.nears.Begin()
		e.places.Begin()
		e.tokens.Begin()
		e.words.Begin()
		h, err := storage.HeadOf(blob)
		if err != nil {
			return err
		}
		err = storage.EachRecord(blob, func(rec *storage.Record) error {
			if rec.Seq <= e.checkpoint.Seq {
				return nil
			}
			return t.retell(rec)
		})
		if err = errors.Join(err, t.retellHeld(), e.state.Err()); err != nil {
			return err
		}
		if err := t.retellChanges(max(h.First, e.checkpoint.Seq+1), last); err != nil {
			return err
		}
		clear(t.docs) // the store has them, durable with their turns: kept here they would grow with the tail
		e.mids.Commit()
		e.nears.Commit()
		e.places.Commit()
		e.tokens.Commit()
		e.words.Commit()
		e.state.Publish(uint64(last))
		return nil
	})
	if err != nil || t.numbered == 0 {
		return err
	}
	return e.retellNumbers(t.numbered)
}

// held is an event of the log that waits for the decisions that it caused:
// they stand after it, and were carried out before it was folded.
type held struct {
	storage.Event
	ordinal uint64
}

// retell tells the state one record of the log, as it was told live.
func (t *turn) retell(rec *storage.Record) error {
	d := rec.Decision
	if d == nil || t.held == nil || d.Cause != t.held.Seq {
		if err := t.retellHeld(); err != nil {
			return err
		}
	}
	switch {
	case d != nil && d.Kind == kith.Number:
		weak, err := t.l.e.weak(d.Version, d.SpaceID)
		if err != nil {
			return err
		}
		t.l.e.people.Number(d.A, d.SpaceID, weak, d.Token)
		if t.numbered == 0 {
			t.numbered = d.A // they ascend
		}
		return t.l.e.tokens.Add(d.Token, d.A)
	case d != nil:
		return t.graph.Carry(d)
	case rec.Event != nil:
		t.held = &held{*rec.Event, rec.Ordinal}
		t.held.Also = slices.Clone(rec.Event.Also) // the record is used again for the next
	}
	return nil
}

// retellHeld folds the event that was held back.
func (t *turn) retellHeld() error {
	h, e := t.held, t.l.e
	t.held = nil
	if h == nil {
		return nil
	}
	snap := e.store.Snapshot() // the turn's transaction is in the middle of the log
	defer snap.Release()
	row := e.follow.row(&h.Event)
	secret, err := leaves(e.keys, &row, identityIn(e.keys, snap))
	if err != nil {
		return err
	}
	e.mids.Add(h.IDPrint, h.PayPrint, uint64(h.Seq))
	if n, ok := t.rulings.near(&row, secret); ok && kith.Flags(h.Flags)&kith.NearDuplicate == 0 {
		n.put(e.nears, h.Seq)
	}
	told, err := e.traits.of(h.Kind, h.Cells, secret)
	if err != nil {
		return err
	}
	return t.l.fold.event(t, &h.Event, h.ordinal, secret, told)
}
