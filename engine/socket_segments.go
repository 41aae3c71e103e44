package engine

import (
	"context"
	"database/sql"
	"net/http"
	"time"
)

// segmentQuestion is what the routes below /segment are asked.
type segmentQuestion struct {
	Name       string    `json:"name,omitempty"`
	Text       string    `json:"text,omitempty"`
	Conditions []string  `json:"conditions,omitempty"`
	Now        time.Time `json:"now,omitzero"`
}

// segmentRoute answers one of them.
func segmentRoute[T any](f func(ctx context.Context, q *segmentQuestion, o *AskOptions) (T, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var q segmentQuestion
		if err := ask(r, &q); err != nil {
			return err
		}
		out, err := f(r.Context(), &q, &AskOptions{Now: q.Now})
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
	handle("POST /segment/count", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) (int, error) {
		return e.Count(ctx, q.Text, o)
	}))
	handle("POST /segment/overlap", segmentRoute(func(ctx context.Context, q *segmentQuestion, o *AskOptions) ([][]int, error) {
		return e.Overlap(ctx, q.Conditions, o)
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

// Count counts people, as Engine.Count does.
func (c *Client) Count(ctx context.Context, condition string, o *AskOptions) (int, error) {
	return tellSegment[int](ctx, c, "count", segmentQuestion{Text: condition, Now: askedAt(o)})
}

// Overlap counts people of pairs, as Engine.Overlap does.
func (c *Client) Overlap(ctx context.Context, conditions []string, o *AskOptions) ([][]int, error) {
	return tellSegment[[][]int](ctx, c, "overlap", segmentQuestion{Conditions: conditions, Now: askedAt(o)})
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
}

type peopleKey struct{}

// People gives columns of people, as Engine.People does.
func (c *Client) People(ctx context.Context, condition string, columns []string, o *AskOptions) (*sql.Rows, error) {
	q := &peopleQuestion{condition, columns, askedAt(o)}
	return c.db.QueryContext(context.WithValue(ctx, peopleKey{}, q), "")
}
