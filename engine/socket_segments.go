package engine

import (
	"context"
	"database/sql"
	"iter"
	"net/http"
	"time"

	"github.com/kithdb/kith"
)

// segmentQuestion is what the routes below /segment are asked.
type segmentQuestion struct {
	Name       string    `json:"name,omitempty"`
	Text       string    `json:"text,omitempty"`
	Conditions []string  `json:"conditions,omitempty"`
	Now        time.Time `json:"now,omitzero"`
	Sample     int       `json:"sample,omitempty"`
	Seed       int64     `json:"seed,omitempty"`

	Who  kith.Identifier `json:"who,omitzero"`
	From kith.Seq        `json:"from,omitempty"`
	Wait bool            `json:"wait,omitempty"` // for a change, if there is none
}

// segmentRoute answers one of them.
func segmentRoute[T any](f func(ctx context.Context, q *segmentQuestion, o *AskOptions) (T, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var q segmentQuestion
		if err := ask(r, &q); err != nil {
			return err
		}
		out, err := f(r.Context(), &q, &AskOptions{Now: q.Now, Sample: q.Sample, Seed: q.Seed})
		send(w, out, err)
		return nil
	}
}

// segmentRoutes are the routes about segments.
func (e *Engine) segmentRoutes(handle func(string, func(http.ResponseWriter, *http.Request) error)) {
	handle("POST /segment/define", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) (Segment, error) {
		return e.Define(ctx, q.Name, q.Text)
	}))
	handle("POST /segment/drop", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) (any, error) {
		return nil, e.DropSegment(ctx, q.Name)
	}))
	handle("POST /segment/list", segmentRoute(func(ctx context.Context, _ *segmentQuestion, _ *AskOptions) ([]Segment, error) {
		return e.Segments(ctx)
	}))
	handle("POST /segment/history", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) ([]Segment, error) {
		return e.History(ctx, q.Name)
	}))
	handle("POST /segment/verify", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) (Verification, error) {
		return e.Verify(ctx, q.Name)
	}))
	handle("POST /segment/why", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) (Reason, error) {
		return e.Why(ctx, q.Name, q.Who)
	}))
	handle("POST /segment/changes", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) (page, error) {
		return e.page(ctx, q.Name, q.From, q.Wait)
	}))
	handle("POST /segment/count", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) (int, error) {
		return e.Count(ctx, q.Text, o)
	}))
	handle("POST /segment/export", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) ([]byte, error) {
		return e.Export(ctx, q.Text, o)
	}))
	handle("POST /segment/overlap", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) ([][]int, error) {
		return e.Overlap(ctx, q.Conditions, o)
	}))
	handle("POST /segment/waterfall", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) ([]int, error) {
		return e.Waterfall(ctx, q.Conditions, o)
	}))
	handle("POST /segment/reach", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) (Reach, error) {
		return e.Reach(ctx, q.Text, o)
	}))
	handle("POST /segment/union", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) (Union, error) {
		return e.Union(ctx, q.Conditions, o)
	}))
	handle("POST /segment/daily", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) ([]Day, error) {
		return e.Daily(ctx, q.Name)
	}))
	handle("POST /segment/explain", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) (Explanation, error) {
		return e.Explain(ctx, q.Text, o)
	}))
}

func tellSegment[T any](ctx context.Context, c *Client, verb string, q segmentQuestion) (T, error) {
	return tell[T](ctx, c, http.MethodPost, "/segment/"+verb, asked(q))
}

func askedAt(o *AskOptions) time.Time {
	if o == nil {
		return time.Time{}
	}
	return o.Now
}

// Define makes a segment, as Engine.Define does.
func (c *Client) Define(ctx context.Context, name, text string) (Segment, error) {
	return tellSegment[Segment](ctx, c, "define", segmentQuestion{Name: name, Text: text})
}

// DropSegment takes a segment away, as Engine.DropSegment does.
func (c *Client) DropSegment(ctx context.Context, name string) error {
	_, err := tellSegment[any](ctx, c, "drop", segmentQuestion{Name: name})
	return err
}

// Segments gives the segments, as Engine.Segments does.
func (c *Client) Segments(ctx context.Context) ([]Segment, error) {
	return tellSegment[[]Segment](ctx, c, "list", segmentQuestion{})
}

// History gives the versions of a segment, as Engine.History does.
func (c *Client) History(ctx context.Context, name string) ([]Segment, error) {
	return tellSegment[[]Segment](ctx, c, "history", segmentQuestion{Name: name})
}

// Verify compares members with DuckDB's, as Engine.Verify does.
func (c *Client) Verify(ctx context.Context, name string) (Verification, error) {
	return tellSegment[Verification](ctx, c, "verify", segmentQuestion{Name: name})
}

// Why says why a person is a member, as Engine.Why does.
func (c *Client) Why(ctx context.Context, segment string, id kith.Identifier) (Reason, error) {
	return tellSegment[Reason](ctx, c, "why", segmentQuestion{Name: segment, Who: id})
}

// page is some changes on their way over the socket.
type page struct {
	Changes []kith.Change `json:"changes"`
	Next    kith.Seq      `json:"next"` // where to go on
}

