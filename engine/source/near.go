package source

import (
	"slices"
	"strings"
)

// nearest gives the names, those that are most like the one first.
func nearest(name string, names []string) []string {
	type scored struct {
		name  string
		score int
	}
	list := make([]scored, len(names))
	low := strings.ToLower(name)
	for i, n := range names {
		list[i] = scored{n, distance(low, strings.ToLower(n))}
	}
	slices.SortStableFunc(list, func(a, b scored) int { return a.score - b.score })
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.name
	}
	return out
}

// distance counts the letters to change, add or take away.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
