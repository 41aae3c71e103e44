package engine

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// plan is what becomes of everything that a load brought. What it does not
// mention stays as it is.
type plan struct {
	own       []uint64 // the events of the load, ascending
	prints    []uint64 // of their message ids
	sources   []uint32 // and where they come from
	flags     []uint8
	seconds   map[uint64][]second      // what came later with the message id of one, by its seq
	passes    map[uint64]*second       // events that stay, and whose they are from now on
	born      []birth                  // events that come instead of others, ascending
	rename    map[kith.Seq]uint64      // rejects that repeat another event from now on; 0: none
	taken     map[kith.Seq]bool        // rejects that are no rejects any more
	repeats   map[place]bool           // natural duplicates that go
	anew      []storage.Repeat         // rejects that turned out to be natural duplicates
	refused   []storage.Reject         // natural duplicates that turned out to be rejects
	about     map[uint32]bool          // fragments whose own events change
	used      set                      // fragments that an event still names
	gone      []kith.FragmentID        // fragments that none does any more, ascending
	numbered  []storage.FragmentRecord // of events that were born
	tokens    []kith.Token             // theirs
	reflagged                          // flags that change

	tallies map[string]kith.Tally // by source, as they will be
	loads   map[uint32]kith.Tally // what the tallies of other loads change by
	lost    uint64                // numbers that no record has any more
}

// place is where a natural duplicate stands.
type place struct {
	seq kith.Seq
	n   int // of those of its record
}

// following gives the place of the next one, whose record has the number seq.
func (p place) following(seq kith.Seq) place {
	if p.seq != seq {
		return place{seq: seq}
	}
	return place{seq, p.n + 1}
}

// second is an item of another load or of a request that had the message id of
// an event of the load.
type second struct {
	at      kith.Seq // its place in the log: it came after this record
	load    uint32
	source  string
	line    int64
	natural bool
	place   place           // of a natural one
	reject  *storage.Reject // of one with another content
	item    *item           // that content, cleaned; nil: it is not whole
}

// before tells whether s came before o.
func (s *second) before(o *second) int {
	if s.load != 0 && s.load == o.load {
		return cmp.Compare(s.line, o.line)
	}
	return cmp.Compare(s.at, o.at)
}

// set is a set of numbers.
type set []uint64

func (s *set) add(n uint32) {
	for int(n>>6) >= len(*s) {
		*s = append(*s, make([]uint64, len(*s)+1)...)
	}
	(*s)[n>>6] |= 1 << (n & 63)
}

func (s set) has(n uint32) bool { return int(n>>6) < len(s) && s[n>>6]>>(n&63)&1 == 1 }

// mine tells whether an event is of the load.
func (p *plan) mine(seq kith.Seq) bool {
	_, ok := slices.BinarySearch(p.own, uint64(seq))
	return ok
}

// going tells whether an event of the log goes.
func (p *plan) going(seq kith.Seq) bool { return p.mine(seq) && p.passes[uint64(seq)] == nil }

// find finds out what goes, passes and comes.
func (u *unloading) find(ctx context.Context) error {
	u.seconds, u.passes, u.rename = map[uint64][]second{}, map[uint64]*second{}, map[kith.Seq]uint64{}
	u.taken, u.repeats, u.about = map[kith.Seq]bool{}, map[place]bool{}, map[uint32]bool{}
	u.judges = map[uint32]*identity.Judge{}
	u.loads, u.tallies = map[uint32]kith.Tally{}, map[string]kith.Tally{}
	for source, t := range u.e.line.head.Tallies {
		u.tallies[source] = t
	}
	u.next = u.e.line.head.Seq + 1 // of the record that says the load was taken back
	u.head = u.e.line.head
	for _, step := range []func(context.Context) error{u.events, u.repeated, u.rejected, u.settleSeconds, u.findFlags, u.mentions, u.findDecisions} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	u.report.Events, u.report.Passed, u.report.Accepted = len(u.own)-len(u.passes), len(u.passes), len(u.born)
	return nil
}

// events finds those of the load.
func (u *unloading) events(ctx context.Context) error {
	return u.e.hist.OfLoad(ctx, u.load.ID, uint64(u.v.seq), func(l *history.Label) {
		u.own = append(u.own, l.Seq)
		u.prints = append(u.prints, u.e.line.prints.IDPrint(l.MessageID))
		u.sources = append(u.sources, uint32(u.e.sources.id(l.Source)))
		u.flags = append(u.flags, l.Flags)
		u.about[l.Fragment] = true
	})
}

// repeated finds the natural duplicates: those of the load go, and those that
// repeat an event of it are seconds.
func (u *unloading) repeated(context.Context) error {
	at := place{}
	return u.v.snap.Repeats(func(seq kith.Seq, d storage.Repeat) error {
		at = at.following(seq)
		source := u.repeatSource(&d)
		switch {
		case d.Load == u.load.ID:
			u.repeats[at] = true
			u.report.Refused++
			u.uncount(source, kith.Result{Verdict: kith.Duplicate})
		case u.mine(d.Of):
			s := second{at: cmp.Or(d.After, seq), load: d.Load, source: source, line: d.Line, natural: true, place: at}
			u.seconds[uint64(d.Of)] = append(u.seconds[uint64(d.Of)], s)
		}
		return nil
	})
}

// repeatSource names where a natural duplicate came from. Of one from before
// that was noted, its load tells, and of a request the event that it repeats.
func (u *unloading) repeatSource(d *storage.Repeat) string {
	if d.Source > 0 {
		return u.e.sources.at(int(d.Source) - 1)
	}
	if d.Load != 0 {
		if l, err := u.v.snap.Load(d.Load); err == nil && l != nil {
			return l.Source
		}
	}
	if i, ok := slices.BinarySearch(u.own, uint64(d.Of)); ok {
		return u.e.sources.at(int(u.sources[i]))
	}
	return u.load.Source
}

