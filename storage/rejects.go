package storage

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/klauspost/compress/zstd"

	"github.com/kithdb/kith"
)

// Reject is an item that was not accepted, and why.
type Reject struct {
	Seq     kith.Seq
	At      int64 // microseconds
	Verdict kith.Verdict
	Code    string
	Path    string
	Offset  int64 // byte of the item
	Line    int64 // place in the input, from 1
	Load    uint32
	Source  string
	Repeats kith.Seq // of a synthetic duplicate: the event whose id it has
	Raw     []byte   // the item
}

// rejectChunk bounds a chunk before it is packed: items together pack to a fraction of what each takes alone, and to read one is to open its chunk.
const rejectChunk = 128 << 10

// Rejects collects the items that a turn does not accept. They are stored as
// chunks, whose items are packed and sealed together.
type Rejects struct {
	last kith.Seq
	body []byte
	raw  []byte
}

// sealer seals, under a number that comes once, what must not be read in the clear.
type sealer func(number uint64, plain []byte) ([]byte, error)

// Put adds an item, and stores the chunk when that is large enough.
func (c *Rejects) Put(tx *Tx, r *Reject, seal sealer) error {
	c.add(r)
	if c.Pending() < rejectChunk {
		return nil
	}
	return c.Flush(tx, seal)
}

func (c *Rejects) add(r *Reject) {
	p := c.body
	p = binary.AppendUvarint(p, uint64(r.Seq))
	p = binary.AppendVarint(p, r.At)
	p = append(p, byte(r.Verdict))
	p = appendText(p, r.Code)
	p = appendText(p, r.Path)
	p = binary.AppendVarint(p, r.Offset)
	p = binary.AppendVarint(p, r.Line)
	p = binary.AppendUvarint(p, uint64(r.Load))
	p = appendText(p, r.Source)
	p = binary.AppendUvarint(p, uint64(r.Repeats))
	p = binary.AppendUvarint(p, uint64(len(r.Raw)))
	c.body, c.raw, c.last = p, append(c.raw, r.Raw...), r.Seq
}

// Flush stores what was added since the last chunk.
func (c *Rejects) Flush(tx *Tx, seal sealer) error {
	if len(c.body) == 0 {
		return nil
	}
	sealed, err := seal(uint64(c.last), packer.EncodeAll(c.raw, nil))
	if err != nil {
		return err
	}
	p := appendText(nil, c.body)
	p = append(p, sealed...)
	c.body, c.raw = c.body[:0], c.raw[:0]
	return tx.Put(key8(keyReject, uint64(c.last)), p)
}

// Pending gives how many bytes of items wait for a chunk.
func (c *Rejects) Pending() int { return len(c.raw) + len(c.body) }

// packer and unpacker pack items. Neither keeps anything of them.
var (
	packer   = must(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(2*rejectChunk)))
	unpacker = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(rejectMost)))
)

// rejectMost is more than a chunk ever has.
const rejectMost = 4 << 20

func must[T any](v T, err error) T {
	if err != nil {
		panic("unreachable: " + err.Error()) // only options that do not exist
	}
	return v
}

