package storage

import (
	"encoding/binary"
	"encoding/json"

	"github.com/kithdb/kith"
)

// SegmentRecord is a version of a segment, or of a computed trait: truth, kept
// for ever. The text of the condition or value is sealed, because it may name a
// person.
type SegmentRecord struct {
	Name    string   `json:"name"`
	Version uint32   `json:"version"` // counts up over the segments of this name
	Seq     kith.Seq `json:"seq"`
	At      int64    `json:"at"`               // when it was defined, microseconds
	Sealed  []byte   `json:"sealed,omitempty"` // none: it was dropped
}

// What a SegmentRecord defines, behind keySegment.
const (
	defSegment = 'd'
	defTrait   = 't'
)

func definitionKey(what byte, seq kith.Seq) []byte {
	return binary.BigEndian.AppendUint64([]byte{keySegment, what}, uint64(seq))
}

// PutSegment stores a version of a segment.
func (tx *Tx) PutSegment(r *SegmentRecord) error { return tx.putDefinition(defSegment, r) }

// PutTrait stores a version of a computed trait, of which Sealed is the value.
func (tx *Tx) PutTrait(r *SegmentRecord) error { return tx.putDefinition(defTrait, r) }

func (tx *Tx) putDefinition(what byte, r *SegmentRecord) error {
	p, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.Put(definitionKey(what, r.Seq), p)
}

// Segments calls f for each version of each segment, in order.
func (r *Reader) Segments(f func(*SegmentRecord) error) error { return r.definitions(defSegment, f) }

// Traits calls f for each version of each computed trait, in order.
func (r *Reader) Traits(f func(*SegmentRecord) error) error { return r.definitions(defTrait, f) }

func (r *Reader) definitions(what byte, f func(*SegmentRecord) error) error {
	return r.Scan([]byte{keySegment, what}, func(key, p []byte) error {
		var rec SegmentRecord
		if json.Unmarshal(p, &rec) != nil || len(key) != 10 || uint64(rec.Seq) != binary.BigEndian.Uint64(key[2:]) {
			return damaged(key)
		}
		return f(&rec)
	})
}
