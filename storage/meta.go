package storage

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kithdb/kith"
)

// Head is the record that every commit writes: where the log stands, and what
// was counted. It is truth.
type Head struct {
	Seq       kith.Seq              `json:"seq"`            // of the last record
	At        int64                 `json:"at"`             // instant of the commit, microseconds
	Events    uint64                `json:"events"`         // accepted events, which is the next event's ordinal
	Fragments uint32                `json:"fragments"`      // the next fragment's number
	Loads     uint32                `json:"loads"`          // the next load's number
	Rules     uint32                `json:"rules"`          // version of the rules
	Counts    []int64               `json:"counts"`         // records under each key prefix
	Tallies   map[string]kith.Tally `json:"tallies"`        // by source
	Told      int64                 `json:"told,omitempty"` // the instant that the members of segments are of, microseconds; 0: there were none
}

// CheckpointRecord is the record of a complete checkpoint: the state of every derived
// unit as of Seq can be read under keys that carry a number up to N.
type CheckpointRecord struct {
	N      uint64   `json:"n"`
	Seq    kith.Seq `json:"seq"`
	Mids   []byte   `json:"mids"`
	Nears  []byte   `json:"nears,omitempty"`
	Places []byte   `json:"places"`
	Tokens []byte   `json:"tokens"`
	Words  []byte   `json:"words,omitempty"` // absent: the index of words was never made
}

// PutMeta stores the one record of a name. It is never staged.
func (tx *Tx) PutMeta(key []byte, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key[1:], err)
	}
	old, err := tx.Get(key)
	if err != nil {
		return err
	}
	if old == nil {
		tx.delta[slot(key[0])]++
	}
	return tx.set(key, p)
}

// DropMeta takes the one record of a name away.
func (tx *Tx) DropMeta(key []byte) error { return tx.Delete(key) }

// Meta reads the one record of a name into v and tells whether there is one.
func (r *Reader) Meta(key []byte, v any) (bool, error) {
	p, err := r.Get(key)
	if err != nil || p == nil {
		return false, err
	}
	if err := json.Unmarshal(p, v); err != nil {
		return false, &kith.Error{Op: "storage.meta", On: string(key[1:]), Kind: kith.ErrCorrupt, Err: errors.New("not what was written")}
	}
	return true, nil
}

// The names that Meta and PutMeta take.
func MetaHead() []byte       { return metaState }
func MetaCheckpoint() []byte { return metaCheckpoint }
func MetaPending() []byte    { return metaPending }
func MetaManifest() []byte   { return metaManifest }
func MetaClock() []byte      { return metaClock }
func MetaUnload() []byte     { return metaUnload }

// The dictionaries of names. The bytes are stored and never change.
const (
	Spaces  = 's' // identifier spaces
	Sources = 'o' // sources
	Paths   = 'p' // paths of leaves
	Columns = 'c' // trait columns: a letter for the type, then the path
	Sealed  = 'e' // paths of leaves that some event has sealed, behind that of none
)

// PutNames stores the names that follow the first n of a dictionary.
func (tx *Tx) PutNames(dictionary byte, n int, names []string) error {
	var p []byte
	for i, name := range names {
		p = appendText(p, name)
		if len(p) >= recordChunk || i == len(names)-1 {
			if err := tx.Put(dictionaryKey(dictionary, uint32(n+i)), p); err != nil {
				return err
			}
			p = nil
		}
	}
	return nil
}

// DropNames takes all names of a dictionary away.
func (tx *Tx) DropNames(dictionary byte) error {
	var keys [][]byte
	err := tx.Keys([]byte{keyDictionary, dictionary}, func(key []byte) error {
		keys = append(keys, append([]byte{}, key...))
		return nil
	})
	for _, key := range keys {
		if err == nil {
			err = tx.Delete(key)
		}
	}
	return err
}

// Names gives all names of a dictionary; a name's number is its place.
func (r *Reader) Names(dictionary byte) ([]string, error) {
	var names []string
	err := r.Scan([]byte{keyDictionary, dictionary}, func(key, p []byte) error {
		d := decoder{p: p}
		for len(d.p) > 0 && d.err == nil {
			names = append(names, string(d.text()))
		}
		if d.err != nil || uint32(len(names)) != binary.BigEndian.Uint32(key[2:])+1 {
			return damaged(key)
		}
		return nil
	})
	return names, err
}
