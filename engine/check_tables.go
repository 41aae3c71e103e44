package engine

import (
	"errors"
	"fmt"

	"github.com/kithdb/kith/storage"
)

// tables reads every version of every reference table: its load, its sum, its
// rows, the types of its columns, and that no two rows have the same key.
func (c *checker) tables() error {
	snap := c.v.snap
	all, err := snap.Tables()
	if err != nil {
		return err
	}
	chunks := map[uint32]uint32{}
	if err := snap.ChunkKeys(func(content, _ uint32) error { chunks[content]++; return nil }); err != nil {
		return err
	}
	loads := map[uint32]*storage.Load{}
	if err := snap.Loads(func(l *storage.Load) error { loads[l.ID] = l; return nil }); err != nil {
		return err
	}
	want(c, "table", "versions", len(all), len(c.v.tables))
	for _, v := range all {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		where := fmt.Sprintf("table %s, load %d", v.Table, v.Load)
		if l := loads[v.Load]; l == nil || l.Table != v.Table || l.Rows != int64(v.Rows) || l.Seq != v.Seq {
			c.bad("table", where, errors.New("its load is another"))
		}
		want(c, "table", where+", chunks", chunks[v.Content], v.Chunks)
		if err := c.table(v); err != nil {
			c.bad("table", where, err)
		}
		c.count("table rows", int(v.Rows))
	}
	return snap.TableLosses(func(l *storage.TableLoss) error {
		if c.number != nil {
			c.meet(l.Seq, "as the end of a table")
		}
		return nil
	})
}

// table reads one version.
func (c *checker) table(v *storage.TableVersion) error {
	t := &referenceTable{e: c.e, snap: c.v.snap, v: v}
	var key []int
	for _, name := range v.Key {
		for i, col := range v.Columns {
			if col.Name == name {
				key = append(key, i)
			}
		}
	}
	if len(key) != len(v.Key) {
		return errors.New("its key names columns that it does not have")
	}
	var keys keySet
	var rows, bytes, sum uint64
	for n := range v.Chunks {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		chunk, err := c.v.snap.TableChunk(v.Content, n)
		if err != nil {
			return err
		}
		t.first = append(t.first, rows)
		sum, bytes = storage.SumChunk(sum, chunk.Bytes), bytes+uint64(len(chunk.Bytes))
		if err := readKeys(v, &chunk, key, &keys, rows); err != nil {
			return err
		}
		rows += uint64(chunk.Rows)
	}
	if rows != v.Rows || bytes != v.Bytes || sum != v.Sum {
		return errors.New("its rows are not those that were loaded")
	}
	twice := 0
	err := keys.twice(func(row uint64) ([]byte, error) { return t.key(key, row) }, func(int64, int64) { twice++ })
	if err == nil && twice > 0 {
		err = fmt.Errorf("%d rows have the key of another", twice)
	}
	return err
}

// readKeys reads every cell of a chunk in its type, and collects the keys.
func readKeys(v *storage.TableVersion, chunk *storage.TableChunk, key []int, keys *keySet, first uint64) error {
	cols := make([][]string, len(v.Columns))
	for i, col := range v.Columns {
		texts, err := chunk.Column(i)
		if err != nil {
			return err
		}
		if _, _, err := vectorOf(col.Type, texts); err != nil {
			return err
		}
		cols[i] = texts
	}
	var room []byte
	for r := 0; r < chunk.Rows && len(key) > 0; r++ {
		room = room[:0]
		for _, i := range key {
			if cols[i][r] == "" {
				return errors.New("a row has no key")
			}
			room = keyPrint(v.Columns[i].Type, cols[i][r], room)
		}
		keys.add(room, first+uint64(r), int64(first)+int64(r))
	}
	return nil
}
