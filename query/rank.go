package query

import (
	"slices"
	"strings"
)

// Ranked tells whether a threshold is compared with the very number that it is
// the threshold of, and with nothing else. Then a threshold that moves decides
// about those between the old and the new one alone.
func (p *Program) Ranked(top int) bool { return p.alone[top] }

func rankedAlone(c Cond, t *Top) bool {
	switch x := c.(type) {
	case And:
		return !slices.ContainsFunc(x, func(c Cond) bool { return !rankedAlone(c, t) })
	case Or:
		return !slices.ContainsFunc(x, func(c Cond) bool { return !rankedAlone(c, t) })
	case Not:
		return rankedAlone(x.Cond, t)
	case *Compare:
		key, of, l, r := PrintValue(t), PrintValue(t.Of), PrintValue(x.L), PrintValue(x.R)
		if l == key && r == of || r == key && l == of {
			return true
		}
		return !strings.Contains(l, key) && !strings.Contains(r, key)
	}
	key, used := PrintValue(t), false
	Walk(c, func(v Value) {
		if o, ok := v.(*Top); ok {
			used = used || PrintValue(o) == key
		}
	})
	return !used
}

// PrintValue gives the text of a value, in one form.
func PrintValue(v Value) string {
	p := &printer{}
	p.value(v)
	return p.b.String()
}

// Parts gives the parts that AND and OR join in a condition, with NOT at each.
func Parts(c Cond) []Cond {
	var out []Cond
	var walk func(c Cond)
	walk = func(c Cond) {
		switch x := c.(type) {
		case And:
			for _, c := range x {
				walk(c)
			}
		case Or:
			for _, c := range x {
				walk(c)
			}
		default:
			out = append(out, c)
		}
	}
	walk(Simplify(c))
	return out
}
