package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kithdb/kith"
	"github.com/parquet-go/parquet-go"
)

const plainMap = "kith: 1\nsource: s\nformat: csv\nperson: {user_id: id}\nrows:\n  - track: E\n    properties: {x: x}\n"

// A mapping that cannot be read is refused with its line and what would be right.
func TestParseErrors(t *testing.T) {
	base := "kith: 1\nformat: csv\nperson: {user_id: id}\nrows:\n  - track: E\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "line 1"},
		{"no version", "format: csv\n", "kith: 1 is missing"},
		{"another version", "kith: 2\n", "line 1: invalid: this reads version 1"},
		{"an unknown key", base + "rowz: 1\n", `line 6: invalid: "rowz" means nothing in a mapping; there may be kith, source`},
		{"another document", base + "---\nrowz: 1\n", "line 6: invalid: a mapping is one document"},
		{"a key twice", base + "kith: 1\n", `line 6: invalid: "kith" stands there twice`},
		{"no format", "kith: 1\n", "format is missing: csv, ndjson"},
		{"an unknown format", "kith: 1\nformat: xls\n", "line 2: invalid: format is one of csv"},
		{"no person", "kith: 1\nformat: csv\n", "person is missing"},
		{"an unknown space", "kith: 1\nformat: csv\nperson: {emial: mail}\n", `line 3: invalid: "emial" means nothing in person`},
		{"everybody one person", "kith: 1\nformat: csv\nperson:\n  user_id: \"id\"\n", "line 4: invalid: user_id: \"id\" is the same in every row"},
		{"a condition that is none", base + "except: status\n", "a condition is needed"},
		{"an open bracket", base + "except: (a = 'b'\n", `character 9: it ends where there should be )`},
		{"an unknown function", base + "except: emty(a)\n", "there is no function emty; did you mean empty"},
		{"two signs for equal", base + "except: a == 'b'\n", "character 3: equal is one ="},
		{"two signs for and", base + "except: a = 'b' && c = 'd'\n", "it is written and"},
		{"a text without quotes", base + "id: order-{a}\n", "stands in double quotes"},
		{"too many arguments", base + "except: empty(a, b)\n", "it is written empty(x)"},
		{"a layout", base + "time: {column: a, layout: yyyy}\n", "line 6: invalid: a layout is iso"},
		{"a zone", base + "time: {column: a, zone: Mars/Olympus}\n", `the zone "Mars/Olympus" is not known`},
		{"a pattern", base + "except: matches(a, '(')\n", "the regular expression cannot be read"},
		{"two calls in one part", base + "    identify:\n", "track and identify in one part"},
		{"a part that nothing reaches", base + "  - track: F\n", "nothing reaches this one"},
		{"an alias of YAML", base + "except: *a\n", "unknown anchor 'a' referenced; a value that begins"},
		{"a backtick at the beginning", base + "time: `a b`\n", `is written "{…}"`},
		{"a member twice", base + "    properties: {a: b, a: c}\n", `"a" stands there twice`},
		{"a column twice in a list", base + "    properties: [a, a]\n", `line 6: invalid: "a" stands there twice`},
		{"a comma inside braces", base + "time: {column: coalesce(a, b)}\n", `"b)" means nothing in time; there may be column, layout, zone; inside {} and [] a comma ends a value`},
		{"a blank after a colon", base + "    properties:\n      a: part(a, ': ', 1)\n", `or that has ": "`},
		{"a layout without a year", base + "time: {column: a, layout: DD/MM}\n", `with a year, a month and a day`},
		{"properties of an identify", "kith: 1\nformat: csv\nperson: {user_id: id}\nrows:\n  - identify:\n    properties: {a: b}\n", "identify has traits, not properties"},
	} {
		_, err := Parse([]byte(c.text))
		if !errors.Is(err, kith.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// What is wrong with a file as a whole is told when it is opened.
func TestOpenErrors(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, c := range []struct {
		name, mapping string
		file          io.Reader
		want          string
	}{
		{"an empty file", plainMap, strings.NewReader(""), "the file is empty"},
		{"an unknown column", plainMap, strings.NewReader("id,a,xx\n1,2,3\n"), `there is no column "x"; a text stands in quotes: "x". The columns are: a, xx, id`},
		{"no header", plainMap, strings.NewReader("7,Ada,ada@example.org\n"), `no column "id", and the first row seems to be data: a file without names of columns needs format: {type: csv, columns: [...]}`},
		{"CR alone", plainMap, strings.NewReader("id,x\r1,2\r"), "end with CR alone"},
		{"a text that is a column", strings.Replace(plainMap, "x: x", `x: "x"`, 1), strings.NewReader("id,x\n1,2\n"), "without quotes it is the column"},
		{"a directory", plainMap, dir, "is a directory"},
		{"latin letters in the header", plainMap, strings.NewReader("id,x\xe9\n1,2\n"), "encoding: windows-1252"},
		{"a file that breaks off", plainMap, iotest.ErrReader(errors.New("torn wire")), "torn wire"},
		{"no Parquet", strings.Replace(plainMap, "csv", "parquet", 1), strings.NewReader("id,x\n"), "not Parquet"},
	} {
		m, err := Parse([]byte(c.mapping))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Open("a file", c.file); !errors.Is(err, kith.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func wantCall(id, x string) string {
	return fmt.Sprintf(`{"type":"track","event":"E","userId":"%s","properties":{"x":"%s"}}`, id, x)
}

// Each way of writing a file comes to the same two calls.
func TestFormats(t *testing.T) {
	want := wantCall("1", "é, 2") + "\n" + wantCall("2", `a\"b\nc`) + "\n"
	for _, c := range []struct{ name, format, text string }{
		{"plain", "csv", "id,x\n1,\"é, 2\"\n2,\"a\"\"b\nc\"\n"},
		{"no line end at the end", "csv", "id,x\n1,\"é, 2\"\n2,\"a\"\"b\nc\""},
		{"CRLF and a mark", "csv", "\ufeffid,x\r\n1,\"é, 2\"\r\n2,\"a\"\"b\nc\"\r\n"},
		{"semicolons", "csv", "id;x\n1;é, 2\n2;\"a\"\"b\nc\"\n"},
		{"tabs and blank lines", "csv", "\nid\tx\n\n1\té, 2\n2\t\"a\"\"b\nc\"\n\n"},
		{"bars", "csv", "id|x\n1|é, 2\n2|\"a\"\"b\nc\"\n"},
		{"windows-1252", "{type: csv, encoding: windows-1252}", "id;x\n1;\xe9, 2\n2;\"a\"\"b\nc\"\n"},
		{"latin-1", "{type: csv, encoding: latin-1}", "id;x\n1;\xe9, 2\n2;\"a\"\"b\nc\"\n"},
		{"columns given", "{type: csv, columns: [id, x]}", "1;é, 2\n2;\"a\"\"b\nc\"\n"},
		{"words for nothing", "{type: csv, empty: [NA], delimiter: ','}", "id,x,y\n1,\"é, 2\",NA\n2,\"a\"\"b\nc\",3\n"},
		{"ndjson", "ndjson", "{\"id\":\"1\",\"x\":\"\\u00e9, 2\"}\n\n {\"x\":\"a\\\"b\\nc\",\"id\":2}\n"},
		{"json", "json", "[\n {\"id\":1,\n\"x\":\"é, 2\"} , {\"x\":\"a\\\"b\\nc\",\"id\":\"2\"}\n]\n"},
	} {
		mapping := strings.Replace(strings.Replace(plainMap, "source: s\n", "", 1), "format: csv", "format: "+c.format, 1)
		if got := mapText(t, mapping, c.text); got != want {
			t.Errorf("%s: got\n%swant\n%s", c.name, got, want)
		}
	}
}

// What is empty is left out of all, too; what JSON nests stays as it is.
func TestAllOfJSON(t *testing.T) {
	mapping := "kith: 1\nsource: s\nformat: {type: ndjson, empty: [NA]}\nid: id\nperson: {user_id: id}\nrows:\n  - track: E\n    properties: [all, b: \"two\"]\n"
	got := mapText(t, mapping, `{"id":1,"a":{"x":[1,{"y":2}],"z":null},"b":3,"c":"","d":" ","e":"NA","f":null,"g":false}`+"\n")
	want := `{"type":"track","event":"E","messageId":"s:1","userId":"1","properties":{"b":"two","id":1,"a":{"x":[1,{"y":2}],"z":null},"g":false}}` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Elements of arrays have their numbers for names.
func TestElementsOfJSON(t *testing.T) {
	mapping := "kith: 1\nsource: s\nformat: ndjson\nid: id\nperson: {user_id: id, device_id: [d.0, d.1, d.2]}\nrows:\n  - track: E\n    properties: {a: l.0.c, b: l.1.c.0, c: l.1.c.1.x, d: l.2, e: l.10, f: l, g: m.0}\n"
	got := mapText(t, mapping, `{"id":1,"l":[ {"c":"x"}, {"c":[ -2.50 ,{"x":true}]} , "]"],"m":[],"d":["p","q"]}`+"\n"+`{"id":2,"l":{"0":{"c":5}},"m":[[1]]}`+"\n"+`{"id":3,"l":[null],"m":7}`+"\n")
	want := `{"type":"track","event":"E","messageId":"s:1","userId":"1","properties":{"a":"x","b":-2.50,"c":true,"d":"]","f":[ {"c":"x"}, {"c":[ -2.50 ,{"x":true}]} , "]"]},"context":{"device":{"id":"p"},"externalIds":[{"id":"q","type":"device_id"}]}}
{"type":"track","event":"E","messageId":"s:2","userId":"2","properties":{"a":5,"f":{"0":{"c":5}},"g":[1]}}
{"type":"track","event":"E","messageId":"s:3","userId":"3","properties":{"f":[null]}}
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// UTF-16 with its mark is read.
func TestUTF16(t *testing.T) {
	text := "id\tx\n1\té\n"
	wide := []byte{0xff, 0xfe}
	for _, c := range text {
		wide = append(wide, byte(c), byte(c>>8))
	}
	if got, want := mapText(t, plainMap, string(wide)), wantCall("1", "é")+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A bad row is refused alone, in its line.
func TestBadRows(t *testing.T) {
	long := strings.Repeat("y", mostRow)
	text := "id,x\n1,a\n2\n3,\xff\n4,\"b\"c\n5,\"open\n6,d\n7," + long + "\n,e\n8,\"two\nlines\"\n9,f\n"
	want := wantCall("1", "a") + "\nline 3 bad_columns 1 of 2\nline 4 bad_utf8\nline 5 bad_quotes\nline 6 bad_quotes\n" + wantCall("6", "d") +
		"\nline 8 too_large\nline 9 no_identity\n" + wantCall("8", `two\nlines`) + "\n" + wantCall("9", "f") + "\n"
	if got := mapText(t, plainMap, text); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	lines := strings.Replace(plainMap, "csv", "ndjson", 1)
	if got, want := mapText(t, lines, "{\"id\":1}\n{\n[1]\n{\"id\":\"\xff\"}\n{\"id\":[2]}\n{\"id\":3}"),
		`{"type":"track","event":"E","userId":"1"}`+"\nline 2 bad_json\nline 3 not_an_object\nline 4 bad_utf8\nline 5 bad_id id\n"+`{"type":"track","event":"E","userId":"3"}`+"\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An array that breaks off gives what stood before, then an error.
func TestArrayBreaksOff(t *testing.T) {
	for text, want := range map[string]string{
		`[{"id":1}, {"id":`: "cut off after element 1", `[{"id":1}, 7]`: "after element 1 there is something else",
		`{"id":1}`: "format: ndjson", `[{"id":1}] x`: "something else", ``: "does not end",
	} {
		m, err := Parse([]byte(strings.Replace(plainMap, "csv", "json", 1)))
		if err != nil {
			t.Fatal(err)
		}
		in, err := m.Open("a file", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		piece, line, err := in.Next()
		if strings.HasPrefix(text, "[") {
			if err != nil || line != 1 || string(piece) != "{\"id\":1}\n" {
				t.Errorf("%s: %q %d %v", text, piece, line, err)
			}
			_, _, err = in.Next()
		}
		if !errors.Is(err, kith.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// The same rows come out however the reader hands them over, and a kept piece
// comes to the same through its head.
func TestPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	text.WriteString("id,x\n")
	for i := range 30000 {
		switch rng.IntN(6) {
		case 0:
			fmt.Fprintf(&text, "%d,\"%s\n%s\"\n", i, strings.Repeat("a", rng.IntN(40)), strings.Repeat("\"\"", rng.IntN(3)))
		case 1:
			fmt.Fprintf(&text, "%d,\"o\"pen\n", i)
		default:
			fmt.Fprintf(&text, "%d,%d\r\n", i, rng.IntN(100))
		}
	}
	m, err := Parse([]byte(plainMap))
	if err != nil {
		t.Fatal(err)
	}
	whole := mapText(t, plainMap, text.String())
	in, err := m.Open("a file", iotest.HalfReader(strings.NewReader(text.String())))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	pieces := 0
	for {
		piece, line, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		pieces++
		again, err := m.Reopen(in.Head())
		if err != nil {
			t.Fatal(err)
		}
		again.Map(piece, line, func(_ int64, call []byte) { fmt.Fprintf(&out, "%s\n", call) }, func(line int64, code, path string, _ []byte) {
			fmt.Fprintf(&out, "%s\n", strings.TrimSpace(fmt.Sprintf("line %d %s %s", line, code, path)))
		})
	}
	if out.String() != whole || pieces < 2 {
		t.Errorf("%d pieces come to something else than the whole", pieces)
	}
	if _, err := m.Reopen([]byte(`{"v":1,"format":"ndjson"}`)); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("another format: %v", err)
	}
	if _, err := m.Reopen([]byte(`{"v":1,"format":"csv","delimiter":",","columns":["id"]}`)); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("a column that is not there: %v", err)
	}
}

// Parquet comes in from a file and from a pipe, with its types.
func TestParquet(t *testing.T) {
	type deep struct {
		City string `parquet:"city"`
	}
	type line struct {
		ID     int64    `parquet:"id"`
		Total  int64    `parquet:"total,decimal(2:18)"`
		Day    int32    `parquet:"day,date"`
		At     int64    `parquet:"at,timestamp(millisecond)"`
		Tags   []string `parquet:"tags,list"`
		Home   deep     `parquet:"home"`
		Absent *string  `parquet:"absent,optional"`
		Score  float64  `parquet:"score"`
	}
	var file bytes.Buffer
	rows := make([]line, 3000)
	for i := range rows {
		rows[i] = line{int64(i), int64(-i*100 - 5), 19849, 1714983300000 + int64(i), []string{"a", "b"}, deep{"Lyon"}, nil, 0.1}
	}
	if err := parquet.Write(&file, rows); err != nil {
		t.Fatal(err)
	}
	mapping := "kith: 1\nformat: parquet\ntime: at\nperson: {user_id: id}\nrows:\n  - track: E\n    properties: [total, day, tags, absent, score, city: home.city, double: total * 2]\n"
	m, err := Parse([]byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"track","event":"E","userId":"2","timestamp":"2024-05-06T08:15:00.002Z","properties":{"total":-2.05,"day":"2024-05-06","tags":["a","b"],"score":0.1,"city":"Lyon","double":-4.1}}`
	for name, r := range map[string]io.Reader{"a file": bytes.NewReader(file.Bytes()), "a pipe": bytes.NewBuffer(file.Bytes())} {
		in, err := m.Open(name, r)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			piece, line, err := in.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			in.Map(piece, line, func(line int64, call []byte) {
				if n++; line == 3 && string(call) != want {
					t.Errorf("%s: got\n%s\nwant\n%s", name, call, want)
				}
			}, func(line int64, code, path string, _ []byte) { t.Errorf("%s: row %d %s %s", name, line, code, path) })
		}
		if n != len(rows) {
			t.Errorf("%s: %d rows, want %d", name, n, len(rows))
		}
	}
}

// Numbers agree with those of math/big.
func TestNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	text := func() string {
		s := fmt.Sprintf("%d", rng.Int64N(1<<(1+rng.IntN(50))))
		if rng.IntN(2) == 0 {
			s = fmt.Sprintf("%s.%0*d", s, 1+rng.IntN(9), rng.IntN(10))
		}
		if rng.IntN(2) == 0 {
			s = "-" + s
		}
		return s
	}
	rat := func(s string) *big.Rat { r, _ := new(big.Rat).SetString(s); return r }
	for range 20000 {
		a, b := text(), text()
		x, okX := parseNumber([]byte(a))
		y, okY := parseNumber([]byte(b))
		if !okX || !okY {
			t.Fatalf("%s %s", a, b)
		}
		check := func(op string, n number, ok bool, want *big.Rat) {
			got := string(n.append(nil))
			if digits := strings.Count(got, "") - 1 - strings.Count(got, "-") - strings.Count(got, "."); !ok && digits > mostDigits {
				return
			}
			if !ok || rat(got).Cmp(want) != 0 {
				t.Fatalf("%s %s %s = %s (%v), want %s", a, op, b, got, ok, want.FloatString(9))
			}
		}
		n, ok := x.plus(y)
		check("+", n, ok, new(big.Rat).Add(rat(a), rat(b)))
		n, ok = x.times(y)
		check("*", n, ok, new(big.Rat).Mul(rat(a), rat(b)))
		if x.cmp(y) != rat(a).Cmp(rat(b)) {
			t.Fatalf("%s against %s", a, b)
		}
		if !y.zero() {
			n, _ = x.over(y)
			diff := new(big.Rat).Sub(rat(string(n.append(nil))), new(big.Rat).Quo(rat(a), rat(b)))
			if diff.Abs(diff).Cmp(big.NewRat(1, 2e9)) > 0 {
				t.Fatalf("%s / %s = %s", a, b, n.append(nil))
			}
		}
	}
	for _, s := range []string{"", "-", ".", "1,000", "0x1", "NaN", "Inf", "1e999", "1e", strings.Repeat("9", 39), "1_0"} {
		if _, ok := parseNumber([]byte(s)); ok {
			t.Errorf("%q is a number", s)
		}
	}
}

// Money is read exactly or not at all.
func TestMoney(t *testing.T) {
	for text, want := range map[string]string{
		"$1,234.50": "1234.5", "(12.00)": "-12", "-3": "-3", "1 234.5 EUR": "1234.5", "1'000": "1000", "12-": "-12", "£ 0.07": "0.07",
		"1,23": "", "1.2.3": "", "12,3456": "", "abc": "", "--1": "", "1,,000": "", "1,000 000": "",
	} {
		b, ok := amount([]byte(text), '.', nil)
		n, fine := parseDecimal(b, 0)
		if got := string(n.append(nil)); ok && fine && got != want || (ok && fine) != (want != "") {
			t.Errorf("%q is %s (%v), want %q", text, got, ok && fine, want)
		}
	}
}

// Of an hour that comes twice the first is meant; one that is left out is read
// by the clock before.
func TestZones(t *testing.T) {
	for text, want := range map[string]string{
		"2024-10-27 02:30": "2024-10-27T00:30:00Z", "2024-03-31 02:30": "2024-03-31T01:30:00Z", "2024-07-01 12:00": "2024-07-01T10:00:00Z",
		"2024-01-01 00:00:00.25": "2023-12-31T23:00:00.25Z", "2024-01-01T00:00:00-05:00": "2024-01-01T05:00:00Z", "2024-02-30": "", "0000-01-01": "",
	} {
		v, r := evaluate(t, "time('"+text+"', 'iso', 'Europe/Paris')")
		if got := string(v.text); got != want || (want == "") != (r.code == "bad_date") {
			t.Errorf("%s is %s %s, want %s", text, got, r.code, want)
		}
	}
}

// idempotent are the functions that change nothing in their own result.
var idempotent = []string{
	"email(%s)", "email(%s, 'drop plus', 'drop dots')", "phone(%s, 'FR')", "country(%s)", "region(%s, 'US')", "region(%s, 'FR')", "money(%s)", "money(%s, ',')",
	"date(%s)", "time(%s)", "title(%s)", "trim(%s)", "lower(%s)", "upper(%s)", "nfc(%s)", "number(%s)", "round(%s, 2)", "truncate(%s, 3)", "mask(%s, 2)", "bool(%s)", "text(%s)",
}

// twiceIs checks that f(f(x)) is f(x).
func twiceIs(t *testing.T, x string) {
	quoted := "'" + strings.ReplaceAll(x, "'", "''") + "'"
	for _, f := range idempotent {
		once, r := evaluate(t, fmt.Sprintf(f, quoted))
		if once.kind == failed || once.kind == nothing {
			continue
		}
		first := string(r.bytes(once))
		again, r := evaluate(t, fmt.Sprintf(f, fmt.Sprintf(f, quoted)))
		if got := string(r.bytes(again)); got != first {
			t.Errorf("%s: %q becomes %q, then %q", f, x, first, got)
		}
	}
}

func TestIdempotent(t *testing.T) {
	for _, x := range []string{
		" Ada.Love+x@GMail.com ", "+33 (0)6 12 34 56 78", "0612345678", "France", "FRA", "250", "Deutschland", "The Netherlands", "US-CA", "new  york", "€ 1.234,50", "(12.00)",
		"2024-05-06", "2024-05-06 10:15:00.5+02:00", "o'neill McDonald ÉCOLE", "ß", "ﬁ ŉ ǆ", "İstanbul", "e\u0301", "1e3", "-0.000", "2.345", "Yes", "0", "ΑΣ ΟΔΟΣ", "a\u0345",
	} {
		twiceIs(t, x)
	}
}

// The head of an input tells one key of the environment from another, and not what it is.
func TestTheHeadTellsKeysApart(t *testing.T) {
	head := func(key string) string {
		t.Setenv("KITH_TEST_KEY", key)
		m, err := Parse([]byte("kith: 1\nsource: s\nformat: csv\nperson: {user_id: \"{hash(a, env('KITH_TEST_KEY'))}\"}\nid: [a]\nrows:\n  - track: T # env('NOTHING')\n"))
		if err != nil {
			t.Fatal(err)
		}
		in, err := m.Open("x", strings.NewReader("a\n1\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Reopen(in.Head()); err != nil {
			t.Error(err)
		}
		return string(in.Head())
	}
	one, two := head("the first key of all"), head("the second one is other")
	if one == two || one != head("the first key of all") {
		t.Errorf("heads %s and %s", one, two)
	}
	if strings.Contains(one, "first") || strings.Contains(one, "NOTHING") {
		t.Errorf("the head says too much: %s", one)
	}
}

// Operands of & are joined as one: an empty one is as if it were not there, and
// only where all columns are empty is the whole.
func TestJoined(t *testing.T) {
	mapping := "kith: 1\nformat: csv\nid: n\nperson: {user_id: n}\nrows:\n  - identify:\n    traits:\n      p: a & '-' & b\n      q: join(a, '-', b)\n      r: \"{a}-{b}\"\n"
	got := mapText(t, mapping, "n,a,b\n1,x,y\n2,,y\n3,x,\n4,,\n")
	var want strings.Builder
	for i, s := range []string{"x-y", "-y", "x-"} {
		fmt.Fprintf(&want, `{"type":"identify","messageId":"load:%d","userId":"%d","traits":{"p":"%s","q":"%s","r":"%s"}}`+"\n", i+1, i+1, s, s, s)
	}
	if want.WriteString(`{"type":"identify","messageId":"load:4","userId":"4"}` + "\n"); got != want.String() {
		t.Errorf("got\n%swant\n%s", got, want.String())
	}
}
