package engine

import (
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/bitmap"
)

// duck lets DuckDB answer what it alone knows. Where people are left to ask
// about, the table profiles has them alone; and where they are a small part of
// all, so has events.
func (p *planner) duck(l *query.Leaf, within *bitmap.Set) (*bitmap.Set, error) {
	q := p.asked[l]
	ranked := false
	query.Walk(l.Cond, func(v query.Value) {
		_, top := v.(*query.Top)
		ranked = ranked || top
	})
	if within == nil || ranked { // a rank is one of all people
		out, err := p.a.run(p.ctx, q, nil)
		if err == nil && within != nil {
			out = bitmap.And(out, within)
		}
		return out, err
	}
	if uint64(within.Len())*8 < uint64(p.a.v.fragments) {
		var err error
		if q, err = p.a.render(p.ctx, p.op, l.Cond, true); err != nil {
			return nil, err
		}
	}
	return p.a.run(p.ctx, q, within)
}
