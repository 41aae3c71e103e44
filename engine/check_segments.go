package engine

import (
	"fmt"

	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
)

// segments reads every version of every segment: versions count up by one, and
// each condition can be read, in its one form.
func (c *checker) segments() error {
	last := map[string]uint32{}
	return c.v.snap.Segments(func(rec *storage.SegmentRecord) error {
		c.count("segment versions", 1)
		if c.number != nil {
			c.meet(rec.Seq, "as a segment")
		}
		where := fmt.Sprintf("segment %s, version %d", rec.Name, rec.Version)
		want(c, "segment", where, rec.Version, last[rec.Name]+1)
		last[rec.Name] = rec.Version
		if rec.Sealed == nil {
			return nil
		}
		text, err := c.e.keys.Open(nobody, uint64(rec.Seq), sealSegment, rec.Sealed, nil)
		if err != nil {
			c.bad("segment", where, err)
			return nil
		}
		cond, err := query.Parse(string(text))
		if err != nil {
			c.bad("segment", where, err)
			return nil
		}
		if query.Print(cond) != string(text) {
			c.bad("segment", where, fmt.Errorf("its text is not in its one form"))
		}
		return nil
	})
}