// Rejects calls f for each reject from a number on, in order. open opens what
// was sealed under a number; where it gives nil, rejects have no Raw. The reject
// is valid until f returns.
func (r *Reader) Rejects(from kith.Seq, open func(number uint64, sealed []byte) ([]byte, error), f func(*Reject) error) error {
	return r.rejectChunks(from, open, func(_ []byte, recs []Reject) error {
		for i := range recs {
			if recs[i].Seq < from {
				continue
			}
			if err := f(&recs[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// rejectChunks is Rejects, chunk by chunk.
func (r *Reader) rejectChunks(from kith.Seq, open func(number uint64, sealed []byte) ([]byte, error), f func(key []byte, recs []Reject) error) error {
	return r.ScanFrom([]byte{keyReject}, key8(keyReject, uint64(from)), func(key, p []byte) error {
		d := decoder{p: p}
		body := decoder{p: d.text()}
		if d.err != nil || len(key) != 9 {
			return damaged(key)
		}
		packed, err := open(binary.BigEndian.Uint64(key[1:]), d.p)
		if err != nil {
			return err
		}
		var raw []byte
		if packed != nil {
			if raw, err = unpacker.DecodeAll(packed, nil); err != nil {
				return damaged(key)
			}
		}
		var recs []Reject
		for len(body.p) > 0 {
			rec := body.reject()
			n := body.uvarint()
			if body.err != nil || packed != nil && n > uint64(len(raw)) {
				return damaged(key)
			}
			if packed != nil {
				rec.Raw, raw = raw[:n:n], raw[n:]
			}
			recs = append(recs, rec)
		}
		return f(key, recs)
	})
}

func (d *decoder) reject() Reject {
	return Reject{
		Seq: kith.Seq(d.uvarint()), At: d.varint(), Verdict: kith.Verdict(d.byte()), Code: string(d.text()), Path: string(d.text()),
		Offset: d.varint(), Line: d.varint(), Load: d.uint32(), Source: string(d.text()), Repeats: kith.Seq(d.uvarint()),
	}
}

// PutRepeats stores the natural duplicates of a turn, as AppendRepeat made them.
func (tx *Tx) PutRepeats(seq kith.Seq, p []byte) error {
	return tx.Put(key8(keyRepeats, uint64(seq)), p)
}

// Repeat is one natural duplicate.
type Repeat struct {
	Load   uint32
	Line   int64    // place in the input, from 1
	Of     kith.Seq // the event that it repeats
	Source uint32   // number in the dictionary of sources, from 1; 0: it was not noted
	After  kith.Seq // the last record before it; 0: it was not noted
}

// AppendRepeat appends one to a record of them. A record begins with what no
// duplicate is: without it, it is of before sources and places were noted.
func AppendRepeat(p []byte, d Repeat) []byte {
	if len(p) == 0 {
		p = append(p, 0, 0, 0)
	}
	p = binary.AppendUvarint(p, uint64(d.Load))
	p = binary.AppendUvarint(p, uint64(d.Line))
	p = binary.AppendUvarint(p, uint64(d.Of))
	p = binary.AppendUvarint(p, uint64(d.Source))
	return binary.AppendVarint(p, int64(d.After-d.Of))
}

// Repeats calls f for each natural duplicate, in order of arrival.
func (r *Reader) Repeats(f func(seq kith.Seq, d Repeat) error) error {
	return r.Scan([]byte{keyRepeats}, func(key, p []byte) error {
		return eachRepeat(key, p, func(d Repeat) error { return f(kith.Seq(binary.BigEndian.Uint64(key[1:])), d) })
	})
}

func eachRepeat(key, p []byte, f func(Repeat) error) error {
	noted := len(p) >= 3 && p[0]|p[1]|p[2] == 0
	if noted {
		p = p[3:]
	}
	d := decoder{p: p}
	for len(d.p) > 0 {
		rep := Repeat{Load: d.uint32(), Line: int64(d.uvarint()), Of: kith.Seq(d.uvarint())}
		if noted {
			rep.Source, rep.After = d.uint32(), rep.Of+kith.Seq(d.varint())
		}
		if d.err != nil {
			return damaged(key)
		}
		if err := f(rep); err != nil {
			return err
		}
	}
	return nil
}

// RulesRecord is one version of the rules of identity.
type RulesRecord struct {
	Version uint32   `json:"version"`
	Seq     kith.Seq `json:"seq"`
	At      int64    `json:"at"` // microseconds
	Text    []byte   `json:"text"`
}

// PutRules stores one version of the rules.
func (tx *Tx) PutRules(r RulesRecord) error {
	p, err := json.Marshal(&r)
	if err != nil {
		return err
	}
	return tx.Put(key4(keyRules, r.Version), p)
}

// Rules gives one version of the rules.
func (r *Reader) Rules(version uint32) (rec RulesRecord, err error) {
	key := key4(keyRules, version)
	p, err := r.Get(key)
	if err != nil {
		return rec, err
	}
	if json.Unmarshal(p, &rec) != nil {
		return rec, damaged(key)
	}
	return rec, nil
}

var errUnit = errors.New("a derived unit is damaged")

// PutUnits stores units as of a checkpoint. A unit that is gone is stored
// empty, so that older ones do not show through.
func (tx *Tx) PutUnits(checkpoint uint64, units []Unit) error {
	for _, u := range units {
		key := unitKey(u.Key, checkpoint)
		if err := tx.Put(key, u.Data); err != nil {
			return err
		}
	}
	return nil
}

// Unit gives a unit as of a checkpoint, or nil.
func (r *Reader) Unit(k UnitKey, checkpoint uint64) (data []byte, err error) {
	prefix := unitPrefix(k)
	err = r.Scan(prefix, func(key, p []byte) error {
		if len(key) != len(prefix)+8 {
			return &kith.Error{Op: "storage.Unit", Kind: kith.ErrCorrupt, Err: errUnit}
		}
		if unitCheckpoint(key) > checkpoint {
			return ErrStop
		}
		data = append([]byte{}, p...)
		return nil
	})
	if len(data) == 0 {
		data = nil
	}
	return data, err
}

// SweepUnits deletes the units that a complete checkpoint has replaced, and
// those that an incomplete one left behind; up to n of them. It begins at
// from and gives where to go on, nil at the end.
func (tx *Tx) SweepUnits(checkpoint uint64, from []byte, n int) (next []byte, err error) {
	var last, drop [][]byte
	prefix := []byte{keyUnit}
	if from == nil {
		from = prefix
	}
	seen := 0
	err = tx.KeysFrom(prefix, from, func(key []byte) error {
		if seen++; seen > n && (len(last) == 0 || !sameUnit(last[0], key)) {
			next = append([]byte{}, key...)
			return ErrStop
		}
		key = append([]byte{}, key...)
		if unitCheckpoint(key) > checkpoint {
			drop = append(drop, key)
			return nil
		}
		if len(last) > 0 && sameUnit(last[0], key) {
			drop = append(drop, last[0])
		}
		last = [][]byte{key}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, key := range drop {
		if err := tx.Delete(key); err != nil {
			return nil, err
		}
	}
	return next, nil
}

func sameUnit(a, b []byte) bool { return string(a[:len(a)-8]) == string(b[:len(b)-8]) }
