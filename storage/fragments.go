package storage

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/kithdb/kith"
)

// FragmentRecord is what the directory keeps of one identifier: the decision
// that gave it a number, and its value as it was first spelled, sealed.
type FragmentRecord struct {
	Fragment kith.FragmentID
	Seq      kith.Seq // of the decision
	At       int64    // its instant, microseconds
	Rules    uint32   // version of the rules then
	Space    uint8    // number in the dictionary of spaces
	Sealed   []byte
}

// recordChunk bounds a chunk of fragment records, so that one can be read without the others at small cost.
const recordChunk = 4 << 10

// PutFragments stores the records of new fragments, whose numbers follow one
// another, and which have one instant and one version of the rules.
func (tx *Tx) PutFragments(recs []FragmentRecord) error {
	var p []byte // Put takes a copy
	var last kith.Seq
	for i, r := range recs {
		if len(p) == 0 {
			p = binary.AppendVarint(p, r.At)
			p = binary.AppendUvarint(p, uint64(r.Rules))
			last = 0
		}
		p = binary.AppendUvarint(p, uint64(r.Seq-last))
		last = r.Seq
		p = append(p, r.Space)
		p = appendText(p, r.Sealed)
		if len(p) >= recordChunk || i == len(recs)-1 {
			if err := tx.Put(key4(keyFragments, uint32(r.Fragment)), p); err != nil {
				return err
			}
			p = p[:0]
		}
	}
	return nil
}

// Fragment gives the record of one fragment.
func (r *Reader) Fragment(f kith.FragmentID) (rec FragmentRecord, err error) {
	err = r.Fragments(f, func(found FragmentRecord) error {
		if found.Fragment == f {
			rec = found
			rec.Sealed = append([]byte{}, found.Sealed...)
		}
		if found.Fragment >= f {
			return ErrStop
		}
		return nil
	})
	if err == nil && rec.Seq == 0 {
		err = &kith.Error{Op: "storage.Fragment", Kind: kith.ErrCorrupt, Err: errors.New("a fragment has no record")}
	}
	return rec, err
}

// Fragments calls f for each fragment record, ascending, beginning with the
// chunk that holds from. Sealed is valid until f returns.
func (r *Reader) Fragments(from kith.FragmentID, f func(FragmentRecord) error) error {
	return r.fragmentChunks(from, func(_ []byte, recs []FragmentRecord) error {
		for _, rec := range recs {
			if err := f(rec); err != nil {
				return err
			}
		}
		return nil
	})
}

// fragmentChunks is Fragments, chunk by chunk.
func (r *Reader) fragmentChunks(from kith.FragmentID, f func(key []byte, recs []FragmentRecord) error) error {
	return r.ScanFrom([]byte{keyFragments}, key4(keyFragments, uint32(from)), func(key, chunk []byte) error {
		var recs []FragmentRecord
		d := decoder{p: chunk}
		at, rules := d.varint(), d.uint32()
		for seq := kith.Seq(0); len(d.p) > 0 && d.err == nil; {
			seq += kith.Seq(d.uvarint())
			recs = append(recs, FragmentRecord{At: at, Rules: rules, Seq: seq, Space: d.byte(), Sealed: d.text()})
		}
		if d.err != nil {
			return damaged(key)
		}
		last := binary.BigEndian.Uint32(key[1:])
		for i := range recs {
			recs[i].Fragment = kith.FragmentID(last - uint32(len(recs)-1-i))
		}
		return f(key, recs)
	})
}

// PairRecord is what was decided about two fragments, latest.
type PairRecord struct {
	Kind  kith.DecisionKind
	Seq   kith.Seq
	Cause kith.Seq // the event
	At    int64
	Rule  string
}

// Pair gives what was decided about two fragments.
func (r *Reader) Pair(a, b kith.FragmentID) (PairRecord, bool, error) {
	key := pairKey(min(a, b), max(a, b))
	p, err := r.Get(key)
	if err != nil || p == nil {
		return PairRecord{}, false, err
	}
	rec, err := decodePair(key, p)
	return rec, err == nil, err
}

// PutPair stores what was decided about two fragments; known says that
// something was decided about them before.
func (tx *Tx) PutPair(a, b kith.FragmentID, rec PairRecord, known bool) error {
	rule := slices.Index(pairRules, rec.Rule) + 1
	p := append(make([]byte, 0, 32), byte(rec.Kind), byte(rule))
	p = binary.AppendUvarint(p, uint64(rec.Seq))
	p = binary.AppendUvarint(p, uint64(rec.Seq-rec.Cause))
	p = binary.AppendVarint(p, rec.At)
	if rule == 0 {
		p = appendText(p, rec.Rule)
	}
	key := pairKey(min(a, b), max(a, b))
	if known {
		return tx.Replace(key, p)
	}
	return tx.Put(key, p)
}

// put stores a record, whether the key is new or not.
func (tx *Tx) put(key, payload []byte) error {
	old, err := tx.Get(key)
	if err != nil {
		return err
	}
	if old == nil {
		return tx.Put(key, payload)
	}
	return tx.Replace(key, payload)
}

// Pairs calls f for each decision about a fragment and one with a greater
// number, ascending.
func (r *Reader) Pairs(a kith.FragmentID, f func(b kith.FragmentID, rec PairRecord) error) error {
	return r.Scan(key4(keyPair, uint32(a)), func(key, p []byte) error {
		rec, err := decodePair(key, p)
		if err != nil {
			return err
		}
		return f(kith.FragmentID(binary.BigEndian.Uint32(key[5:])), rec)
	})
}

// pairRules are the rules that decide about pairs; a record has the place + 1,
// or 0 and the text. The places are stored and never change.
var pairRules = []string{"same_event", "alias", "unique", "limit", "shared"}

func decodePair(key, p []byte) (PairRecord, error) {
	d := decoder{p: p}
	rec := PairRecord{Kind: kith.DecisionKind(d.byte())}
	rule := d.byte()
	rec.Seq = kith.Seq(d.uvarint())
	rec.Cause, rec.At = rec.Seq-kith.Seq(d.uvarint()), d.varint()
	switch {
	case rule == 0:
		rec.Rule = string(d.text())
	case int(rule) <= len(pairRules):
		rec.Rule = pairRules[rule-1]
	default:
		d.fail()
	}
	if d.err != nil {
		return rec, damaged(key)
	}
	return rec, nil
}
