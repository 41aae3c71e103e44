package query

import "github.com/kithdb/kith/storage/bitmap"

// Answers gives the people for whom a leaf is true. The sets are not changed
// by who gets them.
type Answers interface {
	// Everybody gives all people.
	Everybody() (*bitmap.Set, error)
	// Answer gives those of within for whom a leaf is true; nil: of all people.
	Answer(l *Piece, within *bitmap.Set) (*bitmap.Set, error)
}

// Solve gives those of within for whom the condition is true; nil: of all
// people. Where nobody is left, what follows is not asked for.
func (p *Plan) Solve(a Answers, within *bitmap.Set) (*bitmap.Set, error) {
	switch p.op {
	case '&':
		for _, q := range p.parts {
			var err error
			if within, err = q.Solve(a, within); err != nil || within.Empty() {
				return within, err
			}
		}
		return within, nil
	case '|':
		return p.any(a, within)
	case '!':
		not, err := p.parts[0].Solve(a, within)
		if err == nil && within == nil {
			within, err = a.Everybody()
		}
		if err != nil {
			return nil, err
		}
		return bitmap.AndNot(within, not), nil
	}
	return a.Answer(p.leaf, within)
}

// any joins what is true for the parts. Who is in needs not be asked about again
// where asking costs by the person.
func (p *Plan) any(a Answers, within *bitmap.Set) (*bitmap.Set, error) {
	out := &bitmap.Set{}
	for _, q := range p.parts {
		rest := within
		if q.way == ByDuckDB && !out.Empty() {
			if rest == nil {
				all, err := a.Everybody()
				if err != nil {
					return nil, err
				}
				rest = all
			}
			if rest = bitmap.AndNot(rest, out); rest.Empty() {
				return out, nil
			}
		}
		s, err := q.Solve(a, rest)
		if err != nil {
			return nil, err
		}
		out = bitmap.Or(out, s)
	}
	return out, nil
}
