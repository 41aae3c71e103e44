package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/storage/bitmap"
)

// Statements that begin with our words are carried out before DuckDB sees them.
func TestStatementsOfSegments(t *testing.T) {
	dir := shop(t)
	for _, c := range []struct {
		text, out, err string
	}{
		{"CREATE SEGMENT buyers AS EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed');", "", "buyers: version 1, "},
		{"\n-- again\ncreate or replace segment \"buyers\" as\n  EXISTS (SELECT 1 FROM events\n  WHERE name = 'Order Completed' AND properties.total > 1)", "", "buyers: version 2, "},
		{"CREATE SEGMENT bad AS\n  country == 'FR'", "", "line 2, column 11: == is not part of the language of segments: use =\n    country == 'FR'\n            ^"},
		{"EXPLAIN SEGMENT buyers", "answered in this order:", ""},
		{"explain segment in_segment('buyers') AND known", "in_segment('buyers') AND known\n", ""},
		{"SHOW SEGMENTS", "buyers,2,", ""},
		{"/* ours /* and nested */ */ EXPLAIN /* it */ SEGMENT -- by name\n buyers -- as it is", "answered in this order:", ""},
		{"/* x */ CREATE SEGMENT /* y */ \"buyers\" AS /* é */ nobody == 'a /* b'", "", "line 1, column 59: == is not part"},
		{"/* x */ DROP SEGMENT IF EXISTS never;", "", ""},
		{"DROP SEGMENT never", "", "segment never: not found"},
		{"CREATE SEGMENT \"--\" AS TRUE", "", "a name has"},
		{"DROP SEGMENT if", "", "segment if: not found"},
		{"SELECT in_segment('nope', id) FROM profiles", "", "segment nope: not found"},
		{"SELECT 'DROP SEGMENT IF EXISTS buyers' AS /* x */ is", "DROP SEGMENT", ""},
		{"/* the same */ SELECT count(*) = 1 AS is FROM segments", "true", ""},
		{"CREATE SEGMENT buyers", "", "write CREATE SEGMENT name AS condition"},
		{"DROP SEGMENT buyers also", "", "write CREATE SEGMENT name AS condition"},
		{"DROP /* now */ SEGMENT IF EXISTS buyers -- gone", "", ""},
		{"EXPLAIN SEGMENT buyers", "", "buyers"},
		{"EXPLAIN SELECT 1", "", ""},
	} {
		r := typed(t, "", "sql", dir, c.text)
		if !strings.Contains(r.out, c.out) || !strings.Contains(r.err, c.err) || (r.code == 0) != (c.err == "" || strings.HasPrefix(c.err, "buyers: ")) {
			t.Errorf("%s\n%+v, want %q and %q", c.text, r, c.out, c.err)
		}
	}
}

func TestExportAndWaterfall(t *testing.T) {
	dir := shop(t)
	file := filepath.Join(t.TempDir(), "known.roaring")
	must(t, "segment", "export", dir, "known", "-o", file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := bitmap.ParseSet(b)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(typed(t, "", "sql", dir, "SELECT id FROM profiles WHERE known ORDER BY id").out)[1:]
	var got []string
	for id := range s.All() {
		got = append(got, group(int64(id)))
	}
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("the file has %v, want %v", got, want)
	}
	r := typed(t, "", "segment", "waterfall", dir, "known", "TRUE", "known OR NOT known", "--json")
	all := strings.Fields(typed(t, "", "sql", dir, "SELECT count(*) - count(*) FILTER (known) AS a, count(*) FILTER (known) AS b FROM profiles").out)
	parts := strings.Split(all[1], ",")
	if want := "[" + parts[1] + "," + parts[0] + ",0]"; strings.Join(strings.Fields(r.out), "") != want {
		t.Errorf("the waterfall is %s, want %s", r.out, want)
	}
}
