package query

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kithdb/kith"
)

// Answer is what a condition is for one person at one instant.
type Answer int8

// The answers, in the order in which AND takes the least and OR the greatest.
const (
	No Answer = iota
	Unknown
	Yes
)

// Datum is one value at run time. That it is missing, a bool beside it says.
type Datum struct {
	As   Type
	Text string
	Num  Dec
	Bool bool
	Time int64 // microseconds since 1970, UTC

	Secret bool // it says who somebody is; in a Match it is veiled
}

// Person is what a Program asks about a person, as of one state of the world.
type Person interface {
	// Trait gives a trait, or one of the fixed columns first_seen, last_seen and
	// known; traits.known is the trait of that name. A time that is no fixed
	// column may be asked for as a text. False: missing, or of another type.
	Trait(path string, as Type) (Datum, bool)
	// Public gives the public id.
	Public() string
	// Matches gives what the person's events left in a leaf, in any order.
	Matches(leaf int) []Match
	// Member tells whether the person is a member of another segment.
	Member(segment string) bool
	// OnList tells whether the person has an identifier of a static list.
	OnList(list string) bool
	// Top gives the threshold of a rank; false: nobody has the value.
	Top(i int) (Datum, bool)
	// Peers gives how many people count in an account that has people.
	Peers(i int, account string) int64
	// Listed tells whether a value stands in the column of a reference table.
	Listed(i int, v Datum) bool
	// Unveil is the inverse of an Event's Veil.
	Unveil(d Datum) Datum
}

// Program is a condition made ready for the question whether it is true of one
// person at one instant, and when that can next change by the clock alone. It
// answers as the SQL does that Render gives. Any number may ask it at once.
type Program struct {
	cond     test
	value    get[Datum] // of CompileValue
	leaves   []*Leaf
	traits   []string
	segments []string
	lists    []string
	tops     []*Top
	ranked   []get[Dec] // the values of tops
	alone    []bool     // of tops; see Ranked
	tables   []*Listed
	peers    []*Peers
	seats    []seat    // of peers
	lines    [][]line  // of peers; see Crossed
	moves    []*moving // the times that go with now
	timed    bool
}

// test is a condition, and get a value, made ready.
type (
	test       func(*env) Answer
	get[T any] func(*env) (T, bool)
	presence   func(*env) bool
	compiler   struct {
		p    *Program
		leaf *Leaf // whose events are looked at; nil: the person
		raw  bool  // as they come in, and not as matches
		err  error // the first
	}
)

// env is one evaluation.
type env struct {
	who  Person
	now  int64
	next int64   // the least instant found so far at which something changes
	at   []int64 // of the moving times of the program
	ev   Event
	m    *Match
	out  []*Match // those around m, where it stands near another

	texts  []string // to count different values in
	nums   []Dec
	bools  []bool
	times  []int64
	sorted []*Match
	counts []int64
}

var envs = sync.Pool{New: func() any { return &env{} }}

// end gives the environment back without what it held of people.
func (e *env) end() {
	e.who, e.ev, e.m = nil, nil, nil
	clear(e.out[:cap(e.out)])
	envs.Put(e)
}

// Compile makes a condition ready. ErrUnsupported says what cannot be kept
// current: a comparison that has now() on both sides and depends on more than
// spans, an aggregate over now() itself, the age of a time that moves.
func Compile(cond Cond) (*Program, error) {
	c := &compiler{p: &Program{}}
	c.p.cond = c.cond(Simplify(cond))
	return c.done(cond)
}

// done ends the making of a program; without a condition it gives a value.
func (c *compiler) done(cond Cond) (*Program, error) {
	if c.err != nil {
		return nil, &kith.Error{Op: "query.Compile", Kind: kith.ErrUnsupported, Err: c.err}
	}
	for _, l := range c.p.leaves {
		l.seal()
	}
	for _, t := range c.p.tops {
		c.p.alone = append(c.p.alone, rankedAlone(cond, t))
	}
	for _, x := range c.p.peers {
		c.p.lines = append(c.p.lines, linesOf(cond, x))
	}
	c.p.timed = c.p.timed || len(c.p.leaves)+len(c.p.moves) > 0
	return c.p, nil
}

