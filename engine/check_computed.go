package engine

import (
	"errors"
	"fmt"
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
	if err != nil || c.e.o.ReadOnly || len(c.v.shown) == 0 {
		return err
	}
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
			c.bad("computed trait", name, errors.New("it is not kept"))
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
