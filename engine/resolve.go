package engine

import (
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// graph is storage's identity graph in identity's words: it satisfies identity.Graph.
type graph struct {
	*storage.Graph
	e *Engine
}

// graph gives the identity graph of a turn.
func (e *Engine) graph(t *turn) *graph {
	return &graph{e: e, Graph: &storage.Graph{
		Tx: t.tx, People: e.people, Effects: t, Rules: t.l.head.Rules, At: t.at,
		Fresh: kith.FragmentID(t.l.head.Fragments),
	}}
}

// Owner gives the profile that has the fragment.
func (g *graph) Owner(f kith.FragmentID) kith.ProfileID { return g.People.Owner(f) }

// Members gives all fragments of the profile.
func (g *graph) Members(p kith.ProfileID) ([]identity.Member, error) {
	frags, err := g.People.Fragments(nil, kith.FragmentID(p))
	if err != nil {
		return nil, err
	}
	m := g.e.matcher.Load()
	out := make([]identity.Member, len(frags))
	for i, f := range frags {
		marks, err := g.People.Marks(nil, f)
		if err != nil {
			return nil, err
		}
		out[i] = identity.Member{Fragment: f, Space: m.Space(g.e.spaces.at(int(marks.Space))), Alone: marks.Alone}
	}
	return out, nil
}

// Pair gives the latest decision about the two.
func (g *graph) Pair(a, b kith.FragmentID) (identity.Edge, bool, error) {
	rec, ok, err := g.Graph.Pair(a, b)
	return edge(a, b, rec), ok, err
}

// Links gives the links of the fragment with others of its profile that nobody has cut.
func (g *graph) Links(f kith.FragmentID) ([]identity.Edge, error) {
	var out []identity.Edge
	err := g.Pairs(f, func(b kith.FragmentID, rec storage.PairRecord) {
		if rec.Kind == kith.Link {
			out = append(out, edge(f, b, rec))
		}
	})
	return out, err
}

func edge(a, b kith.FragmentID, rec storage.PairRecord) identity.Edge {
	return identity.Edge{A: a, B: b, Kind: rec.Kind, Rule: rec.Rule, Seq: rec.Seq, At: time.UnixMicro(rec.At).UTC()}
}
