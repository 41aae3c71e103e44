package clean

import (
	"bytes"

	"github.com/kithdb/kith"
)

// stash holds what finish works with, kept from item to item.
type stash struct {
	spaces  map[string]int // identifier spaces by name
	std     [stdSpaces]int // the spaces that the specification has
	norms   [][]byte       // a buffer for each claim
	claims  []Claim
	blocked role   // of an identifier that is of no use; 0: none
	lengths uint64 // bit k: a claim's value or norm has length k modulo 64
	words   []byte // unescaped strings
	cells   []byte
	secret  []byte
	more    []byte // members of the cell at MorePath
	hidden  []byte // the same, identifying
	texts   []byte // compacted texts
	traits  []Trait
	scalars []TraitLeaf
	client  int64 // when it happened by the client's clock
	// The time is kept as a leaf, because the item's times do not give it back.
	keepStamp, keepReceived bool
	nameless                bool   // the name is sealed
	mid                     []byte // what stands for a message id that is sealed
}

// finish makes the item out of what the scanner found, or refuses it.
func (c *Cleaner) finish(b []byte) {
	c.words, c.texts = c.words[:0], c.texts[:0]
	c.claims, c.blocked, c.lengths = c.claims[:0], 0, 0
	c.keepStamp, c.keepReceived, c.nameless = false, false, false
	ok := c.sections() &&
		c.kind(b) &&
		c.names(b) &&
		c.ids(b) &&
		c.times(b) &&
		c.identify(b)
	if !ok {
		return
	}
	c.keepFields(b) // that nothing else gives back
	c.judge(b)      // which leaves are identifying
	c.encode(b)     // the leaves
	c.person(b)     // the traits
	c.prints(b)     // the fingerprints
	c.it.Claims = c.claims
	if c.nameless {
		c.it.Name = []byte(hidden)
	}
}

// refuse refuses the item because of one of its fields.
func (c *Cleaner) refuse(code string, r role) bool {
	return c.failAt(code, int(c.fields[r].from), c.known[r])
}

func (c *Cleaner) kind(b []byte) bool {
	f := c.fields[roleType]
	switch {
	case f.to == 0 || b[f.from] == 'n':
		return c.refuse(MissingType, roleType)
	case b[f.from] != '"':
		return c.refuse(BadField, roleType)
	}
	var ok bool
	if c.it.Kind, ok = kindOf(c.word(b, int(f.from), int(f.to))); !ok {
		return c.refuse(UnknownType, roleType)
	}
	return true
}

func kindOf(word []byte) (kith.Kind, bool) {
	for k := kith.Identify; k <= kith.Alias; k++ {
		if k.String() == string(word) {
			return k, true
		}
	}
	return 0, false
}

// sections refuses traits, properties and context that are no objects.
func (c *Cleaner) sections() bool {
	return c.wrong == 0 || c.failAt(BadField, 0, c.wrong)
}

// word gives what the string says whose quotes are at from and before to.
func (c *Cleaner) word(b []byte, from, to int) []byte {
	s := b[from+1 : to-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	at := len(c.words)
	c.words = unescape(c.words, s)
	return c.words[at:len(c.words):len(c.words)]
}

// stringField gives a field that must be a string, nil when it is absent.
func (c *Cleaner) stringField(b []byte, r role) ([]byte, bool) {
	f := c.fields[r]
	if f.to == 0 || b[f.from] == 'n' {
		return nil, true
	}
	if b[f.from] != '"' {
		return nil, c.refuse(BadField, r)
	}
	return c.word(b, int(f.from), int(f.to)), true
}

// names reads what happened and the message id. An event that is no track's
// and a name that is no page's or screen's are leaves like any other.
func (c *Cleaner) names(b []byte) (ok bool) {
	it := &c.it
	named := roleName
	switch it.Kind {
	case kith.Track:
		named = roleEvent
		if it.Name, ok = c.stringField(b, roleEvent); ok && len(it.Name) == 0 {
			ok = c.refuse(MissingEvent, roleEvent)
		}
	case kith.Page, kith.Screen:
		it.Name, ok = c.stringField(b, roleName)
		if k := c.noted[roleProdName]; ok && len(it.Name) == 0 && k > 0 && c.leaves[k-1].flags&isString != 0 {
			it.Name = c.said(b, &c.leaves[k-1])
		}
	default:
		named, ok = 0, true
	}
	if !ok {
		return false
	}
	for _, r := range [...]role{roleEvent, roleName} {
		if r != named && c.fields[r].to != 0 && b[c.fields[r].from] != 'n' {
			c.sum += mix(c.trie.nodes[c.known[r]].print, c.keep(b, r))
		}
	}
	it.MessageID, ok = c.stringField(b, roleMessageID)
	it.NoID = len(it.MessageID) == 0
	return ok
}

// said gives what a string leaf says.
func (c *Cleaner) said(b []byte, l *leaf) []byte { return c.word(b, int(l.from), int(l.to)) }

// keep makes leaves of a field, and gives their print.
func (c *Cleaner) keep(b []byte, r role) uint64 {
	_, h := c.value(b, int(c.fields[r].from), c.known[r], 1, normal)
	return h
}

// ids reads the identifiers that are fields.
func (c *Cleaner) ids(b []byte) (ok bool) {
	it := &c.it
	for _, id := range [...]struct {
		role role
		to   *[]byte
	}{{roleUserID, &it.UserID}, {roleAnonymousID, &it.AnonymousID}, {rolePreviousID, &it.PreviousID}, {roleGroupID, &it.GroupID}} {
		if f := c.fields[id.role]; f.to != 0 {
			if *id.to, ok = c.id(b, int(f.from), int(f.to)); !ok {
				return c.refuse(BadID, id.role)
			}
		}
	}
	switch {
	case it.Kind == kith.Group && len(it.GroupID) == 0:
		return c.refuse(MissingGroup, roleGroupID)
	case it.Kind == kith.Alias && len(it.PreviousID) == 0:
		return c.refuse(MissingPrevious, rolePreviousID)
	case it.Kind == kith.Alias && len(it.UserID) == 0:
		return c.refuse(NoIdentity, roleUserID)
	}
	return true
}

// id reads an identifier: a string, or an integer as its text. null gives nil.
func (c *Cleaner) id(b []byte, from, to int) ([]byte, bool) {
	switch b[from] {
	case 'n':
		return nil, true
	case '"':
		return c.word(b, from, to), true
	}
	s := b[from:to]
	if s[0] == '-' {
		s = s[1:]
	}
	for _, ch := range s {
		if !digit(ch) {
			return nil, false
		}
	}
	return b[from:to], true
}
