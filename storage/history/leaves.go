package history

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Leaf is a field of properties, context or traits as SQL sees it.
type Leaf struct {
	Name string    // as a statement writes it: properties.page.path, each part quoted
	Type FieldType // String, Decimal, Bool or JSON
}

// Leaves gives the fields that SQL sees now, by the paths of the leaves.
func (h *History) Leaves() map[string]Leaf {
	sch, _ := h.schema(h.snapshot())
	out := make(map[string]Leaf, len(sch.fields))
	for _, f := range sch.fields {
		names := make([]string, len(f.names))
		for i, n := range f.names {
			names[i] = ident(n)
		}
		out[f.path] = Leaf{strings.Join(names, "."), fieldTypes[f.typ]}
	}
	return out
}

// fieldTypes are the types of leaves as SQL has them.
var fieldTypes = map[byte]FieldType{typeString: String, typeNumber: Decimal, typeBool: Bool, typeJSON: JSON}

// GroupID is the path of the id of a group, which stands beside properties,
// context and traits: SQL sees it through readings alone.
const GroupID = "groupId"

// typed is a column of events that reads a leaf as one type, whatever type
// the leaf's own column has: "properties.total:number". A value of another type
// is NULL there. It is in the view where a statement names it. Where some event
// has the leaf sealed there are two: one that opens it, and one that does not.
type typed struct {
	name  string
	field field
	opens bool
}

// readings are what stands behind the path in the names of the columns.
var readings = []struct {
	typ  byte
	word string
}{{typeString, "text"}, {typeNumber, "number"}, {typeBool, "bool"}, {typeJSON, "json"}}

// readingsOf gives the columns that read the leaves of fields, and those that no
// event has but sealed. Names that differ in letter case only are told apart by #2
// and so on, in the order in which the leaves were first seen.
func readingsOf(fields []*field, paths PathSet) []typed {
	var out []typed
	taken := map[string]int{}
	add := func(f field, opens bool, word string) {
		name := f.path + ":" + word
		low := fold(name)
		if taken[low]++; taken[low] > 1 {
			name += "#" + strconv.Itoa(taken[low])
		}
		out = append(out, typed{name, f, opens})
	}
	for _, f := range withSealed(fields, paths) {
		for _, r := range readings {
			of := field{id: f.id, path: f.path, typ: r.typ}
			sealed := paths.Sealed(f.id)
			add(of, sealed, r.word)
			if sealed {
				add(of, false, "clear "+r.word)
			}
		}
	}
	return out
}

// withSealed adds the leaves that no event has but sealed, in the order of their numbers.
func withSealed(fields []*field, paths PathSet) []*field {
	out, known := slices.Clone(fields), map[uint32]bool{}
	for _, f := range fields {
		known[f.id] = true
	}
	for id := range uint32(paths.Len()) {
		if !paths.Sealed(id) || known[id] {
			continue
		}
		path := paths.Path(id)
		if elements := splitPath(path); path == GroupID || len(elements) > 1 && slices.Contains(heads, elements[0]) {
			out = append(out, &field{id: id, path: path})
		}
	}
	slices.SortFunc(out, func(a, b *field) int { return cmp.Compare(a.id, b.id) })
	return out
}

// readings gives those that a statement names.
func (s *schema) readings(want func(name string) bool) []typed {
	var out []typed
	for _, r := range s.read {
		if want(fold(r.name)) {
			out = append(out, r)
		}
	}
	return out
}

// Reading names the columns of events that read a leaf as one type, as a
// statement writes them.
type Reading struct {
	Name  string
	Clear string // of what is not sealed alone; it is Name where no event has the leaf sealed
}

// Readings gives the columns that read leaves as one type, by path and type.
func (h *History) Readings() map[string]map[FieldType]Reading {
	sch, _ := h.schema(h.snapshot())
	out := map[string]map[FieldType]Reading{}
	for _, r := range sch.read {
		of := out[r.field.path]
		if of == nil {
			of = map[FieldType]Reading{}
			out[r.field.path] = of
		}
		typ, name := fieldTypes[r.field.typ], ident(r.name)
		if of[typ].Name == "" { // it comes before the one that leaves out what is sealed
			of[typ] = Reading{name, name}
		} else {
			of[typ] = Reading{of[typ].Name, name}
		}
	}
	return out
}
