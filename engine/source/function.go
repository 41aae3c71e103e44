package source

import (
	"errors"
	"maps"
	"slices"
)

// function is one of the closed set. All are pure: the same values give the same.
type function struct {
	usage       string
	least, most int // arguments; most < 0: any number
	cond        bool
	lazy        func(r *row, e *expr) value            // evaluates its arguments itself
	do          func(r *row, e *expr, a []value) value // where not lazy; not called with an empty first argument
	ready       func(e *expr) error                    // looks at constant arguments once
}

// functions is set in init: conditions in it look back at it.
var functions map[string]*function

func init() {
	functions = make(map[string]*function)
	for _, set := range []map[string]*function{tests, choices, texts, standards, times} {
		maps.Copy(functions, set)
	}
}

func functionNames() []string { return slices.Sorted(maps.Keys(functions)) }

// call evaluates the arguments, then the function. A row that one of them
// refuses is refused; without a first argument there is no value.
func (f *function) call(r *row, e *expr) value {
	if f.lazy != nil {
		return f.lazy(r, e)
	}
	at := len(r.stack)
	defer func() { r.stack = r.stack[:at] }()
	for i, arg := range e.args {
		v := arg.eval(r)
		if v.kind == failed {
			return v
		}
		if i == 0 && v.kind == nothing && !f.cond {
			return v
		}
		r.stack = append(r.stack, v)
	}
	return f.do(r, e, r.stack[at:])
}

// constant gives the text of a constant argument, "" where there is none.
func (e *expr) constant(i int) (string, error) {
	if i >= len(e.args) {
		return "", nil
	}
	a := e.args[i]
	if a.op != "constant" {
		return "", errors.New("a text in quotes or a number is needed in the brackets, after the first comma")
	}
	if a.value.kind == numeric {
		return string(a.value.num.append(nil)), nil
	}
	return string(a.value.text), nil
}

// count gives a constant argument as a whole number from 0 to 1000.
func (e *expr) count(i int) (int, error) {
	if e.args[i].op != "constant" || e.args[i].value.kind != numeric {
		return 0, errors.New("a whole number is needed")
	}
	n := e.args[i].value.num
	if n.scale != 0 || n.big != nil || n.lo < 0 || n.lo > 1000 {
		return 0, errors.New("a whole number from 0 to 1000 is needed")
	}
	return int(n.lo), nil
}

// choices choose between values.
var choices = map[string]*function{
	"coalesce": {usage: "coalesce(a, b, …): the first that is not empty", least: 1, most: -1, lazy: coalesce},
	"if":       {usage: "if(condition, then, else)", least: 2, most: 3, lazy: choose, ready: func(e *expr) error { return wantCond(e.args[0]) }},
	"try":      {usage: "try(x) or try(x, instead): empty, or instead, where x would refuse the row", least: 1, most: 2, lazy: try},
	"lookup":   {usage: "lookup(x, 'A' = 'Active', 'B' = 'Basic', else)", least: 2, most: -1, do: lookup, ready: readyLookup},
}

func coalesce(r *row, e *expr) value {
	for _, a := range e.args {
		if v := a.eval(r); v.kind != nothing {
			return v
		}
	}
	return value{}
}

func choose(r *row, e *expr) value {
	v := e.args[0].eval(r)
	switch {
	case v.kind == failed:
		return v
	case v.isTrue():
		return e.args[1].eval(r)
	case len(e.args) == 3:
		return e.args[2].eval(r)
	}
	return value{}
}

func try(r *row, e *expr) value {
	v := e.args[0].eval(r)
	if v.kind != failed {
		return v
	}
	r.code, r.path = "", ""
	if len(e.args) == 2 {
		return e.args[1].eval(r)
	}
	return value{}
}

// readyLookup makes the table of the pairs.
func readyLookup(e *expr) error {
	table := make(map[string]value)
	for i, a := range e.args[1:] {
		if a.op != "=" {
			if i == len(e.args)-2 && i > 0 {
				break // what all else is
			}
			return errors.New("a pair such as 'A' = 'Active' is needed")
		}
		key, err := a.constant(0)
		if err != nil || a.args[1].op != "constant" {
			return errors.New("both sides of a pair are texts or numbers")
		}
		if _, ok := table[key]; ok {
			return errors.New("a pair stands there twice")
		}
		table[key] = a.args[1].value
	}
	e.given = table
	return nil
}

func lookup(r *row, e *expr, a []value) value {
	if v, ok := e.given.(map[string]value)[string(r.bytes(a[0]))]; ok {
		return v
	}
	if len(a) > 1 && e.args[len(a)-1].op != "=" {
		return a[len(a)-1]
	}
	return value{}
}
