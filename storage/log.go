package storage

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/kithdb/kith"
)

// Event is one accepted event as the log keeps it. Personal values stand in
// Sealed only. Times are microseconds since 1970, NoTime where absent.
type Event struct {
	Seq      kith.Seq
	Fragment kith.FragmentID   // whose it is: the strongest identifier's
	Also     []kith.FragmentID // the event's other identifiers, strongest first
	Kind     kith.Kind
	Flags    uint8 // kith.Flags
	Name     string
	Time     int64
	Received int64
	Sent     int64
	Original int64
	Source   uint32 // number in the dictionary of sources
	Load     uint32
	Message  string
	IDPrint  uint64 // fingerprint of the message id
	PayPrint uint64 // fingerprint of the payload
	Cells    []byte // leaves in the clear
	Sealed   []byte // identifying leaves, sealed under the fragment's key
	Said     []byte // identifying leaves that identifiers of the event are: the number of the path as a uvarint, and the place of the identifier, 0 for Fragment
}

// NoTime marks an absent time.
const NoTime = math.MinInt64

// Record is one entry of the log: an event, or a decision with what it did.
type Record struct {
	Seq      kith.Seq
	At       int64  // the instant of the commit, microseconds
	Ordinal  uint64 // of an event: its place in history
	Mark     EventMark
	Event    *Event
	Decision *Decision
}

// Decision is a decision and its effect on who owns which fragment: the effect
// is what a replay carries out, so a replay never decides.
type Decision struct {
	kith.Decision
	SpaceID uint8        // of a Number: the space's number in the directory
	Token   kith.Token   // of a Number
	Changes []Assignment // of a Link that joined two profiles: the one that went, and where; of a Leave or Cut: every fragment of the profile that fell apart, with its new owner
}

// Assignment says that a fragment belongs to a profile.
type Assignment struct {
	Fragment kith.FragmentID
	Profile  kith.ProfileID
}

// The types of record in a blob. The numbers are stored and never change.
const (
	recEvent    = 1
	recDecision = 2
	recSkip     = 3 // numbers used by records that are kept elsewhere: rejects, repeats, loads, rules
)

// Blob collects the records of a turn in the form in which they are stored. A
// blob covers the numbers First to Last without a gap.
type Blob struct {
	First, Last kith.Seq
	Events      []EventMark
	buf         []byte
}

// EventMark is where the record of an event begins in a blob, and how many
// records stand before it.
type EventMark struct{ Offset, Rank uint32 }

// NewBlob starts a blob whose first record will have number first, and whose
// first event will have the ordinal: its place in history.
func NewBlob(first kith.Seq, ordinal uint64, at int64, buf []byte) *Blob {
	b := &Blob{First: first, Last: first - 1, buf: buf[:0]}
	b.buf = binary.AppendUvarint(b.buf, uint64(first))
	b.buf = binary.AppendUvarint(b.buf, ordinal)
	b.buf = binary.AppendVarint(b.buf, at)
	return b
}

// BlobHead is what a blob begins with.
type BlobHead struct {
	First   kith.Seq // number of the first record
	Ordinal uint64   // of the first event
	At      int64    // the instant of the commit, microseconds
}

// HeadOf reads the head of a blob.
func HeadOf(blob []byte) (BlobHead, error) {
	d := decoder{p: blob}
	h := d.head()
	return h, d.corrupt("storage.log")
}

func (d *decoder) head() BlobHead {
	return BlobHead{kith.Seq(d.uvarint()), d.uvarint(), d.varint()}
}

func (d *decoder) corrupt(op string) error {
	if d.err == nil {
		return nil
	}
	return &kith.Error{Op: op, Kind: kith.ErrCorrupt, Err: d.err}
}

// Len gives the bytes so far.
func (b *Blob) Len() int { return len(b.buf) }

// Bytes gives the blob as it is stored.
func (b *Blob) Bytes() []byte { return b.buf }

