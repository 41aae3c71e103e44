package identity_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

func TestOneEventIsOnePerson(t *testing.T) {
	g := newGraph(t, identity.Default())
	f := g.event(t, "anonymous_id=a1", "email=e1", "user_id=u1", "loyalty=77", "device_id=d1")
	want(t, g, "anonymous_id=a1 device_id=d1 email=e1 loyalty=77 user_id=u1")
	if g.names[f] != "user_id=u1" {
		t.Errorf("the event belongs to %s", g.names[f])
	}
	if g.event(t, "anonymous_id=a1", "loyalty=77") != g.number["loyalty=77"] {
		t.Error("a space that was only seen is not stronger than anonymous_id")
	}
	n := len(g.log)
	g.event(t, "user_id=u1", "email=e1")
	if len(g.log) != n {
		t.Errorf("a known pair was decided again: %v", g.log[n:])
	}
}

func TestDemotion(t *testing.T) {
	g := newGraph(t, identity.Default())
	g.event(t, "user_id=abc123", "email=jane@example1.com")
	f := g.event(t, "user_id=abc456", "email=jane@example1.com")
	want(t, g, "email=jane@example1.com user_id=abc123", "user_id=abc456")
	if g.names[f] != "user_id=abc456" {
		t.Errorf("the event belongs to %s", g.names[f])
	}
	for range 3 {
		g.event(t, "user_id=abc456", "email=jane@example1.com")
	}
	if got := fmt.Sprint(g.log); got != "[link user_id=abc123 email=jane@example1.com same_event  refuse user_id=abc456 email=jane@example1.com unique user_id]" {
		t.Errorf("log = %s", got)
	}
	g.event(t, "email=jane@example1.com", "anonymous_id=a1")
	want(t, g, "anonymous_id=a1 email=jane@example1.com user_id=abc123", "user_id=abc456")
}

func TestSharedDeviceInAllOrders(t *testing.T) {
	events := [][]string{
		{"device_id=d1", "user_id=alice"},
		{"device_id=d1", "user_id=bob"},
		{"device_id=d1"},
	}
	whose := []string{"user_id=alice", "user_id=bob", "device_id=d1"}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			g := newGraph(t, identity.Default())
			for i, n := range order {
				f := g.event(t, events[n]...)
				if g.names[f] != whose[n] {
					t.Errorf("event %d belongs to %s", n+1, g.names[f])
				}
				if i == 1 && (order[2] == 1 || order[2] == 0) {
					if len(g.people()) != 1 {
						t.Errorf("before the second login: %q", g.people())
					}
				}
			}
			want(t, g, "user_id=alice", "user_id=bob", "device_id=d1")
			third := g.owner[g.number["device_id=d1"]]
			for i := range 20 {
				f := g.event(t, "device_id=d1", fmt.Sprint("anonymous_id=a", i))
				if g.owner[f] != third || g.names[f] != "device_id=d1" {
					t.Errorf("a later anonymous event belongs to %s", g.names[f])
				}
				g.event(t, "device_id=d1", "user_id=alice")
				g.event(t, "device_id=d1", "user_id=carol", fmt.Sprint("anonymous_id=a", i%2))
			}
			if got := g.log[len(g.log)-1]; got != "refuse user_id=carol device_id=d1 shared device_id" && !strings.Contains(got, "anonymous_id") {
				t.Errorf("the last decision is %q", got)
			}
			if !slices.Contains(g.people(), "device_id=d1") || g.rules["leave"] != 1 {
				t.Errorf("d1 does not stand alone: %q, left %d times", g.people(), g.rules["leave"])
			}
		})
	}
}

// A browser that joins two devices of Ada goes; what her own links hold stays.
func TestLeaveTakesOnlyWhatItHeld(t *testing.T) {
	g := newGraph(t, identity.Default())
	g.event(t, "device_id=d1", "anonymous_id=a1") // a1 hangs on d1 alone
	g.event(t, "user_id=ada", "device_id=d1")
	g.event(t, "user_id=ada", "email=ada@x.org", "anonymous_id=a2")
	g.event(t, "device_id=d1", "anonymous_id=a2") // evidence, both are Ada's
	g.event(t, "user_id=bob", "device_id=d1")
	want(t, g, "anonymous_id=a2 email=ada@x.org user_id=ada", "anonymous_id=a1", "device_id=d1", "user_id=bob")
	g.event(t, "user_id=ada", "anonymous_id=a1")
	g.event(t, "anonymous_id=a1", "anonymous_id=a2")
	want(t, g, "anonymous_id=a1 anonymous_id=a2 email=ada@x.org user_id=ada", "device_id=d1", "user_id=bob")
}

