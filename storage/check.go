package storage

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/kithdb/kith"
)

// Prefix is what Check found under one first byte of keys.
type Prefix struct {
	Byte    byte
	Records int64
	Damaged int64 // values that are not what was written
	Err     error // of the first of them, or what stopped the reading
}

// Check reads every value of the snapshot, prefix by prefix, and compares its
// envelope. A damaged value is counted and does not end it; keys that begin
// with no known byte come last, under byte 0.
func (s *Snapshot) Check(ctx context.Context) ([]Prefix, error) {
	all := make([]Prefix, len(prefixes)+1)
	for i := range len(prefixes) {
		all[i].Byte = prefixes[i]
	}
	at := [256]int{}
	for i := range at {
		at[i] = len(prefixes)
	}
	for i := range len(prefixes) {
		at[prefixes[i]] = i
	}
	err := s.checkAll(ctx, func(key []byte, err error) {
		p := &all[at[key[0]]]
		p.Records++
		if err != nil {
			if p.Damaged++; p.Err == nil {
				p.Err = err
			}
		}
	})
	return all, err
}

func (s *Snapshot) checkAll(ctx context.Context, f func(key []byte, err error)) (err error) {
	defer recoverCorrupt("storage.Check", &err)
	it := s.txn.NewIterator(badger.DefaultIteratorOptions)
	defer it.Close()
	n := 0
	for it.Rewind(); it.Valid(); it.Next() {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		item := it.Item()
		err := item.Value(func(v []byte) error {
			_, err := unpack(item.Key(), v)
			return err
		})
		f(item.Key(), err)
	}
	return nil
}

// Counted gives the number of records that counts, as a head record has them, say of a prefix.
func Counted(counts []int64, prefix byte) int64 {
	if i := slot(prefix); i < len(counts) {
		return counts[i]
	}
	return 0
}

// IsMeta tells whether a prefix is that of the records of which there is one.
func (p Prefix) IsMeta() bool { return p.Byte == keyMeta }

// EachPair calls f for each pair record whose smaller fragment is from on, in the order of keys.
func (r *Reader) EachPair(from kith.FragmentID, f func(a, b kith.FragmentID, rec PairRecord) error) error {
	return r.ScanFrom([]byte{keyPair}, key4(keyPair, uint32(from)), func(key, p []byte) error {
		if len(key) != 9 {
			return damaged(key)
		}
		rec, err := decodePair(key, p)
		if err != nil {
			return err
		}
		return f(kith.FragmentID(binary.BigEndian.Uint32(key[1:])), kith.FragmentID(binary.BigEndian.Uint32(key[5:])), rec)
	})
}

// EachDocument calls f for each sealed trait document, by fragment. Sealed is valid until f returns.
func (r *Reader) EachDocument(from kith.FragmentID, f func(of kith.FragmentID, seq uint64, sealed []byte) error) error {
	return r.ScanFrom([]byte{keyDocument}, key4(keyDocument, uint32(from)), func(key, p []byte) error {
		if len(key) != 5 || len(p) < 8 {
			return damaged(key)
		}
		return f(kith.FragmentID(binary.BigEndian.Uint32(key[1:])), binary.BigEndian.Uint64(p), p[8:])
	})
}

// EachUnit calls f for each unit as of a checkpoint; those that are gone are left out. Data is valid until f returns.
func (r *Reader) EachUnit(checkpoint uint64, f func(k UnitKey, data []byte) error) error {
	var last UnitKey
	var data []byte
	give := func() error {
		if len(data) == 0 {
			return nil
		}
		return f(last, data)
	}
	err := r.Scan([]byte{keyUnit}, func(key, p []byte) error {
		k, ok := ParseUnitKey(key[1:max(1, len(key)-8)])
		if !ok {
			return &kith.Error{Op: "storage.Units", Kind: kith.ErrCorrupt, Err: errUnit}
		}
		if unitCheckpoint(key) > checkpoint {
			return nil
		}
		if k != last {
			if err := give(); err != nil {
				return err
			}
		}
		last, data = k, append(data[:0], p...)
		return nil
	})
	if err != nil {
		return err
	}
	return give()
}

// DropDocument deletes a trait document, which must be there.
func (tx *Tx) DropDocument(f kith.FragmentID) error { return tx.Delete(key4(keyDocument, uint32(f))) }

// DropPair deletes the pair record under a and b in this order, which must be there.
func (tx *Tx) DropPair(a, b kith.FragmentID) error { return tx.Delete(pairKey(a, b)) }

// On names the prefix in a problem.
func (p Prefix) On() string {
	if p.Byte == 0 {
		return "keys of an unknown kind"
	}
	return fmt.Sprintf("prefix %c", p.Byte)
}

// Blank gives the state of places without any, whose next runs do not take the
// keys of those there are.
func (p *Places) Blank() []byte { return p.encode(nil) }

// UnitKeys calls f for each unit that has a record as of a checkpoint, without reading it.
func (r *Reader) UnitKeys(checkpoint uint64, f func(k UnitKey) error) error {
	var last UnitKey
	return r.Keys([]byte{keyUnit}, func(key []byte) error {
		k, ok := ParseUnitKey(key[1:max(1, len(key)-8)])
		if !ok || k == last || unitCheckpoint(key) > checkpoint {
			return nil
		}
		last = k
		return f(k)
	})
}

// PairKeys calls f for each pair of fragments that has a record, without reading it.
func (r *Reader) PairKeys(f func(a, b kith.FragmentID) error) error {
	return r.Keys([]byte{keyPair}, func(key []byte) error {
		if len(key) != 9 {
			return damaged(key)
		}
		return f(kith.FragmentID(binary.BigEndian.Uint32(key[1:])), kith.FragmentID(binary.BigEndian.Uint32(key[5:])))
	})
}

// DocumentKeys calls f for each fragment that has a trait document, without reading it.
func (r *Reader) DocumentKeys(f func(of kith.FragmentID) error) error {
	return r.Keys([]byte{keyDocument}, func(key []byte) error {
		if len(key) != 5 {
			return damaged(key)
		}
		return f(kith.FragmentID(binary.BigEndian.Uint32(key[1:])))
	})
}

// RepairDocument stores the sealed trait document of a fragment in the place of one that does not read.
func (tx *Tx) RepairDocument(f kith.FragmentID, seq uint64, sealed []byte) error {
	return tx.Replace(key4(keyDocument, uint32(f)), append(binary.BigEndian.AppendUint64(nil, seq), sealed...))
}
