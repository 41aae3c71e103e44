package storage

import (
	"bytes"
	"encoding/binary"

	"github.com/kithdb/kith"
)

// The numbers of the columns that every directory has. They are stored and
// never change; trait columns follow from FirstTrait.
const (
	colOwner   = 1  // of a fragment: its profile
	colNext    = 2  // of a fragment: the next in the circle of its profile
	colSpace   = 3  // of a fragment: its space, and the bits below
	colToken   = 4  // of a fragment: its identifier's token
	colFirst   = 5  // of a profile: time of its first event
	colLast    = 6  // of a profile: time of its last event
	colCount   = 7  // of a profile: how many events
	colHead    = 8  // of a profile: the fragment that gives the public id
	colOwn     = 9  // of a fragment: how many events of its own it has
	colOldest  = 10 // of a fragment: time of its first own event
	colNewest  = 11 // of a fragment: time of its last own event
	FirstTrait = 64

	// FirstComputed is where the columns of computed traits begin: four for each
	// name, one a type. What stands there is not told again from the log.
	FirstComputed = 1 << 20
)

// Bits that stand beside the space in colSpace.
const (
	spaceBits = 0x00ff // the space: at most 256 in a directory
	bitAlone  = 0x0100 // the fragment is shared by several people and stands alone
	bitTold   = 0x0200 // the fragment has a trait document
	bitKnown  = 0x0400 // of a profile: it has an identifier that is not weak
	bitFirm   = 0x0800 // of a fragment: its identifier was not weak when it was numbered
)

// People is who is who: which profile has which fragment, and what each profile
// counted. The line changes it inside State.Do; readers read with a pin, the
// line with nil.
type People struct {
	s                         *State
	owner, next, space, token *Column
	First, Last, Count, Head  *Column // of profiles
	Own, Oldest, Newest       *Column // of fragments: what a profile is told again when it falls apart
}

// OpenPeople finds the columns in the state.
func OpenPeople(s *State) (*People, error) {
	p := &People{s: s}
	for _, c := range []struct {
		col   **Column
		id    uint32
		width int
	}{
		{&p.owner, colOwner, 4}, {&p.next, colNext, 4}, {&p.space, colSpace, 2}, {&p.token, colToken, 16},
		{&p.First, colFirst, 8}, {&p.Last, colLast, 8}, {&p.Count, colCount, 4}, {&p.Head, colHead, 4},
		{&p.Own, colOwn, 4}, {&p.Oldest, colOldest, 8}, {&p.Newest, colNewest, 8},
	} {
		col, err := s.Column(c.id, ColumnSpec{Width: c.width})
		if err != nil {
			return nil, err
		}
		*c.col = col
	}
	return p, nil
}

// Number makes f a fragment, and a profile of its own.
func (p *People) Number(f kith.FragmentID, space uint8, weak bool, token kith.Token) {
	bits := uint16(space)
	if !weak {
		bits |= bitKnown | bitFirm
	}
	p.s.Do(func() {
		p.owner.SetU32(uint32(f), uint32(f))
		p.next.SetU32(uint32(f), uint32(f))
		p.space.Set(uint32(f), Cell{Lo: uint64(bits)})
		p.token.Set(uint32(f), tokenCell(token))
	})
}

func tokenCell(t kith.Token) Cell {
	return Cell{Lo: binary.LittleEndian.Uint64(t[:8]), Hi: binary.LittleEndian.Uint64(t[8:])}
}

// Exists tells whether a number is a profile: it owns itself and has an event or a link.
func (p *People) Exists(pin *Pin, who kith.ProfileID) (bool, error) {
	if _, ok, err := p.Count.At(pin, uint32(who)); ok || err != nil {
		return ok, err
	}
	next, ok, err := p.next.At(pin, uint32(who))
	return ok && uint32(next.Lo) != uint32(who), err
}

// Token gives the token of a fragment's identifier.
func (p *People) Token(pin *Pin, f kith.FragmentID) (kith.Token, error) {
	c, _, err := p.token.At(pin, uint32(f))
	var t kith.Token
	binary.LittleEndian.PutUint64(t[:8], c.Lo)
	binary.LittleEndian.PutUint64(t[8:], c.Hi)
	return t, err
}

