package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

// What Why names is said by number, time, name and message id, of a directory of
// one's own and beside the process that owns it.
func TestWhyAtTheCommandLine(t *testing.T) {
	const want = `profile 1 is in buyers (version 1), as of 2026-02-01T00:00:00Z
since 2026-02-01T00:00:00Z, by definition
  true     EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed')
           of 1 event, the newest 2026-01-02T09:00:00Z; 1 counts now
           10  2026-01-02T09:00:00Z  Order Completed  m3
  true     country = 'BE'
`
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	dir := shop(t)
	must(t, "segment", "create", dir, "buyers", "EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed') AND country = 'BE'", "--now", "2026-02-01T00:00:00Z")
	ask := func(flags ...string) {
		t.Helper()
		args := append([]string{"segment", "why", dir, "buyers", "user_id=u1"}, flags...)
		if got := must(t, args...); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		var r engine.Reason
		text := must(t, append(args, "--json")...)
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if ev := r.Parts[0].Evidence; len(ev) != 1 || ev[0].Source == "" || ev[0].Load != 1 || ev[0].Received.IsZero() || strings.Contains(text, "99.9") {
			t.Errorf("%s", text)
		}
	}
	ask("--now", "2026-02-01T00:00:00Z")
	e, err := engine.Open(dir, &engine.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ask()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
