package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// store reads every value of the Badger store.
func (c *checker) store() error {
	snap := c.v.snap
	if c.e.dir != "" {
		if err := c.e.store.Verify(); err != nil {
			c.bad("store", "tables", err)
		}
	}
	for _, m := range []struct {
		key  []byte
		into any
	}{{storage.MetaHead(), &c.head}, {storage.MetaCheckpoint(), &c.point}} {
		if _, err := snap.Meta(m.key, m.into); err != nil {
			c.bad("store", string(m.key[1:]), err)
		}
	}
	var err error
	if c.unloads, err = snap.Unloads(); err != nil {
		return err
	}
	want(c, "head", "number", c.head.Seq, c.v.seq)
	want(c, "head", "events", c.head.Events, c.v.events)
	want(c, "head", "identifiers", c.head.Fragments, c.v.fragments)
	found, err := snap.Check(c.ctx)
	if err != nil {
		return err
	}
	for _, p := range found {
		c.count("records", int(p.Records))
		if p.Damaged > 0 {
			c.bad("stored value", p.On(), fmt.Errorf("%d of %d: %w", p.Damaged, p.Records, p.Err))
		}
		switch {
		case p.Byte == 0 && p.Records > 0:
			c.bad("stored value", p.On(), errors.New("a record under a key that this version does not know"))
		case p.Byte == 0 || p.IsMeta(): // of these there is one each
		default:
			want(c, "record count", p.On(), p.Records, storage.Counted(c.head.Counts, p.Byte))
		}
	}
	return nil
}

// keyring reads keys/ anew, and keeps what it opened for the rest of the check.
func (c *checker) keyring() error {
	c.keys = c.e.keys
	list := make([]string, c.e.paths.Len())
	for i := range list {
		list[i] = c.e.paths.Path(uint32(i))
	}
	var err error
	if c.paths, err = clean.NewPaths(list); err != nil {
		return err
	}
	if c.e.dir == "" {
		return nil
	}
	keys, err := storage.OpenKeyring(c.e.path("keys"), c.e.o.Key, false, c.v.snap.Get)
	if err != nil {
		return err
	}
	keys.Limit(c.e.lim.keys / 2)
	c.keys = keys
	id, secret := c.e.keys.Secret()
	if now, ok := keys.SecretOf(id); !ok || now != secret {
		c.bad("keys", "secret", errors.New("the file has another one"))
	}
	return nil
}

// log looks whether the log of the store has every number once, from the
// checkpoint to the end.
func (c *checker) log() error {
	c.logged = map[kith.Seq]uint64{}
	next, ordinal := kith.Seq(0), uint64(0)
	err := c.v.snap.Blobs(0, func(last kith.Seq, blob []byte) error {
		h, err := storage.HeadOf(blob)
		if err != nil {
			return err
		}
		if next == 0 {
			if next, ordinal = h.First, h.Ordinal; h.First > c.point.Seq+1 {
				c.bad("log", on("number", c.point.Seq+1), errors.New("it is missing, and no checkpoint has it"))
			}
		}
		want(c, "log", "first number of a record", h.First, next)
		want(c, "log", "first ordinal of a record", h.Ordinal, ordinal)
		n := kith.Seq(0)
		err = storage.EachRecord(blob, func(rec *storage.Record) error {
			n++
			if rec.Decision != nil {
				c.logged[rec.Seq] = decisionPrint(rec.Decision)
				if d := rec.Decision; d.Kind == kith.Number && d.Seq > c.point.Seq {
					c.given = append(c.given, given{d.Token, d.A})
				}
			}
			if rec.Event != nil {
				ordinal = rec.Ordinal + 1
				c.logged[rec.Seq] = rowPrint(ptr(c.e.follow.row(rec.Event)))
				c.tail = append(c.tail, tailEvent{rec.Seq, rec.Event.IDPrint, rec.Event.PayPrint})
			}
			return nil
		})
		want(c, "log", "last number of a record", h.First+n-1, last)
		next = last + 1
		return err
	})
	if err != nil {
		return err
	}
	if next == 0 {
		next, ordinal = c.point.Seq+1, c.v.events
	}
	want(c, "log", "last number", next-1, c.v.seq)
	want(c, "log", "events", ordinal, c.v.events)
	c.count("log events", len(c.tail))
	return nil
}

func ptr[T any](v T) *T { return &v }

// rowPrint is a print of everything in a row; its leaves count as a set.
func rowPrint(r *history.Row) uint64 {
	var room [512]byte
	p := room[:0]
	for _, v := range [...]int64{
		int64(r.Seq), int64(r.Fragment), int64(r.Kind), int64(r.Flags), r.Time, r.Received, r.Sent, r.Original, int64(r.Load), int64(len(r.Also)),
	} {
		p = binary.LittleEndian.AppendUint64(p, uint64(v))
	}
	for _, f := range r.Also {
		p = binary.LittleEndian.AppendUint32(p, f)
	}
	for _, text := range [...]string{r.Name, r.Source, r.MessageID, string(r.Sealed), string(r.Said)} {
		p = append(binary.AppendUvarint(p, uint64(len(text))), text...)
	}
	sum := xxh3.Hash(p)
	history.EachCell(r.Cells, func(path uint32, text []byte) bool {
		sum += xxh3.HashSeed(text, uint64(path)+1)
		return true
	})
	return sum
}

func decisionPrint(d *storage.Decision) uint64 { return xxh3.Hash(storage.AppendDecision(nil, d)) }

