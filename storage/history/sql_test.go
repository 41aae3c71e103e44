package history

import (
	"testing"
)

func TestEventsAnswerSQL(t *testing.T) {
	d := &dictionary{}
	h := open(t, Options{Paths: d})
	defer h.Close()
	rows := []Row{
		{Seq: 1, Fragment: 0, Kind: 2, Name: "Order", Time: 1e15, Received: NoTime, Sent: NoTime, Original: NoTime, Source: "web", MessageID: "m1",
			Cells: d.cells("properties.total", "12.50", "properties.page.path", `"/a"`, "context.ok", "true")},
		{Seq: 2, Fragment: 1, Kind: 2, Name: "Order", Time: 2e15, Received: NoTime, Sent: NoTime, Original: NoTime, Source: "web", MessageID: "00000000-0000-4000-8000-000000000001",
			Cells: d.cells("properties.total", `"many"`, "properties.new", "7")},
	}
	if err := h.Append(rows[:1]); err != nil {
		t.Fatal(err)
	}
	if err := h.Append(rows[1:]); err != nil {
		t.Fatal(err)
	}
	v := &version{seq: 2, owner: [][]uint32{{0, 0}}}
	for _, c := range []struct{ query, want string }{
		{"SELECT count(*) FROM events", "2\n"},
		{"SELECT seq, profile_id, kind, name, message_id FROM events ORDER BY seq", "1 0 track Order m1\n2 0 track Order 00000000-0000-4000-8000-000000000001\n"},
		{"SELECT seq, properties.total::VARCHAR, properties.page.path FROM events ORDER BY seq", "1 12.500000000 /a\n2 <nil> <nil>\n"},
		{"SELECT sum(e.properties.new)::INT FROM events e WHERE e.context.ok IS NULL", "7\n"},
		{"SELECT original FROM events WHERE seq = 1", "map[anonymousId:a0 context:map[ok:true] event:Order messageId:m1 properties:map[page:map[path:/a] total:12.5] timestamp:2001-09-09T01:46:40Z type:track]\n"},
	} {
		if got := ask(t, h, v, c.query); got != c.want {
			t.Errorf("%s = %q, want %q", c.query, got, c.want)
		}
	}
	if v.released.Load() != 5 {
		t.Errorf("released %d times, want 5", v.released.Load())
	}
	for _, q := range []string{"SELECT * FROM events", "DESCRIBE events", "SHOW TABLES", "SUMMARIZE events", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT count(*) FROM events", "PIVOT events ON name USING count(*)", "VALUES (1)", "FROM events", "WITH x AS (SELECT 1) SELECT * FROM x", "TABLE events", "SELECT properties FROM events", "SELECT e FROM events e", "SELECT * FROM information_schema.tables", "SELECT events.properties.total FROM events"} {
		s, err := tryAsk(h, v, q)
		t.Logf("%s: %v\n%s", q, err, s[:min(len(s), 300)])
	}
	for _, q := range []string{"DELETE FROM part_000001.events", "CREATE TABLE x (a INT)", "SELECT 1; SELECT 2", "COPY (SELECT 1) TO '/tmp/x.csv'", "ATTACH 'x.db'", "SET threads=1", "PRAGMA database_list", "EXPLAIN ANALYZE DELETE FROM part_000001.events", "INSERT INTO part_000001.events SELECT * FROM part_000001.events", "CALL pragma_version()", "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELEC 1", "SELECT properties.nope FROM events", "SELECT ?", "WITH x AS (DELETE FROM part_000001.events RETURNING *) SELECT * FROM x", "CHECKPOINT", "SELECT * FROM read_text('/etc/passwd')"} {
		s, err := tryAsk(h, v, q)
		t.Logf("%s: %v\n%s", q, err, s[:min(len(s), 300)])
	}
}
