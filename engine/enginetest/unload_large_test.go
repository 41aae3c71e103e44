package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/kithdb/kith/engine"
)

// Many events of a load pass to a second load that had them, too. They keep
// their place in history: DuckDB takes a long list of rows for a join, and a
// join on several threads for a reason to forget the order.
func TestUnloadKeepsTheOrderOfManyThatPass(t *testing.T) {
	lines := func(from, to int) []byte {
		var b bytes.Buffer
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `{"type":"track","event":"Seen","userId":"u%d","messageId":"m%d","timestamp":"2026-01-01T00:00:00Z","properties":{"n":%d}}`+"\n", i%500, i, i)
		}
		return b.Bytes()
	}
	ctx := context.Background()
	e := Open(t, nil) // checked when the test ends
	first, err := e.Load(ctx, bytes.NewReader(lines(0, 60_000)), &engine.LoadOptions{Name: "first"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(ctx, bytes.NewReader(lines(58_000, 120_000)), &engine.LoadOptions{Name: "second"}); err != nil {
		t.Fatal(err)
	}
	r, err := e.Unload(ctx, first.Load, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Events != 58_000 || r.Passed != 2_000 {
		t.Errorf("%d gone and %d passed, want 58000 and 2000", r.Events, r.Passed)
	}
	rows, err := e.SQL(ctx, "SELECT count(*), count(*) FILTER (load = 2) FROM events")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all, second int
	for rows.Next() {
		if err := rows.Scan(&all, &second); err != nil {
			t.Fatal(err)
		}
	}
	if all != 62_000 || second != 62_000 {
		t.Errorf("%d events, %d of the second load, want 62000 of 62000", all, second)
	}
}
