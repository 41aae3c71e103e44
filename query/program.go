package query

import (
	"errors"
	"math"
	"slices"
	"strings"
)

// Answer is what a condition is for one person.
type Answer int8

// A condition is unknown where a value that it needs is missing.
const (
	No Answer = iota
	Unknown
	Yes
)

// Datum is one value at run time. What is missing is told by a bool beside it;
// where a value is kept, by As being Untold.
type Datum struct {
	As   Type
	Text string
	Num  Dec
	Bool bool
	Time int64 // µs since 1970, UTC
}

// Person is what a program asks of one person. Fixed traits are first_seen,
// last_seen and known.
type Person interface {
	Trait(path string, as Type) (Datum, bool)
	Matches(leaf int) []Match   // the matches of Leaves()[leaf] of the person's events, in any order
	Member(segment string) bool // of another segment
	Top(i int) (Datum, bool)    // the threshold of Tops()[i]
	Listed(i int, v Datum) bool // does the value stand in the rows that Tables()[i] means
}

// Event is what a leaf asks of an event: the fixed columns and message_id, and
// the leaves of its properties and context. A value of another type is missing.
type Event interface {
	Field(path string, as Type) (Datum, bool)
}

// Program is a condition that is asked about one person at a time, and tells
// when its answer can change though nothing happens. It does what Render says in
// SQL (docs/segments.md). It keeps nothing between two questions and may be
// asked by one goroutine at a time.
type Program struct {
	cond     evalCond
	leaves   []*Leaf
	traits   []string
	segments []string
	tops     []*Top
	topOf    []operand
	tables   []*Listed
	ranked   []bool
	env      env
}

// Leaves gives the sub-selects over events, equal ones once.
func (p *Program) Leaves() []*Leaf { return p.leaves }

// Traits gives the paths of the traits that the answer depends on, fixed ones too.
func (p *Program) Traits() []string { return p.traits }

// Segments gives the segments that it uses.
func (p *Program) Segments() []string { return p.segments }

// Tops gives the thresholds that it asks for.
func (p *Program) Tops() []*Top { return p.tops }

// Tables gives what it asks of reference tables.
func (p *Program) Tables() []*Listed { return p.tables }

// Ranked tells whether the threshold is compared with the very number that it
// is a threshold of, and nothing else: then it decides about those between the
// old and the new one alone, when it moves.
func (p *Program) Ranked(top int) bool { return p.ranked[top] }

// Eval answers for a person at an instant. The answer stays as it is until
// next, if nothing happens; it may still be the same then. math.MaxInt64: for ever.
func (p *Program) Eval(who Person, now int64) (is Answer, next int64) {
	p.env = env{p: who, now: now, next: math.MaxInt64}
	is = p.cond(&p.env)
	return is, p.env.next
}

// TopValue gives the number by which Tops()[i] ranks a person, and until when it is that.
func (p *Program) TopValue(i int, who Person, now int64) (v Datum, ok bool, next int64) {
	p.env = env{p: who, now: now, next: math.MaxInt64}
	v, ok = p.topOf[i].get(&p.env)
	return v, ok, p.env.next
}

// env is one question.
type env struct {
	p    Person
	ev   Event  // of Leaf.Match
	m    *Match // of a leaf's Dynamic
	now  int64
	next int64
}

// wake notes that the answer can change at an instant.
func (e *env) wake(at int64) {
	if at > e.now && at < e.next {
		e.next = at
	}
}

type evalCond func(e *env) Answer

// operand is a value made ready.
type operand struct {
	as     Type
	get    func(e *env) (Datum, bool)
	moving bool  // it is now() or made of it: a time that goes forward with now
	plain  bool  // it is now and a span,
	span   int64 // of so many microseconds
}

var errMoving = errors.New("what compares now() with now(), or makes anything but a time of it, cannot be kept current")

// Compile makes a condition ready. What cannot be kept current is an error.
func Compile(c Cond) (*Program, error) {
	c = Simplify(c)
	b := &compiler{p: &Program{segments: Segments(c)}, tops: map[string]int{}, tables: map[string]int{}}
	Walk(c, func(v Value) {
		if t, ok := v.(*Trait); ok && !slices.Contains(b.p.traits, t.Path) {
			b.p.traits = append(b.p.traits, t.Path)
		}
	})
	var err error
	if b.p.cond, err = b.cond(c); err != nil {
		return nil, err
	}
	for i, t := range b.p.tops {
		b.p.ranked[i] = rankedOnly(c, t)
	}
	return b.p, nil
}

// rankedOnly tells whether a threshold is compared with its own number alone.
func rankedOnly(c Cond, t *Top) bool {
	switch x := c.(type) {
	case And:
		return !slices.ContainsFunc(x, func(c Cond) bool { return !rankedOnly(c, t) })
	case Or:
		return !slices.ContainsFunc(x, func(c Cond) bool { return !rankedOnly(c, t) })
	case Not:
		return rankedOnly(x.Cond, t)
	case *Compare:
		key := printValue(t)
		l, r := printValue(x.L), printValue(x.R)
		of := printValue(t.Of)
		if l == key && r == of || r == key && l == of {
			return true
		}
		return !strings.Contains(l, key) && !strings.Contains(r, key)
	}
	used := false
	Walk(c, func(v Value) {
		if o, ok := v.(*Top); ok {
			used = used || printValue(o) == printValue(t)
		}
	})
	return !used
}

func printValue(v Value) string {
	p := &printer{}
	p.value(v)
	return p.b.String()
}
