package enginetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/query"
)

// one gives one of a list.
func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// crowd gives lines about people who share few names, so that conditions meet
// them: values that are missing, of another type, in other letters, at the edge
// of a window, and people who turn out to be one.
func crowd(r *rand.Rand, n int, now time.Time) []string {
	var out []string
	totals := []any{1, 2, 2.5, 40.1, -3, "4", json.Number("0.1234567891")}
	if r.IntN(2) == 0 { // of which two, or three, come to more than fits, and another brings them back
		totals = append(totals, json.Number("9e28"), json.Number("9e28"), json.Number("-9e28"), json.Number("5e28"), json.Number("-50000000000000000000000000000.5"), json.Number("1e18"))
	}
	for i := range n {
		who := fmt.Sprintf("u%d", r.IntN(n/6+2))
		anonymous := fmt.Sprintf("anon-%d", r.IntN(n/5+2)) // long enough to be looked for among values
		at := now.Add(-time.Duration(r.IntN(70*24)) * time.Hour)
		if r.IntN(6) == 0 {
			at = turned(r, now.AddDate(0, 0, -100), now)
		}
		if r.IntN(3) == 0 { // whole days apart, as spans are
			at = now.AddDate(0, 0, -r.IntN(40))
		}
		if r.IntN(10) == 0 {
			at = now.Add(time.Duration(r.IntN(3)-1) * time.Second)
		}
		ev := map[string]any{"messageId": fmt.Sprintf("m%03d", i), "timestamp": at.Format(time.RFC3339Nano), "receivedAt": now.Add(48 * time.Hour).Format(time.RFC3339), "userId": who}
		if r.IntN(3) == 0 {
			ev["anonymousId"] = anonymous
		}
		if r.IntN(3) == 0 {
			ev["anonymousId"] = anonymous
			delete(ev, "userId")
		}
		if r.IntN(12) == 0 {
			ev["type"], ev["groupId"] = "group", one(r, "acme", "bolt", "Acme")
		} else if r.IntN(3) == 0 {
			ev["type"], ev["traits"] = "identify", some(r, map[string]any{
				"plan": one(r, "pro", "free", "Pro", "größe", "GRÖSSE", "p%o", ""), "ltv": one[any](r, 0, 3, 10.5, 10.500000001, -7, "12", json.Number("1e30")),
				"vip": one[any](r, true, false, "yes"), "born": one(r, "2000-02-29", "1990-06-15T10:00:00+02:00", "2030-01-01", "never", "1980-13-01"),
				"tier": one[any](r, 5, "5", 6), "address": map[string]any{"city": one(r, "Paris", "Lyon"), "zip": r.IntN(3)}, "tags": tags(r),
			})
		} else {
			ev["type"], ev["event"] = "track", one(r, "View", "Buy", "Leave")
			ev["properties"] = some(r, map[string]any{"total": one(r, totals...), "sku": one(r, "a", "b", "C"), "gift": one(r, true, false), "due": one(r, "2026-01-05", "2025-12-24T23:59:59Z", "soon", "2026-03-29T00:59:59Z", "2026-03-29T01:30:00Z", "2025-10-26T02:30:00+02:00"), "tags": tags(r),
				"comment": one[any](r, "a", "b", "C", "größe", "a", "2026-01-05", 2, 2.5, true, tags(r)), "via": one[any](r, "a", "b", "ada@example.org", "Bob@Example.org", "ada@example.org", 2, true, []any{"a", "ada@example.org"}),
				"ref": one(r, anonymous, anonymous, "anon-1", "a")})
		}
		out = append(out, encode(ev))
	}
	return out
}

// tags gives an array, mostly: some have what looks like the element that is asked for.
func tags(r *rand.Rand) any {
	return one[any](r, []any{"a", "größe"}, []any{"b", 5, "a\"b"}, []any{"5", "A"}, []any{json.Number("5.0"), nil, true}, []any{}, []any{[]any{"a"}, map[string]any{"a": "a"}, json.Number("1e30")},
		"a", "[a", `["a"]`, 5, []any{"b"}, []any{"a", "b"})
}

// some keeps about three quarters of the members.
func some(r *rand.Rand, m map[string]any) map[string]any {
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}) {
		if r.IntN(4) == 0 {
			delete(m, k)
		}
	}
	return m
}

