package clean

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith"
)

// More is the path of what has no path of its own: one JSON object
// {path: value, …}. It takes the leaves for which the dictionary has no room,
// whose path is longer than 512 bytes, or whose key itself looks like a person's value.
const (
	More     = 0
	MorePath = "…more"
)

// MaxPaths is how many paths a dictionary holds.
const MaxPaths = 65536

// Paths is the append-only dictionary of leaf paths: dotted keys, in which '.'
// and '\' are escaped with '\'. Path 0 is MorePath. It is safe for concurrent use.
type Paths struct {
	mu   sync.RWMutex
	ids  map[string]uint32        // guarded by mu
	list atomic.Pointer[[]string] // replaced under mu; what is in it never changes

	sealed [MaxPaths / 64]atomic.Uint64 // bit set: some event has a leaf sealed
}

// NewPaths gives a dictionary with these paths, in the order of their ids; none: a new one.
func NewPaths(known []string) (*Paths, error) {
	if len(known) == 0 {
		known = []string{MorePath}
	}
	if known[0] != MorePath || len(known) > MaxPaths {
		return nil, &kith.Error{Op: "clean.NewPaths", Kind: kith.ErrCorrupt, Err: errors.New("not a path dictionary")}
	}
	p := &Paths{ids: make(map[string]uint32, len(known))}
	for i, s := range known {
		if _, twice := p.ids[s]; twice {
			return nil, &kith.Error{Op: "clean.NewPaths", On: "path " + strconv.Itoa(i), Kind: kith.ErrCorrupt, Err: errors.New("stands twice")}
		}
		p.ids[s] = uint32(i)
	}
	list := append([]string(nil), known...)
	p.list.Store(&list)
	return p, nil
}

// ID gives the id of a path, adding it; More when there is no room.
func (p *Paths) ID(path string) uint32 {
	if id, ok := p.Find(path); ok {
		return id
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if id, ok := p.ids[path]; ok {
		return id
	}
	list := *p.list.Load()
	if len(list) >= MaxPaths {
		return More
	}
	id := uint32(len(list))
	path = strings.Clone(path)
	list = append(list, path)
	p.ids[path] = id
	p.list.Store(&list)
	return id
}

// Find gives the id of a path that is known.
func (p *Paths) Find(path string) (uint32, bool) {
	p.mu.RLock()
	id, ok := p.ids[path]
	p.mu.RUnlock()
	return id, ok
}

// Path gives the path of an id below Len, and "" for any other.
func (p *Paths) Path(id uint32) string {
	if list := *p.list.Load(); int(id) < len(list) {
		return list[id]
	}
	return ""
}

// Seal notes that an event has a leaf with the id, which is below Len, sealed, and
// tells whether that is new.
func (p *Paths) Seal(id uint32) (fresh bool) {
	bit := uint64(1) << (id & 63)
	word := &p.sealed[id>>6]
	return word.Load()&bit == 0 && word.Or(bit)&bit == 0
}

// Sealed tells whether some event may have a leaf with the id sealed.
func (p *Paths) Sealed(id uint32) bool { return p.sealed[id>>6].Load()>>(id&63)&1 == 1 }

// SealAll is Seal of every id, also of those that come.
func (p *Paths) SealAll() {
	for i := range p.sealed {
		p.sealed[i].Store(1<<64 - 1)
	}
}

// SealNone takes all of that back.
func (p *Paths) SealNone() {
	for i := range p.sealed {
		p.sealed[i].Store(0)
	}
}

// Len is one more than the highest id.
func (p *Paths) Len() int { return len(*p.list.Load()) }

// appendKey appends a key to a path. A first key that reads as MorePath is escaped.
func appendKey(dst []byte, key string, first bool) []byte {
	if !first {
		dst = append(dst, '.')
	} else if key == MorePath {
		dst = append(dst, '\\')
	}
	for i := range len(key) {
		if key[i] == '.' || key[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, key[i])
	}
	return dst
}

// Keys takes a path apart into its keys.
func Keys(path string) []string {
	var keys []string
	var key []byte
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '.':
			keys, key = append(keys, string(key)), key[:0]
		case path[i] == '\\' && i+1 < len(path):
			i++
			fallthrough
		default:
			key = append(key, path[i])
		}
	}
	return append(keys, string(key))
}
