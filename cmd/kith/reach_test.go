package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

// What is said of the size and the days of segments, of a directory of one's own
// and beside the process that owns it.
func TestReachAtTheCommandLine(t *testing.T) {
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	dir := shop(t)
	must(t, "segment", "create", dir, "buyers", "EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed')", "--now", now.Format(time.RFC3339))
	lines := [][]string{
		{"segment", "count", dir, "buyers", "--reach"},
		{"segment", "count", dir, "buyers", "--reach", "--json"},
		{"segment", "union", dir, "buyers", "country = 'BE'"},
		{"segment", "union", dir, "buyers", "country = 'BE'", "--json"},
		{"segment", "members", dir, "buyers", "--sample", "1", "--seed", "7", "--columns", "id", "--format", "csv"},
		{"segment", "members", dir, "buyers", "--sample", "1", "--seed", "8", "--columns", "id", "--format", "csv"},
		{"segment", "members", dir, "TRUE", "--sample", "2", "--seed=-1", "--columns", "id", "--format", "csv"},
		{"segment", "export", dir, "buyers", "--sample", "1", "--seed", "7", "-o", "-"},
		{"segment", "history", dir, "buyers", "--daily"},
		{"segment", "history", dir, "buyers", "--daily", "--json"},
	}
	want := map[int]string{
		0: "          2  people\n          1  have anonymous_id\n          1  have email\n          2  have user_id\n",
		2: "          2  buyers, 1 in no other\n          1  country = 'BE', 0 in no other\n          2  together\n",
		8: "day               size     entered        left  volatility\n2026-02-01           2           2           0  1.0000\n",
	}
	var first []string
	for _, args := range lines {
		first = append(first, must(t, append(slices.Clone(args), "--now", now.Format(time.RFC3339))...))
	}
	for i, text := range want {
		if first[i] != text {
			t.Errorf("%s\n%s\nwant\n%s", strings.Join(lines[i], " "), first[i], text)
		}
	}
	e, err := engine.Open(dir, &engine.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i, args := range lines {
		if got := must(t, args...); got != first[i] {
			t.Errorf("%s\nthrough the socket: %s\ndirect: %s", strings.Join(args, " "), got, first[i])
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
