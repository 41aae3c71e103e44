package source

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// mapText maps a text and writes down what comes out.
func mapText(t testing.TB, mapping, input string) string {
	t.Helper()
	m, err := Parse([]byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Open("input", strings.NewReader(input))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for {
		piece, line, err := in.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		in.Map(piece, line, func(_ int64, call []byte) {
			fmt.Fprintf(&out, "%s\n", call)
		}, func(line int64, code, path string, _ []byte) {
			fmt.Fprintf(&out, "%s\n", strings.TrimSpace(fmt.Sprintf("line %d %s %s", line, code, path)))
		})
	}
}

var (
	block   = regexp.MustCompile("(?s)```(yaml|csv|ndjson|log|json)\n(.*?)```")
	example = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\|")
)

// Every example of the page does what the page says.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	var mapping, input string
	maps, compared := 0, 0
	for _, b := range block.FindAllStringSubmatch(string(page), -1) {
		switch b[1] {
		case "yaml":
			mapping = b[2]
			if _, err := Parse([]byte(mapping)); err != nil {
				t.Error(err)
			}
			maps++
		case "csv", "ndjson", "log":
			input = b[2]
		case "json":
			if got := mapText(t, mapping, input); got != b[2] {
				t.Errorf("got\n%s\nwant\n%s", got, b[2])
			}
			compared++
		}
	}
	if maps != 4 || compared != 4 {
		t.Errorf("%d mappings, %d compared", maps, compared)
	}
}

// evaluate gives what an expression without columns comes to.
func evaluate(t testing.TB, src string) (value, *row) {
	t.Helper()
	e, err := parseExpr(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	e, err = e.bind(func(name string) (int, error) { return 0, fmt.Errorf("column %s", name) })
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	r := &row{in: (&Mapping{}).input()}
	return e.eval(r), r
}

// Every function on the page gives what stands beside it, and every function
// there is stands on the page.
func TestDocsFunctions(t *testing.T) {
	page, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, m := range example.FindAllStringSubmatch(string(page), -1) {
		name, _, call := strings.Cut(m[1], "(")
		if !call {
			continue
		}
		seen[name] = true
		v, r := evaluate(t, m[1])
		got, want := string(r.bytes(v)), m[2]
		if cut, ok := strings.CutSuffix(want, "…"); ok {
			want, got = cut, got[:min(len(got), len(cut))]
		}
		if got != want || r.code != "" {
			t.Errorf("%s gives %q %s, want %q", m[1], got, r.code, want)
		}
	}
	for name := range functions {
		if !seen[name] && name != "env" {
			t.Errorf("%s is not on the page", name)
		}
	}
}
