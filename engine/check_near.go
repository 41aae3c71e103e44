package engine

import (
	"errors"
	"fmt"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// near decides anew, event by event in the order of the log and by the rules of
// each one's time, which are near-duplicates, and compares that with the flags,
// and the index with what it should hold. The index is that which a recovery
// would find.
func (c *checker) near() error {
	index, err := storage.OpenNears(c.v.snap.Get, c.point.Nears)
	if err != nil {
		return err
	}
	if err := index.Check(); err != nil {
		return err
	}
	rulings, err := c.e.rulings(c.v.snap, c.v.rules)
	if err != nil {
		return err
	}
	held := uint64(0)
	err = index.Each(func(_, _, _ uint64) error { held++; return nil })
	if err != nil || held == 0 && !rulings.ever() {
		return err
	}
	index.Begin()
	kept := uint64(0)
	for r, err := range c.e.hist.Scan(c.ctx, 1, uint64(c.v.seq)) {
		if err != nil {
			return err
		}
		secret, err := c.secret(&r)
		if err != nil {
			c.bad("event", on("event", r.Seq), err)
			continue
		}
		n, asked := rulings.near(&r, secret)
		again := false
		if asked {
			if again, err = n.among(index, r.Seq); err != nil {
				return err
			}
		}
		want(c, "near-duplicate", on("event", r.Seq), kith.Flags(r.Flags)&kith.NearDuplicate != 0, again)
		if !asked || again {
			continue
		}
		c.count("near-duplicates", 1)
		if kith.Seq(r.Seq) > c.point.Seq {
			n.put(index, kith.Seq(r.Seq))
			continue
		}
		kept++
		at, _, err := index.Find(n.key(n.window()))
		if err != nil {
			return err
		}
		if at.Seq != r.Seq || at.Payload != uint64(n.time)^1<<63 {
			c.bad("near-duplicate", on("event", r.Seq), fmt.Errorf("the index has event %d in its place, or another time", at.Seq))
		}
	}
	if held != kept {
		c.bad("near-duplicate", "", errors.New("the index has events that nobody could repeat"))
	}
	return c.ctx.Err()
}

// ever tells whether any version asks for near-duplicates.
func (all rulings) ever() bool {
	for _, r := range all {
		if r.judge != nil && r.judge.Nears() {
			return true
		}
	}
	return false
}
