package clean

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kithdb/kith"
)

// world makes random JSON: mostly valid, with few words so that things coincide.
type world struct{ *rand.Rand }

func newWorld(t testing.TB) world {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return world{rand.New(rand.NewPCG(seed, 7))}
}

func (w world) pick(s ...string) string { return s[w.IntN(len(s))] }

func (w world) space() string {
	if w.IntN(12) > 0 {
		return ""
	}
	return w.pick(" ", "\t", "\r\n", "  ")
}

func (w world) text() string {
	var b strings.Builder
	for range w.IntN(5) {
		b.WriteString(w.pick("a", "order", "é", "日本", "😀", `\"`, `\\`, `\/`, `\n`, `\u00e9`, `\ud83d\ude00`, "u1", "x@example.org", "a long run of ordinary text", ".", `\u0041`, "{", "]"))
	}
	return `"` + b.String() + `"`
}

func (w world) scalar() string {
	switch w.IntN(6) {
	case 0:
		return w.pick("true", "false", "null")
	case 1:
		return w.pick("0", "-0", "1.0", "1", "1e5", "-12.5E-3", "12345678901234567890", "0.1", "1e+9999")
	}
	return w.text()
}

func (w world) value(depth int) string {
	switch k := w.IntN(10); {
	case depth == 0 || k < 6:
		return w.scalar()
	case k < 8:
		return w.object(depth-1, w.IntN(4))
	}
	parts := make([]string, w.IntN(4))
	for k := range parts {
		parts[k] = w.space() + w.value(depth-1) + w.space()
	}
	return "[" + strings.Join(parts, ",") + w.space() + "]"
}

var keys = []string{"a", "b", "page", "path", "tags", "x.y", `q\\w`, "é", `\u00e9t`, "", "plan", "email", "n@example.org", "a rather long key to read", "name", "id", "ip"}

func (w world) object(depth, n int) string {
	parts := make([]string, n)
	for k, at := range w.Perm(len(keys))[:n] {
		parts[k] = w.space() + `"` + keys[at] + `"` + w.space() + ":" + w.space() + w.value(depth) + w.space()
	}
	return "{" + strings.Join(parts, ",") + w.space() + "}"
}

// call makes a call that is accepted, as members in random order.
func (w world) call() []string {
	kind := w.pick("identify", "track", "page", "screen", "group", "alias")
	m := []string{`"type":"` + kind + `"`, `"userId":` + w.pick(`"u1"`, `" u1 "`, `17`, `"U\u0031"`)}
	maybe := func(s string) {
		if w.IntN(2) == 0 {
			m = append(m, s)
		}
	}
	if kind == "track" {
		m = append(m, `"event":"Order \u0043ompleted"`)
		maybe(`"name":` + w.value(1))
	} else if kind == "page" || kind == "screen" {
		maybe(`"name":"Home"`)
	}
	if kind == "group" {
		m = append(m, `"groupId":`+w.pick(`"g1"`, `12`, `"u1"`))
	}
	if kind == "alias" {
		m = append(m, `"previousId":`+w.pick(`"a0"`, `5`))
	}
	maybe(`"anonymousId":` + w.pick(`"a1"`, `null`, `"null"`, `""`, `"a0"`))
	maybe(`"messageId":"m1"`)
	for _, f := range []string{"timestamp", "originalTimestamp", "sentAt"} {
		maybe(`"` + f + `":` + w.pick(`"2024-05-06T07:08:09.123Z"`, `"2024-05-06T09:08:09+02:00"`, `1714979289`, `null`))
	}
	if w.IntN(3) == 0 {
		m = append(m, `"receivedAt":"2024-05-06T07:08:10Z"`)
	}
	for _, f := range []string{"traits", "properties"} {
		maybe(`"` + f + `":` + w.pick(w.object(6, w.IntN(6)), "null", "{ }", w.object(3, 12)))
	}
	maybe(`"context":` + w.pick("null", `{"ip":"203.0.113.7","traits":`+w.object(2, 3)+`}`, `{"ip":"2001:db8:1:2::3","device":{"id":"d1"}}`,
		`{"ip":"?","externalIds":[{"id":"x","type":"crm"}, {"id":7,"type":"user_id"},5,{"id":"y"}],"page":`+w.object(5, 3)+`}`))
	maybe(`"other":` + w.value(7))
	w.Shuffle(len(m), func(i, k int) { m[i], m[k] = m[k], m[i] })
	return m
}

func line(members []string) string { return "{" + strings.Join(members, ",") + "}" }

func TestValidityIsThatOfTheStandardLibrary(t *testing.T) {
	w, c := newWorld(t), New(testConfig())
	n := 30000
	if testing.Short() {
		n /= 10
	}
	for range n {
		b := []byte(w.value(5))
		if w.IntN(2) == 0 {
			b = w.mutate(b)
		}
		judge(t, c, b)
	}
}

