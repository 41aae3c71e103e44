package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// changes applies the feed from zero, in plain sets: nobody enters or leaves
// twice, and what comes out is what the members' bitmaps are.
func (c *checker) changes() error {
	all, err := c.e.definitions(c.v.snap)
	if err != nil {
		return err
	}
	in := map[uint32]*bitmap.Set{}
	known := map[uint32]uint32{} // versions, by number
	for _, s := range all {
		in[s.number], known[s.number] = &bitmap.Set{}, s.Version
	}
	n := 0
	err = c.v.snap.Changes(0, func(x *storage.Change) error {
		n++
		if c.number != nil {
			c.meet(x.Seq, "as a change of membership")
		}
		set := in[x.Segment]
		switch {
		case set == nil || x.Version == 0 || x.Version > known[x.Segment]:
			c.bad("change", on("number", x.Seq), errors.New("there is no such segment"))
			return nil
		case x.Cause.String() == "" || uint32(x.Profile) >= c.v.fragments || x.Of > x.Seq:
			c.bad("change", on("number", x.Seq), errors.New("it names a cause, a person or a record that there never was"))
		}
		moved := false
		if x.Entered {
			moved = set.Add(uint32(x.Profile))
		} else {
			moved = set.Remove(uint32(x.Profile))
		}
		if !moved {
			c.bad("change", on("number", x.Seq), errors.New("somebody enters or leaves twice"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.count("changes of members", n)
	members, err := c.e.state.Values(storage.MembersIndex)
	if err != nil {
		return err
	}
	for _, code := range members.Codes(c.v.pin) {
		if in[code] == nil {
			c.bad("members", on("segment number", code), errors.New("there is no such segment"))
		}
	}
	for name, s := range all {
		set, err := members.Set(c.v.pin, s.number)
		if err != nil {
			return err
		}
		if !set.Equal(in[s.number]) {
			c.bad("members", "segment "+name, fmt.Errorf("%d are kept, and the changes make %d", set.Len(), in[s.number].Len()))
		}
		c.count("members", set.Len())
	}
	if c.e.o.ReadOnly {
		return c.ctx.Err()
	}
	return c.belong(all)
}

// belong compares the members of each segment that is built with those for whom
// DuckDB finds its condition true, as of the instant that they are kept for.
func (c *checker) belong(all map[string]Segment) error {
	if !c.v.hold() { // for the inquiry, which releases it
		return &kith.Error{Op: "engine.Check", Kind: kith.ErrClosed}
	}
	a := &inquiry{e: c.e, v: c.v, now: time.UnixMicro(c.v.told).UTC(), all: all}
	defer a.close()
	if err := a.values(); err != nil {
		return err
	}
	for _, name := range sortedKeys(all) {
		s := all[name]
		if !c.v.live[name].ready {
			continue
		}
		v, err := a.verify(c.ctx, "engine.Check", &s)
		if err != nil {
			return err
		}
		if !v.Same() {
			c.bad("members", "segment "+name, fmt.Errorf("of %d people for whom it is true %d are no members, and %d are who should not be", v.Found, v.Missing, v.Extra))
		}
		c.count("members, asked for", v.Found)
	}
	return c.ctx.Err()
}
