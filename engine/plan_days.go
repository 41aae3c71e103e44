package engine

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/bitmap"
	"github.com/kithdb/kith/storage/history"
)

const usDay = int64(24 * time.Hour / time.Microsecond)

// cutDay is a day of which a window has a part.
type cutDay struct {
	day    int32
	spans  []span64         // what of it, in microseconds
	counts []*bitmap.Counts // of the whole day
}

// dayCounts is what the counts by day say about the events of a condition.
type dayCounts struct {
	p     *planner
	d     *query.Deeds
	days  []dayParts       // that are whole in the window, by name, ascending
	whole []*bitmap.Counts // of them; nil: not needed yet
	cut   []cutDay
	exact []*bitmap.Counts // of the cut days, for who is undecided without them; nil: not needed yet
	asked *bitmap.Set      // whom exact is about
	asks  int              // how often history was asked
}

// deeds answers a condition on how many events somebody has. Days that are
// whole in the window are counted by their planes. For a day that is cut they
// tell what is possible at most; who is undecided after that is looked at exactly.
func (p *planner) deeds(d *query.Deeds, within *bitmap.Set) (*bitmap.Set, error) {
	t := &dayCounts{p: p, d: d}
	if err := t.collect(); err != nil {
		return nil, err
	}
	out := &bitmap.Set{}
	for _, r := range d.Counts {
		lo, hi := r.Lo.Int64(), r.Hi.Int64()
		s, err := t.atLeast(lo, within)
		if err != nil {
			return nil, err
		}
		if hi < math.MaxUint32 && !s.Empty() {
			more, err := t.atLeast(hi+1, s)
			if err != nil {
				return nil, err
			}
			s = bitmap.AndNot(s, more)
		}
		out = bitmap.Or(out, s)
	}
	p.way = "days"
	switch {
	case t.asks > 0:
		p.way = "days + cut day by DuckDB"
	case t.exact != nil:
		p.way = "days + cut day"
	}
	return out, nil
}

// collect gets the counts of the days of the window.
func (t *dayCounts) collect() error {
	pin := t.p.a.v.pin
	cut := map[int32][]*bitmap.Counts{}
	for _, n := range t.d.Names {
		days, err := t.p.a.e.state.Days(n.Code)
		if err != nil {
			return err
		}
		for _, day := range days.List(pin) {
			spans, some := t.spans(day)
			if !some {
				continue
			}
			parts, err := days.Parts(pin, day)
			if err != nil {
				return err
			}
			if isWhole(spans) {
				t.days = append(t.days, dayParts{days, day, parts})
			} else {
				cut[day] = append(cut[day], parts...)
			}
		}
	}
	for day, counts := range cut {
		spans, _ := t.spans(day)
		t.cut = append(t.cut, cutDay{day, spans, counts})
	}
	slices.SortFunc(t.cut, func(a, b cutDay) int { return int(a.day) - int(b.day) })
	return nil
}

func isWhole(spans []span64) bool { return len(spans) == 1 && spans[0].width == uint64(usDay-1) }

// covers tells whether the window has all days from one to another.
func (t *dayCounts) covers(first, last int32) bool {
	for _, r := range t.d.Window {
		if r.Lo.Int64() <= int64(first)*usDay && r.Hi.Int64() >= int64(last+1)*usDay-1 {
			return true
		}
	}
	return false
}

// wholes gives the counts of the days that are whole in the window.
func (t *dayCounts) wholes() []*bitmap.Counts {
	if t.whole != nil {
		return t.whole
	}
	byDay := map[int32][]*bitmap.Counts{}
	for _, d := range t.days {
		byDay[d.day] = append(byDay[d.day], d.parts...)
	}
	t.whole = []*bitmap.Counts{}
	for _, counts := range byDay {
		t.whole = append(t.whole, t.counted(counts)...)
	}
	return t.whole
}

// rolled gives sets that together are who has an event on a day that is whole in
// the window.
func (t *dayCounts) rolled() (out []*bitmap.Set) {
	e := t.p.a.e
	for days := t.days; len(days) > 0; {
		n := 1
		for n < len(days) && days[n].of == days[0].of {
			n++
		}
		out = append(out, e.rollups.sets(days[:n], t.covers, e.lim.recent)...)
		days = days[n:]
	}
	return out
}

