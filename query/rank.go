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
		key, of, l, r := printValue(t), printValue(t.Of), printValue(x.L), printValue(x.R)
		if l == key && r == of || r == key && l == of {
			return true
		}
		return !strings.Contains(l, key) && !strings.Contains(r, key)
	}
	key, used := printValue(t), false
	Walk(c, func(v Value) {
		if o, ok := v.(*Top); ok {
			used = used || printValue(o) == key
		}
	})
	return !used
}

func printValue(v Value) string {
	p := &printer{}
	p.value(v)
	return p.b.String()
}
