package storage

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/kithdb/kith"
)

// Document is what one fragment said about its traits: for each trait the last
// write in event time, and the last write before it that said something else.
//
// That pair is a function of the set of writes alone, whatever their order and
// however often each is told (the second is the greatest among the writes whose
// value differs from the first's), so documents of linked fragments are joined
// when they are read, a link or a cut writes nothing, and a replay may tell a
// write again.
type Document struct {
	Traits []TraitState // ascending by Path
}

// TraitState is the state of one trait.
type TraitState struct {
	Path  uint32 // number in the dictionary of paths
	Class kith.Class
	Last  Write
	Prev  *Write // nil: it never said anything else
}

// Write is one thing that was said: a JSON value (null: the trait was taken
// away), and which event said it.
type Write struct {
	Raw      []byte
	Time     int64
	Received int64
	Message  string
	Source   uint32
	Sealed   bool // an identifying value is in it: it stands in no column as it is
	Whole    bool // and neither its name nor its shape tells which one: nothing of it stands in a column
}

// Compare orders writes by event time, then arrival, then message id (FEATURES T10).
func (w *Write) Compare(o *Write) int {
	return cmp.Or(cmp.Compare(w.Time, o.Time), cmp.Compare(w.Received, o.Received),
		strings.Compare(w.Message, o.Message), bytes.Compare(w.Raw, o.Raw))
}

// Tell folds one write into the document and reports whether it changed anything.
// It keeps w.Raw.
func (d *Document) Tell(path uint32, class kith.Class, w Write) bool {
	i, ok := slices.BinarySearchFunc(d.Traits, path, func(t TraitState, p uint32) int { return cmp.Compare(t.Path, p) })
	if !ok {
		d.Traits = slices.Insert(d.Traits, i, TraitState{Path: path, Class: class, Last: w})
		return true
	}
	t := &d.Traits[i]
	t.Class = max(t.Class, class)
	return t.tell(w)
}

func (t *TraitState) tell(w Write) bool {
	same := bytes.Equal(w.Raw, t.Last.Raw)
	switch c := w.Compare(&t.Last); {
	case c == 0:
		return false
	case c > 0 && same:
		t.Last = w
		return true
	case c > 0:
		old := t.Last
		t.Last, t.Prev = w, &old
		return true
	case same || t.Prev != nil && w.Compare(t.Prev) <= 0:
		return false
	}
	t.Prev = &w
	return true
}

// Get gives the state of one trait, or nil.
func (d *Document) Get(path uint32) *TraitState {
	i, ok := slices.BinarySearchFunc(d.Traits, path, func(t TraitState, p uint32) int { return cmp.Compare(t.Path, p) })
	if !ok {
		return nil
	}
	return &d.Traits[i]
}

// Join gives the document of a profile from those of its fragments.
func Join(docs ...*Document) *Document {
	if len(docs) == 1 {
		return docs[0]
	}
	out := &Document{}
	for _, d := range docs {
		for _, t := range d.Traits {
			out.Tell(t.Path, t.Class, t.Last)
			if t.Prev != nil {
				out.Tell(t.Path, t.Class, *t.Prev)
			}
		}
	}
	return out
}

// Size bounds the bytes that the document takes when it is stored.
func (d *Document) Size() int64 {
	n := int64(0)
	for i := range d.Traits {
		t := &d.Traits[i]
		n += WriteSize(len(t.Last.Raw), len(t.Last.Message))
		if p := t.Prev; p != nil {
			n += WriteSize(len(p.Raw), len(p.Message))
		}
	}
	return n
}

// WriteSize bounds what one write adds to a document: a value of so many bytes,
// said by an event whose message id has so many.
func WriteSize(raw, message int) int64 { return int64(raw+message) + 60 }

