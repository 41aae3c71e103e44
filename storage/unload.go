package storage

import (
	"encoding/binary"
	"encoding/json"

	"github.com/kithdb/kith"
)

// Unload is a load that was taken back. It is kept for ever: the numbers of
// what went are not given again.
type Unload struct {
	ID        uint32   `json:"id"`        // of the load
	Seq       kith.Seq `json:"seq"`       // of this record
	Last      kith.Seq `json:"last"`      // of the last record that it brought with it
	At        int64    `json:"at"`        // microseconds
	Events    uint64   `json:"events"`    // that went
	Numbers   uint64   `json:"numbers"`   // of the log that no record has any more
	Fragments uint32   `json:"fragments"` // that went
}

// PutUnload stores one.
func (tx *Tx) PutUnload(u *Unload) error {
	p, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return tx.put(key4(keyUnload, u.ID), p)
}

// Unloads gives the loads that were taken back, in the order of their numbers.
func (r *Reader) Unloads() (list []Unload, err error) {
	err = r.Scan([]byte{keyUnload}, func(key, p []byte) error {
		var u Unload
		if json.Unmarshal(p, &u) != nil {
			return damaged(key)
		}
		list = append(list, u)
		return nil
	})
	return list, err
}

// DropLoad takes a load away.
func (tx *Tx) DropLoad(id uint32) error { return tx.Delete(key4(keyLoad, id)) }

// DropPieces takes the rows away that are kept of a load. next is called between parts.
func (tx *Tx) DropPieces(r *Reader, load uint32, next func(tx *Tx) (*Tx, error)) (*Tx, error) {
	var keys [][]byte
	err := r.Keys(key4(keyPiece, load), func(key []byte) error {
		keys = append(keys, append([]byte{}, key...))
		return nil
	})
	for _, key := range keys {
		if err == nil {
			err = tx.Delete(key)
		}
		if err == nil {
			tx, err = next(tx)
		}
	}
	return tx, err
}

// KeepDecisions writes each chunk of decisions that keep does not keep whole
// without the others. next is called between chunks.
func (tx *Tx) KeepDecisions(r *Reader, keep func(*Decision) bool, next func(tx *Tx) (*Tx, error)) (*Tx, error) {
	err := r.Scan([]byte{keyDecisions}, func(key, chunk []byte) error {
		var left []byte
		whole := true
		err := EachDecision(chunk, func(d *Decision) error {
			if keep(d) {
				left = d.append(left)
			} else {
				whole = false
			}
			return nil
		})
		switch {
		case err != nil || whole:
			return err
		case left == nil:
			err = tx.Delete(append([]byte{}, key...))
		default:
			err = tx.Replace(append([]byte{}, key...), left)
		}
		if err == nil {
			tx, err = next(tx)
		}
		return err
	})
	return tx, err
}

// PutDecisions stores a chunk of decisions of which last is the last.
func (tx *Tx) PutDecisions(last kith.Seq, chunk []byte) error {
	return tx.Put(key8(keyDecisions, uint64(last)), chunk)
}

// DropFragments takes the records of fragments away; the others of their
// chunks stand in chunks of their own, because the numbers of a chunk follow
// one another.
func (tx *Tx) DropFragments(r *Reader, gone func(kith.FragmentID) bool, next func(tx *Tx) (*Tx, error)) (*Tx, error) {
	var chunk []FragmentRecord
	var last []byte
	flush := func() error {
		whole := true
		var runs [][]FragmentRecord
		open := false
		for _, rec := range chunk {
			if gone(rec.Fragment) {
				whole, open = false, false
				continue
			}
			if !open {
				runs, open = append(runs, nil), true
			}
			runs[len(runs)-1] = append(runs[len(runs)-1], rec)
		}
		chunk = chunk[:0]
		if whole {
			return nil
		}
		if err := tx.Delete(last); err != nil {
			return err
		}
		for _, run := range runs {
			if err := tx.PutFragments(run); err != nil {
				return err
			}
		}
		var err error
		tx, err = next(tx)
		return err
	}
	err := r.fragmentChunks(0, func(key []byte, recs []FragmentRecord) error {
		last = append([]byte{}, key...)
		for _, rec := range recs {
			rec.Sealed = append([]byte{}, rec.Sealed...)
			chunk = append(chunk, rec)
		}
		return flush()
	})
	return tx, err
}

// KeepRepeats writes each record of natural duplicates anew of which keep gives
// false for one, without it, and tells how many records went whole. next is
// called between records.
func (tx *Tx) KeepRepeats(r *Reader, keep func(seq kith.Seq, d Repeat) bool, next func(tx *Tx) (*Tx, error)) (_ *Tx, emptied uint64, err error) {
	err = r.Scan([]byte{keyRepeats}, func(key, p []byte) error {
		seq := kith.Seq(binary.BigEndian.Uint64(key[1:]))
		var left []byte
		whole := true
		err := eachRepeat(key, p, func(d Repeat) error {
			if keep(seq, d) {
				left = AppendRepeat(left, d)
			} else {
				whole = false
			}
			return nil
		})
		switch {
		case err != nil || whole:
			return err
		case left == nil:
			emptied++
			err = tx.Delete(append([]byte{}, key...))
		default:
			err = tx.Replace(append([]byte{}, key...), left)
		}
		if err == nil {
			tx, err = next(tx)
		}
		return err
	})
	return tx, emptied, err
}

// KeepRejects writes each chunk of rejects anew that keep changes something of:
// it may change the reject, and gives false for one that goes. open and seal
// are those of Rejects; what is sealed again has the number of the chunk, so
// seal must draw a new salt. next is called between chunks.
func (tx *Tx) KeepRejects(r *Reader, open func(number uint64, sealed []byte) ([]byte, error), seal sealer, keep func(*Reject) (stays, changed bool), next func(tx *Tx) (*Tx, error)) (*Tx, error) {
	err := r.rejectChunks(0, open, func(key []byte, recs []Reject) error {
		whole := true
		var left []Reject
		for i := range recs {
			stays, changed := keep(&recs[i])
			whole = whole && stays && !changed
			if stays {
				left = append(left, recs[i])
			}
		}
		if whole {
			return nil
		}
		if err := tx.Delete(append([]byte{}, key...)); err != nil {
			return err
		}
		var c Rejects
		for i := range left {
			c.add(&left[i])
		}
		err := c.Flush(tx, seal)
		if err == nil {
			tx, err = next(tx)
		}
		return err
	})
	return tx, err
}
