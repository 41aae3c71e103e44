package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/bitmap"
)

// inquiry is a question about people, as of one version and one instant.
type inquiry struct {
	e   *Engine
	v   *version
	now time.Time
	all map[string]Segment

	traits   map[string]query.Value // computed traits
	written  map[string]query.Value // those of them that are written out: no column is current
	standing bool                   // now is what the standing clock says
	w        *view                  // what DuckDB sees; nil until history is ready
	opened   atomic.Int64           // how often DuckDB had the sealed leaves of an event opened
	cat      *catalog               // what names mean there
}

// inquiry begins one. It must be closed.
func (e *Engine) inquiry(o *AskOptions) (*inquiry, error) {
	if o == nil {
		o = &AskOptions{}
	}
	v, err := e.acquire()
	if o.Now.IsZero() && err == nil {
		v, err = e.told(v)
	}
	if err != nil {
		return nil, err
	}
	a := &inquiry{e: e, v: v, now: o.Now.UTC()}
	if a.standing = o.Now.IsZero(); a.standing {
		a.now, err = e.at(v)
	}
	if err == nil {
		a.all, err = e.definitions(v.snap)
	}
	if err == nil {
		err = a.values()
	}
	if err != nil {
		a.close()
		return nil, err
	}
	a.now = a.now.Truncate(time.Microsecond)
	return a, nil
}

// history makes ready what DuckDB sees, and what names mean there: history has
// to have come as far as the version. A question that it is not needed for does
// not wait for that.
func (a *inquiry) history(ctx context.Context) error {
	if a.w != nil {
		return nil
	}
	if err := a.e.follow.catchUp(ctx, a.v.seq); err != nil {
		return err
	}
	w := &view{e: a.e, v: a.v, now: a.now.UnixMicro(), opened: &a.opened}
	var err error
	if w.owner, err = a.e.owners(a.v); err != nil {
		return err
	}
	a.w, a.cat = w, w.catalog()
	a.cat.segments, a.cat.computed = a.segment, a.written
	return nil
}

func (a *inquiry) close() { a.e.release(a.v) }

// segment gives the condition of a segment that another uses.
func (a *inquiry) segment(name string) (query.Cond, error) {
	s := a.all[name]
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
		if query.IsName(text) {
			return nil, noSegment(op, text)
		}
		return nil, &kith.Error{Op: op, Err: err}
	}
	if t, ok := c.(*query.Truth); ok && query.IsName(text) { // one word: a segment, or a trait that there is
		if trait, ok := t.V.(*query.Trait); ok && !trait.Fixed && a.traits[trait.Path] == nil && a.e.traits.find(trait.Path) == nil {
			return nil, noSegment(op, text)
		}
	}
	return c, nil
}

// names gives the traits and properties of a condition that nobody has, and those
// that are opened value by value, because some are sealed.
func (a *inquiry) names(c query.Cond) (absent, sealed []string) {
	absent, sealed = []string{}, []string{}
	note := func(name string, there, opened bool) {
		switch {
		case !there && !slices.Contains(absent, name):
			absent = append(absent, name)
		case opened && !slices.Contains(sealed, name):
			sealed = append(sealed, name)
		}
	}
	query.Walk(c, func(v query.Value) {
		switch x := v.(type) {
		case *query.Trait:
			_, said := a.cat.traits[x.Path]
			note(x.Path, said || x.Fixed || a.traits[x.Path] != nil, a.cat.sealed[x.Path])
		case *query.Field:
			_, said := a.cat.leaves[x.Leaf()]
			note(x.Path, said || !strings.Contains(x.Path, "."), a.cat.opens(x.Leaf()))
		}
	})
	return absent, sealed
}

// render writes a condition as one statement.
func (a *inquiry) render(ctx context.Context, op string, c query.Cond) (query.SQL, error) {
	return a.write(ctx, op, func(cat *catalog) (query.SQL, error) { return query.Render(query.Simplify(c), a.now, cat) })
}

