package engine

import "strings"

// parseShape reads a type as DuckDB spells it. What it does not know is a scalar.
func parseShape(spelling string) *shape {
	s := strings.TrimSpace(spelling)
	if strings.HasSuffix(s, "]") {
		if i := strings.LastIndexByte(s, '['); i > 0 {
			return &shape{name: "LIST", of: []*shape{parseShape(s[:i])}}
		}
	}
	name, rest, ok := strings.Cut(s, "(")
	out := &shape{name: strings.TrimSpace(name)}
	if !ok || !strings.HasSuffix(rest, ")") {
		return out
	}
	parts := cutTop(rest[:len(rest)-1])
	switch out.name {
	case "STRUCT":
		for _, p := range parts {
			member, of := cutMember(p)
			out.members = append(out.members, member)
			out.of = append(out.of, parseShape(of))
		}
	case "MAP":
		for _, p := range parts {
			out.of = append(out.of, parseShape(p))
		}
	}
	return out
}

// cutTop cuts at the commas outside of quotes and brackets.
func cutTop(s string) []string {
	var out []string
	depth, quoted, from := 0, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted // a doubled quote closes and opens again
		case quoted:
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	if last := strings.TrimSpace(s[from:]); last != "" {
		out = append(out, last)
	}
	return out
}

// cutMember cuts a member of a struct into its name and its type.
func cutMember(s string) (name, of string) {
	if !strings.HasPrefix(s, `"`) {
		name, of, _ = strings.Cut(s, " ")
		return name, of
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
		case i+1 < len(s) && s[i+1] == '"':
			i++
		default:
			return strings.ReplaceAll(s[1:i], `""`, `"`), strings.TrimSpace(s[i+1:])
		}
	}
	return s, ""
}
