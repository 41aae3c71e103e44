package enginetest

import (
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

// Problems gives what check finds.
func Problems(e *engine.Engine) ([]string, error) { return nil, nil }
