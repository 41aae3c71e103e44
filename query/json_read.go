package query

import (
	"errors"
	"fmt"
	"time"
)

// errShape says that a node does not have what a node of its name has.
var errShape = errors.New("a node does not have the members that its name asks for")

// cond makes the condition of a node. FromJSON sees to it that it is one which a
// text could say.
func (n *node) cond(depth int) (Cond, error) {
	if depth > 2*mostDepth {
		return nil, errors.New("it is nested too deeply")
	}
	switch n.Node {
	case "and", "or", "not":
		return n.joined(depth)
	case "const":
		return Const(n.True), nil
	case "exists":
		w, err := n.where(depth)
		return &Exists{w}, err
	case "segment":
		return &Member{n.Text}, nil
	case "list":
		return &OnList{n.Text}, nil
	case nearWords[false], nearWords[true]:
		w, err := n.where(depth)
		return &Near{w, n.Node == nearWords[true], n.Least.gap(), n.Most.gap()}, err
	}
	if len(n.Of) == 0 {
		return nil, fmt.Errorf("%w: %.20q", errShape, n.Node)
	}
	vs, err := n.values(depth)
	if err != nil {
		return nil, err
	}
	switch n.Node {
	case "compare":
		if len(vs) == 2 && mirror[Op(n.Op)] != "" {
			return &Compare{Op(n.Op), vs[0], vs[1]}, nil
		}
	case "in":
		in := &In{V: vs[0], Null: n.Null}
		for _, v := range vs[1:] {
			l, ok := v.(Literal)
			if !ok {
				return nil, errShape
			}
			in.List = append(in.List, l)
		}
		return in, nil
	case "like", "regexp":
		c := &Like{V: vs[0], Pattern: n.Text, Fold: n.Fold, Regexp: n.Node == "regexp"}
		for _, r := range n.Escape {
			c.Escape = r
		}
		return c, nil
	case "missing":
		return &Missing{vs[0]}, nil
	case "truth":
		return &Truth{vs[0]}, nil
	case "listed":
		w, err := n.where(depth)
		return &Listed{vs[0], n.Table, n.Path, w}, err
	}
	return nil, fmt.Errorf("%w: %.20q", errShape, n.Node)
}

// gap gives the span of a node; zero where there is none.
func (n *node) gap() Gap {
	if n == nil {
		return Gap{}
	}
	return Gap{n.Months, time.Duration(n.Micros) * time.Microsecond}
}

func (n *node) joined(depth int) (Cond, error) {
	var all []Cond
	for i := range n.Of {
		c, err := n.Of[i].cond(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	switch {
	case n.Node == "not" && len(all) == 1:
		return Not{all[0]}, nil
	case n.Node == "and" && len(all) > 1:
		return And(all), nil
	case n.Node == "or" && len(all) > 1:
		return Or(all), nil
	}
	return nil, fmt.Errorf("%w: %q", errShape, n.Node)
}

func (n *node) where(depth int) (Cond, error) {
	if n.Where == nil {
		return nil, nil
	}
	return n.Where.cond(depth + 1)
}

func (n *node) values(depth int) ([]Value, error) {
	var out []Value
	for i := range n.Of {
		v, err := n.Of[i].value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// value makes the value of a node.
func (n *node) value(depth int) (Value, error) {
	if depth > 2*mostDepth {
		return nil, errors.New("it is nested too deeply")
	}
	as := Untold
	for t, word := range typeWords {
		if word == n.As {
			as = t
		}
	}
	span := time.Duration(n.Micros) * time.Microsecond
	switch n.Node {
	case "literal":
		return n.literal(as)
	case "now":
		return Instant{Months: n.Months, Span: span, Day: n.Day}, nil
	case "trait":
		return &Trait{n.Path, n.Fixed, as}, nil
	case "field":
		return &Field{n.Path, as, n.Outer}, nil
	case "whether":
		w, err := n.where(depth)
		return Whether{w}, err
	case "cell":
		return &Cell{n.Path, as}, nil
	}
	vs, err := n.values(depth)
	if err != nil {
		return nil, err
	}
	switch {
	case n.Node == "call" && len(vs) > 0:
		return &Call{Func(n.Op), vs}, nil
	case n.Node == "shift" && len(vs) == 1:
		return &Shift{vs[0], n.Months, span}, nil
	case n.Node == "top" && len(vs) == 1:
		return &Top{n.Percent, vs[0]}, nil
	case n.Node == "peers" && len(vs) == 1:
		key, ok := vs[0].(*Trait)
		if !ok {
			return nil, errShape
		}
		w, err := n.where(depth)
		return &Peers{key, w}, err
	case n.Node == "aggregate" && len(vs) <= 1:
		a := &Agg{Fn: AggFunc(n.Op), N: n.N, Desc: n.Desc, Percent: n.Percent, Text: n.Text, Half: span}
		if a.Last, err = n.last(depth); err != nil {
			return nil, err
		}
		if len(vs) == 1 {
			a.Of = vs[0]
		}
		a.Where, err = n.where(depth)
		return a, err
	}
	return nil, fmt.Errorf("%w: %.20q", errShape, n.Node)
}

// last gives the periods of an aggregate; none, of most.
func (n *node) last(depth int) (l Last, err error) {
	l = Last{Periods: n.Periods, Every: n.Every.gap(), Zone: n.Zone}
	switch {
	case n.End != nil:
		l.End, err = n.End.value(depth + 1)
	case n.Day:
		l.End = Instant{Day: true}
	}
	return l, err
}

func (n *node) literal(as Type) (Value, error) {
	l := Literal{As: as, Text: n.Text, Bool: n.True}
	if as == Time {
		when, err := time.Parse(time.RFC3339Nano, n.Text)
		if err != nil {
			return nil, errors.New("a time is not RFC 3339")
		}
		l.Text, l.Time = "", when.UTC()
	}
	return l, nil
}
