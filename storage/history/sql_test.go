package history

import (
	"errors"
	"strings"
	"testing"

	"github.com/kithdb/kith"
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
		{"SELECT original FROM events WHERE seq = 1", "{\"type\":\"track\",\"event\":\"Order\",\"messageId\":\"m1\",\"properties\":{\"total\":12.50,\"page\":{\"path\":\"/a\"}},\"context\":{\"ok\":true},\"anonymousId\":\"a0\",\"timestamp\":\"2001-09-09T01:46:40Z\"}\n"},
	} {
		if got := ask(t, h, v, c.query); got != c.want {
			t.Errorf("%s = %q, want %q", c.query, got, c.want)
		}
	}
	if v.released.Load() != 5 {
		t.Errorf("released %d times, want 5", v.released.Load())
	}
	const whole = "1 0 0 track Order 2001-09-09 01:46:40 +0000 UTC <nil> <nil> <nil> web 0 m1 map[new:<nil> page:map[path:/a] total:12.5] map[ok:true] map[_:<nil>] {\"type\":\"track\",\"event\":\"Order\",\"messageId\":\"m1\",\"properties\":{\"total\":12.50,\"page\":{\"path\":\"/a\"}},\"context\":{\"ok\":true},\"anonymousId\":\"a0\",\"timestamp\":\"2001-09-09T01:46:40Z\"}\n"
	v.tables = []Table{&fake{name: "profiles", n: 10, size: 10, dict: []string{"FR"}}}
	for _, c := range []struct{ query, want string }{ // begins with
		{"SELECT * FROM events ORDER BY seq", whole},
		{"FROM events ORDER BY seq", whole},
		{"TABLE events", whole},
		{"SELECT e.* FROM profiles p, events e WHERE p.id = e.seq ORDER BY seq", whole},
		{"SELECT x.* FROM (SELECT * FROM events) x WHERE seq = 1", whole},
		{"WITH x AS (FROM events) SELECT * FROM x WHERE seq = 1", whole},
		{"SELECT e.properties FROM events e WHERE seq = 1", "map[new:<nil> page:map[path:/a] total:12.5]"},
		{"SELECT properties.page FROM events WHERE seq = 1", "map[path:/a]"},
		{"SELECT properties['total']::VARCHAR FROM events WHERE seq = 1", "12.500000000"},
		{"SELECT properties.* FROM events WHERE seq = 1", "12.5 <nil> map[path:/a]"},
		{"SELECT count(DISTINCT e) FROM events e", "2"},
		{"SELECT PROPERTIES.Total::VARCHAR FROM Events WHERE seq = 1 -- properties", "12.500000000"},
		{"SELECT events.properties.page.path FROM events WHERE seq = 1", "/a"},
		{"DESCRIBE events", "seq UBIGINT YES"},
		{"SHOW TABLES", "all_events\nevents\nprofiles\n"},
		{"SUMMARIZE events", "seq UBIGINT 1 2 2"},
		{"EXPLAIN SELECT 1", "physical_plan"},
		{"EXPLAIN ANALYZE SELECT count(*) FROM events", "analyzed_plan"},
		{"PIVOT events ON name USING count(*) GROUP BY kind", "track 2"},
		{"VALUES (1)", "1"},
		{"SELECT current_setting('TimeZone')", "UTC"},
		{"SELECT * FROM query('SELECT properties.total::VARCHAR FROM events ORDER BY seq')", "12.500000000"},
		{"SELECT count(*) FROM events WHERE name = ?", "0"},
	} {
		var args []any
		if strings.Contains(c.query, "?") {
			args = append(args, "' OR 1=1 --")
		}
		if got := ask(t, h, v, c.query, args...); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s = %q, want %q", c.query, got, c.want)
		}
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	h := open(t, Options{Dir: t.TempDir(), Paths: &dictionary{}, Save: func(Manifest) error { return nil }})
	defer h.Close()
	if err := h.Append([]Row{{Seq: 1}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		query string
		want  error
	}{
		{"DELETE FROM part_000001.events", kith.ErrDenied},
		{"CREATE TABLE x (a INT)", kith.ErrDenied},
		{"CREATE TEMP VIEW events AS SELECT 1", kith.ErrDenied},
		{"SELECT 1; SELECT 2", kith.ErrDenied},
		{"SELECT E'\\'' ; DELETE FROM part_000001.events; SELECT ''", kith.ErrDenied},
		{"COPY (SELECT 1) TO '/tmp/x.csv'", kith.ErrDenied},
		{"ATTACH 'x.db'", kith.ErrDenied},
		{"DETACH part_000001", kith.ErrDenied},
		{"SET threads=1", kith.ErrDenied},
		{"SET VARIABLE x = 1", kith.ErrDenied},
		{"COMMIT", kith.ErrDenied},
		{"EXPLAIN ANALYZE DELETE FROM part_000001.events", kith.ErrDenied},
		{"/* x */ EXPLAIN (FORMAT json) DELETE FROM part_000001.events", kith.ErrDenied},
		{"EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/x.csv'", kith.ErrDenied},
		{"INSERT INTO part_000001.events SELECT * FROM part_000001.events", kith.ErrDenied},
		{"CALL pragma_version()", kith.ErrDenied},
		{"CHECKPOINT", kith.ErrDenied},
		{"INSTALL httpfs", kith.ErrDenied},
		{"SELECT * FROM read_csv('/etc/passwd')", kith.ErrDenied},
		{"SELECT * FROM read_text('/etc/passwd')", kith.ErrDenied},
		{"SELECT * FROM '/etc/passwd'", kith.ErrInvalid},
		{"WITH x AS (DELETE FROM part_000001.events RETURNING *) SELECT * FROM x", kith.ErrInvalid},
		{"SELEC 1", kith.ErrInvalid},
		{"", kith.ErrInvalid},
		{"SELECT 1 \x00", kith.ErrInvalid},
		{"SELECT properties.nope FROM events", kith.ErrInvalid},
		{"SELECT ?", kith.ErrInvalid},
		{"SELECT kith_owner(1::UBIGINT, 1::UINTEGER)", kith.ErrInvalid},
		{"SELECT * FROM kith_table(1::UBIGINT, 'x')", kith.ErrInvalid},
	} {
		v := &version{seq: 2, owner: selves(1)}
		got, err := tryAsk(h, v, c.query)
		if !errors.Is(err, c.want) {
			t.Errorf("%s = %q, %v, want %v", c.query, got, err, c.want)
		}
		if v.released.Load() != 1 {
			t.Errorf("%s: released %d times", c.query, v.released.Load())
		}
	}
	if got := ask(t, h, &version{seq: 2, owner: selves(1)}, "SELECT count(*) FROM events"); got != "1\n" {
		t.Error(got)
	}
}

