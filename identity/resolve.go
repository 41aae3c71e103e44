package identity

import (
	"time"

	"github.com/kithdb/kith"
)

// Claim is one identifier of an event: the fragment that has its number, and
// the index of its space.
type Claim struct {
	Fragment kith.FragmentID
	Space    int
}

// Member is one fragment of a profile.
type Member struct {
	Fragment kith.FragmentID
	Space    int
	Alone    bool // it has left its profile because several people use it, and is never linked again
}

// Edge is what was decided about two fragments.
type Edge struct {
	A, B kith.FragmentID
	Kind kith.DecisionKind // Link, Refuse or Cut
	Rule string            // of the decision; may be empty where it is not known
	Seq  kith.Seq
	At   time.Time
}

// Graph is what Resolve reads and where it writes its decisions. What it
// writes, it reads at once.
type Graph interface {
	// Owner gives the profile that has the fragment.
	Owner(f kith.FragmentID) kith.ProfileID
	// Members gives all fragments of the profile, in any order.
	Members(p kith.ProfileID) ([]Member, error)
	// Pair gives the latest decision about the two, in either order, if there is one.
	Pair(a, b kith.FragmentID) (Edge, bool, error)
	// Links gives the links of the fragment that nobody has cut, in any order;
	// whether it gives those with a fragment that has left makes no difference.
	Links(f kith.FragmentID) ([]Edge, error)
	// Link records the link and joins the two profiles if they differ.
	Link(a, b kith.FragmentID, rule string) error
	// Refuse records that the two stay apart.
	Refuse(a, b kith.FragmentID, rule, space string) error
	// Leave records that f is shared: f stands alone from now on, and the rest
	// of its profile falls into these parts, by smallest fragment, each
	// ascending. space is the unique space of which two values would have met.
	Leave(f kith.FragmentID, rest [][]kith.FragmentID, space string) error
}

// The rules that a decision can name.
const (
	SameEvent = "same_event" // the two stood in one event
	AliasCall = "alias"      // a source said that they are one
	Unique    = "unique"     // one profile would have two values of a unique space
	Limit     = "limit"      // one profile would have too many values of a space
	Shared    = "shared"     // several people use this browser or device
)

// Resolve decides what the identifiers of one event, strongest first, say
// about each other. The event itself belongs to the fragment of claims[0],
// whatever is decided; rule is SameEvent or AliasCall, at is the instant of
// the decision.
//
// Each weaker claim is linked with the strongest one, also where both are one
// profile already: a link is evidence, and what stays together after a cut is
// what other evidence holds. Instead of a link there is
//   - nothing, where a person has cut the pair;
//   - a refusal (Shared), where one of the two stands alone;
//   - a refusal (Unique), where two values of a unique space would meet: the
//     weaker claim stays with the profile that had it; if it is weak it leaves
//     that profile instead, stands alone, and its events with it;
//   - a refusal (Limit), where a profile would have too many values of a space.
//
// A refusal is recorded when it is first taken, and is judged anew by each
// event: when a window has passed or a value has gone, the pair is linked. The
// cost depends on the sizes of the two profiles, never on what was refused.
func (m *Matcher) Resolve(g Graph, claims []Claim, rule string, at time.Time) error {
	for i := 1; i < len(claims); i++ {
		if claims[i].Fragment == claims[0].Fragment {
			continue
		}
		if err := m.join(g, claims[0], claims[i], rule, at); err != nil {
			return err
		}
	}
	return nil
}

// join decides about one pair.
func (m *Matcher) join(g Graph, strong, w Claim, rule string, at time.Time) error {
	last, found, err := g.Pair(strong.Fragment, w.Fragment)
	if err != nil || found && last.Kind == kith.Cut {
		return err
	}
	together := g.Owner(strong.Fragment) == g.Owner(w.Fragment)
	if together && found && last.Kind == kith.Link {
		return nil
	}
	if !together {
		why, space, err := m.against(g, strong, w, at)
		if err != nil {
			return err
		}
		if why != "" {
			return refuse(g, last, strong, w, why, space)
		}
	}
	return g.Link(strong.Fragment, w.Fragment, rule)
}

