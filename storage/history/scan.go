package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

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
		start, err := c.ints(fmt.Sprintf("SELECT coalesce(min(rowid), %d) FROM %s.events WHERE seq >= %d", p.Rows, p.alias(), from))
		if err != nil {
			return h.spoilt("Scan", "part "+p.file(), err)
		}
		for at := uint64(start[0]); at < p.Rows; at += batchRows {
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

// batch reads the rows of a part with lo <= rowid < hi and from <= seq <= to.
func (h *History) batch(c *conn, p *part, lo, hi, from, to uint64, dst []Row) ([]Row, error) {
	where := fmt.Sprintf("rowid >= %d AND rowid < %d AND seq BETWEEN %d AND %d", lo, hi, from, to)
	return h.read(c, p, "", where, func(d *decoder, i int) error {
		r, err := d.row(i)
		dst = append(dst, r)
		return err
	}, func() []Row { return dst })
}

// read gives the rows of a part that a condition is true for to f.
func (h *History) read(c *conn, p *part, more, where string, f func(d *decoder, i int) error, got func() []Row) ([]Row, error) {
	d := h.newDecoder(p)
	var bad error
	err := c.rows("SELECT "+p.columnList()+more+" FROM "+p.alias()+".events WHERE "+where, func(ch m.DataChunk, n int) bool {
		d.load(ch, n, 0)
		for i := range n {
			if bad = f(d, i); bad != nil {
				return false
			}
		}
		return true
	})
	return got(), errors.Join(err, bad)
}

// At gives the rows at these ordinals, in the order that was asked for. An
// ordinal that history does not have is ErrNotFound.
func (h *History) At(ctx context.Context, ordinals []uint64) ([]Row, error) {
	if err := h.usable("At"); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fail("At", "", nil, err)
	}
	c, err := h.borrow()
	if err != nil {
		return nil, fail("At", "", kith.ErrClosed, err)
	}
	defer h.give(c)
	h.use.RLock()
	defer h.use.RUnlock()
	rows, err := h.at(c, h.snapshot(), ordinals)
	if errors.Is(err, kith.ErrNotFound) {
		return nil, fail("At", "", kith.ErrNotFound, errors.New("history does not have the ordinal"))
	}
	return rows, h.spoilt("At", "", err)
}

func (h *History) at(c *conn, parts []part, ordinals []uint64) ([]Row, error) {
	rows := make([]Row, len(ordinals))
	found := 0
	for pi := range parts {
		p := &parts[pi]
		places := map[uint64][]int{} // rowid -> places in ordinals
		var list []uint64
		for i, o := range ordinals {
			if o >= p.First && o-p.First < p.Rows {
				if places[o-p.First] == nil {
					list = append(list, o-p.First)
				}
				places[o-p.First] = append(places[o-p.First], i)
			}
		}
		if len(list) == 0 {
			continue
		}
		slices.Sort(list)
		in := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(list)), ","), "[]")
		_, err := h.read(c, p, ", rowid", "rowid IN ("+in+")", func(d *decoder, i int) error {
			r, err := d.row(i)
			id := column[int64](d.ch, d.base+colShred+len(p.cols), d.n)[i]
			for _, at := range places[uint64(id)] {
				rows[at] = r
				found++
			}
			return err
		}, func() []Row { return nil })
		if err != nil {
			return nil, err
		}
	}
	if found != len(ordinals) {
		return nil, kith.ErrNotFound
	}
	return rows, nil
}
