package enginetest

import (
	"math/rand/v2"
	"strings"
)

// account gives a condition about the people of an account: mostly of one that
// several share.
func account(r *rand.Rand) string {
	key := one(r, "plan", "plan", "address.city", "address.city", "address.city", "tier", "nothing")
	from := " FROM profiles WHERE " + one(r, key+" = outer."+key, "outer."+key+" = "+key)
	if r.IntN(6) > 0 {
		from += " AND " + mix(r, 1, func(r *rand.Rand) string {
			for {
				leaf := personLeaf
				if r.IntN(2) == 0 {
					leaf = aggregate
				}
				if text := leaf(r); !strings.Contains(text, "top_percent") && !strings.Contains(text, "FROM profiles") {
					return one(r, "", "", "NOT ") + "(" + text + ")"
				}
			}
		})
	}
	switch r.IntN(4) {
	case 0:
		return one(r, "EXISTS", "NOT EXISTS") + " (SELECT 1" + from + ")"
	case 1:
		return "(SELECT count(*)" + from + ") " + op(r) + " " + one(r, "ltv", "(SELECT count(*) FROM events)", "address.zip + 3")
	}
	return "(SELECT count(*)" + from + ") " + op(r) + " " + one(r, "0", "1", "2", "3", "5", "8")
}
