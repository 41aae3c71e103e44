package storage

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/zeebo/xxh3"

	"github.com/kithdb/kith"
)

// A reference table is kept as versions: each load of it is one, with chunks of
// rows under a number of their own, its content. Chunks are written before the
// record of the version, which makes them count, and deleted after it. They hold
// the texts of the file: types are those of the version, and read when somebody asks.
const (
	tableVersion = 'v' // bv<load>: a version
	tableChunk   = 'c' // bc<content><chunk>: rows of it
	tableLoss    = 'g' // bg<seq>: a version that was taken away
)

// TableVersion is what one load made of a reference table.
type TableVersion struct {
	Table   string        `json:"table"`
	Load    uint32        `json:"load"`    // that brought it
	Seq     kith.Seq      `json:"seq"`     // of the load's record
	At      int64         `json:"at"`      // when it began to count, microseconds
	Content uint32        `json:"content"` // under which its chunks stand
	Chunks  uint32        `json:"chunks"`
	Rows    uint64        `json:"rows"`
	Bytes   uint64        `json:"bytes"` // of the chunks, before compression
	Sum     uint64        `json:"sum"`   // of the chunks: see SumChunk
	Key     []string      `json:"key"`   // columns whose values together are of one row
	Columns []TableColumn `json:"columns"`
}

// TableColumn is a column of a reference table.
type TableColumn struct {
	Name string `json:"name"`
	Type string `json:"type"` // VARCHAR, DECIMAL(38,9), TIMESTAMP, BOOLEAN
}

// TableLoss tells that versions of a table were taken away.
type TableLoss struct {
	Table string   `json:"table"`
	Seq   kith.Seq `json:"seq"`
	At    int64    `json:"at"`
	Loads []uint32 `json:"loads"`
}

// SumChunk adds a chunk to the sum of those before it.
func SumChunk(sum uint64, chunk []byte) uint64 { return xxh3.HashSeed(chunk, sum) }

func tableKey4(kind byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{keyTable, kind}, n)
}

func chunkKey(content, n uint32) []byte {
	return binary.BigEndian.AppendUint32(tableKey4(tableChunk, content), n)
}

// PutTable stores a version.
func (tx *Tx) PutTable(v *TableVersion) error {
	p, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(tableKey4(tableVersion, v.Load), p)
}

// DropTable deletes versions, which must be there, and keeps that it did.
func (tx *Tx) DropTable(l *TableLoss) error {
	for _, load := range l.Loads {
		if err := tx.Delete(tableKey4(tableVersion, load)); err != nil {
			return err
		}
	}
	p, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return tx.Put(binary.BigEndian.AppendUint64([]byte{keyTable, tableLoss}, uint64(l.Seq)), p)
}

// Tables gives every version of every table, by load.
func (r *Reader) Tables() (all []*TableVersion, err error) {
	err = r.Scan([]byte{keyTable, tableVersion}, func(key, p []byte) error {
		v := &TableVersion{}
		if json.Unmarshal(p, v) != nil || len(key) != 6 || v.Load != binary.BigEndian.Uint32(key[2:]) {
			return damaged(key)
		}
		all = append(all, v)
		return nil
	})
	return all, err
}

// TableLosses calls f for each time that versions were taken away, in order.
func (r *Reader) TableLosses(f func(*TableLoss) error) error {
	return r.Scan([]byte{keyTable, tableLoss}, func(key, p []byte) error {
		var l TableLoss
		if json.Unmarshal(p, &l) != nil {
			return damaged(key)
		}
		return f(&l)
	})
}

// PutChunk stores rows of a content.
func (tx *Tx) PutChunk(content, n uint32, chunk []byte) error {
	return tx.Put(chunkKey(content, n), chunk)
}

// DropChunk deletes rows of a content, which must be there.
func (tx *Tx) DropChunk(content, n uint32) error { return tx.Delete(chunkKey(content, n)) }

// TableChunk gives rows of a content.
func (r *Reader) TableChunk(content, n uint32) (TableChunk, error) {
	key := chunkKey(content, n)
	p, err := r.Get(key)
	if err == nil && p == nil {
		err = damaged(key)
	}
	if err != nil {
		return TableChunk{}, err
	}
	return ParseChunk(p)
}

