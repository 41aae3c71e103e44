package clean

// span is a stretch of a text.
type span struct{ from, to int32 }

// wrapper is what the object around a batch says for its items.
type wrapper struct {
	on             bool // the items come out of a batch or an array
	next           int  // of list
	sent, received int64
	under          []byte // {"context":…,"integrations":…}, to be merged under each item; empty: nothing
}

func (w *wrapper) shared() bool { return len(w.under) > 0 }

// hasBatch is true when the object has a member batch. It checks nothing.
func (c *Cleaner) hasBatch(b []byte) bool {
	for w := (walk{b: b}); w.member(); {
		if string(w.key()) == "batch" {
			return true
		}
	}
	return false
}

// open takes a line with many items apart; false: the whole line is refused.
// The items are only told apart here, and checked when their turn comes.
func (c *Cleaner) open(b []byte) bool {
	var end int
	if b[0] == '[' {
		end = c.split(b, 0)
	} else {
		end = c.openObject(b)
	}
	if end >= 0 {
		if end = c.space(b, end); end != len(b) {
			end = c.fail(BadJSON, end)
		}
	}
	c.wrap.on = true
	return end >= 0
}

// openObject reads the object around a batch strictly, but for the items.
func (c *Cleaner) openObject(b []byte) int {
	c.trie.stamp++
	stamp, prev := c.trie.stamp, int32(-1)
	for i := c.space(b, 1); ; {
		k, j := c.key(b, i, root, prev, stamp)
		if j < 0 {
			return j
		}
		end := -1
		r := c.trie.nodes[k].role
		switch {
		case r != roleBatch:
			end, _ = c.value(b, j, k, 1, silent)
		case j < len(b) && b[j] != '[':
			c.fail(BadField, j)
		default:
			end = c.split(b, j)
		}
		if end < 0 || !c.share(b, k, j, end) {
			c.trail = append(c.trail, k)
			return -1
		}
		prev = k
		if i = c.space(b, end); i >= len(b) {
			return c.fail(BadJSON, i)
		}
		if b[i] == '}' {
			if len(c.wrap.under) > 0 {
				c.wrap.under = append(c.wrap.under, '}')
			}
			return i + 1
		}
		if b[i] != ',' {
			return c.fail(BadJSON, i)
		}
		i = c.space(b, i+1)
	}
}

// share keeps what a member of the object around a batch says for all items.
func (c *Cleaner) share(b []byte, k int32, from, to int) (ok bool) {
	d := &c.trie.nodes[k]
	switch {
	case d.role == roleSent || d.role == roleReceived:
		at := &c.wrap.sent
		if d.role == roleReceived {
			at = &c.wrap.received
		}
		if *at, ok = c.when(b, from, to); !ok {
			c.fail(BadTimestamp, from)
		}
		return ok
	case d.role != roleContext && d.key != "integrations" || b[from] == 'n':
		return true
	case b[from] != '{' && d.role == roleContext:
		c.fail(BadField, from)
		return false
	case to-from > c.limit:
		c.fail(TooLarge, from)
		return false
	case b[from] == '{' && !hollow(b, from):
		lead := byte(',')
		if len(c.wrap.under) == 0 {
			lead = '{'
		}
		c.wrap.under = append(append(append(c.wrap.under, lead), '"'), d.key...)
		c.wrap.under = append(append(c.wrap.under, '"', ':'), b[from:to]...)
	}
	return true
}

// split tells the elements of the array at i apart, and gives the place after it.
func (c *Cleaner) split(b []byte, i int) int {
	i = c.space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		end := skip(b, i)
		if end <= i {
			return c.fail(BadJSON, min(i, len(b)))
		}
		c.list = append(c.list, span{int32(i), int32(end)})
		if i = c.space(b, end); i >= len(b) {
			return c.fail(BadJSON, i)
		}
		if b[i] == ']' {
			return i + 1
		}
		if b[i] != ',' {
			return c.fail(BadJSON, i)
		}
		i = c.space(b, i+1)
	}
}

// merge puts the batch's context and integrations under those of an item,
// member by member: where both say something the item wins, a list is one
// value. false: the item is refused.
func (c *Cleaner) merge(raw []byte) ([]byte, bool) {
	c.start(raw)
	if raw[0] != '{' {
		return raw, true
	}
	end, _ := c.value(raw, 0, root, 0, silent)
	if end < 0 {
		return nil, false
	}
	if blanks(raw, end) != len(raw) {
		return raw, true
	}
	c.mixed = merge(c.mixed[:0], raw, c.wrap.under, true)
	return c.mixed, true
}

// merge appends the object over, with what it lacks from the object under.
// Both are checked. At the top null is absence.
func merge(dst, over, under []byte, top bool) []byte {
	below := map[string][]byte{}
	for w := (walk{b: under}); w.member(); {
		below[string(w.key())] = w.value()
	}
	dst = append(dst, '{')
	first := len(dst)
	put := func(name, value, under []byte) {
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(append(dst, name...), ':')
		if under != nil && value[0] == '{' && under[0] == '{' {
			dst = merge(dst, value, under, false)
			return
		}
		dst = append(dst, value...)
	}
	for w := (walk{b: over}); w.member(); {
		value, key := w.value(), string(w.key())
		if under := below[key]; under != nil && top && value[0] == 'n' {
			continue
		} else {
			put(w.name(), value, under)
			delete(below, key)
		}
	}
	for w := (walk{b: under}); w.member(); {
		if value := below[string(w.key())]; value != nil {
			put(w.name(), value, nil)
		}
	}
	return append(dst, '}')
}
