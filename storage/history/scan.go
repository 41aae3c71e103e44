package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	m "github.com/duckdb/duckdb-go/v2/mapping"
	"github.com/kithdb/kith"
)

// batchRows is how many rows are read at once.
const batchRows = 10 * chunkRows

// Scan gives the rows with from <= Seq <= to, in order. The cells of a row are
// those that were appended, as a set; their order may differ.
func (h *History) Scan(ctx context.Context, from, to uint64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := h.scan(ctx, from, to, func(r Row) bool { return yield(r, nil) }); err != nil {
			yield(Row{}, err)
		}
	}
}

func (h *History) scan(ctx context.Context, from, to uint64, f func(Row) bool) error {
	if err := h.usable("Scan"); err != nil {
		return err
	}
	c, err := h.borrow()
	if err != nil {
		return fail("Scan", "", kith.ErrClosed, err)
	}
	defer h.give(c)
	h.use.RLock()
	defer h.use.RUnlock()
	var batch []Row
	parts := h.snapshot()
	for i := range parts {
		p := &parts[i]
		at, err := p.first(c, from)
		if err != nil {
			return h.spoilt("Scan", "part "+p.file(), err)
		}
		for ; at < p.Rows; at += batchRows {
			if err := ctx.Err(); err != nil {
				return fail("Scan", "", nil, err)
			}
			if batch, err = h.batch(c, p, at, min(at+batchRows, p.Rows), from, to, batch[:0]); err != nil {
				return h.spoilt("Scan", "part "+p.file(), err)
			}
			for _, r := range batch {
				if !f(r) {
					return nil
				}
			}
			if len(batch) == 0 { // beyond to
				return nil
			}
		}
	}
	return nil
}

// Ordinal gives the ordinal of the first row whose Seq is seq or more; where there
// is none, that of the next row to come.
func (h *History) Ordinal(ctx context.Context, seq uint64) (uint64, error) {
	if err := h.usable("Ordinal"); err != nil {
		return 0, err
	}
	c, err := h.borrow()
	if err != nil {
		return 0, fail("Ordinal", "", kith.ErrClosed, err)
	}
	defer h.give(c)
	h.use.RLock()
	defer h.use.RUnlock()
	next := uint64(0)
	for _, p := range h.snapshot() {
		if err := ctx.Err(); err != nil {
			return 0, fail("Ordinal", "", nil, err)
		}
		at, err := p.first(c, seq)
		if err != nil {
			return 0, h.spoilt("Ordinal", "part "+p.file(), err)
		}
		if next = p.First + at; at < p.Rows {
			break
		}
	}
	return next, nil
}

// first gives the first row of the part with seq or more; p.Rows: there is none.
func (p *part) first(c *conn, seq uint64) (uint64, error) {
	if p.Sealed && p.Last < seq {
		return p.Rows, nil
	}
	row, err := c.ints(fmt.Sprintf("SELECT coalesce(min(rowid), %d) FROM %s.events WHERE seq >= %d AND rowid < %d", p.Rows, p.alias(), seq, p.Rows))
	if err != nil {
		return 0, err
	}
	return uint64(row[0]), nil
}

// batch reads the rows of a part with lo <= rowid < hi and from <= seq <= to.
func (h *History) batch(c *conn, p *part, lo, hi, from, to uint64, dst []Row) ([]Row, error) {
	d := h.newDecoder(p)
	var bad error
	q := fmt.Sprintf("SELECT %s FROM %s.events WHERE rowid >= %d AND rowid < %d AND seq BETWEEN %d AND %d", p.columnList(), p.alias(), lo, hi, from, to)
	err := c.rows(q, func(ch m.DataChunk, n int) bool {
		d.load(ch, n, 0)
		for i := range n {
			var r Row
			if r, bad = d.row(i); bad != nil {
				return false
			}
			dst = append(dst, r)
		}
		return true
	})
	return dst, errors.Join(err, bad)
}

// At gives the rows at these ordinals, whole, in the order that was asked for. An
// ordinal that history does not have is ErrNotFound. It costs some 2 ms a row:
// every column of a part is kept for itself. Glance is much cheaper.
func (h *History) At(ctx context.Context, ordinals []uint64) ([]Row, error) {
	return h.at(ctx, "At", ordinals, h.whole)
}

// Glance is At for a timeline: it gives Seq, Fragment, Kind, Flags, Name, Time,
// Source and Load of the rows, and nothing else.
func (h *History) Glance(ctx context.Context, ordinals []uint64) ([]Row, error) {
	return h.at(ctx, "Glance", ordinals, brief)
}