// write writes a statement when history is ready for it.
func (a *inquiry) write(ctx context.Context, op string, f func(*catalog) (query.SQL, error)) (query.SQL, error) {
	if err := a.history(ctx); err != nil {
		return query.SQL{}, err
	}
	q, err := f(a.cat)
	var known *kith.Error
	if err != nil && !errors.As(err, &known) {
		err = &kith.Error{Op: op, Kind: kith.ErrInvalid, Err: err}
	}
	return q, err
}

// rows asks DuckDB a statement, as of the version of the inquiry. The table
// profiles has those of within alone; nil: all people.
func (a *inquiry) rows(ctx context.Context, q query.SQL, within *bitmap.Set) (*sql.Rows, error) {
	if err := a.history(ctx); err != nil {
		return nil, err
	}
	w := *a.w
	if within != nil {
		w.within = within.Dense(w.fragmentBlocks())
	}
	if !a.v.hold() { // for history, which releases it
		return nil, &kith.Error{Op: "engine", Kind: kith.ErrClosed}
	}
	return a.e.hist.SQL(ctx, &w, q.Text, q.Args...)
}

// run asks DuckDB for people of within; nil: of all. They come 32 to a row:
// what passes from DuckDB to us passes value by value.
func (a *inquiry) run(ctx context.Context, q query.SQL, within *bitmap.Set) (*bitmap.Set, error) {
	rows, err := a.rows(ctx, query.SQL{Text: "SELECT (id >> 5)::UINTEGER, bit_or(1::UBIGINT << (id & 31)::UBIGINT) FROM (\n" + q.Text + "\n) GROUP BY 1", Args: q.Args}, within)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	words := make([]uint64, int(a.v.fragments>>16+1)<<10)
	for rows.Next() {
		var w uint32
		var bits uint64
		if err := rows.Scan(&w, &bits); err != nil {
			return nil, err
		}
		words[w>>1] |= bits << (w & 1 << 5)
	}
	return bitmap.FromWords(words), rows.Err()
}

// placed adds where in the text of a condition that stands which was not found.
func placed(err error, text string) error {
	var lost *kith.Error
	if !errors.As(err, &lost) || lost.Kind != kith.ErrNotFound {
		return err
	}
	line, column, ok := query.Place(text, lost.On)
	if !ok {
		return err
	}
	out := *lost
	out.Err = fmt.Errorf("line %d, column %d", line, column)
	if lost.Err != nil {
		out.Err = fmt.Errorf("%w: %w", out.Err, lost.Err)
	}
	return &out
}

// definable sees to it that a segment can be defined by a condition: that it can be answered.
func (e *Engine) definable(ctx context.Context, op, name string, c query.Cond) error {
	a, err := e.inquiry(nil)
	if err != nil {
		return err
	}
	defer a.close()
	if err := usesItself(op, name, c, a.all); err != nil { // what solves it follows segments without end
		return err
	}
	_, _, err = a.solve(ctx, op, c, nil)
	return err
}

// answer answers the name of a segment, or a condition.
func (e *Engine) answer(ctx context.Context, op, condition string, o *AskOptions) (*bitmap.Set, error) {
	if o == nil || o.Now.IsZero() {
		if s, ok, err := e.kept(condition); ok || err != nil {
			return s, err
		}
	}
	a, err := e.inquiry(o)
	if err != nil {
		return nil, err
	}
	defer a.close()
	return a.answer(ctx, op, condition, nil)
}

// answer answers the name of a segment, or a condition, for those of within.
func (a *inquiry) answer(ctx context.Context, op, condition string, within *bitmap.Set) (*bitmap.Set, error) {
	if k := a.v.live[condition]; k.ready && a.standing && a.v.due > a.now.UnixMicro() && within == nil {
		return a.v.members.Set(a.v.pin, k.number)
	}
	c, err := a.condition(op, condition)
	if err != nil {
		return nil, err
	}
	out, _, err := a.solve(ctx, op, c, within)
	return out, placed(err, condition)
}
