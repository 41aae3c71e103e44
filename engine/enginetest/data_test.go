package enginetest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/kithdb/kith/engine"
)

// shared reads a file of the shared data sets, or skips the test.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	path := Repository("../shared/data/" + name)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not there: the shared data sets belong beside the repository", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The webhooks of GitHub: 255 payloads of many shapes, deeply nested.
func TestRealGitHubWebhooks(t *testing.T) {
	var lines []string
	in := bufio.NewScanner(bytes.NewReader(shared(t, "github_webhooks/payloads.jsonl")))
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var hook struct {
			Event   string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(in.Bytes(), &hook); err != nil {
			t.Fatal(err)
		}
		var sender struct {
			Sender struct{ Login string }
		}
		_ = json.Unmarshal(hook.Payload, &sender) // some have none
		lines = append(lines, encode(map[string]any{
			"type": "track", "event": hook.Event, "messageId": fmt.Sprintf("hook-%d", len(lines)),
			"userId": "gh-" + sender.Sender.Login, "properties": hook.Payload, "timestamp": "2026-01-01T00:00:00Z",
		}))
	}
	if len(lines) != 255 {
		t.Fatalf("%d webhooks, want 255", len(lines))
	}
	accounted(t, lines)
}

// The web events of Snowplow, with repeated event ids, bots and nested contexts.
func TestRealSnowplowEvents(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(shared(t, "snowplow_web/source/snowplow_web_events.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"page_view": "page"}
	var lines []string
	for _, row := range rows[1:] {
		properties, contexts := map[string]any{}, map[string]any{}
		for i, v := range row {
			switch name := rows[0][i]; {
			case v == "":
			case v[0] == '[' && json.Valid([]byte(v)):
				contexts[name] = json.RawMessage(v)
			default:
				properties[name] = value(v)
			}
		}
		text := func(name string) string { return fmt.Sprint(properties[name]) }
		ev := map[string]any{
			"type": "track", "event": text("event_name"), "messageId": text("event_id"), "anonymousId": text("domain_userid"),
			"timestamp": strings.Replace(text("derived_tstamp"), " ", "T", 1) + "Z", "receivedAt": strings.Replace(text("collector_tstamp"), " ", "T", 1) + "Z",
			"properties": properties, "context": map[string]any{"snowplow": contexts},
		}
		if kind := kinds[text("event")]; kind != "" {
			delete(ev, "event")
			ev["type"], ev["name"] = kind, text("page_title")
		}
		if properties["derived_tstamp"] == nil {
			delete(ev, "timestamp")
		}
		lines = append(lines, encode(ev))
	}
	if len(lines) != 160 {
		t.Fatalf("%d events, want 160", len(lines))
	}
	accounted(t, lines)
}

// The events in the test suites of Segment and Jitsu, read out of TypeScript.
func TestRealSegmentFixtures(t *testing.T) {
	var lines []string
	for _, m := range regexp.MustCompile(`validate\(ast, (\{.*\})\)\)`).FindAllSubmatch(shared(t, "segment_fixtures/validate.test.ts"), -1) {
		ev := literal(t, string(m[1]))
		for k, v := range map[string]any{"type": "track", "event": "Fixture", "userId": "u1", "messageId": fmt.Sprintf("fql-%d", len(lines))} {
			if ev[k] == nil || k == "messageId" {
				ev[k] = v
			}
		}
		switch ev["type"] {
		case "track":
		case "group":
			ev["groupId"] = "g1"
			fallthrough
		default:
			delete(ev, "event")
		}
		lines = append(lines, encode(ev))
	}
	n := len(lines)
	text := string(shared(t, "segment_fixtures/jitsu_user-recognition.test.ts"))
	for _, at := range regexp.MustCompile(`\{\s*messageId:`).FindAllStringIndex(text, -1) {
		lines = append(lines, encode(literal(t, braces(text[at[0]:]))))
	}
	if n < 50 || len(lines)-n < 4 {
		t.Fatalf("%d events of Segment and %d of Jitsu were found", n, len(lines)-n)
	}
	accounted(t, lines)
}

// literal reads an object of TypeScript that has nothing but values in it.
func literal(t *testing.T, text string) map[string]any {
	t.Helper()
	for _, r := range [][2]string{
		{`\b(undefined|NaN|new Date\([^)]*\))`, "null"}, {`'([^']*)'`, `"$1"`}, {`([{,]\s*)([A-Za-z_]\w*):`, `$1"$2":`}, {`,(\s*[}\]])`, "$1"},
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	var ev map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&ev); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return ev
}

// braces gives the text up to the brace that closes the first.
func braces(text string) string {
	deep := 0
	for i, c := range text {
		switch c {
		case '{':
			deep++
		case '}':
			if deep--; deep == 0 {
				return text[:i+1]
			}
		}
	}
	return text
}

// accounted loads lines and sees to it that each has a verdict that can be
// listed, and that what was accepted, or repeated with another payload, is whole.
func accounted(t *testing.T, lines []string) {
	t.Helper()
	e := Open(t, &engine.Options{KeepIP: true})
	sum := Lines(t, e, lines...)
	t.Logf("%+v", sum)
	if sum.Received != len(lines) || sum.Accepted+sum.Duplicate+sum.Rejected != sum.Received {
		t.Errorf("%d lines: %+v", len(lines), sum)
	}
	if sum.Rejected > 0 {
		t.Errorf("rejected: %s", SQL(t, e, "SELECT DISTINCT verdict, reason, path FROM rejects"))
	}
	if got, want := SQL(t, e, "SELECT (SELECT count(*) FROM events) || ' ' || (SELECT count(*) FROM rejects)")[0], fmt.Sprint(sum.Accepted, sum.Duplicate); got != want {
		t.Errorf("events and rejects in SQL: %s, want %s", got, want)
	}
	whole := map[string]map[string]any{}
	for _, row := range SQL(t, e, "SELECT original::VARCHAR FROM events") {
		ev := jsonObject(t, row)
		whole[ev["messageId"].(string)] = ev
	}
	seen := map[string]bool{}
	for _, line := range lines {
		in := jsonObject(t, line)
		id := in["messageId"].(string)
		if seen[id] {
			continue // the first is kept
		}
		seen[id] = true
		for k, want := range in {
			if strings.HasSuffix(strings.ToLower(k), "at") || strings.HasSuffix(strings.ToLower(k), "timestamp") {
				continue // times are told in one form
			}
			if got := whole[id][k]; !reflect.DeepEqual(got, want) && !empty(want) {
				t.Errorf("%s of event %s came back changed: %s", k, id, difference(got, want, k))
				break
			}
		}
	}
}

func empty(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}

// difference names the first place where two values differ.
func difference(got, want any, path string) string {
	g, ok1 := got.(map[string]any)
	w, ok2 := want.(map[string]any)
	if ok1 && ok2 {
		for k := range w {
			if !reflect.DeepEqual(g[k], w[k]) {
				return difference(g[k], w[k], path+"."+k)
			}
		}
		for k := range g {
			if _, ok := w[k]; !ok {
				return path + "." + k + " is new"
			}
		}
	}
	return fmt.Sprintf("%s is %.200v, was %.200v", path, got, want)
}

func jsonObject(t testing.TB, text string) map[string]any {
	t.Helper()
	var ev map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&ev); err != nil {
		t.Fatalf("%.100s: %v", text, err)
	}
	return ev
}
