package clean

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

const maxDepth = 200 // of nested arrays and objects

// leafDepth is the number of keys of the longest path; what is below is one leaf.
const leafDepth = 5

// Where a value goes: normal makes leaves, silent none; any other number is
// the leaf of which the value is a part.
const (
	normal = -1
	silent = -2
)

// found is what the scanner collects of one item.
type found struct {
	known   [roles]int32 // the nodes that have a role
	fields  [lastField + 1]field
	noted   [lastNoted + 1]int32 // index of the leaf there, plus one
	leaves  []leaf
	members []member // of traits and context.traits
	wrong   int32    // a node with a value of the wrong type; 0: none
	batch   bool     // it is no item: it has a batch
	white   int      // runs of white space seen
	sum     uint64   // the payload print so far
	sum2    uint64
	ip      []byte // context.ip as it is kept, with quotes
	esc     []byte // an unescaped string
	trail   []int32
	code    string
	at      int
	skipped int
	stash
}

// field is a member that the specification defines: its place in the item.
type field struct{ from, to int32 }

// leaf is one leaf, or a scalar inside a leaf that is kept whole.
type leaf struct {
	node     int32
	own      int32 // normal, or the leaf of which it is a part
	from, to int32
	print    uint64
	flags    flags
}

type flags uint8

const (
	isString flags = 1 << iota
	hasEscape
	hasWhite // white space inside that must go
	isWhole  // array or object
	isSecret // identifying
	isIP     // the text is found.ip
)

// member is one member of traits or context.traits: its leaves are leaves[a:b].
type member struct {
	node     int32
	a, b     int32
	from, to int32
	white    bool
}

// start forgets the item before.
func (c *Cleaner) start(raw []byte) {
	if len(c.trie.nodes) > maxNodes || c.trie.bytes > maxKeys {
		c.reset()
	}
	c.fields, c.noted = [lastField + 1]field{}, [lastNoted + 1]int32{}
	c.leaves, c.members, c.trail = c.leaves[:0], c.members[:0], c.trail[:0]
	c.wrong, c.batch, c.white, c.sum, c.sum2 = 0, false, 0, 0, 0
	c.code, c.at = "", 0
	c.trie.fresh = c.trie.stamp
	c.it = Item{Raw: raw}
}

// fail notes why the item is refused, and gives -1.
func (c *Cleaner) fail(code string, at int) int {
	c.code, c.at = code, at
	return -1
}

// space skips white space and remembers that there was some.
func (c *Cleaner) space(b []byte, i int) int {
	if i < len(b) && b[i] > ' ' {
		return i
	}
	return c.blanks(b, i)
}

//go:noinline
func (c *Cleaner) blanks(b []byte, i int) int {
	if j := blanks(b, i); j > i {
		c.white++
		return j
	}
	return i
}

// mix gives a word that depends on both.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xA0761D6478BD642F, b^0xE7037ED1A0B428DB)
	return hi ^ lo
}

// value reads the value at i, which belongs to place n, and gives the place
// after it, negative when the item is refused, and its print.
func (c *Cleaner) value(b []byte, i int, n int32, depth, own int) (int, uint64) {
	if i >= len(b) {
		return c.fail(BadJSON, i), 0
	}
	var end int
	var f flags
	var h uint64
	switch b[i] {
	case '"':
		end, h, f = c.str(b, i)
	case '{', '[':
		if depth >= maxDepth {
			return c.fail(TooDeep, i), 0
		}
		return c.whole(b, i, n, depth+1, own)
	default:
		if end = c.scalar(b, i); end >= 0 {
			h = xxh3.HashSeed(b[i:end], c.seedK)
		}
	}
	if end < 0 {
		return end, 0
	}
	if own != silent {
		if r := c.trie.nodes[n].role; r != 0 && own == normal {
			h, f = c.special(b, i, end, r, h, f)
		}
		c.leaves = append(c.leaves, leaf{node: n, own: int32(own), from: int32(i), to: int32(end), print: h, flags: f})
	}
	return end, h
}

// str reads a string and gives its print, which is that of what it says.
func (c *Cleaner) str(b []byte, i int) (int, uint64, flags) {
	end, esc := c.text(b, i)
	if end < 0 {
		return end, 0, 0
	}
	if esc {
		c.esc = unescape(c.esc[:0], b[i+1:end-1])
		return end, xxh3.HashSeed(c.esc, c.seed), isString | hasEscape
	}
	return end, xxh3.HashSeed(b[i+1:end-1], c.seed), isString
}
