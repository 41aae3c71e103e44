package storage

import (
	"encoding/binary"
	"math"
	"slices"
	"sync/atomic"

	"github.com/kithdb/kith/storage/bitmap"
)

const (
	valuesCut = 22 // a set is cut into units of 4,194,304 rows: at most 512 KB
	daysCut   = 20 // counts into units of 1,048,576 rows: 128 KB a digit, 7 digits that half of all rows have
	never     = math.MaxUint64
)

// MembersIndex is the number of the value index of memberships: the value is
// the number of the segment.
const MembersIndex = 1

// Values is the sets of rows that have a value, by the value's code. What
// takes no pin is the line's; the rest is any reader's.
type Values struct{ x index }

// Values gives the value index of that number.
func (s *State) Values(id uint32) (*Values, error) {
	s.hmu.Lock()
	defer s.hmu.Unlock()
	if v := s.values[id]; v != nil {
		return v, nil
	}
	v := &Values{}
	if err := v.x.open(s, familyValues, id, valuesCut); err != nil {
		return nil, err
	}
	s.values[id] = v
	return v, nil
}

// Has says to the line whether a row has the value.
func (v *Values) Has(code, row uint32) bool {
	l := v.x.find(code, row, false)
	return l != nil && l.counts.Count(row) > 0
}

// Add gives a row the value and says whether it is new there.
func (v *Values) Add(code, row uint32) bool {
	l := v.x.find(code, row, true)
	return l != nil && l.counts.Count(row) == 0 && l.change(row, 1) != 0
}

// Remove takes the value from a row and says whether it was there.
func (v *Values) Remove(code, row uint32) bool {
	l := v.x.find(code, row, false)
	return l != nil && l.counts.Count(row) > 0 && l.change(row, -1) != 0
}

// Set gives the rows that have the value at a version. The set is the caller's.
func (v *Values) Set(p *Pin, code uint32) (*bitmap.Set, error) {
	c, err := v.x.at(p, code)
	if err != nil {
		return nil, err
	}
	return c.Any(), nil
}

// Parts gives the rows that have the value at a version, as sets of different
// rows, to be read only. It is cheaper than Set.
func (v *Values) Parts(p *Pin, code uint32) ([]*bitmap.Set, error) {
	parts, err := v.x.parts(p, code)
	var out []*bitmap.Set
	for _, c := range parts {
		out = append(out, c.Planes()...)
	}
	return out, err
}

// HasAt tells whether a row has the value at a version. It copies nothing.
func (v *Values) HasAt(p *Pin, code, row uint32) (bool, error) {
	x := &v.x
	part := uint64(code)<<32 | uint64(row>>x.cut)
	ver := x.s.see(p)
	defer func() { x.s.unsee(p) }()
	sl := x.berths[part]
	if sl == nil || sl.since > ver || sl.since == never {
		return false, nil
	}
	l := sl.leaf.Load()
	if l == nil {
		x.s.unsee(p)
		var err error
		l, err = x.bring(p == nil, sl)
		x.s.see(p)
		if err != nil {
			return false, err
		}
	}
	l.use()
	return l.countAt(row, ver) > 0, nil
}

// Codes gives the codes that have, or had, a row at a version, ascending.
func (v *Values) Codes(p *Pin) []uint32 { return v.x.list(p) }

// Days is the counts of rows by day, of one event name. What takes no pin is
// the line's; the rest is any reader's.
type Days struct{ x index }

// Days gives the day index of an event name.
func (s *State) Days(name uint32) (*Days, error) {
	s.hmu.Lock()
	defer s.hmu.Unlock()
	if d := s.days[name]; d != nil {
		return d, nil
	}
	d := &Days{}
	if err := d.x.open(s, familyDays, name, daysCut); err != nil {
		return nil, err
	}
	s.days[name] = d
	return d, nil
}

// turned makes days sort as unsigned numbers.
func turned(day int32) uint32 { return uint32(day) ^ 1<<31 }

// Add raises the count of a row by n. It stays below 2^32.
func (d *Days) Add(day int32, row, n uint32) {
	if l := d.x.find(turned(day), row, true); l != nil {
		l.change(row, int64(n))
	}
}

// Sub lowers the count of a row by n, at most to zero.
func (d *Days) Sub(day int32, row, n uint32) {
	if l := d.x.find(turned(day), row, false); l != nil {
		l.change(row, -int64(n))
	}
}

// Move adds the count of one row to that of another, and leaves the first none.
func (d *Days) Move(day int32, from, to uint32) {
	if n := d.Count(day, from); n > 0 && from != to {
		d.Sub(day, from, n)
		d.Add(day, to, n)
	}
}

// Count gives the line the count of a row.
func (d *Days) Count(day int32, row uint32) uint32 {
	if l := d.x.find(turned(day), row, false); l != nil {
		return l.counts.Count(row)
	}
	return 0
}

// Counts gives the counts of a day at a version. They are the caller's.
func (d *Days) Counts(p *Pin, day int32) (*bitmap.Counts, error) { return d.x.at(p, turned(day)) }

// Parts gives the counts of a day at a version, each of different rows, to be
// read only. It is cheaper than Counts.
func (d *Days) Parts(p *Pin, day int32) ([]*bitmap.Counts, error) { return d.x.parts(p, turned(day)) }

// List gives the days that have, or had, a count at a version, ascending.
func (d *Days) List(p *Pin) []int32 {
	list := d.x.list(p)
	days := make([]int32, len(list))
	for i, day := range list {
		days[i] = int32(day ^ 1<<31)
	}
	return days
}

