package query

import (
	"math/big"
	"slices"
	"strings"
)

// Simplify gives a condition that is true, false and unknown for the same
// people, and is easier to answer: NOT stands at the leaves, chains are flat and
// say nothing twice, and what is so for everybody is gone.
func Simplify(c Cond) Cond { return simplify(c, false) }

// simplify gives the condition, or what is true where it is false.
func simplify(c Cond, not bool) Cond {
	switch x := c.(type) {
	case And:
		return chain(x, not, not)
	case Or:
		return chain(x, !not, not)
	case Not:
		return simplify(x.Cond, !not)
	case Const:
		return Const(bool(x) != not)
	case *Compare:
		return comparison(x, not)
	case *Exists:
		if x.Where != nil {
			x = &Exists{simplify(x.Where, false)}
			switch x.Where {
			case Const(true):
				x.Where = nil
			case Const(false):
				return Const(not)
			}
		}
		c = x
	case *Near:
		y := *x
		y.Where = simplify(x.Where, false)
		c = &y
	case *Listed:
		if x.Where != nil {
			y := *x
			y.Where = simplify(x.Where, false)
			c = &y
		}
	}
	if not {
		return Not{c}
	}
	return c
}

// chain joins conditions by OR, or else by AND, after each is negated or not.
func chain(list []Cond, or, not bool) Cond {
	var out []Cond
	said := map[string]bool{}
	var add func(c Cond) bool // false: one decides for all
	add = func(c Cond) bool {
		if b, ok := c.(Const); ok {
			return bool(b) != or
		}
		var inner []Cond
		if a, ok := c.(And); ok && !or {
			inner = a
		} else if o, ok := c.(Or); ok && or {
			inner = o
		}
		for _, d := range inner {
			if !add(d) {
				return false
			}
		}
		if text := Print(c); inner == nil && !said[text] {
			said[text] = true
			out = append(out, c)
		}
		return true
	}
	for _, c := range list {
		if !add(simplify(c, not)) {
			return Const(or)
		}
	}
	switch {
	case len(out) == 0:
		return Const(!or)
	case len(out) == 1:
		return out[0]
	case or:
		return Or(out)
	}
	return And(out)
}

// opposite is true where the comparison is false.
var opposite = map[Op]Op{Equal: Unequal, Unequal: Equal, Less: AtLeast, AtLeast: Less, More: AtMost, AtMost: More}

// mirror is the comparison with its sides exchanged.
var mirror = map[Op]Op{Equal: Equal, Unequal: Unequal, Same: Same, Less: More, More: Less, AtMost: AtLeast, AtLeast: AtMost}

// comparison puts a written value to the right, and answers what is known.
func comparison(c *Compare, not bool) Cond {
	l, left := c.L.(Literal)
	r, right := c.R.(Literal)
	switch {
	case left && right:
		return Const(holds(c.Op, order(l, r)) != not)
	case left:
		c = &Compare{mirror[c.Op], c.R, c.L}
	}
	if not && c.Op == Same {
		return Not{c}
	}
	if not {
		c = &Compare{opposite[c.Op], c.L, c.R}
	}
	return c
}

// holds tells whether a comparison is true of values in that order.
func holds(op Op, order int) bool {
	switch op {
	case Equal, Same:
		return order == 0
	case Unequal:
		return order != 0
	case Less:
		return order < 0
	case AtMost:
		return order <= 0
	case More:
		return order > 0
	}
	return order >= 0
}

// order compares two written values of one type.
func order(a, b Literal) int {
	switch a.As {
	case Number:
		x, _ := new(big.Rat).SetString(a.Text) // decimal made them
		y, _ := new(big.Rat).SetString(b.Text)
		return x.Cmp(y)
	case Time:
		return a.Time.Compare(b.Time)
	case Bool:
		return slices.Index([]bool{false, true}, a.Bool) - slices.Index([]bool{false, true}, b.Bool)
	}
	return strings.Compare(a.Text, b.Text)
}
