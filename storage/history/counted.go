package history

import (
	"errors"
	"runtime"

	m "github.com/duckdb/duckdb-go/v2/mapping"
)

// counted writes what was counted since the last commit into the table stats.
func (w *writer) counted(c *conn) error {
	return writeStats(c, w.p.Part, func(line statLine) error {
		for _, ev := range w.events {
			if ev.rows == 0 {
				continue
			}
			if err := line(ev.event, "", [9]uint64{ev.rows}); err != nil {
				return err
			}
			for i := range ev.slots {
				if f := &ev.slots[i].fresh; f.rows() > 0 {
					if err := line(ev.event, w.paths.Path(ev.slots[i].path), f.numbers()); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// write writes all counts into the table stats of a part that has none.
func (t *tally) write(c *conn, p Part) error {
	return writeStats(c, p, func(line statLine) error {
		for e, et := range t.events {
			t.stored += 1 + len(et.paths)
			if err := line(e, "", [9]uint64{et.rows}); err != nil {
				return err
			}
			for path, n := range et.paths {
				if err := line(e, path, n.numbers()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// numbers gives the counts in the order of the table.
func (c *counts) numbers() [9]uint64 {
	return [9]uint64{c.rows(), c.Strings, c.Numbers, c.Bools, c.JSONs, c.Nulls, c.Unfit, c.Zeros[1], c.Zeros[2]}
}

// statLine adds a line to the table stats: of the rows of an event, or of a path in them.
type statLine func(e event, path string, nums [9]uint64) error

// writeStats writes the lines that each gives.
func writeStats(c *conn, p Part, each func(statLine) error) error {
	var app m.Appender
	if m.AppenderCreateExt(c.c, p.alias(), "main", "stats", &app) == m.StateError {
		return errors.New(m.AppenderError(app))
	}
	defer m.AppenderDestroy(&app)
	types := make([]m.LogicalType, m.AppenderColumnCount(app))
	for i := range types {
		types[i] = m.AppenderColumnType(app, m.IdxT(i))
		defer m.DestroyLogicalType(&types[i])
	}
	chunk := m.CreateDataChunk(types)
	defer m.DestroyDataChunk(&chunk)
	n := 0
	push := func() error {
		m.DataChunkSetSize(chunk, m.IdxT(n))
		if m.AppendDataChunk(app, chunk) == m.StateError {
			return errors.New(m.AppenderError(app))
		}
		m.DataChunkReset(chunk)
		n = 0
		return nil
	}
	line := func(e event, path string, nums [9]uint64) error {
		column[uint8](chunk, 0, chunkRows)[n] = e.kind
		column[text](chunk, 1, chunkRows)[n].set(view(e.name))
		column[text](chunk, 2, chunkRows)[n].set(view(path))
		for i, v := range nums {
			column[uint64](chunk, 3+i, chunkRows)[n] = v
		}
		if n++; n == chunkRows {
			return push()
		}
		return nil
	}
	if err := each(line); err != nil {
		return err
	}
	if err := push(); err != nil {
		return err
	}
	if m.AppenderFlush(app) == m.StateError {
		return errors.New(m.AppenderError(app))
	}
	runtime.KeepAlive(each)
	return nil
}

// settle adds what was counted to the part's counts, or forgets it.
func (w *writer) settle(committed bool) {
	for _, ev := range w.events {
		if ev.rows == 0 {
			continue
		}
		var et *eventTally
		if committed {
			et = w.p.stats.event(ev.event)
			et.rows += ev.rows
			w.p.stats.stored++
		}
		ev.rows = 0
		for i := range ev.slots {
			s := &ev.slots[i]
			if committed && s.fresh.rows() > 0 {
				path := w.paths.Path(s.path)
				et.path(path).add(&s.fresh)
				if w.p.sum[path] == nil {
					w.p.sum[path] = &counts{}
				}
				w.p.sum[path].add(&s.fresh)
				w.p.stats.stored++
			}
			s.fresh = counts{}
		}
	}
}
