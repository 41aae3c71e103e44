package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// profiles folds every event again, for as many profiles at a time as fit in
// memory, and compares all that is derived from them.
func (c *checker) profiles() error {
	if c.owner == nil || c.names == nil {
		return errors.New("not compared, because of the problems above")
	}
	step := c.window()
	n := uint32(len(c.owner))
	for lo := uint32(0); lo < n; lo += step {
		hi := min(n, lo+step)
		if c.o.Progress != nil {
			c.o.Progress(int64(lo), int64(n), "profiles")
		}
		p, err := c.fold(lo, hi)
		if err != nil {
			return err
		}
		for _, compare := range []func(*plain) error{c.counted, c.placed, c.daily, c.documents} {
			if err := compare(p); err != nil {
				return err
			}
		}
		if err := c.pairs(lo, hi); err != nil {
			return err
		}
		if hi == n {
			break
		}
	}
	return nil
}

// window gives how many profiles are looked at together: whole blocks, as many
// as an eighth of the memory holds.
func (c *checker) window() uint32 {
	each := 1500 + 400*int64(c.v.events)/int64(max(1, c.v.fragments))
	return uint32(max(1, c.e.lim.state/3/each>>16)) << 16
}

// counted compares how often, when first and when last, and the head.
func (c *checker) counted(p *plain) error {
	people, pin := c.e.people, c.v.pin
	for k := p.lo >> 16; k<<16 < p.hi; k++ {
		count, err1 := people.Count.Image(pin, int(k))
		first, err2 := people.First.Image(pin, int(k))
		last, err3 := people.Last.Image(pin, int(k))
		head, err4 := people.Head.Image(pin, int(k))
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return err
		}
		for i := range 1 << 16 {
			row := k<<16 + uint32(i)
			t := p.people[row]
			for what, img := range map[string]*storage.Image{"count": count, "first": first, "last": last, "head": head} {
				if has(img, i) != (t != nil) {
					c.bad(what, on("profile", row), errors.New("it has one and should have none, or the other way round"))
				}
			}
			if t == nil || !has(count, i) {
				continue
			}
			want(c, "count", on("profile", row), count.U32[i], t.n)
			want(c, "first", on("profile", row), first.I64[i], t.first)
			want(c, "last", on("profile", row), last.I64[i], t.last)
			want(c, "head", on("profile", row), head.U32[i], t.head)
		}
	}
	c.count("counts", len(p.people))
	return c.ctx.Err()
}

// placed compares where the events of each fragment stand.
func (c *checker) placed(p *plain) error {
	for f, who := range c.owner {
		if who < p.lo || who >= p.hi {
			continue
		}
		got, err := c.e.places.Of(kith.FragmentID(f), c.v.events)
		if err != nil {
			c.bad("place", on("fragment", f), err)
			continue
		}
		if err := c.own(uint32(f), p.own[uint32(f)]); err != nil {
			return err
		}
		if !slices.Equal(got, p.places[uint32(f)]) {
			c.bad("place", on("fragment", f), fmt.Errorf("it has %d, and its events %d, or they stand elsewhere", len(got), len(p.places[uint32(f)])))
		}
		c.count("places", len(got))
	}
	p.places = nil
	return c.ctx.Err()
}

// own compares what a fragment's own events come to.
func (c *checker) own(f uint32, t *tallied) error {
	people, pin := c.e.people, c.v.pin
	n, ok, err1 := people.Own.At(pin, f)
	oldest, _, err2 := people.Oldest.At(pin, f)
	newest, _, err3 := people.Newest.At(pin, f)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if t == nil || !ok {
		if ok != (t != nil) {
			c.bad("own events", on("fragment", f), errors.New("it has some and should have none, or the other way round"))
		}
		return nil
	}
	want(c, "own events", on("fragment", f), uint32(n.Lo), t.n)
	want(c, "own events", on("fragment", f), int64(oldest.Lo), t.first)
	want(c, "own events", on("fragment", f), int64(newest.Lo), t.last)
	return nil
}

