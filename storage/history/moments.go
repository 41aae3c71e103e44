package history

import (
	"context"
	"errors"
	"fmt"
	"strings"

	m "github.com/duckdb/duckdb-go/v2/mapping"
	"github.com/kithdb/kith"
)

// Named is a name of events, of one kind.
type Named struct {
	Kind uint8
	Name string
}

// Moments calls f with fragment and time of each event that counts, has one of the
// names (nil: any), happened from one instant to another, in microseconds and
// both included, and has a number up to seq. It makes no views, and touches
// nothing but what these columns say of that time.
func (h *History) Moments(ctx context.Context, seq uint64, names []Named, from, to int64, f func(fragment uint32, at int64)) error {
	const op = "Moments"
	if err := h.usable(op); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fail(op, "", nil, err)
	}
	c, err := h.borrow()
	if err != nil {
		return fail(op, "", kith.ErrClosed, err)
	}
	defer h.give(c)
	h.use.RLock()
	defer h.use.RUnlock()
	where, args := naming(names)
	var q strings.Builder
	for i, p := range h.snapshot() {
		if i > 0 {
			q.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&q, "SELECT fragment, ts FROM %s.events WHERE ts BETWEEN make_timestamp(%d) AND make_timestamp(%d) AND seq <= %d AND flags < 2%s", p.alias(), from, to, seq, where)
	}
	if q.Len() == 0 {
		return nil
	}
	err = c.bound(q.String(), args, func(ch m.DataChunk, n int) {
		times := column[int64](ch, 1, n)
		for i, fragment := range column[uint32](ch, 0, n) {
			f(fragment, times[i])
		}
	})
	return h.spoilt(op, "", err)
}

// naming writes the condition on kind and name.
func naming(names []Named) (where string, args []string) {
	if names == nil {
		return "", nil
	}
	by := map[uint8][]string{}
	for _, n := range names {
		args = append(args, n.Name)
		by[n.Kind] = append(by[n.Kind], fmt.Sprintf("$%d", len(args)))
	}
	var kinds []string
	for kind := range uint8(16) {
		if list := by[kind]; list != nil {
			kinds = append(kinds, fmt.Sprintf("(kind = %d AND name IN (%s))", kind, strings.Join(list, ", ")))
		}
	}
	if kinds == nil {
		return " AND FALSE", nil
	}
	return " AND (" + strings.Join(kinds, " OR ") + ")", args
}

// bound runs one statement with texts for $1, $2 …, and gives its answer chunk by chunk.
func (c *conn) bound(query string, args []string, f func(ch m.DataChunk, n int)) error {
	var st m.PreparedStatement
	defer m.DestroyPrepare(&st)
	if m.Prepare(c.c, query, &st) == m.StateError {
		return errors.New(m.PrepareError(st))
	}
	for i, a := range args {
		if m.BindVarchar(st, m.IdxT(i+1), a) == m.StateError {
			return errors.New("a value was refused")
		}
	}
	var r m.Result
	defer m.DestroyResult(&r)
	if m.ExecutePrepared(st, &r) == m.StateError {
		return errors.New(m.ResultError(&r))
	}
	for {
		ch := m.FetchChunk(r)
		if ch.Ptr == nil {
			return nil
		}
		n := int(m.DataChunkGetSize(ch))
		if n > 0 {
			f(ch, n)
		}
		m.DestroyDataChunk(&ch)
		if n == 0 {
			return nil
		}
	}
}
