package engine

import (
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/bitmap"
)

// duck lets DuckDB answer what it alone knows. Where people are left to ask
// about, the table profiles has them alone. What is about events is asked of
// those who have some; events are not looked for by person, so that it costs the
// same whoever is left.
func (p *planner) duck(l *query.Piece, within *bitmap.Set) (*bitmap.Set, error) {
	if l.OfEvents {
		return p.ofEvents(l, within)
	}
	if !query.WidelyAsked(l.Cond) {
		return p.a.run(p.ctx, p.asked[l], within)
	}
	out, err := p.a.run(p.ctx, p.asked[l], nil) // a rank is one of all people, an account has all of its own
	if err == nil && within != nil {
		out = bitmap.And(out, within)
	}
	return out, err
}

// ofEvents asks those who have such events; of the others it is true for all, or none.
func (p *planner) ofEvents(l *query.Piece, within *bitmap.Set) (*bitmap.Set, error) {
	some, err := p.a.run(p.ctx, p.asked[l], within)
	switch {
	case err != nil:
		return nil, err
	case !l.True && within == nil:
		return some, nil
	case !l.True:
		return bitmap.And(some, within), nil
	case within == nil:
		if within, err = p.Everybody(); err != nil {
			return nil, err
		}
	}
	return bitmap.AndNot(within, some), nil
}

// statement writes what DuckDB is asked for a leaf.
func (p *planner) statement(l *query.Piece) (query.SQL, error) {
	return p.a.write(p.ctx, p.op, func(cat *catalog) (query.SQL, error) {
		if l.OfEvents {
			return query.RenderEvents(l.Cond, l.True, p.a.now, cat)
		}
		return query.Render(l.Cond, p.a.now, cat)
	})
}
