package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

// traitScript is what a person types about computed traits, and sees.
var traitScript = [][]string{
	{"trait", "create", "DIR", "ltv", "(SELECT sum(properties.total) FROM events WHERE name = 'Order Completed')"},
	{"trait", "create", "DIR", "last_order", "(SELECT max(ts) FROM events WHERE name = 'Order Completed' AND ts > now() - INTERVAL 28 DAY)"},
	{"trait", "create", "DIR", "rich", "ltv > 50", "--json"},
	{"trait", "create", "DIR", "ltv", "(SELECT sum(properties.total) FROM events)"},
	{"trait", "create", "DIR", "plan", "country"},
	{"trait", "create", "DIR", "place", "country"},
	{"trait", "create", "DIR", "place", "text(country)"},
	{"trait", "create", "DIR", "plan", "text(country)"},
	{"trait", "create", "DIR", "mail", "lower(email)"},
	{"trait", "create", "DIR", "ltv", "(SELECT count(*) FROM events WHERE bool(profiles.rich))"},
	{"trait", "create", "DIR", "first_seen", "now()"},
	{"trait", "list", "DIR"},
	{"trait", "history", "DIR", "ltv"},
	{"trait", "verify", "DIR"},
	{"segment", "create", "DIR", "recent", "time(last_order) > now() - INTERVAL 4 WEEK"},
	{"sql", "DIR", "SELECT id, ltv, last_order, rich, place FROM profiles ORDER BY id", "--format", "table"},
	{"profile", "DIR", "user_id=u2"},
	{"schema", "DIR"},
	{"trait", "drop", "DIR", "ltv"},
	{"trait", "drop", "DIR", "rich"},
	{"trait", "drop", "DIR", "ltv"},
	{"trait", "drop", "DIR", "ltv"},
	{"sql", "DIR", "SELECT name, type, computed FROM columns WHERE relation = 'profiles' AND type <> 'sealed' ORDER BY name", "--format", "csv"},
}

// Computed traits at the command line, of a directory of one's own and beside
// the process that owns it.
func TestTraitsAtTheCommandLine(t *testing.T) {
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	var first []result
	for _, beside := range []bool{false, true} {
		dir := shop(t)
		var e *engine.Engine
		if beside {
			var err error
			if e, err = engine.Open(dir, &engine.Options{Now: func() time.Time { return now }}); err != nil {
				t.Fatal(err)
			}
		}
		var all strings.Builder
		for n, args := range traitScript {
			line := strings.Join(args, " ")
			args = append([]string{}, args...)
			for i, s := range args {
				args[i] = strings.ReplaceAll(s, "DIR", dir)
			}
			if !beside {
				args = append(args, "--now", now.Format(time.RFC3339))
			}
			r := typed(t, "", args...)
			for _, c := range changing {
				r.out = c.is.ReplaceAllString(r.out, c.say)
			}
			if !beside {
				first = append(first, r)
				fmt.Fprintf(&all, "$ kith %s\n%s%s--- exit %d\n\n", line, r.out, r.err, r.code)
			} else if d := first[n]; r.code != d.code || r.out != d.out {
				t.Errorf("kith %s\nthrough the socket: %+v\ndirect: %+v", line, r, d)
			}
		}
		must(t, "check", dir)
		if beside {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		golden(t, "trait.golden", all.String(), dir)
	}
}
