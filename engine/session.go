package engine

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// session is what a load is while it runs.
type session struct {
	id     uint32
	source string
	rec    storage.Load // the line's: as the turn under way leaves it
	stored storage.Load // the line's: as it is durable

	skip   int64       // items that an earlier session of the load stored
	line   int64       // of the last piece that one kept
	last   [2]int64    // its rows
	seen   int64       // items that came by, up to skip
	input  *passing    // what comes by, beside what that session took
	equals equals      // rows without message id that came by
	most   int         // rejected items after which the load stops; 0: never
	over   atomic.Bool // it has stopped
	keeps  bool        // its pieces are kept
}

// take makes of a chunk the call that is left to be stored, and tells whether
// something is. What an earlier session has stored is only counted.
func (s *session) take(c *chunk) (bool, error) {
	call := c.call
	if err := s.input.meet(c); err != nil {
		return false, err
	}
	if err := s.compare(call.items); err != nil {
		return false, err
	}
	old := min(s.skip-s.seen, int64(len(call.items)))
	call.items, s.seen = call.items[old:], s.seen+old
	if s.keeps && (c.line > s.line || c.line == s.line && c.counts() != s.last) {
		call.keep = c // the last piece of an input that broke off was short
	}
	return len(call.items) > 0 || call.keep != nil, nil
}

// compare counts, for each item without a message id, those equal to it that came before.
func (s *session) compare(items []item) (err error) {
	for i := range items {
		if it := &items[i]; it.code == "" && it.noID && err == nil {
			it.equal, err = s.equals.count(it.payPrint)
		}
	}
	return err
}

// count notes that an item of the load has a verdict.
func (s *session) count(r kith.Result) {
	s.rec.Tally.Of(r)
	s.rec.Items++
}

// stopped tells whether as much was rejected as the load allows.
func (s *session) stopped() bool {
	if s.most > 0 && s.rec.Tally.Rejected >= s.most {
		s.over.Store(true)
	}
	return s.over.Load()
}

// beginLoad gives the load its number, or finds the one that did not end.
func (e *Engine) beginLoad(o *LoadOptions, first []*chunk, head []byte) (*session, error) {
	s := &session{source: o.Source, most: o.MaxErrors, keeps: head != nil}
	if s.source == "" {
		s.source = "load"
	}
	s.rec = storage.Load{Name: o.Name, Source: s.source, Size: o.Size, Content: e.content(first)}
	if s.keeps {
		s.rec.Mapping, s.rec.Head = o.Mapping, head
	}
	s.equals.dir = e.dir
	found := false
	if err := e.inLine(func() (err error) { found, err = e.goOn(s); return err }); err != nil || found {
		return s, err
	}
	s.input = e.newPassing(&s.rec)
	return s, e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		s.rec.ID, s.rec.Seq, s.rec.At = e.line.head.Loads, seq, at
		e.line.head.Loads++
		return tx.PutLoad(&s.rec)
	}, func() {
		s.id, s.stored = s.rec.ID, s.rec
		e.line.sessions[s.id] = s
	})
}

// content gives a print of the beginning of an input. It is keyed: a short
// input could be guessed.
func (e *Engine) content(first []*chunk) []byte {
	h := hmac.New(sha256.New, e.secret[:])
	h.Write([]byte("kith content of load\x00"))
	for _, c := range first {
		h.Write(c.data)
	}
	return h.Sum(nil)[:16]
}

// goOn looks in the line for a load of the same input that did not end, and
// that nobody goes on with.
func (e *Engine) goOn(s *session) (found bool, err error) {
	snap := e.store.Snapshot()
	defer snap.Release()
	err = snap.LastLoads(func(l *storage.Load) error {
		if l.Ended != 0 || e.line.sessions[l.ID] != nil || !same(l, &s.rec) {
			return nil
		}
		found = true
		s.id, s.rec, s.stored = l.ID, *l, *l
		s.skip, s.line, s.last, s.input = l.Items, l.Line, l.LastRows, e.newPassing(l)
		e.line.sessions[l.ID] = s
		return storage.ErrStop
	})
	return found, err
}

