package engine

import (
	"math"
	"math/bits"
	"slices"

	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// mostUnion is up to how many bitmaps of values are joined; for more, the
// column is read once.
const mostUnion = 256

// Size implements query.Index.
func (p *planner) Size(l *query.Piece) int {
	if l.Way == query.ByList {
		return p.a.v.lists[l.List].frags.Len()
	}
	if l.Way != query.ByTrait || l.Sole.Trait.Fixed {
		return int(p.a.v.fragments)
	}
	c := p.a.v.column(p.a.e, l.Sole.Trait.Path)
	if c == nil || c.values == nil || l.Sole.OfNone() {
		return int(p.a.v.fragments)
	}
	codes, ok := p.named(l.Sole, c)
	if !ok || len(codes) > 8 {
		return int(p.a.v.fragments)
	}
	n := 0
	for _, code := range codes {
		parts, err := c.values.Parts(p.a.v.pin, code)
		if err != nil {
			return int(p.a.v.fragments) // whoever answers it meets the error again
		}
		for _, s := range parts {
			n += s.Len()
		}
	}
	return n
}

// named gives the codes of the values that the condition names; not ok: it
// names none, or one that has no bitmap.
func (p *planner) named(s *query.Sole, c *column) (codes []uint32, ok bool) {
	if c.kind == typeFact {
		for code, b := range []bool{false, true} {
			if s.OfBool(b) {
				codes = append(codes, uint32(code))
			}
		}
		return codes, true
	}
	texts, ok := s.Texts()
	if !ok {
		return nil, false
	}
	seen := map[uint32]bool{}
	for _, text := range texts {
		code, there := c.dict.FindAt(p.a.v.pin, text)
		if there && !seen[code] && s.OfText(text) {
			seen[code] = true
			codes = append(codes, code)
			ok = ok && code < mostCodes
		}
	}
	return codes, ok
}

// sole answers a condition about one trait.
func (p *planner) sole(s *query.Sole, within *bitmap.Set) (*bitmap.Set, error) {
	e := p.a.e
	switch {
	case s.Trait.Fixed && s.Trait.Path == "known":
		return p.known(s, within)
	case s.Trait.Fixed && s.Trait.Path == "first_seen":
		return p.numbers(s, e.people.First, within)
	case s.Trait.Fixed:
		return p.numbers(s, e.people.Last, within)
	}
	c := p.a.v.column(e, s.Trait.Path)
	switch {
	case c == nil:
		p.way = "nobody has it"
		return p.allOrNone(s.OfNone(), within)
	case c.kind == typeNumber || c.kind == typeTime:
		return p.numbers(s, c.col, within)
	}
	codes, ok := p.named(s, c)
	none := s.OfNone()
	switch {
	case ok && !none:
		return p.values(c, codes, within)
	case c.kind == typeFact: // false and true are all the values there are
		not := []uint32{}
		for code := range uint32(2) {
			if !slices.Contains(codes, code) {
				not = append(not, code)
			}
		}
		return p.others(c, not, within)
	}
	return p.texts(s, c, within)
}

// values joins bitmaps of values.
func (p *planner) values(c *column, codes []uint32, within *bitmap.Set) (*bitmap.Set, error) {
	p.way = "value bitmap"
	if len(codes) > 1 {
		p.way = "value bitmaps"
	}
	var sets []*bitmap.Set
	for _, code := range codes {
		parts, err := c.values.Parts(p.a.v.pin, code)
		if err != nil {
			return nil, err
		}
		sets = append(sets, parts...)
	}
	return union(within, sets), nil
}

// union joins sets, within another, which may be nil.
func union(within *bitmap.Set, sets []*bitmap.Set) *bitmap.Set {
	switch {
	case within == nil:
		return bitmap.Or(sets...)
	case len(sets) == 1:
		return bitmap.And(within, sets[0])
	}
	return bitmap.AndAny(within, sets...)
}

// others gives all people but those who have one of the values.
func (p *planner) others(c *column, codes []uint32, within *bitmap.Set) (*bitmap.Set, error) {
	if within == nil {
		var err error
		if within, err = p.Everybody(); err != nil {
			return nil, err
		}
	}
	not, err := p.values(c, codes, within)
	p.way = "all but " + p.way
	if err != nil {
		return nil, err
	}
	return bitmap.AndNot(within, not), nil
}

// texts answers by asking for each text of the dictionary once; or for the texts
// of the people who are left, where they are fewer.
func (p *planner) texts(s *query.Sole, c *column, within *bitmap.Set) (*bitmap.Set, error) {
	none, texts := s.OfNone(), c.dict.Texts(p.a.v.pin)
	if within != nil && within.Len() < min(len(texts), few*p.blocks()) {
		return p.oneByOne(c.col, within, none, func(v storage.Cell) bool { return s.OfText(texts[v.Lo]) })
	}
	table := make([]uint8, len(texts)+1) // one more, for rows without a value where there are no texts
	var yes, no []uint32
	for code, text := range texts {
		if s.OfText(text) {
			table[code] = 1
			yes = append(yes, uint32(code))
		} else {
			no = append(no, uint32(code))
		}
	}
	switch {
	case !none && short(yes):
		return p.values(c, yes, within)
	case none && short(no):
		return p.others(c, no, within)
	}
	p.way = "dictionary and column"
	return p.column(c.col, within, none, func(m *storage.Image, w int, rows uint64) (out uint64) {
		for i, code := range m.U32[w<<6 : w<<6+64] {
			out |= uint64(table[code]) << i
		}
		return out & rows
	})
}

// short tells whether values, in order, are few and all have bitmaps.
func short(codes []uint32) bool {
	return len(codes) <= mostUnion && (len(codes) == 0 || codes[len(codes)-1] < mostCodes)
}

// oneByOne looks at the value of each of a few people.
func (p *planner) oneByOne(c *storage.Column, within *bitmap.Set, none bool, pass func(storage.Cell) bool) (*bitmap.Set, error) {
	p.way = "column, person by person"
	var rows []uint32
	for row := range within.All() {
		v, has, err := c.At(p.a.v.pin, row)
		if err != nil {
			return nil, err
		}
		if has && pass(v) || !has && none {
			rows = append(rows, row)
		}
	}
	return bitmap.Of(rows...), nil
}

// known answers for whether somebody has an identifier that is not weak.
func (p *planner) known(s *query.Sole, within *bitmap.Set) (*bitmap.Set, error) {
	yes := [2]bool{s.OfBool(false), s.OfBool(true)}
	if yes[0] == yes[1] {
		p.way = "same for everybody"
		return p.allOrNone(yes[0], within)
	}
	if within == nil {
		var err error
		if within, err = p.Everybody(); err != nil {
			return nil, err
		}
	}
	p.way = "column"
	return p.scan(within, func(k int, base, out []uint64) error {
		m, err := p.a.e.people.Spaces(p.a.v.pin, k)
		if err != nil {
			return err
		}
		for w, rows := range base {
			out[w] = eachRow(w, rows, func(i int) bool { return storage.MarksOf(m.U16[i]).Known == yes[1] })
		}
		return nil
	})
}

// numbers answers for a column of numbers, or of times.
func (p *planner) numbers(s *query.Sole, c *storage.Column, within *bitmap.Set) (*bitmap.Set, error) {
	none := s.OfNone()
	ranges, ok := s.Ranges()
	if within != nil && within.Len() < few*p.blocks() {
		return p.oneByOne(c, within, none, func(v storage.Cell) bool {
			if s.Kept == query.Time {
				return s.OfNum(query.WholeNum(int64(v.Lo)))
			}
			return s.OfNum(query.Num{Hi: int64(v.Hi), Lo: v.Lo})
		})
	}
	p.way = "column"
	if !ok {
		return p.column(c, within, none, func(m *storage.Image, w int, rows uint64) uint64 {
			return eachRow(w, rows, func(i int) bool { return s.OfNum(numAt(m, i)) })
		})
	}
	if len(ranges) == 0 && !none {
		return &bitmap.Set{}, nil
	}
	var last *storage.Image
	var narrow []span64
	return p.column(c, within, none, func(m *storage.Image, w int, rows uint64) (out uint64) {
		if m.Wide != nil {
			return eachRow(w, rows, func(i int) bool { return inRanges(ranges, numAt(m, i)) })
		}
		if m != last {
			last, narrow = m, spans(ranges, m.Exp)
		}
		for _, r := range narrow {
			out |= r.rows(m.I64[w<<6:w<<6+64], rows)
		}
		return out & rows
	})
}

func numAt(m *storage.Image, i int) query.Num {
	if m.Wide != nil {
		return query.Num{Hi: int64(m.Wide[i][1]), Lo: m.Wide[i][0]}
	}
	v := storage.ScaleUp(m.I64[i], m.Exp)
	return query.Num{Hi: int64(v.Hi), Lo: v.Lo}
}

func inRanges(ranges []query.Range, n query.Num) bool {
	for _, r := range ranges {
		if n.Cmp(r.Lo) >= 0 && n.Cmp(r.Hi) <= 0 {
			return true
		}
	}
	return false
}

// span64 is the numbers from lo to lo+width.
type span64 struct {
	lo    int64
	width uint64
}

// spans gives ranges as they are for a block whose numbers are multiples of
// 10^exp: the bounds are divided, not the numbers multiplied.
func spans(ranges []query.Range, exp int) []span64 {
	var out []span64
	for _, r := range ranges {
		lo, hi := r.Lo.Over(exp, true), r.Hi.Over(exp, false)
		if lo.Cmp(hi) > 0 || lo.Cmp(query.WholeNum(math.MaxInt64)) > 0 || hi.Cmp(query.WholeNum(math.MinInt64)) < 0 {
			continue
		}
		out = append(out, span64{lo.Int64(), uint64(hi.Int64()) - uint64(lo.Int64())})
	}
	return out
}

// rows tells which of 64 numbers are in the span; where few are asked about,
// the others may be left out.
func (s span64) rows(vals []int64, asked uint64) (out uint64) {
	if bits.OnesCount64(asked) < 8 {
		return eachRow(0, asked, func(i int) bool { return uint64(vals[i])-uint64(s.lo) <= s.width })
	}
	_ = vals[63]
	for i, v := range vals {
		_, less := bits.Sub64(s.width, uint64(v)-uint64(s.lo), 0)
		out |= (less ^ 1) << i
	}
	return out
}
