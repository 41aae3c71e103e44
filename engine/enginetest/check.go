package enginetest

import (
	"context"
	"errors"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// Check makes the test fail if anything that is derived differs from the truth.
// A closed engine is not checked.
func Check(t testing.TB, e *engine.Engine) {
	t.Helper()
	problems, err := Problems(e)
	if errors.Is(err, kith.ErrClosed) {
		return
	}
	if err != nil {
		t.Errorf("check: %v", err)
	}
	for _, p := range problems {
		t.Errorf("check: %s", p)
	}
}

// Problems gives what check finds, one line for each kind.
func Problems(e *engine.Engine) ([]string, error) {
	r, err := e.Check(context.Background(), nil)
	var lines []string
	for _, p := range r.Problems {
		lines = append(lines, p.String())
	}
	return lines, err
}