// Empty tells whether the blob has no record.
func (b *Blob) Empty() bool { return b.Last < b.First }

// Skip uses up a number for a record that is kept under a key of its own.
func (b *Blob) Skip() kith.Seq {
	b.Last++
	b.buf = append(b.buf, recSkip)
	return b.Last
}

// Event appends an event, which gets the next number.
func (b *Blob) Event(ev *Event) kith.Seq {
	b.Last++
	ev.Seq = b.Last
	b.Events = append(b.Events, EventMark{uint32(len(b.buf)), uint32(b.Last - b.First)})
	p := append(b.buf, recEvent, byte(ev.Kind), ev.Flags)
	p = binary.AppendUvarint(p, uint64(ev.Fragment))
	p = binary.AppendUvarint(p, uint64(len(ev.Also)))
	for _, f := range ev.Also {
		p = binary.AppendUvarint(p, uint64(f))
	}
	p = binary.AppendUvarint(p, uint64(ev.Source))
	p = binary.AppendUvarint(p, uint64(ev.Load))
	p = appendTimes(p, [...]int64{ev.Time, ev.Received, ev.Sent, ev.Original})
	p = binary.LittleEndian.AppendUint64(p, ev.IDPrint)
	p = binary.LittleEndian.AppendUint64(p, ev.PayPrint)
	p = appendText(p, ev.Name)
	p = appendMessage(p, ev.Message)
	p = appendText(p, ev.Cells)
	p = appendText(p, ev.Sealed)
	p = appendText(p, ev.Said)
	b.buf = p
	return b.Last
}

// appendTimes appends a bit for each time that there is, and those: the first
// as it is, the others as their distance from the one before, which is small.
func appendTimes(p []byte, times [4]int64) []byte {
	at, last := len(p), int64(0)
	p = append(p, 0)
	for i, t := range times {
		if t != NoTime {
			p[at] |= 1 << i
			p = binary.AppendVarint(p, t-last)
			last = t
		}
	}
	return p
}

// appendMessage appends a message id. One that is a UUID, as nearly all are,
// takes 18 bytes instead of 37, and no compression finds those.
func appendMessage(p []byte, id string) []byte {
	var room [64]byte
	return appendText(p, PackValue(room[:0], id))
}

// Decision appends a decision, which gets the next number.
func (b *Blob) Decision(d *Decision) kith.Seq {
	b.Last++
	d.Seq = b.Last
	b.buf = append(b.buf, recDecision)
	b.buf = d.append(b.buf)
	return b.Last
}

func (d *Decision) append(p []byte) []byte {
	p = append(p, byte(d.Kind), d.SpaceID)
	if d.Kind == kith.Number {
		p = append(p, d.Token[:]...)
	}
	p = binary.AppendUvarint(p, uint64(d.Seq))
	p = binary.AppendUvarint(p, uint64(d.A))
	p = binary.AppendUvarint(p, uint64(d.B))
	p = binary.AppendUvarint(p, uint64(d.Cause))
	p = binary.AppendUvarint(p, uint64(d.Version))
	p = binary.AppendVarint(p, d.At.UnixMicro())
	p = appendText(p, d.Rule)
	p = appendText(p, d.Space)
	p = binary.AppendUvarint(p, uint64(len(d.Changes)))
	for _, c := range d.Changes {
		p = binary.AppendUvarint(p, uint64(c.Fragment))
		p = binary.AppendUvarint(p, uint64(c.Profile))
	}
	return p
}

func appendText[T string | []byte](p []byte, s T) []byte {
	p = binary.AppendUvarint(p, uint64(len(s)))
	return append(p, s...)
}

var errBlob = errors.New("a log record is malformed")

