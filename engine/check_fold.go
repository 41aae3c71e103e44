package engine

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// plain is what the events say about the profiles from lo to hi, folded in the
// slow and obvious way. It shares nothing with the folder that keeps the
// columns: it is its judge.
type plain struct {
	lo, hi uint32
	people map[uint32]*tallied
	own    map[uint32]*tallied        // of fragments
	places map[uint32][]storage.Place // by fragment
	days   map[dayKey]uint32
	docs   map[uint32]map[uint32]*heard // by fragment and trait
}

// tallied is what a profile's events come to.
type tallied struct {
	n           uint32
	first, last int64
	head        uint32
}

// dayKey is one name on one day of one profile.
type dayKey struct {
	name uint32
	day  int32
	row  uint32
}

// heard is what a fragment said about one trait.
type heard struct {
	class  kith.Class
	writes []storage.Write // compacted to the two that count, now and then
}

// fold reads the whole history for the profiles from lo to hi.
func (c *checker) fold(lo, hi uint32) (*plain, error) {
	p := &plain{
		lo: lo, hi: hi, people: map[uint32]*tallied{}, own: map[uint32]*tallied{}, places: map[uint32][]storage.Place{},
		days: map[dayKey]uint32{}, docs: map[uint32]map[uint32]*heard{},
	}
	ordinal := uint64(0)
	for r, err := range c.e.hist.Scan(c.ctx, 1, uint64(c.v.seq)) {
		if err != nil {
			return nil, err
		}
		ordinal++
		if int(r.Fragment) >= len(c.owner) {
			continue // told already
		}
		who := c.owner[r.Fragment]
		if who < lo || who >= hi {
			continue
		}
		day := r.Time / 86_400_000_000
		if r.Time%86_400_000_000 < 0 {
			day--
		}
		if f := kith.Flags(r.Flags); f.Anomalous() { // it has a place, and nothing else follows from it
			p.places[r.Fragment] = append(p.places[r.Fragment], storage.Place{Ordinal: ordinal - 1, Name: storage.Aside + uint32(f), Day: int32(day)})
			continue
		}
		happened(p.people, who, &r, c.tokens)
		happened(p.own, r.Fragment, &r, c.tokens)
		name := c.names[nameText(&r)]
		p.places[r.Fragment] = append(p.places[r.Fragment], storage.Place{Ordinal: ordinal - 1, Name: name, Day: int32(day)})
		if name < mostDays {
			p.days[dayKey{name, int32(day), who}]++
		}
		if err := c.hear(p, &r); err != nil {
			c.bad("event", on("event", r.Seq), err)
		}
	}
	return p, nil
}

// happened counts one event of a profile, or of a fragment.
func happened(in map[uint32]*tallied, who uint32, r *history.Row, tokens []kith.Token) {
	t := in[who]
	if t == nil {
		t = &tallied{first: r.Time, last: r.Time, head: r.Fragment}
		in[who] = t
	}
	t.n++
	t.last = max(t.last, r.Time)
	a, b := tokens[r.Fragment], tokens[t.head]
	if r.Time < t.first || r.Time == t.first && bytes.Compare(a[:], b[:]) < 0 {
		t.first, t.head = r.Time, r.Fragment
	}
}

