package clean

import (
	"github.com/kithdb/kith"
	"github.com/zeebo/xxh3"
)

// trie is what one cleaner knows of the keys it has met: each place in an
// item, such as context.page.path, is a node. It makes a key cost one compare
// when lines resemble each other, and remembers with the place what was
// worked out about it: path id, class, fingerprint of the key. It is private
// to its cleaner, so nothing in it is shared or locked, and it is thrown away
// when it has grown too large.
type trie struct {
	nodes []node
	slots []int32 // open addressing by parent and key; 0: free
	bytes int     // of keys
	stamp uint64  // number of the object that is being read
	fresh uint64  // stamp before the item
}

// node is one place. The fields up to leaf are what every key needs.
type node struct {
	key   string // unescaped
	print uint64 // keyed hash of the key
	stamp uint64 // the object in which the key was last seen: twice is a duplicate
	first int32  // the key with which the object here began last time
	next  int32  // the key that followed this one last time
	up    int32
	leaf  int32 // path id; -1: not asked for yet
	twin  int32 // the same place under traits, of what is under traits or context.traits; 0: none
	role  role
	class kith.Class // of the place; open: the value decides; 0: not asked for yet
	depth uint8      // number of keys, at most 255
	plain bool       // the key stands in JSON as it is
	shy   bool       // the key or one above it looks like a person's value
}

const (
	open     kith.Class = 100 // the path does not decide the class
	maxNodes            = 1 << 17
	maxKeys             = 16 << 20 // bytes of keys in a trie
	maxPath             = 512      // bytes of a path in the dictionary
	element             = "\x00"   // the key of array elements; no key of JSON that is accepted holds NUL
)

// role is what the specification makes of a place.
type role uint8

// The roles. Up to lastField they are fields of their own, which are no leaves.
const (
	noRole role = iota
	roleType
	roleEvent
	roleName
	roleMessageID
	roleUserID
	roleAnonymousID
	rolePreviousID
	roleGroupID
	roleTimestamp
	roleOriginal
	roleSent
	roleReceived
	lastField = roleReceived

	roleEmail    role = iota // traits.email
	rolePhone                // traits.phone
	roleCtxEmail             // context.traits.email
	roleCtxPhone
	roleExternal // context.externalIds
	roleDevice   // context.device.id
	roleAdvert   // context.device.advertisingId
	roleProdName // properties.name
	lastNoted    = roleProdName

	roleIP role = iota
	roleTraits
	roleProps
	roleContext
	roleCtxTraits
	roleBatch
	roles = iota
)

// places are the places that have a role, parents first.
var places = [...]struct {
	up   role
	key  string
	role role
}{
	{0, "type", roleType}, {0, "event", roleEvent}, {0, "name", roleName}, {0, "messageId", roleMessageID},
	{0, "userId", roleUserID}, {0, "anonymousId", roleAnonymousID}, {0, "previousId", rolePreviousID}, {0, "groupId", roleGroupID},
	{0, "timestamp", roleTimestamp}, {0, "originalTimestamp", roleOriginal}, {0, "sentAt", roleSent}, {0, "receivedAt", roleReceived},
	{0, "traits", roleTraits}, {0, "properties", roleProps}, {0, "context", roleContext}, {0, "batch", roleBatch},
	{roleTraits, "email", roleEmail}, {roleTraits, "phone", rolePhone}, {roleProps, "name", roleProdName},
	{roleContext, "traits", roleCtxTraits}, {roleCtxTraits, "email", roleCtxEmail}, {roleCtxTraits, "phone", roleCtxPhone},
	{roleContext, "externalIds", roleExternal}, {roleContext, "ip", roleIP},
}

const root int32 = 0