// EachRecord calls f for each record of a blob, in order. The event's byte
// slices alias the blob; the record itself is reused.
func EachRecord(blob []byte, f func(*Record) error) error {
	d := decoder{p: blob}
	h := d.head()
	seq, next := h.First, h.Ordinal
	rec := Record{At: h.At}
	var ev Event
	for len(d.p) > 0 && d.err == nil {
		rec.Mark = EventMark{uint32(len(blob) - len(d.p)), uint32(seq - h.First)}
		rec.Seq, rec.Event, rec.Decision = seq, nil, nil
		switch d.byte() {
		case recEvent:
			d.event(&ev)
			ev.Seq = seq
			rec.Event, rec.Ordinal = &ev, next
			next++
		case recDecision:
			dec := d.decision()
			rec.Decision = &dec
		case recSkip:
		default:
			d.err = errBlob
		}
		if d.err != nil {
			break
		}
		if err := f(&rec); err != nil {
			return err
		}
		seq++
	}
	return d.corrupt("storage.log")
}

// EventAt reads the event that a mark of the blob points at; first is the
// blob's first number.
func EventAt(blob []byte, first kith.Seq, m EventMark) (*Event, error) {
	d := decoder{err: errBlob}
	if int(m.Offset) < len(blob) && blob[m.Offset] == recEvent {
		d = decoder{p: blob[m.Offset+1:]}
	}
	ev := &Event{Seq: first + kith.Seq(m.Rank)}
	d.event(ev)
	return ev, d.corrupt("storage.log")
}

// decoder reads the forms that Blob writes; after the first fault it gives zeros.
type decoder struct {
	p   []byte
	err error
}

func (d *decoder) fail() { d.p, d.err = nil, errBlob }

func (d *decoder) byte() byte {
	if len(d.p) == 0 {
		d.fail()
		return 0
	}
	b := d.p[0]
	d.p = d.p[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.p)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.p = d.p[n:]
	return v
}

// uint32 refuses what has more bits: another text of the same number is damage.
func (d *decoder) uint32() uint32 {
	v := d.uvarint()
	if v > math.MaxUint32 {
		d.fail()
		return 0
	}
	return uint32(v)
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.p)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.p = d.p[n:]
	return v
}

func (d *decoder) fixed() uint64 {
	if len(d.p) < 8 {
		d.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(d.p)
	d.p = d.p[8:]
	return v
}

func (d *decoder) text() []byte {
	n := d.uvarint()
	if uint64(len(d.p)) < n {
		d.fail()
		return nil
	}
	s := d.p[:n:n]
	d.p = d.p[n:]
	return s
}

func (d *decoder) event(ev *Event) {
	ev.Kind, ev.Flags = kith.Kind(d.byte()), d.byte()
	ev.Fragment = kith.FragmentID(d.uint32())
	ev.Also = ev.Also[:0]
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		ev.Also = append(ev.Also, kith.FragmentID(d.uint32()))
	}
	ev.Source, ev.Load = d.uint32(), d.uint32()
	d.times(&ev.Time, &ev.Received, &ev.Sent, &ev.Original)
	ev.IDPrint, ev.PayPrint = d.fixed(), d.fixed()
	ev.Name = string(d.text())
	ev.Message = d.message()
	ev.Cells, ev.Sealed, ev.Said = d.text(), d.text(), d.text()
}

func (d *decoder) times(times ...*int64) {
	there, last := d.byte(), int64(0)
	for i, t := range times {
		*t = NoTime
		if there>>i&1 == 1 {
			last += d.varint()
			*t = last
		}
	}
	if there>>len(times) != 0 {
		d.fail()
	}
}

func (d *decoder) message() string {
	p := d.text()
	if len(p) == 17 && p[0] == valueUUID { // the common one without a stop on the heap
		var id [36]byte
		unpackUUID(&id, p[1:])
		return string(id[:])
	}
	p, err := UnpackValue(p, nil)
	if err != nil {
		d.fail()
	}
	return string(p)
}

func (d *decoder) token(t *kith.Token) {
	if len(d.p) < len(t) {
		d.fail()
		return
	}
	d.p = d.p[copy(t[:], d.p):]
}

