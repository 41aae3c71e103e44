package query

import "slices"

// Walk calls f for each value of a condition, of what its sub-selects say, too.
func Walk(c Cond, f func(Value)) {
	switch x := c.(type) {
	case And:
		for _, c := range x {
			Walk(c, f)
		}
	case Or:
		for _, c := range x {
			Walk(c, f)
		}
	case Not:
		Walk(x.Cond, f)
	case *Compare:
		WalkValue(x.L, f)
		WalkValue(x.R, f)
	case *In:
		WalkValue(x.V, f)
	case *Like:
		WalkValue(x.V, f)
	case *Missing:
		WalkValue(x.V, f)
	case *Truth:
		WalkValue(x.V, f)
	case *Exists:
		Walk(x.Where, f)
	case *Near:
		Walk(x.Where, f)
	case *Listed:
		WalkValue(x.V, f)
		Walk(x.Where, f)
	}
}

// WalkValue calls f for a value and each one that it is made of.
func WalkValue(v Value, f func(Value)) {
	f(v)
	switch x := v.(type) {
	case *Shift:
		WalkValue(x.V, f)
	case *Call:
		for _, a := range x.Args {
			WalkValue(a, f)
		}
	case *Agg:
		if x.Of != nil {
			WalkValue(x.Of, f)
		}
		if x.Last.End != nil {
			WalkValue(x.Last.End, f)
		}
		Walk(x.Where, f)
	case *Top:
		WalkValue(x.Of, f)
	case *Peers:
		WalkValue(x.Key, f)
		Walk(x.Where, f)
	case Whether:
		Walk(x.Cond, f)
	}
}

// Segments gives the names of the segments that a condition asks for, each once.
func Segments(c Cond) []string {
	return names(c, func(c Cond) (string, bool) {
		m, ok := c.(*Member)
		if !ok {
			return "", false
		}
		return m.Segment, true
	})
}

// Lists gives the names of the static lists that a condition asks for, each once.
func Lists(c Cond) []string {
	return names(c, func(c Cond) (string, bool) {
		m, ok := c.(*OnList)
		if !ok {
			return "", false
		}
		return m.List, true
	})
}

// names gives what f finds in the parts that AND, OR and NOT join, of what is
// asked of others and of IS TRUE, too, each once.
func names(c Cond, f func(Cond) (string, bool)) []string {
	var out []string
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
		case Not:
			walk(x.Cond)
		default:
			if name, ok := f(c); ok && !slices.Contains(out, name) {
				out = append(out, name)
			}
			Walk(c, func(v Value) {
				switch x := v.(type) {
				case *Peers:
					walk(x.Where)
				case Whether:
					walk(x.Cond)
				}
			})
		}
	}
	walk(c)
	return out
}
