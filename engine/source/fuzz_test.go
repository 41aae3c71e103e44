package source

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, name := range []string{"../../docs/examples/online-retail/map.yaml", "../../docs/mapping.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(plainMap))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err == nil && m.format.kind == "csv" {
			if in, err := m.Open("fuzz", strings.NewReader("id,x\n1,2\n")); err == nil {
				drain(t, in)
			}
		}
	})
}

func FuzzExpr(f *testing.F) {
	for _, s := range []string{"a * b + 1", "empty(x) and y in ('a', 2)", "`a b` & 'c'", "lookup(x, 'a' = 'b', 'c')", "not (a <> -1.5)", "part(x, ';', -1)", "time(x, 'DD.MM.YYYY', 'UTC')"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		for _, parse := range []func(string) (*expr, error){parseExpr, parseTemplate} {
			e, err := parse(src)
			if err != nil {
				continue
			}
			if e, err = e.bind(func(string) (int, error) { return 0, nil }); err != nil {
				continue
			}
			r := &row{in: (&Mapping{}).input(), fields: [][]byte{[]byte("12.5")}}
			r.bytes(e.eval(r))
		}
	})
}

func FuzzValues(f *testing.F) {
	for _, s := range []string{"Ada@Example.org", "+33612345678", "$1,234.50", "2024-05-06 10:15", "Ada Lovelace", "İ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, x string) {
		if utf8.ValidString(x) && len(x) < 500 {
			twiceIs(t, x)
		}
	})
}

// FuzzReaders gives the same bytes to every reader.
func FuzzReaders(f *testing.F) {
	f.Add([]byte("id,x\n1,\"a\nb\"\n2,\"c\"\"d\"\n\"3,\n"))
	f.Add([]byte(`[{"id":1,"x":[{"a":"]"}]},{"id":2}]`))
	f.Add([]byte("{\"id\":1,\"x\":\"\\u00e9\\\"\"}\n{\"id\":{\"a\":null}}\n"))
	f.Add([]byte(`83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 200 203023 "-" "Mozilla \"x\""`))
	f.Add(parquetFile(f))
	f.Add([]byte("PAR1\x15\x00\x15\x00PAR1"))
	var inputs []*Mapping
	for _, format := range []string{"csv", "{type: csv, encoding: utf-16, columns: [id, x]}", "ndjson", "json", "parquet"} {
		m, err := Parse([]byte(strings.Replace(plainMap, "format: csv", "format: "+format, 1)))
		if err != nil {
			f.Fatal(err)
		}
		inputs = append(inputs, m)
	}
	m, err := Parse([]byte("kith: 1\nformat: log\nperson: {anonymous_id: host}\nrows:\n  - page: \"{path}\"\n    properties: all\n"))
	if err != nil {
		f.Fatal(err)
	}
	inputs = append(inputs, m)
	if m, err = Parse([]byte("kith: 1\nformat: ndjson\nperson: {user_id: id, device_id: [x.0, x.1.a]}\nrows:\n  - track: E\n    properties: [all, x.0.a, x.1.0]\n")); err != nil {
		f.Fatal(err)
	}
	inputs = append(inputs, m)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, m := range inputs {
			if in, err := m.Open("fuzz", bytes.NewReader(text)); err == nil {
				drain(t, in)
			}
		}
		Propose("fuzz", bytes.NewReader(text)) // an error is as good as a mapping
	})
}

// drain maps a whole input; every call is JSON, every row accounted for.
func drain(t *testing.T, in *Input) {
	for {
		piece, line, err := in.Next()
		if err != nil {
			return
		}
		refused, taken := 0, map[int64]bool{}
		rows, left := in.Map(piece, line, func(line int64, call []byte) {
			if taken[line] = true; !json.Valid(call) {
				t.Fatalf("line %d: no JSON: %s", line, call)
			}
		}, func(int64, string, string, []byte) { refused++ })
		if rows != refused+left+len(taken) {
			t.Fatalf("%d rows, %d refused, %d left out, %d taken", rows, refused, left, len(taken))
		}
	}
}
