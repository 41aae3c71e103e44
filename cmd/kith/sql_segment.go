package main

import (
	"regexp"
	"strings"
)

// ours are the statements that are not DuckDB's, without their comments. DuckDB
// never sees them.
var ours = regexp.MustCompile(`(?is)^\s*(` +
	`(?P<create>create(?:\s+or\s+replace)?\s+segment\s+(?P<name>"[^"]*"|[^\s"]+)\s+as\b)|` +
	`(?P<drop>drop\s+segment\s+(?P<if>if\s+exists\s+)?(?P<gone>"[^"]*"|[^\s"]+))|` +
	`(?P<explain>explain\s+segment\b)|` +
	`(?P<list>show\s+segments)|` +
	`(?P<half>(?:create(?:\s+or\s+replace)?|drop|explain|show)\s+segments?\b))`)

// oneName is the name of a segment, or a trait by itself.
var oneName = regexp.MustCompile(`^("[A-Za-z0-9_-]+"|[A-Za-z0-9_-]+)$`)

// said carries out a statement that begins with our words; false: it is DuckDB's.
func (c *sqlCmd) said(a *app, text string) (bool, error) {
	bare := uncommented(text)
	at := ours.FindStringSubmatchIndex(bare)
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
	rest := strings.TrimRight(bare[at[1]:], "; \t\r\n")
	// What stands before the condition becomes space, so that places in errors are those of the text.
	condition := strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, text[:at[1]]) + text[at[1]:at[1]+len(rest)]
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
		return true, (&segmentDrop{Dir: c.Dir, Name: unquoted("gone"), lenient: group("if") != ""}).Run(a)
	case group("list") != "":
		return true, c.rows(a, c.Dir, "SELECT name, version, text, state, members, defined_at, seq FROM segments ORDER BY name") // which waits for members
	}
	return true, wrong("kith segment --help", "write CREATE SEGMENT name AS condition, EXPLAIN SEGMENT name or condition, DROP SEGMENT [IF EXISTS] name, or SHOW SEGMENTS")
}

// uncommented gives a text with space in the place of its comments, byte for
// byte. As in the condition behind it, /* may stand within another, and nothing
// is a comment between quotes.
func uncommented(text string) string {
	out := []byte(text)
	blank := func(from, to int) int {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
		return to
	}
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "--"):
			n := strings.IndexByte(text[i:]+"\n", '\n')
			i = blank(i, i+n)
		case strings.HasPrefix(text[i:], "/*"):
			i = blank(i, i+commentLen(text[i:]))
		case strings.IndexByte("'\"`", text[i]) >= 0: // a doubled quote ends one text and begins the next
			n := strings.IndexByte(text[i+1:], text[i])
			if n < 0 {
				return string(out)
			}
			i += n + 2
		default:
			i++
		}
	}
	return string(out)
}

// commentLen gives how long the comment is that a text begins with.
func commentLen(text string) int {
	depth := 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			if i++; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}
