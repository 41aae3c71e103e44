package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// result is what one command line did.
type result struct {
	code     int
	out, err string
}

// typed runs a command line in this process, at a fixed instant of receiving.
func typed(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return typedCtx(t, t.Context(), stdin, args...)
}

func typedCtx(t *testing.T, ctx context.Context, stdin string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := run(ctx, args, strings.NewReader(stdin), &out, &err)
	return result{code, out.String(), err.String()}
}

// must is typed that has to succeed; it gives what was written to standard output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := typed(t, "", args...)
	if r.code != 0 {
		t.Fatalf("kith %s: exit %d: %s", args[0], r.code, r.err)
	}
	return r.out
}

// shop makes a directory from testdata/shop.ndjson.
func shop(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop.kith")
	must(t, "load", dir, "testdata/shop.ndjson", "--now", "2026-02-01T00:00:00Z")
	return dir
}

// changing is what differs from one run to the next.
var changing = []struct {
	is  *regexp.Regexp
	say string
}{
	{regexp.MustCompile(`\b[a-z2-7]{26}\b`), "PUBLIC"},
	{regexp.MustCompile(`in [0-9.]+(µs|ms|s) \([0-9,]+/s\)`), "in TIME (RATE/s)"},
	{regexp.MustCompile(`"seconds": "[0-9.]+"`), `"seconds": "TIME"`},
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got, dir string) {
	t.Helper()
	got = strings.ReplaceAll(got, dir, "DIR")
	for _, c := range changing {
		got = c.is.ReplaceAllString(got, c.say)
	}
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

// script is what a person types first, and sees.
var script = [][]string{
	{"load", "DIR", "testdata/shop.ndjson", "--now", "2026-02-01T00:00:00Z"},
	{"load", "DIR", "testdata/shop.ndjson", "--strict", "--json", "--now", "2026-02-01T00:00:00Z"},
	{"profile", "DIR", "email=ada@example.org"},
	{"profile", "--json", "DIR", "user_id=u1"},
	{"profile", "DIR", "user_id=nobody-secret"},
	{"profile", "DIR", "nobody-secret"},
	{"find", "DIR", "ADÁ", "exmaple"},
	{"find", "--json", "DIR", "ada", "--limit", "1"},
	{"find", "DIR", "nobody-secret"},
	{"find", "DIR", "?"},
	{"find", "DIR", "nobody-secret", "--limit", "0"},
	{"sql", "DIR", "SELECT user, total FROM (SELECT 'x' AS user, sum(properties.total) AS total FROM events WHERE name = ?)", "Order Completed"},
	{"sql", "DIR", "SELECT name, ts, properties.total AS total, properties.label AS label FROM events ORDER BY seq", "--format", "table"},
	{"sql", "DIR", "SELECT name, ts, properties.total AS total, properties.label AS label FROM events ORDER BY seq", "--format", "csv"},
	{"sql", "DIR", "SELECT name, ts, properties.total AS total, properties.label AS label FROM events ORDER BY seq", "--format", "json"},
	{"sql", "DIR", "SELECT name, ts, properties.total AS total, properties.label AS label FROM events ORDER BY seq", "--format", "ndjson"},
	{"sql", "DIR", "SELECT name, ts, properties.total AS total, properties.label AS label FROM events ORDER BY seq", "--format", "markdown"},
	{"sql", "DIR", "SELECT 1 AS a, NULL AS b WHERE false", "--json"},
	{"sql", "DIR", "SELEC 1"},
	{"rejects", "DIR"},
	{"rejects", "DIR", "--count", "--json"},
	{"rejects", "DIR", "--reason", "bad_json", "--load", "1", "--original", "--limit", "1", "--format", "ndjson"},
	{"clock", "DIR", "data"},
	{"clock", "DIR", "2026-03-01T00:00:00Z", "--json"},
	{"clock", "DIR", "2026-02-01T00:00:00Z"},
	{"clock", "DIR", "soon"},
	{"rules", "show", "DIR"},
	{"rules", "diff", "DIR", "testdata/rules.json"},
	{"rules", "set", "DIR", "testdata/rules.json"},
	{"rules", "diff", "DIR", "testdata/rules.json"},
	{"stats", "DIR.not"},
}

func TestWhatPeopleType(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop.kith")
	var all strings.Builder
	for _, args := range script {
		line := strings.Join(args, " ")
		args = append([]string{}, args...)
		for i, s := range args {
			args[i] = strings.ReplaceAll(s, "DIR", dir)
		}
		r := typed(t, "", args...)
		all.WriteString("$ kith " + line + "\n" + r.out)
		if r.err != "" {
			all.WriteString("--- stderr\n" + r.err)
		}
		if r.code != 0 {
			fmt.Fprintf(&all, "--- exit %d\n", r.code)
		}
		all.WriteString("\n")
		if strings.Contains(r.err, "nobody-secret") {
			t.Errorf("kith %s repeats what was typed", args[0])
		}
	}
	golden(t, "script.golden", all.String(), dir)
}

// reading are the reading command lines; each answers the same with and without
// another process that owns the directory.
var reading = [][]string{
	{"profile", "DIR", "email=ada@example.org"},
	{"profile", "DIR", "email=ada@example.org", "--json"},
	{"profile", "DIR", "email=nobody@example.org"},
	{"sql", "DIR", "SELECT * FROM events ORDER BY seq", "--json"},
	{"sql", "DIR", "SELECT * FROM profiles ORDER BY id", "--format", "table"},
	{"sql", "DIR", "SELECT * FROM identifiers ORDER BY fragment", "--format", "csv"},
	{"sql", "DIR", "SELECT * FROM decisions ORDER BY seq", "--format", "ndjson"},
	{"sql", "DIR", everyType, "--json"},
	{"sql", "DIR", "SELECT count(*) FROM events WHERE name = ? AND properties.total > ?", "Order Completed", "50"},
	{"sql", "DIR", "SELECT nothing FROM events"},
	{"sql", "DIR", "SELECT error('half way') FROM range(3)"},
	{"sql", "DIR", "CREATE TABLE x (a INT)"},
	{"rejects", "DIR", "--original", "--json"},
	{"clock", "DIR"},
	{"rules", "show", "DIR"},
	{"rules", "diff", "DIR", "testdata/rules.json"},
	{"find", "DIR", "ada exmaple"},
	{"find", "DIR", "ada", "--json"},
}

const everyType = `SELECT 9223372036854775807 AS big, 18446744073709551615::UBIGINT AS ubig, 170141183460469231731687303715884105727::HUGEINT AS huge,
 12345678901234567890123456789.123456789::DECIMAL(38,9) AS dec, -0.5::DECIMAL(4,2) AS half, 0.1::DOUBLE AS d, 'nan'::DOUBLE AS nan, 1.5::FLOAT AS f, true AS t, NULL AS none,
 'a"b\c' || chr(10) || 'é' AS s, TIMESTAMP '2026-01-02 03:04:05.678901' AS ts, DATE '1969-12-31' AS da, TIME '01:02:03' AS ti,
 TIMESTAMPTZ '2026-01-02 03:04:05+02' AS tz, INTERVAL '14 months 3 days 1 second' AS iv, '\x00\xFFa'::BLOB AS bl, 'a36dada6-8f95-4aaf-8637-a05f289d717e'::UUID AS u,
 [1.50, NULL]::DECIMAL(5,2)[] AS l, {'z': 1.10::DECIMAL(5,2), 'a b': [TIMESTAMP '2026-01-01']} AS st, MAP {'k': 9007199254740993} AS m, 'x'::ENUM('x', 'y') AS en, '101'::BIT AS bits`

func TestOtherProcessAnswersTheSame(t *testing.T) {
	dir := shop(t)
	e, err := engine.Open(dir, &engine.Options{Now: func() time.Time { return time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() []result {
		var out []result
		for _, args := range reading {
			args = append([]string{}, args...)
			args[1] = strings.ReplaceAll(args[1], "DIR", dir)
			if args[0] == "rules" {
				args[2] = strings.ReplaceAll(args[2], "DIR", dir)
			}
			out = append(out, typed(t, "", args...))
		}
		return out
	}
	must(t, "clock", dir, "data")
	through := ask()
	if err := e.Linger(t.Context()); err != nil || e.Served() != 0 {
		t.Errorf("Served = %d after every command has ended, want 0 (%v)", e.Served(), err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for i, direct := range ask() {
		if through[i] != direct {
			t.Errorf("kith %s\nthrough the socket: %+v\ndirect: %+v", strings.Join(reading[i], " "), through[i], direct)
		}
	}
	if got := through[7].out; !strings.Contains(got, `"dec":12345678901234567890123456789.123456789`) {
		t.Errorf("a decimal lost digits: %s", got)
	}
}
