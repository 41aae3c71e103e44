package clean

// whole reads an array or an object. It is one leaf when it is an array, an
// empty object, or too deep for a path of its own.
func (c *Cleaner) whole(b []byte, i int, n int32, depth, own int) (int, uint64) {
	array, mine, white := b[i] == '[', -1, c.white
	if own == normal && n != root {
		d := &c.trie.nodes[n]
		if array || d.depth >= leafDepth || d.shy || hollow(b, i) {
			mine = len(c.leaves)
			own = mine
			c.leaves = append(c.leaves, leaf{node: n, own: normal, from: int32(i), flags: isWhole})
			if d.role == roleExternal {
				c.noted[roleExternal] = int32(mine) + 1
			}
		}
	}
	var end int
	var h uint64
	if array {
		end, h = c.array(b, i, n, depth, own)
	} else {
		end, h = c.object(b, i, n, depth, own)
	}
	if mine >= 0 && end >= 0 {
		l := &c.leaves[mine]
		l.to, l.print = int32(end), h
		if c.white > white {
			l.flags |= hasWhite
		}
	}
	return end, h
}

// hollow is true when the object at i has no members.
func hollow(b []byte, i int) bool {
	i = blanks(b, i+1)
	return i < len(b) && b[i] == '}'
}

// The prints of an object and an array before their first member.
const (
	objectPrint = 0x8BB84B93962EACC9
	arrayPrint  = 0x2D358DCCAA6C78A5
)

// object reads the object at i. Its print is a sum, so that the order of the members does not matter.
func (c *Cleaner) object(b []byte, i int, n int32, depth, own int) (int, uint64) {
	i = c.space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, objectPrint
	}
	c.trie.stamp++
	stamp, prev, sum := c.trie.stamp, int32(-1), uint64(objectPrint)
	top := n == root && own == normal
	traits := own == normal && n != root && c.trie.nodes[n].twin == c.known[roleTraits]
	for {
		k, j := c.key(b, i, n, prev, stamp)
		if j < 0 {
			return j, 0
		}
		print, a, white := c.trie.nodes[k].print, len(c.leaves), c.white
		var end int
		var h uint64
		if r := c.trie.nodes[k].role; top && r != 0 {
			end, h = c.field(b, j, k, r, depth)
		} else {
			end, h = c.value(b, j, k, depth, own)
			h = mix(print, h)
		}
		if end < 0 {
			c.trail = append(c.trail, k)
			return end, 0
		}
		if traits {
			c.members = append(c.members, member{node: k, a: int32(a), b: int32(len(c.leaves)), from: int32(j), to: int32(end), white: c.white > white})
		}
		if own >= 0 && c.trie.nodes[k].shy {
			c.leaves[own].flags |= isSecret
		}
		sum += h
		prev = k
		if i = c.space(b, end); i >= len(b) {
			return c.fail(BadJSON, i), 0
		}
		if b[i] == '}' {
			return i + 1, mix(sum, objectPrint)
		}
		if b[i] != ',' {
			return c.fail(BadJSON, i), 0
		}
		i = c.space(b, i+1)
	}
}

// field reads a top-level member that the specification defines, and gives
// what it adds to the payload print; of the fields that are no leaves, finish adds it.
func (c *Cleaner) field(b []byte, j int, k int32, r role, depth int) (int, uint64) {
	if r == roleBatch && !c.wrap.on {
		c.batch = true
		return -1, 0
	}
	section := r > lastField && r != roleBatch && j < len(b)
	if section && b[j] == '{' && !hollow(b, j) {
		end, h := c.value(b, j, k, depth, normal)
		return end, mix(c.trie.nodes[k].print, h)
	}
	if r > lastField && j < len(b) && b[j] != 'n' && !(section && b[j] == '{') && c.wrong == 0 {
		c.wrong = k
	}
	end, _ := c.value(b, j, k, depth, silent)
	if end >= 0 && r <= lastField {
		c.fields[r] = field{int32(j), int32(end)}
	}
	return end, 0
}

