package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// graph keeps fragments and decisions in maps, and counts what it is asked.
// Links to a fragment that has left stay listed: Resolve must not be misled.
type graph struct {
	m       *identity.Matcher
	at      time.Time
	names   []string
	number  map[string]kith.FragmentID
	space   []int
	alone   []bool
	owner   []kith.ProfileID
	members map[kith.ProfileID][]identity.Member
	pairs   map[[2]kith.FragmentID]identity.Edge
	links   map[kith.FragmentID][]identity.Edge
	log     []string
	rules   map[string]int // decisions by rule
	calls   int            // of the interface
	read    int            // members and links given
}

func newGraph(t testing.TB, r identity.Rules) *graph {
	t.Helper()
	m, err := r.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return &graph{
		m: m, at: noon, number: map[string]kith.FragmentID{}, members: map[kith.ProfileID][]identity.Member{},
		pairs: map[[2]kith.FragmentID]identity.Edge{}, links: map[kith.FragmentID][]identity.Edge{}, rules: map[string]int{},
	}
}

// fragment numbers an identifier such as "user_id=alice".
func (g *graph) fragment(t testing.TB, id string) identity.Claim {
	space, _, ok := strings.Cut(id, "=")
	n, had := g.number[id]
	if !ok || g.m.Space(space) < 0 {
		t.Fatalf("no identifier: %q", id)
	}
	if !had {
		n = kith.FragmentID(len(g.names))
		g.number[id] = n
		g.names = append(g.names, id)
		g.space = append(g.space, g.m.Space(space))
		g.alone = append(g.alone, false)
		g.owner = append(g.owner, kith.ProfileID(n))
		g.members[kith.ProfileID(n)] = []identity.Member{{Fragment: n, Space: g.m.Space(space)}}
	}
	return identity.Claim{Fragment: n, Space: g.space[n]}
}

// event resolves the identifiers of one event and gives the fragment it belongs to.
func (g *graph) event(t testing.TB, ids ...string) kith.FragmentID {
	t.Helper()
	return g.resolve(t, identity.SameEvent, ids...)
}

func (g *graph) resolve(t testing.TB, rule string, ids ...string) kith.FragmentID {
	t.Helper()
	claims := make([]identity.Claim, len(ids))
	for i, id := range ids {
		claims[i] = g.fragment(t, id)
	}
	slices.SortStableFunc(claims, func(a, b identity.Claim) int {
		switch {
		case g.m.Stronger(a.Space, b.Space):
			return -1
		case g.m.Stronger(b.Space, a.Space):
			return 1
		}
		return 0
	})
	if err := g.m.Resolve(g, claims, rule, g.at); err != nil {
		t.Fatal(err)
	}
	return claims[0].Fragment
}

func pair(a, b kith.FragmentID) [2]kith.FragmentID { return [2]kith.FragmentID{min(a, b), max(a, b)} }

func (g *graph) Owner(f kith.FragmentID) kith.ProfileID { g.calls++; return g.owner[f] }

func (g *graph) Members(p kith.ProfileID) ([]identity.Member, error) {
	g.calls++
	g.read += len(g.members[p])
	out := slices.Clone(g.members[p])
	for i := range out {
		out[i].Alone = g.alone[out[i].Fragment]
	}
	return out, nil
}

func (g *graph) Pair(a, b kith.FragmentID) (identity.Edge, bool, error) {
	g.calls++
	e, ok := g.pairs[pair(a, b)]
	return e, ok, nil
}

func (g *graph) Links(f kith.FragmentID) ([]identity.Edge, error) {
	g.calls++
	g.read += len(g.links[f])
	return g.links[f], nil
}

func (g *graph) note(kind kith.DecisionKind, a, b kith.FragmentID, rule, space string) identity.Edge {
	g.calls++
	g.rules[rule]++
	g.log = append(g.log, fmt.Sprint(kind, " ", g.names[a], " ", g.names[b], " ", rule, " ", space))
	e := identity.Edge{A: a, B: b, Kind: kind, Rule: rule, Seq: kith.Seq(len(g.log)), At: g.at}
	if kind != kith.Leave {
		g.pairs[pair(a, b)] = e
	}
	return e
}

