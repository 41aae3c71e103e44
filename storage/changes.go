package storage

import (
	"encoding/binary"

	"github.com/kithdb/kith"
)

// Change is a change of membership: truth, kept for ever. Segment is the
// segment's number: names are numbered in the order of their first definitions.
type Change struct {
	Seq     kith.Seq
	Segment uint32
	Version uint32
	Profile kith.ProfileID
	Entered bool
	Cause   kith.Cause
	Of      kith.Seq
	At      int64 // microseconds
}

func changesKey(last kith.Seq) []byte {
	return binary.BigEndian.AppendUint64([]byte{keySegment, 'f'}, uint64(last))
}

// PutChanges stores changes, whose numbers follow one another.
func (tx *Tx) PutChanges(list []Change) error {
	p := binary.AppendUvarint([]byte{1}, uint64(len(list)))
	at := int64(0)
	for i := range list {
		c := &list[i]
		entered := byte(0)
		if c.Entered {
			entered = 1
		}
		p = append(p, byte(c.Cause)<<1|entered)
		p = binary.AppendUvarint(p, uint64(c.Segment))
		p = binary.AppendUvarint(p, uint64(c.Version))
		p = binary.AppendUvarint(p, uint64(c.Profile))
		p = binary.AppendUvarint(p, uint64(c.Of))
		p = binary.AppendVarint(p, c.At-at)
		at = c.At
	}
	return tx.Put(changesKey(list[len(list)-1].Seq), p)
}

// Changes calls f for each change from a number on, in order.
func (r *Reader) Changes(from kith.Seq, f func(*Change) error) error {
	return r.ScanFrom([]byte{keySegment, 'f'}, changesKey(from), func(key, p []byte) error {
		return eachChange(key, p, func(c *Change) error {
			if c.Seq < from {
				return nil
			}
			return f(c)
		})
	})
}

// eachChange calls f for each change of a record.
func eachChange(key, p []byte, f func(*Change) error) error {
	d := decoder{p: p}
	if len(key) != 10 || d.byte() != 1 {
		return damaged(key)
	}
	n := d.uvarint()
	last := kith.Seq(binary.BigEndian.Uint64(key[2:]))
	if n == 0 || uint64(last) < n || n > uint64(len(d.p)) {
		return damaged(key)
	}
	c := Change{Seq: last - kith.Seq(n)}
	for range n {
		c.Seq++
		b := d.byte()
		c.Entered, c.Cause = b&1 == 1, kith.Cause(b>>1)
		c.Segment, c.Version = d.uint32(), d.uint32()
		c.Profile, c.Of = kith.ProfileID(d.uint32()), kith.Seq(d.uvarint())
		c.At += d.varint()
		if d.err != nil {
			return damaged(key)
		}
		own := c
		if err := f(&own); err != nil {
			return err
		}
	}
	if len(d.p) > 0 {
		return damaged(key)
	}
	return nil
}

// ChangeKeys gives the keys of all records of changes, for ChangesOf.
func (r *Reader) ChangeKeys() (keys [][]byte, err error) {
	err = r.Keys([]byte{keySegment, 'f'}, func(key []byte) error {
		keys = append(keys, append([]byte{}, key...))
		return nil
	})
	return keys, err
}

// ChangesOf calls f for each change of a record.
func (r *Reader) ChangesOf(key []byte, f func(*Change) error) error {
	p, err := r.Get(key)
	if err != nil {
		return err
	}
	if p == nil {
		return damaged(key)
	}
	return eachChange(key, p, f)
}
