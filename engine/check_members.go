package engine

import (
	"errors"
	"fmt"

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
	return c.ctx.Err()
}
