package query

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
)

// Index knows what is kept about people so that a condition need not be asked
// of DuckDB. It is as of one version.
type Index interface {
	// Kept gives what a trait is kept as; Untold: nobody has it. Not ok: DuckDB alone can read it.
	Kept(t *Trait) (as Type, ok bool)
	// Names gives the names of events.
	Names() []EventName
	// Size is about how many people a leaf is true for, and cheap.
	Size(l *Piece) int
	// Segment gives the condition of a segment.
	Segment(name string) (Cond, error)
	// List tells whether there is such a static list.
	List(name string) error
}

// EventName is a name of events, and whether days are counted for it.
type EventName struct {
	Code       uint32
	Kind, Name string
	Counted    bool
}

// Way is how a leaf is answered, the cheapest first.
type Way uint8

// The ways.
const (
	ByNothing Way = iota // it is the same for everybody
	ByTrait              // by one trait: bitmaps of values, or the column
	ByList               // by the identifiers of a static list
	ByDays               // by counts of events by day
	ByDuckDB
)

// Piece is a part of a condition that is answered in one way.
type Piece struct {
	Cond  Cond
	Way   Way
	Sole  *Sole  // of ByTrait
	List  string // of ByList
	Deeds *Deeds // of ByDays
	True  bool   // of ByNothing, and of OfEvents: for who has no such events
	// OfEvents: of ByDuckDB, it is about one aggregate over events, so that
	// nobody need be looked at but who has some (RenderEvents).
	OfEvents bool
}

// Plan is a condition as it is going to be answered.
type Plan struct {
	op    byte // '&', '|', '!': everybody for whom parts[0] is not true; 0: a leaf
	parts []*Plan
	leaf  *Piece
	way   Way // the dearest of all leaves
	size  int
}

// NewPlan plans a condition. now() is that instant.
func NewPlan(c Cond, now time.Time, x Index) (*Plan, error) {
	p := &planning{now: now, x: x}
	return p.plan(Simplify(c))
}

// Leaves gives the leaves in the order in which they are answered.
func (p *Plan) Pieces() []*Piece {
	if p.leaf != nil {
		return []*Piece{p.leaf}
	}
	var out []*Piece
	for _, q := range p.parts {
		out = append(out, q.Pieces()...)
	}
	return out
}

// planning is one plan in the making.
type planning struct {
	now  time.Time
	x    Index
	open []string // segments that are being planned, for the path of a cycle
}

func (p *planning) plan(c Cond) (*Plan, error) {
	switch x := c.(type) {
	case And:
		return p.chain('&', x)
	case Or:
		return p.chain('|', x)
	case *Member:
		return p.member(x)
	case *OnList:
		return p.onList(x)
	case Not:
		switch x.Cond.(type) {
		case *Member, *OnList: // never unknown
			q, err := p.plan(x.Cond)
			if err != nil {
				return nil, err
			}
			return &Plan{op: '!', parts: []*Plan{q}, way: q.way, size: 1 << 32}, nil
		}
	}
	return p.leaf(c), nil
}

// onList plans who is on a list.
func (p *planning) onList(x *OnList) (*Plan, error) {
	if err := p.x.List(x.List); err != nil {
		return nil, err
	}
	l := &Piece{Cond: x, Way: ByList, List: x.List}
	return &Plan{leaf: l, way: ByTrait, size: p.x.Size(l)}, nil // it costs what a trait does
}

// member plans the condition of another segment in its place.
func (p *planning) member(m *Member) (*Plan, error) {
	if slices.Contains(p.open, m.Segment) {
		return nil, &kith.Error{Op: "query.Plan", Kind: kith.ErrInvalid, Err: errors.New("the segment uses itself: " + strings.Join(append(p.open, m.Segment), " > "))}
	}
	c, err := p.x.Segment(m.Segment)
	if err != nil {
		return nil, err
	}
	p.open = append(p.open, m.Segment)
	q, err := p.plan(Simplify(c))
	p.open = p.open[:len(p.open)-1]
	return q, err
}