// span gives an interval.
func aSpan(r *rand.Rand) string {
	return fmt.Sprintf("INTERVAL %d %s", 1+r.IntN(40), one(r, "DAY", "DAY", "HOUR", "WEEK", "MONTH"))
}

func number(r *rand.Rand) string { return one(r, "0", "3", "10.5", "10.500000001", "-7", "2", "2.5") }

func op(r *rand.Rand) string { return one(r, "=", "<>", "<", "<=", ">", ">=", "<=>") }

// personLeaf gives a condition about a person.
func personLeaf(r *rand.Rand) string {
	switch r.IntN(56) {
	case 51, 52:
		return local(r, one(r, "born", "first_seen", "last_seen", "last_seen + "+aSpan(r))) + " " + op(r) + " " + one(r, moment(r), "now()", "DATE '2025-10-26'", "TIMESTAMP '2025-10-26 02:30:00'")
	case 53:
		return one(r, "hour", "dayofweek", "day", "month") + "(" + local(r, one(r, "last_seen", "now()", "first_seen", "born")) + ") " + one(r, "IN (0, 6)", "< 8", op(r)+" 2", "IS NULL")
	case 54:
		return moment(r) + " " + op(r) + " " + one(r, "last_seen", "first_seen", "DATE '2025-12-01'", "TIMESTAMP '2026-03-29 03:00:00'")
	case 45, 46:
		return one(r, "", "NOT ") + "has(tags, " + one(r, "'a'", "'b'", "5", "'5'", "'größe'", "'a\"b'", "''") + ")" + one(r, "", "", " IS NULL", " IS NOT TRUE")
	case 42, 43:
		return "bucket(" + one(r, "", "'x', ", "'', ") + one(r, "2", "3", "10") + ") " + one(r, "= 0", "IN (0, 2, 7)", "< 2", "<> 1", ">= tier", "+ ltv > 4")
	case 44:
		return "distance_km(" + one(r, "ltv, tier, 48.8566, 2.3522", "ltv, address.zip, tier, ltv", "48.5, -4.25, address.zip, 180", "ltv * 9, 5, -1, address.zip") + ") " + one(r, "IS NULL", "> 4000", "BETWEEN 200.5 AND 5400.123", "IN (0, 444.78, 1111.952, 1234)")
	case 39, 40:
		return one(r, "", "next_") + "anniversary(" + one(r, "born", "first_seen", "last_seen", "born + "+aSpan(r)) + ") " + one(r, op(r)+" ", "+ "+aSpan(r)+" "+op(r)+" ") + one(r, "current_date", "now()", "date(last_seen)", "DATE '2025-06-15'")
	case 41:
		return one(r, "year", "month", "day", "hour", "dayofweek") + "(" + one(r, "born", "first_seen", "last_seen", "now()", "current_date - "+aSpan(r), "anniversary(born)") + ") " + op(r) + " " + one(r, "1", "6", "2", "12", "29", "2000", "2025")
	case 47, 48, 49:
		return account(r)
	case 50:
		return "(" + one(r, "plan = 'pro'", "ltv > 3 OR vip", "NOT plan LIKE 'p%'", "EXISTS (SELECT 1 FROM events WHERE name = 'Buy')", "in_segment('some') AND vip", "in_segment('more')", "in_list('vip')") + ") IS " + one(r, "", "NOT ") + one(r, "TRUE", "FALSE")
	case 33, 34:
		return calculation(r) + " " + op(r) + " " + number(r)
	case 35:
		return "days_between(" + one(r, "born, now()", "last_seen, now()", "now() - "+aSpan(r)+", first_seen", "first_seen, last_seen", "date(born), current_date", "last_seen, current_date + INTERVAL 1 MONTH", "current_date, born") + ") " + op(r) + " " + one(r, "0", "1", "-1", "20", "9500")
	case 36:
		return "tier(" + one(r, "ltv", calculation(r), "tier") + ", 'low', 2.5, 'mid', 10.5, 'high') " + op(r) + " " + one(r, "'low'", "'mid'", "'high'")
	case 37:
		return one(r, calculation(r), "days_between(born, now())", "tier(ltv, 'a', 0, 'b')") + one(r, " IS NULL", " IS NOT NULL")
	case 38:
		return calculation(r) + " IN (0, 6, 5.25, 21" + one(r, "", ", NULL") + ")"
	case 0:
		return "plan " + op(r) + " " + one(r, "'pro'", "'free'", "'größe'", "''")
	case 1:
		return "plan IN ('pro', 'free')"
	case 2:
		return "plan NOT IN ('pro', NULL)"
	case 3:
		return one(r, "plan", "ltv", "vip", "born", "tier", "address.city", "nothing") + one(r, " IS NULL", " IS NOT NULL")
	case 4:
		return "plan " + one(r, "LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE") + " " + one(r, "'p%'", "'%O%'", "'_r_'", "'GRÖß%'", "'größe'")
	case 5:
		return "plan LIKE 'p!%o' ESCAPE '!'"
	case 6:
		return "plan " + one(r, "REGEXP", "NOT REGEXP") + " " + one(r, "'^p'", "'(?i)PRO|f.ee'", "'e$'")
	case 7, 8:
		return "ltv " + op(r) + " " + number(r)
	case 9:
		return "ltv " + one(r, "", "NOT ") + "BETWEEN 0 AND " + number(r)
	case 10:
		return one(r, "vip", "NOT vip", "vip IS TRUE", "vip IS NOT TRUE", "vip = FALSE", "vip IS NOT FALSE", "known")
	case 11:
		return "born " + op(r) + " " + one(r, "DATE '2000-02-29'", "TIMESTAMP '1990-06-15 08:00:00'", "now()")
	case 12:
		return "born " + one(r, "<", ">=") + " now() - INTERVAL " + fmt.Sprint(240+r.IntN(240)) + " MONTH"
	case 13:
		return "age(born) " + op(r) + " " + one(r, "25", "26", "35", "36")
	case 14:
		return "length(plan) " + op(r) + " " + one(r, "0", "3", "5")
	case 15:
		return "lower(plan) " + op(r) + " " + one(r, "'pro'", "'größe'")
	case 16:
		return "coalesce(plan, address.city, 'none') " + op(r) + " " + one(r, "'none'", "'Paris'")
	case 17:
		return one(r, "first_seen", "last_seen") + " " + op(r) + " " + one(r, "now()", "now() - "+aSpan(r), "current_date")
	case 18:
		return "tier " + op(r) + " " + one(r, "5", "'5'")
	case 19:
		return "address.zip " + op(r) + " " + one(r, "0", "1")
	case 20:
		return "ltv " + one(r, ">=", "<") + " top_percent(" + one(r, "1", "10", "33.3", "50", "100") + ", ltv)"
	case 21:
		return "(SELECT sum(properties.total) FROM events) >= top_percent(" + one(r, "10", "50") + ", (SELECT sum(properties.total) FROM events))"
	case 22:
		return one(r, "TRUE", "FALSE", "1 = 1")
	case 23:
		return "coalesce(born, now() - INTERVAL " + fmt.Sprint(200+r.IntN(300)) + " MONTH) " + op(r) + " " + one(r, "DATE '2000-02-29'", "last_seen")
	case 24:
		return "plan ILIKE " + one(r, "'PX%O' ESCAPE 'X'", "'fr%' ESCAPE 'R'", "'P!%%' ESCAPE '!'", "'%RR%' ESCAPE 'R'")
	case 25:
		return "date(born) " + one(r, "IN", "NOT IN") + " (DATE '2000-02-29', DATE '1990-06-15'" + one(r, "", ", NULL") + ")"
	case 26:
		return "(current_date - " + aSpan(r) + ") " + op(r) + " " + one(r, "date(last_seen)", "first_seen")
	case 28:
		return "plan " + fromGoods(r, one(r, "sort", "sku", "price"))
	case 29:
		return "number(ltv) " + fromGoods(r, "price")
	case 30, 31:
		return one(r, "", "NOT ") + one(r, "in_segment('some')", "in_segment('more')", "in_list('vip')", "in_list('staff')")
	case 27:
		return "ltv " + one(r, "IN", "NOT IN") + " (0, 3, 10.5" + one(r, "", ", 1, 2, 4, 5, 6, 7, 8, 9", ", NULL") + ")"
	}
	return "date(born) + " + aSpan(r) + " " + op(r) + " now()"
}

