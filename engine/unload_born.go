package engine

import (
	"context"
	"slices"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// birth is an event that is accepted in the place of its reject.
type birth struct {
	row      history.Row
	idPrint  uint64
	payPrint uint64
}

// cleaned cleans an item that was kept, as it was cleaned when it came, by the
// rules of its time; nil: it was not kept whole, or is none any more.
func (u *unloading) cleaned(r *storage.Reject) (*item, error) {
	if len(r.Raw) >= mostRejected {
		return nil, nil
	}
	m, version, err := u.rulesAt(r.Seq)
	if err != nil {
		return nil, err
	}
	c := u.e.cleanerBy(m)
	c.Line(r.Raw, r.At)
	b := &batch{}
	for it := c.Next(); it != nil; it = c.Next() {
		b.add(it, r.Line)
	}
	if len(b.items) != 1 || b.items[0].code != "" || b.items[0].noID {
		return nil, nil
	}
	it := &b.items[0]
	it.mark(u.judge(m, version))
	return it, nil
}

// born1 lets the k-th of the seconds of an event be the event. The others are
// what they would have been after it.
func (u *unloading) born1(ctx context.Context, seq uint64, list []second, k int) error {
	s := &list[k]
	row, err := u.row(s)
	if err != nil {
		return err
	}
	u.born = append(u.born, birth{row, s.item.idPrint, s.item.payPrint})
	u.taken[s.reject.Seq] = true
	u.accepted(s, row.Flags)
	u.about[row.Fragment] = true
	of := kith.Seq(row.Seq)
	u.orphans(list[:k], row.Seq)
	for i := k + 1; i < len(list); i++ {
		o := &list[i]
		switch {
		case o.natural:
			raw, err := u.originalOf(ctx, seq)
			if err != nil {
				return err
			}
			u.repeats[o.place] = true
			u.next++
			u.refused = append(u.refused, storage.Reject{
				Seq: u.next, At: u.v.at, Verdict: kith.Duplicate, Code: "synthetic", Line: o.line, Load: o.load, Source: o.source, Repeats: of, Raw: raw,
			})
		case o.item != nil && o.item.payPrint == s.item.payPrint:
			u.taken[o.reject.Seq] = true
			u.lost++
			u.anew = append(u.anew, storage.Repeat{
				Load: o.load, Line: o.line, Of: of, Source: uint32(u.e.sources.id(o.source)) + 1, After: o.at,
			})
		default:
			u.rename[o.reject.Seq] = row.Seq
		}
	}
	return nil
}

// originalOf puts an event of the load together again, as it came in.
func (u *unloading) originalOf(ctx context.Context, seq uint64) ([]byte, error) {
	for r, err := range u.e.hist.Scan(ctx, seq, seq) {
		if err != nil {
			return nil, err
		}
		w := &view{e: u.e, v: u.v}
		return w.Original(nil, &r)
	}
	return nil, &kith.Error{Op: "engine.Unload", On: on("event", seq), Kind: kith.ErrCorrupt}
}

// row makes the row of an item that is accepted in the place of its reject.
func (u *unloading) row(s *second) (history.Row, error) {
	it, e := s.item, u.e
	seq := uint64(s.reject.Seq)
	m, version, err := u.rulesAt(s.reject.Seq)
	if err != nil {
		return history.Row{}, err
	}
	frags := make([]uint32, len(it.claims))
	for i := range it.claims {
		f, err := u.number(&it.claims[i], m, version)
		if err != nil {
			return history.Row{}, err
		}
		frags[i] = uint32(f)
	}
	r := history.Row{
		Seq: seq, Fragment: frags[0], Also: frags[1:], Kind: uint8(it.kind), Name: string(it.name),
		Time: it.times[0], Received: it.times[1], Sent: it.times[2], Original: it.times[3],
		Source: s.source, Load: s.load, MessageID: string([]byte(it.message)), Cells: it.cells,
	}
	r.Flags = uint8(it.flags)
	if it.clamped {
		r.Flags |= uint8(kith.Clamped)
	}
	if len(it.secret) > 0 {
		e.sealingAll(it.secret)
		r.Sealed, err = e.keys.Seal(kith.FragmentID(r.Fragment), seq, sealEvent, it.secret, nil)
	}
	return r, err
}

// number gives the fragment of an identifier, and a new one to what has none.
func (u *unloading) number(c *claim, m *identity.Matcher, version uint32) (kith.FragmentID, error) {
	e := u.e
	space := m.Name(c.space)
	token := e.secret.Token(space, c.norm)
	if i := slices.Index(u.tokens, token); i >= 0 {
		return u.numbered[i].Fragment, nil
	}
	if f, ok, err := e.tokens.Find(token); err != nil || ok {
		return f, err
	}
	if len(u.numbered) == 0 {
		e.keys.Begin()
	}
	f := kith.FragmentID(u.head.Fragments)
	u.head.Fragments++
	u.next++
	rec := storage.FragmentRecord{Fragment: f, Seq: u.next, At: u.v.at, Rules: version, Space: uint8(e.spaces.id(space))}
	var err error
	if rec.Sealed, err = e.keys.Seal(f, uint64(rec.Seq), sealIdentity, storage.PackValue(nil, c.value), nil); err != nil {
		return 0, err
	}
	u.numbered, u.tokens = append(u.numbered, rec), append(u.tokens, token)
	return f, nil
}
