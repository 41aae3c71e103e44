package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// again is which decisions are taken again, and what was decided.
//
// What an event decides depends on the decisions about the fragments that
// earlier decisions connect with its own, and on nothing else: those are one
// group. Where an event of the load decided something in a group, all that later
// events decided in it is taken again, in the order of the log; where none did,
// the load made no difference, and what was decided stands.
type again struct {
	group []uint32            // of fragments: towards the smallest of its group
	first map[uint32]kith.Seq // of a group: the first event from which on it is taken again
	rules []ruled             // ascending
	known []known             // when what was known, ascending
	chunk []byte              // decisions
	last  []kith.Seq          // of each finished chunk the last decision
	done  [][]byte            // finished chunks
}

// ruled is the rules from a record on.
type ruled struct {
	seq     kith.Seq
	version uint32
	m       *identity.Matcher
}

// known is the instant of a record.
type known struct {
	seq kith.Seq
	at  int64
}

// cause gives the event that a decision belongs to in the order of the log:
// decisions that were taken again stand behind events that came later.
func cause(d *storage.Decision) kith.Seq { return cmp.Or(d.Cause, d.Seq) }

// findDecisions finds out which decisions are taken again.
func (u *unloading) findDecisions(context.Context) error {
	a := &u.again
	a.group, a.first = make([]uint32, u.head.Fragments), map[uint32]kith.Seq{}
	for f := range a.group {
		a.group[f] = uint32(f)
	}
	err := u.v.snap.Decisions(func(d *storage.Decision) error {
		if uint32(d.A) >= u.v.fragments || d.B != kith.NoFragment && uint32(d.B) >= u.v.fragments {
			return &kith.Error{Op: "engine.Unload", On: on("decision", d.Seq), Kind: kith.ErrCorrupt}
		}
		if d.B != kith.NoFragment {
			a.join(uint32(d.A), uint32(d.B))
		}
		return nil
	})
	if err != nil {
		return err
	}
	come := u.deciding()
	for _, r := range come {
		for _, f := range r.also {
			a.join(r.fragment, f)
		}
	}
	for _, r := range come {
		if len(r.also) > 0 {
			a.from(r.fragment, r.seq)
		}
	}
	err = u.v.snap.Decisions(func(d *storage.Decision) error {
		if u.going(d.Cause) || kith.Flags(u.turned[uint64(d.Cause)]).Anomalous() {
			a.from(uint32(d.A), d.Cause)
		}
		return nil
	})
	if err != nil || len(a.first) == 0 {
		return err
	}
	if err := u.instants(); err != nil {
		return err
	}
	return u.v.snap.Decisions(func(d *storage.Decision) error {
		if u.stands(d) {
			return nil
		}
		if d.Kind == kith.Cut {
			return &kith.Error{Op: "engine.Unload", On: on("decision", d.Seq), Kind: kith.ErrUnsupported, Err: errors.New("somebody cut a link of people of this load by hand")}
		}
		u.report.Forgotten++
		u.lost++
		return nil
	})
}

// deciding gives the events that decide from now on, and did not before.
func (u *unloading) deciding() (come []reflag) {
	for i := range u.born {
		if r := &u.born[i].row; !kith.Flags(r.Flags).Anomalous() {
			come = append(come, reflag{kith.Seq(r.Seq), r.Fragment, r.Also})
		}
	}
	for _, r := range u.also {
		if !kith.Flags(u.turned[uint64(r.seq)]).Anomalous() {
			come = append(come, r)
		}
	}
	return come
}

func (a *again) root(f uint32) uint32 {
	for a.group[f] != f {
		a.group[f] = a.group[a.group[f]]
		f = a.group[f]
	}
	return f
}

func (a *again) join(f, g uint32) {
	f, g = a.root(f), a.root(g)
	a.group[max(f, g)] = min(f, g)
}

// from says that a group is taken again from an event on.
func (a *again) from(f uint32, seq kith.Seq) {
	r := a.root(f)
	if old, ok := a.first[r]; !ok || seq < old {
		a.first[r] = seq
	}
}

// since tells whether what an event decides about a fragment is taken again.
func (a *again) since(f uint32, seq kith.Seq) bool {
	if len(a.first) == 0 {
		return false
	}
	first, ok := a.first[a.root(f)]
	return ok && seq >= first
}

// stands tells whether a decision stays as it is.
func (u *unloading) stands(d *storage.Decision) bool { return !u.again.since(uint32(d.A), cause(d)) }

