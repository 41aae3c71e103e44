package engine

import (
	"sort"
	"sync"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// references gives the reference tables as of a version: of each the newest content.
func (w *view) references() []history.Table {
	newest := map[string]*storage.TableVersion{}
	for _, v := range w.v.tables {
		newest[v.Table] = v
	}
	var out []history.Table
	for _, name := range sortedKeys(newest) {
		out = append(out, &referenceTable{e: w.e, snap: w.v.snap, v: newest[name]})
	}
	return out
}

// referenceTable is one version of a reference table, as SQL reads it: a block for each chunk.
type referenceTable struct {
	e    *Engine
	snap *storage.Snapshot
	v    *storage.TableVersion

	first []uint64   // for key: the first row of each chunk
	at    int        // the chunk that was read last, counted from 1
	texts [][]string // the key's columns of it
}

func (t *referenceTable) Name() string { return t.v.Table }
func (t *referenceTable) Blocks() int  { return int(t.v.Chunks) }
func (t *referenceTable) Rows() int64  { return int64(t.v.Rows) }

// Fields gives the columns.
func (t *referenceTable) Fields() []history.Field {
	var out []history.Field
	for _, c := range t.v.Columns {
		out = append(out, history.Field{Name: c.Name, Type: fieldOf[c.Type]})
	}
	return out
}

// Read gives the rows of a chunk.
func (t *referenceTable) Read(block int, fields []int) (*history.Block, error) {
	b := &history.Block{}
	var chunk *storage.TableChunk
	open := func() error {
		if chunk != nil {
			return nil
		}
		c, err := t.snap.TableChunk(t.v.Content, uint32(block))
		chunk = &c
		return err
	}
	for _, f := range fields {
		at := cellKey{t.v.Content, uint32(block), uint32(f)}
		c, ok := t.e.tables.cache.get(at)
		if !ok {
			if err := open(); err != nil {
				return nil, err
			}
			texts, err := chunk.Column(f)
			if err != nil {
				return nil, err
			}
			c = &cells{n: chunk.Rows}
			if c.vec, c.size, err = vectorOf(t.v.Columns[f].Type, texts); err != nil {
				return nil, err
			}
			t.e.tables.cache.put(at, c)
		}
		b.N, b.Cols = c.n, append(b.Cols, c.vec)
	}
	if len(fields) == 0 {
		if err := open(); err != nil {
			return nil, err
		}
		b.N = chunk.Rows
	}
	return b, nil
}

// key gives what the key of a row has alike with no other's. It keeps the chunk
// that it read last: one goroutine asks, row after row.
func (t *referenceTable) key(places []int, row uint64) ([]byte, error) {
	n := sort.Search(len(t.first), func(i int) bool { return t.first[i] > row })
	if t.at != n {
		chunk, err := t.snap.TableChunk(t.v.Content, uint32(n-1))
		if err != nil {
			return nil, err
		}
		t.at, t.texts = n, make([][]string, len(places))
		for k, i := range places {
			if t.texts[k], err = chunk.Column(i); err != nil {
				return nil, err
			}
		}
	}
	var key []byte
	for k, i := range places {
		key = keyPrint(t.v.Columns[i].Type, t.texts[k][row-t.first[n-1]], key)
	}
	return key, nil
}

// cellCache keeps columns of chunks in their types, as much as there is memory
// for. What goes is anything: tables are read from end to end, and where the
// oldest went, one that is a little too large would never find anything.
type cellCache struct {
	mu    sync.Mutex
	m     map[cellKey]*cells // guarded by mu
	size  int64              // guarded by mu
	limit int64
}

type cellKey struct{ content, chunk, column uint32 }

// cells is a column of a chunk. Nothing in it changes.
type cells struct {
	n    int
	vec  history.Vector
	size int64
}

func (c *cellCache) get(k cellKey) (*cells, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.m[k]
	return v, ok
}

func (c *cellCache) put(k cellKey, v *cells) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m[k]; ok || v.size > c.limit {
		return // somebody else read it too
	}
	if c.m == nil {
		c.m = map[cellKey]*cells{}
	}
	for old, was := range c.m {
		if c.size+v.size <= c.limit {
			break
		}
		delete(c.m, old)
		c.size -= was.size
	}
	c.m[k] = v
	c.size += v.size
}
