package engine

import (
	"github.com/zeebo/xxh3"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// number gives the fragments of an item's identifiers, strongest first, and
// numbers those that were never seen.
func (t *turn) number(it *item) ([]kith.FragmentID, error) {
	t.frags, t.unseen = t.frags[:0], kith.FragmentID(t.l.head.Fragments)
	for i := range it.claims {
		f, err := t.fragment(&it.claims[i])
		if err != nil {
			return nil, err
		}
		t.frags = append(t.frags, f)
	}
	return t.frags, nil
}

func (t *turn) fragment(c *claim) (kith.FragmentID, error) {
	e := t.l.e
	print := xxh3.Hash128Seed(c.norm, uint64(c.space)+1)
	if f, ok := t.l.frags.get(print); ok {
		return f, nil
	}
	space := e.matcher.Load().Name(c.space)
	token := e.secret.Token(space, c.norm)
	f, place, ok, err := e.tokens.Place(token)
	if err != nil {
		return 0, err
	}
	if !ok {
		if f, err = t.give(token, c, space); err != nil {
			return 0, err
		}
		e.tokens.Put(place, token, f)
		if !t.dry {
			e.static.numbered(token, f)
		}
	}
	t.l.frags.put(print, f)
	return f, nil
}

// known gives the fragment of an identifier that has been numbered.
func (t *turn) known(c *claim) (kith.FragmentID, bool, error) {
	if f, ok := t.l.frags.get(xxh3.Hash128Seed(c.norm, uint64(c.space)+1)); ok {
		return f, true, nil
	}
	e := t.l.e
	return e.tokens.Find(e.secret.Token(e.matcher.Load().Name(c.space), c.norm))
}

// give numbers an identifier that is seen for the first time.
func (t *turn) give(token kith.Token, c *claim, space string) (kith.FragmentID, error) {
	e := t.l.e
	f := kith.FragmentID(t.l.head.Fragments)
	t.l.head.Fragments++
	d := storage.Decision{SpaceID: uint8(e.spaces.id(space)), Token: token}
	d.Decision = kith.Decision{Kind: kith.Number, A: f, B: kith.NoFragment, Space: space, Version: t.l.head.Rules, At: t.at}
	seq := t.blob.Decision(&d)
	weak := e.matcher.Load().Weak(c.space)
	e.people.Number(f, d.SpaceID, weak, token)
	if t.dry {
		return f, nil
	}
	t.l.words.identifier(f, weak, c.value)
	t.plain = storage.PackValue(t.plain[:0], c.value)
	sealed, err := e.keys.Seal(f, uint64(seq), sealIdentity, t.plain, nil)
	if err != nil {
		return 0, err
	}
	Point("numbered") // keys/ may have grown for it
	t.fresh = append(t.fresh, storage.FragmentRecord{
		Fragment: f, Seq: seq, At: t.at.UnixMicro(), Rules: d.Version, Space: d.SpaceID, Sealed: sealed,
	})
	return f, nil
}

// resolve lets identity decide what the identifiers of one event say about each other.
func (t *turn) resolve(it *item, frags []kith.FragmentID, cause kith.Seq) error {
	if len(frags) < 2 || t.settled(frags) {
		return nil
	}
	t.claims = t.claims[:0]
	for i, f := range frags {
		t.claims = append(t.claims, identity.Claim{Fragment: f, Space: it.claims[i].space})
	}
	rule := identity.SameEvent
	if it.alias {
		rule = identity.AliasCall
	}
	t.graph.Cause = cause
	if err := t.l.e.matcher.Load().Resolve(t.graph, t.claims, rule, t.at); err != nil {
		return err
	}
	for _, f := range frags[1:] {
		if rec, ok, err := t.graph.Graph.Pair(frags[0], f); err != nil {
			return err
		} else if ok && rec.Kind == kith.Link {
			t.l.pairs.put(frags[0], f)
		}
	}
	return nil
}

// settled tells whether all pairs are known to be linked, so that nothing is left to decide.
func (t *turn) settled(frags []kith.FragmentID) bool {
	for _, f := range frags[1:] {
		if !t.l.pairs.has(frags[0], f) {
			return false
		}
	}
	return true
}

// fragmentCache remembers the fragments of identifiers by a fast fingerprint
// of their normalised value, so that a warm identifier costs no HMAC and no
// read. It holds no value, and forgets all when it is full.
type fragmentCache struct {
	m     map[xxh3.Uint128]kith.FragmentID
	limit int
}

func newFragmentCache(limit int) *fragmentCache {
	return &fragmentCache{m: map[xxh3.Uint128]kith.FragmentID{}, limit: limit}
}

func (c *fragmentCache) get(p xxh3.Uint128) (kith.FragmentID, bool) {
	f, ok := c.m[p]
	return f, ok
}

func (c *fragmentCache) put(p xxh3.Uint128, f kith.FragmentID) {
	if len(c.m) >= c.limit {
		clear(c.m)
	}
	c.m[p] = f
}

// pairCache remembers pairs of fragments whose link is recorded.
type pairCache struct {
	m     map[uint64]struct{}
	limit int
}

func newPairCache(limit int) *pairCache { return &pairCache{m: map[uint64]struct{}{}, limit: limit} }

func pairOf(a, b kith.FragmentID) uint64 { return uint64(min(a, b))<<32 | uint64(max(a, b)) }

func (c *pairCache) has(a, b kith.FragmentID) bool {
	_, ok := c.m[pairOf(a, b)]
	return ok
}

func (c *pairCache) put(a, b kith.FragmentID) {
	if len(c.m) >= c.limit {
		clear(c.m)
	}
	c.m[pairOf(a, b)] = struct{}{}
}
