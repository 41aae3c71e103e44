package engine

import (
	"encoding/json"
	"errors"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// What people are found by: the words of their traits that are texts, and of
// their identifiers, except those of browsers and devices. The index of words
// may have more than there is, never less: what a fragment says is added, and
// what it does not say any more is seen when its document is opened.

// teller adds words to the index. The line's.
type teller struct {
	e    *Engine
	x    *identity.Lexer
	keys []uint64
}

// trait adds the words of a trait's value. An engine that is made to be put in
// the place of another has no teller: its words are made from what came out.
func (t *teller) trait(f kith.FragmentID, raw []byte) {
	if t == nil {
		return
	}
	t.keys = t.keys[:0]
	eachText(raw, func(text []byte) { t.keys = t.x.Keys(t.keys, text) })
	t.add(f)
}

// identifier adds the words of an identifier.
func (t *teller) identifier(f kith.FragmentID, weak bool, value []byte) {
	if t == nil || weak {
		return
	}
	t.keys = t.x.Keys(t.keys[:0], value)
	t.add(f)
}

func (t *teller) add(f kith.FragmentID) {
	for _, key := range t.keys {
		t.e.words.Add(key, f)
	}
}

// eachText calls f for the texts in a JSON value: itself, or those that an
// object or a list has.
func eachText(raw []byte, f func(text []byte)) {
	switch raw[0] {
	case '"':
		if inner := raw[1 : len(raw)-1]; plainText(inner) {
			f(inner)
			return
		}
		var s string
		if json.Unmarshal(raw, &s) == nil {
			f([]byte(s))
		}
	case '{', '[':
		var v any
		if json.Unmarshal(raw, &v) == nil {
			walkTexts(v, f)
		}
	}
}

func plainText(inner []byte) bool {
	for _, c := range inner {
		if c == '\\' {
			return false
		}
	}
	return true
}

func walkTexts(v any, f func(text []byte)) {
	switch v := v.(type) {
	case string:
		f([]byte(v))
	case []any:
		for _, w := range v {
			walkTexts(w, f)
		}
	case map[string]any:
		for _, w := range v {
			walkTexts(w, f)
		}
	}
}

// retellNumbers adds the words of the identifiers that the log has numbered: it
// has no values, their records do.
func (e *Engine) retellNumbers(from kith.FragmentID) error {
	snap := e.store.Snapshot()
	defer snap.Release()
	e.words.Begin()
	err := e.records(snap, from, func(f kith.FragmentID, value []byte) error {
		e.line.words.identifier(f, false, value)
		return nil
	})
	e.words.Commit()
	return err
}

// records opens the identifiers of the fragments from one on, without those that nobody looks for.
func (e *Engine) records(snap *storage.Snapshot, from kith.FragmentID, f func(f kith.FragmentID, value []byte) error) error {
	return snap.Fragments(from, func(rec storage.FragmentRecord) error {
		if rec.Fragment < from {
			return nil
		}
		value, err := e.looked(&rec)
		if err != nil || value == nil {
			return err
		}
		return f(rec.Fragment, value)
	})
}

// looked gives the value of an identifier that people are looked for by; nil: nobody looks for it.
func (e *Engine) looked(rec *storage.FragmentRecord) ([]byte, error) {
	if weak, err := e.weak(rec.Rules, rec.Space); err != nil || weak {
		return nil, err
	}
	return storage.UnpackValue(e.keys.Open(rec.Fragment, uint64(rec.Seq), sealIdentity, rec.Sealed, nil))
}

// said goes through what every fragment says, as find looks at it: the documents
// of docs, sealed under keys, and the identifiers of snap.
func (e *Engine) said(docs *storage.Snapshot, keys *storage.Keyring, snap *storage.Snapshot, f func(f kith.FragmentID, texts func(func(text []byte))) error) error {
	err := docs.EachDocument(0, func(of kith.FragmentID, seq uint64, sealed []byte) error {
		plain, err := keys.Open(of, seq, sealDocument, sealed, nil)
		if err != nil {
			return err
		}
		doc, err := storage.DecodeDocument(plain)
		if err != nil {
			return err
		}
		return f(of, func(text func([]byte)) {
			for i := range doc.Traits {
				eachText(doc.Traits[i].Last.Raw, text)
			}
		})
	})
	if err != nil {
		return err
	}
	return e.records(snap, nobody+1, func(of kith.FragmentID, value []byte) error {
		return f(of, func(text func([]byte)) { text(value) })
	})
}

// wordsPart is how many words go into one run when the index is made anew.
const wordsPart = 4 << 20

// words makes the index anew, beside the one there is, from the documents of x
// and the identifiers that there are, without those that go and with those that come.
func (a *adoption) words(is, from *storage.Snapshot, left func(kith.FragmentID) bool, come []storage.FragmentRecord) (*storage.Words, error) {
	w, err := storage.OpenWords(a.e.store.Get, a.e.words.Blank())
	if err != nil {
		return nil, err
	}
	w.Begin()
	n, lexer := 0, a.e.secret.Lexer()
	var keys []uint64
	add := func(f kith.FragmentID, texts func(func([]byte))) error {
		if left != nil && !left(f) {
			return nil
		}
		keys = keys[:0]
		texts(func(text []byte) { keys = lexer.Keys(keys, text) })
		for _, key := range keys {
			w.Add(key, f)
		}
		if n += len(keys); n >= wordsPart {
			n = 0
			return a.run(w)
		}
		return nil
	}
	err = a.e.said(from, a.x.keys, is, add)
	for i := range come {
		if err != nil {
			return nil, err
		}
		var value []byte
		if value, err = a.e.looked(&come[i]); err == nil && value != nil {
			err = add(come[i].Fragment, func(text func([]byte)) { text(value) })
		}
	}
	if err == nil {
		err = a.run(w)
	}
	return w, err
}

// makeWords makes the index in a directory that a version without it has left.
func (e *Engine) makeWords() error {
	if e.checkpoint.N == 0 || e.checkpoint.Words != nil {
		return nil
	}
	if e.o.ReadOnly {
		e.words = nil
		return nil
	}
	snap := e.store.Snapshot()
	defer snap.Release()
	a := &adoption{e: e, x: e, n: e.checkpoint.N, tx: e.store.Update(), begin: e.store.Update}
	defer func() { a.tx.Discard() }()
	w, err := a.words(snap, snap, nil, nil)
	if err != nil {
		return err
	}
	next := e.checkpoint
	next.Words = w.State()
	if err := errors.Join(a.tx.PutMeta(storage.MetaCheckpoint(), &next), e.commitAside(a.tx)); err != nil {
		return err
	}
	e.checkpoint = next
	if e.words, err = storage.OpenWords(e.store.Get, next.Words); err != nil {
		return err
	}
	a.tx = e.store.Update()
	return nil
}
