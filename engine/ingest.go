package engine

import (
	"bytes"
	"context"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// Ingest takes events in. When it returns without an error each event has a
// verdict in the report, and what was accepted is durable: it survives a killed
// process and a power cut, once. Each event is stored whole or not at all; a
// large call may span commits, and after an error the report has the results of
// the events that are stored. An event without a message id gets one derived
// from its content, so the same event again is a duplicate.
func (e *Engine) Ingest(ctx context.Context, events ...kith.Event) (kith.Report, error) {
	b := &batch{}
	c := e.cleaner()
	defer e.cleaners.Put(c)
	now := e.o.now().UnixMicro()
	for i := range events {
		c.add(b, c.Event(&events[i], now), int64(i)+1)
		it := &b.items[i]
		it.source, it.raw = events[i].Source, bytes.Clone(it.raw) // the cleaner's own
	}
	return e.submit(ctx, b, c.rules)
}

// IngestJSON is Ingest of events in the form of the specification: one call, a
// batch object, or an array of calls.
func (e *Engine) IngestJSON(ctx context.Context, source string, body []byte) (kith.Report, error) {
	b := &batch{}
	c := e.cleaner()
	defer e.cleaners.Put(c)
	c.Line(body, e.o.now().UnixMicro())
	for it := c.Next(); it != nil; it = c.Next() {
		c.add(b, it, int64(len(b.items))+1)
		b.items[len(b.items)-1].source = source
	}
	return e.submit(ctx, b, c.rules)
}

// submit sends cleaned items through the line and waits for their verdicts.
func (e *Engine) submit(ctx context.Context, b *batch, by *identity.Matcher) (kith.Report, error) {
	var r kith.Report
	if len(b.items) == 0 {
		return r, nil
	}
	c := &call{items: b.items, rules: by, bytes: b.size()}
	if err := e.follow.wait(ctx, 2*e.lim.queue); err != nil {
		return r, err
	}
	if err := e.line.q.put(ctx, c); err != nil {
		return r, err
	}
	<-c.done // what has begun to be stored is waited for, so that the report is true
	r.Results = c.results
	for _, res := range c.results {
		r.Of(res)
	}
	return r, c.err
}

// apply carries one item through the line: the way of an event, step by step.
func (t *turn) apply(it *item, load *session) (kith.Result, error) {
	t.events++
	if t.blob.Len() > blobBytes {
		if err := t.cutBlob(); err != nil {
			return kith.Result{}, err
		}
	}
	if it.code != "" {
		return t.reject(it, load, kith.Result{Verdict: kith.Rejected, Code: it.code, Path: it.path})
	}
	t.identify(it, load)                                           // message id
	if res, again, err := t.again(it, load); again || err != nil { // duplicates
		return res, err
	}
	told, err := t.traits(it) // its traits
	if err != nil {
		return kith.Result{}, err
	}
	if path, full, err := t.crowded(it, told); err != nil {
		return kith.Result{}, err
	} else if full {
		return t.reject(it, load, kith.Result{Verdict: kith.Rejected, Code: traitsFull, Path: path})
	}
	claims, err := t.number(it) // identifiers → fragments
	if err != nil {
		return kith.Result{}, err
	}
	flags, err := t.flags(it, claims) // anomalies
	if err != nil {
		return kith.Result{}, err
	}
	ev, err := t.record(it, claims, flags, load) // log
	if err != nil {
		return kith.Result{}, err
	}
	if !flags.Anomalous() {
		err = t.resolve(it, claims, ev.Seq) // whose it is
	}
	if err != nil {
		return kith.Result{}, err
	}
	if err := t.fold(ev, it.secret, told); err != nil { // profile, columns, bitmaps
		return kith.Result{}, err
	}
	t.arrived(ev.Seq) // on static lists
	t.l.e.mids.Add(it.idPrint, it.payPrint, uint64(ev.Seq))
	t.noted(it, ev)
	res := kith.Result{Verdict: kith.Accepted, Seq: ev.Seq, Flags: flags & kith.Anomalous}
	t.l.tally(t.source(it, load), load, res)
	return res, nil
}

// traits gives what an item says about traits: nothing, where it is known
// already that it will stand outside of profiles.
func (t *turn) traits(it *item) ([]news, error) {
	if it.flags.Anomalous() {
		return nil, nil
	}
	return t.l.e.traits.of(it.kind, it.cells, it.secret)
}

// traitsFull is the code of an item whose traits do not fit beside what its
// identifier has said before.
const traitsFull = "traits_full"

// identify gives an item without a message id the one that its content derives.
func (t *turn) identify(it *item, load *session) {
	if !it.noID {
		return
	}
	it.message = it.derived.Derive(t.source(it, load), it.equal)
	it.idPrint = t.l.prints.IDPrint(it.message)
}

// again tells whether the message id was seen before. The same payload is a
// natural duplicate: it is counted, and its payload dropped. Another payload is
// kept among the rejects (FEATURES T19).
func (t *turn) again(it *item, load *session) (kith.Result, bool, error) {
	old, ok, err := t.l.e.mids.Find(it.idPrint)
	if err != nil || !ok {
		return kith.Result{}, false, err
	}
	res := kith.Result{Verdict: kith.Duplicate, Seq: kith.Seq(old.Seq)}
	if old.Payload == it.payPrint {
		t.repeated(it, load, res.Seq)
		t.l.tally(t.source(it, load), load, res)
		return res, true, nil
	}
	res.Code = "synthetic"
	res, err = t.reject(it, load, res)
	return res, true, err
}

// record puts the event into the log and gives it its number.
func (t *turn) record(it *item, claims []kith.FragmentID, flags kith.Flags, load *session) (*storage.Event, error) {
	ev := &t.ev
	*ev = storage.Event{
		Fragment: claims[0], Also: claims[1:], Kind: it.kind,
		Name: t.l.intern(it.name), Message: it.message,
		Time: it.times[0], Received: it.times[1], Sent: it.times[2], Original: it.times[3],
		Source: uint32(t.l.e.sources.id(t.source(it, load))), IDPrint: it.idPrint, PayPrint: it.payPrint,
		Cells: it.cells, Flags: uint8(flags),
	}
	if load != nil {
		ev.Load = load.id
	}
	if err := t.seals(it, ev, claims); err != nil {
		return nil, err
	}
	t.blob.Event(ev)
	t.l.head.Events++
	return ev, nil
}

// seals puts what identifies into the event, sealed.
func (t *turn) seals(it *item, ev *storage.Event, claims []kith.FragmentID) error {
	if t.dry {
		return nil
	}
	said, secret, err := t.tell(it, claims)
	ev.Said = said
	if err != nil || len(secret) == 0 {
		return err
	}
	ev.Sealed, err = t.l.e.keys.Seal(ev.Fragment, uint64(t.blob.Last)+1, sealEvent, secret, t.seal[:0])
	if err == nil {
		t.seal = ev.Sealed
	}
	return err
}

// What a value is sealed for: one fragment, purpose and number seal one value.
// The numbers are stored and never change.
const (
	sealEvent    = 1
	sealIdentity = 2
	sealDocument = 3
	sealReject   = 4
	sealPiece    = 5
	sealSegment  = 6 // of computed traits, too
)

// source names where the item comes from.
func (t *turn) source(it *item, load *session) string {
	switch {
	case it.source != "":
		return it.source
	case load != nil && load.source != "":
		return load.source
	}
	return "api"
}
