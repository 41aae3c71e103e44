package engine

import (
	"context"
	"errors"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

var errRebuilt = errors.New("what is derived was made anew: close the platform and open it again")

// adopt puts what x derived in the place of what e has. The engine takes no
// more calls from here on: what it has in memory is of before.
func (e *Engine) adopt(ctx context.Context, x *Engine, r *CheckReport) error {
	if err := e.settle(); err != nil { // so that the checkpoint has every message id
		return err
	}
	e.unpublish()
	a := &adoption{e: e, x: x, n: e.checkpoint.N + 1, tx: e.store.Update(), begin: e.store.Update}
	defer func() {
		a.tx.Discard()
		e.line.stop(errRebuilt)
	}()
	from := x.store.Snapshot()
	defer from.Release()
	is := e.store.Snapshot()
	defer is.Release()
	places, err := a.places()
	if err != nil {
		return err
	}
	words, err := a.words(is, from, nil, nil)
	if err != nil {
		return err
	}
	for _, step := range []func(is, from *storage.Snapshot) error{a.units, a.documents, a.pairs} {
		if err := errors.Join(ctx.Err(), step(is, from)); err != nil {
			return err
		}
	}
	if err := e.putColumns(a.tx, x); err != nil {
		return err
	}
	next := storage.CheckpointRecord{N: a.n, Seq: e.line.head.Seq, Mids: e.checkpoint.Mids, Nears: e.checkpoint.Nears, Tokens: e.checkpoint.Tokens, Places: places.State(), Words: words.State()}
	if err := a.tx.PutMeta(storage.MetaCheckpoint(), &next); err != nil {
		return err
	}
	if err := e.commitAside(a.tx); err != nil {
		return err
	}
	r.Rebuilt = true
	return a.sweep(places, words)
}

// adoption writes in transactions that are not too large.
type adoption struct {
	e, x  *Engine
	n     uint64 // of the checkpoint that it will be
	tx    *storage.Tx
	begin func() *storage.Tx
	about func(kith.FragmentID) bool // fragments whose documents may differ; nil: all
}

// next commits what was written, if it is much.
func (a *adoption) next() error {
	if !a.tx.Full(0) {
		return nil
	}
	return a.commit()
}

// commit commits what was written.
func (a *adoption) commit() error {
	if err := a.e.commitAside(a.tx); err != nil {
		return err
	}
	a.tx = a.begin()
	return nil
}

// units writes those of x, and an empty one for each that x does not have.
func (a *adoption) units(is, from *storage.Snapshot) error {
	fresh := map[storage.UnitKey]bool{}
	err := from.EachUnit(a.x.checkpoint.N, func(k storage.UnitKey, data []byte) error {
		fresh[k] = true
		if err := a.tx.PutUnits(a.n, []storage.Unit{{Key: k, Data: append([]byte{}, data...)}}); err != nil {
			return err
		}
		return a.next()
	})
	if err != nil {
		return err
	}
	return is.UnitKeys(a.n-1, func(k storage.UnitKey) error {
		if fresh[k] {
			return nil
		}
		if err := a.tx.PutUnits(a.n, []storage.Unit{{Key: k}}); err != nil {
			return err
		}
		return a.next()
	})
}

// placesPart is how many places go into one run.
const placesPart = 4 << 20

// places writes the places of x into runs beside those of e.
func (a *adoption) places() (*storage.Places, error) {
	p, err := storage.OpenPlaces(a.e.store.Get, a.e.places.Blank())
	if err != nil {
		return nil, err
	}
	p.Begin()
	n := 0
	err = a.x.places.Each(func(f kith.FragmentID, at storage.Place) error {
		p.Add(f, at.Ordinal, at.Name, at.Day)
		if n++; n%placesPart == 0 {
			return a.run(p)
		}
		return nil
	})
	if err == nil {
		err = a.run(p)
	}
	return p, err
}

// run writes what was added as one run.
func (a *adoption) run(p interface {
	Begin()
	Commit()
	Freeze() bool
	Flush(w storage.KV, budget int) (done bool, err error)
	State() []byte
	Switched()
}) error {
	p.Commit()
	for more := p.Freeze(); more; {
		done, err := p.Flush(a.tx, int(a.x.lim.piece)/2)
		if err != nil {
			return err
		}
		if err := a.e.commitAside(a.tx); err != nil {
			return err
		}
		a.tx, more = a.e.store.Update(), !done
	}
	p.State()
	p.Switched() // nobody reads it yet: only the last state counts
	p.Begin()
	return nil
}

// documents replaces the trait documents that differ.
func (a *adoption) documents(is, from *storage.Snapshot) error {
	err := is.DocumentKeys(func(f kith.FragmentID) error {
		if _, sealed, err := from.Document(f); err != nil || sealed != nil {
			return err
		}
		if err := a.tx.DropDocument(f); err != nil {
			return err
		}
		return a.next()
	})
	if err != nil {
		return err
	}
	return from.EachDocument(0, func(f kith.FragmentID, seq uint64, sealed []byte) error {
		if a.about != nil && !a.about(f) {
			return nil
		}
		plain, err := a.x.keys.Open(f, seq, sealDocument, sealed, nil)
		if err != nil {
			return err
		}
		doc, err := storage.DecodeDocument(plain)
		if err != nil {
			return err
		}
		old, damage := a.e.readDocument(&is.Reader, f)
		if damage == nil && documentText(old) == documentText(doc) {
			return nil
		}
		again := 1<<63 | a.n // a number that no record of the log has, and no other rebuild
		if sealed, err = a.e.keys.Seal(f, again, sealDocument, plain, nil); err != nil {
			return err
		}
		put := a.tx.PutDocument
		if damage != nil {
			put = a.tx.RepairDocument
		}
		if err := put(f, again, sealed); err != nil {
			return err
		}
		return a.next()
	})
}

// pairs replaces what is kept about pairs of fragments where it differs.
func (a *adoption) pairs(is, from *storage.Snapshot) error {
	err := is.PairKeys(func(x, y kith.FragmentID) error {
		if _, ok, err := from.Pair(x, y); err != nil || ok {
			return err
		}
		if err := a.tx.DropPair(x, y); err != nil {
			return err
		}
		return a.next()
	})
	if err != nil {
		return err
	}
	return from.EachPair(0, func(x, y kith.FragmentID, rec storage.PairRecord) error {
		old, known, err := is.Pair(x, y)
		if err == nil && known && old == rec {
			return nil
		}
		if err := a.tx.PutPair(x, y, rec, known || err != nil); err != nil {
			return err
		}
		return a.next()
	})
}

// putColumns stores the names of the columns that x has more of.
func (e *Engine) putColumns(tx *storage.Tx, x *Engine) error {
	var fresh []string
	for _, c := range x.traits.all()[len(e.traits.all()):] {
		fresh = append(fresh, string(c.kind)+c.path)
	}
	if len(fresh) == 0 {
		return nil
	}
	return tx.PutNames(storage.Columns, len(e.traits.all()), fresh)
}

// sweep deletes what was replaced.
func (a *adoption) sweep(indexes ...run) error {
	var from []byte
	for more := true; more; more = from != nil {
		a.tx = a.e.store.Update()
		var err error
		if from, err = a.tx.SweepUnits(a.n, from, sweepKeys); err != nil {
			return err
		}
		if err := a.e.commitAside(a.tx); err != nil {
			return err
		}
	}
	for _, index := range indexes {
		for done := false; !done; {
			a.tx = a.e.store.Update()
			var err error
			if done, err = index.Sweep(a.tx, sweepKeys); err != nil {
				return err
			}
			if err := a.e.commitAside(a.tx); err != nil {
				return err
			}
		}
	}
	return nil
}