// counted gives the counts of one day: of days, one each for who has any.
func (t *dayCounts) counted(counts []*bitmap.Counts) []*bitmap.Counts {
	if !t.d.Days {
		return counts
	}
	return []*bitmap.Counts{bitmap.OnceEach(bitmap.Or(planesOf(counts)...))}
}

// spans gives what of a day is in the window.
func (t *dayCounts) spans(day int32) (out []span64, some bool) {
	from := int64(day) * usDay
	to := from + usDay - 1
	for _, r := range t.d.Window {
		lo, hi := max(from, r.Lo.Int64()), min(to, r.Hi.Int64())
		if lo <= hi {
			out = append(out, span64{lo, uint64(hi - lo)})
		}
	}
	return out, out != nil
}

// atLeast gives those of within who have n or more.
func (t *dayCounts) atLeast(n int64, within *bitmap.Set) (*bitmap.Set, error) {
	switch {
	case n <= 0:
		return t.p.allOrNone(true, within)
	case n > math.MaxUint32:
		return &bitmap.Set{}, nil
	}
	if n == 1 {
		return t.any(within)
	}
	whole, parts := t.wholes(), []*bitmap.Counts{}
	for _, c := range t.cut {
		parts = append(parts, t.counted(c.counts)...)
	}
	if within != nil {
		whole, parts = ofPeople(within, whole), ofPeople(within, parts)
	}
	sure, open, has := bitmap.Reach(uint32(n), whole, parts) // open have enough if the cut days were whole
	if open.Empty() {
		return sure, nil
	}
	if err := t.settle(open); err != nil {
		return nil, err
	}
	more := map[uint32]uint32{}
	for _, c := range t.exact {
		for row, n := range c.All() {
			more[row] += n
		}
	}
	i := 0
	for row := range open.All() {
		if int64(has[i])+int64(more[row]) >= n {
			sure.Add(row)
		}
		i++
	}
	return sure, nil
}

// any gives those of within who have one.
func (t *dayCounts) any(within *bitmap.Set) (*bitmap.Set, error) {
	sure := union(within, t.rolled())
	var cut []*bitmap.Set
	for _, c := range t.cut {
		cut = append(cut, planesOf(c.counts)...)
	}
	open := bitmap.AndNot(union(within, cut), sure)
	if open.Empty() {
		return sure, nil
	}
	if err := t.settle(open); err != nil {
		return nil, err
	}
	return bitmap.Or(sure, union(open, planesOf(t.exact))), nil
}

func planesOf(parts []*bitmap.Counts) (planes []*bitmap.Set) {
	for _, c := range parts {
		planes = append(planes, c.Planes()...)
	}
	return planes
}

// ofPeople gives counts for the people of a set alone.
func ofPeople(people *bitmap.Set, parts []*bitmap.Counts) []*bitmap.Counts {
	some := make([]*bitmap.Counts, len(parts))
	for i, c := range parts {
		some[i] = c.Within(people)
	}
	return some
}

// settle counts the cut days exactly, for the people of a set at least.
func (t *dayCounts) settle(open *bitmap.Set) error {
	if t.exact != nil && bitmap.AndNot(open, t.asked).Empty() {
		return nil
	}
	if t.asked != nil {
		open = bitmap.Or(open, t.asked)
	}
	t.asked, t.exact = open, []*bitmap.Counts{}
	for _, c := range t.cut {
		exact, err := t.cutDay(&c, open)
		if err != nil {
			return err
		}
		t.exact = append(t.exact, t.counted([]*bitmap.Counts{exact})...)
	}
	return nil
}

// cutDay counts the events of the part of a day, for the people of a set. Of
// who has no event outside of that part all count.
func (t *dayCounts) cutDay(c *cutDay, open *bitmap.Set) (*bitmap.Counts, error) {
	day := &bitmap.Counts{}
	parts := ofPeople(open, c.counts)
	if len(t.d.Names) == 1 { // no row is in two parts
		for _, k := range parts {
			day.Join(k)
		}
	} else {
		for row, n := range bitmap.Totals(parts...) {
			day.Add(row, n)
		}
	}
	some := day.Any()
	rest, err := t.crossing(c, some)
	if err != nil || rest.Empty() {
		return day, err
	}
	exact := day.Within(bitmap.AndNot(some, rest))
	for _, s := range c.spans {
		err := t.look(c.day, s.lo, s.lo+int64(s.width), rest, func(row uint32) { exact.Add(row, 1) })
		if err != nil {
			return nil, err
		}
	}
	return exact, nil
}