// key reads the key at i, the colon and the white space around it. It gives
// the node of the key and the place of the value. The key that followed prev
// last time is tried first.
func (c *Cleaner) key(b []byte, i int, n, prev int32, stamp uint64) (int32, int) {
	if i >= len(b) || b[i] != '"' {
		return 0, c.fail(BadJSON, i)
	}
	nodes := c.trie.nodes
	guess := nodes[n].first
	if prev >= 0 {
		guess = nodes[prev].next
	}
	if guess != 0 {
		d := &nodes[guess]
		from, end := i+1, i+1+len(d.key)
		if end+1 < len(b) && b[end] == '"' && string(b[from:end]) == d.key {
			if d.stamp == stamp {
				return 0, c.twice(guess, i)
			}
			d.stamp = stamp
			if b[end+1] == ':' {
				return guess, c.space(b, end+2)
			}
			return guess, c.colon(b, end+1)
		}
	}
	return c.newKey(b, i, n, prev, stamp)
}

// newKey reads a key that was not expected here.
func (c *Cleaner) newKey(b []byte, i int, n, prev int32, stamp uint64) (int32, int) {
	end, esc := c.text(b, i)
	if end < 0 {
		return 0, end
	}
	key := b[i+1 : end-1]
	if esc {
		c.esc = unescape(c.esc[:0], key)
		key = c.esc
		for _, ch := range key {
			if ch == 0 {
				return 0, c.fail(NulInKey, i)
			}
		}
	}
	k := c.child(n, key)
	d := &c.trie.nodes[k]
	if d.stamp == stamp {
		return 0, c.twice(k, i)
	}
	d.stamp = stamp
	if d.plain {
		if prev < 0 {
			c.trie.nodes[n].first = k
		} else {
			c.trie.nodes[prev].next = k
		}
	}
	return k, c.colon(b, end)
}

// twice refuses a key that stands in its object already.
func (c *Cleaner) twice(k int32, at int) int {
	c.trail = append(c.trail, k)
	return c.fail(DuplicateKey, at)
}

// colon reads the colon and the white space around it.
func (c *Cleaner) colon(b []byte, i int) int {
	if i = c.space(b, i); i >= len(b) || b[i] != ':' {
		return c.fail(BadJSON, i)
	}
	return c.space(b, i+1)
}

// array reads the array at i. Its print depends on the order.
func (c *Cleaner) array(b []byte, i int, n int32, depth, own int) (int, uint64) {
	i = c.space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, arrayPrint
	}
	k := c.child(n, []byte(element))
	sum := uint64(arrayPrint)
	for at := int32(0); ; at++ {
		end, h := c.value(b, i, k, depth, own)
		if end < 0 {
			c.trail = append(c.trail, -1-at)
			return end, 0
		}
		sum = mix(sum, h)
		if i = c.space(b, end); i >= len(b) {
			return c.fail(BadJSON, i), 0
		}
		if b[i] == ']' {
			return i + 1, mix(sum, arrayPrint)
		}
		if b[i] != ',' {
			return c.fail(BadJSON, i), 0
		}
		i = c.space(b, i+1)
	}
}

// scalar reads a number, true, false or null.
func (c *Cleaner) scalar(b []byte, i int) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if b[i] == word[0] {
			if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
				return i + len(word)
			}
			return c.fail(BadJSON, i)
		}
	}
	return c.number(b, i)
}

// number reads a number as RFC 8259 has it. What others write for one is BadNumber.
func (c *Cleaner) number(b []byte, i int) int {
	from := i
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
		if i < len(b) && digit(b[i]) {
			return c.fail(BadNumber, from)
		}
	} else {
		j := digits(b, i)
		if j == i {
			return c.fail(odd(b, from), from)
		}
		i = j
	}
	if i < len(b) && b[i] == '.' {
		j := digits(b, i+1)
		if j == i+1 {
			return c.fail(BadNumber, from)
		}
		i = j
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		j := digits(b, i)
		if j == i {
			return c.fail(BadNumber, from)
		}
		i = j
	}
	return i
}

// odd tells what is no number although it stands where one could.
func odd(b []byte, i int) string {
	if b[i] == '-' || (b[i] == '+' || b[i] == '.') && i+1 < len(b) && (digit(b[i+1]) || b[i+1] == '.') {
		return BadNumber
	}
	if b[i] == '+' {
		i++
	}
	for _, word := range [...]string{"NaN", "nan", "Infinity", "inf"} {
		if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
			return BadNumber
		}
	}
	return BadJSON
}

func digit(ch byte) bool { return '0' <= ch && ch <= '9' }

func digits(b []byte, i int) int {
	for i < len(b) && digit(b[i]) {
		i++
	}
	return i
}
