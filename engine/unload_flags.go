package engine

import (
	"context"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// reflagged is what becomes of flags. What a rule says of an event alone stands.
// Whether it is a near-duplicate depends on those that are equal and came
// before: where one of these goes or comes, it is decided again, in the order of
// the log and by the rules of its time.
type reflagged struct {
	judges map[uint32]*identity.Judge // by version of the rules
	nears  rulings                    // what asked for near-duplicates, when
	turned map[uint64]uint8           // flags that change, by the seqs of their events
	also   []reflag                   // what those events are
	index  map[uint64]standing        // of the index of near-duplicates, what changes; by key

	identity func(kith.FragmentID) ([]byte, error) // what the record of a fragment has
}

// reflag is an event of another load whose flags change.
type reflag struct {
	seq      kith.Seq
	fragment uint32
	also     []uint32
}

// standing is an event in the index of near-duplicates; seq 0: none any more.
type standing struct {
	seq  uint64
	time int64
}

// judge gives the judge of a version of the rules.
func (u *unloading) judge(m *identity.Matcher, version uint32) *identity.Judge {
	j, ok := u.judges[version]
	if !ok {
		j = u.e.newJudge(m)
		u.judges[version] = j
	}
	return j
}

// findFlags finds out whose flags change.
func (u *unloading) findFlags(ctx context.Context) error {
	all, err := u.e.rulings(u.v.snap, u.v.rules)
	if err != nil || !all.ever() || len(u.own) == 0 {
		return err
	}
	u.nears, u.turned, u.index = all, map[uint64]uint8{}, map[uint64]standing{}
	u.identity = identityIn(u.e.keys, u.v.snap)
	prints := map[uint64]bool{} // of those that go and come: nobody else is near to them
	note := func(r *history.Row) error {
		n, asked, err := u.nearOf(r)
		if asked {
			prints[n.print] = true
		}
		return err
	}
	for r, err := range u.e.hist.Scan(ctx, u.own[0], u.own[len(u.own)-1]) {
		if err == nil && !u.stays(&r) {
			err = note(&r)
		}
		if err != nil {
			return err
		}
	}
	for i := range u.born {
		if err := note(&u.born[i].row); err != nil {
			return err
		}
	}
	if len(prints) == 0 {
		return nil
	}
	return u.judgeAgain(ctx, prints)
}

// stays tells whether an event stays, as its own or as another's.
func (u *unloading) stays(r *history.Row) bool {
	return r.Load != u.load.ID || u.passes[r.Seq] != nil
}

// nearOf gives what near-duplicates of an event have in common.
func (u *unloading) nearOf(r *history.Row) (near, bool, error) {
	secret, err := leaves(u.e.keys, r, u.identity)
	if err != nil {
		return near{}, false, err
	}
	n, asked := u.nears.near(r, secret)
	return n, asked, nil
}

// rejudging decides about all events with some prints as if only those that stay
// and come were there. Before the first that goes nothing changes: of those the
// index tells.
type rejudging struct {
	*unloading
	prints map[uint64]bool
	stand  map[uint64]standing // those since then that others may be near to, by key
}

func (u *unloading) judgeAgain(ctx context.Context, prints map[uint64]bool) error {
	j := &rejudging{u, prints, map[uint64]standing{}}
	born := u.born
	births := func(upTo uint64) error {
		for ; len(born) > 0 && born[0].row.Seq < upTo; born = born[1:] {
			if err := j.one(&born[0].row, true); err != nil {
				return err
			}
		}
		return nil
	}
	for r, err := range u.e.hist.Scan(ctx, u.own[0], uint64(u.v.seq)) {
		if err == nil {
			err = births(r.Seq)
		}
		if err == nil {
			err = j.one(&r, false)
		}
		if err != nil {
			return err
		}
	}
	return births(1 << 63)
}

// one decides about an event, which comes now or was there.
func (j *rejudging) one(r *history.Row, comes bool) error {
	n, asked, err := j.nearOf(r)
	if err != nil || !asked || !j.prints[n.print] {
		return err
	}
	key, f := n.key(n.window()), kith.Flags(r.Flags)
	if _, ok := j.stand[key]; !ok && !comes && f&kith.NearDuplicate == 0 {
		j.index[key] = standing{} // it stood there
	}
	if !comes && !j.stays(r) {
		return nil
	}
	again, err := n.among(j.e.nears, j.own[0])
	if err != nil {
		return err
	}
	f &^= kith.NearDuplicate
	if again || n.beside(j.stand) {
		f |= kith.NearDuplicate
	} else {
		j.stand[key] = standing{r.Seq, r.Time}
		j.index[key] = j.stand[key]
	}
	if f != kith.Flags(r.Flags) {
		j.reflag(r, comes, f)
	}
	return nil
}

// beside is among for events that stand in memory.
func (n near) beside(stand map[uint64]standing) bool {
	for w := n.window() - 1; w <= n.window()+1; w++ {
		at, ok := stand[n.key(w)]
		if d := n.time - at.time; ok && -n.within <= d && d <= n.within {
			return true
		}
	}
	return false
}

// reflag notes that an event has other flags from now on, and counts it so.
func (u *unloading) reflag(r *history.Row, comes bool, f kith.Flags) {
	load, source := r.Load, r.Source
	if s := u.passes[r.Seq]; s != nil {
		load, source = s.load, s.source
	}
	u.recount(source, load, kith.Flags(r.Flags), -1)
	u.recount(source, load, f, 1)
	if comes {
		r.Flags = uint8(f)
		return
	}
	u.report.Reflagged++
	u.turned[r.Seq] = uint8(f)
	u.about[r.Fragment] = true
	u.also = append(u.also, reflag{kith.Seq(r.Seq), r.Fragment, append([]uint32(nil), r.Also...)})
}

// recount counts flags of an accepted event.
func (u *unloading) recount(source string, load uint32, f kith.Flags, by int) {
	var one kith.Tally
	one.Flagged.Count(f)
	t := u.tallies[source]
	add(&t, &one, by)
	u.tallies[source] = t
	if load != 0 {
		t := u.loads[load]
		add(&t, &one, by)
		u.loads[load] = t
	}
}

// newNears takes those out of the index of near-duplicates that are none of it any more, and puts others in.
func (u *unloading) newNears(a *adoption) ([]byte, error) {
	if len(u.index) == 0 {
		return u.e.checkpoint.Nears, nil
	}
	m, err := storage.OpenNears(u.e.store.Get, u.e.checkpoint.Nears)
	if err != nil {
		return nil, err
	}
	m.Begin()
	for key, s := range u.index {
		if s.seq == 0 {
			m.Remove(key)
		} else {
			m.Add(key, uint64(s.time)^1<<63, s.seq)
		}
	}
	m.Commit()
	return a.flush(m)
}
