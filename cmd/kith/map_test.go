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

// Rows of two shops through one mapping do not take each other's ids, and stay
// those of their shop when they are mapped anew.
func TestTwoSourcesOneMapping(t *testing.T) {
	at := t.TempDir()
	dir, rows, mapping := filepath.Join(at, "shop.kith"), filepath.Join(at, "till.csv"), filepath.Join(at, "map.yaml")
	for path, text := range map[string]string{rows: "no,card,amount\n1,c1,4.50\n", mapping: strings.Replace(tillMap, "time: {column: when, zone: UTC}", "id: no", 1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "load", dir, rows, "--map", mapping, "--source", "north")
	must(t, "load", dir, rows, "--map", mapping, "--source", "south")
	must(t, "load", dir, rows, "--map", mapping)
	must(t, "remap", dir, "2", "--map", mapping)
	got := must(t, "sql", dir, "SELECT source, message_id FROM events ORDER BY 1", "--format", "csv")
	if want := "source,message_id\nnorth,north:1\nsouth,south:1\ntill,till:1\n"; got != want {
		t.Errorf("events = %q, want %q", got, want)
	}
}

// A dry run says what a load would come to, and stores nothing.
func TestDryRun(t *testing.T) {
	at := t.TempDir()
	dir, rows, mapping := filepath.Join(at, "shop.kith"), filepath.Join(at, "till.csv"), filepath.Join(at, "map.yaml")
	for path, text := range map[string]string{rows: tillRows, mapping: tillMap} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := typed(t, "", "load", dir, rows, "--map", mapping, "--dry-run")
	for _, want := range []string{"line 2\n  {\n    \"type\": \"track\"", "5 rows looked at, 1 left out on purpose: 2 accepted, 2 rejected; nothing is stored",
		"1  bad_date when, first on line 4", "1  bad_number amount, first on line 6", "2 people, 0 of them there already; 2 new identifiers\n"} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("exit %d, without %q: %s%s", r.code, want, r.out, r.err)
		}
	}
	if r := typed(t, "", "load", dir, rows, "--map", mapping, "--dry-run", "--strict"); r.code != exitRejects {
		t.Errorf("strict: exit %d", r.code)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is there (%v)", err)
	}
	must(t, "load", dir, rows, "--map", mapping)
	const counts = "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM identifiers) AS identifiers, (SELECT count(*) FROM rejects) AS rejects, (SELECT count(*) FROM loads) AS loads"
	before := must(t, "sql", dir, counts)
	r = typed(t, "", "load", dir, rows, "--map", mapping, "--dry-run")
	if r.code != 0 || !strings.Contains(r.out, ": 0 accepted, 2 duplicate, 2 rejected; nothing") || !strings.Contains(r.out, "0 people, 0 of them there already; 0 new identifiers\n") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
	if after := must(t, "sql", dir, counts); after != before {
		t.Errorf("counts were %s and are %s", before, after)
	}
}

// A dry run says who would become one, by public id, and what the rules would
// keep apart; and that is what the load then comes to.
func TestDryRunSaysWhoWouldMerge(t *testing.T) {
	at := t.TempDir()
	dir, first, second, mapping := filepath.Join(at, "shop.kith"), filepath.Join(at, "first.csv"), filepath.Join(at, "second.csv"), filepath.Join(at, "map.yaml")
	for path, text := range map[string]string{
		first:   "when,customer,mail\n2026-01-01,a,\n2026-01-01,,ada@example.org\n2026-01-01,b,ben@example.org\n",
		second:  "when,customer,mail\n2026-01-02,a,ada@example.org\n2026-01-02,c,ben@example.org\n2026-01-02,d,\n",
		mapping: "kith: 1\nsource: crm\nformat: csv\ntime: {column: when, zone: UTC}\nperson: {user_id: customer, email: mail}\nrows:\n  - track: Seen\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "load", dir, first, "--map", mapping)
	ids := strings.Fields(must(t, "sql", dir, "SELECT p.public_id FROM profiles p JOIN identifiers i ON i.profile_id = p.id WHERE i.value IN ('a', 'ada@example.org') ORDER BY i.value", "--format", "csv"))[1:]
	r := typed(t, "", "load", dir, second, "--map", mapping, "--dry-run")
	for _, want := range []string{
		"3 people, 1 of them there already; 2 new identifiers", "1 link would be refused (unique, user_id)", "1 link would make one of two people who are there",
		"on line 2: same_event, user_id with email", ids[0], ids[1],
	} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("exit %d, without %q: %s%s", r.code, want, r.out, r.err)
		}
	}
	if _, told, _ := strings.Cut(r.out, "looked at"); strings.Contains(told, "@") {
		t.Errorf("it says who they are: %s", told)
	}
	must(t, "load", dir, second, "--map", mapping)
	got := must(t, "sql", dir, "SELECT kind, rule, space, count(*) AS n FROM decisions WHERE kind <> 'number' AND cause > 6 GROUP BY ALL ORDER BY ALL", "--format", "csv")
	if !strings.Contains(got, "refuse,unique,user_id,1\n") {
		t.Errorf("decisions = %s", got)
	}
	if got := must(t, "sql", dir, "SELECT count(*) AS n FROM profiles", "--format", "csv"); got != "n\n4\n" {
		t.Errorf("people = %s", got)
	}
	must(t, "check", dir)
}

// The file of errors is never written over what the load reads.
func TestErrorsSpareWhatIsLoaded(t *testing.T) {
	at := t.TempDir()
	dir, rows, mapping, link := filepath.Join(at, "shop.kith"), filepath.Join(at, "till.csv"), filepath.Join(at, "map.yaml"), filepath.Join(at, "link.csv")
	texts := map[string]string{rows: tillRows, mapping: tillMap}
	for path, text := range texts {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(rows, link); err != nil {
		t.Skip(err)
	}
	for _, errs := range []string{rows, link, mapping} {
		if r := typed(t, "", "load", dir, rows, "--map", mapping, "--errors", errs); r.code != 3 || !strings.Contains(r.err, "would lose it") {
			t.Errorf("--errors %s: exit %d: %s", filepath.Base(errs), r.code, r.err)
		}
	}
	for path, text := range texts {
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%s is not what it was (%v)", filepath.Base(path), err)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is there (%v)", err)
	}
}

// Names of a file's columns cannot move the cursor, in whatever message.
func TestErrorsAreTame(t *testing.T) {
	at := t.TempDir()
	rows, mapping := filepath.Join(at, "till.csv"), filepath.Join(at, "map.yaml")
	for path, text := range map[string]string{rows: "when,a\x1b[31mb\n1,2\n", mapping: tillMap} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := typed(t, "", "load", filepath.Join(at, "shop.kith"), rows, "--map", mapping)
	if r.code != 3 || strings.Contains(r.err, "\x1b") || !strings.Contains(r.err, `a\x1b[31mb`) {
		t.Errorf("exit %d: %q", r.code, r.err)
	}
}
