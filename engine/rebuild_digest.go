package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// digest is a print of what is derived, family by family. It sees the content
// and not how it is numbered or laid out: texts instead of codes, sets in the
// order of rows. Equal truth has an equal digest.
func (e *Engine) digest(ctx context.Context) (map[string]string, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	return e.digestOf(ctx, v)
}

// digestOf is digest of one version.
func (e *Engine) digestOf(ctx context.Context, v *version) (map[string]string, error) {
	d := &digester{e: e, v: v}
	out := map[string]string{}
	for _, f := range []struct {
		family string
		write  func() error
	}{
		{"owner", d.owners}, {"counts", d.counts}, {"places", d.places}, {"days", d.days},
		{"documents", d.documents}, {"pairs", d.pairs}, {"traits", d.traits}, {"values", d.values},
		{"words", d.words}, {"members", d.members},
	} {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		d.h = sha256.New()
		if err := f.write(); err != nil {
			return out, fmt.Errorf("digest %s: %w", f.family, err)
		}
		out[f.family] = hex.EncodeToString(d.h.Sum(nil))
	}
	return out, nil
}

// words writes what is said and could not be found, which is nothing. An engine
// that was made anew has no index yet: it is made when it is put in its place.
func (d *digester) words() error {
	if d.e.line.words == nil {
		return nil
	}
	_, err := d.e.missing(d.v, d.e.keys, func(w storage.WordOf) { d.put(w.Fragment) })
	return err
}

// members writes who is in which segment.
func (d *digester) members() error {
	members, err := d.e.state.Values(storage.MembersIndex)
	if err != nil {
		return err
	}
	for _, code := range members.Codes(d.v.pin) {
		set, err := members.Set(d.v.pin, code)
		if err != nil {
			return err
		}
		for row := range set.All() {
			d.put(code, row)
		}
	}
	return nil
}

type digester struct {
	e *Engine
	v *version
	h hash.Hash
}

func (d *digester) put(v ...any) { fmt.Fprintln(d.h, v...) }

// fragments goes through all numbers that were given.
func (d *digester) fragments(f func(kith.FragmentID) error) error {
	for n := nobody + 1; uint32(n) < d.v.fragments; n++ {
		if err := f(n); err != nil {
			return err
		}
	}
	return nil
}

func (d *digester) owners() error {
	p, pin := d.e.people, d.v.pin
	return d.fragments(func(f kith.FragmentID) error {
		who, err1 := p.OwnerAt(pin, f)
		marks, err2 := p.Marks(pin, f)
		token, err3 := p.Token(pin, f)
		if uint32(who) != uint32(f) {
			marks.Known = false // it means something in the row of a profile only
		}
		d.put(f, who, marks, token)
		return errors.Join(err1, err2, err3)
	})
}

func (d *digester) counts() error {
	p := d.e.people
	return d.fragments(func(f kith.FragmentID) error {
		for _, c := range []*storage.Column{p.Count, p.First, p.Last, p.Head} {
			cell, ok, err := c.At(d.v.pin, uint32(f))
			if err != nil {
				return err
			}
			d.put(f, cell, ok)
		}
		return nil
	})
}

func (d *digester) places() error {
	names := d.e.line.fold.names.Texts(d.v.pin)
	return d.fragments(func(f kith.FragmentID) error {
		list, err := d.e.places.Of(f, d.v.events)
		for _, p := range list {
			if p.Name&storage.Aside != 0 {
				d.put(f, p.Ordinal, p.Name, p.Day)
				continue
			}
			if int(p.Name) >= len(names) {
				return &kith.Error{Op: "engine.digest", On: on("fragment", f), Kind: kith.ErrCorrupt}
			}
			d.put(f, p.Ordinal, names[p.Name], p.Day)
		}
		return err
	})
}

func (d *digester) days() error {
	names := d.e.line.fold.names.Texts(d.v.pin)
	order := make([]uint32, min(len(names), mostDays))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(names[a], names[b]) })
	for _, code := range order {
		days, err := d.e.state.Days(code)
		if err != nil {
			return err
		}
		for _, day := range days.List(d.v.pin) {
			counts, err := days.Counts(d.v.pin, day)
			if err != nil {
				return err
			}
			for row, n := range counts.All() {
				d.put(names[code], day, row, n)
			}
		}
	}
	return nil
}

func (d *digester) documents() error {
	return d.v.snap.EachDocument(0, func(f kith.FragmentID, seq uint64, sealed []byte) error {
		raw, err := d.e.keys.Open(f, seq, sealDocument, sealed, nil)
		if err != nil {
			return err
		}
		doc, err := storage.DecodeDocument(raw)
		if err != nil {
			return err
		}
		d.put(f, documentText(doc))
		return nil
	})
}

// documentText is a document in one order.
func documentText(doc *storage.Document) string {
	var b strings.Builder
	for _, t := range doc.Traits {
		fmt.Fprintln(&b, t.Path, t.Class)
		for _, w := range []*storage.Write{&t.Last, t.Prev} {
			if w != nil {
				fmt.Fprintln(&b, string(sorted(w.Raw)), w.Time, w.Received, w.Message, w.Source)
			}
		}
	}
	return b.String()
}

func (d *digester) pairs() error {
	return d.v.snap.EachPair(0, func(a, b kith.FragmentID, rec storage.PairRecord) error {
		d.put(a, b, rec)
		return nil
	})
}

// columns gives the trait columns by path.
func (d *digester) columns() []*column {
	list := slices.Clone(d.e.traits.all())
	slices.SortFunc(list, func(a, b *column) int { return strings.Compare(a.path, b.path) })
	return list
}

func (d *digester) traits() error {
	for _, c := range d.columns() {
		if c.kind == typeSealed {
			continue
		}
		var texts []string
		if c.dict != nil {
			texts = c.dict.Texts(d.v.pin)
		}
		err := d.fragments(func(f kith.FragmentID) error {
			cell, ok, err := c.col.At(d.v.pin, uint32(f))
			switch {
			case !ok || err != nil:
				return err
			case texts == nil:
				d.put(c.path, f, cell)
			case cell.Lo >= uint64(len(texts)):
				return &kith.Error{Op: "engine.digest", On: on("column", c.id), Kind: kith.ErrCorrupt}
			default:
				d.put(c.path, f, texts[cell.Lo])
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// values goes through the bitmaps. Where a column has had more values than get
// one, which of them do depends on the order of arrival, so they are left out.
func (d *digester) values() error {
	for _, c := range d.columns() {
		if c.values == nil {
			continue
		}
		var texts []string
		if c.dict != nil {
			texts = c.dict.Texts(d.v.pin)
		}
		if len(texts) > mostCodes {
			continue
		}
		var lines []string
		for _, code := range c.values.Codes(d.v.pin) {
			set, err := c.values.Set(d.v.pin, code)
			if err != nil {
				return err
			}
			text := fmt.Sprint(code)
			if int(code) < len(texts) {
				text = texts[code]
			}
			for row := range set.All() {
				lines = append(lines, fmt.Sprintf("%s %q %d", c.path, text, row))
			}
		}
		slices.Sort(lines)
		for _, line := range lines {
			d.put(line)
		}
	}
	return nil
}