// mutate damages a text a little.
func (w world) mutate(b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + w.IntN(2) {
		at := w.IntN(len(b) + 1)
		switch w.IntN(4) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b[:at], append([]byte(w.pick("\x00", "\xff", `"`, `\`, "{", "]", ",", ":", "0", "-", "NaN", "\xed\xa0\x80", `\ud800`, `\u0000`, " ", ".", "e")), b[at:]...)...)
		case 2:
			if at < len(b) {
				b = append(b[:at], b[at+1:]...)
			}
		default:
			if at < len(b) {
				b[at] = byte(w.Uint32())
			}
		}
	}
	return b
}

// judge holds the scanner against json.Valid. What is refused although json.Valid
// takes it is refused for one of the reasons that json.Valid does not look at.
func judge(t *testing.T, c *Cleaner, b []byte) {
	t.Helper()
	b = bytes.Trim(b, " \t\r\n")
	if len(b) == 0 || len(b) > c.limit {
		return
	}
	c.start(b)
	c.wrap.on = true
	end, _ := c.value(b, 0, root, 0, silent)
	if end >= 0 && end != len(b) {
		end = c.fail(BadJSON, end)
	}
	ok, valid := end >= 0, json.Valid(b)
	switch {
	case ok && (!valid || !utf8.Valid(b)):
		t.Fatalf("%q is taken, and not valid", b)
	case !ok && valid && (c.code == BadJSON || c.code == BadNumber):
		t.Fatalf("%q is %s at %d, and valid", b, c.code, c.at)
	case !ok && c.code == BadUTF8 && utf8.Valid(b) && !bytes.Contains(b, []byte(`\u`)) && valid:
		t.Fatalf("%q is bad_utf8", b)
	}
}

// FuzzLine is the long form of the tests above: any line has items or none,
// each accepted or refused with a reason, and what is accepted is valid.
func FuzzLine(f *testing.F) {
	w := newWorld(f)
	for range 50 {
		f.Add([]byte(line(w.call())))
	}
	f.Add([]byte(`{"batch":[{"type":"page","userId":"u"}],"context":{"a":1},"sentAt":5}`))
	c := New(testConfig())
	f.Fuzz(func(t *testing.T, b []byte) {
		judge(t, c, b)
		c.Line(b, testNow)
		for it := c.Next(); it != nil; it = c.Next() {
			accepted(t, it)
		}
	})
}

func accepted(t testing.TB, it *Item) {
	if it.Code != "" {
		return
	}
	if it.Kind < kith.Identify || it.Kind > kith.Alias || len(it.Claims) == 0 || it.Received == NoTime || it.Time == NoTime || !json.Valid(it.Raw) {
		t.Fatalf("accepted: %s", it.Raw)
	}
	for _, cells := range [][]byte{it.Cells, it.Secret} {
		if err := EachCell(cells, func(_ uint32, text []byte) bool {
			if !json.Valid(text) {
				t.Fatalf("leaf %s of %s", text, it.Raw)
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
}

var lines = flag.Int("lines", 100000, "random lines to clean")

// The sum of verdicts is what was received (F2), on lines that are mostly damaged.
func TestEveryItemHasOneVerdict(t *testing.T) {
	w, c := newWorld(t), New(testConfig())
	n := *lines
	if testing.Short() {
		n /= 10
	}
	pool := make([]string, 500)
	for k := range pool {
		pool[k] = line(w.call())
	}
	var tally kith.Tally
	for range n {
		items := make([]string, 1+w.IntN(3))
		for k := range items {
			items[k] = pool[w.IntN(len(pool))]
			if w.IntN(2) == 0 {
				items[k] = string(w.mutate([]byte(items[k])))
			}
		}
		b := items[0]
		if len(items) > 1 {
			b = `{"batch":[` + strings.Join(items, ",") + `],"context":{"page":{"path":"/"},"a":[1]}}`
		}
		c.Line([]byte(b), testNow)
		got := 0
		for it := c.Next(); it != nil; it = c.Next() {
			accepted(t, it)
			got++
			if it.Code == "" {
				tally.Count(kith.Accepted)
			} else {
				tally.Count(kith.Rejected)
			}
		}
		if len(items) == 1 && got > 1 && !strings.Contains(b, "batch") {
			t.Fatalf("%d items of %q", got, b)
		}
	}
	if tally.Received != tally.Accepted+tally.Rejected || tally.Accepted == 0 || tally.Rejected == 0 {
		t.Errorf("%+v", tally)
	}
	t.Logf("%+v", tally)
}
