package enginetest

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// What is kept in other forms where there is much of it is answered alike: a
// text with more values than have bitmaps, numbers of any size, people by the
// thousand, a name that is longer than most. DuckDB alone is the judge.
func TestPlansOfThousands(t *testing.T) {
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	e := Memory(t, &engine.Options{Zone: time.UTC})
	if err := e.SetClock(now.Format(time.RFC3339)); err != nil {
		t.Fatal(err)
	}
	r := dice(seed(t), "thousands")
	long := strings.Repeat("é", 40)
	var lines []string
	for i := range 6000 {
		huge := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(r.IntN(28))), nil)
		at := now.Add(-time.Duration(r.IntN(4000)) * time.Minute).Format(time.RFC3339)
		who := fmt.Sprintf("u%d", i)
		lines = append(lines, encode(map[string]any{"type": "identify", "userId": who, "messageId": fmt.Sprintf("i%d", i), "timestamp": at, "traits": some(r, map[string]any{
			"email": fmt.Sprintf("%d@example.org", i), "nick": fmt.Sprintf("n%d", i*7919%6000), "plan": one(r, "pro", "free"), "whole": r.IntN(50), "cents": 0.25 * float64(r.IntN(40)-20), "huge": huge, "vip": r.IntN(2) == 0,
		})}))
		for k := range r.IntN(4) {
			lines = append(lines, encode(map[string]any{"type": "track", "event": one(r, "View", "Buy", long), "userId": who, "messageId": fmt.Sprintf("e%d-%d", i, k),
				"timestamp": now.Add(-time.Duration(r.IntN(40*24*60)) * time.Minute).Format(time.RFC3339)}))
		}
	}
	Lines(t, e, lines...)
	ways := map[string]bool{}
	for _, text := range []string{
		"nick LIKE '%7%'", "nick > 'n4' AND nick < 'n5'", "NOT (nick <=> 'n77')", "nick IS NULL", "nick IN ('n1', 'n5999', 'n6000')", "coalesce(nick, 'n3') REGEXP '3$'",
		"plan = 'pro' AND nick LIKE '%99%'", "lower(nick) <> 'n1'", "vip IS NOT TRUE", "length(nick) = 4 OR nick IS NULL",
		"whole BETWEEN 3 AND 7", "whole IN (1, 48, 99)", "whole <> 4.5", "cents < -1.25", "cents = 0.5", "coalesce(cents, -9) < 0", "cents >= 4.750000001",
		"huge > 1000000000000000000", "huge BETWEEN 5 AND 1e20", "huge = 1e27", "NOT (huge < 1e10)", "huge <=> 1", "plan = 'free' AND whole > 45 AND huge > 1e15", "nick IN ('n0', 'n1919', 'n3838', 'n5757', 'n1676', 'n3595', 'n5514') AND whole >= 0 AND huge > 0 AND known",
		"plan IN ('pro', 'free')", "EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts < DATE '2025-12-20')",
		"email IS NULL AND plan = 'pro'", "first_seen > now() - INTERVAL 30 HOUR", "last_seen <= now() - INTERVAL 2 DAY", "date(last_seen) = current_date", "known", "NOT known",
		"EXISTS (SELECT 1 FROM events WHERE name = 'View' AND ts > now() - INTERVAL 100 HOUR)", "(SELECT count(*) FROM events WHERE name IN ('View', 'Buy') AND ts > now() - INTERVAL 333 HOUR) >= 2",
		"(SELECT count(DISTINCT date(ts)) FROM events WHERE ts BETWEEN now() - INTERVAL 900 HOUR AND now() - INTERVAL 30 HOUR) BETWEEN 1 AND 2",
		"plan = 'pro' AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 500 HOUR)", "EXISTS (SELECT 1 FROM events WHERE name = '" + long + "')",
		"EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts >= date_trunc('month', now()))", "date_trunc('week', last_seen) < date_trunc('week', now())", "local_time(last_seen, 'Asia/Kolkata') >= DATE '2026-01-05'",
		"(SELECT count(*) FROM events WHERE name = 'View' AND local_time(ts, 'Europe/Paris') >= date_trunc('month', local_time(now(), 'Europe/Paris')) - INTERVAL 1 MONTH) >= 2", "EXISTS (SELECT 1 FROM events WHERE date(local_time(ts, 'America/New_York')) = DATE '2025-12-24')",
		"nick LIKE 'n1%' AND (SELECT count(*) FROM events WHERE name = 'View' AND ts > now() - INTERVAL 9 HOUR) = 0",
	} {
		for range 2 { // the second time from what is kept
			x, err := e.Explain(context.Background(), text, nil)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for _, s := range x.Steps {
				ways[s.Way] = true
			}
			members, err := e.Members(context.Background(), text, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []kith.ProfileID
			for id := range members {
				got = append(got, id)
			}
			want := wholly(t, e, x)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s gives %d people, DuckDB alone %d\n%v", text, len(got), len(want), x.Steps)
			}
			if x.True+x.False+x.Unknown != 6000 || x.True != len(got) {
				t.Errorf("%s: %d, %d, %d of 6000", text, x.True, x.False, x.Unknown)
			}
		}
	}
	for _, way := range []string{"value bitmap", "value bitmaps", "all but value bitmap", "dictionary and column", "column", "column, person by person", "days", "days + cut day", "days + cut day by DuckDB", "DuckDB"} {
		if !ways[way] {
			t.Errorf("nothing was answered by %s", way)
		}
	}
}

// Who was asked about one by one, is asked about alone: the plan says so.
func TestExplainTellsTheWay(t *testing.T) {
	e := shop(t, "")
	x, err := e.Explain(context.Background(), "email = 'ada@example.org' AND plan = 'pro' AND EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed') AND ltv > 100", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	for _, s := range x.Steps {
		got += fmt.Sprintf("%s; %s; %d; %d\n", s.Part, s.Way, s.Asked, s.People)
	}
	want := `plan = 'pro'; value bitmap; -1; 1
ltv > 100; column, person by person; 1; 1
EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed'); days; 1; 1
email = 'ada@example.org'; DuckDB; 1; 1
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, where := range []string{"ts >= date_trunc('month', now())", "date(ts) = current_date", "local_time(ts, 'Europe/Paris') >= date_trunc('month', local_time(now(), 'Europe/Paris'))",
		"date(local_time(ts, 'Asia/Kolkata')) = date(local_time(now(), 'Asia/Kolkata'))", "ts < utc_time(DATE '2026-03-29', 'Europe/Paris')"} {
		if x, err := e.Explain(context.Background(), "(SELECT count(*) FROM events WHERE name = 'Order Completed' AND "+where+") > 0", nil); err != nil || !strings.HasPrefix(x.Steps[0].Way, "days") {
			t.Errorf("%s: %+v, %v, want days", where, x.Steps, err)
		}
	}
	if x, err = e.Explain(context.Background(), "email = 'ada@example.org' AND plan = 'gold'", nil); err != nil || len(x.Steps) != 2 || x.Steps[1].Way != "not needed" {
		t.Errorf("got %+v, %v", x.Steps, err)
	}
}
