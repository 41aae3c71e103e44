package engine

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
)

// computed reads every version of every computed trait, and then compares what
// is kept of each with what DuckDB makes of the people and their events, as of
// the instant that it is kept for.
func (c *checker) computed() error {
	last := map[string]uint32{}
	err := c.v.snap.Traits(func(rec *storage.SegmentRecord) error {
		c.count("computed trait versions", 1)
		if c.number != nil {
			c.meet(rec.Seq, "as a computed trait")
		}
		where := fmt.Sprintf("computed trait %s, version %d", rec.Name, rec.Version)
		want(c, "computed trait", where, rec.Version, last[rec.Name]+1)
		last[rec.Name] = rec.Version
		t, err := c.e.traitOf(rec)
		if err != nil {
			c.bad("computed trait", where, err)
			return nil
		}
		if v, err := query.ParseValue(t.Text); err == nil && query.FormatValue(v) != t.Text {
			c.bad("computed trait", where, errors.New("its text is not in its one form"))
		}
		return nil
	})
	if err != nil || c.e.o.ReadOnly || len(last) == 0 {
		return err
	}
	if err := c.worked(); err != nil || c.v.clearing {
		return err
	}
	return c.left()
}

// worked compares the values that are kept.
func (c *checker) worked() error {
	if !c.v.hold() { // for the inquiry, which releases it
		return &kith.Error{Op: "engine.Check", Kind: kith.ErrClosed}
	}
	a := &inquiry{e: c.e, v: c.v, now: time.UnixMicro(c.v.told).UTC()}
	defer a.close()
	if err := a.values(); err != nil { // the instant is no standing one: all are written out
		return err
	}
	for _, name := range sortedKeys(c.v.shown) {
		k := c.v.shown[name]
		if !k.ready {
			if closed(k.built) {
				c.bad("computed trait", name, errors.New("it is not kept"))
			}
			continue
		}
		v, err := a.compare(c.ctx, a.traits[name], k.col)
		if err != nil {
			return err
		}
		if v.Missing+v.Extra+v.Other > 0 {
			c.bad("computed trait", name, fmt.Errorf("of %d values %d are missing, %d too many and %d others than the events make", v.Found, v.Missing, v.Extra, v.Other))
		}
		c.count("computed values", v.Kept)
		if k.col.values != nil {
			if err := c.bitmaps(k.col); err != nil {
				return err
			}
		}
	}
	return c.ctx.Err()
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// left sees to it that nothing is left of traits that were dropped, nor of
// values of another type than a trait has now.
func (c *checker) left() error {
	all, err := c.e.computed(c.v.snap)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(all) {
		columns, err := c.e.computedColumns(all[name].number)
		if err != nil {
			return err
		}
		k := c.v.shown[name]
		for _, col := range columns {
			if k.col != nil && (k.col.id == col.id || !k.ready) {
				continue
			}
			n, err := col.filled(c.v)
			if err != nil {
				return err
			}
			want(c, "computed trait", name+", values of an earlier version", n, 0)
		}
	}
	return c.ctx.Err()
}

// filled counts the rows that have a value.
func (c *column) filled(v *version) (n int, err error) {
	for k := 0; k<<16 < int(v.fragments); k++ {
		img, err := c.col.Image(v.pin, k)
		if err != nil {
			return n, err
		}
		for _, w := range img.Has {
			n += bits.OnesCount64(w)
		}
	}
	return n, nil
}
