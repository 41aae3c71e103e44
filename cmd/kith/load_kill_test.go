package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/enginetest/faults"
)

const faultyMapping = `kith: 1
source: faulty
format: csv
time: {column: at}
id: order
person:
  user_id: customer
  email: email(mail)
rows:
  - when: kind in ('order', 'return')
    track: "{kind}"
    properties: {total: number(total), country: country(country), note: note}
`

// faultKinds are what can be wrong with a row: its cells (at, order, customer,
// mail, kind, total, country, note), and the column and the reason that the
// error file must have for it.
var faultKinds = []struct {
	path, reason string
	spoil        func(cells []string) string // the row as text; empty: as its cells say
}{
	{"6 of 8", "bad_columns", func(c []string) string { return strings.Join(c[:6], ",") }},
	{"total", "bad_number", func(c []string) string { c[5] = "1O"; return "" }},
	{"at", "bad_date", func(c []string) string { c[0] = "2026-02-30"; return "" }},
	{"order", "bad_id", func(c []string) string { c[1] = ""; return "" }},
	{"", "no_identity", func(c []string) string { c[2], c[3] = "", ""; return "" }},
	{"mail", "bad_email", func(c []string) string { c[3] = "nobody"; return "" }},
	{"", "no_rule", func(c []string) string { c[4] = "visit"; return "" }},
	{"country", "bad_country", func(c []string) string { c[6] = "Atlantis"; return "" }},
	{"", "bad_utf8", func(c []string) string { c[7] = "caf\xe9"; return "" }},
	{"", "bad_quotes", func(c []string) string { return `"` + c[0] + `"x,` + strings.Join(c[1:], ",") }},
	{"", "too_large", func(c []string) string { c[7] = strings.Repeat("x", 1<<20); return "" }},
}

// complaint is a line of the error file.
type complaint struct{ line, path, reason string }

// faultyRows writes n rows, of which one in a hundred has a fault, and tells
// what must be complained of, and how many are right. A row that is too large
// takes a megabyte, so there are few of them.
func faultyRows(t *testing.T, file string, n int, seed uint64) (want []complaint, right int) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "at,order,customer,mail,kind,total,country,note")
	r, line := rand.New(rand.NewPCG(seed, 1)), 2
	for i := range n {
		cells := []string{fmt.Sprintf("2026-01-%02dT%02d:00:00Z", i%28+1, i%24), fmt.Sprint("o", i), fmt.Sprint("c", r.IntN(n/5)), fmt.Sprintf("p%d@example.org", r.IntN(n/5)),
			[]string{"order", "return"}[i%7/6], fmt.Sprintf("%d.5", i%90), []string{"France", "DE"}[i%2], "fine"}
		text, lines := "", 1
		if i%100 == 37 {
			k := i / 100 % (len(faultKinds) - 1)
			if i/100%1000 == 50 {
				k = len(faultKinds) - 1
			}
			text = faultKinds[k].spoil(cells)
			want = append(want, complaint{strconv.Itoa(line), faultKinds[k].path, faultKinds[k].reason})
		} else {
			right++
			if i%500 == 3 {
				cells[7], lines = "\"two\nlines\"", 2
			}
		}
		if text == "" {
			text = strings.Join(cells, ",")
		}
		fmt.Fprintln(w, text)
		line += lines
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return want, right
}

// A load that is killed again and again ends as one that was not: every row that
// is right is there once, every other one is in the error file with its line,
// column and reason. KITH_PROVE=1: a million rows and ten kills.
func TestAKilledLoadEndsAsOneThatWasNot(t *testing.T) {
	const argsEnv = "KITH_TEST_ARGS"
	if faults.Child() {
		engine.Point = faults.Point
		os.Exit(Run(strings.Split(os.Getenv(argsEnv), "\n"), os.Stdin, os.Stdout, os.Stderr))
	}
	rows, kills := 20_000, 3
	if os.Getenv("KITH_PROVE") == "1" {
		rows, kills = 1_000_000, 10
	}
	seed := uint64(time.Now().UnixNano()) % 1_000_000
	if text := os.Getenv("KITH_SEED"); text != "" {
		fmt.Sscan(text, &seed)
	}
	t.Logf("KITH_SEED=%d", seed)
	base := t.TempDir()
	path := func(name string) string { return filepath.Join(base, name) }
	want, right := faultyRows(t, path("rows.csv"), rows, seed)
	if err := os.WriteFile(path("map.yaml"), []byte(faultyMapping), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"load", path("p.kith"), path("rows.csv"), "--map", path("map.yaml"), "--errors", path("errors.csv")}
	r, killed, began := rand.New(rand.NewPCG(seed, 2)), 0, time.Now()
	for killed < kills {
		point := []string{"before-commit", "after-commit", "published"}[r.IntN(3)]
		turn := 2 + r.IntN(max(rows/2000/kills, 1)) // of up to 2,000 rows each
		d := faults.Start(t, t.Name(), argsEnv+"="+strings.Join(args, "\n"), faults.CrashAt(point, turn)).Wait()
		if !d.Killed {
			t.Fatalf("it ended with %d before its kill %d: %s", d.Code, killed+1, d.Output)
		}
		killed++
	}
	var out strings.Builder
	if code := Run(args, strings.NewReader(""), io.Discard, &out); code != 0 {
		t.Fatalf("the last ends with %d: %s", code, out.String())
	}
	t.Logf("%d rows, %d kills, %s in all; the last says: %.200s", rows, killed, time.Since(began).Round(time.Millisecond), out.String())
	got := complaints(t, path("errors.csv"))
	if len(got) != len(want) {
		t.Errorf("%d rows in the error file, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("complaint %d is %v, want %v", i, got[i], want[i])
		}
	}
	answer := func(query string) string {
		var out, errs strings.Builder
		if code := Run([]string{"sql", path("p.kith"), query, "--format", "csv"}, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatalf("%s: %s", query, errs.String())
		}
		_, body, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
		return body
	}
	if got, want := answer("SELECT count(*), count(DISTINCT message_id), count(DISTINCT load) FROM events"), fmt.Sprintf("%d,%d,1", right, right); got != want {
		t.Errorf("events, ids, loads: %s, want %s", got, want)
	}
	if got, want := answer("SELECT load, received, accepted, rejected, duplicate FROM loads"), fmt.Sprintf("1,%d,%d,%d,0", rows, right, len(want)); got != want {
		t.Errorf("the load says %s, want %s", got, want)
	}
	if code := Run([]string{"check", path("p.kith")}, strings.NewReader(""), io.Discard, &out); code != 0 {
		t.Errorf("check: %s", out.String())
	}
	if code := Run(args, strings.NewReader(""), io.Discard, &out); code != 0 {
		t.Errorf("once more: %s", out.String())
	}
	if got := answer("SELECT count(*) FROM events"); got != strconv.Itoa(right) {
		t.Errorf("once more makes %s events of %d", got, right)
	}
}

func complaints(t *testing.T, file string) []complaint {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []complaint
	for _, r := range rows[1:] {
		out = append(out, complaint{r[0], r[1], r[2]})
	}
	return out
}
