package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/source"
)

// rowsIn brings rows of CSV in through a mapping.
func rowsIn(t *testing.T, e *engine.Engine, mapping, text string) kith.Tally {
	t.Helper()
	m, err := source.Parse([]byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Open("rows", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.LoadRows(t.Context(), in, &engine.LoadOptions{Name: "rows", Source: m.Source(), Mapping: []byte(mapping)})
	if err != nil {
		t.Fatal(err)
	}
	return r.Tally
}

// What docs/mapping.md says of rows that come again is so.
func TestRowsThatComeAgain(t *testing.T) {
	const head, tail = "kith: 1\nsource: shop\nformat: csv\nperson: {user_id: who}\n", "rows:\n  - identify:\n    traits: [plan]\n"
	const may, june = "no,who,at,plan\n1,ada,2024-05-01,free\n1,ada,2024-05-01,free\n2,bob,2024-05-01,free\n", "no,who,at,plan\n2,bob,2024-06-01,pro\n3,eve,2024-06-01,free\n"
	for _, c := range []struct {
		name, lines, first, second string
		took                       int // calls that are new in the second file
		synthetic                  int
	}{
		{"a time and no id: the same file", "time: at\n", may, may, 0, 0},
		{"a time and no id: equal rows of a file are kept", "time: at\n", "no,who,at,plan\n", may, 3, 0},
		{"a time and no id: a longer file", "time: at\n", may, may + "1,ada,2024-05-01,free\n", 1, 0},
		{"a time and no id: one row of the file before", "time: at\n", may, "no,who,at,plan\n2,bob,2024-05-01,free\n", 0, 0},
		{"a time and no id: a row that changed", "time: at\n", may, june, 2, 0},
		{"an id: a row that changed", "id: no\n", "no,who,at,plan\n2,bob,,free\n", june, 1, 1},
		{"an id with the time: a row that changed", "id: [no, at]\n", "no,who,at,plan\n2,bob,2024-05-01,free\n", june, 2, 0},
		{"neither time nor id: told anew", "", may, may, 3, 0},
		{"the line: the same file", "id: line()\n", may, may, 0, 0},
		{"the line: rows at the end", "id: line()\n", may, may + "4,joe,,\n", 1, 0},
		{"the line: another file", "id: line()\n", may, june, 0, 2},
		{"the line: another file with its name", "id: [\"june\", line()]\n", "no,who,at,plan\n", june, 2, 0},
	} {
		e, err := engine.Open("", &engine.Options{NoSocket: true})
		if err != nil {
			t.Fatal(err)
		}
		rowsIn(t, e, head+c.lines+tail, c.first)
		got := rowsIn(t, e, head+c.lines+tail, c.second)
		rows := strings.Count(c.second, "\n") - 1
		if want := (kith.Tally{Received: rows, Accepted: c.took, Duplicate: rows - c.took}); got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
		if n := strings.TrimSpace(asked(t, e, "SELECT count(*) FROM rejects WHERE reason = 'synthetic'")); n != strconv.Itoa(c.synthetic) {
			t.Errorf("%s: %s synthetic duplicates, want %d", c.name, n, c.synthetic)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A trait is what the latest call said; one without a time is of the moment of its load.
func TestTraitsWithoutATime(t *testing.T) {
	const head, tail = "kith: 1\nsource: shop\nformat: csv\nperson: {user_id: who}\n", "rows:\n  - identify:\n    traits: [plan]\n"
	e, err := engine.Open("", &engine.Options{NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, c := range []struct{ time, plan, want string }{
		{"time: \"2024-05-01\"\n", "free", "free"},
		{"time: \"2023-05-01\"\n", "trial", "free"},
		{"", "pro", "pro"},
		{"time: \"2024-06-01\"\n", "basic", "pro"},
	} {
		rowsIn(t, e, head+c.time+tail, "who,plan\nada,"+c.plan+"\n")
		if got := strings.TrimSpace(asked(t, e, "SELECT plan FROM profiles")); got != c.want {
			t.Errorf("%s%s: the plan is %s, want %s", c.time, c.plan, got, c.want)
		}
	}
}
