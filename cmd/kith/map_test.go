package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tillMap = `kith: 1
source: till
format: csv
time: {column: when, zone: UTC}
person: {user_id: card}
except: empty(card)
rows:
  - when: amount < 0
    track: Refunded
    properties: {total: number(amount)}
  - track: Bought
    properties: {total: number(amount)}
`

const tillRows = "when,card,amount\n2026-01-02 10:00:00,c1,4.50\n2026-01-02 10:05:00,c2,-1.25\nyesterday,c1,2\n2026-01-03 09:00:00,,7\n2026-01-03 09:30:00,c1,oops\n"

// A file of somebody's rows comes in, is listed, is mapped anew, and is taken back.
func TestRowsThroughAMapping(t *testing.T) {
	at := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(at, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir, rows, first := filepath.Join(at, "shop.kith"), write("till.csv", tillRows), write("map.yaml", tillMap)
	second := write("better.yaml", strings.Replace(tillMap, "track: Bought", "track: Order Completed", 1))
	faults := filepath.Join(at, "faults.csv")

	r := typed(t, "", "load", dir, rows, "--map", first, "--strict", "--errors", faults)
	if r.code != 10 || !strings.Contains(r.err, "4 received of 5 rows, 1 of them left out on purpose") || !strings.Contains(r.err, "2 accepted, 2 rejected") {
		t.Errorf("exit %d, want 10: %s", r.code, r.err)
	}
	text, err := os.ReadFile(faults)
	if want := "line,path,reason,row\n4,when,bad_date,\"yesterday,c1,2\"\n6,amount,bad_number,\"2026-01-03 09:30:00,c1,oops\"\n"; err != nil || string(text) != want {
		t.Errorf("the error file is %q, want %q (%v)", text, want, err)
	}
	asked := func(query, want string) {
		t.Helper()
		if r := typed(t, "", "sql", dir, query, "--format", "csv"); r.code != 0 || r.out != want {
			t.Errorf("%s = %q, want %q: %s", query, r.out, want, r.err)
		}
	}
	const names = "SELECT name, load, properties.total::VARCHAR AS total FROM events ORDER BY name"
	asked(names, "name,load,total\nBought,1,4.500000000\nRefunded,1,-1.250000000\n")
	if r := typed(t, "", "loads", dir, "--format", "csv"); !strings.Contains(r.out, "1,till.csv,till,") || !strings.Contains(r.out, ",true,5,1,4,2,0,2,") {
		t.Errorf("loads = %q: %s", r.out, r.err)
	}
	if r := typed(t, "", "remap", dir, "1", "--map", second); r.code != 0 {
		t.Errorf("remap: exit %d: %s", r.code, r.err)
	}
	asked(names, "name,load,total\nOrder Completed,2,4.500000000\nRefunded,2,-1.250000000\n") // what both made passed
	if r := typed(t, "", "unload", dir, "2"); r.code != 0 {
		t.Errorf("unload: exit %d: %s", r.code, r.err)
	}
	asked("SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM profiles) AS people, (SELECT count(*) FROM rejects) AS rejects, (SELECT count(*) FROM loads) AS loads",
		"events,people,rejects,loads\n0,0,0,0\n")
	must(t, "check", dir)
}