func TestCutPairNeverLinksAgain(t *testing.T) {
	g := newGraph(t, identity.Default())
	g.event(t, "user_id=u", "email=e", "device_id=d")
	g.event(t, "email=e", "device_id=d")
	g.cut(g.number["user_id=u"], g.number["device_id=d"])
	want(t, g, "device_id=d email=e user_id=u") // e holds d
	g.cut(g.number["email=e"], g.number["device_id=d"])
	want(t, g, "email=e user_id=u", "device_id=d")
	g.event(t, "user_id=u", "email=e", "device_id=d")
	g.event(t, "email=e", "device_id=d")
	g.resolve(t, identity.AliasCall, "user_id=u", "device_id=d")
	want(t, g, "email=e user_id=u", "device_id=d")
	g.event(t, "user_id=u", "anonymous_id=a")
	g.event(t, "device_id=d", "anonymous_id=a") // other evidence
	want(t, g, "anonymous_id=a device_id=d email=e user_id=u")
}

func TestAliasObeysTheRules(t *testing.T) {
	g := newGraph(t, identity.Default())
	g.resolve(t, identity.AliasCall, "user_id=u1", "anonymous_id=a")
	g.resolve(t, identity.AliasCall, "user_id=u1", "user_id=u2")
	want(t, g, "anonymous_id=a user_id=u1", "user_id=u2")
	if g.rules[identity.AliasCall] != 1 || g.rules[identity.Unique] != 1 {
		t.Errorf("rules = %v", g.rules)
	}
}

func TestLimitEver(t *testing.T) {
	g := newGraph(t, identity.Default())
	for i := range 8 {
		for range 3 {
			g.event(t, "user_id=u", fmt.Sprint("email=e", i))
			g.at = g.at.Add(400 * 24 * time.Hour)
		}
	}
	want(t, g, "email=e0 email=e1 email=e2 email=e3 email=e4 user_id=u", "email=e5", "email=e6", "email=e7")
	if g.rules[identity.Limit] != 3 {
		t.Errorf("refused %d times, want once a pair", g.rules[identity.Limit])
	}
	// two profiles that are too many together
	for _, u := range []string{"x", "y"} {
		for i := range 3 {
			g.event(t, "loyalty="+u, fmt.Sprint("email=", u, i))
		}
	}
	g.event(t, "email=x0", "email=y0")
	if g.owner[g.number["loyalty=x"]] == g.owner[g.number["loyalty=y"]] {
		t.Error("six addresses in one profile")
	}
}

// A space that turns up in events has its limit also where the rules have none.
func TestLimitOfASpaceThatWasOnlySeen(t *testing.T) {
	g := newGraph(t, identity.Rules{Spaces: []identity.Space{{Name: "user_id"}}})
	for i := range 7 {
		g.event(t, "user_id=u", fmt.Sprint("crm=", i))
	}
	want(t, g, "crm=0 crm=1 crm=2 crm=3 crm=4 user_id=u", "crm=5", "crm=6")
}

func TestLimitWeekly(t *testing.T) {
	r := identity.Default()
	r.Spaces[4].Per = "week"
	g := newGraph(t, r)
	for i := range 5 {
		g.event(t, "user_id=u", fmt.Sprint("anonymous_id=a", i))
		g.at = g.at.Add(24 * time.Hour)
	}
	g.at = noon.Add(7*24*time.Hour - time.Microsecond)
	g.event(t, "user_id=u", "anonymous_id=a5")
	g.event(t, "user_id=u", "anonymous_id=a5")
	if n := len(g.people()); n != 2 || g.rules[identity.Limit] != 1 {
		t.Errorf("%d people, %d refusals inside the week", n, g.rules[identity.Limit])
	}
	g.at = noon.Add(7 * 24 * time.Hour)
	g.event(t, "user_id=u", "anonymous_id=a5")
	if n := len(g.people()); n != 1 {
		t.Errorf("%d people when the first link is a week old", n)
	}
	g.event(t, "user_id=u", "anonymous_id=a6")
	if n := len(g.people()); n != 2 {
		t.Errorf("%d people after the seventh", n)
	}
	// a profile that grew over years keeps all, and can be joined by a new user
	for i := range 30 {
		g.at = g.at.Add(2 * 24 * time.Hour)
		g.event(t, "email=e", fmt.Sprint("anonymous_id=b", i))
	}
	g.event(t, "user_id=v", "email=e")
	if got := len(g.members[g.owner[g.number["user_id=v"]]]); got != 32 {
		t.Errorf("%d members, want 32", got)
	}
}

