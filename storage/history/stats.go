package history

import (
	"cmp"
	"os"
	"slices"
)

// Stats says how large history is and what stands in it.
type Stats struct {
	Parts []PartStats
	Rows  uint64
	Bytes int64 // of the files
	Paths []PathStats
}

// PartStats is one part of history.
type PartStats struct {
	Part
	Bytes   int64
	Columns int // paths that have a column of their own
}

// PathStats is one leaf of one event.
type PathStats struct {
	Kind      uint8
	Event     string
	Path      string
	Column    []string // as SQL spells it, such as properties, page, path; nil: SQL does not have it
	Type      string   // of the column: VARCHAR, DECIMAL(38,9) or BOOLEAN; empty: only null was seen
	Rows      uint64   // rows of the event
	Filled    uint64   // those that have the leaf
	Conflicts uint64   // those whose value is not of the column's type: NULL in SQL, whole in original
}

// Stats counts. The rows and paths are those of every part, as they are now.
func (h *History) Stats() (Stats, error) {
	if err := h.usable("Stats"); err != nil {
		return Stats{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	parts := h.snapshot()
	var s Stats
	all := newTally()
	for i := range parts {
		p := &parts[i]
		all.add(p.stats)
		var size int64
		if h.o.Dir != "" {
			for _, f := range []string{h.path(p.Part), h.path(p.Part) + ".wal"} {
				if fi, err := os.Stat(f); err == nil { // the log is not always there
					size += fi.Size()
				}
			}
		}
		s.Parts = append(s.Parts, PartStats{p.Part, size, len(p.cols)})
		s.Rows += p.Rows
		s.Bytes += size
	}
	sch, _ := h.schema(parts)
	byPath := map[string]*field{}
	for _, f := range sch.fields {
		byPath[f.path] = f
	}
	for e, et := range all.events {
		for path, c := range et.paths {
			s.Paths = append(s.Paths, pathStats(e, et.rows, path, c, byPath[path]))
		}
	}
	slices.SortFunc(s.Paths, func(a, b PathStats) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Path, b.Path))
	})
	return s, nil
}

func pathStats(e event, rows uint64, path string, c *counts, f *field) PathStats {
	ps := PathStats{Kind: e.kind, Event: e.name, Path: path, Rows: rows, Filled: c.rows()}
	t := c.best()
	if f != nil {
		t, ps.Column = f.typ, f.names
	}
	if t != typeNothing {
		ps.Type = sqlType(t)
		ps.Conflicts = c.rows() - c.Nulls - c.of(t)
	}
	return ps
}

// of gives how many values a column of type t holds.
func (c *counts) of(t byte) uint64 {
	switch t {
	case typeString:
		return c.Strings
	case typeNumber:
		return c.Numbers - c.Unfit
	case typeBool:
		return c.Bools
	case typeJSON:
		return c.JSONs
	}
	return 0
}
