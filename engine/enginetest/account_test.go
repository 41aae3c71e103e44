package enginetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
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

// Why says of how many people an account is, how many of them count, and when one
// of the others may cease to.
func TestWhyOfAnAccount(t *testing.T) {
	e := Memory(t, &engine.Options{Zone: time.UTC})
	if err := e.SetClock("2026-01-05T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	for i, who := range []string{"ada", "bob", "cyd"} {
		Lines(t, e, fmt.Sprintf(`{"type":"identify","userId":%q,"messageId":"%d","timestamp":"2025-11-01T00:00:00Z","traits":{"company":"acme"}}`, who, i))
	}
	Lines(t, e, `{"type":"track","event":"Visit","userId":"bob","messageId":"v1","timestamp":"2026-01-01T00:00:00Z"}`,
		`{"type":"track","event":"Visit","userId":"cyd","messageId":"v2","timestamp":"2026-01-03T00:00:00Z"}`)
	if _, err := e.Define(t.Context(), "lively", "(SELECT count(*) FROM profiles WHERE company = outer.company AND EXISTS (SELECT 1 FROM events WHERE name = 'Visit' AND ts > now() - INTERVAL 7 DAY)) >= 2 AND known"); err != nil {
		t.Fatal(err)
	}
	r, err := e.Why(t.Context(), "lively", kith.Identifier{Space: "user_id", Value: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	next := time.Date(2026, 1, 8, 0, 0, 0, 0, time.UTC)
	p := r.Parts[0]
	if !r.Member || p.Is != "true" || p.Account != 3 || p.Counted != 2 || p.Events != 0 || !p.Next.Equal(next) || !r.Next.Equal(next) {
		t.Errorf("%+v, want 2 of 3, until %v", r, next)
	}
	if n := r.Parts[1].Account; n != 0 {
		t.Errorf("%d people of an account, of a part about none", n)
	}
}