// calculation gives a number that is calculated.
func calculation(r *rand.Rand) string {
	a := one(r, "ltv", "tier", "address.zip", "length(plan)", "(SELECT sum(properties.total) FROM events)", "(SELECT count(*) FROM events)", "3", "0.333333333", "99999999999999999999999999999")
	b := one(r, "ltv", "tier", "address.zip", "(SELECT count(*) FROM events WHERE name = 'Buy')", "2", "7", "0", "0.000000002")
	text := a + one(r, " + ", " - ", " * ", " / ") + b
	if r.IntN(3) == 0 {
		text = one(r, "(", "2 * (", "10 - (") + text + ")" + one(r, " / 3", " * ltv", " - tier", " + 1")
	}
	return text
}

// eventLeaf gives a condition about an event.
func eventLeaf(r *rand.Rand) string {
	switch r.IntN(42) {
	case 37, 38, 39:
		return sealedLeaf(r)
	case 32, 33:
		return local(r, one(r, "ts", "ts", "properties.due", "ts - "+aSpan(r))) + " " + op(r) + " " + one(r, moment(r), moment(r), "DATE '2025-10-26'", "TIMESTAMP '2026-03-29 01:30:00'")
	case 34:
		return "ts " + one(r, ">=", "<", "=") + " " + moment(r)
	case 35, 36:
		return one(r, "hour", "dayofweek", "day") + "(" + local(r, one(r, "ts", "ts", "properties.due")) + ") " + one(r, "IN (0, 6)", "< 8", "= 2", op(r)+" 1")
	case 28, 29:
		return one(r, "", "NOT ") + "has(properties." + one(r, "tags", "tags", "comment", "via") + ", " + one(r, "'a'", "'b'", "5", "'größe'", "'a\"b'") + ")" + one(r, "", "", " IS NULL")
	case 27:
		return "distance_km(properties.total, " + one(r, "2", "profiles.ltv", "properties.total") + ", 1, 2) " + op(r) + " " + one(r, "0", "111.195", "300", "4500")
	case 25:
		return one(r, "hour(ts)", "dayofweek(ts)", "month(ts)", "day(properties.due)", "year(properties.due)", "month(profiles.born)") + " " + op(r) + " " + one(r, "0", "3", "5", "12", "24", "2025")
	case 26:
		return one(r, "", "next_") + "anniversary(" + one(r, "properties.due", "ts", "profiles.born") + ") " + op(r) + " " + one(r, "current_date", "ts", "now() - "+aSpan(r))
	case 30, 31:
		return "group_id " + one(r, "= 'acme'", "<> 'bolt'", "ILIKE 'a%'", "IS NULL", "IN ('bolt', 'x')")
	case 23:
		return "properties.total " + one(r, "* 2", "/ 3", "+ profiles.ltv", "- 1") + " " + op(r) + " " + one(r, "2", "5", "0.833333333")
	case 24:
		return "days_between(" + one(r, "ts, now()", "properties.due, ts", "profiles.first_seen, ts", "now(), properties.due") + ") " + op(r) + " " + one(r, "0", "3", "-7", "20")
	case 19, 20:
		return near(r, 2, 1)
	case 0, 1, 2:
		return "name " + op(r) + " " + one(r, "'View'", "'Buy'", "'Leave'")
	case 3, 4:
		return "ts " + one(r, ">", ">=", "<", "<=") + " now() - " + aSpan(r)
	case 5:
		return "ts BETWEEN now() - INTERVAL 60 DAY AND now() - " + aSpan(r)
	case 6:
		return "properties.total " + op(r) + " " + one(r, "2", "2.5", "40.1", "-3")
	case 7, 40, 41:
		return word(r) + " " + op(r) + " " + wording(r)
	case 8:
		return one(r, "properties.gift", "NOT properties.gift", "properties.gift IS NULL")
	case 9:
		return "kind " + op(r) + " " + one(r, "'track'", "'identify'")
	case 10:
		return "properties.due " + one(r, "<", ">=") + " ts - " + aSpan(r)
	case 11:
		return "number(properties.total) " + op(r) + " profiles.ltv"
	case 17:
		return word(r) + " " + fromGoods(r, one(r, "sku", "sort"))
	case 18:
		return "number(properties.total) " + fromGoods(r, "price")
	case 12:
		return one(r, "name IN ('View', 'Buy')", "name NOT IN ('View')", "name LIKE '_u%'", "name REGEXP 'e$'")
	case 13:
		return "ts " + one(r, ">", "<=") + " now() - " + aSpan(r) + " + " + aSpan(r)
	case 14:
		return "age(properties.due) " + op(r) + " 0"
	case 15:
		return "date(ts) + " + aSpan(r) + " " + op(r) + " " + one(r, "current_date", "now()")
	case 16:
		return "coalesce(" + word(r) + ", profiles.plan, 'none') " + one(r, "LIKE '_'", "= 'none'", "IS NOT NULL")
	}
	return "ts >= profiles.first_seen + " + aSpan(r)
}

