package engine

import (
	"slices"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
)

// accounts is who shares the value of a trait with whom, and how many people of
// each value a condition is true of.
type accounts struct {
	of  map[uint32]seated // by row: those who have the trait
	by  map[string]*account
	was map[*account]int64 // of those that moved since they were settled: how many counted before
}

// account is the people of one value.
type account struct {
	key    string // the value
	rows   []uint32
	counts int64
}

// seated is where somebody stands in an account.
type seated struct {
	in     *account
	at     int // in its rows
	counts bool
}

func newAccounts() *accounts {
	return &accounts{of: map[uint32]seated{}, by: map[string]*account{}, was: map[*account]int64{}}
}

// count gives how many count in an account.
func (a *accounts) count(key string) int64 {
	if in := a.by[key]; in != nil {
		return in.counts
	}
	return 0
}

// set puts a row into an account, or into none, and says whether it counts there.
func (a *accounts) set(row uint32, key string, has, counts bool) {
	old, had := a.of[row]
	switch {
	case had && has && old.in.key == key:
		if old.counts != counts {
			a.move(old.in, counts)
			old.counts = counts
			a.of[row] = old
		}
		return
	case had:
		a.leave(row, old)
	}
	if !has {
		return
	}
	in := a.by[key]
	if in == nil {
		in = &account{key: strings.Clone(key)}
		a.by[in.key] = in
	}
	a.of[row] = seated{in, len(in.rows), counts}
	in.rows = append(in.rows, row)
	if counts {
		a.move(in, true)
	}
}

// leave takes a row out of its account; the last takes its place there.
func (a *accounts) leave(row uint32, p seated) {
	if p.counts {
		a.move(p.in, false)
	}
	end := len(p.in.rows) - 1
	if last := p.in.rows[end]; last != row {
		q := a.of[last]
		q.at = p.at
		a.of[last], p.in.rows[p.at] = q, last
	}
	p.in.rows = p.in.rows[:end]
	delete(a.of, row)
	if end == 0 {
		delete(a.by, p.in.key)
		delete(a.was, p.in) // nobody is left to ask
	}
}

// move counts one more in an account, or one less.
func (a *accounts) move(in *account, more bool) {
	if _, ok := a.was[in]; !ok {
		a.was[in] = in.counts
	}
	if more {
		in.counts++
	} else {
		in.counts--
	}
}

// settle forgets what moved, and calls f for the people of each account where
// that can be something to the segment.
func (a *accounts) settle(p *query.Program, i int, f func(row uint32)) {
	for in, before := range a.was {
		if p.Crossed(i, before, in.counts) {
			for _, row := range in.rows {
				f(row)
			}
		}
	}
	clear(a.was)
}

// seatAll tells the accounts of a segment about those who were touched, and
// touches those in whose account it counts otherwise now.
func (l *live) seatAll(s *liveSegment, touched []uint32, at int64) error {
	if len(s.accounts) == 0 {
		return nil
	}
	for _, f := range touched {
		if l.touched[f].has(s) {
			if err := l.seat(s, f, at); err != nil {
				return err
			}
		}
	}
	if s.upTo == 0 {
		return nil // nobody was asked about yet: the accounts are being filled
	}
	for i, a := range s.accounts {
		a.settle(s.prog, i, func(row uint32) { l.touchOther(row, s) })
	}
	return nil
}

// seat tells the accounts of a segment about a fragment's owner.
func (l *live) seat(s *liveSegment, f uint32, at int64) error {
	owner := uint32(l.e.people.Owner(kith.FragmentID(f)))
	p := livePerson{l: l, row: owner}
	if err := p.begin(s); err != nil {
		return err
	}
	for i, a := range s.accounts {
		if owner != f {
			a.set(f, "", false, false)
		}
		if !p.exists {
			a.set(owner, "", false, false)
			continue
		}
		key, has, counts, next := s.prog.Seat(i, &p, at)
		a.set(owner, key, has, counts)
		l.wake(s, owner, next)
	}
	return p.err
}

// touchOther notes somebody whom what happened to others may move. What happened
// to them in the same turn says more.
func (l *live) touchOther(row uint32, s *liveSegment) {
	if t := l.touched[row]; t != nil {
		t.segs[s.place>>6] |= 1 << (s.place & 63)
		return
	}
	l.touch(kith.FragmentID(row), s, kith.ByRank, 0)
}

// has tells whether somebody is asked about again in a segment.
func (t *touch) has(s *liveSegment) bool {
	return t.all || t.segs[s.place>>6]>>(s.place&63)&1 == 1
}

// inStages parts segments where one counts in accounts: whom it counts may depend
// on the segments before, and of those everybody who was touched has to be asked first.
func inStages(list []*liveSegment) (out [][]*liveSegment) {
	begin := 0
	for i, s := range list {
		if i > begin && len(s.accounts) > 0 {
			out = append(out, list[begin:i])
			begin = i
		}
	}
	if begin < len(list) {
		out = append(out, list[begin:])
	}
	return out
}

// everybodyTouched gives the rows that are touched, in order; rows are those
// found before.
func (l *live) everybodyTouched(rows []uint32) []uint32 {
	if len(rows) == len(l.touched) {
		return rows
	}
	rows = rows[:0]
	for f := range l.touched {
		rows = append(rows, f)
	}
	slices.Sort(rows)
	return rows
}
