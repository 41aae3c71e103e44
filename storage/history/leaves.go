package history

import "strings"

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