// reset forgets everything but the places that have a role.
func (c *Cleaner) reset() {
	t := &c.trie
	t.nodes = append(t.nodes[:0], node{leaf: -1, plain: true})
	t.slots, t.bytes = make([]int32, 1024), 0
	c.known = [roles]int32{}
	for _, p := range places {
		n := c.child(c.known[p.up], []byte(p.key))
		t.nodes[n].role = p.role
		c.known[p.role] = n
		if p.role == roleTraits || p.role == roleCtxTraits {
			t.nodes[n].twin = c.known[roleTraits]
		}
	}
	device := c.child(c.known[roleContext], []byte("device"))
	for _, p := range []struct {
		key  string
		role role
	}{{"id", roleDevice}, {"advertisingId", roleAdvert}} {
		n := c.child(device, []byte(p.key))
		t.nodes[n].role, c.known[p.role] = p.role, n
	}
}

// child gives the node of a key, made when it is new.
func (c *Cleaner) child(up int32, key []byte) int32 {
	t := &c.trie
	print := xxh3.HashSeed(key, c.seed)
	mask := uint64(len(t.slots) - 1)
	at := print + uint64(up)*0x9E3779B97F4A7C15
	at ^= at >> 29
	for ; ; at++ {
		n := t.slots[at&mask]
		if n == 0 {
			return c.grow(up, key, print, at&mask)
		}
		if d := &t.nodes[n]; d.print == print && d.up == up && d.key == string(key) {
			return n
		}
	}
}

func (c *Cleaner) grow(up int32, key []byte, print uint64, at uint64) int32 {
	t := &c.trie
	n := int32(len(t.nodes))
	d := node{key: string(key), print: print, up: up, leaf: -1, depth: min(t.nodes[up].depth, 254) + 1, plain: plain(key)}
	d.shy = t.nodes[up].shy || d.key != element && c.shy(d.key)
	t.nodes = append(t.nodes, d)
	t.slots[at] = n
	t.bytes += len(key)
	if twin := t.nodes[up].twin; twin == up && up != root {
		t.nodes[n].twin = n
	} else if twin != 0 {
		same := c.child(twin, key)
		t.nodes[n].twin = same
	}
	if len(t.nodes)*2 > len(t.slots) {
		t.rehash()
	}
	return n
}

func (t *trie) rehash() {
	t.slots = make([]int32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for n := 1; n < len(t.nodes); n++ {
		at := t.nodes[n].print + uint64(t.nodes[n].up)*0x9E3779B97F4A7C15
		at ^= at >> 29
		for t.slots[at&mask] != 0 {
			at++
		}
		t.slots[at&mask] = int32(n)
	}
}

// plain is true when the key needs no escape in JSON and cannot be read as one.
func plain(key []byte) bool {
	for _, ch := range key {
		if ch < 0x20 || ch == '"' || ch == '\\' {
			return false
		}
	}
	return true
}

// shy is true when a key looks like a person's value.
func (c *Cleaner) shy(key string) bool {
	return c.cfg.Classes.Shape(appendString(nil, key))
}

// appendPath appends the dotted path of a node; of elements, that of their array.
func (c *Cleaner) appendPath(dst []byte, n int32) []byte {
	if n == root {
		return dst
	}
	d := &c.trie.nodes[n]
	dst = c.appendPath(dst, d.up)
	if d.key == element {
		return dst
	}
	return appendKey(dst, d.key, d.up == root)
}

// class gives the class of the place, open where the value decides. What came
// by context.traits is judged as a trait, too.
func (c *Cleaner) class(n int32) kith.Class {
	d := &c.trie.nodes[n]
	if d.class == 0 {
		class := c.ask(n)
		if d.twin != 0 && d.twin != n {
			if as := c.ask(d.twin); as == kith.Identifying || class == open {
				class = as
			}
		}
		d.class = class
	}
	return d.class
}

func (c *Cleaner) ask(n int32) kith.Class {
	class, decided := c.cfg.Classes.PathClass(string(c.appendPath(nil, n)))
	if !decided {
		return open
	}
	return class
}

// path gives the id of the node's path, More where it has none.
func (c *Cleaner) path(n int32) uint32 {
	d := &c.trie.nodes[n]
	if d.leaf < 0 {
		d.leaf = More
		if path := c.appendPath(nil, n); !d.shy && len(path) <= maxPath {
			d.leaf = int32(c.cfg.Paths.ID(string(path)))
		}
	}
	return uint32(d.leaf)
}
