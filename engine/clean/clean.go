// Package clean turns one line of the Segment specification into an event that can be trusted, or into a verdict with its reason.
package clean

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/kithdb/kith"
)

// Normaliser says which identifier space a name means and brings a value into
// the form in which it is compared. It is satisfied by *identity.Matcher.
type Normaliser interface {
	Space(name string) int
	// Normalise gives ok false for a blocked or unusable value.
	Normalise(space int, value, dst []byte) (norm []byte, ok bool)
}

// Classifier says how much a leaf tells about who a person is. It is satisfied
// by *identity.Classes.
type Classifier interface {
	// PathClass judges by the name of the leaf; decided false means that the shape of the value decides.
	PathClass(path string) (class kith.Class, decided bool)
	// Shape is true when a JSON string, given with its quotes, looks like an e-mail, phone, card or IBAN.
	Shape(value []byte) bool
}

// Config is what cleaners of one engine have in common. Paths, IDs and Classes must be set.
type Config struct {
	Paths   *Paths         // the path dictionary, shared by all cleaners
	IDs     Normaliser     // the identity rules in force
	Classes Classifier     // the classes of personal values in force
	Secret  [32]byte       // keys the fingerprints; must never change in one directory
	Limit   int            // bytes of one item, with what its batch adds; 0: 32 KiB
	Zone    *time.Location // of times without a zone; nil: they are refused
	KeepIP  bool           // keep context.ip whole and sealed; false: cut to /24 or /48, in the clear
}

// Cleaner cleans lines. It belongs to one goroutine; many can share a Config.
// On the warm path (paths seen before, accepted items) it does not allocate.
//
//	c.Line(line, now)
//	for it := c.Next(); it != nil; it = c.Next() {
//		…
//	}
type Cleaner struct {
	cfg   Config
	limit int
	seed  uint64 // of payload prints and keys
	seed2 uint64 // of the second payload print
	seedI uint64 // of message ids
	seedK uint64 // of mixed words

	// The line.
	line  []byte
	now   int64
	ahead mode
	base  int    // place of the item in the line
	list  []span // items of a batch that are still to come
	wrap  wrapper
	mixed []byte // an item with its batch's context
	made  []byte // the line of an Event

	trie trie
	found
	it Item
}

// mode is what Next has to do.
type mode uint8

const (
	modeDone mode = iota
	modeOne
	modeList
)

// New gives a cleaner.
func New(cfg Config) *Cleaner {
	c := &Cleaner{cfg: cfg, limit: cfg.Limit}
	if c.limit <= 0 {
		c.limit = 32 << 10
	}
	word := func(k int) uint64 { return binary.LittleEndian.Uint64(cfg.Secret[8*k:]) }
	c.seed, c.seed2, c.seedI, c.seedK = word(0), word(1), word(2), word(3)|1
	c.spaces = map[string]int{}
	for k, name := range stdNames {
		c.std[k] = c.spaceOf([]byte(name))
	}
	c.reset()
	return c
}

// Line takes a line: one call, an object with a batch, or an array of calls.
// It was received at now (µs since 1970), which stands in for an absent
// receivedAt. A blank line and an empty batch have no items. The line must not
// change until Next has given nil.
func (c *Cleaner) Line(line []byte, now int64) {
	if len(line) >= 3 && line[0] == 0xEF && line[1] == 0xBB && line[2] == 0xBF {
		line = line[3:]
		c.skipped = 3
	} else {
		c.skipped = 0
	}
	c.line, c.now, c.ahead = line, now, modeOne
	c.list, c.wrap = c.list[:0], wrapper{sent: NoTime, received: NoTime}
	if i := blanks(line, 0); i == len(line) {
		c.ahead = modeDone
	}
}

// Next gives the next item of the line, accepted or refused, in order; nil: no
// more. The item is valid until the next call of Next or Line.
func (c *Cleaner) Next() *Item {
	switch c.ahead {
	case modeOne:
		return c.one()
	case modeList:
		return c.element()
	}
	return nil
}

// one cleans a line that is one call, or finds out that it holds many.
func (c *Cleaner) one() *Item {
	c.ahead = modeDone
	b := trim(c.line, &c.base)
	if len(b) > math.MaxInt32 {
		c.start(b)
		c.fail(TooLarge, 0)
		return c.refused()
	}
	if b[0] == '[' || len(b) > c.limit && c.hasBatch(b) {
		return c.many(b)
	}
	it := c.clean(b, b)
	if c.batch {
		return c.many(b)
	}
	return it
}

// many cleans a batch or an array of calls. A line whose lists cannot be told
// apart into items is one refused item; a bad item is refused alone.
func (c *Cleaner) many(b []byte) *Item {
	c.start(b)
	if !c.open(b) {
		return c.refused()
	}
	c.ahead = modeList
	return c.element()
}

// element cleans the next item of a batch.
func (c *Cleaner) element() *Item {
	if len(c.list) == c.wrap.next {
		c.ahead = modeDone
		return nil
	}
	s := c.list[c.wrap.next]
	c.wrap.next++
	b := trim(c.line, &c.base)
	c.base += int(s.from)
	raw := b[s.from:s.to]
	if !c.wrap.shared() || len(raw) > c.limit {
		return c.clean(raw, raw)
	}
	text, ok := c.merge(raw)
	if !ok {
		return c.refused()
	}
	return c.clean(text, raw)
}

// clean cleans one item: text is read, raw is what came in.
func (c *Cleaner) clean(text, raw []byte) *Item {
	c.start(raw)
	switch {
	case max(len(text), len(raw)) > c.limit:
		c.fail(TooLarge, 0)
	case !c.read(text):
	case c.batch:
	default:
		c.finish(text)
	}
	if c.code != "" {
		return c.refused()
	}
	return &c.it
}

// read scans the whole item; false: it is refused.
func (c *Cleaner) read(b []byte) bool {
	own := normal
	if b[0] != '{' {
		own = silent
	}
	end, sum := c.value(b, 0, root, 0, own)
	if c.batch {
		return true
	}
	if end < 0 {
		return false
	}
	if end = c.space(b, end); end != len(b) {
		c.fail(BadJSON, end)
		return false
	}
	if own == silent {
		c.fail(NotAnObject, 0)
		return false
	}
	c.sum = sum
	return true
}

// trim cuts white space off both ends and says where the rest begins.
func trim(b []byte, base *int) []byte {
	from, to := blanks(b, 0), len(b)
	for to > from && blank(b[to-1]) {
		to--
	}
	*base = from
	return b[from:to]
}
