package enginetest

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/identity"
)

// shopRules are the rules that an analyst of the world's shop would write.
func shopRules() *identity.Rules {
	r := identity.Default()
	r.Anomalies = []identity.Anomaly{
		{Kind: "bot"},
		{Kind: "test", Space: "user_id", Patterns: []string{"^qa-"}},
		{Kind: "outlier", Event: []string{"Order Completed"}, Leaf: "properties.total", Min: "0", Max: "10000"},
		{Kind: "impossible", Before: "2020-01-01"},
		{Kind: "impossible", Leaf: "properties.quantity", Min: "0"},
		{Kind: "near_duplicate", Within: 2},
	}
	return &r
}

// Precision and recall of each kind on a labelled world. What is found is what
// can be found: about one in ten of each kind shows itself by its label alone.
// The table goes into bench/results.
func TestAnomaliesOfALabelledWorld(t *testing.T) {
	w := world.World{People: 2000, Events: 60_000, Seed: 1}
	labels := map[string]string{}
	id := regexp.MustCompile(`"messageId":"([^"]*)"`)
	var text bytes.Buffer
	for line, label := range w.Odd() {
		text.Write(append(bytes.Clone(line), '\n'))
		if m := id.FindSubmatch(line); m != nil && label != "" {
			labels[string(m[1])] = label
		}
	}
	e := Memory(t, &engine.Options{Rules: shopRules()})
	sum, err := e.Load(context.Background(), &text, nil)
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{"bot", "test", "outlier", "impossible", "near_duplicate"}
	hit, wrong, all := map[string]int{}, map[string]int{}, map[string]int{}
	for _, l := range labels {
		all[l]++
	}
	found := 0
	for _, row := range SQL(t, e, "SELECT message_id, flags FROM all_events WHERE flags IS NOT NULL") {
		found++
		m, flags, _ := strings.Cut(row, " | ")
		for _, k := range strings.Split(flags, ",") {
			if labels[m] == k {
				hit[k]++
			} else {
				wrong[k]++
			}
		}
	}
	if found != sum.Flagged.Events {
		t.Errorf("the report says %d, all_events %d", sum.Flagged.Events, found)
	}
	t.Logf("%d lines, %d of them labelled, %d flagged", sum.Received, len(labels), found)
	for _, k := range kinds {
		precision, recall := float64(hit[k])/float64(hit[k]+wrong[k]), float64(hit[k])/float64(all[k])
		t.Logf("%-15s %4d labelled, %4d found, %3d wrongly: precision %.3f, recall %.3f", k, all[k], hit[k], wrong[k], precision, recall)
		least := 0.98
		if k == "near_duplicate" {
			least = 0.8 // people of the world do things twice within two seconds, too
		}
		if all[k] < 10 || precision < least || recall < 0.75 || recall == 1 {
			t.Errorf("%s: %d labelled, precision %.3f, recall %.3f", k, all[k], precision, recall)
		}
	}
}

// The web events of Snowplow have three events that were collected twice, under
// one event id, with other times and another collector. Message ids alone find
// them; so does the rule, where the collector gives new ids to what it collects
// twice. No event of the file is a bot's: its own columns, by the lists of the
// IAB, say so of all 160, and so do we.
func TestSnowplowAnomalies(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(shared(t, "snowplow_web/source/snowplow_web_events.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rules := identity.Default()
	rules.Anomalies = []identity.Anomaly{
		{Kind: "bot", Leaf: "properties.useragent"},
		{Kind: "bot", Leaf: "properties.iab", Patterns: []string{`"spiderOrRobot":true`}},
		{Kind: "near_duplicate", Within: 2, Except: []string{"properties.app_id", "properties.network_userid", "properties.etl_tstamp",
			"properties.collector_tstamp", "properties.dvce_sent_tstamp", "properties.derived_tstamp", "properties.load_tstamp"}},
	}
	e := Open(t, &engine.Options{Rules: &rules, KeepIP: true})
	ids, doubles, robots := map[string]bool{}, 0, 0
	var lines []string
	for n, row := range rows[1:] {
		properties := map[string]any{}
		for i, v := range row {
			if name := rows[0][i]; v != "" && v[0] != '[' {
				properties[name] = v
			} else if strings.Contains(name, "spiders_and_robots") {
				properties["iab"] = value(v)
				if strings.Contains(v, `"spiderOrRobot":true`) {
					robots++
				}
			}
		}
		id := fmt.Sprint(properties["event_id"])
		if ids[id] {
			doubles++
		}
		ids[id] = true
		stamp := properties["derived_tstamp"]
		if stamp == nil {
			stamp = properties["collector_tstamp"]
		}
		lines = append(lines, encode(map[string]any{
			"type": "track", "event": properties["event_name"], "messageId": fmt.Sprintf("collected-%d", n), "anonymousId": properties["domain_userid"],
			"timestamp": strings.Replace(fmt.Sprint(stamp), " ", "T", 1) + "Z", "properties": properties,
		}))
	}
	sum := Lines(t, e, lines...)
	if doubles != 3 || robots != 0 || sum.Flagged.NearDuplicate != doubles || sum.Flagged.Bot != robots || sum.Flagged.Events != doubles {
		t.Errorf("%d doubles and %d robots in the file; flagged: %+v", doubles, robots, sum.Flagged)
	}
	got := SQL(t, e, "SELECT properties.event_id FROM all_events WHERE flags = 'near_duplicate' INTERSECT SELECT properties.event_id FROM events")
	if len(got) != doubles {
		t.Errorf("%d of the flagged have a twin that counts, want %d", len(got), doubles)
	}
}

// Ten thousand requests to a web site, of people, crawlers, feed readers and
// tools. The judge beside ours is the pattern with which Snowplow's own package
// of models filters bots.
func TestWeblogBots(t *testing.T) {
	judge := regexp.MustCompile(`(?i)(bot|crawl|slurp|spider|archiv|spinn|sniff|seo|audit|survey|pingdom|worm|capture|(browser|screen)shots|analyz|index|thumb|check|facebook|PhantomJS|a_archiver|BingPreview|360User-agent|semalt)`)
	quoted := regexp.MustCompile(`"([^"]*)"\s*$`)
	both, ours, theirs, n := 0, 0, 0, 0
	only := map[string]int{}
	for _, line := range strings.Split(string(shared(t, "weblogs/apache_logs")), "\n") {
		m := quoted.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n++
		switch a, b := identity.Bot(m[1]), judge.MatchString(m[1]); {
		case a && b:
			both++
		case a:
			ours++
			only["ours: "+m[1]]++
		case b:
			theirs++
			only["theirs: "+m[1]]++
		}
	}
	t.Logf("%d requests: %d are bots by both, %d by ours alone, %d by Snowplow's pattern alone", n, both, ours, theirs)
	if os.Getenv("KITH_AGENTS") != "" {
		for a, k := range only {
			t.Log(k, a)
		}
	}
	if both < 1000 || theirs*20 > both {
		t.Errorf("of what Snowplow's pattern finds we miss %d of %d", theirs, both+theirs)
	}
}
