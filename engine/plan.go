package engine

import (
	"context"
	"math/bits"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// Step is how one part of a condition was answered.
type Step struct {
	Part   string        `json:"part"`   // the part of the condition, in one form
	Way    string        `json:"way"`    // what answered it, or NotNeeded
	Asked  int           `json:"asked"`  // people it was asked about; -1: all
	People int           `json:"people"` // those of them for whom it is true
	Took   time.Duration `json:"took"`   // nanoseconds
	Opened int           `json:"opened"` // how often the sealed values of an event were opened for it
}

// NotNeeded is the way of a part that was not asked for, because nobody was left
// whom it could be true for.
const NotNeeded = "not needed"

// planner answers conditions as of the version of an inquiry, by what the state
// keeps where that is exact, and by DuckDB else. It is a query.Index and
// query.Answers.
type planner struct {
	a     *inquiry
	ctx   context.Context
	op    string
	names *storage.Dict
	way   string // of the leaf that is being answered
	asked map[*query.Piece]query.SQL
	done  map[*query.Piece]Step
}

// solve gives those of within for whom a condition is true, and how they were
// found; nil: of all people.
func (a *inquiry) solve(ctx context.Context, op string, c query.Cond, within *bitmap.Set) (*bitmap.Set, []Step, error) {
	p := &planner{a: a, ctx: ctx, op: op, asked: map[*query.Piece]query.SQL{}, done: map[*query.Piece]Step{}}
	var err error
	if p.names, err = a.e.state.Dict(dictNames); err != nil {
		return nil, nil, err
	}
	plan, err := query.NewPlan(c, a.now, p)
	if err != nil {
		return nil, nil, err
	}
	leaves := plan.Pieces()
	for _, l := range leaves { // what is wrong with one is said, whether it is reached or not
		if l.Way != query.ByDuckDB {
			continue
		}
		if p.asked[l], err = p.statement(l); err != nil {
			return nil, nil, err
		}
	}
	out, err := plan.Solve(p, within)
	if err != nil {
		return nil, nil, err
	}
	var steps []Step
	for _, l := range leaves {
		s, ok := p.done[l]
		if !ok {
			s = Step{Part: query.Print(l.Cond), Way: NotNeeded}
		}
		steps = append(steps, s)
	}
	return out, steps, nil
}

// Kept implements query.Index.
func (p *planner) Kept(t *query.Trait) (query.Type, bool) {
	if t.Fixed {
		if t.Path == "known" {
			return query.Bool, true
		}
		return query.Time, true
	}
	if _, ok := p.a.written[t.Path]; ok {
		return query.Untold, false
	}
	c := p.a.v.column(p.a.e, t.Path)
	if c == nil {
		return query.Untold, true
	}
	return readings[fieldTypes[c.kind]], c.kind != typeSealed
}

// find gives the column of a trait; nil: there is none.
func (ts *traits) find(path string) *column {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	return ts.by[path]
}

// Names implements query.Index. They are whole: an event has at most 32 KiB, and
// a dictionary takes more.
func (p *planner) Names() []query.EventName {
	names := p.names.Texts(p.a.v.pin)
	out := make([]query.EventName, len(names))
	for code, text := range names {
		out[code] = query.EventName{
			Code: uint32(code), Kind: kith.Kind(text[0] - '0').String(), Name: text[1:], Counted: code < mostDays,
		}
	}
	return out
}

// Segment implements query.Index.
func (p *planner) Segment(name string) (query.Cond, error) { return p.a.segment(name) }

// List implements query.Index.
func (p *planner) List(name string) error { return p.a.v.lists.has(name) }

// Everybody implements query.Answers.
func (p *planner) Everybody() (*bitmap.Set, error) { return p.a.v.everybody(p.a.e) }

// everybody gives all people of a version. Nobody changes the set.
func (v *version) everybody(e *Engine) (*bitmap.Set, error) {
	v.all.once.Do(func() {
		words := make([]uint64, 0, int(v.fragments>>16+1)<<10)
		for k := 0; k <= int(v.fragments>>16); k++ {
			keep, err := v.people(e, k)
			if err != nil {
				v.all.err = err
				return
			}
			words = append(words, keep...)
		}
		v.all.set = bitmap.FromWords(words)
	})
	return v.all.set, v.all.err
}

// people tells which rows of a block are people.
func (v *version) people(e *Engine, block int) ([]uint64, error) {
	owners, err := e.people.Owners(v.pin, block)
	if err != nil {
		return nil, err
	}
	nexts, err := e.people.Nexts(v.pin, block)
	if err != nil {
		return nil, err
	}
	counts, err := e.people.Count.Image(v.pin, block)
	if err != nil {
		return nil, err
	}
	return people(uint32(block)<<16, owners, nexts, counts), nil
}

// Answer implements query.Answers.
func (p *planner) Answer(l *query.Piece, within *bitmap.Set) (*bitmap.Set, error) {
	begin, asked := time.Now(), -1
	if within != nil {
		asked = within.Len()
	}
	p.way = ""
	opened := p.a.opened.Load()
	out, err := p.answer(l, within)
	if err != nil {
		return nil, err
	}
	p.done[l] = Step{Part: query.Print(l.Cond), Way: p.way, Asked: asked, People: out.Len(), Took: time.Since(begin), Opened: int(p.a.opened.Load() - opened)}
	return out, p.ctx.Err()
}

func (p *planner) answer(l *query.Piece, within *bitmap.Set) (*bitmap.Set, error) {
	switch l.Way {
	case query.ByNothing:
		p.way = "same for everybody"
		return p.allOrNone(l.True, within)
	case query.ByTrait:
		return p.sole(l.Sole, within)
	case query.ByList:
		return p.onList(p.a.v.lists[l.List], within)
	case query.ByDays:
		return p.deeds(l.Deeds, within)
	}
	p.way = "DuckDB"
	return p.duck(l, within)
}

// allOrNone gives everybody of within, or nobody.
func (p *planner) allOrNone(all bool, within *bitmap.Set) (*bitmap.Set, error) {
	switch {
	case !all:
		return &bitmap.Set{}, nil
	case within != nil:
		return within, nil
	}
	return p.Everybody()
}

// onList gives the people of a list.
func (p *planner) onList(k *keptList, within *bitmap.Set) (*bitmap.Set, error) {
	p.way = "list"
	if within != nil && within.Len() <= few*p.blocks() {
		p.way = "list, person by person"
		return p.a.v.ofList(p.a.e, k, within)
	}
	out, err := p.a.v.onList(p.a.e, k)
	if err == nil && within != nil {
		out = bitmap.And(within, out)
	}
	return out, err
}

// few is up to how many people are looked at one by one, for each block of
// 65,536 that there is: to get at a block costs about as much as that.
const few = 32

// blocks is how many blocks the columns of people have.
func (p *planner) blocks() int { return int(p.a.v.fragments>>16) + 1 }

// scan builds a set block by block: f gives for the rows of base, which nobody
// changes, those that are in. Without within base is nil, and stands for all rows.
func (p *planner) scan(within *bitmap.Set, f func(block int, base, out []uint64) error) (*bitmap.Set, error) {
	n := p.blocks()
	var all []uint64
	if within != nil {
		all = within.Dense(n)
	}
	words := make([]uint64, n<<10)
	for k := range n {
		if err := p.ctx.Err(); err != nil {
			return nil, err
		}
		var base []uint64
		if all != nil {
			if base = all[k<<10 : (k+1)<<10]; empty(base) {
				continue
			}
		}
		if err := f(k, base, words[k<<10:(k+1)<<10]); err != nil {
			return nil, err
		}
	}
	return bitmap.FromWords(words), nil
}

func empty(words []uint64) bool {
	for _, w := range words {
		if w != 0 {
			return false
		}
	}
	return true
}

// column gives the rows whose value passes: of a block pass gets the image, a
// number of a word, and the rows of that word that have a value and are asked
// about. Of who has none, all or nobody is in.
func (p *planner) column(c *storage.Column, within *bitmap.Set, none bool, pass func(m *storage.Image, w int, rows uint64) uint64) (*bitmap.Set, error) {
	if none && within == nil {
		var err error
		if within, err = p.Everybody(); err != nil {
			return nil, err
		}
	}
	return p.scan(within, func(k int, base, out []uint64) error {
		m, err := c.Image(p.a.v.pin, k)
		if err != nil {
			return err
		}
		for w, has := range m.Has {
			rest := uint64(0)
			if base != nil {
				rest, has = base[w]&^has, base[w]&has
			}
			if has != 0 {
				out[w] = pass(m, w, has)
			}
			if none {
				out[w] |= rest
			}
		}
		return nil
	})
}

// eachRow calls f for the rows of a word, and gives those for which it is true.
func eachRow(w int, rows uint64, f func(i int) bool) (out uint64) {
	for ; rows != 0; rows &= rows - 1 {
		b := bits.TrailingZeros64(rows)
		if f(w<<6 | b) {
			out |= 1 << b
		}
	}
	return out
}

// pages reads a column of signed numbers in the order of rows: block by block
// where many are asked for, else row by row.
type pages struct {
	c     *storage.Column
	p     *storage.Pin
	block int
	vals  []int64
	some  int // 1: many are asked for; 2: few
}

// at gives the value of a row, one of a set.
func (g *pages) at(row uint32, of *bitmap.Set) (int64, error) {
	if g.some == 0 {
		if g.some = 2; of.Len() > 4096 {
			g.some = 1
		}
	}
	if g.some == 2 {
		v, _, err := g.c.At(g.p, row)
		return int64(v.Lo), err
	}
	if k := int(row >> 16); g.vals == nil || k != g.block {
		m, err := g.c.Image(g.p, k)
		if err != nil {
			return 0, err
		}
		g.block, g.vals = k, m.I64
	}
	return g.vals[row&0xffff], nil
}