// hear notes what an event said about traits: in the traits of an identify
// call, and in the context of any call.
func (c *checker) hear(p *plain, r *history.Row) error {
	secret, err := c.secret(r)
	if err != nil {
		return err
	}
	flat, deep := map[string][]telling{}, map[string]map[string]any{}
	sealed := map[string]bool{}
	for i, cells := range [...][]byte{r.Cells, secret} {
		err := clean.EachCell(cells, func(path uint32, text []byte) bool {
			name, rest := traitOf(kith.Kind(r.Kind), c.paths.Path(path))
			switch {
			case name == "":
			case len(rest) == 0:
				flat[name] = append(flat[name], telling{bytes.Clone(text), i == 1})
			default:
				if deep[name] == nil {
					deep[name] = map[string]any{}
				}
				plant(deep[name], rest, json.RawMessage(bytes.Clone(text)))
				sealed[name] = sealed[name] || i == 1
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	for name, tree := range deep {
		raw, err := asSpelled(tree)
		if err != nil {
			return err
		}
		flat[name] = append(flat[name], telling{raw, sealed[name]})
	}
	for name, tellings := range flat {
		for _, t := range tellings {
			c.note(p, r, name, t)
		}
	}
	return nil
}

// asSpelled gives a tree as JSON with the texts of its leaves as they are:
// json.Marshal would write & and < in them otherwise.
func asSpelled(tree map[string]any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(tree)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// telling is one value that an event said a trait has.
type telling struct {
	raw    []byte
	sealed bool
}

// traitOf gives the trait that a path belongs to, or "", and the keys below it.
func traitOf(kind kith.Kind, path string) (name string, rest []string) {
	keys := clean.Keys(path)
	switch {
	case len(keys) > 1 && keys[0] == "traits" && kind == kith.Identify:
		return keys[1], keys[2:]
	case len(keys) > 2 && keys[0] == "context" && keys[1] == "traits":
		return keys[2], keys[3:]
	}
	return "", nil
}

// plant puts a leaf into a tree of objects.
func plant(tree map[string]any, keys []string, leaf json.RawMessage) {
	for _, k := range keys[:len(keys)-1] {
		kid, ok := tree[k].(map[string]any)
		if !ok {
			kid = map[string]any{}
			tree[k] = kid
		}
		tree = kid
	}
	tree[keys[len(keys)-1]] = leaf
}

// note keeps one telling.
func (c *checker) note(p *plain, r *history.Row, name string, t telling) {
	path, ok := c.paths.Find("traits." + escaped(name))
	if !ok {
		return
	}
	doc := p.docs[r.Fragment]
	if doc == nil {
		doc = map[uint32]*heard{}
		p.docs[r.Fragment] = doc
	}
	h := doc[path]
	if h == nil {
		h = &heard{class: kith.Other}
		doc[path] = h
	}
	class := kith.Other
	if k, ok := c.e.classes.PathClass("traits." + escaped(name)); ok {
		class = k
	}
	if t.sealed {
		class = kith.Identifying
	}
	h.class = max(h.class, class)
	h.writes = append(h.writes, storage.Write{
		Raw: sorted(t.raw), Time: r.Time, Received: r.Received, Message: r.MessageID, Source: c.source(r.Source), Sealed: t.sealed,
	})
	if len(h.writes) > 32 {
		last, prev := h.settle()
		h.writes = append(h.writes[:0], *last)
		if prev != nil {
			h.writes = append(h.writes, *prev)
		}
	}
}

var escaper = strings.NewReplacer(`\`, `\\`, `.`, `\.`)

func escaped(key string) string { return escaper.Replace(key) }

func (c *checker) source(name string) uint32 {
	return uint32(slices.Index(c.e.sources.all(), name))
}

// settle gives the last write, and the last one before it that said something else.
func (h *heard) settle() (last, prev *storage.Write) {
	w := slices.Clone(h.writes)
	sort.SliceStable(w, func(i, j int) bool { return w[j].Compare(&w[i]) < 0 })
	for i := range w[1:] {
		if !bytes.Equal(w[i+1].Raw, w[0].Raw) {
			return &w[0], &w[i+1]
		}
	}
	return &w[0], nil
}

// sorted gives a JSON value with the members of its objects sorted by key, and
// scalars as they are spelled.
func sorted(raw []byte) []byte {
	if raw[0] != '{' {
		return raw
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return raw
	}
	keys := make([]string, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := []byte{'{'}
	for i, k := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(k)
		if err != nil {
			return raw
		}
		out = append(append(out, name...), ':')
		out = append(out, sorted(members[k])...)
	}
	return append(out, '}')
}
