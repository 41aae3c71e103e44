package engine

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// document is a trait document that the turn has changed.
type document = storage.Document

// news is one trait that an event told.
type news struct {
	path   uint32 // of "traits.NAME"
	raw    []byte
	sealed bool // an identifying leaf is in it
}

// tell folds the traits of an event into its fragment's document, and shows
// what follows for the profile in the columns.
func (f *folder) tell(t *turn, ev *storage.Event, who kith.ProfileID, secret []byte) error {
	list, err := f.e.traits.of(ev, secret)
	if err != nil || len(list) == 0 {
		return err
	}
	doc, err := t.document(ev.Fragment)
	if err != nil {
		return err
	}
	changed := list[:0]
	for _, n := range list {
		class := kith.Other
		if n.sealed {
			class = kith.Identifying
		} else if c, ok := f.e.classes.PathClass(f.e.paths.Path(n.path)); ok {
			class = c
		}
		w := storage.Write{Raw: bytes.Clone(n.raw), Time: ev.Time, Received: ev.Received, Message: strings.Clone(ev.Message), Source: ev.Source}
		if doc.Tell(n.path, class, w) || t.replay { // the stored document may be ahead of the columns
			changed = append(changed, n)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	t.docs[ev.Fragment] = doc
	f.e.state.Do(func() { f.e.people.Told(ev.Fragment) })
	docs, err := t.documents(who)
	if err != nil {
		return err
	}
	for _, n := range changed {
		if err := f.show(who, n.path, docs); err != nil {
			return err
		}
	}
	return nil
}

// showAll shows all traits of a profile in the columns.
func (t *turn) showAll(who kith.ProfileID) error {
	docs, err := t.documents(who)
	if err != nil {
		return err
	}
	done := map[uint32]bool{}
	for _, d := range docs {
		for i := range d.Traits {
			if p := d.Traits[i].Path; !done[p] {
				done[p] = true
				if err := t.l.fold.show(who, p, docs); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// show puts the winning value of one trait into the columns of its leaves.
func (f *folder) show(who kith.ProfileID, path uint32, docs []*storage.Document) error {
	var best *storage.Write
	for _, d := range docs {
		if ts := d.Get(path); ts != nil && (best == nil || ts.Last.Compare(best) > 0) {
			best = &ts.Last
		}
	}
	if best == nil {
		return nil
	}
	var err error
	f.e.state.Do(func() { err = f.e.traits.set(uint32(who), path, best.Raw) })
	return err
}

// clearTraits takes a profile out of all trait columns.
func (f *folder) clearTraits(who kith.ProfileID) error {
	var err error
	f.e.state.Do(func() {
		for _, c := range f.e.traits.all() {
			if err = c.clear(uint32(who)); err != nil {
				return
			}
		}
	})
	return err
}

// The types of a trait column. The letters are stored and never change.
const (
	typeText   = 's'
	typeNumber = 'n'
	typeFact   = 'b'
	typeSealed = 'd' // no column: SQL reads it from the documents
)

// mostTraits bounds the trait columns, mostCodes the values of a column that have bitmaps.
const (
	mostTraits = 1024
	mostCodes  = 4096
)

// column is the column of one trait leaf.
type column struct {
	id     uint32
	path   string // without "traits."
	top    uint32 // path number of the trait it belongs to
	kind   byte
	col    *storage.Column
	dict   *storage.Dict   // of texts
	values *storage.Values // of texts and facts
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
	s := ts.e.state
	c := &column{id: uint32(storage.FirstTrait + len(ts.list)), path: path, kind: kind, top: ts.top(path)}
	if kind == typeSealed {
		return ts.keep(c), nil
	}
	spec := map[byte]storage.ColumnSpec{typeText: {Width: 4}, typeNumber: {Width: 16, Number: true}, typeFact: {Width: 1}}[kind]
	var err error
	if c.col, err = s.Column(c.id, spec); err != nil {
		return nil, err
	}
	if kind == typeText {
		if c.dict, err = s.Dict(c.id); err != nil {
			return nil, err
		}
	}
	if kind != typeNumber {
		if c.values, err = s.Values(c.id); err != nil {
			return nil, err
		}
	}
	return ts.keep(c), nil
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

// of gives the traits that an event told: those of an identify call, and those
// in the context of any call.
func (ts *traits) of(ev *storage.Event, secret []byte) ([]news, error) {
	var out []news
	var nested []leaf
	each := func(cells []byte, sealed bool) error {
		return clean.EachCell(cells, func(path uint32, text []byte) bool {
			top, deep := ts.lookup(path, ev.Kind)
			switch {
			case top < 0:
			case deep:
				nested = append(nested, leaf{uint32(top), path, text, sealed})
			default:
				out = append(out, news{uint32(top), text, sealed})
			}
			return true
		})
	}
	if err := each(ev.Cells, false); err != nil {
		return nil, err
	}
	if err := each(secret, true); err != nil {
		return nil, err
	}
	return append(out, ts.nest(nested)...), nil
}

// leaf is a leaf of a trait that is an object.
type leaf struct {
	top, path uint32
	text      []byte
	sealed    bool
}

// lookup tells which trait a path belongs to, or -1, and whether it lies deeper.
func (ts *traits) lookup(path uint32, kind kith.Kind) (top int32, deep bool) {
	for int(path) >= len(ts.info) {
		ts.info = append(ts.info, ts.learn(uint32(len(ts.info))))
	}
	v := ts.info[path]
	if v < 0 || v&1 != 0 && kind != kith.Identify {
		return -1, false
	}
	return v >> 2, v&2 != 0
}

// learn reads a path: -1 for what is no trait, else the trait's number, whether
// the path lies deeper, and whether it counts in identify calls only.
func (ts *traits) learn(path uint32) int32 {
	text, own := strings.CutPrefix(ts.e.paths.Path(path), "traits.")
	if !own {
		var ok bool
		if text, ok = strings.CutPrefix(text, "context.traits."); !ok {
			return -1
		}
	}
	name, _, deep := cutPath(text)
	v := int32(ts.e.paths.ID("traits."+name)) << 2
	if deep {
		v |= 2
	}
	if own {
		v |= 1
	}
	return v
}

// nest puts the leaves of traits that are objects together again, one trait each.
func (ts *traits) nest(leaves []leaf) []news {
	var out []news
	seen := map[uint32]bool{}
	for _, l := range leaves {
		if seen[l.top] {
			continue
		}
		seen[l.top] = true
		n := &node{}
		t := news{path: l.top}
		for _, m := range leaves {
			if m.top == l.top {
				path := strings.TrimPrefix(strings.TrimPrefix(ts.e.paths.Path(m.path), "context."), "traits.")
				n.put(clean.Keys(path)[1:], m.text)
				t.sealed = t.sealed || m.sealed
			}
		}
		t.raw = n.append(nil)
		out = append(out, t)
	}
	return out
}

// node is a JSON object in the making; a leaf has text.
type node struct {
	text []byte
	keys []string
	kids []*node
}

func (n *node) put(keys []string, text []byte) {
	if len(keys) == 0 {
		n.text = text
		return
	}
	for i, k := range n.keys {
		if k == keys[0] {
			n.kids[i].put(keys[1:], text)
			return
		}
	}
	kid := &node{}
	n.keys, n.kids = append(n.keys, keys[0]), append(n.kids, kid)
	kid.put(keys[1:], text)
}

func (n *node) append(p []byte) []byte {
	if n.text != nil {
		return append(p, n.text...)
	}
	order := make([]int, len(n.keys)) // by key: the text depends on the leaves alone, not on their order
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(n.keys[a], n.keys[b]) })
	p = append(p, '{')
	for at, i := range order {
		k := n.keys[i]
		if at > 0 {
			p = append(p, ',')
		}
		name, err := json.Marshal(k)
		if err != nil {
			panic("unreachable: a string is always JSON")
		}
		p = append(append(p, name...), ':')
		p = n.kids[i].append(p)
	}
	return append(p, '}')
}

// set shows the value of a trait in the columns of its leaves. Call it inside State.Do.
func (ts *traits) set(row, top uint32, raw []byte) error {
	name := strings.TrimPrefix(ts.e.paths.Path(top), "traits.")
	if raw[0] != '{' {
		if err := ts.setLeaf(row, name, raw); err != nil {
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
			failed = ts.setLeaf(row, path, text)
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
func (ts *traits) setLeaf(row uint32, path string, text []byte) error {
	kind := kindOf(text)
	c := ts.by[path]
	if c == nil {
		if string(text) == "null" || len(ts.list) >= mostTraits {
			return nil
		}
		if kind == 0 || ts.e.identifying(path, text) {
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
	if kind != c.kind || ts.e.identifying(path, text) {
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
	if c.kind == typeSealed {
		return nil
	}
	old, had := c.col.Get(row)
	if !had {
		return nil
	}
	if c.values != nil && old.Lo < mostCodes {
		c.values.Remove(uint32(old.Lo), row)
	}
	c.col.Clear(row)
	return nil
}
