package clean

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"unsafe"

	"github.com/kithdb/kith"
	"github.com/zeebo/xxh3"
)

// special treats a scalar at a place with a role: it is noted, and context.ip is cut.
func (c *Cleaner) special(b []byte, i, end int, r role, h uint64, f flags) (uint64, flags) {
	if r > lastField && r <= lastNoted {
		c.noted[r] = int32(len(c.leaves)) + 1
	}
	if r != roleIP || f&isString == 0 {
		return h, f
	}
	if f&hasEscape != 0 || c.cfg.KeepIP || !c.cutIP(b[i+1:end-1]) {
		return h, f | isSecret
	}
	return xxh3.HashSeed(c.ip, c.seed), f | isIP
}

// cutIP cuts an address to its /24, or /48 of version 6, into c.ip.
func (c *Cleaner) cutIP(s []byte) bool {
	if k := cutV4(s); k > 0 {
		c.ip = append(append(append(c.ip[:0], '"'), s[:k]...), `0"`...)
		return true
	}
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(s), len(s))) // s stays; an error that holds it is dropped here
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return false
	}
	c.ip = append(p.Addr().AppendTo(append(c.ip[:0], '"')), '"')
	return true
}

// cutV4 gives the place of the last number of an address of version 4, 0 when it is none.
func cutV4(s []byte) (last int) {
	dots, n, size := 0, 0, 0
	for k, ch := range s {
		switch {
		case digit(ch):
			n, size = n*10+int(ch-'0'), size+1
			if n > 255 || size > 1 && n < 10 || size > 3 {
				return 0
			}
		case ch != '.' || size == 0:
			return 0
		default:
			dots, n, size, last = dots+1, 0, 0, k+1
		}
	}
	if dots != 3 || size == 0 {
		return 0
	}
	return last
}

// judge finds the leaves that are identifying: by their path, by the shape of
// a string, or because a value is one of the item's own identifiers. What a
// leaf that is kept whole holds is judged like a leaf.
func (c *Cleaner) judge(b []byte) {
	for k := range c.leaves {
		l := &c.leaves[k]
		if l.flags&(isSecret|isIP) != 0 || !c.identifying(b, l) {
			continue
		}
		if l.own >= 0 {
			l = &c.leaves[l.own]
		}
		l.flags |= isSecret
	}
}

func (c *Cleaner) identifying(b []byte, l *leaf) bool {
	d := &c.trie.nodes[l.node]
	class := d.class
	if class == 0 {
		class = c.class(l.node)
		d = &c.trie.nodes[l.node]
	}
	if class == kith.Identifying || d.shy || c.ownKey(l.node) {
		return true
	}
	text := b[l.from:l.to]
	if l.flags&isString == 0 {
		return c.tells(text)
	}
	if l.flags&hasEscape != 0 {
		c.esc = unescape(append(c.esc[:0], '"'), text[1:len(text)-1])
		text = append(c.esc, '"')
		c.esc = text
	}
	return class == open && c.cfg.Classes.Shape(text) || c.tells(text[1:len(text)-1]) || c.inside(text[1:len(text)-1])
}

// leastInside is how long an identifier is, at least, that is looked for among
// values and inside addresses: shorter ones stand everywhere, such as the store
// 26 of a row of customer 26.
const leastInside = 6

// tells is true when a value is one of the item's identifiers, and not by chance.
func (c *Cleaner) tells(value []byte) bool { return len(value) >= leastInside && c.own(value) }

// leastKey is how long a key is, at least, that is taken for one of the item's
// identifiers: words such as plan are user ids of testers.
const leastKey = 8

// ownKey is true when the key of a place, or of one above it, is one of the
// item's identifiers.
func (c *Cleaner) ownKey(n int32) bool {
	for ; n != root; n = c.trie.nodes[n].up {
		d := &c.trie.nodes[n]
		if len(d.key) >= leastKey && d.role == noRole && c.lengths>>(len(d.key)&63)&1 != 0 && c.own([]byte(d.key)) {
			return true
		}
	}
	return false
}

// inside is true when the text is an address of the web, or a part of one, that
// has one of the item's identifiers in it.
func (c *Cleaner) inside(s []byte) bool {
	if len(s) <= leastInside || s[0] != 'h' && s[0] != '/' && s[0] != '?' && s[0] != '#' {
		return false
	}
	for i := range c.claims {
		if v := c.claims[i].Value; len(v) >= leastInside && len(v) < len(s) && bytes.Contains(s, v) {
			return true
		}
	}
	return false
}

// hide keeps a message id and a name that look like a person's value, or are
// one of the item's identifiers, as sealed leaves. In their place stand a keyed
// hash, and "…".
func (c *Cleaner) hide(b []byte) {
	it := &c.it
	if !it.NoID && c.telling(it.MessageID) {
		c.keep(b, roleMessageID)
		c.leaves[len(c.leaves)-1].flags |= isSecret
		sum := xxh3.Hash128Seed(it.MessageID, c.seedI).Bytes()
		c.mid = hex.AppendEncode(c.mid[:0], sum[:])
		it.MessageID = c.mid
	}
	c.nameless = len(it.Name) > 0 && (string(it.Name) == hidden || c.telling(it.Name))
	if !c.nameless {
		return
	}
	r := roleName
	if it.Kind == kith.Track {
		r = roleEvent
	}
	if c.fields[r].to != 0 && b[c.fields[r].from] == '"' && c.fields[r].to-c.fields[r].from > 2 { // else it is properties.name, which is a leaf
		c.keep(b, r)
		c.leaves[len(c.leaves)-1].flags |= isSecret
	}
}