// agree compares what the log says under a number, where it still has it, with what is kept for ever.
func (c *checker) agree(s kith.Seq, print uint64) {
	if logged, ok := c.logged[s]; ok {
		if logged != print {
			c.bad("log", on("number", s), errors.New("what is kept says another thing"))
		}
		delete(c.logged, s)
	}
}

// history waits until history has the version, and lets it look at itself.
func (c *checker) history() error {
	if err := c.e.follow.catchUp(c.ctx, c.v.seq); err != nil {
		return err
	}
	for err := range c.e.hist.Check(c.ctx) {
		c.bad("history", "", err)
	}
	return c.ctx.Err()
}

// ids compares the index of message ids with history, as a recovery would find
// it: the runs of the checkpoint, and the log after it.
func (c *checker) ids() error {
	mids, err := storage.OpenMids(c.v.snap.Get, c.point.Mids)
	if err != nil {
		return err
	}
	if err := mids.Check(); err != nil {
		return err
	}
	mids.Begin()
	for _, t := range c.tail {
		if t.seq > c.point.Seq {
			mids.Add(t.idPrint, t.payment, uint64(t.seq))
		}
	}
	mids.Commit()
	n := uint64(0)
	err = mids.Each(func(_, _, seq uint64) error {
		n++
		if seq == 0 || seq > uint64(c.v.seq) {
			c.bad("message id", on("event", seq), errors.New("there is no such event"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	want(c, "message id", "how many", n, c.v.events)
	c.sealed = map[uint32]bool{}
	return errors.Join(c.eachID(mids), c.sealedPaths())
}

// sealedPaths looks whether each path of which a leaf was found sealed is known
// as one: conditions on it would not open it.
func (c *checker) sealedPaths() error {
	list, err := c.v.snap.Names(storage.Sealed)
	if err != nil {
		return err
	}
	for path := range c.sealed {
		if !slices.Contains(list, c.paths.Path(path)) {
			c.bad("sealed path", on("path", path), errors.New("an event has a leaf of it sealed, and the list does not have it"))
		}
		c.count("sealed paths", 1)
	}
	return nil
}

// eachID looks for the message id and the payload of every event in the index.
func (c *checker) eachID(mids *storage.Mids) error {
	cl := clean.New(clean.Config{
		Paths: c.paths, IDs: c.e.matcher.Load(), Classes: classifier{c.e.classes}, Secret: *c.e.secret,
		Limit: 1 << 20, KeepIP: c.e.o.KeepIP,
	})
	var buf []byte
	for r, err := range c.e.hist.Scan(c.ctx, 1, uint64(c.v.seq)) {
		if err != nil {
			return err
		}
		mid, ok, err := mids.Find(cl.IDPrint(r.MessageID))
		if err != nil {
			return err
		}
		if !ok || mid.Seq != r.Seq {
			c.bad("message id", on("event", r.Seq), fmt.Errorf("the index has event %d for its id", mid.Seq))
			continue
		}
		if buf, err = c.original(buf[:0], &r); err != nil {
			c.bad("original", on("event", r.Seq), err)
			continue
		}
		cl.Line(buf, r.Received)
		it := cl.Next()
		switch {
		case it == nil || it.Code != "":
			c.bad("original", on("event", r.Seq), errors.New("what is kept of it is not an event"))
		case it.PayPrint != mid.Payload:
			c.bad("payload print", on("event", r.Seq), errors.New("what is kept of it has another print than what came in"))
		}
		c.count("message ids", 1)
	}
	return nil
}

// original puts an event together again.
func (c *checker) original(dst []byte, r *history.Row) ([]byte, error) {
	p := clean.Parts{
		Kind: kith.Kind(r.Kind), Name: r.Name, MessageID: r.MessageID,
		Time: r.Time, Original: r.Original, Sent: r.Sent, Received: r.Received, Cells: r.Cells,
	}
	var err error
	if p.Secret, err = c.secret(r); err != nil {
		return dst, err
	}
	history.EachCell(p.Secret, func(path uint32, _ []byte) bool {
		c.sealed[path] = true
		return true
	})
	for _, f := range append([]uint32{r.Fragment}, r.Also...) {
		id, err := c.identifier(f)
		switch {
		case err != nil:
			return dst, err
		case id.Space == "user_id" && p.UserID == "":
			p.UserID = id.Value
		case id.Space == "anonymous_id" && p.AnonymousID == "":
			p.AnonymousID = id.Value
		}
	}
	return clean.Original(dst, c.paths, &p)
}

// secret opens the identifying leaves of a row.
func (c *checker) secret(r *history.Row) ([]byte, error) {
	return leaves(c.keys, r, func(f kith.FragmentID) ([]byte, error) {
		id, err := c.identifier(uint32(f))
		return []byte(id.Value), err
	})
}

// identifier opens what a fragment is about.
func (c *checker) identifier(f uint32) (kith.Identifier, error) {
	if id, ok := c.known[f]; ok {
		return id, nil
	}
	marks, err := c.e.people.Marks(c.v.pin, kith.FragmentID(f))
	if err != nil {
		return kith.Identifier{}, err
	}
	rec, err := c.v.snap.Fragment(kith.FragmentID(f))
	if err != nil {
		return kith.Identifier{}, err
	}
	plain, err := storage.UnpackValue(c.keys.Open(kith.FragmentID(f), uint64(rec.Seq), sealIdentity, rec.Sealed, nil))
	id := kith.Identifier{Space: c.e.spaces.at(int(marks.Space)), Value: string(plain)}
	c.know(f, id)
	return id, err
}

// know keeps an opened identifier, as far as there is memory.
func (c *checker) know(f uint32, id kith.Identifier) {
	if int64(len(c.known)) < c.e.lim.state/400 {
		c.known[f] = id
	}
}
