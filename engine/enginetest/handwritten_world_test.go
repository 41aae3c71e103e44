package enginetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/identity"
)

// market makes lines about the customers of a shop, as an analyst meets them:
// who browses before telling who they are, shares a device, is told of late, at
// the same second or in another type; and moments at the very edge of windows.
type market struct {
	r     *rand.Rand
	now   time.Time // about when the conditions are asked; some events come after it
	most  int       // people
	lines []string
}

// skus are the goods; 77 is a number where the others are texts.
var skus = []any{"a1", "a1", "a1", "b2", "b2", "C3", "c3", "ü-4", "d5", "e6", "f7", "", 77}

// open gives an engine with everything that the conditions ask for.
func (m *market) open(t *testing.T) *engine.Engine {
	t.Helper()
	rules := identity.Default()
	rules.Anomalies = []identity.Anomaly{{Kind: "bot"}}
	e := Memory(t, &engine.Options{Zone: time.UTC, Rules: &rules, Now: func() time.Time { return m.now.AddDate(0, 1, 0) }})
	if err := e.SetClock(m.now.Format(time.RFC3339)); err != nil {
		t.Fatal(err)
	}
	lines := m.people()
	half := len(lines) / 2
	for i, part := range [][]string{lines[:half], lines[half:]} {
		if _, err := e.Load(t.Context(), strings.NewReader(strings.Join(part, "\n")), &engine.LoadOptions{Source: []string{"web", "app"}[i]}); err != nil {
			t.Fatal(err)
		}
	}
	goods := &sheet{[]string{"sku", "price", "category", "code"}, [][]string{
		{"a1", "20", "Garden", "x"}, {"b2", "2.5", "Home", "y"}, {"C3", "100", "Garden", "pro"}, {"ü-4", "", "Home", "free"},
		{"d5", "40.1", "", "x"}, {"", "5", "Garden", "team"}, {"77", "77", "Home", ""}}}
	if _, err := e.LoadTable(t.Context(), "goods", goods, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range [][2]string{{"french", "country = 'FR'"}, {"loyal", "(SELECT count(*) FROM events WHERE name = 'Buy') >= 3"}, {"loyal_french", "in_segment('loyal') AND in_segment('french')"}} {
		if _, err := e.Define(t.Context(), s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// people makes people, and about a dozen events for each. The first says each
// trait in the type that its column gets.
func (m *market) people() []string {
	m.lines = append(m.lines, encode(map[string]any{"type": "identify", "userId": "u0", "messageId": "first", "timestamp": "2025-03-31T12:00:00Z", "traits": map[string]any{
		"plan": "pro", "country": "FR", "company": "Äpfel & Co", "ltv": 10.5, "score": 1, "visits": 2, "tier": 5, "vip": true,
		"birthday": "1990-06-15", "joined": "2025-03-31", "first order": "2025-12-31", "address": map[string]any{"city": "Paris", "zip": 3}, "email": "u0@example.org"}}))
	for i := 1; i <= m.most; i++ {
		m.person(i)
	}
	m.r.Shuffle(len(m.lines)-1, func(i, j int) { m.lines[i+1], m.lines[j+1] = m.lines[j+1], m.lines[i+1] })
	return m.lines
}

// more makes some events for people who are there, and for some who are not.
func (m *market) more(n int) []string {
	m.lines = nil
	for range n {
		who := fmt.Sprintf("u%d", m.r.IntN(m.most*11/10))
		at := m.now.Add(time.Duration(m.r.IntN(6*24*60)-24*60) * time.Minute)
		if m.r.IntN(4) == 0 {
			m.identify(who, "", at)
		} else {
			m.visit(who, "", at)
		}
	}
	return m.lines
}

// say adds a line. It was received soon after it happened, or days later.
func (m *market) say(user, anonymous string, at time.Time, ev map[string]any) {
	r := m.r
	received := at.Add(time.Duration(r.IntN(3)) * time.Second)
	if r.IntN(12) == 0 {
		received = at.Add(time.Duration(r.IntN(96)) * time.Hour)
	}
	ev["messageId"] = fmt.Sprintf("%04x-%d-%s%s", r.IntN(1<<16), len(m.lines), user, anonymous)
	ev["timestamp"], ev["receivedAt"] = at.Format(time.RFC3339Nano), received.Format(time.RFC3339Nano)
	if user != "" {
		ev["userId"] = user
	}
	if anonymous != "" {
		ev["anonymousId"] = anonymous
	}
	if r.IntN(3) == 0 {
		ev["context"] = map[string]any{"locale": one(r, "fr-FR", "de-DE", "fr-BE"), "page": map[string]any{"path": one(r, "/", "/a/b", "/Sale")}}
	}
	if r.IntN(60) == 0 {
		ev["context"] = map[string]any{"userAgent": "Mozilla/5.0 (compatible; bingbot/2.0)"} // it is flagged
	}
	m.lines = append(m.lines, encode(ev))
	if r.IntN(50) == 0 {
		m.lines = append(m.lines, encode(ev)) // told twice
	}
}

// person makes one: most with a habit, since when and until when.
func (m *market) person(i int) {
	r := m.r
	user, anonymous := fmt.Sprintf("u%d", i), fmt.Sprintf("a%d", i)
	if r.IntN(20) == 0 {
		anonymous = fmt.Sprintf("a%d", r.IntN(i)) // a device that somebody else has, too
	}
	from := m.now.Add(-time.Duration(r.IntN(210*24)) * time.Hour)
	if r.IntN(6) == 0 { // never logs in
		for range 1 + r.IntN(3) {
			m.visit("", anonymous, m.moment(from))
		}
		return
	}
	if r.IntN(4) == 0 { // browses first
		m.visit("", anonymous, m.moment(from.Add(-time.Hour)))
		m.say(user, anonymous, from, map[string]any{"type": "track", "event": "Login"})
	}
	for range r.IntN(3) {
		m.identify(user, one(r, "", "", anonymous), m.moment(from))
	}
	switch r.IntN(6) {
	case 0: // once
		m.visit(user, "", m.moment(from))
	case 1: // every week
		for at := from; at.Before(m.now.AddDate(0, 0, 6)); at = at.Add(7*24*time.Hour + time.Duration(r.IntN(9)-4)*time.Hour) {
			m.visit(user, "", at)
		}
	case 2: // stopped
		for range 1 + r.IntN(4) {
			m.visit(user, "", from.Add(time.Duration(r.IntN(20*24))*time.Hour))
		}
	case 3: // came back
		m.visit(user, "", m.now.AddDate(0, 0, -100-r.IntN(60)))
		m.visit(user, "", m.now.AddDate(0, 0, -r.IntN(40)))
	default:
		for range r.IntN(5) {
			m.visit(user, "", m.moment(from))
		}
	}
}

// moment gives an instant after another: now and then one that cuts a window.
func (m *market) moment(from time.Time) time.Time {
	r := m.r
	switch r.IntN(12) {
	case 0:
		return one(r, m.now, m.now.Add(time.Second), m.now.Add(-time.Microsecond), m.now.AddDate(0, 0, -30), m.now.AddDate(0, 0, -7), m.now.AddDate(0, 0, -90),
			m.now.AddDate(0, 0, -30).Add(time.Microsecond), time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC), time.Date(2026, 2, 28, 13, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	case 1:
		return m.now.Add(time.Duration(r.IntN(5*24)) * time.Hour) // after now
	}
	return from.Add(time.Duration(r.Int64N(int64(m.now.Sub(from))+1) / int64(time.Minute) * int64(time.Minute)))
}

// identify says some traits, in the end of the odd forms that there are.
func (m *market) identify(user, anonymous string, at time.Time) {
	r := m.r
	born := time.Date(1940+r.IntN(75), time.Month(1+r.IntN(12)), 1+r.IntN(31), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
	if r.IntN(3) == 0 { // about a birthday
		born = time.Date(1960+r.IntN(50), 3, 31+r.IntN(12)-4, one(r, 0, 12, 13), 0, 0, 0, time.UTC)
	}
	joined := time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(580*24)) * time.Hour)
	traits := some(r, map[string]any{
		"plan":     one[any](r, "pro", "pro", "free", "free", "team", "Pro", "größe", "GRÖẞE", "GRÖSSE", "p%o", "p_o", "", 5),
		"country":  one[any](r, "FR", "FR", "BE", "DE", "DE", "fr", 33),
		"company":  one(r, "Äpfel & Co", "ÄPFEL & CO", "äpfel & co ", "Straße 5", "STRAẞE 5", "STRASSE 5", "100%", "100_pct", "1000", `a\b`, "ΣΊΣΥΦΟΣ", "σίσυφος", "\u212A2", "k2", "O'Brien", "日本", "👍", "e\u0301", "ſtraße 5", ""),
		"ltv":      one[any](r, 0, 3, 3, 10.5, json.Number("10.500000001"), json.Number("10.499999999"), -7, 100, 250.75, "12", json.Number("10.5000000001"), json.Number("123456789012345678901234567890"), r.IntN(500)),
		"score":    one[any](r, 1, 2, 3, 3, 4, 5, 5, 5, 6, 7, 8, 9, r.IntN(100), "high"),
		"visits":   r.IntN(40),
		"tier":     one[any](r, 5, "5", 6, true),
		"vip":      one[any](r, true, true, false, "yes", 1),
		"birthday": one(r, born.Format("2006-01-02"), born.Format("2006-01-02"), born.Format(time.RFC3339), "2000-02-29", "1996-02-29T12:00:00", "1990-06-15T10:00:00+02:00", "1990-06-15 08:00:00", "2030-01-01", "never", "1980-13-01", "2001-02-29", "1985-7-4", "1985-07-04T10:00", "1990-06-15T08:00:00.1234567Z", "1990-06-16T07:59:59.999999+14:00", "2026-01-31 12:00", ""),
		"joined": one(r, joined.Format("2006-01-02"), joined.Format("2006-01-02T15:04:05.000000Z"), "2026-01-31", "2026-01-31T12:00:00.000001Z", "2026-01-28T12:00:00Z", "2025-12-31T23:59:59-01:00",
			"2026-02-28T12:00:00Z", "2026-02-28T11:59:59.999999Z", "2026-03-30", "2025-03-31", "soon"),
		"first order": one(r, "2025-12-31", "2025-12-31T00:00:01Z", "2026-01-01", "unknown"),
		"address":     some(r, map[string]any{"city": one(r, "Paris", "Lyon", "größe", "pro"), "zip": one[any](r, 1, 2, 3, "x")}),
	})
	if r.IntN(3) == 0 {
		traits["email"] = fmt.Sprintf("%s@%s", one(r, user, "Mr."+user), one(r, "example.org", "Example.ORG", "shop.test"))
	}
	if r.IntN(25) == 0 {
		traits["plan"] = nil // taken away
	}
	m.say(user, anonymous, at, map[string]any{"type": "identify", "traits": traits})
}

// visit is a few events, some at one instant: what is looked at is often put
// into the cart, and sometimes bought.
func (m *market) visit(user, anonymous string, at time.Time) {
	r := m.r
	sku, first := one(r, skus...), at
	track := func(name string, properties map[string]any) {
		m.say(user, anonymous, at, map[string]any{"type": "track", "event": name, "properties": some(r, properties)})
		at = at.Add(time.Duration(one(r, 0, 0, 1, 10, 30, 60, 61, 24*60, 26*60)) * time.Minute)
	}
	switch r.IntN(8) {
	case 0:
		m.say(user, anonymous, at, map[string]any{"type": "page", "name": one(r, "Home", "Pricing"), "properties": map[string]any{"dwell": r.IntN(90)}})
	case 1:
		track("Open", map[string]any{"campaign": one[any](r, "spring", "Spring", "SALE 50%", 7), "links": one[any](r, []any{"sale", "new"}, []any{"new", 7, "7"}, []any{}, []any{7.0, []any{"new"}}, "new")})
	case 2:
		track("Plan Changed", map[string]any{"plan": one[any](r, "pro", "free", "team", 5)})
		if r.IntN(2) == 0 {
			track("Plan Changed", map[string]any{"plan": one(r, "pro", "free")})
		}
	}
	if r.IntN(4) > 0 {
		track("View", map[string]any{"sku": sku, "price": r.IntN(200)})
	}
	if r.IntN(2) == 0 {
		track("Cart", map[string]any{"sku": one(r, sku, sku, one(r, skus...)), "qty": 1 + r.IntN(4)})
	}
	if r.IntN(3) == 0 {
		track("Leave", map[string]any{})
	}
	if r.IntN(5) < 3 {
		track("Buy", map[string]any{
			"sku": one(r, sku, sku, one(r, skus...)), "qty": one[any](r, 1, 2, 3, "2"), "gift": one[any](r, true, false, false, "yes"),
			"total":  one[any](r, 1, 2, 2.5, 19.99, 40.1, 50, 100, -3, r.IntN(300), "4", "40", json.Number("0.000000001"), json.Number("0.000000002"), json.Number("0.1234567891"), json.Number("1e30")),
			"due":    one(r, "2026-03-31", "2026-04-05", "2025-12-24T23:59:59Z", "2026-03-31T12:00:00Z", "soon", first.AddDate(0, 0, 3).Format(time.RFC3339)),
			"coupon": one(r, "10%", "10_off", "SUMMER", "summer", ""),
		})
	}
	if r.IntN(10) == 0 {
		track("Refund", map[string]any{"sku": sku, "total": one[any](r, 5, 19.99, "5")})
	}
}
