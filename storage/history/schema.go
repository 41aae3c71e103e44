package history

import (
	"sort"
	"strconv"
	"strings"
)

// field is one scalar that SQL sees inside properties, context or traits.
type field struct {
	id    uint32   // of its path
	path  string   // of the leaf, such as properties.page.path
	names []string // as SQL spells it, the head first
	typ   byte
}

// tree is the fields under one name, in the order in which they were first seen.
type tree struct {
	name string
	leaf *field
	kids []*tree
}

// heads are the struct columns of events.
var heads = []string{"properties", "context", "traits"}

// schema is what SQL sees of the leaves of all parts.
type schema struct {
	roots  []*tree // one for each of heads
	fields []*field
	read   []typed // the columns that read leaves as one type
}

// sqlType gives the type that SQL sees.
func sqlType(t byte) string { return shred{Type: t}.sqlType() }

// newSchema names the leaves that have values. A path that comes after another
// from which it differs in letter case alone gets #2, and so does an object where
// the same path is a scalar, too.
func newSchema(sum map[string]*counts, cols map[string]byte, ids *names) *schema {
	s := &schema{}
	for path, c := range sum {
		t := cols[path]
		if t == typeNothing {
			t = c.best()
		}
		id, ok := ids.id([]byte(path))
		if t != typeNothing && ok {
			s.fields = append(s.fields, &field{id: id, path: path, typ: t})
		}
	}
	sort.Slice(s.fields, func(i, j int) bool { return s.fields[i].id < s.fields[j].id })
	s.read = readingsOf(s.fields, ids.paths)
	tops := map[string]*branch{}
	for _, h := range heads {
		tops[h] = &branch{}
	}
	named := s.fields[:0]
	for _, f := range s.fields {
		elements := splitPath(f.path)
		top := tops[elements[0]]
		if top == nil || len(elements) < 2 {
			continue
		}
		for _, e := range elements[1:] {
			top = top.under(e)
		}
		top.leaf = f
		named = append(named, f)
	}
	s.fields = named
	for _, h := range heads {
		root := &tree{name: h}
		tops[h].name(root, []string{h})
		s.roots = append(s.roots, root)
	}
	return s
}

// branch is a tree by the keys of JSON, before it has names.
type branch struct {
	key   string
	leaf  *field
	kids  []*branch
	byKey map[string]*branch
}

func (b *branch) under(key string) *branch {
	k := b.byKey[key]
	if k == nil {
		k = &branch{key: key}
		if b.byKey == nil {
			b.byKey = map[string]*branch{}
		}
		b.byKey[key] = k
		b.kids = append(b.kids, k)
	}
	return k
}

// name gives the children of b their names in t.
func (b *branch) name(t *tree, at []string) {
	taken := map[string]bool{}
	pick := func(name string) string {
		pick := name
		for n := 2; taken[fold(pick)]; n++ {
			pick = name + "#" + strconv.Itoa(n)
		}
		taken[fold(pick)] = true
		return pick
	}
	for _, k := range b.kids { // scalars first: they keep their names
		if k.leaf != nil {
			n := pick(fieldName(k.key))
			k.leaf.names = append(at[:len(at):len(at)], n)
			t.kids = append(t.kids, &tree{name: n, leaf: k.leaf})
		}
	}
	for _, k := range b.kids {
		if len(k.kids) > 0 {
			n := pick(fieldName(k.key))
			sub := &tree{name: n}
			k.name(sub, append(at[:len(at):len(at)], n))
			t.kids = append(t.kids, sub)
		}
	}
}

// fold makes names that DuckDB takes for the same the same.
func fold(s string) string { return strings.ToLower(s) }

// fieldName makes a key something that can be a name in SQL: an empty one is _.
func fieldName(key string) string {
	if key == "" {
		return "_"
	}
	return strings.ToValidUTF8(strings.ReplaceAll(key, "\x00", "\uFFFD"), "\uFFFD")
}

// splitPath cuts a path at its dots; a key's own dots and backslashes stand
// behind a backslash.
func splitPath(path string) []string {
	if !strings.Contains(path, `\`) {
		return strings.Split(path, ".")
	}
	var out []string
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path):
			i++
			b.WriteByte(path[i])
		case path[i] == '.':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(path[i])
		}
	}
	return append(out, b.String())
}

// pack writes the STRUCT of a tree; only keeps the fields that want is true for.
func (t *tree) pack(b *strings.Builder, want func(*field) bool) bool {
	any := false
	for _, k := range t.kids {
		var sub strings.Builder
		switch {
		case k.leaf != nil && want(k.leaf):
			sub.WriteString("f" + strconv.Itoa(int(k.leaf.id)))
		case k.leaf != nil || !k.pack(&sub, want):
			continue
		}
		if any {
			b.WriteString(", ")
		} else {
			b.WriteString("struct_pack(")
		}
		any = true
		b.WriteString(ident(k.name) + " := " + sub.String())
	}
	if any {
		b.WriteString(")")
	}
	return any
}