// refuse records the refusal unless it is what was decided last.
func refuse(g Graph, last Edge, strong, w Claim, why, space string) error {
	if last.Kind == kith.Refuse && (last.Rule == why || last.Rule == "") {
		return nil
	}
	return g.Refuse(strong.Fragment, w.Fragment, why, space)
}

// against gives the rule that keeps the two apart, and the space it speaks
// about; "" where they may be linked. A weak claim that would join two people
// has left its profile when against returns.
func (m *Matcher) against(g Graph, strong, w Claim, at time.Time) (why, space string, err error) {
	mine, err := m.side(g, strong)
	if err != nil {
		return "", "", err
	}
	if mine.alone(strong) {
		return Shared, m.Name(strong.Space), nil
	}
	theirs, err := m.side(g, w)
	if err != nil {
		return "", "", err
	}
	if theirs.alone(w) {
		return Shared, m.Name(w.Space), nil
	}
	if space, clash := m.clash(&mine, &theirs); clash {
		if !m.Weak(w.Space) {
			return Unique, space, nil
		}
		rest, err := parts(g, theirs.members, w.Fragment)
		if err != nil {
			return "", "", err
		}
		return Shared, m.Name(w.Space), g.Leave(w.Fragment, rest, space)
	}
	full, space, err := m.full(g, &mine, &theirs, at)
	if err != nil || !full {
		return "", "", err
	}
	return Limit, space, nil
}

// side is one of the two profiles that a link would join.
type side struct {
	members []Member
	count   [MaxSpaces]int32 // members by space
}

// side reads the profile of the claim. Where no space has a limit only a
// fragment that may stand alone is looked at: its profile has its own number.
func (m *Matcher) side(g Graph, c Claim) (s side, err error) {
	p := g.Owner(c.Fragment)
	if !m.table.Load().bound && p != kith.ProfileID(c.Fragment) {
		return s, nil
	}
	s.members, err = g.Members(p)
	for _, f := range s.members {
		if f.Space >= 0 && f.Space < MaxSpaces {
			s.count[f.Space]++
		}
	}
	return s, err
}

// alone says whether the fragment of the claim stands alone.
func (s *side) alone(c Claim) bool {
	return len(s.members) == 1 && s.members[0].Alone && s.members[0].Fragment == c.Fragment
}

// clash gives the first unique space of which both profiles have a value.
func (m *Matcher) clash(a, b *side) (string, bool) {
	rows := m.table.Load().rows
	for i := range rows {
		if rows[i].Unique && a.count[i] > 0 && b.count[i] > 0 {
			return rows[i].Name, true
		}
	}
	return "", false
}

// full gives the first space of which both profiles have values and together
// more than its limit. With a window only values linked inside it count, and
// all of the profile that has fewer, since they come in now.
func (m *Matcher) full(g Graph, a, b *side, at time.Time) (bool, string, error) {
	rows := m.table.Load().rows
	for i := range rows {
		r := &rows[i]
		if r.Limit == 0 || a.count[i] == 0 || b.count[i] == 0 || int(a.count[i]+b.count[i]) <= r.Limit {
			continue
		}
		if r.window == 0 {
			return true, r.Name, nil
		}
		more, fewer := a, b
		if a.count[i] < b.count[i] {
			more, fewer = b, a
		}
		n, err := recent(g, more.members, i, at.Add(-r.window))
		if err != nil {
			return false, "", err
		}
		if n+int(fewer.count[i]) > r.Limit {
			return true, r.Name, nil
		}
	}
	return false, "", nil
}

// recent counts the members of the space whose first link is after since; one
// without a link counts, since it gets its first now.
func recent(g Graph, members []Member, space int, since time.Time) (n int, err error) {
	for _, f := range members {
		if f.Space != space {
			continue
		}
		links, err := g.Links(f.Fragment)
		if err != nil {
			return 0, err
		}
		if first, ok := firstLink(links); !ok || first.After(since) {
			n++
		}
	}
	return n, nil
}

func firstLink(links []Edge) (first time.Time, ok bool) {
	for _, e := range links {
		if e.Kind == kith.Link && (!ok || e.At.Before(first)) {
			first, ok = e.At, true
		}
	}
	return first, ok
}
