package engine

import (
	"fmt"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// lists reads every version of every static list: versions count up by one, what
// is in force is whole, and who is on a list are the fragments that have its tokens.
func (c *checker) lists() error {
	last, chunks := map[string]uint32{}, map[uint32]uint32{}
	if err := c.v.snap.ListChunkKeys(func(content, _ uint32) error { chunks[content]++; return nil }); err != nil {
		return err
	}
	err := c.v.snap.Lists(func(rec *storage.ListRecord) error {
		c.count("list versions", 1)
		if c.number != nil {
			c.meet(rec.Seq, "as a list")
		}
		want(c, "list", versionName(rec), rec.Version, last[rec.Name]+1)
		last[rec.Name] = rec.Version
		return nil
	})
	if err != nil {
		return err
	}
	on := map[string]map[kith.Token]bool{}
	err = eachInForce(c.v.snap, func(rec *storage.ListRecord) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		want(c, "list", versionName(rec)+", chunks", chunks[rec.Content], rec.Chunks)
		if on[rec.Name] == nil {
			on[rec.Name] = map[kith.Token]bool{}
		}
		tokens := on[rec.Name]
		err := c.v.snap.ListTokens(rec, func(t kith.Token) error {
			if rec.Mode == storage.ListRemove {
				delete(tokens, t)
			} else {
				tokens[t] = true
			}
			return nil
		})
		if err != nil {
			c.bad("list", versionName(rec), err)
			return nil
		}
		want(c, "list", versionName(rec)+", entries", len(tokens), rec.Entries)
		return nil
	})
	if err != nil {
		return err
	}
	want(c, "list", "how many there are", len(on), len(c.v.lists))
	for name, tokens := range on {
		c.list(name, tokens)
	}
	return nil
}

func versionName(rec *storage.ListRecord) string {
	return fmt.Sprintf("list %s, version %d", rec.Name, rec.Version)
}

// list compares who is on a list with the tokens of all fragments.
func (c *checker) list(name string, tokens map[kith.Token]bool) {
	k := c.v.lists[name]
	if k == nil {
		c.bad("list", "list "+name, fmt.Errorf("it is not known"))
		return
	}
	want(c, "list", "list "+name+", entries", k.entries, len(tokens))
	wrong, found := 0, 0
	for f := nobody + 1; int(f) < len(c.tokens); f++ {
		is := c.there.has(uint32(f)) && tokens[c.tokens[f]]
		if is {
			found++
		}
		if is != k.frags.Has(uint32(f)) {
			wrong++
		}
	}
	want(c, "list", "list "+name+", identifiers that somebody has", k.frags.Len(), found)
	want(c, "list", "list "+name+", identifiers that are wrongly on it or not", wrong, 0)
	c.count("list entries", len(tokens))
}
