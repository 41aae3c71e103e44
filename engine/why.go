package engine

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
)

// Reason says why a person is in a segment, or is not.
type Reason struct {
	Segment string         `json:"segment"`
	Version uint32         `json:"version"`
	Profile kith.ProfileID `json:"profile"`
	Member  bool           `json:"member"`
	Since   time.Time      `json:"since,omitzero"` // the last change: since when it is so
	Cause   kith.Cause     `json:"cause,omitempty"`
	Of      kith.Seq       `json:"of,omitempty"`  // what caused it, such as an event
	Now     time.Time      `json:"now"`           // the instant that all of this is of
	Next    time.Time      `json:"next,omitzero"` // may change then though nothing happens; zero: never
	Parts   []ReasonPart   `json:"parts"`         // the parts of the condition, in its order
}

// ReasonPart is one part of a condition, and what it is for the person.
type ReasonPart struct {
	Text   string    `json:"text"`
	Is     string    `json:"is"`               // true, false, or unknown: a value is missing
	Events int       `json:"events,omitempty"` // of the person that its sub-selects could count
	Newest time.Time `json:"newest,omitzero"`  // the newest of them
	Next   time.Time `json:"next,omitzero"`    // the part may change then though nothing happens

	Counting int        `json:"counting,omitempty"` // how many of the events its sub-selects do count
	Evidence []Evidence `json:"evidence,omitempty"` // the newest five of these, of each sub-select, the newest first

	Account int `json:"account,omitempty"` // of a part about an account: how many people the person's has
	Counted int `json:"counted,omitempty"` // and how many of them its condition is true of
}

var truthWords = map[query.Answer]string{query.No: "false", query.Unknown: "unknown", query.Yes: "true"}

// Why says which parts of a segment's condition hold for a person, on how many
// events that stands and which the newest of them are, and when it can change by
// the clock alone. It is
// ErrUnsupported while the segment is being built.
func (e *Engine) Why(ctx context.Context, segment string, id kith.Identifier) (Reason, error) {
	if err := e.await(ctx); err != nil {
		return Reason{}, err
	}
	v, err := e.acquire()
	if err != nil {
		return Reason{}, err
	}
	who, err := e.resolveID(v, id)
	all, err2 := e.definitions(v.snap)
	e.release(v)
	if err = errors.Join(err, err2); err != nil {
		return Reason{}, err
	}
	if all[segment].Text == "" {
		return Reason{}, noSegment("engine.Why", segment)
	}
	now := e.o.now()
	if err := e.tickTo(now); err != nil {
		return Reason{}, err
	}
	out := Reason{Segment: segment}
	var list []witness
	err = e.inLine(func() error {
		l := e.line.live
		if l == nil || !l.known[segment].ready {
			return &kith.Error{Op: "engine.Why", On: "segment " + segment, Kind: kith.ErrUnsupported, Err: errBuilding}
		}
		at := max(l.now, l.clocked(now)) // between them nothing was due
		list, err = l.why(l.segs[l.numbers[segment]], uint32(e.people.Owner(kith.FragmentID(who))), at, &out)
		if err == nil {
			v, err = e.acquire() // in which the events are that were counted
		}
		return err
	})
	if err != nil {
		return Reason{}, err
	}
	err = e.evidence(ctx, v, uint32(out.Profile), list, out.Parts)
	e.release(v)
	if err != nil {
		return Reason{}, err
	}
	for c, err := range e.Changes(segment, 0) {
		if err != nil {
			return Reason{}, err
		}
		if c.Profile == out.Profile {
			out.Since, out.Cause, out.Of = c.At, c.Cause, c.Of
		}
	}
	return out, nil
}

// why asks the parts of a segment one by one, and gives what events count in
// them. It is called in the line.
func (l *live) why(s *liveSegment, row uint32, at int64, out *Reason) (list []witness, err error) {
	err = l.look(func() (err error) { list, err = l.whyIn(s, row, at, out); return err })
	return list, err
}