// reader reads the rows of a part that stand in list and gives each with its rowid.
type reader func(c *conn, p *part, list string, f func(id uint64, r Row)) error

// question is what one part is asked for.
type question struct {
	part   *part
	places map[uint64][]int // where in the ordinals each row stands
	list   string
}

// at asks the parts that have the ordinals, several at a time: what a person did
// is spread over many, and each is a statement of its own.
func (h *History) at(ctx context.Context, op string, ordinals []uint64, read reader) ([]Row, error) {
	if err := h.usable(op); err != nil {
		return nil, err
	}
	h.use.RLock()
	defer h.use.RUnlock()
	parts := h.snapshot()
	var asked []question
	for i := range parts {
		if places, list := parts[i].places(ordinals); list != "" {
			asked = append(asked, question{&parts[i], places, list})
		}
	}
	rows := make([]Row, len(ordinals))
	errs := make([]error, len(asked))
	var found, next atomic.Int64
	ask := func() {
		for i := next.Add(1) - 1; i < int64(len(asked)); i = next.Add(1) - 1 {
			n, err := h.ask(ctx, op, &asked[i], rows, read)
			found.Add(int64(n))
			errs[i] = err
		}
	}
	var others sync.WaitGroup
	for range min(len(asked), runtime.GOMAXPROCS(0)) - 1 {
		others.Go(ask)
	}
	ask()
	others.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if int(found.Load()) != len(ordinals) {
		return nil, fail(op, "", kith.ErrNotFound, errors.New("history does not have the ordinal"))
	}
	return rows, nil
}

// ask reads the rows that one part is asked for, and counts them.
func (h *History) ask(ctx context.Context, op string, q *question, rows []Row, read reader) (found int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fail(op, "", nil, err)
	}
	c, err := h.borrow()
	if err != nil {
		return 0, fail(op, "", kith.ErrClosed, err)
	}
	defer h.give(c)
	err = read(c, q.part, q.list, func(id uint64, r Row) {
		for _, at := range q.places[id] {
			rows[at] = r
			found++
		}
	})
	return found, h.spoilt(op, "part "+q.part.file(), err)
}

// places gives, for each row of the part that is asked for, where in ordinals it
// stands, and the rows as the list of a VALUES.
func (p *part) places(ordinals []uint64) (map[uint64][]int, string) {
	places := map[uint64][]int{}
	var list []uint64
	for i, o := range ordinals {
		if o >= p.First && o-p.First < p.Rows {
			if places[o-p.First] == nil {
				list = append(list, o-p.First)
			}
			places[o-p.First] = append(places[o-p.First], i)
		}
	}
	slices.Sort(list)
	var b strings.Builder
	for i, id := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "(%d)", id)
	}
	return places, b.String()
}

// from joins the list with the part: DuckDB then reads single vectors, which it
// does not for rowid IN (...).
func (p *part) from(list string) string {
	return " FROM (VALUES " + list + ") v(id) JOIN " + p.alias() + ".events e ON e.rowid = v.id"
}

func (h *History) whole(c *conn, p *part, list string, f func(id uint64, r Row)) error {
	d := h.newDecoder(p)
	var bad error
	err := c.rows("SELECT v.id::UBIGINT, "+p.columnList()+p.from(list), func(ch m.DataChunk, n int) bool {
		d.load(ch, n, 1)
		for i, id := range column[uint64](ch, 0, n) {
			var r Row
			if r, bad = d.row(i); bad != nil {
				return false
			}
			f(id, r)
		}
		return true
	})
	return errors.Join(err, bad)
}

func brief(c *conn, p *part, list string, f func(id uint64, r Row)) error {
	return c.rows("SELECT v.id::UBIGINT, seq, fragment, kind, flags, name, ts, source, load"+p.from(list), func(ch m.DataChunk, n int) bool {
		seqs, fragments, kinds, flags := column[uint64](ch, 1, n), column[uint32](ch, 2, n), column[uint8](ch, 3, n), column[uint8](ch, 4, n)
		texts, times, sources, loads := column[text](ch, 5, n), column[int64](ch, 6, n), column[text](ch, 7, n), column[uint32](ch, 8, n)
		timed := validity(ch, 6, n)
		for i, id := range column[uint64](ch, 0, n) {
			r := Row{Seq: seqs[i], Fragment: fragments[i], Kind: kinds[i], Flags: flags[i], Load: loads[i], Time: NoTime, Received: NoTime, Sent: NoTime, Original: NoTime,
				Name: string(texts[i].bytes()), Source: string(sources[i].bytes())}
			if valid(timed, i) {
				r.Time = times[i]
			}
			f(id, r)
		}
		return true
	})
}
