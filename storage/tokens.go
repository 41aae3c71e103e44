package storage

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/kithdb/kith"
)

// Blocks are small: a look-up reads one of millions of identifiers, and seldom
// another of the same block before it has gone from memory.
var tokenSpec = runSpec{op: "storage.Tokens", prefix: keyToken, cols: 2, rows: 256, single: true, filter: true, cache: 4096}

// Tokens knows the fragment of every identifier, by token: the newest in memory,
// the others in sorted runs behind filters, exactly as Mids keeps message ids
// (a token's first half is the id, its second half the payload). So an
// identifier that was never seen costs a look at a filter instead of a read of
// the store, and one that is new an entry in memory instead of a record.
//
// The line adds and flushes; any goroutine may look up. What was added after
// the last State is added again from the log.
type Tokens struct {
	mu    sync.RWMutex // guards what is in memory and which runs there are
	ask   sync.Mutex   // one at a time asks the filters, which are read when first needed
	inner *Mids
}

// OpenTokens opens the index as the state names it; nil is a new one.
func OpenTokens(load func(key []byte) ([]byte, error), state []byte) (*Tokens, error) {
	rs, err := openRuns(tokenSpec, load, state)
	if err != nil {
		return nil, err
	}
	return &Tokens{inner: &Mids{runs: rs, table: newMidTable(nil)}}, nil
}

func halves(t kith.Token) (id, rest uint64) {
	return binary.BigEndian.Uint64(t[:8]), binary.BigEndian.Uint64(t[8:])
}

// Find gives the fragment of a token.
func (ts *Tokens) Find(t kith.Token) (f kith.FragmentID, ok bool, err error) {
	f, _, ok, err = ts.Place(t)
	return f, ok, err
}

// Place gives the fragment of a token, or the place where Put enters one that
// has none: where two tokens have one first half, the later stands under the
// next number.
func (ts *Tokens) Place(t kith.Token) (f kith.FragmentID, place uint64, ok bool, err error) {
	for id, rest := halves(t); ; id++ {
		m, ok, err := ts.find(id)
		if err != nil || !ok {
			return 0, id, false, err
		}
		if m.Payload == rest {
			return kith.FragmentID(m.Seq - 1), id, true, nil
		}
	}
}

func (ts *Tokens) find(id uint64) (Mid, bool, error) {
	key := id * midSpread
	rlock(&ts.mu)
	e := ts.inner.memory(key)
	view := ts.inner.view
	view.refs.Add(1)
	ts.mu.RUnlock()
	defer view.refs.Add(-1)
	if e.at != 0 {
		return Mid{e.payload, e.at >> 1}, e.at > 1, nil
	}
	hash := filterHash(key)
	for i := len(view.runs) - 1; i >= 0; i-- {
		ts.ask.Lock()
		maybe, err := ts.inner.maybe(view.runs[i], key, hash)
		ts.ask.Unlock()
		if err != nil {
			return Mid{}, false, err
		}
		if !maybe {
			continue
		}
		var m Mid
		err = ts.inner.find(view.runs[i], key, func(row *runRow) bool {
			m = Mid{row.cols[0], row.cols[1]}
			return false
		})
		if err != nil || m.Seq != 0 {
			return m, m.Seq != 0, err
		}
	}
	return Mid{}, false, nil
}

// Add says which fragment a token has, that had none.
func (ts *Tokens) Add(t kith.Token, f kith.FragmentID) error {
	had, place, ok, err := ts.Place(t)
	switch {
	case err != nil || ok && had == f:
		return err
	case ok:
		return &kith.Error{Op: "storage.Tokens", Kind: kith.ErrCorrupt, Err: errors.New("an identifier has two fragments")}
	}
	ts.Put(place, t, f)
	return nil
}

// Blank gives the state of an index without any token, whose runs get numbers of their own.
func (ts *Tokens) Blank() []byte { return ts.inner.encode(nil) }

// Abort is as that of Mids.
func (ts *Tokens) Abort() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.inner.Abort()
}

// Limit is as that of Mids.
func (ts *Tokens) Limit(memory int64) { ts.inner.Limit(memory) }

// Put is Add at the place that Place gave, with nothing added in between: the
// filters are not asked again.
func (ts *Tokens) Put(place uint64, t kith.Token, f kith.FragmentID) {
	_, rest := halves(t)
	ts.mu.Lock()
	ts.inner.Add(place, rest, uint64(f)+1)
	ts.mu.Unlock()
}

// Begin, Commit, Rollback, Freeze, Flush, Step, State, Switched, Sweep and
// Check are as those of Mids, for the line.

func (ts *Tokens) Begin()  { ts.inner.Begin() }
func (ts *Tokens) Commit() { ts.inner.Commit() }

func (ts *Tokens) Rollback() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.inner.Rollback()
}

func (ts *Tokens) Freeze() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.inner.Freeze()
}

func (ts *Tokens) Switched() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.inner.Switched()
}

func (ts *Tokens) Flush(w kv, budget int) (done bool, err error) { return ts.inner.Flush(w, budget) }
func (ts *Tokens) Step(w kv, budget int) (more bool, err error)  { return ts.inner.Step(w, budget) }
func (ts *Tokens) Sweep(w kv, budget int) (done bool, err error) { return ts.inner.Sweep(w, budget) }
func (ts *Tokens) State() []byte                                 { return ts.inner.State() }
func (ts *Tokens) Check() error                                  { return ts.inner.Check() }
func (ts *Tokens) Len() int                                      { return ts.inner.Len() }

// Each calls f for every token and its fragment, in the order of storage. The line only.
func (ts *Tokens) Each(f func(t kith.Token, of kith.FragmentID) error) error {
	return ts.inner.Each(func(id, rest, seq uint64) error {
		var t kith.Token
		binary.BigEndian.PutUint64(t[:8], id)
		binary.BigEndian.PutUint64(t[8:], rest)
		return f(t, kith.FragmentID(seq-1))
	})
}
