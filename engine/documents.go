package engine

import (
	"slices"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// docCache remembers opened trait documents. The line's alone; it forgets all
// when they take more than its limit of bytes.
type docCache struct {
	m           map[kith.FragmentID]*document
	used, limit int64
}

func newDocCache(limit int64) *docCache {
	return &docCache{m: map[kith.FragmentID]*document{}, limit: limit}
}

func (c *docCache) put(f kith.FragmentID, d *document) {
	if c.used >= c.limit {
		clear(c.m)
		c.used = 0
	}
	if old := c.m[f]; old != nil {
		c.used -= docMemory(old)
	}
	c.m[f] = d
	c.used += docMemory(d)
}

// docMemory gives what an opened document takes, about; Size is of its stored form.
func docMemory(d *document) int64 { return 64 + 2*d.Size() }

// document gives a fragment's trait document as the turn sees it.
func (t *turn) document(f kith.FragmentID) (*document, error) {
	if d, ok := t.docs[f]; ok {
		return d, nil
	}
	if d, ok := t.l.docs.m[f]; ok {
		// a copy, so that a turn that fails leaves the cache as it was
		return &document{Traits: slices.Clone(d.Traits)}, nil
	}
	m, err := t.l.e.people.Marks(nil, f)
	if err != nil || !m.Told {
		return &document{}, err
	}
	return t.l.e.readDocument(&t.tx.Reader, f)
}

// peek is document for a look: what it gives must not be changed.
func (t *turn) peek(f kith.FragmentID) (*document, error) {
	if d, ok := t.docs[f]; ok {
		return d, nil
	}
	if d, ok := t.l.docs.m[f]; ok {
		return d, nil
	}
	d, err := t.document(f)
	if err == nil {
		t.l.docs.put(f, d) // as it was committed: folding will ask for it
	}
	return d, err
}

// documents gives the trait documents of a profile's fragments.
func (t *turn) documents(who kith.ProfileID) ([]*document, error) {
	frags, err := t.l.e.people.Fragments(nil, kith.FragmentID(who))
	if err != nil {
		return nil, err
	}
	var docs []*document
	for _, f := range frags {
		d, err := t.document(f)
		if err != nil {
			return nil, err
		}
		if len(d.Traits) > 0 {
			docs = append(docs, d)
		}
	}
	return docs, nil
}

// readDocument reads and opens a fragment's trait document; it is empty where there is none.
func (e *Engine) readDocument(r *storage.Reader, f kith.FragmentID) (*document, error) {
	seq, sealed, err := r.Document(f)
	if err != nil || sealed == nil {
		return &document{}, err
	}
	plain, err := e.keys.Open(f, seq, sealDocument, sealed, nil)
	if err != nil {
		return nil, err
	}
	return storage.DecodeDocument(plain)
}

// putDocuments seals the documents that the turn changed and stores them.
func (t *turn) putDocuments() error {
	var plain, sealed []byte
	for f, d := range t.docs {
		plain = d.Append(plain[:0])
		seq := uint64(t.l.head.Seq)
		var err error
		if sealed, err = t.l.e.keys.Seal(f, seq, sealDocument, plain, nil); err != nil {
			return err
		}
		if err := t.tx.PutDocument(f, seq, sealed); err != nil {
			return err
		}
	}
	return nil
}