// daily compares the counts by day.
func (c *checker) daily(p *plain) error {
	for code := range uint32(min(mostDays, len(c.names))) {
		days, err := c.e.state.Days(code)
		if err != nil {
			return err
		}
		for _, day := range days.List(c.v.pin) {
			counts, err := days.Counts(c.v.pin, day)
			if err != nil {
				return err
			}
			for row, n := range counts.All() {
				if row < p.lo || row >= p.hi {
					continue
				}
				k := dayKey{code, day, row}
				if n != p.days[k] {
					c.bad("day count", on("profile", row), fmt.Errorf("name %d has %d on day %d and should have %d", code, n, day, p.days[k]))
				}
				delete(p.days, k)
				c.count("day counts", 1)
			}
		}
	}
	for k, n := range p.days {
		c.bad("day count", on("profile", k.row), fmt.Errorf("name %d has none on day %d and should have %d", k.name, k.day, n))
	}
	p.days = nil
	return c.ctx.Err()
}

// documents compares what each fragment said about its traits, and then the columns.
func (c *checker) documents(p *plain) error {
	best := map[uint32]map[uint32]*storage.Write{} // by profile and trait
	for f, who := range c.owner {
		if who < p.lo || who >= p.hi || kith.FragmentID(f) == nobody {
			continue
		}
		doc := p.docs[uint32(f)]
		marks, err := c.e.people.Marks(c.v.pin, kith.FragmentID(f))
		if err != nil {
			return err
		}
		want(c, "document mark", on("fragment", f), marks.Told, doc != nil)
		if err := c.document(kith.FragmentID(f), doc); err != nil {
			return err
		}
		for path, h := range doc {
			last, _ := h.settle()
			if best[who] == nil {
				best[who] = map[uint32]*storage.Write{}
			}
			if b := best[who][path]; b == nil || last.Compare(b) > 0 {
				best[who][path] = last
			}
		}
	}
	p.docs = nil
	return c.columns(p, best)
}

// document compares one.
func (c *checker) document(f kith.FragmentID, doc map[uint32]*heard) error {
	seq, sealed, err := c.v.snap.Document(f)
	if err != nil {
		return err
	}
	if sealed == nil {
		want(c, "document", on("fragment", f), 0, len(doc))
		return nil
	}
	raw, err := c.keys.Open(f, seq, sealDocument, sealed, nil)
	if err != nil {
		c.bad("document", on("fragment", f), err)
		return nil
	}
	got, err := storage.DecodeDocument(raw)
	if err != nil {
		c.bad("document", on("fragment", f), err)
		return nil
	}
	want(c, "document", on("fragment", f), len(got.Traits), len(doc))
	for _, t := range got.Traits {
		h := doc[t.Path]
		if h == nil {
			c.bad("document", on("fragment", f), fmt.Errorf("it never spoke of the trait with path %d", t.Path))
			continue
		}
		last, prev := h.settle()
		if t.Class != h.class || !sameWrite(&t.Last, last) || !sameWrite(t.Prev, prev) {
			c.bad("document", on("fragment", f), fmt.Errorf("the trait with path %d is not what its events say", t.Path))
		}
	}
	c.count("documents", 1)
	return nil
}

// sameWrite compares two writes; members of objects may stand in another order.
func sameWrite(a, b *storage.Write) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Time == b.Time && a.Received == b.Received && a.Message == b.Message && a.Source == b.Source && bytes.Equal(sorted(a.Raw), sorted(b.Raw))
}

// columns compares the trait columns with the winning values.
func (c *checker) columns(p *plain, best map[uint32]map[uint32]*storage.Write) error {
	leaves := map[uint32]map[string][]byte{} // by profile and path
	for who, traits := range best {
		leaves[who] = map[string][]byte{}
		for path, w := range traits {
			if w.Whole || w.Sealed && w.Raw[0] != '{' { // it says who somebody is, whatever its name
				continue
			}
			name, _ := traitName(c.paths.Path(path))
			flat(leaves[who], name, w.Raw, 4)
		}
	}
	list := c.e.traits.all()
	there := map[string]bool{}
	for _, col := range list {
		there[col.path] = true
		if col.kind == typeSealed {
			continue
		}
		if err := c.column(p, col, leaves); err != nil {
			return err
		}
	}
	for who, traits := range leaves {
		for path, text := range traits {
			if !there[path] && string(text) != "null" && len(list) < mostTraits {
				c.bad("trait column", on("profile", who), errors.New("a trait of it has no column"))
			}
		}
	}
	return c.ctx.Err()
}