// Owner gives the profile that has the fragment; the line only.
func (p *People) Owner(f kith.FragmentID) kith.ProfileID {
	v, ok := p.owner.U32(uint32(f))
	if !ok {
		return kith.ProfileID(f)
	}
	return kith.ProfileID(v)
}

// OwnerAt gives the profile that has the fragment as of the pin.
func (p *People) OwnerAt(pin *Pin, f kith.FragmentID) (kith.ProfileID, error) {
	c, ok, err := p.owner.At(pin, uint32(f))
	if err != nil || !ok {
		return kith.ProfileID(f), err
	}
	return kith.ProfileID(c.Lo), nil
}

// Owners gives the owners of the fragments of one block.
func (p *People) Owners(pin *Pin, block int) (*Image, error) { return p.owner.Image(pin, block) }

// Spaces gives the spaces and bits of the fragments of one block.
func (p *People) Spaces(pin *Pin, block int) (*Image, error) { return p.space.Image(pin, block) }

// Nexts gives the circles of the fragments of one block.
func (p *People) Nexts(pin *Pin, block int) (*Image, error) { return p.next.Image(pin, block) }

// Fragments gives the fragments of the profile that has f, beginning with f.
func (p *People) Fragments(pin *Pin, f kith.FragmentID) ([]kith.FragmentID, error) {
	out := []kith.FragmentID{f}
	for at := uint32(f); ; {
		c, ok, err := p.next.At(pin, at)
		if err != nil {
			return nil, err
		}
		if at = uint32(c.Lo); !ok || at == uint32(f) {
			return out, nil
		}
		out = append(out, kith.FragmentID(at))
		if len(out) > 1<<26 {
			return nil, damaged([]byte{keyUnit})
		}
	}
}

// Marks is what is noted about a fragment.
type Marks struct {
	Space uint8
	Alone bool // shared by several people
	Told  bool // has a trait document
	Known bool // of a profile: has an identifier that is not weak
	Firm  bool // its identifier was not weak by the rules that numbered it
}

// MarksOf reads a value of Spaces.
func MarksOf(b uint16) Marks {
	return Marks{uint8(b & spaceBits), b&bitAlone != 0, b&bitTold != 0, b&bitKnown != 0, b&bitFirm != 0}
}

// Marks gives what is noted about a fragment.
func (p *People) Marks(pin *Pin, f kith.FragmentID) (Marks, error) {
	c, _, err := p.space.At(pin, uint32(f))
	return MarksOf(uint16(c.Lo)), err
}

func (p *People) mark(f uint32, set, unset uint64) {
	c, _ := p.space.Get(f)
	p.space.Set(f, Cell{Lo: c.Lo&^unset | set})
}

// Told notes that the fragment has a trait document. Call it inside State.Do.
func (p *People) Told(f kith.FragmentID) { p.mark(uint32(f), bitTold, 0) }

// Join makes the fragments of gone part of stay, and joins what they counted.
// stay must be the smaller number. Call it inside State.Do.
func (p *People) Join(stay, gone kith.ProfileID) {
	a, b := uint32(stay), uint32(gone)
	na, _ := p.next.U32(a)
	nb, _ := p.next.U32(b)
	p.next.SetU32(a, nb)
	p.next.SetU32(b, na)
	for f := nb; ; f, _ = p.next.U32(f) {
		p.owner.SetU32(f, a)
		if f == b {
			break
		}
	}
	if c, _ := p.space.Get(b); c.Lo&bitKnown != 0 {
		p.mark(a, bitKnown, 0)
	}
	p.joinCounts(a, b)
}

func (p *People) joinCounts(a, b uint32) {
	n, ok := p.Count.U32(b)
	if !ok {
		return
	}
	first, _ := p.First.I64(b)
	last, _ := p.Last.I64(b)
	head, _ := p.Head.U32(b)
	p.Happened(kith.ProfileID(a), kith.FragmentID(head), first, last, n)
	p.Clear(kith.ProfileID(b))
}

