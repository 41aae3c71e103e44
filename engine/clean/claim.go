package clean

import (
	"bytes"

	"github.com/kithdb/kith"
)

const maxClaims = 64

// stronger is what a Normaliser can tell besides: whether space a decides
// before space b whose event it is. Without it the order is that of identify.
type stronger interface{ Stronger(a, b int) bool }

// identify collects the identifiers of the item, strongest first: userId,
// traits.email and context.traits.email, phone the same, context.externalIds
// by their type, context.device.id and context.device.advertisingId, the
// previousId of an alias, anonymousId. Any of them is enough. The traits of a
// group call are the group's and identify nobody.
func (c *Cleaner) identify(b []byte) bool {
	it := &c.it
	if it.Kind == kith.Group {
		c.noted[roleEmail], c.noted[rolePhone] = 0, 0
	}
	c.claim(c.std[spaceUser], it.UserID, roleUserID, false)
	c.claimLeaf(b, c.std[spaceEmail], roleEmail)
	c.claimLeaf(b, c.std[spaceEmail], roleCtxEmail)
	c.claimLeaf(b, c.std[spacePhone], rolePhone)
	c.claimLeaf(b, c.std[spacePhone], roleCtxPhone)
	c.claimExternal(b)
	c.claimLeaf(b, c.std[spaceDevice], roleDevice)
	c.claimLeaf(b, c.std[spaceDevice], roleAdvert)
	if it.Kind == kith.Alias {
		if c.blocked != 0 && c.first(c.std[spaceUser]) == nil {
			return c.refuse(BlockedID, roleUserID)
		}
		if !c.claim(c.std[spaceAnonymous], it.PreviousID, rolePreviousID, true) {
			return c.refuse(BlockedID, rolePreviousID)
		}
	}
	c.claim(c.std[spaceAnonymous], it.AnonymousID, roleAnonymousID, false)
	switch {
	case len(c.claims) > maxClaims:
		return c.failAt(TooManyIDs, 0, c.known[roleExternal])
	case len(c.claims) > 0:
		c.sort()
		return true
	case c.blocked != 0:
		return c.failAt(BlockedID, 0, c.known[c.blocked])
	}
	return c.failAt(NoIdentity, 0, root)
}

// spaceOf gives the index of an identifier space.
func (c *Cleaner) spaceOf(name []byte) int {
	if k, ok := c.spaces[string(name)]; ok {
		return k
	}
	k := c.cfg.IDs.Space(string(name))
	if len(c.spaces) < 4096 && len(name) <= 64 {
		c.spaces[string(name)] = k
	}
	return k
}

// The spaces that the specification has.
const (
	spaceUser = iota
	spaceEmail
	spacePhone
	spaceDevice
	spaceAnonymous
	stdSpaces
)

var stdNames = [stdSpaces]string{"user_id", "email", "phone", "device_id", "anonymous_id"}

// first gives the strongest claim in the space, nil when there is none.
func (c *Cleaner) first(space int) *Claim {
	for i := range c.claims {
		if c.claims[i].Space == space {
			return &c.claims[i]
		}
	}
	return nil
}

// claim adds an identifier; false when it is absent or of no use.
func (c *Cleaner) claim(space int, value []byte, r role, previous bool) bool {
	if space < 0 || len(value) == 0 {
		return false
	}
	k := len(c.claims)
	if k > maxClaims {
		return true
	}
	if k == len(c.norms) {
		c.norms = append(c.norms, make([]byte, 0, 64))
	}
	norm, ok := c.cfg.IDs.Normalise(space, value, c.norms[k][:0])
	if !ok {
		if c.blocked == 0 {
			c.blocked = r
		}
		return false
	}
	c.norms[k] = norm
	for i := range c.claims {
		if d := &c.claims[i]; d.Space == space && bytes.Equal(d.Norm, norm) {
			d.Previous = d.Previous || previous
			return true
		}
	}
	c.lengths |= 1<<(len(value)&63) | 1<<(len(norm)&63)
	c.claims = append(c.claims, Claim{Space: space, Norm: norm, Value: value, Previous: previous})
	return true
}

// claimLeaf adds the identifier that stands at a noted leaf, which is
// identifying then whatever its path says.
func (c *Cleaner) claimLeaf(b []byte, space int, r role) {
	k := c.noted[r]
	if k == 0 {
		return
	}
	l := &c.leaves[k-1]
	if value, ok := c.id(b, int(l.from), int(l.to)); ok && len(value) > 0 {
		l.flags |= isSecret
		c.claim(space, value, r, false)
	}
}

// claimExternal adds what context.externalIds lists: {"id":…,"type":…}. What
// has no type or no id stays a value of the event.
func (c *Cleaner) claimExternal(b []byte) {
	k := c.noted[roleExternal]
	if k == 0 {
		return
	}
	l := &c.leaves[k-1]
	l.flags |= isSecret
	for list := (walk{b: b[:l.to], i: int(l.from)}); list.element(); {
		if b[list.valueFrom] != '{' {
			continue
		}
		var id, space []byte
		for w := (walk{b: b[:list.valueTo], i: list.valueFrom}); w.member(); {
			switch string(w.key()) {
			case "id":
				id, _ = c.id(b, w.valueFrom, w.valueTo)
			case "type":
				if b[w.valueFrom] == '"' {
					space = c.word(b, w.valueFrom, w.valueTo)
				}
			}
		}
		if len(id) > 0 && len(space) > 0 {
			c.claim(c.spaceOf(space), id, roleExternal, false)
		}
	}
}

// sort puts the strongest claim first, where the rules have an order of their own.
func (c *Cleaner) sort() {
	s, ok := c.cfg.IDs.(stronger)
	if !ok {
		return
	}
	for i := 1; i < len(c.claims); i++ {
		for k := i; k > 0 && s.Stronger(c.claims[k].Space, c.claims[k-1].Space); k-- {
			c.claims[k], c.claims[k-1] = c.claims[k-1], c.claims[k]
		}
	}
}

// own is true when the text is one of the item's identifiers.
func (c *Cleaner) own(s []byte) bool {
	if c.lengths>>(len(s)&63)&1 == 0 || len(s) == 0 {
		return false
	}
	for i := range c.claims {
		if d := &c.claims[i]; string(d.Value) == string(s) || string(d.Norm) == string(s) {
			return true
		}
	}
	return false
}