func traitName(path string) (string, bool) {
	if len(path) < len("traits.") {
		return "", false
	}
	return path[len("traits."):], true
}

// flat notes the leaves of a trait by path; objects are taken apart down to a depth.
func flat(leaves map[string][]byte, path string, raw []byte, depth int) {
	if raw[0] != '{' {
		leaves[path] = raw
		return
	}
	var members map[string]json.RawMessage
	if depth == 0 || json.Unmarshal(raw, &members) != nil {
		return
	}
	for k, v := range members {
		flat(leaves, path+"."+escaped(k), v, depth-1)
	}
}

// column compares one column with the leaves of the profiles.
func (c *checker) column(p *plain, col *column, leaves map[uint32]map[string][]byte) error {
	where := on("column", col.id)
	var texts []string
	if col.dict != nil {
		texts = col.dict.Texts(c.v.pin)
	}
	for k := p.lo >> 16; k<<16 < p.hi; k++ {
		img, err := col.col.Image(c.v.pin, int(k))
		if err != nil {
			return err
		}
		var numbers [][2]uint64
		if col.kind == typeNumber {
			numbers = img.Decimals()
		}
		for i := range 1 << 16 {
			row := k<<16 + uint32(i)
			text, told := leaves[row][col.path]
			told = told && kindOf(text) == col.kind && !c.e.identifying(col.path, text)
			if !told && !has(img, i) {
				continue
			}
			if !shows(col, img, i, text, told, texts, numbers) {
				c.bad("trait column", fmt.Sprintf("%s, profile %d", where, row), errors.New("it is not what the events say"))
			}
			c.count("trait values", 1)
		}
	}
	return nil
}

// shows tells whether a column shows what was told. texts and numbers are those of the column.
func shows(col *column, img *storage.Image, i int, text []byte, told bool, texts []string, numbers [][2]uint64) bool {
	if !told {
		return !has(img, i)
	}
	switch col.kind {
	case typeNumber:
		lo, hi, fits := history.ParseDecimal(text)
		if !fits {
			return !has(img, i)
		}
		return has(img, i) && numbers[i] == [2]uint64{lo, hi}
	case typeFact:
		return has(img, i) && (img.U8[i] == 1) == (string(text) == "true")
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		return false
	}
	if len(s) > storage.MaxText {
		return !has(img, i)
	}
	return has(img, i) && int(img.U32[i]) < len(texts) && texts[img.U32[i]] == s
}

// values compares the bitmaps of values with the columns.
func (c *checker) values() error {
	for _, col := range c.e.traits.all() {
		if col.values == nil {
			continue
		}
		if err := c.bitmaps(col); err != nil {
			return err
		}
	}
	return nil
}

// bitmaps compares those of one column: every bit with its cell, and then how many there are.
func (c *checker) bitmaps(col *column) error {
	where := on("column", col.id)
	var images []*storage.Image
	cells, bits := 0, 0
	code := func(img *storage.Image, i int) uint32 {
		if col.kind == typeFact {
			return uint32(img.U8[i])
		}
		return img.U32[i]
	}
	for k := 0; k<<16 < int(c.v.fragments); k++ {
		img, err := col.col.Image(c.v.pin, k)
		if err != nil {
			return err
		}
		images = append(images, img)
		for i := range 1 << 16 {
			if has(img, i) && code(img, i) < mostCodes {
				cells++
			}
		}
	}
	for _, v := range col.values.Codes(c.v.pin) {
		set, err := col.values.Set(c.v.pin, v)
		if err != nil {
			return err
		}
		for row := range set.All() {
			bits++
			if int(row>>16) >= len(images) || !has(images[row>>16], int(row&0xffff)) || code(images[row>>16], int(row&0xffff)) != v {
				c.bad("value bitmap", fmt.Sprintf("%s, code %d, profile %d", where, v, row), errors.New("the column does not have that value"))
			}
		}
	}
	want(c, "value bitmap", where, bits, cells)
	c.count("value bits", bits)
	return c.ctx.Err()
}
