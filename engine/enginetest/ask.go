package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
)

// question tells whether a line of a script asks something.
func question(step string) bool {
	verb, _, _ := strings.Cut(step, " ")
	return slices.Contains([]string{"profile", "profiles", "decisions", "rejects", "flagged", "members", "changes", "sql", "remember"}, verb)
}

// ask answers a question.
func (p *play) ask(verb, rest string) ([]string, error) {
	switch verb {
	case "sql":
		return Rows(p.e, rest)
	case "profiles":
		return p.profiles()
	case "decisions":
		return p.decisions()
	case "rejects":
		return Rows(p.e, `SELECT verdict, reason, path, e.message_id AS repeats FROM rejects r LEFT JOIN events e ON e.seq = r.repeats ORDER BY r.seq`)
	case "flagged":
		return p.flagged(rest)
	case "members":
		return p.members(rest)
	case "changes":
		return p.changes(rest)
	case "remember":
		name, who, _ := strings.Cut(rest, " ")
		found, err := p.e.Profile(context.Background(), p.who(who))
		if err == nil {
			p.names["$"+name] = found.Public
		}
		return nil, err
	}
	found, err := p.e.Profile(context.Background(), p.who(rest))
	if missing(err) {
		return []string{"not found"}, nil
	}
	if err != nil {
		return nil, err
	}
	return describe(found), nil
}

// flagged gives the flagged events of somebody.
func (p *play) flagged(who string) ([]string, error) {
	list, err := p.e.Flagged(context.Background(), p.who(who), 100)
	if missing(err) {
		return []string{"not found"}, nil
	}
	var out []string
	for _, h := range list {
		out = append(out, fmt.Sprintf("%s %s %q, %s", short(h.Time), h.Kind, h.Name, h.Flags))
	}
	return out, err
}

// members gives an identifier of each.
func (p *play) members(condition string) ([]string, error) {
	ids, err := p.e.Members(context.Background(), condition, nil)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for id := range ids {
		name, err := p.name(id)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	slices.Sort(out)
	if len(out) == 0 {
		out = []string{"nobody"}
	}
	return out, nil
}

// changes gives those of a segment that were not given before.
func (p *play) changes(segment string) ([]string, error) {
	var out []string
	for c, err := range p.e.Changes(segment, p.told[segment]) {
		if err != nil {
			return nil, err
		}
		name, err := p.name(c.Profile)
		if err != nil {
			return nil, err
		}
		verb := "left"
		if c.Entered {
			verb = "entered"
		}
		at := short(c.At)
		if c.Cause == kith.ByDefinition {
			at = "now"
		}
		out = append(out, fmt.Sprintf("%s %s, by %s, at %s", name, verb, c.Cause, at))
		p.told[segment] = c.Seq + 1
	}
	if len(out) == 0 {
		out = []string{"none"}
	}
	return out, nil
}

// name gives an identifier of the profile that has a number, or had.
func (p *play) name(id kith.ProfileID) (string, error) {
	rows, err := Rows(p.e, fmt.Sprintf("SELECT space || ' ' || value FROM identifiers WHERE fragment = %d", id))
	return strings.Join(rows, ""), err
}

// who gives the identifier that a script names.
func (p *play) who(name string) kith.Identifier {
	if id, ok := p.names[name]; ok {
		return kith.Identifier{Space: "id", Value: id}
	}
	space, value := space(name)
	return kith.Identifier{Space: space, Value: value}
}

// describe writes a profile down, without what differs between directories.
func describe(p *kith.Profile) []string {
	var ids []string
	for _, l := range p.Links {
		ids = append(ids, l.Space+" "+l.Value)
	}
	slices.Sort(ids)
	known := "unknown"
	if p.Known {
		known = "known"
	}
	out := []string{
		strings.Join(ids, ", "),
		fmt.Sprintf("%s, %d events, first %s, last %s", known, p.Events, short(p.FirstSeen), short(p.LastSeen)),
	}
	if p.Flagged.Events > 0 {
		out = append(out, "flagged: "+p.Flagged.String())
	}
	for _, t := range p.Traits {
		line := fmt.Sprintf("%s = %s since %s", t.Name, t.Value, short(t.Time))
		if t.Previous != nil {
			line += fmt.Sprintf(", before %s since %s", t.Previous.Value, short(t.Previous.Time))
		}
		out = append(out, line)
	}
	for _, a := range p.Activity {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %q %d, first %s, last %s", a.Kind, a.Name, a.Count, short(a.First), short(a.Last))))
	}
	return out
}

func short(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return strings.TrimSuffix(strings.TrimSuffix(t.UTC().Format("2006-01-02T15:04:05.999999"), ":00"), "T00:00")
}

// profiles gives one line for each person.
func (p *play) profiles() ([]string, error) {
	return People(p.e)
}

func (p *play) decisions() ([]string, error) {
	return Rows(p.e, `SELECT d.kind || ' ' || a.space || ' ' || a.value || coalesce(' and ' || b.space || ' ' || b.value, '')
		|| ', ' || d.rule || coalesce(' ' || d.space, '') || coalesce(', because of ' || e.message_id, '')
		FROM decisions d JOIN identifiers a ON a.fragment = d.fragment LEFT JOIN identifiers b ON b.fragment = d.other
		LEFT JOIN events e ON e.seq = d.cause WHERE d.kind <> 'number' ORDER BY d.seq`)
}
