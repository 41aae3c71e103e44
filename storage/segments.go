package storage

import (
	"encoding/binary"
	"encoding/json"

	"github.com/kithdb/kith"
)

// SegmentRecord is a version of a segment: truth, kept for ever. The text of its
// condition is sealed, because it may name a person.
type SegmentRecord struct {
	Name    string   `json:"name"`
	Version uint32   `json:"version"` // counts up over the segments of this name
	Seq     kith.Seq `json:"seq"`
	At      int64    `json:"at"`               // when it was defined, microseconds
	Sealed  []byte   `json:"sealed,omitempty"` // none: it was dropped
}

func segmentKey(seq kith.Seq) []byte {
	return binary.BigEndian.AppendUint64([]byte{keySegment, 'd'}, uint64(seq))
}

// PutSegment stores a version of a segment.
func (tx *Tx) PutSegment(r *SegmentRecord) error {
	p, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.Put(segmentKey(r.Seq), p)
}

// Segments calls f for each version of each segment, in order.
func (r *Reader) Segments(f func(*SegmentRecord) error) error {
	return r.Scan([]byte{keySegment, 'd'}, func(key, p []byte) error {
		var rec SegmentRecord
		if json.Unmarshal(p, &rec) != nil || len(key) != 10 || uint64(rec.Seq) != binary.BigEndian.Uint64(key[2:]) {
			return damaged(key)
		}
		return f(&rec)
	})
}
