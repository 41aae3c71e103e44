package history

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"unicode/utf8"

	"github.com/kithdb/kith"
)

// Append adds rows, in ascending order of Seq, durably: what it returned nil for
// is there after a crash, once. Rows at or below the watermark are there already
// and are skipped. When it returns an error, the rows above the watermark are
// not there. The rows must not change meanwhile. One goroutine at a time calls it.
func (h *History) Append(rows []Row) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ready("Append"); err != nil {
		return err
	}
	for len(rows) > 0 && rows[0].Seq <= h.watermark.Load() {
		rows = rows[1:]
	}
	if err := h.sound(rows); err != nil {
		return err
	}
	h.variety.watch(rows)
	for len(rows) > 0 {
		if err := h.room(rows); err != nil {
			return h.spoilt("Append", "", err)
		}
		n := len(rows)
		if h.o.Dir != "" && !h.live().sealing {
			n = min(n, h.o.PartRows-int(h.live().Rows))
		}
		if err := h.appendLive(rows[:n]); err != nil {
			return h.spoilt("Append", "", err)
		}
		rows = rows[n:]
	}
	if err := h.reshape(); err != nil {
		return h.spoilt("Append", "", err)
	}
	if err := h.drain(); err != nil {
		return h.spoilt("Append", "", err)
	}
	return h.spoilt("Append", "", h.tidy())
}

// sound refuses what history could not give back.
func (h *History) sound(rows []Row) error {
	last := h.watermark.Load()
	for i := range rows {
		r := &rows[i]
		switch {
		case r.Seq <= last:
			return fail("Append", "row "+strconv.Itoa(i), kith.ErrInvalid, errors.New("seq does not ascend"))
		case !utf8.ValidString(r.Name) || !utf8.ValidString(r.Source) || !utf8.ValidString(r.MessageID):
			return fail("Append", "row "+strconv.Itoa(i), kith.ErrInvalid, errors.New("a text is not UTF-8"))
		}
		last = r.Seq
	}
	return nil
}

// room sees to it that there is a live part that takes a row.
func (h *History) room(rows []Row) error {
	p := h.live()
	switch {
	case p == nil:
		return h.first(rows)
	case h.o.Dir != "" && int(p.Rows) >= h.o.PartRows:
		h.variety = variety{} // what the next part begins with
		h.variety.watch(rows)
		return h.seal()
	}
	return nil
}

// first makes the first part, with columns for what the first rows have.
func (h *History) first(rows []Row) error {
	t, err := sample(rows[:min(len(rows), 20_000)], h.o.Paths)
	if err != nil {
		return err
	}
	return h.grow(Part{ID: h.manifest.Next}, h.variety.mark(t.layout(), nil, h.o.Paths))
}

// grow adds an empty live part.
func (h *History) grow(p Part, cols []shred) error {
	live, err := h.createPart(h.c, p, cols)
	if err != nil {
		return err
	}
	man := Manifest{Next: p.ID + 1, Parts: append(h.listed(len(h.parts)), p)}
	if err := h.save(man); err != nil {
		return errors.Join(err, h.c.exec("DETACH "+p.alias()))
	}
	h.shape.Lock()
	defer h.shape.Unlock()
	h.manifest = man
	h.parts = append(h.parts[:len(h.parts):len(h.parts)], live)
	h.w = h.newWriter(live)
	return nil
}

// save makes the names of the files durable and then the manifest.
func (h *History) save(man Manifest) error {
	if err := h.sync(); err != nil {
		return err
	}
	return h.o.Save(man)
}

// sync makes the names of the files durable.
func (h *History) sync() error {
	if h.o.Dir == "" {
		return nil
	}
	d, err := os.Open(h.o.Dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (h *History) newWriter(p *part) *writer {
	return &writer{p: p, paths: h.o.Paths, events: map[event]*expected{}}
}

// yieldMask says after how many rows the append lets other goroutines run: who
// asks something of history comes back from DuckDB behind what runs.
const yieldMask = 1<<6 - 1

// appendLive writes rows to the live part in one transaction.
func (h *History) appendLive(rows []Row) error {
	p, w := h.live(), h.w
	last := rows[len(rows)-1].Seq
	err := h.transact(p, w, last, func() error {
		for i := range rows {
			if i&yieldMask == yieldMask {
				runtime.Gosched()
			}
			if err := w.row(&rows[i]); err != nil {
				return fmt.Errorf("row %d: %w", i, err)
			}
		}
		return nil
	})
	runtime.KeepAlive(rows) // the chunks pointed into them
	h.shape.Lock()
	w.settle(err == nil)
	h.shape.Unlock()
	if err != nil {
		return err
	}
	h.shape.Lock()
	p.Rows += uint64(len(rows))
	h.shape.Unlock()
	h.watermark.Store(last)
	if p.stats.stored > 100_000 {
		return p.stats.compact(h.c, p.Part)
	}
	return nil
}

// transact writes what fill gives the writer, the counts and the watermark in
// one transaction.
func (h *History) transact(p *part, w *writer, watermark uint64, fill func() error) (err error) {
	if err := h.c.exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			h.c.exec("ROLLBACK") // the first error is the one that counts
		}
	}()
	defer w.end()
	if err := w.begin(h.c); err != nil {
		return err
	}
	if err := fill(); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.counted(h.c); err != nil {
		return err
	}
	if err := h.c.exec(fmt.Sprintf("UPDATE %s.state SET watermark = %d", p.alias(), watermark)); err != nil {
		return err
	}
	return h.c.exec("COMMIT")
}

