package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// anomalies reads the rules about anomalies.
func (p *parser) anomalies(r *Rules) error {
	return p.array("anomalies", func() error {
		start := p.mark
		var a Anomaly
		if err := p.object("an anomaly", func(key string) error { return p.anomaly(&a, key) }); err != nil {
			return err
		}
		r.Anomalies = append(r.Anomalies, a)
		end := p.mark
		p.mark = p.at(start)
		if err := a.check(); err != nil {
			return fmt.Errorf("anomaly %d: %w", len(r.Anomalies), err)
		}
		if err := checkAnomalies(r.Anomalies); err != nil {
			return err
		}
		p.mark = end
		return nil
	})
}

func (p *parser) anomaly(a *Anomaly, key string) (err error) {
	switch key {
	case "kind":
		a.Kind, err = p.text1(key)
	case "event":
		a.Event, err = p.texts(key)
	case "leaf":
		a.Leaf, err = p.text1(key)
	case "space":
		a.Space, err = p.text1(key)
	case "domains":
		a.Domains, err = p.texts(key)
	case "equals":
		a.Equals, err = p.texts(key)
	case "patterns":
		a.Patterns, err = p.texts(key)
	case "min":
		a.Min, err = p.decimal(key)
	case "max":
		a.Max, err = p.decimal(key)
	case "before":
		a.Before, err = p.text1(key)
	case "after":
		a.After, err = p.text1(key)
	case "within":
		a.Within, err = p.number(key, mostWithin)
	case "except":
		a.Except, err = p.texts(key)
	default:
		err = fmt.Errorf("unknown key %s: kind, event, leaf, space, domains, equals, patterns, min, max, before, after, within, except are known", quote(key))
	}
	return err
}

// decimal reads a number as it is spelled.
func (p *parser) decimal(key string) (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	n, ok := t.(json.Number)
	if !ok {
		return "", errors.New(key + " is not a number")
	}
	return n.String(), nil
}

// formatAnomalies writes the section of the anomalies, a rule a line.
func formatAnomalies(b *bytes.Buffer, list []Anomaly) {
	if len(list) == 0 {
		return
	}
	b.WriteString(",\n  \"anomalies\": [")
	for i := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    " + list[i].format())
	}
	b.WriteString("\n  ]")
}

// format writes one rule, the same one always in the same bytes.
func (a *Anomaly) format() string {
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "{\"kind\": %s", literal(a.Kind))
	field := func(there bool, key string, value any) {
		if there {
			fmt.Fprintf(b, ", %q: %s", key, literal(value))
		}
	}
	field(len(a.Event) > 0, "event", a.Event)
	field(a.Leaf != "", "leaf", a.Leaf)
	field(a.Space != "", "space", a.Space)
	field(len(a.Domains) > 0, "domains", a.Domains)
	field(len(a.Equals) > 0, "equals", a.Equals)
	field(len(a.Patterns) > 0, "patterns", a.Patterns)
	field(a.Min != "", "min", json.Number(a.Min))
	field(a.Max != "", "max", json.Number(a.Max))
	field(a.Before != "", "before", a.Before)
	field(a.After != "", "after", a.After)
	field(a.Within != 0, "within", a.Within)
	field(len(a.Except) > 0, "except", a.Except)
	b.WriteByte('}')
	return b.String()
}

// diffAnomalies counts, kind by kind, the rules that are in one list only:
// what they look for may be somebody's value. Their order does not matter.
func diffAnomalies(a, b []Anomaly) (out []string) {
	for _, kind := range []string{"bot", "test", "outlier", "impossible", "near_duplicate"} {
		if s := diffLists(ofKind(a, kind), ofKind(b, kind)); s != "" {
			out = append(out, kind+" "+s)
		}
	}
	return out
}

func ofKind(list []Anomaly, kind string) (texts []string) {
	for i := range list {
		if list[i].Kind == kind {
			texts = append(texts, list[i].format())
		}
	}
	slices.Sort(texts)
	return texts
}