func TestTenThousandUsersOnOneDevice(t *testing.T) {
	g := newGraph(t, identity.Default())
	most, read := 0, 0
	for i := range 10000 {
		g.calls, g.read = 0, 0
		g.event(t, fmt.Sprint("user_id=u", i), "device_id=kiosk")
		if i > 2 {
			most, read = max(most, g.calls), max(read, g.read)
		}
	}
	if n := len(g.members); n != 10001 {
		t.Errorf("%d profiles, want 10001", n)
	}
	for i := range 10000 { // again: nothing new is decided
		g.calls, g.read = 0, 0
		n := len(g.log)
		g.event(t, fmt.Sprint("user_id=u", i), "device_id=kiosk")
		most, read = max(most, g.calls), max(read, g.read)
		if i > 1 && len(g.log) != n {
			t.Fatalf("decided again: %v", g.log[n:])
		}
	}
	t.Logf("at most %d calls and %d fragments read an event", most, read)
	if most > 8 || read > 4 {
		t.Errorf("%d calls, %d fragments read an event: the cost grows", most, read)
	}
}

// oracle is union-find over identifiers.
type oracle map[string]string

func (o oracle) find(x string) string {
	for o[x] != "" && o[x] != x {
		x = o[x]
	}
	return x
}

func (o oracle) add(ids []string) {
	for _, id := range ids {
		a, b := o.find(ids[0]), o.find(id)
		o[a], o[b] = a, b
		o[max(a, b)] = min(a, b)
	}
}

func (o oracle) people() []string {
	sets := map[string][]string{}
	for id := range o {
		sets[o.find(id)] = append(sets[o.find(id)], id)
	}
	var all []string
	for _, ids := range sets {
		slices.Sort(ids)
		all = append(all, strings.Join(ids, " "))
	}
	slices.Sort(all)
	return all
}

func seed(t testing.TB) *rand.Rand {
	n := uint64(time.Now().UnixNano())
	t.Logf("seed %d", n)
	return rand.New(rand.NewPCG(n, 1))
}

// randomEvents draws n events of one to four identifiers.
func randomEvents(r *rand.Rand, n, each int) [][]string {
	spaces := []string{"user_id", "email", "phone", "device_id", "anonymous_id", "loyalty"}
	events := make([][]string, n)
	for i := range events {
		for range 1 + r.IntN(4)*r.IntN(2) {
			events[i] = append(events[i], fmt.Sprint(spaces[r.IntN(len(spaces))], "=", r.IntN(each)))
		}
	}
	return events
}

func TestWithoutLimitsEqualsUnionFind(t *testing.T) {
	rules := identity.Default()
	for i := range rules.Spaces {
		rules.Spaces[i].Limit, rules.Spaces[i].Unique = 0, false
	}
	rules.Spaces = slices.Insert(rules.Spaces, 3, identity.Space{Name: "loyalty"})
	r := seed(t)
	for _, each := range []int{40000, 3000} { // many small profiles; one giant
		events := randomEvents(r, 100_000, each)
		o := oracle{}
		for _, ids := range events {
			o.add(ids)
		}
		truth := o.people()
		for range 2 {
			g := newGraph(t, rules)
			for _, ids := range events {
				g.event(t, ids...)
			}
			if !slices.Equal(g.people(), truth) {
				t.Fatalf("%d identifiers a space: the partition differs from union-find", each)
			}
			r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		}
	}
}

func TestUnderTheLimitsOrderDoesNotMatter(t *testing.T) {
	r := seed(t)
	var events [][]string
	for p := range 5000 {
		for range 8 {
			var ids []string
			for _, s := range []struct {
				name string
				n    int
			}{{"user_id", 1}, {"email", 3}, {"phone", 2}, {"loyalty", 2}, {"device_id", 4}, {"anonymous_id", 5}} {
				if r.IntN(3) == 0 {
					ids = append(ids, fmt.Sprint(s.name, "=", p, "-", r.IntN(s.n)))
				}
			}
			if ids != nil {
				events = append(events, ids)
			}
		}
	}
	o := oracle{}
	for _, ids := range events {
		o.add(ids)
	}
	truth := o.people()
	for range 3 {
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		g := newGraph(t, identity.Default())
		for _, ids := range events {
			g.event(t, ids...)
		}
		if !slices.Equal(g.people(), truth) {
			t.Fatal("the partition differs from union-find")
		}
	}
}