// refuse keeps the first reason.
func (c *compiler) refuse(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

var errBoth = errors.New("now() stands on both sides of a comparison")

// Leaves gives the sub-selects over events, equal ones once.
func (p *Program) Leaves() []*Leaf { return p.leaves }

// Traits gives the paths of the traits that it looks at, as Person.Trait is asked for them.
func (p *Program) Traits() []string { return p.traits }

// Segments gives the segments that it asks for.
func (p *Program) Segments() []string { return p.segments }

// Lists gives the static lists that it asks for.
func (p *Program) Lists() []string { return p.lists }

// Tops gives the ranks that it asks for.
func (p *Program) Tops() []*Top { return p.tops }

// Tables gives what it looks for in reference tables.
func (p *Program) Tables() []*Listed { return p.tables }

// Timed tells whether the answer can change by the clock alone: it asks for
// now(), or for events, of which one may lie ahead.
func (p *Program) Timed() bool { return p.timed }

// Eval tells whether the condition is true of a person at an instant, and the
// first instant after that at which the answer may be another though nothing
// happens, math.MaxInt64 if there is none. It may be too early, never too late.
func (p *Program) Eval(who Person, now int64) (answer Answer, next int64) {
	e := p.begin(who, now)
	answer = p.cond(e)
	next = e.next
	e.end()
	return answer, next
}

// TopValue gives the value of a person that Tops()[i] ranks, and when it may be
// another, as Eval.
func (p *Program) TopValue(i int, who Person, now int64) (d Datum, ok bool, next int64) {
	e := p.begin(who, now)
	d.As = Number
	d.Num, ok = p.ranked[i](e)
	next = e.next
	e.end()
	return d, ok, next
}

func (p *Program) begin(who Person, now int64) *env {
	e := envs.Get().(*env)
	e.who, e.now, e.next, e.at = who, now, never, e.at[:0]
	for _, m := range p.moves {
		e.at = append(e.at, m.at(now))
	}
	return e
}

// change says that something changes at an instant, if nothing does before.
func (e *env) change(at int64) {
	if at < e.next {
		e.next = at
	}
}

// moving gives the place of a moving time in env.at.
func (c *compiler) moving(m *moving) int {
	i := slices.IndexFunc(c.p.moves, func(o *moving) bool { return slices.Equal(o.moves, m.moves) })
	if i < 0 {
		i = len(c.p.moves)
		c.p.moves = append(c.p.moves, m)
	}
	return i
}

// path gives what Person.Trait is asked for.
func (c *compiler) path(t *Trait) string {
	path := t.Path
	if !t.Fixed && fixedTraits[path] != Untold {
		path = "traits." + path
	}
	if !slices.Contains(c.p.traits, path) {
		c.p.traits = append(c.p.traits, path)
	}
	return path
}

// top gives the number of a rank, equal ones once.
func (c *compiler) top(t *Top) int {
	text := func(t *Top) string {
		p := &printer{}
		p.value(t)
		return p.b.String()
	}
	if i := slices.IndexFunc(c.p.tops, func(o *Top) bool { return text(o) == text(t) }); i >= 0 {
		return i
	}
	i := len(c.p.tops)
	c.p.tops, c.p.ranked = append(c.p.tops, t), append(c.p.ranked, nil)
	of := c.number(t.Of)
	c.p.ranked[i] = of
	return i
}

// table gives the number of what is looked for in a table.
func (c *compiler) table(l *Listed) int {
	same := func(o *Listed) bool {
		return o.Table == l.Table && o.Column == l.Column && o.V.Type() == l.V.Type() && printed(o.Where) == printed(l.Where)
	}
	if i := slices.IndexFunc(c.p.tables, same); i >= 0 {
		return i
	}
	c.p.tables = append(c.p.tables, l)
	return len(c.p.tables) - 1
}

// printed is Print of a condition that may be nil.
func printed(c Cond) string {
	if c == nil {
		return ""
	}
	return Print(c)
}
