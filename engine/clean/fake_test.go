package clean

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

// testNow is 2024-05-06T07:08:11Z.
const testNow = int64(1714979291_000000)

// fakeIDs is a small rulebook: e-mail addresses in lower case, a few blocked words.
type fakeIDs struct{ names map[string]int }

func (f *fakeIDs) Space(name string) int {
	if k, ok := f.names[name]; ok {
		return k
	}
	if len(f.names) > 100 {
		return -1
	}
	f.names[name] = len(f.names)
	return f.names[name]
}

func (f *fakeIDs) Normalise(space int, value, dst []byte) ([]byte, bool) {
	value = bytes.TrimSpace(value)
	switch string(value) {
	case "", "null", "undefined", "0", "[object object]":
		return nil, false
	}
	dst = append(dst[:0], value...)
	if space == f.names["email"] {
		for k, ch := range dst {
			if 'A' <= ch && ch <= 'Z' {
				dst[k] = ch | 0x20
			}
		}
	}
	return dst, true
}

// fakeClasses knows some names, and that @ makes an e-mail.
type fakeClasses struct{}

func (fakeClasses) PathClass(path string) (kith.Class, bool) {
	switch path[strings.LastIndexByte(path, '.')+1:] {
	case "email", "phone", "first_name", "externalIds", "id", "advertisingId":
		return kith.Identifying, true
	case "country", "city", "age":
		return kith.Descriptive, true
	}
	return 0, false
}

func (fakeClasses) Shape(value []byte) bool { return bytes.IndexByte(value, '@') > 0 }

func testConfig() Config {
	paths, err := NewPaths(nil)
	if err != nil {
		panic(err)
	}
	return Config{Paths: paths, IDs: &fakeIDs{map[string]int{}}, Classes: fakeClasses{}, Secret: [32]byte{1, 2, 3, 9: 4, 17: 5, 25: 6}}
}

// cleaned gives a copy of all items of a line.
func cleaned(c *Cleaner, line string) (items []Item) {
	c.Line([]byte(line), testNow)
	for it := c.Next(); it != nil; it = c.Next() {
		items = append(items, copied(it))
	}
	return items
}

func copied(it *Item) Item {
	d := *it
	for _, s := range []*[]byte{&d.Raw, &d.Name, &d.MessageID, &d.UserID, &d.AnonymousID, &d.PreviousID, &d.GroupID, &d.Cells, &d.Secret} {
		*s = bytes.Clone(*s)
	}
	d.Claims, d.Traits, d.Leaves = append([]Claim(nil), d.Claims...), append([]Trait(nil), d.Traits...), append([]TraitLeaf(nil), d.Leaves...)
	for k := range d.Claims {
		d.Claims[k].Norm, d.Claims[k].Value = bytes.Clone(d.Claims[k].Norm), bytes.Clone(d.Claims[k].Value)
	}
	for k := range d.Traits {
		d.Traits[k].Raw = bytes.Clone(d.Traits[k].Raw)
	}
	for k := range d.Leaves {
		d.Leaves[k].Raw = bytes.Clone(d.Leaves[k].Raw)
	}
	return d
}

// one gives the only item of a line.
func one(t *testing.T, c *Cleaner, line string) Item {
	t.Helper()
	items := cleaned(c, line)
	if len(items) != 1 {
		t.Fatalf("%d items, want 1", len(items))
	}
	return items[0]
}

// leavesOf gives leaves by path; those at MorePath one by one.
func leavesOf(t *testing.T, p *Paths, cells []byte) map[string]string {
	t.Helper()
	m := map[string]string{}
	if err := EachCell(cells, func(path uint32, text []byte) bool {
		if path != More {
			m[p.Path(path)] = string(text)
		}
		for w := (walk{b: text}); path == More && w.member(); {
			m[MorePath+string(w.key())] = string(w.value())
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return m
}
