package identity

import (
	"slices"

	"github.com/kithdb/kith"
)

// parts gives what the members fall into when gone is taken out: the sets that
// links among the others hold together, by smallest fragment, each ascending.
func parts(g Graph, members []Member, gone kith.FragmentID) ([][]kith.FragmentID, error) {
	left := make([]kith.FragmentID, 0, len(members))
	for _, f := range members {
		if f.Fragment != gone {
			left = append(left, f.Fragment)
		}
	}
	slices.Sort(left)
	root := make(map[kith.FragmentID]kith.FragmentID, len(left)) // towards the smallest of its part
	for _, f := range left {
		root[f] = f
	}
	for _, f := range left {
		links, err := g.Links(f)
		if err != nil {
			return nil, err
		}
		for _, e := range links {
			hold(root, e)
		}
	}
	return gather(root, left), nil
}

// hold puts the two ends of a link into one part, if both are there.
func hold(root map[kith.FragmentID]kith.FragmentID, e Edge) {
	_, a := root[e.A]
	_, b := root[e.B]
	if e.Kind != kith.Link || !a || !b {
		return
	}
	ra, rb := find(root, e.A), find(root, e.B)
	root[max(ra, rb)] = min(ra, rb)
}

func find(root map[kith.FragmentID]kith.FragmentID, f kith.FragmentID) kith.FragmentID {
	for root[f] != f {
		root[f] = root[root[f]]
		f = root[f]
	}
	return f
}

// gather collects the parts; left is ascending, so the first of a part is its smallest.
func gather(root map[kith.FragmentID]kith.FragmentID, left []kith.FragmentID) [][]kith.FragmentID {
	var all [][]kith.FragmentID
	place := make(map[kith.FragmentID]int)
	for _, f := range left {
		r := find(root, f)
		i, ok := place[r]
		if !ok {
			i = len(all)
			place[r] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], f)
	}
	return all
}
