package storage

import "github.com/kithdb/kith"

// placeTail keeps the newest places in the order of arrival, each with a link to the one before
// it of the same fragment. The heads of these chains stand in pages by fragment number, so that
// a walk over the pages is the sorted run.
type placeTail struct {
	pages []*placePage // by fragment >> 12
	parts [][]placeEntry
	count int
}

type placePage [1 << 12]uint32 // number of the entry + 1

type placeEntry struct {
	Place
	before uint32 // number of the entry + 1
}

const placePart = 1 << 15 // entries allocated at once

func (t *placeTail) add(f kith.FragmentID, p Place) {
	page := int(f >> 12)
	if page >= len(t.pages) {
		t.pages = append(t.pages, make([]*placePage, page+1-len(t.pages))...)
	}
	if t.pages[page] == nil {
		t.pages[page] = new(placePage)
	}
	head := &t.pages[page][f&0xFFF]
	if t.count%placePart == 0 {
		t.parts = append(t.parts, make([]placeEntry, 0, placePart))
	}
	last := &t.parts[len(t.parts)-1]
	*last = append(*last, placeEntry{p, *head})
	t.count++
	*head = uint32(t.count)
}

// head gives the number of the newest entry of the fragment, + 1; 0 when it has none.
func (t *placeTail) head(f kith.FragmentID) uint32 {
	page := int(f >> 12)
	if page >= len(t.pages) || t.pages[page] == nil {
		return 0
	}
	return t.pages[page][f&0xFFF]
}

func (t *placeTail) entry(n uint32) *placeEntry {
	return &t.parts[(n-1)/placePart][(n-1)%placePart]
}

// newest appends places below upTo, from new to old, until out has n.
func (t *placeTail) newest(out []Place, f kith.FragmentID, upTo uint64, n int) []Place {
	for at := t.head(f); at != 0 && len(out) < n; {
		e := t.entry(at)
		if e.Ordinal < upTo {
			out = append(out, e.Place)
		}
		at = e.before
	}
	return out
}

func (t *placeTail) len() int { return t.count }

func (t *placeTail) source() runSource { return &placeSource{t: t} }

// placeSource walks a tail by fragment.
type placeSource struct {
	t     *placeTail
	f     uint64 // the next fragment
	now   uint64
	chain []Place // places of fragment now that are still to be given, from new to old
}

func (s *placeSource) next(r *runRow) (bool, error) {
	for len(s.chain) == 0 {
		page := int(s.f >> 12)
		if page >= len(s.t.pages) {
			return false, nil
		}
		if s.t.pages[page] == nil {
			s.f = uint64(page+1) << 12
			continue
		}
		s.now = s.f
		s.chain = s.t.newest(s.chain[:0], kith.FragmentID(s.f), ^uint64(0), s.t.count)
		s.f++
	}
	p := s.chain[len(s.chain)-1]
	s.chain = s.chain[:len(s.chain)-1]
	*r = runRow{s.now, [runCols]uint64{p.Ordinal, uint64(p.Name), placeDay(p.Day)}}
	return true, nil
}

// placeDay maps days to numbers in the same order.
func placeDay(day int32) uint64 { return uint64(uint32(day) ^ 1<<31) }

// placeOf is the place in a row of a run; false when it cannot be one.
func placeOf(r *runRow) (Place, bool) {
	p := Place{r.cols[0], uint32(r.cols[1]), int32(uint32(r.cols[2]) ^ 1<<31)}
	return p, r.cols[1]>>32 == 0 && r.cols[2]>>32 == 0
}
