package source

import (
	"bytes"
	"slices"
)

// expr is one part of an expression. What it means is op; a call's is fn. It
// does not change after bind, and any number of goroutines evaluate it.
type expr struct {
	op    string
	at    int // where it stands in its text
	name  string
	args  []*expr
	value value // of a constant
	cond  bool  // it gives a truth value
	fn    *function
	given any // what fn.ready made of constant arguments
	cell  int // of a column, once bound
	do    func(r *row, e *expr) value
}

// settle gives a part its meaning, and says whether its operands fit.
func (e *expr) settle() error {
	switch e.op {
	case "and", "or", "not":
		for _, a := range e.args {
			if err := wantCond(a); err != nil {
				return err
			}
		}
		e.cond = true
	case "=", "<>", "<", "<=", ">", ">=", "in":
		e.cond = true
	}
	return nil
}

// meanings are the ops. A call and a column are set by bind.
var meanings map[string]func(r *row, e *expr) value

func init() {
	meanings = map[string]func(r *row, e *expr) value{
		"constant": func(_ *row, e *expr) value { return e.value },
		"column":   func(r *row, e *expr) value { return r.cell(e.cell) },
		"ident":    func(r *row, e *expr) value { return r.ids[e.cell] },
		"template": template, "&": template,
		"+": arithmetic, "-": arithmetic, "*": arithmetic, "/": arithmetic, "minus": minus,
		"and": and, "or": or, "not": not, "in": in,
		"=": compare, "<>": compare, "<": compare, "<=": compare, ">": compare, ">=": compare,
		"call": func(r *row, e *expr) value { return e.fn.call(r, e) },
	}
}

// bind gives the expression with its columns found.
func (e *expr) bind(find func(name string) (int, error)) (*expr, error) {
	if e == nil {
		return nil, nil
	}
	b := *e
	b.do = meanings[e.op]
	if e.op == "column" {
		var err error
		if b.cell, err = find(e.name); err != nil {
			return nil, err
		}
	}
	b.args = slices.Clone(e.args)
	for i, a := range e.args {
		var err error
		if b.args[i], err = a.bind(find); err != nil {
			return nil, err
		}
	}
	return &b, nil
}

func (e *expr) eval(r *row) value { return e.do(r, e) }

// column names the first column that the expression looks at.
func (e *expr) column() string {
	switch {
	case e.op == "column":
		return e.name
	case e.op == "call" && e.name == "line":
		return "line()"
	}
	for _, a := range e.args {
		if name := a.column(); name != "" {
			return name
		}
	}
	return ""
}

// template joins values as text; where all that is not constant is empty, so is the whole.
func template(r *row, e *expr) value {
	var room [8]value
	vs, filled := room[:0], false
	for _, a := range e.args {
		v := a.eval(r)
		if v.kind == failed {
			return v
		}
		filled = filled || v.kind != nothing && a.op != "constant"
		vs = append(vs, v)
	}
	if !filled && e.column() != "" {
		return value{}
	}
	return textOf(r.keep(func(dst []byte) []byte {
		for _, v := range vs {
			if v.kind == numeric {
				dst = v.num.append(dst)
			} else {
				dst = append(dst, v.text...)
			}
		}
		return dst
	}))
}

// arithmetic is exact; with an empty operand it is empty.
func arithmetic(r *row, e *expr) value {
	a, b := e.args[0].eval(r), e.args[1].eval(r)
	switch {
	case a.kind == failed:
		return a
	case b.kind == failed:
		return b
	case a.kind == nothing || b.kind == nothing:
		return value{}
	}
	x, v := r.number(a, e.args[0])
	if v.kind == failed {
		return v
	}
	y, v := r.number(b, e.args[1])
	if v.kind == failed {
		return v
	}
	var ok bool
	switch e.op {
	case "+":
		x, ok = x.plus(y)
	case "-":
		x, ok = x.plus(y.negated())
	case "*":
		x, ok = x.times(y)
	default:
		if !y.zero() {
			x, ok = x.over(y)
		}
	}
	return r.numeric(x, ok, e)
}

func minus(r *row, e *expr) value {
	v := e.args[0].eval(r)
	if v.kind == failed || v.kind == nothing {
		return v
	}
	n, v := r.number(v, e.args[0])
	if v.kind == failed {
		return v
	}
	return value{kind: numeric, num: n.negated()}
}

func and(r *row, e *expr) value {
	if v := e.args[0].eval(r); !v.isTrue() {
		return v
	}
	return e.args[1].eval(r)
}

func or(r *row, e *expr) value {
	if v := e.args[0].eval(r); v.kind == failed || v.isTrue() {
		return v
	}
	return e.args[1].eval(r)
}

func not(r *row, e *expr) value {
	v := e.args[0].eval(r)
	if v.kind == failed {
		return v
	}
	return truth(!v.isTrue())
}

func in(r *row, e *expr) value {
	v := e.args[0].eval(r)
	if v.kind == failed {
		return v
	}
	for _, a := range e.args[1:] {
		same := r.order("=", v, a.eval(r), e)
		if same.kind == failed || same.isTrue() {
			return same
		}
	}
	return no
}

func compare(r *row, e *expr) value {
	a := e.args[0].eval(r)
	if a.kind == failed {
		return a
	}
	return r.order(e.op, a, e.args[1].eval(r), e)
}

// order compares two values: as exact numbers where one of them is a number,
// else as texts, byte by byte. Compared with a number, an empty value is
// neither equal nor less nor more.
func (r *row) order(op string, a, b value, e *expr) value {
	if b.kind == failed {
		return b
	}
	c := 0
	if a.kind == numeric || b.kind == numeric || a.kind == literal && b.kind == literal {
		if a.kind == nothing || b.kind == nothing {
			return truth(op == "<>")
		}
		x, v := r.number(a, e)
		if v.kind == failed {
			return v
		}
		y, v := r.number(b, e)
		if v.kind == failed {
			return v
		}
		c = x.cmp(y)
	} else {
		c = bytes.Compare(a.text, b.text)
	}
	switch op {
	case "=":
		return truth(c == 0)
	case "<>":
		return truth(c != 0)
	case "<":
		return truth(c < 0)
	case "<=":
		return truth(c <= 0)
	case ">":
		return truth(c > 0)
	}
	return truth(c >= 0)
}