func (d *decoder) decision() Decision {
	var v Decision
	v.Kind, v.SpaceID = kith.DecisionKind(d.byte()), d.byte()
	if v.Kind == kith.Number {
		d.token(&v.Token)
	}
	v.Seq = kith.Seq(d.uvarint())
	v.A, v.B = kith.FragmentID(d.uint32()), kith.FragmentID(d.uint32())
	v.Cause, v.Version = kith.Seq(d.uvarint()), d.uint32()
	v.At = micro(d.varint())
	v.Rule = string(d.text())
	v.Space = string(d.text())
	n := d.uvarint()
	if n > uint64(len(d.p)) {
		d.fail()
		return v
	}
	for ; n > 0 && d.err == nil; n-- {
		v.Changes = append(v.Changes, Assignment{kith.FragmentID(d.uint32()), kith.ProfileID(d.uint32())})
	}
	return v
}

func micro(us int64) time.Time { return time.UnixMicro(us).UTC() }

// PutLog stores the blob, and its decisions, which stay when the blob goes.
func (tx *Tx) PutLog(b *Blob, decisions []byte) error {
	before := tx.bytes
	if err := tx.Put(key8(keyLog, uint64(b.Last)), b.Bytes()); err != nil {
		return err
	}
	tx.s.logged.Add(tx.bytes - before)
	if len(decisions) == 0 {
		return nil
	}
	return tx.Put(key8(keyDecisions, uint64(b.Last)), decisions)
}

// AppendDecision appends a decision to a chunk of decisions.
func AppendDecision(chunk []byte, d *Decision) []byte { return d.append(chunk) }

// Blobs calls f for each blob that has a record with a number greater than
// after, in order.
func (r *Reader) Blobs(after kith.Seq, f func(last kith.Seq, blob []byte) error) error {
	return r.ScanFrom([]byte{keyLog}, key8(keyLog, uint64(after)+1), func(key, blob []byte) error {
		return f(kith.Seq(binary.BigEndian.Uint64(key[1:])), blob)
	})
}

// Decisions calls f for each link, refusal, leave and cut, in order.
func (r *Reader) Decisions(f func(*Decision) error) error {
	return r.Scan([]byte{keyDecisions}, func(_, chunk []byte) error {
		return EachDecision(chunk, f)
	})
}

// DecisionsFrom is Decisions of the chunks whose last number is from or more.
func (r *Reader) DecisionsFrom(from kith.Seq, f func(*Decision) error) error {
	return r.ScanFrom([]byte{keyDecisions}, key8(keyDecisions, uint64(from)), func(_, chunk []byte) error {
		return EachDecision(chunk, f)
	})
}

// DecisionKeys gives the keys of the chunks of decisions, for Get and EachDecision.
func (r *Reader) DecisionKeys() (keys [][]byte, err error) {
	err = r.Keys([]byte{keyDecisions}, func(key []byte) error {
		keys = append(keys, append([]byte{}, key...))
		return nil
	})
	return keys, err
}

// EachDecision calls f for each decision of a chunk.
func EachDecision(chunk []byte, f func(*Decision) error) error {
	d := decoder{p: chunk}
	for len(d.p) > 0 {
		v := d.decision()
		if d.err != nil {
			return &kith.Error{Op: "storage.decisions", Kind: kith.ErrCorrupt, Err: d.err}
		}
		if err := f(&v); err != nil {
			return err
		}
	}
	return nil
}

// TrimLog deletes up to n blobs whose records all have numbers up to upTo.
func (tx *Tx) TrimLog(upTo kith.Seq, n int) (deleted int, err error) {
	var keys [][]byte
	err = tx.Keys([]byte{keyLog}, func(key []byte) error {
		if binary.BigEndian.Uint64(key[1:]) > uint64(upTo) || len(keys) == n {
			return ErrStop
		}
		keys = append(keys, append([]byte{}, key...))
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}
