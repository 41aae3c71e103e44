package history

import (
	"context"
	"encoding/binary"
	"fmt"

	m "github.com/duckdb/duckdb-go/v2/mapping"
	"github.com/kithdb/kith"
)

// Mention is which load and which fragments an event names.
type Mention struct {
	Seq      uint64
	Load     uint32
	Fragment uint32
	Also     []uint32 // valid until the next
}

// Mentions calls f for each row up to a seq, in order. It reads four columns.
func (h *History) Mentions(ctx context.Context, upTo uint64, f func(*Mention)) error {
	var v Mention
	q := func(p *part) string {
		return fmt.Sprintf("SELECT seq, load, fragment, also FROM %s.events WHERE seq <= %d AND rowid < %d", p.alias(), upTo, p.Rows)
	}
	return h.eachPart(ctx, "Mentions", q, func(ch m.DataChunk, n int) {
		seqs, loads, fragments, also := column[uint64](ch, 0, n), column[uint32](ch, 1, n), column[uint32](ch, 2, n), column[text](ch, 3, n)
		there := validity(ch, 3, n)
		for i := range n {
			v.Seq, v.Load, v.Fragment, v.Also = seqs[i], loads[i], fragments[i], v.Also[:0]
			if valid(there, i) {
				v.Also = appendAlso(v.Also, also[i].bytes())
			}
			f(&v)
		}
	})
}

// Label is what tells an event from all others.
type Label struct {
	Seq       uint64
	Fragment  uint32
	Source    string
	MessageID string
	Flags     uint8
}

// OfLoad calls f for each row of a load up to a seq, in order.
func (h *History) OfLoad(ctx context.Context, load uint32, upTo uint64, f func(*Label)) error {
	q := func(p *part) string {
		return fmt.Sprintf("SELECT seq, fragment, source, coalesce(mid_text, mid::VARCHAR), flags FROM %s.events WHERE load = %d AND seq <= %d AND rowid < %d ORDER BY seq", p.alias(), load, upTo, p.Rows)
	}
	return h.eachPart(ctx, "OfLoad", q, func(ch m.DataChunk, n int) {
		seqs, fragments, sources, ids, flags := column[uint64](ch, 0, n), column[uint32](ch, 1, n), column[text](ch, 2, n), column[text](ch, 3, n), column[uint8](ch, 4, n)
		for i := range n {
			f(&Label{seqs[i], fragments[i], string(sources[i].bytes()), string(ids[i].bytes()), flags[i]})
		}
	})
}

// eachPart runs a statement over each part, oldest first.
func (h *History) eachPart(ctx context.Context, op string, query func(p *part) string, f func(ch m.DataChunk, n int)) error {
	if err := h.usable(op); err != nil {
		return err
	}
	c, err := h.borrow()
	if err != nil {
		return fail(op, "", kith.ErrClosed, err)
	}
	defer h.give(c)
	h.use.RLock()
	defer h.use.RUnlock()
	parts := h.snapshot()
	for i := range parts {
		if err := ctx.Err(); err != nil {
			return fail(op, "", nil, err)
		}
		err := c.rows(query(&parts[i]), func(ch m.DataChunk, n int) bool {
			f(ch, n)
			return true
		})
		if err != nil {
			return h.spoilt(op, "part "+parts[i].file(), err)
		}
	}
	return nil
}

// appendAlso reads the fragments of an event's other identifiers.
func appendAlso(dst []uint32, b []byte) []uint32 {
	for ; len(b) >= 4; b = b[4:] {
		dst = append(dst, binary.LittleEndian.Uint32(b))
	}
	return dst
}
