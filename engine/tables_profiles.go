package engine

import (
	"encoding/json"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// fixedColumns are the columns of profiles before those of traits.
const fixedColumns = 5

// profiles has one row for each person.
func (w *view) profiles() history.Table {
	e, v := w.e, w.v
	p := &profileTable{e: e, v: v, within: w.within, columns: v.columns(e), fixed: fixedColumns}
	return &table{"profiles", profileFields(p.columns), w.fragmentBlocks, int64(v.fragments), p.read}
}

// columns gives those of people: first the computed traits that are kept, by
// name, then what events say under other names.
func (v *version) columns(e *Engine) []*column {
	said := e.traits.all()
	if len(v.shown) == 0 {
		return said
	}
	var out []*column
	for _, name := range sortedKeys(v.shown) {
		if k := v.shown[name]; k.ready {
			out = append(out, k.col)
		}
	}
	for _, c := range said {
		if _, ok := v.shown[c.path]; !ok {
			out = append(out, c)
		}
	}
	return out
}

// column gives the column of a trait; nil: there is none.
func (v *version) column(e *Engine, path string) *column {
	if k, ok := v.shown[path]; ok {
		if k.ready {
			return k.col
		}
		return nil
	}
	return e.traits.find(path)
}

// profileFields are the columns of profiles in SQL.
func profileFields(columns []*column) []history.Field {
	fields := []history.Field{
		{Name: "id", Type: history.UInt}, {Name: "public_id", Type: history.String}, {Name: "first_seen", Type: history.Timestamp},
		{Name: "last_seen", Type: history.Timestamp}, {Name: "known", Type: history.Bool},
	}
	taken := map[string]int{}
	for _, f := range fields {
		taken[f.Name] = 1
	}
	for _, c := range columns {
		fields = append(fields, history.Field{Name: fieldName(c.path, taken), Type: fieldTypes[c.kind]})
	}
	return fields
}

var fieldTypes = map[byte]history.FieldType{typeText: history.String, typeNumber: history.Decimal, typeFact: history.Bool, typeSealed: history.String, typeTime: history.Timestamp}

// fieldName gives the column's name in SQL: a trait named like a fixed column
// is traits.x, and a name that differs from another in letter case only gets #2.
func fieldName(path string, taken map[string]int) string {
	name := strings.ReplaceAll(strings.ReplaceAll(path, `\.`, "."), `\\`, `\`)
	low := strings.ToLower(name)
	if taken[low] == 1 {
		name, low = "traits."+name, "traits."+low
	}
	taken[low] += 2
	if n := taken[low] / 2; n > 1 {
		name += "#" + string(rune('0'+min(n, 9)))
	}
	return name
}

// profileTable reads profiles block by block.
type profileTable struct {
	e       *Engine
	v       *version
	columns []*column
	fixed   int
	within  []uint64 // whom it has; nil: all people
}

func (p *profileTable) read(block int, fields []int) (*history.Block, error) {
	var within []uint64
	if p.within != nil {
		if within = p.within[block<<10 : (block+1)<<10]; empty(within) {
			return nil, nil
		}
	}
	keep, err := p.v.people(p.e, block)
	if err != nil {
		return nil, err
	}
	for w := range within {
		keep[w] &= within[w]
	}
	b := &history.Block{N: 1 << 16, Keep: keep}
	for _, f := range fields {
		vec, err := p.vector(block, f, b.Keep)
		if err != nil {
			return nil, err
		}
		b.Cols = append(b.Cols, vec)
	}
	return b, nil
}

// people tells which rows of a block are profiles: a fragment that owns itself
// and has an event or a link.
func people(base uint32, owners, nexts, counts *storage.Image) []uint64 {
	keep := make([]uint64, 1024)
	for w, has := range owners.Has {
		for ; has != 0; has &= has - 1 {
			i := w<<6 | trailing(has)
			row := base + uint32(i)
			if owners.U32[i] == row && (nexts.U32[i] != row || counts.Has[w]>>(i&63)&1 == 1) {
				keep[w] |= 1 << (i & 63)
			}
		}
	}
	return keep
}

func (p *profileTable) vector(block, field int, keep []uint64) (history.Vector, error) {
	people, pin := p.e.people, p.v.pin
	switch field {
	case 0:
		ids := make([]uint32, 1<<16)
		for i := range ids {
			ids[i] = uint32(block<<16 + i)
		}
		return history.Vector{U32: ids}, nil
	case 1:
		return p.publicIDs(block, keep)
	case 2, 3:
		col := people.First
		if field == 3 {
			col = people.Last
		}
		img, err := col.Image(pin, block)
		if err != nil {
			return history.Vector{}, err
		}
		return history.Vector{I64: img.I64, Null: img.Nulls()}, nil
	case 4:
		return p.known(block)
	}
	return p.trait(block, p.columns[field-p.fixed], keep)
}

func (p *profileTable) known(block int) (history.Vector, error) {
	img, err := p.e.people.Spaces(p.v.pin, block)
	if err != nil {
		return history.Vector{}, err
	}
	known := make([]bool, 1<<16)
	for i, b := range img.U16 {
		known[i] = storage.MarksOf(b).Known
	}
	return history.Vector{Bool: known}, nil
}

func (p *profileTable) publicIDs(block int, keep []uint64) (history.Vector, error) {
	ids := make([]string, 1<<16)
	for w, has := range keep {
		for ; has != 0; has &= has - 1 {
			i := w<<6 | trailing(has)
			id, err := p.e.public(p.v, kith.ProfileID(block<<16+i))
			if err != nil {
				return history.Vector{}, err
			}
			ids[i] = id
		}
	}
	return history.Vector{Str: ids}, nil
}

// trait gives one trait of the profiles of a block.
func (p *profileTable) trait(block int, c *column, keep []uint64) (history.Vector, error) {
	if c.kind == typeSealed {
		return p.sealed(block, c, keep)
	}
	img, err := c.col.Image(p.v.pin, block)
	if err != nil {
		return history.Vector{}, err
	}
	switch c.kind {
	case typeNumber:
		return history.Vector{Dec: img.Decimals(), Null: img.Nulls()}, nil
	case typeTime:
		return history.Vector{I64: img.I64, Null: img.Nulls()}, nil
	case typeFact:
		facts := make([]bool, 1<<16)
		for i, b := range img.U8 {
			facts[i] = b != 0
		}
		return history.Vector{Bool: facts, Null: img.Nulls()}, nil
	}
	return history.Vector{Codes: img.U32, Dict: c.dict.Texts(p.v.pin), Null: img.Nulls()}, nil
}

// sealed reads a trait from the documents, opening each one that has it.
func (p *profileTable) sealed(block int, c *column, keep []uint64) (history.Vector, error) {
	out := history.Vector{Str: make([]string, 1<<16), Null: make([]uint64, 1<<10)}
	for w := range out.Null {
		out.Null[w] = ^uint64(0)
	}
	for w, has := range keep {
		for ; has != 0; has &= has - 1 {
			i := w<<6 | trailing(has)
			doc, err := p.e.joined(p.v, kith.FragmentID(block<<16+i))
			if err != nil {
				return out, err
			}
			ts := doc.Get(c.top)
			if ts == nil {
				continue
			}
			if s, ok := leafText(ts.Last.Raw, c.path); ok {
				out.Str[i] = s
				out.Null[w] &^= 1 << (i & 63)
			}
		}
	}
	return out, nil
}

// leafText gives the text of a leaf of a trait's value: of a string its
// content, of anything else its JSON.
func leafText(raw json.RawMessage, path string) (string, bool) {
	for _, rest, more := cutPath(path); more; {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return "", false
		}
		var name string
		name, rest, more = cutPath(rest)
		raw = members[strings.ReplaceAll(strings.ReplaceAll(name, `\.`, "."), `\\`, `\`)]
	}
	if len(raw) == 0 || string(raw) == "null" {
		return "", false
	}
	var s string
	if raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	return string(raw), true
}
