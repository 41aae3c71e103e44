package main

// loadsCmd is `kith loads`.
type loadsCmd struct {
	Dir    string `arg:"" help:"The platform's directory."`
	output `embed:""`
}

// Run lists what was brought in: files, feeds and reference tables.
func (c *loadsCmd) Run(a *app) error {
	return c.rows(a, c.Dir, `SELECT load, name, source, began, CASE WHEN ended IS NULL THEN 'not ended' ELSE strftime(ended, '%Y-%m-%d %H:%M:%S') END AS ended,
		mapped, coalesce(rows, table_rows) AS rows, excepted, received, accepted, duplicate, rejected, table_name AS "table" FROM loads ORDER BY load`)
}
