package enginetest

import (
	"fmt"
	"math/rand/v2"
)

// share gives the part of the events that say something.
func share(r *rand.Rand) string {
	return "share(" + one(r, "properties.sku, 'a'", "properties.sku, 'C'", word(r)+", "+wording(r), "name, 'Buy'", "lower(properties.sku), 'c'", "coalesce(properties.sku, profiles.plan), 'pro'") + one(r, "", ", INTERVAL "+one(r, "1 HOUR", "7 DAY", "30 DAY", "700 SECOND")) + ")"
}

// habit gives a condition on how often somebody did something, in windows that
// begin and end within a day.
func habit(r *rand.Rand) string {
	hour := fmt.Sprintf("now() - INTERVAL %d HOUR", r.IntN(1600))
	from := " FROM events WHERE " + one(r, "name = 'View'", "name IN ('View', 'Buy')", "kind = 'track'", "name <> 'Buy'", "name LIKE '%e%'", "TRUE") + " AND " +
		one(r, "ts >= "+moment(r), local(r, "ts")+" "+op(r)+" "+moment(r), "ts > "+hour, "ts <= "+hour, "ts BETWEEN now() - INTERVAL 1000 HOUR AND "+hour, "NOT ts BETWEEN now() - INTERVAL 30 DAY AND "+hour, "(ts < "+hour+" OR ts = now())")
	count := "(SELECT " + one(r, "count(*)", "count(*)", "count(DISTINCT date(ts))") + from + ") "
	switch r.IntN(4) {
	case 0:
		return one(r, "EXISTS", "NOT EXISTS") + " (SELECT 1" + from + ")"
	case 1:
		return count + one(r, "IN (0, 2)", "NOT IN (1, 3)", "BETWEEN 1 AND 2", "NOT BETWEEN 1 AND 2")
	}
	return count + op(r) + " " + one(r, "0", "1", "1.5", "2", "3")
}