// near asks for another event, and of that one for others.
func near(r *rand.Rand, depth, steps int) string {
	where := mix(r, 1, func(r *rand.Rand) string {
		switch r.IntN(7) {
		case 0:
			return "text(" + word(r) + ") " + op(r) + " " + strings.Repeat("outer.", 1+r.IntN(steps)) + word(r)
		case 1:
			return one(r, "number(properties.total) "+op(r)+" outer.properties.total", "has(outer.properties.tags, 'a')")
		case 2:
			return "date(ts) " + op(r) + " date(outer.ts)"
		case 3:
			if depth > 0 {
				return near(r, depth-1, steps+1)
			}
		case 4:
			return eventLeaf(r)
		}
		return "name " + op(r) + " " + one(r, "'View'", "'Buy'", "'Leave'")
	})
	gaps := ""
	for range r.IntN(3) {
		gaps += ", " + aSpan(r)
	}
	return one(r, "", "NOT ") + one(r, "followed_by(", "preceded_by(") + where + gaps + ")"
}

func where(r *rand.Rand) string {
	if r.IntN(6) == 0 {
		return ""
	}
	return " WHERE " + mix(r, 1, eventLeaf)
}

// aggregate gives a condition about what somebody's events come to.
func aggregate(r *rand.Rand) string {
	from := " FROM events" + where(r)
	switch r.IntN(28) {
	case 24, 25:
		return "(SELECT active_periods(INTERVAL " + one(r, "1 DAY", "1 DAY", "3 DAY", "1 WEEK", "1 MONTH", "1 YEAR") + ", " + one(r, "1", "3", "7", "40") + ", " + one(r, "1", "2") + ", " + one(r, "current_date", "current_date", "current_date + INTERVAL 1 DAY", "date_trunc('month', now())", "date_trunc('week', current_date) + INTERVAL 1 WEEK") +
			one(r, "", ", "+zone(r), ", "+zone(r), ", "+zone(r)) + ")" + from + ") " + op(r) + " " + one(r, "0", "1", "2", "3")
	case 26:
		return "(SELECT count(DISTINCT " + local(r, "ts") + ")" + from + ") " + op(r) + " " + one(r, "1", "2", "3")
	case 27:
		return "(SELECT " + one(r, "min", "max") + "(" + local(r, "ts") + ")" + from + ") " + op(r) + " " + moment(r)
	case 23:
		return "EXISTS (SELECT 1 FROM events WHERE " + mix(r, 1, eventLeaf) + one(r, " AND ", " OR ") + "has(profiles.tags, 'a'))"
	case 21, 22:
		return "(SELECT " + share(r) + from + ")" + one(r, " IS NULL", " "+op(r)+" "+one(r, "0", "0.3", "0.5", "0.666666667", "1"))
	case 13, 14:
		return "(SELECT " + near(r, 1, 1) + from + " ORDER BY ts" + one(r, "", " DESC") + " LIMIT 1" + one(r, "", " OFFSET 1") + ")" + one(r, "", " = FALSE", " IS NULL", " IS NOT TRUE")
	case 10, 11, 12:
		return habit(r)
	case 0, 1:
		return one(r, "EXISTS", "NOT EXISTS") + " (SELECT 1" + from + ")"
	case 15:
		return "(SELECT active_periods(" + aSpan(r) + ", " + one(r, "1", "2", "4", "12") + one(r, "", ", 2", ", 1, current_date") + ")" + from + ") " + op(r) + " " + one(r, "0", "1", "2", "3")
	case 2, 3:
		return "(SELECT " + one(r, "count(*)", "count("+word(r)+")", "count(DISTINCT "+word(r)+")", "count(DISTINCT name)", "count(DISTINCT date(ts))", "count(number(properties.total))") + from + ") " + op(r) + " " + one(r, "0", "1", "2", "3")
	case 4:
		return "(SELECT " + one(r, "sum", "avg", "min", "max") + "(properties.total)" + from + ") " + op(r) + " " + one(r, "2", "2.5", "4", "21.05", "1.833333333", "90000000000000000000000000000")
	case 5:
		return "(SELECT " + one(r, "min", "max") + "(ts)" + from + ") " + one(r, ">", "<=") + " now() - " + aSpan(r)
	case 6:
		return "(SELECT " + word(r) + from + " ORDER BY ts" + one(r, "", " DESC") + " LIMIT 1" + one(r, "", " OFFSET 1", " OFFSET 2") + ") " + op(r) + " " + wording(r)
	case 7:
		return "(SELECT count(" + one(r, "DISTINCT number(properties.total)", "DISTINCT bool(properties.gift)", "bool(properties.gift)", "DISTINCT lower("+word(r)+")", "time(properties.due)", "number(properties.comment)", "DISTINCT time(properties.comment)", "bool(properties.via)") + ")" + from + ") " + op(r) + " " + one(r, "0", "1", "2", "3")
	case 8:
		return "(SELECT properties." + one(r, "total", "gift", "sku", "due") + from + " ORDER BY ts DESC LIMIT 1" + one(r, "", " OFFSET 1") + ")" + one(r, " IS NULL", " IS NOT NULL")
	case 9:
		if r.IntN(2) == 0 {
			return "(SELECT " + one(r, "min", "max") + "(" + one(r, "text("+word(r)+")) "+from+") "+op(r)+" "+wording(r), "number(properties.via))"+from+") > 1", "time(properties.comment))"+from+") < now()")
		}
		return "(SELECT " + one(r, "min", "max") + "(time(properties.due))" + from + ") " + op(r) + " now() - " + aSpan(r)
	case 17:
		return "(SELECT " + one(r, "most_frequent", "least_frequent") + "(" + one(r, word(r), "name", "lower("+word(r)+")") + ")" + from + ") " + op(r) + " " + one(r, wording(r), "'View'", "'Buy'")
	case 18:
		return "(SELECT " + one(r, "median(properties.total)", "percentile(properties.total, 90)", "percentile(properties.total, 33.3)", "percentile(properties.total * 2, 1)") + from + ") " + op(r) + " " + one(r, "2", "2.5", "4", "40.1")
	case 19:
		return "(SELECT " + one(r, "sum", "avg", "max") + "(" + one(r, "properties.total * 1.5", "properties.total / 3", "properties.total - profiles.ltv", "days_between(properties.due, ts)") + ")" + from + ") " + op(r) + " " + number(r)
	case 20:
		return "(SELECT " + one(r, "most_frequent(properties.sku)", "unique_list(properties.sku)", "counts(lower(name))", "median(properties.total)", "sum(properties.total)", "avg(properties.total)") + from + ")" + one(r, " IS NULL", " IS NOT NULL")
	}
	return "(SELECT properties.total" + from + " ORDER BY ts" + one(r, "", " DESC") + " LIMIT 1) " + op(r) + " " + number(r)
}