// Happened adds n events of a profile between first and last, the first of
// which is the fragment head's. Call it inside State.Do.
func (p *People) Happened(who kith.ProfileID, head kith.FragmentID, first, last int64, n uint32) {
	row := uint32(who)
	old, ok := p.Count.U32(row)
	p.Count.SetU32(row, old+n)
	if !ok {
		p.First.SetI64(row, first)
		p.Last.SetI64(row, last)
		p.Head.SetU32(row, uint32(head))
		return
	}
	if was, _ := p.Last.I64(row); last > was {
		p.Last.SetI64(row, last)
	}
	was, _ := p.First.I64(row)
	h, _ := p.Head.U32(row)
	switch {
	case first < was:
		p.First.SetI64(row, first)
		p.Head.SetU32(row, uint32(head))
	case first == was && h != uint32(head) && p.before(uint32(head), h):
		p.Head.SetU32(row, uint32(head))
	}
}

// Warm loads what Did will change. Called outside State.Do, it spares readers the wait.
func (p *People) Warm(who kith.ProfileID, f kith.FragmentID) {
	for _, c := range [...]*Column{p.Own, p.Oldest, p.Newest} {
		c.Warm(uint32(f))
	}
	for _, c := range [...]*Column{p.Count, p.First, p.Last, p.Head} {
		c.Warm(uint32(who))
	}
}

// Did notes one event of a fragment, whose profile is who. Call it inside State.Do.
func (p *People) Did(who kith.ProfileID, f kith.FragmentID, at int64) {
	row := uint32(f)
	n, ok := p.Own.U32(row)
	p.Own.SetU32(row, n+1)
	if oldest, _ := p.Oldest.I64(row); !ok || at < oldest {
		p.Oldest.SetI64(row, at)
	}
	if newest, _ := p.Newest.I64(row); !ok || at > newest {
		p.Newest.SetI64(row, at)
	}
	p.Happened(who, f, at, at, 1)
}

// Recount tells a profile about all events of one of its fragments. Call it inside State.Do.
func (p *People) Recount(who kith.ProfileID, f kith.FragmentID) {
	n, ok := p.Own.U32(uint32(f))
	if !ok {
		return
	}
	oldest, _ := p.Oldest.I64(uint32(f))
	newest, _ := p.Newest.I64(uint32(f))
	p.Happened(who, f, oldest, newest, n)
}

// before orders fragments that were seen first at the same time: by token, so
// that the public id depends on neither arrival nor number (FEATURES T11).
func (p *People) before(a, b uint32) bool {
	ta, _ := p.Token(nil, kith.FragmentID(a))
	tb, _ := p.Token(nil, kith.FragmentID(b))
	return bytes.Compare(ta[:], tb[:]) < 0
}

// Clear forgets what a profile counted. Call it inside State.Do.
func (p *People) Clear(who kith.ProfileID) {
	for _, c := range []*Column{p.Count, p.First, p.Last, p.Head} {
		c.Clear(uint32(who))
	}
}

// Part lets a profile fall apart: changes has all of its fragments with their
// new owners. Shared, if any, stands alone from now on. What the parts counted
// has to be told again. Call it inside State.Do.
func (p *People) Part(changes []Assignment, shared kith.FragmentID) {
	last := map[kith.ProfileID]uint32{}
	first := map[kith.ProfileID]uint32{}
	for _, c := range changes {
		f := uint32(c.Fragment)
		p.owner.SetU32(f, uint32(c.Profile))
		p.mark(f, 0, bitKnown)
		if l, ok := last[c.Profile]; ok {
			p.next.SetU32(l, f)
		} else {
			first[c.Profile] = f
		}
		last[c.Profile] = f
	}
	for who, l := range last {
		p.next.SetU32(l, first[who])
	}
	for _, c := range changes {
		if cell, _ := p.space.Get(uint32(c.Fragment)); cell.Lo&bitFirm != 0 {
			p.mark(uint32(c.Profile), bitKnown, 0)
		}
	}
	if shared != kith.NoFragment {
		p.mark(uint32(shared), bitAlone, 0)
	}
}
