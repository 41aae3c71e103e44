package engine

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// The types of a trait column. The letters are stored and never change.
const (
	typeText   = 's'
	typeNumber = 'n'
	typeFact   = 'b'
	typeSealed = 'd' // no column: SQL reads it from the documents
	typeTime   = 'i' // of computed traits alone
)

// mostTraits bounds the trait columns, mostCodes the values of a column that have bitmaps.
const (
	mostTraits = 1024
	mostCodes  = 4096
)

// column is the column of one trait leaf, or of a computed trait.
type column struct {
	id     uint32
	path   string // without "traits."
	top    uint32 // path number of the trait it belongs to
	kind   byte
	col    *storage.Column
	dict   *storage.Dict   // of texts
	values *storage.Values // of texts and facts
	class  kith.Class      // of a computed trait; 0: its name says it
}

// traits are the columns of trait leaves. The list grows with the log, in the
// line only, and stands in the store as a dictionary of "type path".
type traits struct {
	e      *Engine
	mu     sync.RWMutex
	known  []string             // what the store had when it was opened
	list   []*column            // guarded by mu
	by     map[string]*column   // guarded by mu
	tops   map[uint32][]*column // by trait; the line's
	info   []int32              // by path number: the trait's path number + 1, or -1: none; the line's
	stored int
}

func (ts *traits) all() []*column {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	return ts.list[:len(ts.list):len(ts.list)]
}

// open makes the columns that the store's dictionary names.
func (ts *traits) open(known []string) error {
	ts.by, ts.tops = map[string]*column{}, map[uint32][]*column{}
	for _, k := range known {
		if _, err := ts.add(k[0], k[1:]); err != nil {
			return err
		}
	}
	ts.stored = len(known)
	return nil
}

// add makes one more column.
func (ts *traits) add(kind byte, path string) (*column, error) {
	c := &column{id: uint32(storage.FirstTrait + len(ts.list)), path: path, kind: kind, top: ts.top(path)}
	if kind == typeSealed {
		return ts.keep(c), nil
	}
	if err := c.open(ts.e.state); err != nil {
		return nil, err
	}
	return ts.keep(c), nil
}

// open finds the column in the state.
func (c *column) open(s *storage.State) (err error) {
	spec := map[byte]storage.ColumnSpec{typeText: {Width: 4}, typeNumber: {Width: 16, Number: true}, typeFact: {Width: 1}, typeTime: {Width: 8}}[c.kind]
	if c.col, err = s.Column(c.id, spec); err != nil {
		return err
	}
	if c.kind == typeText {
		if c.dict, err = s.Dict(c.id); err != nil {
			return err
		}
	}
	if c.kind == typeText || c.kind == typeFact {
		c.values, err = s.Values(c.id)
	}
	return err
}

// keep puts a column into the lists.
func (ts *traits) keep(c *column) *column {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.list = append(ts.list, c)
	ts.by[c.path] = c
	ts.tops[c.top] = append(ts.tops[c.top], c)
	return c
}

// top gives the path number of the trait that a leaf belongs to.
func (ts *traits) top(path string) uint32 {
	name, _, _ := cutPath(path)
	return ts.e.paths.ID("traits." + name)
}

// cutPath cuts the first element off a path, at a dot that is not escaped.
func cutPath(path string) (first, rest string, ok bool) {
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case '.':
			return path[:i], path[i+1:], true
		}
	}
	return path, "", false
}

// set shows the value of a trait in the columns of its leaves: of one that is
// sealed as a whole, in none. Call it inside State.Do.
func (ts *traits) set(row, top uint32, raw []byte, sealed, whole bool) error {
	name := strings.TrimPrefix(ts.e.paths.Path(top), "traits.")
	if raw[0] != '{' {
		if err := ts.setLeaf(row, name, raw, sealed); err != nil {
			return err
		}
		for _, c := range ts.tops[top] {
			if c.path != name {
				if err := c.clear(row); err != nil {
					return err
				}
			}
		}
		return nil
	}
	present := map[string]bool{}
	var failed error
	flatten(name, raw, 4, func(path string, text []byte) {
		present[path] = true
		if failed == nil {
			failed = ts.setLeaf(row, path, text, whole)
		}
	})
	for _, c := range ts.tops[top] {
		if !present[c.path] && failed == nil {
			failed = c.clear(row)
		}
	}
	return failed
}

// flatten calls f for the scalar leaves of a JSON object, down to a depth.
func flatten(path string, raw []byte, depth int, f func(path string, text []byte)) {
	var members map[string]json.RawMessage
	if depth == 0 || json.Unmarshal(raw, &members) != nil {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(members)) {
		v := members[k]
		at := path + "." + strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(k)
		if v[0] == '{' {
			flatten(at, v, depth-1, f)
		} else {
			f(at, v)
		}
	}
}

// setLeaf shows one leaf. A value of another type than its column is missing there.
func (ts *traits) setLeaf(row uint32, path string, text []byte, sealed bool) error {
	kind := kindOf(text)
	sealed = sealed || ts.e.identifying(path, text)
	c := ts.by[path]
	if c == nil {
		if string(text) == "null" || len(ts.list) >= mostTraits {
			return nil
		}
		if kind == 0 || sealed {
			kind = typeSealed
		}
		var err error
		if c, err = ts.add(kind, path); err != nil {
			return err
		}
	}
	if c.kind == typeSealed {
		return nil
	}
	if kind != c.kind || sealed {
		return c.clear(row)
	}
	return c.put(row, text)
}

func (e *Engine) identifying(path string, text []byte) bool {
	return e.classes.Of("traits."+path, text) == kith.Identifying
}

func kindOf(text []byte) byte {
	switch {
	case text[0] == '"':
		return typeText
	case text[0] == 't' || text[0] == 'f':
		return typeFact
	case text[0] == '-' || '0' <= text[0] && text[0] <= '9':
		return typeNumber
	}
	return 0
}

// put sets a value of the column's own type.
func (c *column) put(row uint32, text []byte) error {
	switch c.kind {
	case typeNumber:
		lo, hi, ok := history.ParseDecimal(text)
		if !ok {
			return c.clear(row)
		}
		c.col.Set(row, storage.Cell{Lo: lo, Hi: hi})
	case typeFact:
		c.code(row, uint32(len(text))&1^1) // true has four letters, false five
	default:
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return &kith.Error{Op: "engine.fold", Kind: kith.ErrCorrupt, Err: err}
		}
		code, ok := c.dict.Code(s)
		if !ok {
			return c.clear(row)
		}
		c.code(row, code)
	}
	return nil
}

// code sets a value that has a code, and moves the row between the values' bitmaps.
func (c *column) code(row, code uint32) {
	old, had := c.col.Get(row)
	if had && old.Lo == uint64(code) {
		return
	}
	if had && old.Lo < mostCodes {
		c.values.Remove(uint32(old.Lo), row)
	}
	if code < mostCodes {
		c.values.Add(code, row)
	}
	if c.kind == typeFact {
		c.col.SetU8(row, uint8(code))
	} else {
		c.col.SetU32(row, code)
	}
}

func (c *column) clear(row uint32) error {
	if c.kind != typeSealed {
		c.empty(row)
	}
	return nil
}

// empty takes the value of a row out.
func (c *column) empty(row uint32) {
	old, had := c.col.Get(row)
	if !had {
		return
	}
	if c.values != nil && old.Lo < mostCodes {
		c.values.Remove(uint32(old.Lo), row)
	}
	c.col.Clear(row)
}
