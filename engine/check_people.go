package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// identifiers looks whether each fragment has one record, one token, and the
// space in which its value makes that token.
func (c *checker) identifiers() error {
	c.number = newNumbers(c.v.seq)
	n := int(c.v.fragments)
	tokens := make([]kith.Token, n)
	found := 0
	err := c.eachToken(func(t kith.Token, f kith.FragmentID) error {
		if f == nobody || int(f) >= n || tokens[f] != (kith.Token{}) {
			c.bad("token", on("fragment", f), errors.New("there is no such fragment, or it has two"))
			return nil
		}
		tokens[f] = t
		found++
		return nil
	})
	if err != nil {
		return err
	}
	stay := n - 1
	for _, u := range c.unloads {
		stay -= int(u.Fragments)
	}
	want(c, "token", "how many", found, stay)
	records, next := 0, nobody+1
	err = c.v.snap.Fragments(nobody, func(rec storage.FragmentRecord) error {
		if rec.Fragment < next || len(c.unloads) == 0 && rec.Fragment > next {
			c.bad("fragment record", on("fragment", uint32(rec.Fragment)), fmt.Errorf("it should be %d", next))
		}
		next = rec.Fragment + 1
		records++
		c.there.add(uint32(rec.Fragment))
		c.meet(rec.Seq, "as a number given")
		if int(rec.Fragment) >= n {
			return nil
		}
		marks, err := c.e.people.Marks(c.v.pin, rec.Fragment)
		if err != nil {
			return err
		}
		weak, err := c.e.weak(rec.Rules, rec.Space)
		if err != nil {
			return err
		}
		want(c, "weak mark", on("fragment", uint32(rec.Fragment)), marks.Firm, !weak)
		return c.fragment(rec, tokens[rec.Fragment])
	})
	if err != nil {
		return err
	}
	want(c, "fragment record", "how many", records, stay)
	c.count("identifiers", found)
	c.tokens = tokens
	return c.ctx.Err()
}

// eachToken calls f for every token, as a recovery would find the index: the
// runs of the checkpoint, and the log after it.
func (c *checker) eachToken(f func(t kith.Token, of kith.FragmentID) error) error {
	tokens, err := storage.OpenTokens(c.v.snap.Get, c.point.Tokens)
	if err != nil {
		return err
	}
	if err := tokens.Check(); err != nil {
		return err
	}
	tokens.Begin()
	for _, g := range c.given {
		if err := tokens.Add(g.token, g.fragment); err != nil {
			return err
		}
	}
	tokens.Commit()
	return tokens.Each(f)
}

// fragment checks one identifier.
func (c *checker) fragment(rec storage.FragmentRecord, token kith.Token) error {
	f := rec.Fragment
	plain, err := storage.UnpackValue(c.keys.Open(f, uint64(rec.Seq), sealIdentity, rec.Sealed, nil))
	if err != nil {
		c.bad("identifier", on("fragment", f), err)
		return nil
	}
	marks, err := c.e.people.Marks(c.v.pin, f)
	if err != nil {
		return err
	}
	if shown, err := c.e.people.Token(c.v.pin, f); err != nil {
		return err
	} else if shown != token {
		c.bad("token", on("fragment", f), errors.New("the column has another one than the store"))
	}
	if marks.Space != rec.Space {
		want(c, "space", on("fragment", f), marks.Space, rec.Space)
	}
	c.know(uint32(f), kith.Identifier{Space: c.e.spaces.at(int(rec.Space)), Value: string(plain)})
	d := storage.Decision{SpaceID: rec.Space, Token: token}
	d.Decision = kith.Decision{
		Kind: kith.Number, A: f, B: kith.NoFragment, Seq: rec.Seq,
		Space: c.e.spaces.at(int(rec.Space)), Version: rec.Rules, At: time.UnixMicro(rec.At).UTC(),
	}
	c.agree(rec.Seq, decisionPrint(&d))
	if c.v.rules == 1 && tokenIn(c.e, rec.Space, plain) != token { // other rules may normalise otherwise
		c.bad("token", on("fragment", f), errors.New("its value makes another one"))
	}
	return nil
}