// index is counts by (what, row), cut by rows into leaves. As a unit it is the
// list of its leaves, so that nobody asks the store for one that is not there.
type index struct {
	mark
	s      *State
	cut    uint              // digits of a row number within a leaf
	berths map[uint64]*berth // by part; changed under State.mu
	fresh  []*berth          // made in the open turn
	cuts   uint32            // no leaf has a higher cut
	recent *berth            // the line's last
}

// berth is the place of one leaf.
type berth struct {
	part  uint64
	since uint64 // the turn in which it was made; never = that was rolled back
	leaf  atomic.Pointer[leaf]
}

func (x *index) open(s *State, family byte, id uint32, cut uint) error {
	x.s, x.cut, x.berths = s, cut, map[uint64]*berth{}
	x.key, x.small = UnitKey{family, id, listPart}, true
	data, err := s.load(x.key)
	if err != nil || data == nil {
		return err
	}
	if len(data) == 0 || data[0] != 1 {
		return unitCorrupt(x.key, "not the form of a list")
	}
	part := uint64(0)
	for rest := data[1:]; len(rest) > 0; {
		d, w := binary.Uvarint(rest)
		if w <= 0 || part+d < part || (d == 0 && len(x.berths) > 0) || uint32(part+d)>>(32-x.cut) != 0 {
			return unitCorrupt(x.key, "not the form of a list")
		}
		part, rest = part+d, rest[w:]
		x.berths[part] = &berth{part: part}
		x.cuts = max(x.cuts, uint32(part))
	}
	s.weigh(x)
	return nil
}

// find gives the line the leaf for a row, made if it is to be changed; nil if
// there is none, or it cannot be loaded.
func (x *index) find(what, row uint32, create bool) *leaf {
	part := uint64(what)<<32 | uint64(row>>x.cut)
	sl := x.recent
	if sl == nil || sl.part != part {
		sl = x.berths[part]
	}
	if sl == nil || sl.since == never {
		if !create {
			return nil
		}
		sl = x.add(part, sl)
	}
	x.recent = sl
	for {
		if l := sl.leaf.Load(); l != nil {
			return l
		}
		l, err := x.bring(true, sl)
		if err != nil {
			x.s.fail(err)
			return nil
		}
		if !x.s.inside {
			return l
		}
	}
}

func (x *index) bring(line bool, sl *berth) (*leaf, error) {
	key := UnitKey{x.key.Family, x.key.ID, sl.part}
	u, err := x.s.bring(line, key, func(data []byte) (unit, error) { return x.parse(key, sl, data) })
	if err != nil {
		return nil, err
	}
	return u.(*leaf), nil
}

// add makes a berth one of those there are; sl is one whose making was rolled back, or nil.
func (x *index) add(part uint64, sl *berth) *berth {
	if x.turn != x.s.turn {
		x.s.touch(x, &x.mark)
	}
	if sl == nil {
		sl = &berth{part: part}
		l := newLeaf(x, sl)
		l.seat(true)
		x.s.enter(l)
		x.berths[part] = sl
		x.cuts = max(x.cuts, uint32(part))
	}
	sl.since = x.s.turn
	x.fresh = append(x.fresh, sl)
	return sl
}

// list gives the upper halves of the parts at a version.
func (x *index) list(p *Pin) []uint32 {
	ver := x.s.see(p)
	var out []uint32
	for part, sl := range x.berths {
		if sl.since <= ver && sl.since != never {
			out = append(out, uint32(part>>32))
		}
	}
	x.s.unsee(p)
	slices.Sort(out)
	return slices.Compact(out)
}

// at gives the counts of what at a version, all cuts together.
func (x *index) at(p *Pin, what uint32) (*bitmap.Counts, error) {
	all := &bitmap.Counts{}
	parts, err := x.parts(p, what)
	for _, c := range parts {
		all.Join(c)
	}
	return all, err
}

// parts gives the counts of what at a version, by cut, to be read only.
func (x *index) parts(p *Pin, what uint32) ([]*bitmap.Counts, error) {
	var all []*bitmap.Counts
	for cut, cuts := uint64(0), uint64(0); cut <= cuts; cut++ {
		ver := x.s.see(p)
		cuts = uint64(x.cuts)
		sl := x.berths[uint64(what)<<32|cut]
		if sl == nil || sl.since > ver || sl.since == never {
			x.s.unsee(p)
			continue
		}
		l := sl.leaf.Load()
		if l == nil {
			x.s.unsee(p)
			var err error
			if l, err = x.bring(p == nil, sl); err != nil {
				return nil, err
			}
			x.s.see(p)
		}
		l.use()
		all = append(all, l.at(ver))
		x.s.unsee(p)
	}
	return all, nil
}

func (x *index) revert() {
	for _, sl := range x.fresh {
		sl.since = never
	}
	x.fresh, x.recent = x.fresh[:0], nil
}

func (x *index) settle(uint64, bool, []uint64) { x.fresh = x.fresh[:0] }

func (x *index) trim(uint64) bool { return true }

func (x *index) bytes() int { return 96 * len(x.berths) }

func (x *index) seat(bool) bool { return true }

// images gives: version 1, then the distance of each part from the one before.
func (x *index) images(ver uint64) []Unit {
	parts := make([]uint64, 0, len(x.berths))
	for part, sl := range x.berths {
		if sl.since <= ver && sl.since != never {
			parts = append(parts, part)
		}
	}
	slices.Sort(parts)
	out, last := []byte{1}, uint64(0)
	for _, part := range parts {
		out = binary.AppendUvarint(out, part-last)
		last = part
	}
	return []Unit{{x.key, out}}
}