// same tells whether two loads are of the same input.
func same(a, b *storage.Load) bool {
	return a.Name == b.Name && a.Source == b.Source && a.Size == b.Size && len(a.Content) > 0 && bytes.Equal(a.Content, b.Content) &&
		bytes.Equal(a.Mapping, b.Mapping) && bytes.Equal(a.Head, b.Head)
}

// endLoad lets the load go. One that came to its end is noted to have.
func (e *Engine) endLoad(s *session, whole bool) error {
	release := func() { delete(e.line.sessions, s.id) }
	if !whole {
		return e.inLine(func() error { release(); return nil })
	}
	return e.metaThen(func(tx *storage.Tx, _ kith.Seq, at int64) error {
		s.rec.Ended = at
		return tx.PutLoad(&s.rec)
	}, func() {
		s.stored = s.rec
		release()
	})
}

// keepPiece keeps the rows that a call comes from, and tells whether it has
// all of them: a part goes into the turn where that has room.
func (t *turn) keepPiece(c *call) (bool, error) {
	s, p := c.load, c.keep
	if s.rec.Line == p.line { // it comes in the place of a short one, which is not whole from here on
		s.rec.Rows -= s.rec.LastRows[0]
		s.rec.Excepted -= s.rec.LastRows[1]
		s.rec.Line, s.rec.LastRows = p.line-1, [2]int64{}
	}
	for ; c.kept < len(p.packed); c.kept++ {
		if c.kept > 0 && t.full() {
			return false, nil
		}
		number := uint64(s.id)<<32 | uint64(s.rec.Parts)
		sealed, err := t.l.e.keys.Seal(nobody, number, sealPiece, p.packed[c.kept], nil)
		if err != nil {
			return false, err
		}
		part := storage.Part{Load: s.id, Line: p.line, Part: uint8(c.kept), Of: uint8(len(p.packed)), Number: number, Rows: p.rows, Excepted: p.excepted, Sealed: sealed}
		if err := t.tx.PutPart(&part); err != nil {
			return false, err
		}
		s.rec.Parts++
	}
	s.rec.Line, s.rec.LastRows = p.line, p.counts()
	s.rec.Rows += p.rows
	s.rec.Excepted += p.excepted
	c.keep = nil
	return true, nil
}

// putLoads stores how far the loads of the turn are.
func (t *turn) putLoads() error {
	for _, s := range t.loads {
		if err := t.tx.PutLoad(&s.rec); err != nil {
			return err
		}
	}
	return nil
}

// openPiece opens a part of a piece.
func (e *Engine) openPiece(number uint64, sealed []byte) ([]byte, error) {
	return e.keys.Open(nobody, number, sealPiece, sealed, nil)
}

var errUnmapped = errors.New("it was loaded without a mapping: its lines are the events")

// Kept is what is kept of a load through a mapping, so that its rows can be mapped again.
type Kept struct {
	Name    string // of the load
	Source  string // of its events
	Mapping []byte // the text of the mapping
	Head    []byte // see Rows
	e       *Engine
	load    storage.Load
}

// Kept gives what is kept of a load. It is ErrNotFound where there is no such
// load, and ErrUnsupported where it was one of lines of the specification.
func (e *Engine) Kept(load uint32) (*Kept, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	l, err := v.snap.Load(load)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, &kith.Error{Op: "engine.Kept", On: fmt.Sprintf("load %d", load), Kind: kith.ErrNotFound}
	}
	if l.Mapping == nil {
		return nil, &kith.Error{Op: "engine.Kept", On: fmt.Sprintf("load %d", load), Kind: kith.ErrUnsupported, Err: errUnmapped}
	}
	return &Kept{l.Name, l.Source, l.Mapping, l.Head, e, *l}, nil
}

// Pieces calls f for each piece, in order, with the number of its first line,
// until f gives an error. A piece is valid until f returns.
func (k *Kept) Pieces(f func(line int64, piece []byte) error) error {
	v, err := k.e.acquire()
	if err != nil {
		return err
	}
	defer k.e.release(v)
	last := func(uint32) int64 { return k.load.Line }
	return v.snap.Pieces(k.load.ID, last, k.e.openPiece, func(p *storage.Piece) error { return f(p.Line, p.Data) })
}
