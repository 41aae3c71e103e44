package engine

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/history"
)

// ranking is a number of all people in order, and the threshold of the greatest of them.
type ranking struct {
	percent uint64 // billionths of a percent
	of      map[uint32]query.Dec
	runs    [][]ranked // ascending, none empty
	cut     query.Dec
	some    bool // cut says something
	all     bool // whoever is compared with the threshold may have any other number
}

type ranked struct {
	v   query.Dec
	row uint32
}

const longestRun = 2048

func newRanking(p *query.Program, i int) *ranking {
	lo, _, ok := history.ParseDecimal([]byte(p.Tops()[i].Percent))
	if !ok {
		panic("unreachable: a percentage is a number")
	}
	return &ranking{percent: lo, of: map[uint32]query.Dec{}, all: !p.Ranked(i)}
}

func (a ranked) compare(b ranked) int {
	return cmp.Or(a.v.Cmp(b.v), cmp.Compare(a.row, b.row))
}

// threshold gives the least of the greatest; none where nobody has a number.
func (r *ranking) threshold() (query.Datum, bool) {
	return query.Datum{As: query.Number, Num: r.cut}, r.some
}

// set gives a row its number, or none.
func (r *ranking) set(row uint32, v query.Dec, has bool) {
	old, had := r.of[row]
	if had == has && (!has || old == v) {
		return
	}
	if had {
		r.remove(ranked{old, row})
		delete(r.of, row)
	}
	if has {
		r.of[row] = v
		r.insert(ranked{v, row})
	}
}

// find gives the run that x is in or belongs to, and its place there.
func (r *ranking) find(x ranked) (run, at int) {
	run = sort.Search(len(r.runs), func(i int) bool { return r.runs[i][len(r.runs[i])-1].compare(x) >= 0 })
	if run == len(r.runs) {
		return run, 0
	}
	at, _ = slices.BinarySearchFunc(r.runs[run], x, ranked.compare)
	return run, at
}

func (r *ranking) insert(x ranked) {
	run, at := r.find(x)
	switch {
	case len(r.runs) == 0:
		r.runs = [][]ranked{{x}}
		return
	case run == len(r.runs): // above all
		run--
		at = len(r.runs[run])
	}
	r.runs[run] = slices.Insert(r.runs[run], at, x)
	if list := r.runs[run]; len(list) > longestRun {
		half := len(list) / 2
		r.runs[run] = list[:half:half]
		r.runs = slices.Insert(r.runs, run+1, slices.Clone(list[half:]))
	}
}

func (r *ranking) remove(x ranked) {
	run, at := r.find(x)
	r.runs[run] = slices.Delete(r.runs[run], at, at+1)
	if len(r.runs[run]) == 0 {
		r.runs = slices.Delete(r.runs, run, run+1)
	}
}

// settle finds the threshold anew: of n numbers the ⌈n·percent/100⌉-th from above.
func (r *ranking) settle() (moved bool, old query.Dec, had bool) {
	old, had = r.cut, r.some
	n := uint64(len(r.of))
	if r.some = n > 0; !r.some {
		r.cut = query.Dec{}
		return had, old, had
	}
	const whole = 100 * 1e9
	hi, lo := bits.Mul64(n, r.percent)
	k, rest := bits.Div64(hi, lo, whole)
	if rest > 0 {
		k++
	}
	down := max(k, 1) - 1 // numbers above it
	for _, run := range slices.Backward(r.runs) {
		if down < uint64(len(run)) {
			r.cut = run[uint64(len(run))-1-down].v
			break
		}
		down -= uint64(len(run))
	}
	return !had || old != r.cut, old, had
}

// between gives the rows that a threshold passed when it moved.
func (r *ranking) between(old query.Dec, had bool, f func(row uint32)) {
	if r.all || !had || !r.some {
		for row := range r.of {
			f(row)
		}
		return
	}
	low, high := old, r.cut
	if low.Cmp(high) > 0 {
		low, high = high, low
	}
	run, at := r.find(ranked{low, 0})
	for ; run < len(r.runs); run, at = run+1, 0 {
		for _, x := range r.runs[run][at:] {
			if x.v.Cmp(high) > 0 {
				return
			}
			f(x.row)
		}
	}
}

// rankAll tells the rankings about those who were touched, and touches those
// whom a threshold has passed.
func (l *live) rankAll(touched []uint32, at int64) error {
	for _, s := range l.order {
		if len(s.ranks) == 0 || s.prog == nil {
			continue
		}
		for _, f := range touched {
			if l.touched[f].has(s) {
				if err := l.rank(s, f, at); err != nil {
					return err
				}
			}
		}
		if s.upTo == 0 {
			continue // nobody was asked about yet: the rankings are being filled
		}
		for _, r := range s.ranks {
			moved, old, had := r.settle()
			if !moved {
				continue
			}
			r.between(old, had, func(row uint32) { l.touchOther(row, s) })
		}
	}
	return nil
}

// rank gives the rankings of a segment the numbers of a fragment's owner.
func (l *live) rank(s *liveSegment, f uint32, at int64) error {
	owner := uint32(l.e.people.Owner(kith.FragmentID(f)))
	p := livePerson{l: l, row: owner}
	if err := p.begin(s); err != nil {
		return err
	}
	for i, r := range s.ranks {
		if owner != f {
			r.set(f, query.Dec{}, false)
		}
		if !p.exists {
			r.set(owner, query.Dec{}, false)
			continue
		}
		v, ok, next := s.prog.TopValue(i, &p, at)
		r.set(owner, v.Num, ok)
		l.wake(s, owner, next)
	}
	return p.err
}
