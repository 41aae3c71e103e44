package identity

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

// judged gives what rules find in an event with one leaf and one identifier.
func judged(t *testing.T, list []Anomaly, name, leaf, text, space, norm string) kith.Flags {
	t.Helper()
	r := Default()
	r.Anomalies = list
	m, err := r.Compile()
	if err != nil {
		t.Fatal(err)
	}
	j := m.Judge(func(uint32) string { return leaf }, 1)
	at, _ := parseInstant("2026-01-31T12:00:00Z")
	j.Begin([]byte(name), at, at+1_000_000)
	if leaf != "" {
		j.Leaf(7, []byte(text))
	}
	if space != "" {
		j.Identifier(m.Space(space), []byte(norm))
	}
	return j.Flags()
}

func TestJudge(t *testing.T) {
	total := Anomaly{Kind: "outlier", Leaf: "properties.total", Min: "0.5", Max: "1e3"}
	born := Anomaly{Kind: "impossible", Leaf: "traits.birthday", Before: "1900-01-01", After: "time"}
	for _, c := range []struct {
		what                          string
		rule                          Anomaly
		name, leaf, text, space, norm string
		want                          kith.Flags
	}{
		{"a number below", total, "E", "properties.total", "0.49", "", "", kith.Outlier},
		{"the lower bound itself", total, "E", "properties.total", "0.50", "", "", 0},
		{"the upper bound itself", total, "E", "properties.total", "1000.0", "", "", 0},
		{"a number above", total, "E", "properties.total", "1000.01", "", "", kith.Outlier},
		{"a number beyond all numbers", total, "E", "properties.total", "1e999", "", "", kith.Outlier},
		{"a negative one beyond all numbers", total, "E", "properties.total", "-1e999", "", "", kith.Outlier},
		{"a text", total, "E", "properties.total", `"-1"`, "", "", 0},
		{"null", total, "E", "properties.total", "null", "", "", 0},
		{"another leaf", total, "E", "properties.totals", "-1", "", "", 0},
		{"the event that is meant", Anomaly{Kind: "outlier", Event: []string{"A", "E"}, Leaf: "x", Max: "1"}, "E", "x", "2", "", "", kith.Outlier},
		{"another event", Anomaly{Kind: "outlier", Event: []string{"A"}, Leaf: "x", Max: "1"}, "E", "x", "2", "", "", 0},
		{"born tomorrow", born, "", "traits.birthday", `"2026-02-01"`, "", "", kith.Impossible},
		{"born today", born, "", "traits.birthday", `"2026-01-31"`, "", "", 0},
		{"born long ago", born, "", "traits.birthday", `"1899-12-31"`, "", "", kith.Impossible},
		{"born at no day", born, "", "traits.birthday", `"in spring"`, "", "", 0},
		{"an event before the shop", Anomaly{Kind: "impossible", Before: "2026-02-01"}, "", "", "", "", "", kith.Impossible},
		{"an event after it", Anomaly{Kind: "impossible", Before: "2026-01-31T12:00:00Z"}, "", "", "", "", "", 0},
		{"an event after its receipt", Anomaly{Kind: "impossible", After: "received"}, "", "", "", "", "", 0},
		{"a domain", Anomaly{Kind: "test", Domains: []string{"example.com"}}, "", "", "", "email", "ada@example.com", kith.Test},
		{"one below it", Anomaly{Kind: "test", Domains: []string{"example.com"}}, "", "", "", "email", "ada@mail.example.com", kith.Test},
		{"one that ends alike", Anomaly{Kind: "test", Domains: []string{"example.com"}}, "", "", "", "email", "ada@anexample.com", 0},
		{"a domain in another space", Anomaly{Kind: "test", Domains: []string{"example.com"}}, "", "", "", "user_id", "ada@example.com", 0},
		{"a domain in a leaf", Anomaly{Kind: "test", Leaf: "properties.to", Domains: []string{"test"}}, "", "properties.to", `"a@B.TEST"`, "", "", kith.Test},
		{"a pattern of user ids", Anomaly{Kind: "test", Space: "user_id", Patterns: []string{`^qa-\d+$`}}, "", "", "", "user_id", "qa-12", kith.Test},
		{"a fact", Anomaly{Kind: "test", Leaf: "p", Equals: []string{"true"}}, "", "p", "true", "", "", kith.Test},
		{"an escaped text", Anomaly{Kind: "test", Leaf: "p", Equals: []string{"é"}}, "", "p", `"\u00e9"`, "", "", kith.Test},
		{"a crawler", Anomaly{Kind: "bot"}, "", "context.userAgent", `"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"`, "", "", kith.Bot},
		{"a crawler in another leaf", Anomaly{Kind: "bot"}, "", "properties.agent", `"curl/8.1"`, "", "", 0},
		{"a crawler in the leaf that is named", Anomaly{Kind: "bot", Leaf: "properties.agent"}, "", "properties.agent", `"curl/8.1"`, "", "", kith.Bot},
		{"what an array says", Anomaly{Kind: "bot", Leaf: "c", Patterns: []string{`"spiderOrRobot":true`}}, "", "c", `[{"spiderOrRobot":true}]`, "", "", kith.Bot},
	} {
		if got := judged(t, []Anomaly{c.rule}, c.name, c.leaf, c.text, c.space, c.norm); got != c.want {
			t.Errorf("%s: flags are %q, want %q", c.what, got, c.want)
		}
	}
}

