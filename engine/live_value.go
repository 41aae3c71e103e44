package engine

import (
	"maps"
	"slices"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
)

// traitNumber is added to the numbers of computed traits, where they stand
// beside those of segments.
const traitNumber = 1 << 31

// computedTypes are the types that a computed trait can have, in the order of
// its columns, with the type that its value is read as.
var computedTypes = [...]struct {
	kind byte
	as   query.Type
}{{typeText, query.Text}, {typeNumber, query.Number}, {typeFact, query.Bool}, {typeTime, query.Time}}

// computedColumns gives those of the computed trait of a number, one for each type.
func (e *Engine) computedColumns(number uint32) ([]*column, error) {
	var out []*column
	for i, t := range computedTypes {
		c := &column{id: storage.FirstComputed + number*uint32(len(computedTypes)) + uint32(i), kind: t.kind}
		if err := c.open(e.state); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// defineTrait takes up a definition of a computed trait, or that it was dropped,
// and lets it be built.
func (l *live) defineTrait(def ComputedTrait, cause kith.Cause) (*liveSegment, error) {
	s := l.fresh(Segment{Name: def.Name, Version: def.Version, Text: def.Text, At: def.At, Seq: def.Seq, number: def.number | traitNumber}, cause)
	s.trait = true
	as, class := query.Untold, kith.Other
	if def.Text != "" {
		v, err := query.ParseValue(def.Text)
		if err == nil {
			s.prog, err = query.CompileValue(v)
		}
		if err != nil {
			return nil, err
		}
		as, class = v.Type(), l.classOf(v)
	}
	columns, err := l.e.computedColumns(def.number)
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		c.path, c.class = def.Name, class
		if computedTypes[i].as == as {
			s.col = c
		} else {
			s.others = append(s.others, c)
		}
	}
	l.computed[def.Name] = s
	l.enter(s)
	return s, nil
}

// classOf gives the class of a computed trait: that of what it is made of which
// says most about a person.
func (l *live) classOf(v query.Value) kith.Class {
	class := kith.Other
	query.WalkValue(v, func(v query.Value) {
		of := kith.Other
		switch x := v.(type) {
		case *query.Trait:
			if u := l.computed[x.Path]; u != nil && u.col != nil {
				of = u.col.class
			} else {
				of, _ = l.e.classes.PathClass("traits." + x.Path)
			}
		case *query.Field:
			of, _ = l.e.classes.PathClass(x.Leaf())
		}
		class = max(class, of)
	})
	return class
}

// tellTrait lets readers of the next version know how a computed trait stands.
func (l *live) tellTrait(s *liveSegment, ready bool) {
	l.shown = maps.Clone(l.shown)
	if l.shown == nil {
		l.shown = map[string]keeping{}
	}
	if s.prog == nil {
		delete(l.shown, s.Name)
		if ready { // its values are gone
			delete(l.computed, s.Name)
		}
		return
	}
	l.shown[s.Name] = keeping{number: s.number, version: s.Segment.Version, ready: ready, built: s.built, gauge: s.gauge, col: s.col}
}

// renew lets some be built again, and what uses the computed traits among them.
func (l *live) renew(some []*liveSegment, cause kith.Cause) error {
	stale := map[uint32]bool{}
	var mark func(s *liveSegment)
	mark = func(s *liveSegment) {
		if stale[s.number] {
			return
		}
		stale[s.number] = true
		if s.trait {
			for _, u := range s.users {
				mark(u)
			}
		}
	}
	for _, s := range some {
		mark(s)
	}
	for _, s := range slices.Clone(l.order) { // what others use is built before them
		var err error
		switch {
		case !stale[s.number]:
		case s.trait:
			_, err = l.defineTrait(s.definition(), cause)
		default:
			_, err = l.define(s.Segment, cause)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// definition gives that of a computed trait.
func (s *liveSegment) definition() ComputedTrait {
	return ComputedTrait{Name: s.Name, Version: s.Version, Text: s.Text, At: s.At, Seq: s.Seq, number: s.number &^ traitNumber}
}

// value asks for the value of a person, shows it, and notes when it can change next.
func (l *live) value(s *liveSegment, p *livePerson, at int64) (moved bool, err error) {
	var d query.Datum
	ok := false
	if s.prog != nil {
		if err := p.begin(s); err != nil {
			return false, err
		}
		if p.exists {
			next := int64(0)
			d, ok, next = s.prog.Value(p, at)
			l.wake(s, p.row, next)
		}
		if p.err != nil {
			return false, p.err
		}
	}
	return l.show(s, p.row, d, ok), nil
}

// show gives a row its value, or none, and tells whether that is another.
func (l *live) show(s *liveSegment, row uint32, d query.Datum, ok bool) (moved bool) {
	for _, c := range s.others {
		moved = l.set(c, row, query.Datum{}, false) || moved
	}
	if s.col != nil {
		moved = l.set(s.col, row, d, ok) || moved
	}
	return moved
}

// left tells whether a row has a value of any version.
func (s *liveSegment) left(row uint32) bool {
	return s.col != nil && s.col.col.Has(row) || slices.ContainsFunc(s.others, func(c *column) bool { return c.col.Has(row) })
}

func (l *live) set(c *column, row uint32, d query.Datum, ok bool) (moved bool) {
	old, had := c.col.Get(row)
	if had == ok && (!ok || c.holds(old, d)) {
		return false
	}
	l.e.state.Do(func() { c.show(row, d, ok) })
	return true
}

// holds tells whether a cell of the column says a value.
func (c *column) holds(cell storage.Cell, d query.Datum) bool {
	switch c.kind {
	case typeNumber:
		return cell == storage.Cell{Lo: d.Num.Lo, Hi: uint64(d.Num.Hi)}
	case typeFact:
		return (cell.Lo != 0) == d.Bool
	case typeTime:
		return int64(cell.Lo) == d.Time
	}
	return c.dict.Text(uint32(cell.Lo)) == d.Text
}

// show puts a value into the column, or takes it out. Call it inside State.Do.
func (c *column) show(row uint32, d query.Datum, ok bool) {
	if !ok {
		c.empty(row)
		return
	}
	switch c.kind {
	case typeNumber:
		c.col.Set(row, storage.Cell{Lo: d.Num.Lo, Hi: uint64(d.Num.Hi)})
	case typeFact:
		code := uint32(0)
		if d.Bool {
			code = 1
		}
		c.code(row, code)
	case typeTime:
		c.col.SetI64(row, d.Time)
	default:
		if code, fits := c.dict.Code(strings.Clone(d.Text)); fits {
			c.code(row, code)
		} else {
			c.empty(row)
		}
	}
}
