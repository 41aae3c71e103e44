package engine

import (
	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
)

// item is one cleaned item that outlives its cleaner: its bytes stand in the
// arena of its batch.
type item struct {
	code, path string // why it was refused; empty: it was not
	at         int    // byte offset of the fault
	line       int64  // place in the input, from 1
	source     string // of this item alone; empty: the call's
	raw        []byte // of a refused item and of one that may turn out to repeat another

	kind     kith.Kind
	clamped  bool
	noID     bool
	alias    bool
	name     []byte
	message  string
	claims   []claim
	times    [4]int64 // time, received, sent, original
	cells    []byte
	secret   []byte // identifying leaves, in the clear: sealed before anything is stored
	idPrint  uint64
	payPrint uint64
	derive   *clean.Item // what is needed to derive a message id; only with noID
}

type claim struct {
	space int // of the matcher
	norm  []byte
	value []byte
}

// batch copies items out of a cleaner.
type batch struct {
	items []item
	arena []byte
}

// keep copies a slice into the arena. The arena may move to a larger one;
// slices given before keep the old.
func (b *batch) keep(s []byte) []byte {
	if len(s) == 0 {
		return nil
	}
	if len(b.arena)+len(s) > cap(b.arena) {
		b.arena = make([]byte, 0, max(64<<10, len(s), cap(b.arena)))
	}
	n := len(b.arena)
	b.arena = append(b.arena, s...)
	return b.arena[n:len(b.arena):len(b.arena)]
}

// add copies one item of a cleaner, which was read from the given line of the input.
func (b *batch) add(it *clean.Item, line int64) {
	if it.Code != "" {
		b.items = append(b.items, item{code: it.Code, path: it.Path, at: it.At, line: line, raw: b.keep(it.Raw)})
		return
	}
	out := item{
		line: line, kind: it.Kind, clamped: it.Clamped, noID: it.NoID,
		name: b.keep(it.Name), message: string(it.MessageID),
		times: [4]int64{it.Time, it.Received, it.Sent, it.Original},
		cells: b.keep(it.Cells), secret: b.keep(it.Secret), raw: b.keep(it.Raw),
		idPrint: it.IDPrint, payPrint: it.PayPrint,
	}
	if it.NoID {
		out.derive = &clean.Item{PayPrint: it.PayPrint, Received: it.Received, Stamped: it.Stamped, NoID: true}
	}
	out.claims = make([]claim, len(it.Claims))
	for i, c := range it.Claims {
		out.claims[i] = claim{space: c.Space, norm: b.keep(c.Norm), value: b.keep(c.Value)}
		out.alias = out.alias || c.Previous
	}
	b.items = append(b.items, out)
}

// size gives the bytes that the batch holds.
func (b *batch) size() int64 {
	var n int64
	for i := range b.items {
		it := &b.items[i]
		n += int64(len(it.cells)+len(it.secret)+len(it.raw)) + 300
	}
	return n
}