// rulesAt gives the rules that were in force when the record was written.
func (u *unloading) rulesAt(seq kith.Seq) (*identity.Matcher, uint32, error) {
	e, a := u.e, &u.again
	for v := uint32(len(a.rules)) + 1; v <= u.v.rules; v++ {
		rec, err := u.v.snap.Rules(v)
		if err != nil {
			return nil, 0, err
		}
		m := e.matcher.Load()
		if v != u.v.rules {
			rules, err := identity.Parse(rec.Text)
			if err == nil {
				m, err = rules.Compile(m.Names()...)
			}
			if err != nil {
				return nil, 0, &kith.Error{Op: "engine.Unload", On: on("rules", v), Kind: kith.ErrCorrupt, Err: err}
			}
		}
		a.rules = append(a.rules, ruled{rec.Seq, v, m})
	}
	i, _ := slices.BinarySearchFunc(a.rules, seq, func(r ruled, s kith.Seq) int { return cmp.Compare(r.seq, s) })
	r := &a.rules[max(i-1, 0)]
	return r.m, r.version, nil
}

// instants notes when records were written, as far as what is kept tells:
// decisions, identifiers, rejects and loads have their instant, and so do events
// while they stand in the log. Others were written at that of the record before
// them or later. Only limits within a time look at it.
func (u *unloading) instants() error {
	a, snap := &u.again, u.v.snap
	note := func(seq kith.Seq, at int64) { a.known = append(a.known, known{seq, at}) }
	err1 := snap.Decisions(func(d *storage.Decision) error {
		note(cause(d), d.At.UnixMicro())
		return nil
	})
	err2 := snap.Fragments(nobody, func(rec storage.FragmentRecord) error {
		if n := len(a.known); n == 0 || a.known[n-1].at != rec.At {
			note(rec.Seq, rec.At)
		}
		return nil
	})
	err3 := snap.Rejects(0, func(uint64, []byte) ([]byte, error) { return nil, nil }, func(r *storage.Reject) error {
		note(r.Seq, r.At)
		return nil
	})
	err4 := snap.Loads(func(l *storage.Load) error {
		note(l.Seq, l.At)
		return nil
	})
	err5 := snap.Blobs(0, func(_ kith.Seq, blob []byte) error {
		h, err := storage.HeadOf(blob)
		note(h.First, h.At)
		return err
	})
	slices.SortStableFunc(a.known, func(x, y known) int { return cmp.Compare(x.seq, y.seq) })
	a.known = slices.CompactFunc(a.known, func(x, y known) bool { return x.at == y.at })
	return errors.Join(err1, err2, err3, err4, err5)
}

// at gives the instant of an event.
func (a *again) at(seq kith.Seq) time.Time {
	i, found := slices.BinarySearchFunc(a.known, seq, func(k known, s kith.Seq) int { return cmp.Compare(k.seq, s) })
	if !found {
		i--
	}
	if i < 0 {
		return time.Time{}
	}
	return time.UnixMicro(a.known[i].at).UTC()
}

// decide takes again what an event decides, in the engine that is made anew.
func (u *unloading) decide(t *turn, r *history.Row) error {
	x := u.x
	m, version, err := u.rulesAt(kith.Seq(r.Seq))
	if err != nil {
		return err
	}
	x.matcher.Store(m) // the graph asks it for the spaces of members
	claims := make([]identity.Claim, 0, 1+len(r.Also))
	for i := range 1 + len(r.Also) {
		f := r.Fragment
		if i > 0 {
			f = r.Also[i-1]
		}
		marks, err := x.people.Marks(nil, kith.FragmentID(f))
		if err != nil {
			return err
		}
		if space := m.Space(x.spaces.at(int(marks.Space))); space >= 0 {
			claims = append(claims, identity.Claim{Fragment: kith.FragmentID(f), Space: space})
		}
	}
	rule := identity.SameEvent
	if kith.Kind(r.Kind) == kith.Alias {
		rule = identity.AliasCall
	}
	g := t.graph
	g.Effects, g.Fresh = retaking{t, u}, kith.NoFragment
	g.Rules, g.Cause, g.At = version, kith.Seq(r.Seq), u.again.at(kith.Seq(r.Seq))
	return m.Resolve(g, claims, rule, g.At)
}

// retaking logs decisions that are taken again, and carries them out as any.
type retaking struct {
	*turn
	u *unloading
}

// decisionChunk bounds a chunk of decisions.
const decisionChunk = 64 << 10

// Decided gives the decision the next number.
func (r retaking) Decided(d *storage.Decision) (kith.Seq, error) {
	u := r.u
	a := &u.again
	u.next++
	u.report.Decisions++
	d.Seq = u.next
	a.chunk = storage.AppendDecision(a.chunk, d)
	if len(a.chunk) >= decisionChunk {
		a.end(u.next)
	}
	return d.Seq, nil
}

// end ends a chunk of which last is the last decision.
func (a *again) end(last kith.Seq) {
	if len(a.chunk) > 0 {
		a.done, a.last, a.chunk = append(a.done, a.chunk), append(a.last, last), nil
	}
}
