package clean

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/kithdb/kith"
	"github.com/zeebo/xxh3"
)

// The payload print is what T19 compares. It sees the call, its name, its
// identifiers as text, when the client says it happened (originalTimestamp, or
// timestamp where that is absent: beside an originalTimestamp, timestamp is a
// server's reckoning) and every leaf. It does not see the message id, sentAt,
// receivedAt, the order of members, white space, how a string is escaped, and
// what context.ip loses. Numbers are equal when they are spelled alike. traits,
// properties and context that are absent, null or {} are equal.

// prints makes the fingerprints of the item.
func (c *Cleaner) prints(b []byte) {
	it := &c.it
	if !it.NoID {
		it.IDPrint = xxh3.HashSeed(it.MessageID, c.seedI)
	}
	it.PayPrint = mix(c.sum+c.fieldSum(c.seed), c.seedK)
	if it.NoID {
		it.second = mix(c.leafSum(b)+c.fieldSum(c.seed2), c.seedK)
	}
}

// IDPrint gives the fingerprint of a message id.
func (c *Cleaner) IDPrint(messageID string) uint64 { return xxh3.HashStringSeed(messageID, c.seedI) }

// fieldSum is the print of the fields that are no leaves.
func (c *Cleaner) fieldSum(seed uint64) uint64 {
	it := &c.it
	sum := mix(uint64(it.Kind), seed)
	name := roleName
	if it.Kind == kith.Track {
		name = roleEvent
	}
	for _, f := range [...]struct {
		role role
		text []byte
	}{{name, it.Name}, {roleUserID, it.UserID}, {roleAnonymousID, it.AnonymousID}, {rolePreviousID, it.PreviousID}, {roleGroupID, it.GroupID}} {
		if f.text != nil && (f.role != name || len(f.text) > 0) {
			sum += mix(c.trie.nodes[c.known[f.role]].print^seed, xxh3.HashSeed(f.text, seed))
		}
	}
	if it.Stamped {
		sum += mix(c.trie.nodes[c.known[roleTimestamp]].print^seed, uint64(c.client))
	}
	return sum
}

// leafSum is a print of the leaves that shares no hash of a scalar with the first.
func (c *Cleaner) leafSum(b []byte) (sum uint64) {
	for k := range c.leaves {
		l := &c.leaves[k]
		if r := c.trie.nodes[l.node].role; l.own != normal || r == rolePreviousID || r == roleGroupID || r == roleTimestamp || r == roleReceived {
			continue
		}
		h := l.print
		switch {
		case l.flags&isString != 0 && l.flags&(hasEscape|isIP) == 0:
			h = xxh3.HashSeed(b[l.from+1:l.to-1], c.seed2)
		case l.flags&(isString|isWhole) == 0:
			h = xxh3.HashSeed(b[l.from:l.to], c.seed2^c.seedK)
		case l.flags&hasEscape != 0:
			c.esc = unescape(c.esc[:0], b[l.from+1:l.to-1])
			h = xxh3.HashSeed(c.esc, c.seed2)
		}
		sum += mix(c.placePrint(l.node), h)
	}
	return sum
}

// placePrint is a print of a node's whole path.
func (c *Cleaner) placePrint(n int32) uint64 {
	sum := c.seed2
	for ; n != root; n = c.trie.nodes[n].up {
		sum = mix(sum, c.trie.nodes[n].print)
	}
	return sum
}

// Derivation is what the message id of an item that has none is made of.
type Derivation struct {
	print, second uint64
	when          int64
}

// Derivation gives what Derive needs, after the item is gone.
func (it *Item) Derivation() Derivation {
	d := Derivation{it.PayPrint, it.second, NoTime}
	if !it.Stamped {
		d.when = it.Received
	}
	return d
}

// Derive gives the message id of an item that has none: it depends on the
// source, the payload and k, the number of equal payloads before it in its
// input; where the item does not say when it happened, on when it came in, too.
// It depends on Config.Secret.
func (d *Derivation) Derive(source string, k uint64) string {
	var room [128]byte
	b := binary.LittleEndian.AppendUint64(room[:0], d.print)
	b = binary.LittleEndian.AppendUint64(b, d.second)
	b = binary.LittleEndian.AppendUint64(b, k)
	b = binary.LittleEndian.AppendUint64(b, uint64(d.when))
	b = append(b, source...)
	sum := xxh3.Hash128Seed(b, d.second).Bytes()
	return hex.EncodeToString(sum[:])
}
