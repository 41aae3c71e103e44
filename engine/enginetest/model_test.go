package enginetest

import (
	"fmt"
	"slices"
	"strings"
)

// model folds a stream in which no limit is hit the obvious way: identifiers
// that stand in one event belong to one person; the rest is read off the events
// of each person, sorted.
func model(stream []told) []string {
	up := map[string]string{}
	find := func(x string) string {
		for up[x] != "" && up[x] != x {
			x = up[x]
		}
		return x
	}
	for _, e := range stream {
		for _, id := range e.ids {
			if up[id] == "" {
				up[id] = id
			}
			up[find(id)] = find(e.ids[0])
		}
	}
	groups := map[string][]told{}
	for _, e := range stream {
		g := find(e.ids[0])
		groups[g] = append(groups[g], e)
	}
	var out []string
	for g, events := range groups {
		var ids []string
		for id := range up {
			if find(id) == g {
				ids = append(ids, strings.Replace(id, "=", " ", 1))
			}
		}
		slices.Sort(ids)
		out = append(out, person(ids, events))
	}
	slices.Sort(out)
	return out
}

// person writes one person down in the words of describe.
func person(ids []string, events []told) string {
	slices.SortFunc(events, func(a, b told) int {
		return cmpAll(a.at.Compare(b.at), a.arrived.Compare(b.arrived), strings.Compare(a.id, b.id))
	})
	known := "unknown"
	for _, id := range ids {
		if !strings.HasPrefix(id, "anonymous_id ") {
			known = "known"
		}
	}
	lines := []string{strings.Join(ids, ", "), fmt.Sprintf("%s, %d events, first %s, last %s",
		known, len(events), short(events[0].at), short(events[len(events)-1].at))}
	return strings.Join(append(append(lines, lastSaid(events)...), activity(events)...), "\n")
}

func cmpAll(c ...int) int {
	for _, x := range c {
		if x != 0 {
			return x
		}
	}
	return 0
}

// lastSaid gives each trait's last value in time, and the last before it that was another.
func lastSaid(events []told) []string {
	type said struct {
		value, at string
	}
	last, before := map[string]said{}, map[string]said{}
	for _, e := range events {
		for k, v := range e.traits {
			now := said{v, short(e.at)}
			if old, ok := last[k]; ok && old.value != v {
				before[k] = old
			}
			last[k] = now
		}
	}
	var out []string
	for k, l := range last {
		if l.value == "null" {
			continue
		}
		line := fmt.Sprintf("%s = %s since %s", k, l.value, l.at)
		if b, ok := before[k]; ok {
			line += fmt.Sprintf(", before %s since %s", b.value, b.at)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// activity gives how often each thing was done, and on which days.
func activity(events []told) []string {
	type act struct {
		n           int
		first, last string
	}
	acts := map[string]*act{}
	for _, e := range events {
		key := fmt.Sprintf("%s %q", e.kind, e.name)
		day := e.at.Format("2006-01-02")
		if acts[key] == nil {
			acts[key] = &act{first: day}
		}
		acts[key].n++
		acts[key].last = day
	}
	var out []string
	for key, a := range acts {
		out = append(out, fmt.Sprintf("%s %d, first %s, last %s", key, a.n, a.first, a.last))
	}
	slices.Sort(out)
	return out
}
