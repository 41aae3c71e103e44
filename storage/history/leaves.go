package history

import (
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
	types := map[byte]FieldType{typeString: String, typeNumber: Decimal, typeBool: Bool, typeJSON: JSON}
	out := make(map[string]Leaf, len(sch.fields))
	for _, f := range sch.fields {
		names := make([]string, len(f.names))
		for i, n := range f.names {
			names[i] = ident(n)
		}
		out[f.path] = Leaf{strings.Join(names, "."), types[f.typ]}
	}
	return out
}

// GroupID is the path of the id of a group, which stands beside properties,
// context and traits: SQL sees it through readings alone.
const GroupID = "groupId"

// typed is a column of events that reads a leaf as one type, whatever type
// the leaf's own column has: "properties.total:number". A value of another type
// is NULL there. It is in the view where a statement names it.
type typed struct {
	name  string
	field field
}

var readings = map[byte]string{typeString: ":text", typeNumber: ":number", typeBool: ":bool", typeJSON: ":json"}

// readings gives those that a statement names. Names that differ in letter case
// only are told apart by #2 and so on, in the order in which the leaves were first seen.
func (s *schema) readings(want func(name string) bool) []typed {
	var out []typed
	taken := map[string]int{}
	fields := s.fields
	if s.group != nil {
		fields = append(slices.Clip(fields), s.group)
	}
	for _, f := range fields {
		for _, typ := range [...]byte{typeString, typeNumber, typeBool, typeJSON} {
			name := f.path + readings[typ]
			low := fold(name)
			if taken[low]++; taken[low] > 1 {
				name += "#" + strconv.Itoa(taken[low])
			}
			if want(fold(name)) {
				out = append(out, typed{name, field{id: f.id, path: f.path, typ: typ}})
			}
		}
	}
	return out
}

// Readings gives the columns of events that read leaves as one type, as a
// statement writes them, by path and type.
func (h *History) Readings() map[string]map[FieldType]string {
	sch, _ := h.schema(h.snapshot())
	types := map[byte]FieldType{typeString: String, typeNumber: Decimal, typeBool: Bool, typeJSON: JSON}
	out := map[string]map[FieldType]string{}
	for _, r := range sch.readings(func(string) bool { return true }) {
		if out[r.field.path] == nil {
			out[r.field.path] = map[FieldType]string{}
		}
		out[r.field.path][types[r.field.typ]] = ident(r.name)
	}
	return out
}