// decisions carries out what was decided, in plain lists, and compares who owns
// which fragment, the circles of the profiles, and what is noted about them.
func (c *checker) decisions() error {
	if c.tokens == nil {
		return nil
	}
	owner := make([]uint32, c.v.fragments)
	for f := range owner {
		owner[f] = uint32(f)
	}
	members := map[uint32][]uint32{} // of profiles with more than one
	of := func(p uint32) []uint32 {
		if m := members[p]; m != nil {
			return m
		}
		return []uint32{p}
	}
	c.alone = map[uint32]bool{}
	n := 0
	err := c.v.snap.Decisions(func(d *storage.Decision) error {
		n++
		c.meet(d.Seq, "as a decision")
		c.agree(d.Seq, decisionPrint(d))
		if !c.plausible(d) {
			c.bad("decisions", on("decision", d.Seq), errors.New("it names rules, a space or a number that there never was"))
		}
		for _, a := range d.Changes {
			if uint32(a.Fragment) >= c.v.fragments || uint32(a.Profile) >= c.v.fragments {
				return &kith.Error{Op: "engine.Check", On: on("decision", d.Seq), Kind: kith.ErrCorrupt}
			}
		}
		if d.Kind == kith.Link {
			for _, a := range d.Changes {
				gone, stay := uint32(a.Fragment), uint32(a.Profile)
				for _, f := range of(gone) {
					owner[f] = stay
				}
				members[stay] = append(of(stay), of(gone)...)
				delete(members, gone)
			}
			return nil
		}
		for _, a := range d.Changes {
			delete(members, owner[a.Fragment])
		}
		for _, a := range d.Changes {
			owner[a.Fragment] = uint32(a.Profile)
			members[uint32(a.Profile)] = append(members[uint32(a.Profile)], uint32(a.Fragment))
		}
		if d.Kind == kith.Leave {
			c.alone[uint32(d.A)] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.owner = owner
	c.count("decisions", n)
	return c.people(members)
}

// plausible tells whether a decision names only what there was.
func (c *checker) plausible(d *storage.Decision) bool {
	known := map[string]bool{identity.SameEvent: true, identity.AliasCall: true, identity.Unique: true, identity.Limit: true, identity.Shared: true}
	space := d.Space == ""
	for _, name := range c.e.spaces.all() {
		space = space || name == d.Space
	}
	return space && known[d.Rule] && d.Version >= 1 && d.Version <= c.v.rules &&
		d.Cause < c.v.seq && d.Cause <= d.Seq && (d.B == kith.NoFragment || uint32(d.B) < c.v.fragments) && uint32(d.A) < c.v.fragments
}

// people compares the columns of who is who.
func (c *checker) people(members map[uint32][]uint32) error {
	size := func(p uint32) int { return max(1, len(members[p])) }
	pin, p := c.v.pin, c.e.people
	for k := 0; k<<16 < len(c.owner); k++ {
		owners, err1 := p.Owners(pin, k)
		spaces, err2 := p.Spaces(pin, k)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		for f := max(k<<16, int(nobody)+1); f < min(len(c.owner), (k+1)<<16); f++ {
			i := f & 0xffff
			if !c.there.has(uint32(f)) {
				want(c, "owner", on("fragment", f), has(owners, i), false)
				continue
			}
			if !has(owners, i) || owners.U32[i] != c.owner[f] {
				c.bad("owner", on("fragment", f), fmt.Errorf("it is not profile %d", c.owner[f]))
			}
			marks := storage.MarksOf(spaces.U16[i])
			want(c, "shared mark", on("fragment", f), marks.Alone, c.alone[uint32(f)])
			if c.owner[f] == uint32(f) {
				want(c, "known mark", on("profile", f), marks.Known, c.knownAs(members, uint32(f)))
				if err := c.circle(uint32(f), size(uint32(f))); err != nil {
					return err
				}
				c.count("profiles", 1)
			}
		}
	}
	return c.ctx.Err()
}

func has(img *storage.Image, i int) bool { return img.Has[i>>6]>>(i&63)&1 == 1 }

// knownAs tells whether a profile has an identifier that is not weak.
func (c *checker) knownAs(members map[uint32][]uint32, p uint32) bool {
	list := members[p]
	if list == nil {
		list = []uint32{p}
	}
	for _, f := range list {
		marks, err := c.e.people.Marks(c.v.pin, kith.FragmentID(f))
		if err == nil && marks.Firm {
			return true
		}
	}
	return false
}

// circle walks through the fragments of a profile, which must come back after n.
func (c *checker) circle(p uint32, n int) error {
	frags, err := c.e.people.Fragments(c.v.pin, kith.FragmentID(p))
	if err != nil {
		c.bad("circle", on("profile", p), err)
		return nil
	}
	want(c, "circle", on("profile", p), len(frags), n)
	for _, f := range frags {
		if int(f) >= len(c.owner) || c.owner[f] != p {
			c.bad("circle", on("profile", p), fmt.Errorf("fragment %d is not of it", f))
		}
	}
	return nil
}

// pairs compares what is kept about pairs whose smaller number lies from lo to hi with the decisions.
func (c *checker) pairs(lo, hi uint32) error {
	type pair struct{ a, b kith.FragmentID }
	latest := map[pair]storage.PairRecord{}
	err := c.v.snap.Decisions(func(d *storage.Decision) error {
		p := pair{min(d.A, d.B), max(d.A, d.B)}
		if d.Kind != kith.Leave && lo <= uint32(p.a) && uint32(p.a) < hi {
			latest[p] = storage.PairRecord{Kind: d.Kind, Seq: d.Seq, Cause: d.Cause, At: d.At.UnixMicro(), Rule: d.Rule}
		}
		return nil
	})
	if err != nil {
		return err
	}
	found := 0
	err = c.v.snap.EachPair(kith.FragmentID(lo), func(a, b kith.FragmentID, rec storage.PairRecord) error {
		if uint32(a) >= hi {
			return storage.ErrStop
		}
		found++
		if last, ok := latest[pair{a, b}]; !ok {
			c.bad("pair", on("fragment", a), errors.New("nothing was decided about it"))
		} else if last != rec {
			c.bad("pair", on("fragment", a), fmt.Errorf("it is not what decision %d says", last.Seq))
		}
		return nil
	})
	want(c, "pair", on("fragments from", lo), found, len(latest))
	c.count("pairs", found)
	return err
}
