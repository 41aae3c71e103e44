package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	m "github.com/duckdb/duckdb-go/v2/mapping"
	"github.com/kithdb/kith"
)

// Edit says what history is to be without, and with: rows that go, rows that
// change their source and load, and rows that come in between.
type Edit struct {
	Load uint32            // that the rows which go or change belong to
	At   []uint64          // the seqs of all of them, ascending: parts without one keep their file
	Row  func(r *Row) bool // called with any row of the other parts, more than once; it may change Source, Load and Flags, and false takes the row out
	Born []Row             // to come in, ascending by Seq
	Anew []uint64          // the seqs of rows of any load whose flags Row changes, ascending
}

// merged gives the rows of a part as they will be.
func (e *Edit) merged(r *Row, born *[]Row, f func(*Row) error) error {
	for len(*born) > 0 && (r == nil || (*born)[0].Seq < r.Seq) {
		if err := f(&(*born)[0]); err != nil {
			return err
		}
		*born = (*born)[1:]
	}
	if r == nil || !e.Row(r) {
		return nil
	}
	return f(r)
}

// Recast is history made anew beside what there is: the parts that an edit is
// about in files of their own. Nothing sees it until Switch.
type Recast struct {
	h     *History
	parts []*part // as they will be
	fresh []*part // those of them that were made
	gone  []*part // those that they replace
	man   Manifest
	mark  uint64 // the watermark that it will be
	ended bool
}

// Recast makes the parts that the edit is about anew. Appends, and all who ask
// for what changes, wait until Switch or Drop; reading goes on.
func (h *History) Recast(ctx context.Context, e *Edit) (*Recast, error) {
	h.mu.Lock()
	if err := h.ready("Recast"); err != nil {
		h.mu.Unlock()
		return nil, err
	}
	c := &Recast{h: h, man: Manifest{Next: h.manifest.Next}}
	if err := c.make(ctx, e); err != nil {
		return nil, h.spoilt("Recast", "", errors.Join(err, c.Drop()))
	}
	return c, nil
}

// make goes through the parts, oldest first. A sealed part of which nothing is left goes.
func (c *Recast) make(ctx context.Context, e *Edit) error {
	h := c.h
	at, born, anew, next := e.At, e.Born, e.Anew, uint64(0)
	c.mark = h.watermark.Load()
	if n := len(born); n > 0 { // where the last event stands may be before what comes in
		c.mark = max(c.mark, born[n-1].Seq)
	}
	for i, old := range h.parts {
		upTo, live := old.Last, i == len(h.parts)-1
		if live {
			upTo = c.mark
		}
		n, _ := slices.BinarySearch(at, upTo+1)
		mine := at[:n]
		at = at[n:]
		k, _ := slices.BinarySearchFunc(born, upTo+1, func(r Row, seq uint64) int { return cmp.Compare(r.Seq, seq) })
		flags, _ := slices.BinarySearch(anew, upTo+1)
		anew = anew[flags:]
		p := old
		if len(mine) > 0 {
			var err error
			if p, err = c.part(ctx, old, next, e, born[:k], flags > 0); err != nil {
				return err
			}
		}
		born = born[k:]
		if p.Rows == 0 && !live {
			continue
		}
		c.keep(p, next)
		next += p.Rows
	}
	if len(at) > 0 || len(born) > 0 {
		return errors.New("an edit is beyond the watermark")
	}
	return nil
}

// keep puts a part into the list, at its place. A file that stays says another place than it has now.
func (c *Recast) keep(p *part, first uint64) {
	if p.First != first {
		moved := *p
		moved.Moved += moved.First - first
		moved.First = first
		p = &moved
	}
	c.parts = append(c.parts, p)
	said := p.Part
	if !said.Sealed {
		said.Rows = 0 // it is not said of the live part
	}
	c.man.Parts = append(c.man.Parts, said)
}

// part makes one part anew: with the columns it had, where what is left is of
// their types, else with columns for what is left.
func (c *Recast) part(ctx context.Context, old *part, first uint64, e *Edit, born []Row, reflagged bool) (*part, error) {
	h := c.h
	left, passed, err := c.left(old, e, born)
	if err != nil || old.Sealed && left.rows() == 0 {
		c.gone = append(c.gone, old)
		return &part{}, err
	}
	p := Part{ID: c.man.Next, First: first}
	c.man.Next++
	cols, alike := old.cols, len(born) == 0 && !reflagged && len(passed) <= mostPassed && left.fits(old.cols)
	if !alike {
		cols = mark(left.layout(), old.cols)
	}
	q, err := h.createPart(h.c, p, cols)
	if err != nil {
		return nil, err
	}
	c.fresh, c.gone = append(c.fresh, q), append(c.gone, old)
	watermark := c.mark
	if old.Sealed {
		watermark = old.Last
	}
	if alike {
		q.stats, q.sum = left, left.sum()
		err = c.copy(old, q, e.Load, passed, watermark)
	} else {
		w := h.newWriter(q)
		defer w.close()
		err = h.transact(q, w, watermark, func() error { return c.fill(ctx, old, q, w, e, born) })
		w.settle(err == nil)
	}
	if err != nil {
		return nil, err
	}
	if old.Sealed {
		if err := q.stats.compact(h.c, q.Part); err != nil {
			return nil, err
		}
		q.Sealed, q.Last = true, old.Last
	}
	if done, err := checkpoint(h.c, q.Part); err != nil || !done {
		return nil, errors.Join(err, errors.New("the new part cannot be written into its file"))
	}
	return q, nil
}