// layout gives the columns of the part after the live one.
func (h *History) layout() []shred {
	p := h.live()
	return h.variety.mark(p.stats.layout(), p.cols, h.o.Paths)
}

// reshape rewrites a live part that is still small when much of what it holds
// has no column: the first rows of a directory are seldom like the later ones.
func (h *History) reshape() error {
	p := h.live()
	if p == nil || p.Rows < 1000 || p.Rows < p.looked*4 || p.Rows > 500_000 {
		return nil
	}
	p.looked = p.Rows
	cols := h.layout()
	have := map[shred]bool{}
	for _, c := range p.cols {
		have[c] = true
	}
	var all, homeless uint64
	want := map[string]bool{}
	for _, c := range cols {
		want[c.Path] = !have[c]
	}
	for _, e := range p.stats.events {
		for path, c := range e.paths {
			all += c.rows()
			if want[path] {
				homeless += c.rows()
			}
		}
	}
	if homeless*5 < all {
		return nil
	}
	return h.rewrite(cols)
}

// rewrite copies the live part into a new one that has the given columns, and
// switches. Rows keep their ordinals.
func (h *History) rewrite(cols []shred) error {
	old, oldW := h.live(), h.w
	next := Part{ID: h.manifest.Next, First: old.First}
	live, err := h.createPart(h.c, next, cols)
	if err != nil {
		return err
	}
	live.looked = old.looked
	w := h.newWriter(live)
	err = h.transact(live, w, h.watermark.Load(), func() error { return h.copyRows(old, w) })
	w.settle(err == nil)
	man := Manifest{Next: next.ID + 1, Parts: append(h.listed(len(h.parts)-1), next)}
	if err == nil {
		live.Rows = old.Rows
		err = h.save(man)
	}
	if err != nil {
		w.close()
		return errors.Join(err, h.c.exec("DETACH "+next.alias()))
	}
	h.shape.Lock()
	defer h.shape.Unlock()
	h.manifest = man
	h.parts = append(h.parts[:len(h.parts)-1:len(h.parts)-1], live)
	h.w = w
	oldW.close()
	h.pending = append(h.pending, old)
	return nil
}

// copyRows gives all rows of a part to a writer.
func (h *History) copyRows(from *part, w *writer) error {
	var batch []Row
	for at := uint64(0); at < from.Rows; at += batchRows {
		var err error
		if batch, err = h.batch(h.c, from, at, at+batchRows, 0, ^uint64(0), batch[:0]); err != nil {
			return err
		}
		for i := range batch {
			if err := w.row(&batch[i]); err != nil {
				return err
			}
		}
		if err := w.push(); err != nil { // the next batch takes the place of this one
			return err
		}
	}
	return nil
}

// sample counts what stands in rows.
func sample(rows []Row, paths PathSet) (*tally, error) {
	t := newTally()
	for i := range rows {
		et := t.event(event{rows[i].Kind, rows[i].Name})
		et.rows++
		known := true
		ok := EachCell(rows[i].Cells, func(path uint32, value []byte) bool {
			if known = int(path) < paths.Len(); known {
				et.path(paths.Path(path)).count(value)
			}
			return known
		})
		if !ok || !known {
			return nil, fmt.Errorf("row %d: cells are not well formed, or of an unknown path", i)
		}
	}
	return t, nil
}

// count counts one value.
func (c *counts) count(value []byte) {
	switch t, _ := typeOf(value); t {
	case typeString:
		c.Strings++
	case typeBool:
		c.Bools++
	case typeJSON:
		c.JSONs++
	case typeNumber:
		c.Numbers++
		n, _ := parseNumber(value)
		if !n.fits {
			c.Unfit++
		} else if n.last == '0' && n.places < len(c.Zeros) {
			c.Zeros[n.places]++
		}
	default:
		c.Nulls++
	}
}