// crossing gives those who may have events on the day outside of the window's
// part of it: they were seen before that part begins, or after it ends.
func (t *dayCounts) crossing(c *cutDay, some *bitmap.Set) (*bitmap.Set, error) {
	if len(c.spans) > 1 {
		return some, nil
	}
	people, pin, s := t.p.a.e.people, t.p.a.v.pin, c.spans[0]
	from, to := int64(c.day)*usDay, int64(c.day+1)*usDay-1
	in := func(lo, hi int64) bool { return max(lo, from) >= s.lo && min(hi, to) <= s.lo+int64(s.width) }
	var rows []uint32
	first, last := pages{c: people.First, p: pin}, pages{c: people.Last, p: pin}
	for row := range some.All() {
		a, err := first.at(row, some)
		if err != nil {
			return nil, err
		}
		b, err := last.at(row, some)
		if err != nil {
			return nil, err
		}
		if !in(a, b) {
			rows = append(rows, row)
		}
	}
	return bitmap.Of(rows...), nil
}

// look calls f for each event of the names between two instants of a day, of
// somebody of a set.
func (t *dayCounts) look(day int32, from, to int64, who *bitmap.Set, f func(row uint32)) error {
	a := t.p.a
	if err := a.e.follow.catchUp(t.p.ctx, a.v.seq); err != nil {
		return err
	}
	owners := make([][]uint32, t.p.blocks())
	var bad error
	each := func(fragment uint32, _ int64) {
		k := fragment >> 16
		if owners[k] == nil {
			img, err := a.e.people.Owners(a.v.pin, int(k))
			if err != nil {
				bad = err
				return
			}
			owners[k] = img.U32
		}
		if row := owners[k][fragment&0xffff]; who.Has(row) {
			f(row)
		}
	}
	var err error
	if len(t.d.Names) <= fewNames {
		err = t.recall(day, from, to, each)
	} else {
		t.asks++
		err = a.e.hist.Moments(t.p.ctx, uint64(a.v.seq), t.named(), from, to, each)
	}
	return errors.Join(bad, err)
}

// named gives the names as history knows them; nil: all.
func (t *dayCounts) named() []history.Named {
	if t.d.Every {
		return nil
	}
	names := []history.Named{}
	for _, n := range t.d.Names {
		names = append(names, namedEvent(n))
	}
	return names
}

func namedEvent(n query.EventName) history.Named {
	kind, _ := kith.ParseKind(n.Kind)
	return history.Named{Kind: uint8(kind), Name: n.Name}
}

// fewNames is up to how many names the events of a day are kept by name.
const fewNames = 8

// recall calls f for each event of the names between two instants of a day.
// What happened that day is kept, because other windows begin on it, too.
func (t *dayCounts) recall(day int32, from, to int64, f func(fragment uint32, at int64)) error {
	a := t.p.a
	for _, n := range t.d.Names {
		days, err := a.e.state.Days(n.Code)
		if err != nil {
			return err
		}
		parts, err := days.Parts(a.v.pin, day)
		if err != nil {
			return err
		}
		total := uint64(0)
		for _, c := range parts {
			total += c.Total()
		}
		if total == 0 {
			continue
		}
		kept := a.e.recent.find(days, day, total)
		if kept == nil {
			t.asks++
			kept = &dayEvents{of: days, day: day}
			begin := int64(day) * usDay
			err := a.e.hist.Moments(t.p.ctx, uint64(a.v.seq), []history.Named{namedEvent(n)}, begin, begin+usDay-1, kept.add)
			if err != nil {
				return err
			}
			if uint64(len(kept.events)) != total {
				return &kith.Error{Op: "engine.Segment", Kind: kith.ErrCorrupt, Err: errors.New("history and the counts by day differ")}
			}
			kept.sort()
			a.e.recent.keep(kept, a.e.lim.recent)
		}
		kept.between(from, to, f)
	}
	return nil
}