// hidden stands for a name that is sealed.
const hidden = "…"

// telling is true when what a field says identifies a person.
func (c *Cleaner) telling(s []byte) bool {
	if c.own(s) {
		return true
	}
	c.esc = appendString(c.esc[:0], s)
	return c.cfg.Classes.Shape(c.esc)
}

// textOf gives the JSON text of a leaf, without white space.
func (c *Cleaner) textOf(b []byte, l *leaf) []byte {
	switch {
	case l.flags&isIP != 0:
		return c.ip
	case l.flags&hasWhite != 0:
		return c.compacted(b[l.from:l.to])
	}
	return b[l.from:l.to]
}

func (c *Cleaner) compacted(s []byte) []byte {
	at := len(c.texts)
	c.texts = compact(c.texts, s)
	return c.texts[at:len(c.texts):len(c.texts)]
}

// encode writes the leaves into the item's cells.
func (c *Cleaner) encode(b []byte) {
	c.cells, c.secret, c.more, c.hidden = c.cells[:0], c.secret[:0], c.more[:0], c.hidden[:0]
	c.keepID(b, roleUserID, c.std[spaceUser], c.it.UserID)
	c.keepID(b, roleAnonymousID, c.std[spaceAnonymous], c.it.AnonymousID)
	for k := range c.leaves {
		l := &c.leaves[k]
		if l.own != normal {
			continue
		}
		text, path := c.textOf(b, l), c.trie.nodes[l.node].leaf
		if path <= More {
			path = More
			if !c.ownKey(l.node) { // a path is kept in the clear, for ever
				path = int32(c.path(l.node))
			}
		}
		switch secret := l.flags&isSecret != 0; {
		case path != More && secret:
			c.secret = AppendCell(c.secret, uint32(path), text)
		case path != More:
			c.cells = AppendCell(c.cells, uint32(path), text)
		case secret:
			c.hidden = c.another(c.hidden, l.node, text)
		default:
			c.more = c.another(c.more, l.node, text)
		}
	}
	if len(c.more) > 0 {
		c.cells = AppendCell(c.cells, More, append(c.more, '}'))
	}
	if len(c.hidden) > 0 {
		c.secret = AppendCell(c.secret, More, append(c.hidden, '}'))
	}
	c.it.Cells, c.it.Secret = c.cells, c.secret
}

// another adds a member {path: text} to the cell at MorePath.
func (c *Cleaner) another(dst []byte, n int32, text []byte) []byte {
	if len(dst) == 0 {
		dst = append(dst, '{')
	} else {
		dst = append(dst, ',')
	}
	c.esc = c.appendPath(c.esc[:0], n)
	return append(append(appendString(dst, c.esc), ':'), text...)
}

// keepFields makes leaves of the fields that nothing else in the item gives back.
func (c *Cleaner) keepFields(b []byte) {
	if c.it.PreviousID != nil {
		c.keep(b, rolePreviousID)
		c.leaves[len(c.leaves)-1].flags |= isSecret
	}
	if c.it.GroupID != nil {
		c.keep(b, roleGroupID)
	}
	if c.keepStamp {
		c.keep(b, roleTimestamp)
	}
	if c.keepReceived && c.fields[roleReceived].to != 0 {
		c.keep(b, roleReceived)
	}
	c.hide(b)
}

// keepID makes a leaf of userId or anonymousId when the strongest claim of its
// space does not give it back as it was spelled. A leaf null says that there
// is such a claim although the field is absent.
func (c *Cleaner) keepID(b []byte, r role, space int, value []byte) {
	d, f := c.first(space), c.fields[r]
	switch {
	case d == nil && value == nil:
	case value == nil:
		c.secret = AppendCell(c.secret, c.path(c.known[r]), null)
	case d == nil || b[f.from] != '"' || string(d.Norm) != string(value):
		c.secret = AppendCell(c.secret, c.path(c.known[r]), b[f.from:f.to])
	}
}

var null = []byte("null")

// person gives the traits that are the person's: those of an identify, and
// context.traits of any call, of which an identify's own traits win.
func (c *Cleaner) person(b []byte) {
	c.traits, c.scalars = c.traits[:0], c.scalars[:0]
	for k := range c.members {
		m := &c.members[k]
		d := &c.trie.nodes[m.node]
		twin := d.twin
		if twin == m.node && c.it.Kind != kith.Identify ||
			twin != m.node && c.it.Kind == kith.Identify && c.trie.nodes[twin].stamp > c.trie.fresh {
			continue
		}
		t := Trait{Name: d.key, Class: kith.Other}
		if t.Raw = b[m.from:m.to]; m.white {
			t.Raw = c.compacted(t.Raw)
		}
		for i := m.a; i < m.b; i++ {
			t.Class = max(t.Class, c.traitLeaf(b, &c.leaves[i]))
		}
		t.Path = c.path(twin)
		c.traits = append(c.traits, t)
	}
	c.it.Traits, c.it.Leaves = c.traits, c.scalars
}

// traitLeaf gives the class of a leaf of a trait, and adds it to the item's
// scalars when it is one that may stand in the clear.
func (c *Cleaner) traitLeaf(b []byte, l *leaf) kith.Class {
	if l.flags&isSecret != 0 {
		return kith.Identifying
	}
	if l.own == normal && l.flags&isWhole == 0 {
		c.scalars = append(c.scalars, TraitLeaf{Path: c.path(c.trie.nodes[l.node].twin), Raw: b[l.from:l.to]})
	}
	if class := c.class(l.node); class != open {
		return class
	}
	return kith.Other
}