// chain plans what is joined by AND or OR. What is about one trait, or one count
// of events, is answered at once, and so is what only DuckDB knows.
func (p *planning) chain(op byte, list []Cond) (*Plan, error) {
	out := &Plan{op: op}
	var duck []Cond
	for _, c := range together(op, list) {
		q, err := (*Plan)(nil), error(nil)
		if topicOf(c).key != "" {
			q = p.leaf(c)
		} else {
			q, err = p.plan(c)
		}
		switch {
		case err != nil:
			return nil, err
		case q.leaf != nil && q.way == ByDuckDB && !q.leaf.OfEvents && !WidelyAsked(q.leaf.Cond): // c may be another segment, of which that is the condition
			duck = append(duck, c)
		case q.op == op:
			out.parts = append(out.parts, q.parts...)
		default:
			out.parts = append(out.parts, q)
		}
	}
	if len(duck) > 0 {
		out.parts = append(out.parts, &Plan{leaf: &Piece{Cond: join(op, duck), Way: ByDuckDB}, way: ByDuckDB})
	}
	if len(out.parts) == 1 {
		return out.parts[0], nil
	}
	slices.SortStableFunc(out.parts, func(a, b *Plan) int {
		return cmp.Or(cmp.Compare(a.way, b.way), cmp.Compare(a.size, b.size))
	})
	out.way = out.parts[len(out.parts)-1].way
	out.size = out.parts[0].size
	if op == '|' {
		out.size = 0
		for _, q := range out.parts {
			out.size += q.size
		}
	}
	return out, nil
}

func join(op byte, list []Cond) Cond {
	switch {
	case len(list) == 1:
		return list[0]
	case op == '&':
		return And(list)
	}
	return Or(list)
}

// together puts the conditions about the same thing into one.
func together(op byte, list []Cond) []Cond {
	var out [][]Cond
	at := map[string]int{}
	for _, c := range list {
		key := topicOf(c).key
		if i, ok := at[key]; ok && key != "" {
			out[i] = append(out[i], c)
			continue
		}
		at[key] = len(out)
		out = append(out, []Cond{c})
	}
	joined := make([]Cond, len(out))
	for i, l := range out {
		joined[i] = join(op, l)
	}
	return joined
}

// leaf plans what is answered in one way.
func (p *planning) leaf(c Cond) *Plan {
	l := &Piece{Cond: c, Way: ByDuckDB}
	t := topicOf(c)
	switch {
	case t.many || WidelyAsked(c) || t.agg != nil && t.agg.Type() == Untold: // of the last each reading is a sub-select
	case t.trait != nil:
		if as, ok := p.x.Kept(t.trait); ok {
			l.Way, l.Sole = ByTrait, newSole(t.trait, as, c, p.now)
		}
	case t.agg != nil:
		if l.Deeds = newDeeds(c, t.agg, p.now, p.x); l.Deeds != nil {
			l.Way = ByDays
		} else {
			l.OfEvents, l.True = true, (&reckoner{now: p.now}).cond(c) == isTrue
		}
	default:
		l.Way, l.True = ByNothing, (&reckoner{now: p.now}).cond(c) == isTrue
	}
	q := &Plan{leaf: l, way: l.Way}
	if l.Way != ByDuckDB {
		q.size = p.x.Size(l)
	}
	return q
}

// topic is what a condition is about.
type topic struct {
	key   string // the same for conditions about the same; empty: about nothing, or several things
	trait *Trait
	agg   *Agg
	many  bool // several things, or what DuckDB alone knows
}

func topicOf(c Cond) *topic {
	t := &topic{}
	t.cond(c)
	if t.many {
		return &topic{many: true}
	}
	return t
}

func (t *topic) cond(c Cond) {
	switch x := c.(type) {
	case And:
		for _, c := range x {
			t.cond(c)
		}
	case Or:
		for _, c := range x {
			t.cond(c)
		}
	case Not:
		t.cond(x.Cond)
	case *Compare:
		t.value(x.L)
		t.value(x.R)
	case *In:
		t.value(x.V)
	case *Like:
		t.value(x.V)
	case *Missing:
		t.value(x.V)
	case *Truth:
		t.value(x.V)
	case *Exists:
		t.value(&Agg{Fn: Count, Where: x.Where})
	case *Member, *OnList, *Listed:
		t.many = true
	}
}

func (t *topic) value(v Value) {
	key := ""
	switch x := v.(type) {
	case *Trait:
		key = "trait " + x.Path
		if x.Fixed {
			key = "fixed " + x.Path
		}
		t.trait = x
	case *Agg:
		p := &printer{}
		p.agg(x)
		key = "events " + p.b.String()
		t.agg = x
	case *Shift:
		t.value(x.V)
	case *Call:
		t.many = t.many || x.Fn == Bucket
		for _, a := range x.Args {
			t.value(a)
		}
	case *Field, *Cell, *Top, *Peers, Whether:
		t.many = true
	}
	t.many = t.many || t.key != "" && key != "" && key != t.key
	if key != "" {
		t.key = key
	}
}
