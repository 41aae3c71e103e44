package engine

import (
	"context"
	"net/http"
)

// traitRoutes are the routes about computed traits.
func (e *Engine) traitRoutes(handle func(string, func(http.ResponseWriter, *http.Request) error)) {
	handle("POST /trait/define", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) (ComputedTrait, error) {
		return e.DefineTrait(ctx, q.Name, q.Text)
	}))
	handle("POST /trait/drop", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) (any, error) {
		return nil, e.DropTrait(ctx, q.Name)
	}))
	handle("POST /trait/list", segmentRoute(func(ctx context.Context, _ *segmentQuestion, _ *AskOptions) ([]ComputedTrait, error) {
		return e.ComputedTraits(ctx)
	}))
	handle("POST /trait/history", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) ([]ComputedTrait, error) {
		return e.TraitHistory(ctx, q.Name)
	}))
	handle("POST /trait/verify", segmentRoute(func(ctx context.Context, q *segmentQuestion, _ *AskOptions) (TraitVerification, error) {
		return e.VerifyTrait(ctx, q.Name)
	}))
}

func tellTrait[T any](ctx context.Context, c *Client, verb string, q segmentQuestion) (T, error) {
	return tell[T](ctx, c, http.MethodPost, "/trait/"+verb, asked(q))
}

// DefineTrait makes a computed trait, as Engine.DefineTrait does.
func (c *Client) DefineTrait(ctx context.Context, name, text string) (ComputedTrait, error) {
	return tellTrait[ComputedTrait](ctx, c, "define", segmentQuestion{Name: name, Text: text})
}

// DropTrait takes a computed trait away, as Engine.DropTrait does.
func (c *Client) DropTrait(ctx context.Context, name string) error {
	_, err := tellTrait[any](ctx, c, "drop", segmentQuestion{Name: name})
	return err
}

// ComputedTraits gives the computed traits, as Engine.ComputedTraits does.
func (c *Client) ComputedTraits(ctx context.Context) ([]ComputedTrait, error) {
	return tellTrait[[]ComputedTrait](ctx, c, "list", segmentQuestion{})
}

// TraitHistory gives the versions of a computed trait, as Engine.TraitHistory does.
func (c *Client) TraitHistory(ctx context.Context, name string) ([]ComputedTrait, error) {
	return tellTrait[[]ComputedTrait](ctx, c, "history", segmentQuestion{Name: name})
}

// VerifyTrait compares values with DuckDB's, as Engine.VerifyTrait does.
func (c *Client) VerifyTrait(ctx context.Context, name string) (TraitVerification, error) {
	return tellTrait[TraitVerification](ctx, c, "verify", segmentQuestion{Name: name})
}