// After every event of a crowded random world: a profile is exactly what
// standing links hold together, and no rule is broken.
func TestRulesHoldAfterEveryEvent(t *testing.T) {
	r := seed(t)
	for round := range 60 {
		rules := identity.Default()
		for i := 1; i < len(rules.Spaces); i++ {
			rules.Spaces[i].Limit = r.IntN(4)
		}
		g, again := newGraph(t, rules), newGraph(t, rules)
		events := randomEvents(r, 300, 4+r.IntN(8))
		for i, ids := range events {
			g.event(t, ids...)
			if why := g.broken(rules) + g.idle(rules, ids); why != "" {
				t.Fatalf("round %d: after event %d of %v: %s", round, i, events[:i+1], why)
			}
			if r.IntN(40) == 0 && len(g.links[0]) > 0 {
				e := g.links[0][0]
				if !g.alone[e.A] && !g.alone[e.B] {
					g.cut(e.A, e.B)
				}
			}
		}
		for _, ids := range events {
			again.event(t, ids...)
		}
		third := newGraph(t, rules)
		for _, ids := range events {
			third.event(t, ids...)
		}
		if !slices.Equal(again.log, third.log) {
			t.Fatal("the same events gave other decisions")
		}
	}
}

// broken says which promise the state breaks, "" for none.
func (g *graph) broken(rules identity.Rules) string {
	for p, members := range g.members {
		count := map[string]int{}
		for _, f := range members {
			space, _, _ := strings.Cut(g.names[f.Fragment], "=")
			count[space]++
			if g.alone[f.Fragment] && len(members) > 1 {
				return "a shared fragment is not alone"
			}
			if g.owner[f.Fragment] != p || kith.ProfileID(f.Fragment) < p {
				return "owner is wrong"
			}
		}
		if got := len(g.reach(members[0].Fragment)); got != len(members) {
			return fmt.Sprintf("links hold %d of %d members", got, len(members))
		}
		for _, s := range rules.Spaces {
			if s.Limit > 0 && count[s.Name] > s.Limit {
				return fmt.Sprintf("%d values of %s", count[s.Name], s.Name)
			}
		}
	}
	return ""
}

// idle says whether the two identifiers of an event are apart without a reason.
func (g *graph) idle(rules identity.Rules, ids []string) string {
	if len(ids) != 2 {
		return ""
	}
	a, b := g.number[ids[0]], g.number[ids[1]]
	if g.owner[a] == g.owner[b] || g.alone[a] || g.alone[b] || g.pairs[pair(a, b)].Kind == kith.Cut {
		return ""
	}
	limits := map[string]int{"loyalty": 5}
	for _, s := range rules.Spaces {
		limits[s.Name] = s.Limit
	}
	mine, theirs := map[string]int{}, map[string]int{}
	for id, n := range g.number {
		space, _, _ := strings.Cut(id, "=")
		switch g.owner[n] {
		case g.owner[a]:
			mine[space]++
		case g.owner[b]:
			theirs[space]++
		}
	}
	for space, n := range mine {
		if theirs[space] > 0 && limits[space] > 0 && n+theirs[space] > limits[space] {
			return ""
		}
	}
	return "apart without a reason: " + strings.Join(ids, " ")
}

func BenchmarkResolve(b *testing.B) {
	const people = 10000
	g := newGraph(b, identity.Default())
	var known, crowd [][]identity.Claim
	for i := range people {
		u, e, d := fmt.Sprint("user_id=", i), fmt.Sprint("email=", i), fmt.Sprint("device_id=", i)
		g.event(b, u, e, d)
		g.event(b, u, "device_id=kiosk")
		known = append(known, []identity.Claim{g.fragment(b, u), g.fragment(b, e), g.fragment(b, d)})
		crowd = append(crowd, []identity.Claim{g.fragment(b, u), g.fragment(b, "device_id=kiosk")})
	}
	for name, events := range map[string][][]identity.Claim{"known": known, "shared": crowd} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := g.m.Resolve(g, events[i%people], identity.SameEvent, noon); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
