package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

// Rows that a client opens and never closes do not hold versions for ever, and
// there may not be many of them.
func TestRowsThatNobodyReadsAreGivenUp(t *testing.T) {
	mostRows, rowsIdle = 2, 3*time.Second
	defer func() { mostRows, rowsIdle = 64, time.Minute }()
	e, c := dialled(t)
	const long = "SELECT i, repeat('x', 1000) FROM range(100000) AS r(i)"
	for range 2 {
		rows, err := c.SQL(t.Context(), long)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
	}
	if len(e.socket.rows) != 2 {
		t.Fatalf("%d answers are under way, want 2", len(e.socket.rows))
	}
	if _, err := c.SQL(t.Context(), "SELECT 1"); !errors.Is(err, kith.ErrDenied) || !strings.Contains(err.Error(), "close rows") {
		t.Errorf("one too many gives %v, want %v that says what to do", err, kith.ErrDenied)
	}
	for end := time.Now().Add(20 * time.Second); len(e.socket.rows) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d answers that nobody reads are still under way", len(e.socket.rows))
		}
	}
	if refs := e.versions.now.Load().refs.Load(); refs != 1 {
		t.Errorf("the version is held %d times, want once", refs)
	}
	for range 3 { // and the way to the engine is as good as before
		rows, err := c.SQL(t.Context(), "SELECT 1")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A rebuild is refused through the socket, with what to do instead.
func TestNoRebuildThroughTheSocket(t *testing.T) {
	_, c := dialled(t)
	_, err := c.Check(t.Context(), &CheckOptions{Rebuild: true})
	if !errors.Is(err, kith.ErrUnsupported) || !strings.Contains(err.Error(), "end it first") {
		t.Errorf("Check = %v, want %v that says what to do", err, kith.ErrUnsupported)
	}
}
