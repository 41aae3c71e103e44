package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// little is the memory that a platform is given to show that it stays correct.
const little = 256 << 20

// tooMuch needs more memory than that, whatever it spills: one list of all events.
const tooMuch = `SELECT len(list(CAST(seq AS VARCHAR) || repeat('x', 400))) FROM events`

// memory loads the world once more with little memory: everything must be as
// it is with much, and a query that needs more must end with a clear error.
func (r *run) memory(ctx context.Context) (err error) {
	want, err := r.facts(ctx)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(r.path(smallDir)); err != nil {
		return err
	}
	got, err := r.loadWorld(ctx, r.path(smallDir), little)
	if err != nil {
		return err
	}
	r.noteLoad("memory", got)
	e, err := engine.Open(r.path(smallDir), &engine.Options{Memory: little})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(), os.RemoveAll(r.path(smallDir))) }()
	forgetPeak()
	watch := watchAnonymous()
	defer watch.end()
	for _, q := range questions {
		a, err := answer(e.SQL(ctx, q.text))
		if err != nil {
			return fmt.Errorf("%s, with 256 MB: %w", q.name, err)
		}
		if err := same(q.name+", with 256 MB", a, want[q.name]); err != nil {
			return err
		}
		r.say("memory: %s: equal", q.name)
	}
	r.report.add(Figure{Part: "memory", Name: "questions with the same answers as with more memory", Value: float64(len(questions)), Peer: float64(len(questions)), Ratio: 1})
	r.report.add(Figure{Part: "memory", Name: "peak memory of the questions, anonymous", Value: float64(watch.end()), Unit: "bytes"})
	r.report.add(Figure{Part: "memory", Name: "peak memory of the questions, with mapped files", Value: float64(peak()), Unit: "bytes"})
	_, err = answer(e.SQL(ctx, tooMuch))
	refused := errors.Is(err, kith.ErrInvalid) && strings.Contains(err.Error(), "memory")
	f := r.report.add(Figure{Part: "memory", Name: "a query that needs too much is refused in words", Value: 1, Goal: "ErrInvalid", Met: refused})
	if !refused {
		f.Value, f.Note = 0, fmt.Sprint("it ended with: ", err)
	} else {
		f.Note = err.Error()
	}
	return count(ctx, e, got.tally.Accepted) // and it still answers
}

// facts gives the answers of the platform that has much memory.
func (r *run) facts(ctx context.Context) (answers map[string][]string, err error) {
	// What other parts fed in would be in the answers: a world that nobody touched is loaded.
	if err := os.RemoveAll(r.path(worldDir)); err != nil {
		return nil, err
	}
	if _, err := r.loadWorld(ctx, r.path(worldDir), 0); err != nil {
		return nil, err
	}
	e, err := engine.Open(r.path(worldDir), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	answers = map[string][]string{}
	for _, q := range questions {
		if answers[q.name], err = answer(e.SQL(ctx, q.text)); err != nil {
			return nil, err
		}
	}
	return answers, nil
}