// fits tells whether the columns are of the types that most of their values have.
func (t *tally) fits(cols []shred) bool {
	all := t.sum()
	for _, c := range cols {
		if n := all[c.Path]; n != nil && n.best() != c.Type {
			return false
		}
	}
	return t.rows() > 0
}

// mark keeps what was noted about columns that stay.
func mark(cols, had []shred) []shred {
	varied := map[string]bool{}
	for _, c := range had {
		varied[c.Path] = c.Varied
	}
	for i := range cols {
		cols[i].Varied = varied[cols[i].Path] && cols[i].Type == typeString
	}
	return cols
}

// mostPassed bounds how many rows a statement names.
const mostPassed = 50_000

// left counts what is left of a part: its counts without those of the rows that go.
// It gives the rows that pass to others, too.
func (c *Recast) left(old *part, e *Edit, born []Row) (_ *tally, passed []Row, err error) {
	var gone []Row
	d := c.h.newDecoder(old)
	var bad error
	q := fmt.Sprintf("SELECT %s FROM %s.events WHERE load = %d", old.columnList(), old.alias(), e.Load)
	err = c.h.c.rows(q, func(ch m.DataChunk, n int) bool {
		d.load(ch, n, 0)
		for i := range n {
			var r Row
			if r, bad = d.row(i); bad != nil {
				return false
			}
			if e.Row(&r) {
				passed = append(passed, Row{Seq: r.Seq, Load: r.Load, Source: r.Source})
			} else {
				gone = append(gone, r)
			}
		}
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, nil, err
	}
	minus, err1 := sample(gone, c.h.o.Paths)
	plus, err2 := sample(born, c.h.o.Paths)
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	left := newTally()
	left.add(old.stats)
	left.sub(minus)
	left.add(plus)
	return left, passed, nil
}

// copy lets DuckDB copy the rows of a part into one that has the same columns,
// which takes a third of what fill does. Rows keep their order.
func (c *Recast) copy(old, q *part, load uint32, passed []Row, watermark uint64) (err error) {
	con := c.h.c
	if err := con.exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			con.exec("ROLLBACK") // the first error is the one that counts
		}
	}()
	stays := make([]string, len(passed))
	for i := range passed {
		stays[i] = strconv.FormatUint(passed[i].Seq, 10)
	}
	where := fmt.Sprintf("load <> %d", load)
	if len(passed) > 0 {
		where += " OR seq IN (" + strings.Join(stays, ", ") + ") ORDER BY rowid" // a long list is a join, and a join on several threads keeps no order
	}
	if err := con.exec(fmt.Sprintf("INSERT INTO %s.events SELECT %s FROM %s.events WHERE %s", q.alias(), old.columnList(), old.alias(), where)); err != nil {
		return err
	}
	for len(passed) > 0 { // in statements that are not too long
		n := min(len(passed), 1000)
		var list strings.Builder
		for i, r := range passed[:n] {
			if i > 0 {
				list.WriteString(", ")
			}
			fmt.Fprintf(&list, "(%d, %d, %s)", r.Seq, r.Load, quote(r.Source))
		}
		passed = passed[n:]
		if err := con.exec(fmt.Sprintf("UPDATE %s.events SET load = v.load, source = v.source FROM (VALUES %s) v(seq, load, source) WHERE events.seq = v.seq", q.alias(), &list)); err != nil {
			return err
		}
	}
	if err := q.stats.write(con, q.Part); err != nil {
		return err
	}
	if err := con.exec(fmt.Sprintf("UPDATE %s.state SET watermark = %d", q.alias(), watermark)); err != nil {
		return err
	}
	if err := con.exec("COMMIT"); err != nil {
		return err
	}
	rows, err2 := con.ints("SELECT count(*), max(rowid) + 1 FROM " + q.alias() + ".events")
	if q.Rows = q.stats.rows(); err2 == nil && (uint64(rows[0]) != q.Rows || q.Rows > 0 && uint64(rows[1]) != q.Rows) {
		err2 = fmt.Errorf("the copy has %d rows, and %d were counted", rows[0], q.Rows)
	}
	return err2
}