// mix joins leaves by AND, OR and NOT.
func mix(r *rand.Rand, depth int, leaf func(*rand.Rand) string) string {
	if depth == 0 || r.IntN(3) == 0 {
		return leaf(r)
	}
	switch r.IntN(5) {
	case 0:
		return "NOT (" + mix(r, depth-1, leaf) + ")"
	case 1, 2:
		return "(" + mix(r, depth-1, leaf) + " AND " + mix(r, depth-1, leaf) + ")"
	}
	return "(" + mix(r, depth-1, leaf) + " OR " + mix(r, depth-1, leaf) + ")"
}

func condition(r *rand.Rand) string {
	return mix(r, 2, func(r *rand.Rand) string {
		if r.IntN(2) == 0 {
			return aggregate(r)
		}
		return personLeaf(r)
	})
}

// The text of a condition is read as what it was printed from, and printed alike.
func TestTextsHaveOneForm(t *testing.T) {
	r := dice(seed(t), "forms")
	for range 3000 {
		text := condition(r)
		c, err := query.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		once := query.Print(c)
		d, err := query.Parse(once)
		if err != nil {
			t.Fatalf("%s\nis printed as %s\n%v", text, once, err)
		}
		if again := query.Print(d); again != once {
			t.Fatalf("%s\nis printed as %s\nand again as   %s", text, once, again)
		}
	}
}
