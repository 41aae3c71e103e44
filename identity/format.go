package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Format writes the rules as JSON, a space a line, the same rules always in
// the same bytes. Parse reads them back.
func (r Rules) Format() []byte {
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "{\n  \"version\": %d,\n", r.Version)
	if r.Country != "" {
		fmt.Fprintf(b, "  \"country\": %s,\n", literal(r.Country))
	}
	if len(r.Blocked) > 0 {
		fmt.Fprintf(b, "  \"blocked\": %s,\n", literal(r.Blocked))
	}
	b.WriteString("  \"spaces\": [")
	for i, s := range r.Spaces {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		s.format(b)
	}
	if len(r.Spaces) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteByte(']')
	formatAnomalies(b, r.Anomalies)
	b.WriteString("\n}\n")
	return b.Bytes()
}

func (s *Space) format(b *bytes.Buffer) {
	fmt.Fprintf(b, "{\"name\": %s", literal(s.Name))
	field := func(there bool, key string, value any) {
		if there {
			fmt.Fprintf(b, ", %q: %s", key, literal(value))
		}
	}
	field(s.Unique, "unique", s.Unique)
	field(s.Limit != 0, "limit", s.Limit)
	field(s.Per != "", "per", s.Per)
	field(s.Weak, "weak", s.Weak)
	field(s.Form != "", "form", s.Form)
	field(len(s.Blocked) > 0, "blocked", s.Blocked)
	field(len(s.BlockedRE) > 0, "blocked_re", s.BlockedRE)
	b.WriteByte('}')
}

// literal writes one value of JSON without escaping < and >.
func literal(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("unreachable") // strings, numbers and booleans can be written
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

// Diff tells what changes from a to b, a sentence each; nothing where both
// decide alike. Blocked values are counted and not shown, since the sentences
// end in errors. The version is not compared.
func Diff(a, b Rules) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if a.Country != b.Country {
		say("country: %s → %s", strconv.Quote(a.Country), strconv.Quote(b.Country))
	}
	if s := diffLists(a.Blocked, b.Blocked); s != "" {
		say("blocked: %s", s)
	}
	was, is := byName(a), byName(b)
	for _, s := range a.Spaces {
		if _, ok := is[s.Name]; !ok {
			say("space %s: taken out", s.Name)
		}
	}
	for _, s := range b.Spaces {
		old, ok := was[s.Name]
		if !ok {
			say("space %s: put in", s.Name)
			continue
		}
		for _, line := range diffSpace(old, s) {
			say("space %s: %s", s.Name, line)
		}
	}
	if !slices.Equal(common(a, is), common(b, was)) {
		say("order: %v → %v", common(a, is), common(b, was))
	}
	for _, line := range diffAnomalies(a.Anomalies, b.Anomalies) {
		say("anomalies: %s", line)
	}
	return out
}

func diffSpace(a, b Space) (out []string) {
	field := func(key string, x, y any) {
		if x != y {
			out = append(out, fmt.Sprintf("%s %v → %v", key, x, y))
		}
	}
	field("unique", a.Unique, b.Unique)
	field("limit", a.Limit, b.Limit)
	field("per", strconv.Quote(a.Per), strconv.Quote(b.Per))
	field("weak", a.Weak, b.Weak)
	field("form", strconv.Quote(a.Form), strconv.Quote(b.Form))
	if s := diffLists(a.Blocked, b.Blocked); s != "" {
		out = append(out, "blocked "+s)
	}
	if s := diffLists(a.BlockedRE, b.BlockedRE); s != "" {
		out = append(out, "blocked_re "+s)
	}
	return out
}

// diffLists counts what is in one list only; "" where both hold the same.
func diffLists(a, b []string) string {
	more, less := beyond(b, a), beyond(a, b)
	if more == 0 && less == 0 {
		return ""
	}
	return fmt.Sprintf("%d put in, %d taken out", more, less)
}

// beyond counts the distinct values of list that are not in other.
func beyond(list, other []string) int {
	had := make(map[string]bool, len(list)+len(other))
	for _, s := range other {
		had[s] = true
	}
	n := 0
	for _, s := range list {
		if !had[s] {
			had[s] = true
			n++
		}
	}
	return n
}

func byName(r Rules) map[string]Space {
	m := make(map[string]Space, len(r.Spaces))
	for _, s := range r.Spaces {
		m[s.Name] = s
	}
	return m
}

// common gives the names of r's spaces that other has too, in r's order.
func common(r Rules, other map[string]Space) (names []string) {
	for _, s := range r.Spaces {
		if _, ok := other[s.Name]; ok {
			names = append(names, s.Name)
		}
	}
	return names
}