// ChunkKeys calls f for each chunk that is stored, whether it counts or not.
func (r *Reader) ChunkKeys(f func(content, n uint32) error) error {
	return r.Keys([]byte{keyTable, tableChunk}, func(key []byte) error {
		if len(key) != 10 {
			return damaged(key)
		}
		return f(binary.BigEndian.Uint32(key[2:]), binary.BigEndian.Uint32(key[6:]))
	})
}

// ChunkMaker makes a chunk of rows, column by column.
type ChunkMaker struct {
	rows  int
	bytes int
	sizes [][]byte // of each column: the lengths of its texts
	texts [][]byte
}

// Add appends a row. A chunk may have rows of fewer columns before it: they have no value there.
func (m *ChunkMaker) Add(row []string) {
	for len(m.sizes) < len(row) {
		m.sizes = append(m.sizes, make([]byte, m.rows)) // a length of 0 is one byte
		m.texts = append(m.texts, nil)
	}
	for i, s := range row {
		m.sizes[i] = binary.AppendUvarint(m.sizes[i], uint64(len(s)))
		m.texts[i] = append(m.texts[i], s...)
		m.bytes += len(s) + 1
	}
	for i := len(row); i < len(m.sizes); i++ {
		m.sizes[i] = append(m.sizes[i], 0)
	}
	m.rows++
}

// Rows gives the rows so far.
func (m *ChunkMaker) Rows() int { return m.rows }

// Bytes gives about how long the chunk would be.
func (m *ChunkMaker) Bytes() int { return m.bytes }

// Take gives the chunk and begins another.
func (m *ChunkMaker) Take() []byte {
	p := append(make([]byte, 0, m.bytes+m.bytes/4+64), 1)
	p = binary.AppendUvarint(p, uint64(m.rows))
	p = binary.AppendUvarint(p, uint64(len(m.sizes)))
	for i := range m.sizes {
		p = binary.AppendUvarint(p, uint64(len(m.sizes[i])))
		p = append(p, m.sizes[i]...)
		p = appendText(p, m.texts[i])
		m.sizes[i], m.texts[i] = m.sizes[i][:0], m.texts[i][:0]
	}
	m.sizes, m.texts = m.sizes[:0], m.texts[:0]
	m.rows, m.bytes = 0, 0
	return p
}

var errChunk = errors.New("rows of a reference table are damaged")

// TableChunk is rows of a reference table, by column.
type TableChunk struct {
	Rows  int
	Bytes []byte
	sizes [][]byte
	texts [][]byte
}

// ParseChunk reads what ChunkMaker.Take gave.
func ParseChunk(p []byte) (TableChunk, error) {
	bad := &kith.Error{Op: "storage.Table", Kind: kith.ErrCorrupt, Err: errChunk}
	d := decoder{p: p}
	if d.byte() != 1 {
		return TableChunk{}, bad
	}
	rows, columns := d.uvarint(), d.uvarint()
	if d.err != nil || rows > uint64(len(p)) || columns > uint64(len(p)) {
		return TableChunk{}, bad
	}
	c := TableChunk{Rows: int(rows), Bytes: p, sizes: make([][]byte, columns), texts: make([][]byte, columns)}
	for i := range c.sizes {
		c.sizes[i], c.texts[i] = d.text(), d.text()
	}
	if d.err != nil || len(d.p) > 0 {
		return TableChunk{}, bad
	}
	return c, nil
}

// Column gives the texts of a column; an empty one is no value. A column that
// came to the table later has none here.
func (c *TableChunk) Column(i int) ([]string, error) {
	out := make([]string, c.Rows)
	if i >= len(c.sizes) {
		return out, nil
	}
	sizes, text := c.sizes[i], string(c.texts[i])
	for k := range out {
		n, w := binary.Uvarint(sizes)
		if w <= 0 || n > uint64(len(text)) {
			return nil, &kith.Error{Op: "storage.Table", Kind: kith.ErrCorrupt, Err: errChunk}
		}
		out[k], text, sizes = text[:n], text[n:], sizes[w:]
	}
	if len(text) > 0 || len(sizes) > 0 {
		return nil, &kith.Error{Op: "storage.Table", Kind: kith.ErrCorrupt, Err: errChunk}
	}
	return out, nil
}
