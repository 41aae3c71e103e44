package storage

import (
	"encoding/binary"
	"slices"
)

// MaxText is the longest text that a dictionary takes, in bytes.
const MaxText = 64 << 10

const (
	dictChunkTexts = 1024
	dictChunkBytes = 512 << 10
)

// Dict gives texts dense codes, in order of first sight. It only grows, so a
// version of it is its length: readers share the texts and see the first so
// many. It is whole in memory, and stored in chunks.
type Dict struct {
	mark   // the length's; it has no stored form of its own
	s      *State
	id     uint32
	texts  []string // never written below a published length
	codes  map[string]uint32
	was    int // length before the open turn
	past   []dictStep
	chunks []*chunk
	used   int // chunks that have texts
}

type dictStep struct {
	turn uint64
	was  int
}

// Dict gives the dictionary of that number, read whole when it is first asked for.
func (s *State) Dict(id uint32) (*Dict, error) {
	s.hmu.Lock()
	defer s.hmu.Unlock()
	if d := s.dicts[id]; d != nil {
		return d, nil
	}
	d := &Dict{s: s, id: id, codes: map[string]uint32{}}
	d.small = true
	for {
		c := d.newChunk()
		data, err := s.load(c.key)
		if err != nil {
			return nil, err
		}
		if data == nil {
			break
		}
		if err := d.parse(c, data); err != nil {
			return nil, err
		}
		d.chunks = append(d.chunks, c)
		d.used++
		s.weigh(c)
	}
	s.weigh(d)
	s.dicts[id] = d
	return d, nil
}

// Find gives the line the code of a text.
func (d *Dict) Find(text string) (uint32, bool) {
	code, ok := d.codes[text]
	return code, ok
}

// Text gives the line the text of a code that the dictionary gave.
func (d *Dict) Text(code uint32) string { return d.texts[code] }

// Len counts the texts, for the line.
func (d *Dict) Len() int { return len(d.texts) }

// Code gives the code of a text, a new one if it is new; not ok if it is
// longer than MaxText.
func (d *Dict) Code(text string) (code uint32, ok bool) {
	if code, ok := d.codes[text]; ok {
		return code, true
	}
	if len(text) > MaxText {
		return 0, false
	}
	if d.turn != d.s.turn {
		d.was = len(d.texts)
		d.s.touch(d, &d.mark)
	}
	c := d.last(len(text))
	if c.turn != d.s.turn {
		d.s.touch(c, &c.mark)
	}
	code = uint32(len(d.texts))
	text = string([]byte(text)) // do not keep what it may be a part of
	d.texts = append(d.texts, text)
	d.codes[text] = code
	c.end++
	c.size += len(text)
	return code, true
}

// last gives the chunk that takes the next text.
func (d *Dict) last(size int) *chunk {
	if d.used > 0 {
		c := d.chunks[d.used-1]
		if c.end-c.start < dictChunkTexts && c.size+size <= dictChunkBytes {
			return c
		}
	}
	if d.used == len(d.chunks) { // else one that a rollback emptied
		d.chunks = append(d.chunks, d.newChunk())
	}
	c := d.chunks[d.used]
	c.start, c.end, c.size = len(d.texts), len(d.texts), 0
	d.used++
	return c
}

// FindAt gives the code that a text has at a version.
func (d *Dict) FindAt(p *Pin, text string) (uint32, bool) {
	ver := d.s.see(p)
	defer d.s.unsee(p)
	code, ok := d.codes[text]
	return code, ok && int(code) < d.lenAt(ver)
}

// Texts gives the texts of a version, by code. The slice is shared and never changes.
func (d *Dict) Texts(p *Pin) []string {
	ver := d.s.see(p)
	defer d.s.unsee(p)
	n := d.lenAt(ver)
	return d.texts[:n:n]
}

func (d *Dict) lenAt(ver uint64) int {
	for _, p := range d.past {
		if p.turn > ver {
			return p.was
		}
	}
	if d.turn > ver {
		return d.was
	}
	return len(d.texts)
}

func (d *Dict) revert() {
	for code := len(d.texts) - 1; code >= d.was; code-- {
		delete(d.codes, d.texts[code])
	}
	for d.used > 0 {
		c := d.chunks[d.used-1]
		for c.end > max(c.start, d.was) {
			c.end--
			c.size -= len(d.texts[c.end])
		}
		if c.end > c.start {
			break
		}
		d.used--
	}
	d.texts = d.texts[:d.was]
}

func (d *Dict) settle(turn uint64, keep bool, _ []uint64) {
	if keep {
		d.past = append(d.past, dictStep{turn, d.was})
	}
}

func (d *Dict) trim(floor uint64) bool {
	n := 0
	for n < len(d.past) && d.past[n].turn <= floor {
		n++
	}
	d.past = slices.Delete(d.past, 0, n)
	return len(d.past) == 0
}

func (d *Dict) images(uint64) []Unit { return nil }

func (d *Dict) bytes() int { return 64 * len(d.texts) }

func (d *Dict) seat(bool) bool { return true }

// chunk is a run of texts that is stored as one.
type chunk struct {
	mark
	d          *Dict
	start, end int // codes
	size       int // bytes of the texts
}

func (d *Dict) newChunk() *chunk {
	c := &chunk{d: d, start: len(d.texts), end: len(d.texts)}
	c.key = UnitKey{familyDict, d.id, uint64(len(d.chunks))}
	return c
}

func (c *chunk) revert() {}

func (c *chunk) settle(uint64, bool, []uint64) {}

func (c *chunk) trim(uint64) bool { return true }

func (c *chunk) bytes() int { return c.size }

func (c *chunk) seat(bool) bool { return true }

// images gives: version 1, number of texts, then each with its length.
func (c *chunk) images(ver uint64) []Unit {
	end := min(c.end, c.d.lenAt(ver))
	if end <= c.start {
		return []Unit{{Key: c.key}}
	}
	out := binary.AppendUvarint([]byte{1}, uint64(end-c.start))
	for _, text := range c.d.texts[c.start:end] {
		out = binary.AppendUvarint(out, uint64(len(text)))
		out = append(out, text...)
	}
	return []Unit{{c.key, out}}
}

func (d *Dict) parse(c *chunk, data []byte) error {
	if len(data) < 2 || data[0] != 1 {
		return unitCorrupt(c.key, "not the form of a chunk")
	}
	n, w := binary.Uvarint(data[1:])
	if w <= 0 || n == 0 || n > dictChunkTexts {
		return unitCorrupt(c.key, "not the form of a chunk")
	}
	rest := data[1+w:]
	for range n {
		size, w := binary.Uvarint(rest)
		if w <= 0 || size > uint64(len(rest)-w) {
			return unitCorrupt(c.key, "texts end early")
		}
		text := string(rest[w : w+int(size)])
		rest = rest[w+int(size):]
		if _, twice := d.codes[text]; twice {
			return unitCorrupt(c.key, "a text stands twice")
		}
		d.codes[text] = uint32(len(d.texts))
		d.texts = append(d.texts, text)
		c.end++
		c.size += len(text)
	}
	if len(rest) > 0 {
		return unitCorrupt(c.key, "bytes after the texts")
	}
	return nil
}
