package engine

import (
	"errors"
	"fmt"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// events reads history once: its order, what the log says of the same events,
// names, and how many came from where.
func (c *checker) events() error {
	if c.number == nil {
		c.number = newNumbers(c.v.seq)
	}
	c.names = map[string]uint32{}
	for code, text := range c.e.line.fold.names.Texts(c.v.pin) {
		c.names[text] = uint32(code)
	}
	c.said, c.loads = map[string]kith.Tally{}, map[uint32]kith.Tally{}
	n, last := uint64(0), uint64(0)
	for r, err := range c.e.hist.Scan(c.ctx, 1, uint64(c.v.seq)) {
		if err != nil {
			return err
		}
		n++
		if r.Seq <= last {
			c.bad("history", on("event", r.Seq), errors.New("it stands out of order"))
		}
		last = r.Seq
		c.event(&r)
	}
	want(c, "history", "events", n, c.v.events)
	for seq := range c.logged {
		c.bad("log", on("number", seq), errors.New("nothing that is kept has it"))
	}
	c.logged = nil
	c.count("events", int(n))
	return nil
}

// event looks at one event by itself.
func (c *checker) event(r *history.Row) {
	seq := kith.Seq(r.Seq)
	c.meet(seq, "as an event")
	if len(c.logged) > 0 {
		c.agree(seq, rowPrint(r))
	}
	for _, f := range append([]uint32{r.Fragment}, r.Also...) {
		if f == uint32(nobody) || f >= c.v.fragments || !c.there.has(f) {
			c.bad("event", on("event", seq), fmt.Errorf("there is no fragment %d", f))
		}
	}
	flags := kith.Flags(r.Flags)
	if _, ok := c.names[nameText(r)]; !ok && !flags.Anomalous() {
		c.bad("name", on("event", seq), errors.New("the dictionary does not have its name"))
	}
	res := kith.Result{Verdict: kith.Accepted, Flags: flags}
	t, l := c.said[r.Source], c.loads[r.Load]
	t.Of(res)
	l.Of(res)
	c.said[r.Source], c.loads[r.Load] = t, l
	if flags.Anomalous() {
		c.count("flagged", 1)
	}
}

// nameText is an event's name as the dictionary has it.
func nameText(r *history.Row) string {
	text := string(rune('0'+r.Kind)) + r.Name
	if len(text) > storage.MaxText {
		text = text[:64]
	}
	return text
}

// rejects counts what was not accepted, and compares the tallies of sources and loads.
func (c *checker) rejects() error {
	if c.said == nil {
		return nil
	}
	snap := c.v.snap
	open := func(number uint64, sealed []byte) ([]byte, error) {
		p, err := c.keys.Open(nobody, number, sealReject, sealed, nil)
		if err != nil {
			c.bad("reject", on("up to number", number), err)
		}
		return p, nil
	}
	err := snap.Rejects(0, open, func(r *storage.Reject) error {
		c.meet(r.Seq, "as a reject")
		t := c.said[r.Source]
		t.Count(r.Verdict)
		c.said[r.Source] = t
		c.count("rejects", 1)
		return nil
	})
	if err != nil {
		return err
	}
	repeats, last := 0, kith.Seq(0)
	err = snap.Repeats(func(seq kith.Seq, d storage.Repeat) error {
		if seq != last {
			c.meet(seq, "as duplicates")
			last = seq
		}
		if d.Of == 0 || d.Of > c.v.seq {
			c.bad("duplicate", on("number", seq), fmt.Errorf("there is no event %d", d.Of))
		}
		c.count("duplicates", 1)
		if d.Source > 0 {
			name := c.e.sources.at(int(d.Source) - 1)
			t := c.said[name]
			t.Count(kith.Duplicate)
			c.said[name] = t
			return nil
		}
		repeats++
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(c.tallies(repeats), c.eachLoad())
}

// tallies compares the head's tallies with what was counted anew. Of natural
// duplicates that have no source, from before it was noted, only the number is compared.
func (c *checker) tallies(repeats int) error {
	var all int
	for source := range c.said {
		if _, ok := c.v.tallies[source]; !ok {
			c.bad("tally", "", errors.New("a source has none"))
		}
	}
	for source, t := range c.v.tallies {
		got := c.said[source]
		where := fmt.Sprintf("source %q", source)
		want(c, "tally", where+", accepted", t.Accepted, got.Accepted)
		want(c, "tally", where+", flagged", t.Flagged, got.Flagged)
		want(c, "tally", where+", rejected", t.Rejected, got.Rejected)
		want(c, "tally", where+", received", t.Received, t.Accepted+t.Duplicate+t.Rejected+t.Quarantined+t.Suppressed)
		if all += t.Duplicate - got.Duplicate; repeats == 0 {
			want(c, "tally", where+", duplicate", t.Duplicate, got.Duplicate)
		}
	}
	want(c, "tally", "duplicates", all, repeats)
	return nil
}

// eachLoad compares the tallies of the loads. Those of one that did not end
// were kept from format 1 with "items" on.
func (c *checker) eachLoad() error {
	next, back := uint32(1), c.unloads
	skip := func() { // those that were taken back
		for len(back) > 0 && back[0].ID == next {
			c.meet(back[0].Seq, "as a load that was taken back")
			want(c, "load", on("load", next), c.loads[next].Accepted, 0)
			back, next = back[1:], next+1
		}
	}
	err := c.v.snap.Loads(func(l *storage.Load) error {
		skip()
		want(c, "load", "order", l.ID, next)
		next = l.ID + 1
		c.meet(l.Seq, "as a load")
		if l.Ended != 0 {
			if l.Table == "" { // else its end and its beginning are one record
				c.ended++
			}
		}
		if l.Ended != 0 || l.Items > 0 {
			if l.Items > 0 {
				want(c, "load", on("load", l.ID)+", received", int64(l.Tally.Received), l.Items)
			}
			want(c, "load", on("load", l.ID), l.Tally.Accepted, c.loads[l.ID].Accepted)
			want(c, "load", on("load", l.ID)+", flagged", l.Tally.Flagged, c.loads[l.ID].Flagged)
		}
		c.count("loads", 1)
		return nil
	})
	skip()
	want(c, "load", "how many", next, c.head.Loads)
	return errors.Join(err, c.pieces())
}

// pieces reads the rows that are kept of loads: they open, stand in order, and
// are as many as their load says.
func (c *checker) pieces() error {
	loads, rows, next := map[uint32]*storage.Load{}, map[uint32][2]int64{}, map[uint32]int64{}
	err := c.v.snap.Loads(func(l *storage.Load) error {
		if l.Table != "" {
			return nil
		}
		loads[l.ID] = &storage.Load{Line: l.Line, Rows: l.Rows, Excepted: l.Excepted}
		return nil
	})
	if err != nil {
		return err
	}
	last := func(load uint32) int64 {
		if l := loads[load]; l != nil {
			return l.Line
		}
		c.bad("kept rows", on("load", load), errors.New("there is no such load"))
		return 0
	}
	open := func(number uint64, sealed []byte) ([]byte, error) {
		return c.keys.Open(nobody, number, sealPiece, sealed, nil)
	}
	err = c.v.snap.Pieces(0, last, open, func(p *storage.Piece) error {
		if p.Line < max(next[p.Load], 1) {
			c.bad("kept rows", on("load", p.Load)+", "+on("line", p.Line), errors.New("they overlap with those before"))
		}
		next[p.Load] = p.Line + p.Rows
		n := rows[p.Load]
		rows[p.Load] = [2]int64{n[0] + p.Rows, n[1] + p.Excepted}
		c.count("kept rows", int(p.Rows))
		return nil
	})
	for id, l := range loads {
		want(c, "kept rows", on("load", id), rows[id], [2]int64{l.Rows, l.Excepted})
	}
	return err
}

// accounted looks whether each number of the log is of one record, but for
// those that unloads have taken away, which they say the number of. Of the end
// of a load only the instant is kept, not the number, and of the clock only the
// last setting: so many numbers may be without a record.
func (c *checker) accounted() error {
	if c.tokens == nil || c.said == nil || c.alone == nil {
		return nil // what was met is not all there is
	}
	for n := uint32(1); n <= c.v.rules; n++ {
		rec, err := c.v.snap.Rules(n)
		if err != nil {
			return err
		}
		c.meet(rec.Seq, "as rules")
	}
	var clock ClockSetting
	if _, err := c.v.snap.Meta(storage.MetaClock(), &clock); err != nil {
		return err
	}
	lost, first := 0, kith.Seq(0)
	for _, u := range c.unloads {
		lost -= int(u.Numbers)
	}
	for s := kith.Seq(1); s <= c.v.seq; s++ {
		if c.number.has(s) {
			continue
		}
		if lost++; first == 0 {
			first = s
		}
	}
	if lost < c.ended || lost > c.ended && clock.Seq == 0 {
		c.bad("number", on("first", first), fmt.Errorf("%d numbers have no record, and %d loads have ended", lost, c.ended))
	}
	c.number = nil
	return nil
}

// runs looks at the runs of places as a recovery would find them.
func (c *checker) runs() error {
	places, err := storage.OpenPlaces(c.v.snap.Get, c.point.Places)
	if err != nil {
		return err
	}
	return places.Check()
}
