package engine

import (
	"unsafe"

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
	flags    kith.Flags       // what the rules find in the item alone
	near     uint64           // print of what near-duplicates have in common, identifiers left out
	within   int64            // how far apart those are, in microseconds; 0: nobody asks
	derived  clean.Derivation // of a message id; only with noID
	equal    uint64           // of a load: items equal to this one that the input had before; only with noID
}

type claim struct {
	space int // of the matcher
	norm  []byte
	value []byte
}

// batch copies items out of a cleaner into memory of its own, which is used
// again for another batch when the line is done with this one.
type batch struct {
	items  []item
	claims []claim
	arena  []byte
}

// reset makes the batch empty again. Nothing of its items may be in use.
func (b *batch) reset() {
	clear(b.items)
	b.items, b.claims, b.arena = b.items[:0], b.claims[:0], b.arena[:0]
}

// keep copies a slice into the arena. A full arena is left to its items, and a
// new one begun.
func (b *batch) keep(s []byte) []byte {
	if len(s) == 0 {
		return nil
	}
	if len(b.arena)+len(s) > cap(b.arena) {
		b.arena = make([]byte, 0, max(arenaBytes, len(s), min(2*cap(b.arena), mostArena))) // the next chunk needs as much
	}
	n := len(b.arena)
	b.arena = append(b.arena, s...)
	return b.arena[n:len(b.arena):len(b.arena)]
}

// Bounds of an arena: what a chunk of lines needs, and what one of rows may.
const (
	arenaBytes = chunkBytes + chunkBytes/4
	mostArena  = 8 * arenaBytes
)

// add copies one item of a cleaner, which was read from the given line of the
// input. The item's own bytes are not copied: the line must outlive the batch.
func (b *batch) add(it *clean.Item, line int64) {
	if it.Code != "" {
		b.items = append(b.items, item{code: it.Code, path: it.Path, at: it.At, line: line, raw: it.Raw})
		return
	}
	out := item{
		line: line, kind: it.Kind, clamped: it.Clamped, noID: it.NoID,
		name: b.keep(it.Name), message: text1(b.keep(it.MessageID)),
		times: [4]int64{it.Time, it.Received, it.Sent, it.Original},
		cells: b.keep(it.Cells), secret: b.keep(it.Secret), raw: it.Raw,
		idPrint: it.IDPrint, payPrint: it.PayPrint,
	}
	if it.NoID {
		out.derived = it.Derivation()
	}
	from := len(b.claims)
	for _, c := range it.Claims {
		b.claims = append(b.claims, claim{space: c.Space, norm: b.keep(c.Norm), value: b.keep(c.Value)})
		out.alias = out.alias || c.Previous
	}
	out.claims = b.claims[from:len(b.claims):len(b.claims)]
	b.items = append(b.items, out)
}

// text1 gives bytes of the arena as a string, without a copy: it lives as long
// as the batch does.
func text1(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// size gives the bytes that the batch holds.
func (b *batch) size() int64 { return int64(len(b.items))*400 + int64(len(b.arena)) }
