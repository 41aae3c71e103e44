package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// An identifying leaf that is one of the event's own identifiers, spelled as
// the record of its fragment has it, is sealed there already: the event says
// only which of its identifiers it is. A device's id in every event of an app
// is then two bytes, and not 60 and a sealing.

// tell divides the identifying leaves of an item into those that its identifiers
// already are, as pairs of path and place among the identifiers, and the others.
func (t *turn) tell(it *item, frags []kith.FragmentID) (said, secret []byte, err error) {
	t.said, t.secret = t.said[:0], t.secret[:0]
	ok := history.EachCell(it.secret, func(path uint32, text []byte) bool {
		t.l.e.sealing(path)
		k := it.spells(text)
		if k >= 0 {
			var same bool
			if same, err = t.spelled(frags[k], it.claims[k].norm); err != nil {
				return false
			}
			if same {
				t.said = append(binary.AppendUvarint(t.said, uint64(path)), byte(k))
				return true
			}
		}
		t.secret = history.AppendCell(t.secret, path, text)
		return true
	})
	if err == nil && !ok {
		err = errSaid
	}
	return t.said, t.secret, err
}

// spells gives which claim a text is, to the letter and in its normal form; -1: none.
func (it *item) spells(text []byte) int {
	if len(text) < 2 || text[0] != '"' {
		return -1
	}
	return slices.IndexFunc(it.claims, func(c claim) bool {
		return bytes.Equal(text[1:len(text)-1], c.value) && bytes.Equal(c.value, c.norm)
	})
}

// spelled tells whether the record of a fragment has the normal form of its
// identifier: how it was first spelled may be another.
func (t *turn) spelled(f kith.FragmentID, norm []byte) (bool, error) {
	if same, ok := t.l.spelled[f]; ok {
		return same, nil
	}
	var rec storage.FragmentRecord
	if n := len(t.fresh); n > 0 && f >= t.fresh[0].Fragment {
		rec = t.fresh[f-t.fresh[0].Fragment]
	} else {
		snap := t.l.e.store.Snapshot()
		defer snap.Release()
		var err error
		if rec, err = snap.Fragment(f); err != nil {
			return false, err
		}
	}
	value, err := t.l.e.keys.Open(f, uint64(rec.Seq), sealIdentity, rec.Sealed, nil)
	if err != nil {
		return false, err
	}
	same := bytes.Equal(value, norm)
	t.remember(f, same)
	return same, nil
}

// remember notes whether a fragment's record has the normal form.
func (t *turn) remember(f kith.FragmentID, same bool) {
	if len(t.l.spelled) >= t.l.frags.limit {
		clear(t.l.spelled)
	}
	t.l.spelled[f] = same
}

var errSaid = errors.New("the identifying leaves of an event are not well formed")

// leaves opens the identifying leaves of a stored event, in the form of cells.
// identifier gives what a fragment's record has. It gives nil when there are none.
func leaves(keys *storage.Keyring, r *history.Row, identifier func(f kith.FragmentID) ([]byte, error)) (secret []byte, err error) {
	if len(r.Sealed) > 0 {
		if secret, err = keys.Open(kith.FragmentID(r.Fragment), r.Seq, sealEvent, r.Sealed, nil); err != nil {
			return nil, err
		}
	}
	var text []byte
	for said := r.Said; len(said) > 0; {
		path, n := binary.Uvarint(said)
		if n <= 0 || n >= len(said) || path > 1<<32-1 || int(said[n]) > len(r.Also) {
			return nil, &kith.Error{Op: "engine.leaves", Kind: kith.ErrCorrupt, Err: errSaid}
		}
		f := r.Fragment
		if k := int(said[n]); k > 0 {
			f = r.Also[k-1]
		}
		said = said[n+1:]
		value, err := identifier(kith.FragmentID(f))
		if err != nil {
			return nil, err
		}
		text = append(append(append(text[:0], '"'), value...), '"')
		secret = history.AppendCell(secret, uint32(path), text)
	}
	return secret, nil
}

// leafOf appends the JSON text of one identifying leaf of a stored event; opened
// tells whether the sealed ones had to be opened for it.
func leafOf(dst []byte, keys *storage.Keyring, r *history.Row, path uint32, identifier func(f kith.FragmentID) ([]byte, error)) (out []byte, there, opened bool, err error) {
	for rest := r.Said; len(rest) > 0; {
		p, n := binary.Uvarint(rest)
		if n <= 0 || n >= len(rest) || int(rest[n]) > len(r.Also) {
			return dst, false, false, &kith.Error{Op: "engine.leaf", Kind: kith.ErrCorrupt, Err: errSaid}
		}
		if p == uint64(path) {
			f := r.Fragment
			if k := int(rest[n]); k > 0 {
				f = r.Also[k-1]
			}
			value, err := identifier(kith.FragmentID(f))
			return append(append(append(dst, '"'), value...), '"'), true, false, err
		}
		rest = rest[n+1:]
	}
	if len(r.Sealed) == 0 {
		return dst, false, false, nil
	}
	secret, err := keys.Open(kith.FragmentID(r.Fragment), r.Seq, sealEvent, r.Sealed, nil)
	if err != nil {
		return dst, false, true, err
	}
	ok := history.EachCell(secret, func(p uint32, text []byte) bool {
		if there = p == path; there {
			dst = append(dst, text...)
		}
		return !there
	})
	if !ok {
		err = &kith.Error{Op: "engine.leaf", Kind: kith.ErrCorrupt, Err: errSaid}
	}
	return dst, there, true, err
}

// identityIn gives what the record of a fragment has, of a reader of the store.
func identityIn(keys *storage.Keyring, in interface {
	Fragment(f kith.FragmentID) (storage.FragmentRecord, error)
}) func(f kith.FragmentID) ([]byte, error) {
	return func(f kith.FragmentID) ([]byte, error) {
		rec, err := in.Fragment(f)
		if err != nil {
			return nil, err
		}
		return keys.Open(f, uint64(rec.Seq), sealIdentity, rec.Sealed, nil)
	}
}
