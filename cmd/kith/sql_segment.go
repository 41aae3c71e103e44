package main

import (
	"regexp"
	"strings"
)

// ours are the statements that are not DuckDB's. DuckDB never sees them.
var ours = regexp.MustCompile(`(?is)^(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*(` +
	`(?P<create>create(?:\s+or\s+replace)?\s+segment\s+(?P<name>"[^"]*"|[^\s"]+)\s+as\b)|` +
	`(?P<drop>drop\s+segment\s+(?P<gone>"[^"]*"|[^\s"]+))|` +
	`(?P<explain>explain\s+segment\b)|` +
	`(?P<list>show\s+segments)|` +
	`(?P<half>(?:create(?:\s+or\s+replace)?|drop|explain|show)\s+segments?\b))`)

// oneName is the name of a segment, or a trait by itself.
var oneName = regexp.MustCompile(`^("[A-Za-z0-9_-]+"|[A-Za-z0-9_-]+)$`)

// said carries out a statement that begins with our words; false: it is DuckDB's.
func (c *sqlCmd) said(a *app, text string) (bool, error) {
	at := ours.FindStringSubmatchIndex(text)
	if at == nil {
		return false, nil
	}
	group := func(name string) string {
		if i := 2 * ours.SubexpIndex(name); at[i] >= 0 {
			return text[at[i]:at[i+1]]
		}
		return ""
	}
	unquoted := func(name string) string { return strings.Trim(group(name), `"`) }
	rest := strings.TrimRight(text[at[1]:], "; \t\r\n")
	// What stands before the condition becomes space, so that places in errors are those of the text.
	condition := strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, text[:at[1]]) + rest
	switch {
	case len(c.Args) > 0:
		return true, wrong("kith sql --help", "a statement about segments takes no values for ?")
	case group("create") != "":
		return true, (&segmentCreate{Dir: c.Dir, Name: unquoted("name"), Condition: condition, shown: text, JSON: c.JSON}).Run(a)
	case group("explain") != "":
		if name := strings.TrimSpace(rest); oneName.MatchString(name) {
			condition = strings.Trim(name, `"`)
		}
		return true, (&segmentExplain{Dir: c.Dir, Condition: condition, shown: text, JSON: c.JSON}).Run(a)
	case strings.TrimSpace(rest) != "":
	case group("drop") != "":
		return true, (&segmentDrop{Dir: c.Dir, Name: unquoted("gone")}).Run(a)
	case group("list") != "":
		return true, c.rows(a, c.Dir, "SELECT * FROM segments ORDER BY name")
	}
	return true, wrong("kith segment --help", "write CREATE SEGMENT name AS condition, EXPLAIN SEGMENT name or condition, DROP SEGMENT name, or SHOW SEGMENTS")
}
