package identity

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kithdb/kith"
)

// Anomaly is a rule that finds events which should stand outside of profiles
// and counts. Which fields a rule may have depends on its kind: docs/anomalies.md.
type Anomaly struct {
	Kind     string   // bot, test, outlier, impossible or near_duplicate
	Event    []string // names of the events it looks at; none: all
	Leaf     string   // the path of the leaf it looks at, such as properties.total
	Space    string   // the identifiers it looks at, instead of a leaf
	Domains  []string // of e-mail addresses, with those below them
	Equals   []string // values
	Patterns []string // RE2, anywhere in the value
	Min, Max string   // decimal numbers; empty: no bound
	Before   string   // a day, an instant, or time or received: those of the event itself
	After    string
	Within   int      // seconds
	Except   []string // leaves that may differ, with those below them
}

// anomalyFlags are the words of Anomaly.Kind.
var anomalyFlags = map[string]kith.Flags{
	"bot": kith.Bot, "test": kith.Test, "outlier": kith.Outlier, "impossible": kith.Impossible, "near_duplicate": kith.NearDuplicate,
}

// Bounds of what rules may say.
const (
	mostAnomalies = 200
	mostWithin    = 24 * 60 * 60
)

// agentLeaf is where the specification has the user agent.
const agentLeaf = "context.userAgent"

// check says whether the rule can be used.
func (a *Anomaly) check() error {
	if _, ok := anomalyFlags[a.Kind]; !ok {
		return fmt.Errorf("kind is not bot, test, outlier, impossible or near_duplicate")
	}
	if err := a.fits(); err != nil {
		return err
	}
	for i, text := range a.Patterns {
		if _, err := regexp.Compile(text); err != nil {
			return fmt.Errorf("patterns %d: %s", i+1, whyRE(err))
		}
	}
	for _, bound := range []string{a.Min, a.Max} {
		if _, err := strconv.ParseFloat(bound, 64); bound != "" && err != nil {
			return fmt.Errorf("min and max are numbers")
		}
	}
	for _, bound := range []string{a.Before, a.After} {
		if _, ok := parseInstant(bound); bound != "" && !ok && bound != "time" && bound != "received" {
			return fmt.Errorf("before and after are a day such as 2026-01-31, an instant with a zone, time or received")
		}
	}
	return nil
}

// fits says whether the rule has what its kind needs, and nothing else.
func (a *Anomaly) fits() error {
	values, bounds, times := len(a.Equals)+len(a.Patterns) > 0, a.Min+a.Max != "", a.Before+a.After != ""
	for _, f := range []struct {
		there bool
		key   string
		kinds string
	}{
		{a.Leaf != "", "leaf", "bot test outlier impossible"},
		{a.Space != "", "space", "test"},
		{len(a.Domains) > 0, "domains", "test"},
		{values, "equals and patterns", "bot test"},
		{bounds, "min and max", "outlier impossible"},
		{times, "before and after", "impossible"},
		{a.Within != 0, "within", "near_duplicate"},
		{len(a.Except) > 0, "except", "near_duplicate"},
	} {
		if f.there && !slices.Contains(strings.Fields(f.kinds), a.Kind) {
			return fmt.Errorf("a rule %s has no %s", a.Kind, f.key)
		}
	}
	switch {
	case a.Leaf != "" && a.Space != "":
		return fmt.Errorf("it looks at a leaf or at a space, not at both")
	case a.Kind == "test" && values == (len(a.Domains) > 0):
		return fmt.Errorf("a rule test has domains, or equals and patterns")
	case a.Kind == "test" && values && a.Leaf+a.Space == "":
		return fmt.Errorf("equals and patterns need a leaf or a space")
	case a.Kind == "outlier" && (a.Leaf == "" || !bounds):
		return fmt.Errorf("a rule outlier has a leaf, and min or max")
	case a.Kind == "impossible" && bounds == times:
		return fmt.Errorf("a rule impossible has min and max, or before and after")
	case a.Kind == "impossible" && bounds && a.Leaf == "":
		return fmt.Errorf("min and max need a leaf")
	case a.Leaf == "" && (a.Before == "time" || a.After == "time"):
		return fmt.Errorf("without a leaf it is the time of the event that is compared: with a day, an instant or received")
	case a.Kind == "near_duplicate" && (a.Within < 1 || a.Within > mostWithin):
		return fmt.Errorf("within is not a number of seconds from 1 to %d", mostWithin)
	}
	return nil
}

// checkAnomalies looks at the rules that are there together.
func checkAnomalies(list []Anomaly) error {
	if len(list) > mostAnomalies {
		return fmt.Errorf("more than %d anomalies", mostAnomalies)
	}
	near := 0
	for i := range list {
		if err := list[i].check(); err != nil {
			return fmt.Errorf("anomaly %d: %w", i+1, err)
		}
		if list[i].Kind == "near_duplicate" {
			near++
		}
	}
	if near > 1 {
		return fmt.Errorf("more than one rule near_duplicate")
	}
	return nil
}

// parseInstant reads a day or an instant, in microseconds since 1970. One
// without a zone is UTC.
func parseInstant(s string) (int64, bool) {
	if len(s) < 10 {
		return 0, false
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMicro(), true
		}
	}
	return 0, false
}

// Recommended gives rules that find what nearly nobody wants to count. A new
// directory does not have them: docs/anomalies.md says why.
func Recommended() []Anomaly {
	return []Anomaly{
		{Kind: "bot"},
		{Kind: "test", Domains: []string{"example.com", "example.org", "example.net", "example", "test", "invalid", "localhost"}},
		{Kind: "impossible", Before: "2000-01-01"},
		{Kind: "impossible", Leaf: "traits.birthday", After: "time"},
		{Kind: "impossible", Leaf: "context.location.latitude", Min: "-90", Max: "90"},
		{Kind: "impossible", Leaf: "context.location.longitude", Min: "-180", Max: "180"},
		{Kind: "near_duplicate", Within: 2},
	}
}
