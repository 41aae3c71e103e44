package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

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
	whole  bool // which cannot be told from its name and its shape
}

// tell folds the traits of an event into its fragment's document, and shows
// what follows for the profile in the columns.
func (f *folder) tell(t *turn, ev *storage.Event, who kith.ProfileID, list []news) error {
	changed, err := f.hear(t, ev, list)
	if err != nil || len(changed) == 0 {
		return err
	}
	for _, n := range changed {
		t.l.words.trait(ev.Fragment, n.raw)
	}
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

// hear puts the traits of an event into its fragment's document, and gives those
// that changed it.
func (f *folder) hear(t *turn, ev *storage.Event, list []news) ([]news, error) {
	if len(list) == 0 {
		return nil, nil
	}
	doc, err := t.document(ev.Fragment)
	if err != nil {
		return nil, err
	}
	changed := list[:0]
	for _, n := range list {
		class := kith.Other
		if n.sealed {
			class = kith.Identifying
		} else if c := f.classOf(n.path); c.decided {
			class = c.class
		}
		w := storage.Write{Raw: bytes.Clone(n.raw), Time: ev.Time, Received: ev.Received, Message: strings.Clone(ev.Message), Source: ev.Source, Sealed: n.sealed, Whole: n.whole}
		if doc.Tell(n.path, class, w) || t.replay { // the stored document may be ahead of the columns
			changed = append(changed, n)
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	if _, ok := t.docs[ev.Fragment]; !ok {
		t.docBytes += doc.Size()
	}
	for _, n := range changed {
		if t.l.live != nil {
			t.l.live.told(ev.Fragment, n.path, ev.Seq)
		}
		t.docBytes += int64(len(n.raw))
	}
	t.docs[ev.Fragment] = doc
	return changed, nil
}

// classOf gives what the name of a trait says. It is asked once for each name: most events tell the same.
func (f *folder) classOf(path uint32) pathClass {
	c, ok := f.class[path]
	if !ok {
		c.class, c.decided = f.e.classes.PathClass(f.e.paths.Path(path))
		f.class[path] = c
	}
	return c
}

// mostTold bounds the trait document of one fragment, by storage.Document.Size.
// A document is one record, written with its turn in one transaction: it must
// fit beside all else below Badger's limit, which is 2.4 MB where the memory is small.
const mostTold = 512 << 10

// crowded tells whether what the item says would make the trait document of its
// strongest identifier too large, and where in the item that stands. What makes
// a large document no larger is still taken.
func (t *turn) crowded(it *item, list []news) (path string, full bool, err error) {
	if len(list) == 0 {
		return "", false, nil
	}
	f, ok, err := t.known(&it.claims[0])
	if err != nil || !ok {
		return "", false, err
	}
	doc, err := t.peek(f)
	if err != nil {
		return "", false, err
	}
	before, most := doc.Size(), int64(0)
	for _, n := range list {
		most += storage.WriteSize(len(n.raw), len(it.message))
	}
	if before+most <= mostTold {
		return "", false, nil
	}
	after := document{Traits: slices.Clone(doc.Traits)}
	for _, n := range list {
		after.Tell(n.path, kith.Other, storage.Write{Raw: n.raw, Time: it.times[0], Received: it.times[1], Message: it.message})
	}
	path = "$.context.traits"
	if it.kind == kith.Identify {
		path = "$.traits"
	}
	return path, after.Size() > max(mostTold, before), nil
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
	f.e.state.Do(func() { err = f.e.traits.set(uint32(who), path, best.Raw, best.Sealed, best.Whole) })
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

// of gives the traits that an event told: those of an identify call, and those
// in the context of any call.
func (ts *traits) of(kind kith.Kind, open, secret []byte) ([]news, error) {
	var out []news
	var nested []leaf
	each := func(cells []byte, sealed bool) error {
		return clean.EachCell(cells, func(path uint32, text []byte) bool {
			top, deep := ts.lookup(path, kind)
			switch {
			case top < 0:
			case deep:
				nested = append(nested, leaf{uint32(top), path, text, sealed})
			default:
				out = append(out, news{path: uint32(top), raw: text, sealed: sealed})
			}
			return true
		})
	}
	if err := each(open, false); err != nil {
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

// telling gives a row without those of its identifying leaves that are
// identifiers and say nothing about a trait: to open those costs most.
func (ts *traits) telling(r *history.Row) *history.Row {
	if len(r.Said) == 0 {
		return r
	}
	var left []byte
	for said := r.Said; len(said) > 0; {
		path, n := binary.Uvarint(said)
		if n <= 0 || n >= len(said) || path > 1<<32-1 {
			return r // whoever opens it says what is wrong
		}
		if top, _ := ts.lookup(uint32(path), kith.Kind(r.Kind)); top >= 0 {
			left = append(left, said[:n+1]...)
		}
		said = said[n+1:]
	}
	own := *r
	own.Said = left
	return &own
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
				t.whole = t.whole || m.sealed && !ts.e.identifying(path, m.text)
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