// Bounds of a page: how many changes it has, and how long it waits for one.
const (
	pageChanges = 10_000
	pageWait    = 2 * time.Second
)

// page gives the changes from a number on, at most so many.
func (e *Engine) page(ctx context.Context, segment string, from kith.Seq, wait bool) (page, error) {
	out := page{Changes: []kith.Change{}, Next: from}
	if err := e.current(ctx); err != nil {
		return out, err
	}
	v, err := e.acquire()
	if err != nil {
		return out, err
	}
	next, last := v.next, v.seq
	more, err := e.changes(v, segment, from, func(c kith.Change) bool {
		out.Changes = append(out.Changes, c)
		out.Next = c.Seq + 1
		return len(out.Changes) < pageChanges
	})
	e.release(v)
	if err != nil || !more {
		return out, err
	}
	out.Next = last + 1
	if wait && len(out.Changes) == 0 {
		select {
		case <-ctx.Done():
		case <-next:
		case <-time.After(pageWait):
		}
	}
	return out, nil
}

// Watch gives changes, as Engine.Watch does.
func (c *Client) Watch(ctx context.Context, segment string, from kith.Seq) iter.Seq2[kith.Change, error] {
	return c.pages(ctx, segment, from, true)
}

// Changes gives the changes that there are, as Engine.Changes does.
func (c *Client) Changes(segment string, from kith.Seq) iter.Seq2[kith.Change, error] {
	return c.pages(context.Background(), segment, from, false)
}

func (c *Client) pages(ctx context.Context, segment string, from kith.Seq, wait bool) iter.Seq2[kith.Change, error] {
	return func(yield func(kith.Change, error) bool) {
		for {
			p, err := tellSegment[page](ctx, c, "changes", segmentQuestion{Name: segment, From: from, Wait: wait})
			if err != nil {
				yield(kith.Change{}, err)
				return
			}
			for _, x := range p.Changes {
				if !yield(x, nil) {
					return
				}
			}
			if from = p.Next; len(p.Changes) < pageChanges && !wait {
				return
			}
		}
	}
}

// Count counts people, as Engine.Count does.
func (c *Client) Count(ctx context.Context, condition string, o *AskOptions) (int, error) {
	return tellSegment[int](ctx, c, "count", segmentQuestion{Text: condition, Now: askedAt(o)})
}

// Export gives people as a bitmap, as Engine.Export does.
func (c *Client) Export(ctx context.Context, condition string, o *AskOptions) ([]byte, error) {
	if o == nil {
		o = &AskOptions{}
	}
	return tellSegment[[]byte](ctx, c, "export", segmentQuestion{Text: condition, Now: o.Now, Sample: o.Sample, Seed: o.Seed})
}

// Overlap counts people of pairs, as Engine.Overlap does.
func (c *Client) Overlap(ctx context.Context, conditions []string, o *AskOptions) ([][]int, error) {
	return tellSegment[[][]int](ctx, c, "overlap", segmentQuestion{Conditions: conditions, Now: askedAt(o)})
}

// Waterfall counts each person once, as Engine.Waterfall does.
func (c *Client) Waterfall(ctx context.Context, conditions []string, o *AskOptions) ([]int, error) {
	return tellSegment[[]int](ctx, c, "waterfall", segmentQuestion{Conditions: conditions, Now: askedAt(o)})
}

// Reach says how people can be reached, as Engine.Reach does.
func (c *Client) Reach(ctx context.Context, condition string, o *AskOptions) (Reach, error) {
	return tellSegment[Reach](ctx, c, "reach", segmentQuestion{Text: condition, Now: askedAt(o)})
}

// Union counts people of any of some conditions, as Engine.Union does.
func (c *Client) Union(ctx context.Context, conditions []string, o *AskOptions) (Union, error) {
	return tellSegment[Union](ctx, c, "union", segmentQuestion{Conditions: conditions, Now: askedAt(o)})
}

// Daily gives the days of a segment, as Engine.Daily does.
func (c *Client) Daily(ctx context.Context, segment string) ([]Day, error) {
	return tellSegment[[]Day](ctx, c, "daily", segmentQuestion{Name: segment})
}

// Explain says how a condition is answered, as Engine.Explain does.
func (c *Client) Explain(ctx context.Context, condition string, o *AskOptions) (Explanation, error) {
	return tellSegment[Explanation](ctx, c, "explain", segmentQuestion{Text: condition, Now: askedAt(o)})
}

// peopleQuestion is what /sql is asked instead of a statement.
type peopleQuestion struct {
	Condition string    `json:"condition"`
	Columns   []string  `json:"columns"`
	Now       time.Time `json:"now,omitzero"`
	Sample    int       `json:"sample,omitempty"`
	Seed      int64     `json:"seed,omitempty"`
}

type peopleKey struct{}

// People gives columns of people, as Engine.People does.
func (c *Client) People(ctx context.Context, condition string, columns []string, o *AskOptions) (*sql.Rows, error) {
	if o == nil {
		o = &AskOptions{}
	}
	q := &peopleQuestion{condition, columns, o.Now, o.Sample, o.Seed}
	return c.db.QueryContext(context.WithValue(ctx, peopleKey{}, q), "")
}