func TestBot(t *testing.T) {
	for agent, want := range map[string]bool{
		"": false,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                                     false,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":             false,
		"Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36":                              false,
		"Mozilla/5.0 (Linux; Android 8.1.0; TECNO B1f) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.110 Mobile Safari/537.36 Instagram 165.1.0.29": false,
		"okhttp/4.12.0":                         false,
		"Shop/3.1 CFNetwork/1494 Darwin/23.4.0": false,
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                      true,
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)":        true,
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36": true,
		"Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)":                           true,
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)":                                     true,
		"curl/8.5.0":             true,
		"Wget/1.21.4":            true,
		"python-requests/2.32.3": true,
		"Go-http-client/2.0":     true,
		"Java/17.0.2":            true,
		"PostmanRuntime/7.39.0":  true,
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)": true,
	} {
		if got := Bot(agent); got != want {
			t.Errorf("Bot(%q) = %v, want %v", agent, got, want)
		}
	}
}

// What Format writes Parse reads back, and nothing differs.
func TestAnomaliesAsText(t *testing.T) {
	r := Default()
	r.Anomalies = append(Recommended(),
		Anomaly{Kind: "outlier", Event: []string{"Order Completed"}, Leaf: "properties.total", Min: "0", Max: "12.50"},
		Anomaly{Kind: "test", Space: "user_id", Equals: []string{"a<b"}, Patterns: []string{`^qa-\d`}},
		Anomaly{Kind: "impossible", Leaf: "x", Before: "received"},
	)
	r.Anomalies[6].Except = []string{"properties.sent"}
	text := r.Format()
	got, err := Parse(text)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Fatalf("%v\n%s\ncame back as\n%+v", err, text, got)
	}
	if d := Diff(r, got); len(d) > 0 {
		t.Errorf("Diff = %v, want nothing", d)
	}
	got.Anomalies = got.Anomalies[1:]
	if d := strings.Join(Diff(r, got), "; "); d != "anomalies: bot 0 put in, 1 taken out" {
		t.Errorf("Diff = %s", d)
	}
	if strings.Contains(string(Default().Format()), "anomalies") {
		t.Error("rules without anomalies have a section")
	}
}

func TestAnomaliesThatAreRefused(t *testing.T) {
	for rule, want := range map[string]string{
		`{"kind": "spam"}`:                                                                 "kind is not",
		`{"kind": "bot", "colour": "red"}`:                                                 `unknown key "colour"`,
		`{"kind": "bot", "min": 1}`:                                                        "a rule bot has no min and max",
		`{"kind": "bot", "leaf": "a", "patterns": ["("]}`:                                  "patterns 1: missing closing )",
		`{"kind": "test"}`:                                                                 "has domains, or equals and patterns",
		`{"kind": "test", "equals": ["a"]}`:                                                "need a leaf or a space",
		`{"kind": "test", "leaf": "a", "space": "b", "equals": ["a"]}`:                     "not at both",
		`{"kind": "outlier", "leaf": "a"}`:                                                 "has a leaf, and min or max",
		`{"kind": "outlier", "leaf": "a", "min": "1"}`:                                     "min is not a number",
		`{"kind": "impossible", "before": "yesterday"}`:                                    "before and after are",
		`{"kind": "impossible", "before": "time"}`:                                         "without a leaf",
		`{"kind": "impossible", "leaf": "a", "min": 1, "after": "time"}`:                   "min and max, or before and after",
		`{"kind": "near_duplicate"}`:                                                       "within is not",
		`{"kind": "near_duplicate", "within": 100000}`:                                     "within is not",
		`{"kind": "near_duplicate", "within": 1}, {"kind": "near_duplicate", "within": 2}`: "more than one",
	} {
		_, err := Parse([]byte("{\"spaces\": [{\"name\": \"user_id\"}],\n \"anomalies\": [\n  " + rule + "]}"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%s: error is %v, want line 3 and %q", rule, err, want)
		}
	}
}
