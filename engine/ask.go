package engine

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/bitmap"
)

// inquiry is a inquiry about people, as of one version and one instant.
type inquiry struct {
	e   *Engine
	v   *version
	now time.Time
	cat *catalog
	w   *view
	as  string
	all map[string]Segment
}

// inquiry begins one. It must be closed.
func (e *Engine) inquiry(ctx context.Context, op string, o *AskOptions) (*inquiry, error) {
	if o == nil {
		o = &AskOptions{}
	}
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	a := &inquiry{e: e, v: v, now: o.Now.UTC(), as: o.as}
	if err = e.follow.catchUp(ctx, v.seq); err == nil && o.Now.IsZero() {
		a.now, err = e.at(v)
	}
	if err == nil {
		a.all, err = e.definitions(v.snap)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	a.now = a.now.Truncate(time.Microsecond)
	a.w = &view{e: e, v: v, now: a.now.UnixMicro()}
	if a.w.owner, err = e.owners(v); err != nil {
		a.close()
		return nil, err
	}
	a.cat = a.w.catalog()
	a.cat.segments = a.segment
	return a, nil
}

func (a *inquiry) close() { a.e.release(a.v) }

// segment gives the condition of a segment that another uses.
func (a *inquiry) segment(name string) (query.Cond, error) {
	s := a.all[name]
	if name == a.as {
		return nil, &kith.Error{Op: "engine.Segment", On: "segment " + name, Kind: kith.ErrInvalid, Err: errors.New("it uses itself")}
	}
	if s.Text == "" {
		return nil, noSegment("engine.Segment", name)
	}
	return query.Parse(s.Text)
}

// condition reads a text: the name of a segment, or a condition.
func (a *inquiry) condition(op, text string) (query.Cond, error) {
	if s := a.all[text]; s.Text != "" {
		return query.Parse(s.Text)
	}
	c, err := query.Parse(text)
	if err != nil {
		if segmentName.MatchString(text) {
			return nil, noSegment(op, text)
		}
		return nil, &kith.Error{Op: op, Err: err}
	}
	if t, ok := c.(*query.Truth); ok && segmentName.MatchString(text) { // one word: a segment, or a trait that there is
		if trait, ok := t.V.(*query.Trait); ok && !trait.Fixed && a.cat.traits[trait.Path].Name == "" {
			return nil, noSegment(op, text)
		}
	}
	return c, nil
}

// absent gives the traits and properties of a condition that nobody has.
func (a *inquiry) absent(c query.Cond) []string {
	out := []string{}
	query.Walk(c, func(v query.Value) {
		name := ""
		switch x := v.(type) {
		case *query.Trait:
			if _, ok := a.cat.traits[x.Path]; !ok && !x.Fixed {
				name = x.Path
			}
		case *query.Field:
			if _, ok := a.cat.leaves[x.Path]; !ok && strings.Contains(x.Path, ".") {
				name = x.Path
			}
		}
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	})
	return out
}

func (a *inquiry) render(op string, c query.Cond) (query.SQL, error) {
	q, err := query.Render(c, a.now, a.cat)
	if err != nil {
		var known *kith.Error
		if errors.As(err, &known) {
			return q, err
		}
		err = &kith.Error{Op: op, Kind: kith.ErrInvalid, Err: err}
	}
	return q, err
}

// rows asks DuckDB a statement, as of the version of the inquiry.
func (a *inquiry) rows(ctx context.Context, q query.SQL) (*sql.Rows, error) {
	if !a.v.hold() { // for history, which releases it
		return nil, &kith.Error{Op: "engine", Kind: kith.ErrClosed}
	}
	return a.e.hist.SQL(ctx, a.w, q.Text, q.Args...)
}

// run asks DuckDB for people.
func (a *inquiry) run(ctx context.Context, q query.SQL) (*bitmap.Set, error) {
	rows, err := a.rows(ctx, q)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []uint32
	for rows.Next() {
		var id uint32
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return bitmap.Of(ids...), rows.Err()
}

// ask answers a condition.
func (e *Engine) ask(ctx context.Context, op string, c query.Cond, o *AskOptions) (*bitmap.Set, error) {
	a, err := e.inquiry(ctx, op, o)
	if err != nil {
		return nil, err
	}
	defer a.close()
	q, err := a.render(op, query.Simplify(c))
	if err != nil {
		return nil, err
	}
	return a.run(ctx, q)
}

// answer answers the name of a segment, or a condition.
func (e *Engine) answer(ctx context.Context, op, condition string, o *AskOptions) (*bitmap.Set, error) {
	if o == nil || o.Now.IsZero() {
		if s, ok, err := e.kept(condition); ok || err != nil {
			return s, err
		}
	}
	a, err := e.inquiry(ctx, op, o)
	if err != nil {
		return nil, err
	}
	defer a.close()
	c, err := a.condition(op, condition)
	if err != nil {
		return nil, err
	}
	q, err := a.render(op, query.Simplify(c))
	if err != nil {
		return nil, err
	}
	return a.run(ctx, q)
}
