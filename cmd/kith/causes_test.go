package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each command opens the directory anew, and the feed says all the same what
// moved somebody: an event, a late one, a merge, the clock, a load taken back, a
// table. What segments use cannot be taken away.
func TestCommandsSayWhatMovedPeople(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c.kith")
	load := func(lines string) { typed(t, lines, "load", dir, "-") }
	x := func(who, id, day string) string {
		return `{"type":"track","event":"X",` + who + `,"messageId":"` + id + `","timestamp":"2024-01-` + day + `T00:00:00Z","properties":{"sku":"a"}}` + "\n"
	}
	load(x(`"anonymousId":"an1"`, "1", "10") + x(`"userId":"u1"`, "2", "12") + x(`"userId":"u2"`, "3", "12"))
	must(t, "clock", dir, "2024-01-15T00:00:00Z")
	must(t, "segment", "create", dir, "two", "(SELECT count(*) FROM events WHERE name = 'X' AND ts > now() - INTERVAL 10 DAY) >= 2")
	load(`{"type":"alias","userId":"u1","previousId":"an1","messageId":"10","timestamp":"2024-01-13T00:00:00Z"}`) // load 2
	load(x(`"userId":"u2"`, "11", "14"))
	load(x(`"userId":"u3"`, "12", "14"))
	load(x(`"userId":"u3"`, "13", "13"))
	must(t, "unload", dir, "2")
	must(t, "clock", dir, "2024-01-25T00:00:00Z")
	got := must(t, "sql", dir, "SELECT cause, entered, count(*) FROM changes GROUP BY ALL ORDER BY min(seq), entered", "--format", "csv")
	want := `cause,entered,count_star()
merge,true,1
event,true,1
late,true,1
unload,false,1
clock,false,2
`
	if got != want {
		t.Errorf("the feed says\n%s\nwant\n%s", got, want)
	}

	goods := filepath.Join(t.TempDir(), "goods.csv")
	write(t, goods, "sku,sort\na,Garden\n")
	must(t, "table", "load", dir, "goods", goods, "--key", "sku")
	must(t, "segment", "create", dir, "garden", "EXISTS (SELECT 1 FROM events WHERE properties.sku IN (SELECT sku FROM goods WHERE sort = 'Garden'))")
	write(t, goods, "sku,kind\na,Garden\n")
	for _, c := range [][]string{
		{"table", "drop", dir, "goods"},
		{"table", "load", dir, "goods", goods, "--key", "sku"},
		{"unload", dir, "6"},
	} {
		if r := typed(t, "", c...); r.code != 6 || !strings.Contains(r.err, "used by garden") {
			t.Errorf("%v: %d %s", c, r.code, r.err)
		}
	}
	write(t, goods, "sku,sort\na,Kitchen\n")
	must(t, "table", "load", dir, "goods", goods, "--key", "sku")
	if got := must(t, "sql", dir, "SELECT cause, entered, count(*) FROM changes WHERE segment = 'garden' GROUP BY ALL ORDER BY min(seq)", "--format", "csv"); !strings.HasSuffix(got, "table,false,4\n") {
		t.Errorf("the table's change: %s", got)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
