package storage

import (
	"time"

	"github.com/kithdb/kith"
)

// Effects is what a decision does beyond the identity graph; the engine
// carries it out at once, and again from the log when it recovers.
type Effects interface {
	// Decided logs the decision and gives it its number.
	Decided(d *Decision) (kith.Seq, error)
	// Joined moves what gone counted and said to stay. The graph has joined them already.
	Joined(stay, gone kith.ProfileID, moved []kith.FragmentID) error
	// Parted folds the parts of a profile again. The graph has parted them already.
	Parted(changes []Assignment) error
}

// Graph is the identity graph of one turn. With the engine's small adapter it
// satisfies identity.Graph: what it writes, it reads at once.
type Graph struct {
	Tx      *Tx
	People  *People
	Effects Effects
	Rules   uint32          // version
	Cause   kith.Seq        // the event
	At      time.Time       // the instant
	Fresh   kith.FragmentID // fragments from here on were numbered in this turn

	now map[uint64]PairRecord // what this turn decided
}

// Pair gives the latest decision about two fragments. About one that was
// numbered in this turn nothing can stand in the store, so it is not asked.
func (g *Graph) Pair(a, b kith.FragmentID) (PairRecord, bool, error) {
	if rec, ok := g.now[pairOf(a, b)]; ok {
		return rec, true, nil
	}
	if max(a, b) >= g.Fresh {
		return PairRecord{}, false, nil
	}
	return g.Tx.Pair(a, b)
}

func pairOf(a, b kith.FragmentID) uint64 { return uint64(min(a, b))<<32 | uint64(max(a, b)) }

// Pairs calls f for each decision about a fragment and another of its profile.
func (g *Graph) Pairs(a kith.FragmentID, f func(b kith.FragmentID, rec PairRecord)) error {
	members, err := g.People.Fragments(nil, a)
	if err != nil {
		return err
	}
	for _, b := range members[1:] {
		rec, ok, err := g.Pair(a, b)
		if err != nil {
			return err
		}
		if ok {
			f(b, rec)
		}
	}
	return nil
}

// Link records that two fragments are one person, and joins their profiles.
func (g *Graph) Link(a, b kith.FragmentID, rule string) error {
	d := Decision{Decision: g.decision(kith.Link, a, b, rule, "")}
	if stay, gone := g.People.Owner(a), g.People.Owner(b); stay != gone {
		d.Changes = []Assignment{{kith.FragmentID(max(stay, gone)), min(stay, gone)}}
	}
	if err := g.record(&d); err != nil {
		return err
	}
	return g.Carry(&d)
}

// Refuse records that two fragments stay apart.
func (g *Graph) Refuse(a, b kith.FragmentID, rule, space string) error {
	d := Decision{Decision: g.decision(kith.Refuse, a, b, rule, space)}
	return g.record(&d)
}

// Leave records that f is shared and stands alone, and lets its profile fall
// into f and the parts.
func (g *Graph) Leave(f kith.FragmentID, rest [][]kith.FragmentID, space string) error {
	d := Decision{Decision: g.decision(kith.Leave, f, kith.NoFragment, "shared", space)}
	d.Changes = []Assignment{{f, kith.ProfileID(f)}}
	for _, part := range rest {
		least := part[0]
		for _, m := range part {
			least = min(least, m)
		}
		for _, m := range part {
			d.Changes = append(d.Changes, Assignment{m, kith.ProfileID(least)})
		}
	}
	if _, err := g.Effects.Decided(&d); err != nil {
		return err
	}
	return g.Carry(&d)
}

// Carry carries a decision out, live and when the log is replayed.
func (g *Graph) Carry(d *Decision) error {
	switch d.Kind {
	case kith.Link:
		return g.join(d)
	case kith.Leave, kith.Cut:
		shared := kith.NoFragment
		if d.Kind == kith.Leave {
			shared = d.A
		}
		g.People.s.Do(func() { g.People.Part(d.Changes, shared) })
		return g.Effects.Parted(d.Changes)
	}
	return nil
}

func (g *Graph) join(d *Decision) error {
	if len(d.Changes) == 0 {
		return nil
	}
	stay, gone := d.Changes[0].Profile, kith.ProfileID(d.Changes[0].Fragment)
	moved, err := g.People.Fragments(nil, kith.FragmentID(gone))
	if err != nil {
		return err
	}
	g.People.s.Do(func() { g.People.Join(stay, gone) })
	return g.Effects.Joined(stay, gone, moved)
}

func (g *Graph) decision(kind kith.DecisionKind, a, b kith.FragmentID, rule, space string) kith.Decision {
	return kith.Decision{Kind: kind, A: a, B: b, Rule: rule, Space: space, Version: g.Rules, Cause: g.Cause, At: g.At}
}

func (g *Graph) record(d *Decision) error {
	seq, err := g.Effects.Decided(d)
	if err != nil {
		return err
	}
	_, known, err := g.Pair(d.A, d.B)
	if err != nil {
		return err
	}
	rec := PairRecord{Kind: d.Kind, Seq: seq, Cause: d.Cause, At: d.At.UnixMicro(), Rule: d.Rule}
	if g.now == nil {
		g.now = map[uint64]PairRecord{}
	}
	g.now[pairOf(d.A, d.B)] = rec
	return g.Tx.PutPair(d.A, d.B, rec, known)
}