func TestLargeSortsSpill(t *testing.T) {
	h := open(t, Options{Dir: t.TempDir(), Paths: &dictionary{}, Memory: 48 << 20, Threads: 2, Save: func(Manifest) error { return nil }})
	defer h.Close()
	if got := ask(t, h, &version{}, "SELECT current_setting('temp_file_encryption')"); got != "true\n" {
		t.Error("what spills is not encrypted")
	}
	if got := ask(t, h, &version{}, "SELECT count(x) FROM (SELECT hash(range)::VARCHAR AS x FROM range(1500000) ORDER BY x OFFSET 1)"); got != "1499999\n" {
		t.Error(got)
	}
}

func TestNowIsTheViews(t *testing.T) {
	h := open(t, Options{Paths: &dictionary{}})
	defer h.Close()
	const query = "SELECT now()::VARCHAR, current_timestamp::VARCHAR, today()::VARCHAR, current_date::VARCHAR, (SELECT max(ts) FROM events)"
	for now, want := range map[int64]string{
		1323475200000000: "2011-12-10 00:00:00+00 2011-12-10 00:00:00+00 2011-12-10 2011-12-10 <nil>\n",
		1000000000000000: "2001-09-09 01:46:40+00 2001-09-09 01:46:40+00 2001-09-09 2001-09-09 <nil>\n",
	} {
		if got := ask(t, h, &version{now: now}, query); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestErrorsQuoteNoData(t *testing.T) {
	d := &dictionary{}
	h := open(t, Options{Paths: d})
	defer h.Close()
	var rows []Row
	for i := range 3000 { // the last chunk too
		rows = append(rows, Row{Seq: uint64(i + 1), Kind: 2, Name: "Order", Time: 1e15, Received: NoTime, Sent: NoTime, Original: NoTime, Source: "web",
			Cells: d.cells("properties.word", `"8317"`, "properties.total", "4711")})
	}
	rows[2999].Cells = d.cells("properties.word", `"xq\"7' y"`, "properties.total", "4711")
	if err := h.Append(rows); err != nil {
		t.Fatal(err)
	}
	v := &version{seq: 3000, owner: selves(1)}
	for _, c := range []struct{ query, want string }{
		{"SELECT properties.word::INT FROM events", "could not be converted to INT32"},
		{"SELECT strptime(properties.word, '%Y') FROM events", "withheld"},
		{"SELECT json_extract(properties.word, '$.a') FROM events", "withheld"},
		{"SELECT error(properties.word) FROM events", "withheld"},
		{"SELECT properties.total::TINYINT FROM events", "INT8"},
		{"SELECT sum(hugeint '170141183460469231731687303715884105000' + properties.total::HUGEINT) FROM events", "withheld"},
		{"SELECT regexp_matches('a', properties.word || '(') FROM events", "withheld"},
		{"SELECT properties.word::DATE FROM events", "withheld"},
		{"SELECT date_trunc(properties.word, ts) FROM events", "withheld"},
	} {
		got, err := tryAsk(h, v, c.query)
		if !errors.Is(err, kith.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %.60q, %v; want %s", c.query, got, err, c.want)
			continue
		}
		for _, part := range []string{"xq", "7' y", "4711", "8317"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s quotes %q: %v", c.query, part, err)
			}
		}
	}
	_, err := tryAsk(h, v, "SELECT properties.word::INT FROM events")
	if !strings.Contains(err.Error(), "LINE 1: SELECT properties.word::INT FROM events") {
		t.Error("the place in the statement is lost:", err)
	}
	if _, err := tryAsk(h, v, "SELECT 'abc'::INT"); err == nil || !strings.Contains(err.Error(), "abc") {
		t.Error("what the statement itself says may be said:", err)
	}
}
