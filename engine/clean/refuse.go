package clean

import "strconv"

// refused gives the item with the reason why it is refused.
func (c *Cleaner) refused() *Item {
	c.it = Item{Code: c.code, At: c.skipped + c.base + max(c.at, 0), Raw: c.it.Raw}
	if len(c.trail) > 0 {
		c.it.Path = c.place()
	}
	return &c.it
}

// failAt refuses the item because of what stands at node n.
func (c *Cleaner) failAt(code string, at int, n int32) bool {
	c.fail(code, at)
	for c.trail = c.trail[:0]; n != root; n = c.trie.nodes[n].up {
		c.trail = append(c.trail, n)
	}
	return false
}

const maxSteps = 16 // of a path that is shown

// place spells the path of the place that is wrong: "$.traits.tags[3]".
func (c *Cleaner) place() string {
	path := []byte{'$'}
	for k := len(c.trail) - 1; k >= 0; k-- {
		if len(c.trail)-k > maxSteps {
			return string(append(path, "…"...))
		}
		n := c.trail[k]
		if n < 0 {
			path = append(strconv.AppendInt(append(path, '['), int64(-1-n), 10), ']')
			continue
		}
		path = c.appendStep(path, n)
	}
	return string(path)
}

// appendStep appends one key to a path that is shown. A key that looks like a
// person's value, or is long, is shown as "…".
func (c *Cleaner) appendStep(path []byte, n int32) []byte {
	d := &c.trie.nodes[n]
	switch {
	case d.shy || len(d.key) > 64:
		return append(path, ".…"...)
	case bare(d.key):
		return append(append(path, '.'), d.key...)
	}
	return append(appendString(append(path, '['), d.key), ']')
}

// bare is true for a key that needs no quotes in a path.
func bare(key string) bool {
	for _, ch := range key {
		if ch != '_' && ch != '-' && ch != '$' && !('0' <= ch && ch <= '9') && !('a' <= ch|0x20 && ch|0x20 <= 'z') {
			return false
		}
	}
	return key != ""
}