// Append encodes the document.
func (d *Document) Append(p []byte) []byte {
	says, index := d.says()
	p = binary.AppendUvarint(p, uint64(len(says)))
	for _, w := range says {
		p = binary.AppendVarint(p, w.Time)
		p = binary.AppendVarint(p, w.Received-w.Time)
		p = binary.AppendUvarint(p, uint64(w.Source))
		p = appendMessage(p, w.Message)
	}
	for i := range d.Traits {
		t := &d.Traits[i]
		p = binary.AppendUvarint(p, uint64(t.Path))
		p = append(p, byte(t.Class))
		p = binary.AppendUvarint(p, uint64(index[t.Last.said()]))
		p = append(p, t.Last.marks())
		p = appendText(p, t.Last.Raw)
		if t.Prev == nil {
			p = append(p, 0)
			continue
		}
		p = append(p, 1)
		p = binary.AppendUvarint(p, uint64(index[t.Prev.said()]))
		p = append(p, t.Prev.marks())
		p = appendText(p, t.Prev.Raw)
	}
	return p
}

// marks gives Sealed and Whole as they are stored.
func (w *Write) marks() (b byte) {
	if w.Sealed {
		b = 1
	}
	if w.Whole {
		b |= 2
	}
	return b
}

// said is what identifies the event of a write.
type said struct {
	time, received int64
	source         uint32
	message        string
}

func (w *Write) said() said { return said{w.Time, w.Received, w.Source, w.Message} }

func (d *Document) says() ([]*Write, map[said]int) {
	var says []*Write
	index := map[said]int{}
	add := func(w *Write) {
		if _, ok := index[w.said()]; !ok {
			index[w.said()] = len(says)
			says = append(says, w)
		}
	}
	for i := range d.Traits {
		add(&d.Traits[i].Last)
		if d.Traits[i].Prev != nil {
			add(d.Traits[i].Prev)
		}
	}
	return says, index
}

// DecodeDocument reads what Append wrote. The document aliases p.
func DecodeDocument(p []byte) (*Document, error) {
	d := decoder{p: p}
	n := d.uvarint()
	if n > uint64(len(p)) {
		d.fail()
	}
	var says []Write
	for ; n > 0 && d.err == nil; n-- {
		var w Write
		w.Time = d.varint()
		w.Received = w.Time + d.varint()
		w.Source = d.uint32()
		w.Message = d.message()
		says = append(says, w)
	}
	write := func() Write {
		i := d.uvarint()
		if i >= uint64(len(says)) {
			d.fail()
			return Write{}
		}
		w := says[i]
		marks := d.byte()
		w.Sealed, w.Whole = marks&1 != 0, marks&2 != 0
		w.Raw = d.text()
		return w
	}
	doc := &Document{}
	for len(d.p) > 0 && d.err == nil {
		t := TraitState{Path: d.uint32(), Class: kith.Class(d.byte())}
		t.Last = write()
		if d.byte() == 1 {
			w := write()
			t.Prev = &w
		}
		doc.Traits = append(doc.Traits, t)
	}
	if d.err != nil {
		return nil, &kith.Error{Op: "storage.document", Kind: kith.ErrCorrupt, Err: errors.New("a trait document is malformed")}
	}
	return doc, nil
}

// Document gives the sealed trait document of a fragment and the number it was
// sealed with; nil where there is none.
func (r *Reader) Document(f kith.FragmentID) (seq uint64, sealed []byte, err error) {
	key := key4(keyDocument, uint32(f))
	p, err := r.Get(key)
	if err != nil || p == nil {
		return 0, nil, err
	}
	if len(p) < 8 {
		return 0, nil, damaged(key)
	}
	return binary.BigEndian.Uint64(p), p[8:], nil
}

// PutDocument stores the sealed trait document of a fragment.
func (tx *Tx) PutDocument(f kith.FragmentID, seq uint64, sealed []byte) error {
	key := key4(keyDocument, uint32(f))
	return tx.put(key, append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(sealed)), seq), sealed...))
}