func (g *graph) Link(a, b kith.FragmentID, rule string) error {
	e := g.note(kith.Link, a, b, rule, "")
	g.links[a], g.links[b] = append(g.links[a], e), append(g.links[b], e)
	pa, pb := g.owner[a], g.owner[b]
	if pa != pb {
		g.move(append(g.members[pa], g.members[pb]...))
		delete(g.members, max(pa, pb))
	}
	return nil
}

// move makes the members one profile.
func (g *graph) move(all []identity.Member) {
	p := kith.ProfileID(slices.MinFunc(all, func(a, b identity.Member) int { return int(a.Fragment) - int(b.Fragment) }).Fragment)
	for _, f := range all {
		g.owner[f.Fragment] = p
	}
	g.members[p] = all
}

func (g *graph) Refuse(a, b kith.FragmentID, rule, space string) error {
	g.note(kith.Refuse, a, b, rule, space)
	return nil
}

func (g *graph) Leave(f kith.FragmentID, rest [][]kith.FragmentID, space string) error {
	g.note(kith.Leave, f, f, "leave", space)
	old := g.members[g.owner[f]]
	delete(g.members, g.owner[f])
	n := 1
	for _, part := range append(rest, []kith.FragmentID{f}) {
		var all []identity.Member
		for _, x := range part {
			all = append(all, identity.Member{Fragment: x, Space: g.space[x]})
		}
		if part[0] != f {
			n += len(part)
		}
		g.move(all)
	}
	if n != len(old) {
		return fmt.Errorf("Leave gave %d of %d members", n, len(old))
	}
	g.alone[f] = true
	return nil
}

// cut takes back the link of two fragments as a person would: what no other
// link holds falls apart.
func (g *graph) cut(a, b kith.FragmentID) {
	g.pairs[pair(a, b)] = identity.Edge{A: a, B: b, Kind: kith.Cut, At: g.at}
	not := func(e identity.Edge) bool { return pair(e.A, e.B) == pair(a, b) }
	g.links[a], g.links[b] = slices.DeleteFunc(g.links[a], not), slices.DeleteFunc(g.links[b], not)
	all := g.members[g.owner[a]]
	delete(g.members, g.owner[a])
	for len(all) > 0 {
		part := g.reach(all[0].Fragment)
		var in, out []identity.Member
		for _, f := range all {
			if part[f.Fragment] {
				in = append(in, f)
			} else {
				out = append(out, f)
			}
		}
		g.move(in)
		all = out
	}
}

// reach gives what links hold together with f, over none that stands alone.
func (g *graph) reach(f kith.FragmentID) map[kith.FragmentID]bool {
	seen := map[kith.FragmentID]bool{f: true}
	for work := []kith.FragmentID{f}; len(work) > 0; {
		f, work = work[0], work[1:]
		for _, e := range g.links[f] {
			for _, x := range []kith.FragmentID{e.A, e.B} {
				if !seen[x] && !g.alone[x] && !g.alone[f] {
					seen[x] = true
					work = append(work, x)
				}
			}
		}
	}
	return seen
}

// people gives the partition, one line a profile, sorted.
func (g *graph) people() []string {
	var all []string
	for _, members := range g.members {
		var ids []string
		for _, f := range members {
			ids = append(ids, g.names[f.Fragment])
		}
		slices.Sort(ids)
		all = append(all, strings.Join(ids, " "))
	}
	slices.Sort(all)
	return all
}

func want(t *testing.T, g *graph, people ...string) {
	t.Helper()
	slices.Sort(people)
	if got := g.people(); !slices.Equal(got, people) {
		t.Errorf("people = %q, want %q", got, people)
	}
}
