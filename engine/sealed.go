package engine

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// Of what is sealed, history has nothing in the clear, no token either: a
// condition on it opens it, event by event. So that those on anything else open
// nothing, the paths are known of which some event has a leaf sealed. They only
// become more: one that no event has any more costs time, and no answer.

// sealing notes that an event has a leaf with a path sealed: conditions on the
// path open what they look at from then on. It is stored with the commit.
func (e *Engine) sealing(path uint32) {
	if e.paths.Seal(path) {
		e.sealed.id(e.paths.Path(path))
	}
}

// sealingAll is sealing of each of some leaves; false: they are not well formed.
func (e *Engine) sealingAll(secret []byte) bool {
	known := true
	return history.EachCell(secret, func(path uint32, _ []byte) bool {
		if known = int(path) < e.paths.Len(); known {
			e.sealing(path)
		}
		return known
	}) && known
}

// openSealed takes up the paths that are sealed. The list of a directory begins
// with the path of none; where even that is missing, a version without the list
// has left it.
func (e *Engine) openSealed(list []string, head *storage.Head) error {
	e.sealed = newNames(list)
	if len(list) == 0 {
		if head.Seq == 0 {
			e.sealing(clean.More)
		} else {
			e.paths.SealAll() // for a reader; makeSealed finds out which they are
		}
	}
	for _, path := range list {
		id, ok := e.paths.Find(path)
		if !ok || !e.paths.Seal(id) {
			return &kith.Error{Op: "engine.Open", On: "sealed paths", Kind: kith.ErrCorrupt, Err: errors.New("one stands twice, or is no path")}
		}
	}
	return nil
}

// makeSealed makes the list in a directory that a version without it has left.
func (e *Engine) makeSealed() error {
	if len(e.sealed.all()) > 0 || e.o.ReadOnly {
		return nil
	}
	e.paths.SealNone()
	e.sealing(clean.More)
	snap := e.store.Snapshot()
	defer snap.Release()
	each := func(r *history.Row) error { return e.sealingOf(r, identityIn(e.keys, snap)) }
	for r, err := range e.hist.Scan(context.Background(), 1, e.hist.Watermark()) {
		if err == nil {
			err = each(&r)
		}
		if err != nil {
			return err
		}
	}
	err := snap.Blobs(kith.Seq(e.hist.Watermark()), func(_ kith.Seq, blob []byte) error {
		return storage.EachRecord(blob, func(rec *storage.Record) error {
			if rec.Event == nil {
				return nil
			}
			return each(ptr(e.follow.row(rec.Event)))
		})
	})
	if err != nil {
		return err
	}
	tx := e.store.Update()
	defer tx.Discard()
	if err := e.putNames(tx); err != nil {
		return err
	}
	return e.commitAside(tx)
}

// sealingOf is sealing of each leaf that a row has sealed.
func (e *Engine) sealingOf(r *history.Row, identifier func(kith.FragmentID) ([]byte, error)) error {
	secret, err := leaves(e.keys, r, identifier)
	if err != nil {
		return err
	}
	if !e.sealingAll(secret) {
		return &kith.Error{Op: "engine.Open", On: on("event", r.Seq), Kind: kith.ErrCorrupt, Err: errSaid}
	}
	return nil
}

// veil hides values that say who somebody is while leaves keep them: under a key
// that nobody else has, and that ends with the process. Any number may use it at once.
type veil struct {
	aead cipher.AEAD
	n    atomic.Uint64 // values so far: each has its own nonce
}

func newVeil() *veil {
	var key [16]byte
	rand.Read(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("unreachable: a key of 16 bytes")
	}
	v := &veil{}
	if v.aead, err = cipher.NewGCM(block); err != nil {
		panic("unreachable: a block of 16 bytes")
	}
	return v
}

// hide veils a value: its Text is then the nonce and what is sealed.
func (v *veil) hide(d query.Datum) query.Datum {
	var room [veilNonce]byte
	binary.BigEndian.PutUint64(room[:], v.n.Add(1))
	var plain []byte
	switch d.As {
	case query.Number:
		plain = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, d.Num.Lo), uint64(d.Num.Hi))
	case query.Time:
		plain = binary.BigEndian.AppendUint64(nil, uint64(d.Time))
	case query.Bool:
		plain = strconv.AppendBool(nil, d.Bool)
	default:
		plain = []byte(d.Text)
	}
	return query.Datum{As: d.As, Secret: true, Text: string(v.aead.Seal(room[:], room[:], plain, nil))}
}

const veilNonce = 12

// show is the inverse of hide.
func (v *veil) show(d query.Datum) query.Datum {
	sealed := []byte(d.Text)
	plain, err := v.aead.Open(nil, sealed[:veilNonce], sealed[veilNonce:], nil)
	if err != nil {
		panic("unreachable: it never left this process")
	}
	out := query.Datum{As: d.As, Secret: true}
	switch d.As {
	case query.Number:
		out.Num = query.Dec{Lo: binary.BigEndian.Uint64(plain), Hi: int64(binary.BigEndian.Uint64(plain[8:]))}
	case query.Time:
		out.Time = int64(binary.BigEndian.Uint64(plain))
	case query.Bool:
		out.Bool = string(plain) == "true"
	default:
		out.Text = string(plain)
	}
	return out
}