// rejected finds the rejects: those of the load go, and those that have the
// message id of an event of it are seconds.
func (u *unloading) rejected(context.Context) error {
	return u.v.snap.Rejects(0, u.e.openReject, func(r *storage.Reject) error {
		switch {
		case r.Load == u.load.ID:
			u.taken[r.Seq] = true
			u.report.Refused++
			u.lost++
			u.uncount(r.Source, kith.Result{Verdict: r.Verdict})
		case r.Code == "synthetic" && u.mine(r.Repeats):
			own := *r
			own.Raw = bytes.Clone(r.Raw)
			s := second{at: r.Seq, load: r.Load, source: r.Source, line: r.Line, reject: &own}
			var err error
			if s.item, err = u.cleaned(&own); err != nil {
				return err
			}
			u.seconds[uint64(r.Repeats)] = append(u.seconds[uint64(r.Repeats)], s)
		}
		return nil
	})
}

// uncount takes an item out of the tally of its source.
func (u *unloading) uncount(source string, r kith.Result) { u.count(source, r, -1) }

func (u *unloading) count(source string, r kith.Result, by int) {
	var one kith.Tally
	one.Of(r)
	t := u.tallies[source]
	add(&t, &one, by)
	if u.tallies[source] = t; t == (kith.Tally{}) {
		delete(u.tallies, source)
	}
}

// add adds a tally so many times.
func add(t, o *kith.Tally, times int) {
	t.Received += times * o.Received
	t.Accepted += times * o.Accepted
	t.Duplicate += times * o.Duplicate
	t.Rejected += times * o.Rejected
	t.Quarantined += times * o.Quarantined
	t.Suppressed += times * o.Suppressed
	t.Flagged.AddTimes(o.Flagged, times)
}

// accepted counts a duplicate of another load as the accepted one.
func (u *unloading) accepted(s *second, flags uint8) {
	is := kith.Result{Verdict: kith.Accepted, Flags: kith.Flags(flags) & kith.Anomalous}
	u.count(s.source, kith.Result{Verdict: kith.Duplicate}, -1)
	u.count(s.source, is, 1)
	if s.load != 0 {
		t := u.loads[s.load]
		t.Duplicate--
		t.Accepted++
		t.Flagged.Count(is.Flags)
		u.loads[s.load] = t
	}
}

// settleSeconds decides what becomes of each event of the load: the first of
// its seconds that can be an event is what would have been accepted.
func (u *unloading) settleSeconds(ctx context.Context) error {
	for i, seq := range u.own {
		u.uncount(u.e.sources.at(int(u.sources[i])), kith.Result{Verdict: kith.Accepted, Flags: kith.Flags(u.flags[i]) & kith.Anomalous})
		list := u.seconds[seq]
		if len(list) == 0 {
			continue
		}
		slices.SortStableFunc(list, func(a, b second) int { return a.before(&b) })
		k := slices.IndexFunc(list, func(s second) bool { return s.natural || s.item != nil })
		switch {
		case k < 0:
			u.orphans(list, 0)
		case list[k].natural:
			u.passes[seq] = &list[k]
			u.repeats[list[k].place] = true
			u.accepted(&list[k], u.flags[i])
		default:
			if err := u.born1(ctx, seq, list, k); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(u.born, func(a, b birth) int { return cmp.Compare(a.row.Seq, b.row.Seq) })
	u.lost += uint64(len(u.own) - len(u.passes)) // numbers of events
	return nil
}

// orphans lets rejects name another event.
func (u *unloading) orphans(list []second, of uint64) {
	for i := range list {
		if s := &list[i]; !s.natural {
			u.rename[s.reject.Seq] = of
		}
	}
}

// edit is the plan in the words of history.
func (u *unloading) edit() *history.Edit {
	e := &history.Edit{Load: u.load.ID, At: slices.Clone(u.own)}
	for i := range u.born {
		e.Born = append(e.Born, u.born[i].row)
		e.At = append(e.At, u.born[i].row.Seq)
	}
	for seq := range u.turned {
		e.Anew = append(e.Anew, seq)
		e.At = append(e.At, seq)
	}
	slices.Sort(e.Anew)
	slices.Sort(e.At)
	e.Row = func(r *history.Row) bool {
		if f, ok := u.turned[r.Seq]; ok {
			r.Flags = f
		}
		if r.Load != u.load.ID {
			return true
		}
		s := u.passes[r.Seq]
		if s == nil {
			return false
		}
		r.Load, r.Source = s.load, s.source
		return true
	}
	return e
}

// mentions finds the fragments that no event names any more.
func (u *unloading) mentions(ctx context.Context) error {
	var named set // by events that go
	each := func(s *set, first uint32, also []uint32) {
		s.add(first)
		for _, f := range also {
			s.add(f)
		}
	}
	err := u.e.hist.Mentions(ctx, uint64(u.v.seq), func(m *history.Mention) {
		if m.Load == u.load.ID && u.passes[m.Seq] == nil {
			each(&named, m.Fragment, m.Also)
		} else {
			each(&u.used, m.Fragment, m.Also)
		}
	})
	for i := range u.born {
		each(&u.used, u.born[i].row.Fragment, u.born[i].row.Also)
	}
	for f := uint32(nobody) + 1; f < u.v.fragments; f++ {
		if named.has(f) && !u.used.has(f) {
			u.gone = append(u.gone, kith.FragmentID(f))
		}
	}
	u.lost += uint64(len(u.gone))
	return err
}

// left tells whether a fragment stays.
func (p *plan) left(f kith.FragmentID) bool {
	_, gone := slices.BinarySearch(p.gone, f)
	return !gone
}