// look lets f read documents, in a turn that writes nothing.
func (l *live) look(f func() error) error {
	t := &turn{l: l.e.line, tx: l.e.store.Update(), docs: map[kith.FragmentID]*document{}}
	defer t.tx.Discard()
	l.turn = t
	defer func() { l.turn = nil }()
	return f()
}

// whyIn is why in a turn in which documents can be read.
func (l *live) whyIn(s *liveSegment, row uint32, at int64, out *Reason) (list []witness, err error) {
	p := livePerson{l: l, row: row}
	if err := p.begin(s); err != nil {
		return nil, err
	}
	is, next := s.prog.Eval(&p, at)
	out.Version, out.Profile, out.Member = s.Version, kith.ProfileID(row), is == query.Yes
	out.Now, out.Next = time.UnixMicro(at).UTC(), boundary(next)
	c, err := query.Parse(s.Text)
	if err != nil {
		return nil, err
	}
	for i, part := range query.Parts(c) {
		alone, err := l.alone(s, part)
		if err != nil {
			return nil, err
		}
		p.seg = alone
		is, next := alone.prog.Eval(&p, at)
		r := ReasonPart{Text: query.Print(part), Is: truthWords[is], Next: boundary(next)}
		if len(alone.accounts) > 0 {
			r.accountOf(s, alone, row)
			out.Next = sooner(out.Next, r.Next)
		} else {
			list = append(list, r.events(i, alone, &p, at)...)
		}
		out.Parts = append(out.Parts, r)
	}
	return list, p.err
}

// events says on how many events of the person a part stands, and what is to be
// known of the newest that count.
func (r *ReasonPart) events(part int, alone *liveSegment, p *livePerson, now int64) (list []witness) {
	newest := int64(math.MinInt64)
	for i := range alone.leaves {
		matches, n := newestCounting(alone.prog, i, p, now)
		r.Counting += n
		if n > 0 {
			list = append(list, witness{part, alone.leaves[i].Leaf, matches})
		}
		for _, m := range p.Matches(i) {
			if m.TS <= now {
				r.Events++
				newest = max(newest, m.TS)
			}
		}
	}
	if r.Events > 0 {
		r.Newest = time.UnixMicro(newest).UTC()
	}
	return list
}

// accountOf says on what people a part stands: those of the first account that it
// counts. Any of them can change it when time passes.
func (r *ReasonPart) accountOf(s, alone *liveSegment, row uint32) {
	next := int64(math.MaxInt64)
	for i, a := range alone.accounts {
		in := a.of[row].in
		if in == nil {
			continue
		}
		if i == 0 {
			r.Account, r.Counted = len(in.rows), int(in.counts)
		}
		for _, other := range in.rows {
			if at, ok := s.timer[other]; ok {
				next = min(next, at)
			}
		}
	}
	r.Next = sooner(r.Next, boundary(next))
}

// sooner gives the first of two boundaries; zero: there is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// alone gives a part of a segment's condition, answered from the segment's own state.
func (l *live) alone(s *liveSegment, part query.Cond) (*liveSegment, error) {
	prog, err := query.Compile(part)
	if err != nil {
		return nil, err
	}
	out := &liveSegment{Segment: s.Segment, number: s.number, prog: prog}
	for _, leaf := range prog.Leaves() {
		out.leaves = append(out.leaves, l.leaves[leaf.Key])
	}
	for _, top := range prog.Tops() {
		for i, own := range s.prog.Tops() {
			if query.PrintValue(top) == query.PrintValue(own) {
				out.ranks = append(out.ranks, s.ranks[i])
				break
			}
		}
	}
	for _, x := range prog.Peers() {
		for i, own := range s.prog.Peers() {
			if query.PrintValue(x) == query.PrintValue(own) {
				out.accounts = append(out.accounts, s.accounts[i])
				break
			}
		}
	}
	for _, t := range prog.Tables() {
		for i, own := range s.prog.Tables() {
			if query.Print(t) == query.Print(own) {
				out.lists = append(out.lists, s.lists[i])
				break
			}
		}
	}
	return out, nil
}

func boundary(at int64) time.Time {
	if at == math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMicro(at).UTC()
}