// fill writes the rows of the new part.
func (c *Recast) fill(ctx context.Context, old, q *part, w *writer, e *Edit, born []Row) error {
	return c.rows(ctx, old, e, born, func(r *Row) error {
		q.Rows++
		return w.row(r)
	}, w.push)
}

// rows calls f for each row of a part as it will be, and end before the memory of some is used again.
func (c *Recast) rows(ctx context.Context, old *part, e *Edit, born []Row, f func(*Row) error, end func() error) error {
	var batch []Row
	for at := uint64(0); at < old.Rows; at += batchRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if batch, err = c.h.batch(c.h.c, old, at, at+batchRows, 0, ^uint64(0), batch[:0]); err != nil {
			return err
		}
		for i := range batch {
			if i&yieldMask == yieldMask {
				runtime.Gosched()
			}
			if err := e.merged(&batch[i], &born, f); err != nil {
				return err
			}
		}
		if err := end(); err != nil {
			return err
		}
	}
	if err := e.merged(nil, &born, f); err != nil {
		return err
	}
	return end()
}

// Manifest is what makes the new parts history, once it is durable.
func (c *Recast) Manifest() Manifest { return c.man }

// Rows gives how many rows history will have.
func (c *Recast) Rows() uint64 {
	if len(c.parts) == 0 {
		return 0
	}
	p := c.parts[len(c.parts)-1]
	return p.First + p.Rows
}

// Sync makes the files' names durable: the manifest may name them after it.
func (c *Recast) Sync() error { return c.h.sync() }

// Scan gives the rows as they will be, in order. Of their leaves it may leave
// out those whose path want is not true for: they are not read then.
func (c *Recast) Scan(ctx context.Context, want func(path string) bool, f func(*Row) error) error {
	d, err := c.h.borrow()
	if err != nil {
		return fail("Scan", "", kith.ErrClosed, err)
	}
	defer c.h.give(d)
	var batch []Row
	for _, p := range c.parts {
		p := p.with(want)
		for at := uint64(0); at < p.Rows; at += batchRows {
			if err := ctx.Err(); err != nil {
				return fail("Scan", "", nil, err)
			}
			if batch, err = c.h.batch(d, p, at, at+batchRows, 0, ^uint64(0), batch[:0]); err != nil {
				return c.h.spoilt("Scan", "part "+p.file(), err)
			}
			for i := range batch {
				if err := f(&batch[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Leave ends the recast and leaves its files to whoever opens history next.
func (c *Recast) Leave() {
	if !c.ended {
		c.ended = true
		c.h.mu.Unlock()
	}
}

// with gives a part as if it had those of its shredded columns only that want is true for.
func (p *part) with(want func(path string) bool) *part {
	q := &part{Part: p.Part, byPath: map[string]int{}}
	for i, c := range p.cols {
		if want(c.Path) {
			q.byPath[c.Path] = len(q.cols)
			q.cols = append(q.cols, c)
			q.some = append(q.some, i)
		}
	}
	if q.some == nil {
		q.some = []int{}
	}
	return q
}

// Switch shows the new parts instead of the old, whose files go as soon as
// nobody reads them. The manifest must be durable.
func (c *Recast) Switch() error {
	h := c.h
	defer c.Leave()
	h.shape.Lock()
	h.manifest = c.man
	h.parts = c.parts
	h.watermark.Store(c.mark)
	for _, p := range c.gone {
		old := *p
		old.Sealed = false // tidy removes what is not sealed
		h.pending = append(slices.DeleteFunc(h.pending, func(q *part) bool { return q.ID == p.ID }), &old)
	}
	for _, p := range c.fresh {
		if p.Sealed {
			h.pending = append(h.pending, p)
		}
	}
	if h.w != nil {
		h.w.close()
	}
	h.w = nil
	if p := h.live(); p != nil {
		h.w = h.newWriter(p)
	}
	h.shape.Unlock()
	return h.spoilt("Switch", "", h.tidy())
}

// Drop removes what was made: history stays what it was.
func (c *Recast) Drop() error {
	h := c.h
	defer c.Leave()
	var errs []error
	for _, p := range c.fresh {
		errs = append(errs, h.c.exec("DETACH "+p.alias()))
		if h.o.Dir != "" {
			errs = append(errs, h.discard(p.Part))
		}
	}
	h.shape.Lock()
	h.manifest.Next = c.man.Next // the numbers are used
	h.shape.Unlock()
	return errors.Join(errs...)
}
