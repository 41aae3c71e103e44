package storage

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/kithdb/kith"
)

// Load is one file or feed that was brought in, and how far it is.
type Load struct {
	ID     uint32     `json:"id"`
	Seq    kith.Seq   `json:"seq"` // of the record that began it
	Name   string     `json:"name"`
	Source string     `json:"source"`
	At     int64      `json:"at"`    // began, microseconds
	Ended  int64      `json:"ended"` // 0: it did not end
	Tally  kith.Tally `json:"tally"`

	Items   int64  `json:"items,omitempty"`   // items of the input that have a verdict
	Content []byte `json:"content,omitempty"` // tells its input from others
	Size    int64  `json:"size,omitempty"`    // of the input; 0: not known
	Taken   int64  `json:"taken,omitempty"`   // bytes of it, up to the end of the chunk of the last item; 0: not known
	Print   []byte `json:"print,omitempty"`   // of those

	Table string `json:"table,omitempty"` // of a reference table's load: which; it has no items

	// Of a load through a mapping; Rows also of a reference table's.
	Mapping  []byte   `json:"mapping,omitempty"`  // its text
	Head     []byte   `json:"head,omitempty"`     // what must be known to map the kept pieces again
	Rows     int64    `json:"rows,omitempty"`     // rows of the pieces that are kept
	Excepted int64    `json:"excepted,omitempty"` // rows of them that were left out on purpose
	Line     int64    `json:"line,omitempty"`     // of the last piece that is kept whole
	LastRows [2]int64 `json:"last,omitzero"`      // rows of that piece, and those of them that were left out
	Parts    uint32   `json:"parts,omitempty"`    // parts of pieces that were ever kept
}

// PutLoad stores a load, for the first time or again.
func (tx *Tx) PutLoad(l *Load) error {
	p, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return tx.put(key4(keyLoad, l.ID), p)
}

// Loads calls f for each load, in order.
func (r *Reader) Loads(f func(*Load) error) error {
	return r.Scan([]byte{keyLoad}, func(key, p []byte) error {
		var l Load
		if err := json.Unmarshal(p, &l); err != nil {
			return damaged(key)
		}
		return f(&l)
	})
}

// Load gives one load, nil where there is none of that number.
func (r *Reader) Load(id uint32) (*Load, error) {
	key := key4(keyLoad, id)
	p, err := r.Get(key)
	if err != nil || p == nil {
		return nil, err
	}
	l := &Load{}
	if json.Unmarshal(p, l) != nil || l.ID != id {
		return nil, damaged(key)
	}
	return l, nil
}

// LastLoads calls f for each load, the newest first.
func (r *Reader) LastLoads(f func(*Load) error) error {
	var ids []uint32
	err := r.Keys([]byte{keyLoad}, func(key []byte) error {
		if len(key) == 5 {
			ids = append(ids, binary.BigEndian.Uint32(key[1:]))
		}
		return nil
	})
	for i := len(ids) - 1; i >= 0 && err == nil; i-- {
		var l *Load
		if l, err = r.Load(ids[i]); err == nil && l != nil {
			err = f(l)
		}
	}
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return err
}
