package main

import "strings"

// rejectsCmd is `kith rejects`.
type rejectsCmd struct {
	Dir      string `arg:"" help:"The platform's directory."`
	Load     *int64 `placeholder:"N" help:"Of one load only."`
	Reason   string `placeholder:"CODE" help:"For one reason only, such as no_identity."`
	Count    bool   `help:"Count by reason instead of listing."`
	Original bool   `help:"Show each item as it came in. It may hold personal values."`
	Limit    int    `placeholder:"N" help:"At most so many, the oldest first."`
	output   `embed:""`
}

// Run lists what was not accepted.
func (c *rejectsCmd) Run(a *app) error {
	var q strings.Builder
	var args []any
	switch {
	case c.Count:
		q.WriteString("SELECT verdict, reason, path, count(*) AS items, min(line) AS first_line FROM rejects")
	case c.Original:
		q.WriteString("SELECT seq, known_at, verdict, reason, path, byte, source, load, line, repeats, original FROM rejects")
	default:
		q.WriteString("SELECT seq, known_at, verdict, reason, path, byte, source, load, line, repeats FROM rejects")
	}
	q.WriteString(" WHERE true")
	if c.Load != nil {
		q.WriteString(" AND load = ?")
		args = append(args, *c.Load)
	}
	if c.Reason != "" {
		q.WriteString(" AND reason = ?")
		args = append(args, c.Reason)
	}
	if c.Count {
		q.WriteString(" GROUP BY ALL ORDER BY items DESC, verdict, reason, path")
	} else {
		q.WriteString(" ORDER BY seq, line")
	}
	if c.Limit > 0 {
		q.WriteString(" LIMIT ?")
		args = append(args, int64(c.Limit))
	}
	return c.rows(a, c.Dir, q.String(), args...)
}
