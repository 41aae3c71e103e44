package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// Bounds of what is written of a reference table at once. A chunk with the
// longest row fits into a transaction where the memory is least.
const (
	chunkOfTable = 224 << 10 // a chunk ends here, so that one fits into a block of the store
	mostCells    = 256 << 10 // bytes of a row
	stageBytes   = 4 << 20   // compressed they are much less, and each transaction takes as many as it can
)

// tableWriter writes the rows of one load of a table, which do not count yet.
type tableWriter struct {
	e       *Engine
	ctx     context.Context
	o       *TableOptions
	name    string
	content uint32

	cols    *guesses
	keys    keySet
	key     []int // places of the key's columns
	wrong   complaints
	v       storage.TableVersion
	maker   storage.ChunkMaker
	first   []uint64 // the first row of each chunk
	waiting [][]byte // chunks to be stored
	pending int      // bytes of them
	stored  uint32   // chunks that are
	room    []byte
}

// complaints are what is wrong with a file: the first few in words, the others as a number.
type complaints struct {
	first []string
	n     int
}

const mostFaults = 10

func (f *complaints) add(format string, args ...any) {
	if f.n++; f.n <= mostFaults {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

func (f *complaints) err() error {
	switch {
	case f.n == 0:
		return nil
	case f.n > len(f.first):
		return fmt.Errorf("%s; and %d more", strings.Join(f.first, "; "), f.n-len(f.first))
	}
	return errors.New(strings.Join(f.first, "; "))
}

func (w *tableWriter) bad(err error) error {
	return &kith.Error{Op: "engine.LoadTable", On: "table " + w.name, Kind: kith.ErrInvalid, Err: err}
}

// write reads all rows, and gives the version that they make.
func (w *tableWriter) write(rows TableRows) (*storage.TableVersion, error) {
	var err error
	if w.cols, err = newGuesses(w.o.Types); err != nil {
		return nil, w.bad(err)
	}
	if err := w.read(rows); err != nil {
		return nil, err
	}
	if len(w.cols.columns) == 0 {
		return nil, w.bad(errors.New("there is no column: the first line names them"))
	}
	for _, name := range sortedKeys(w.cols.given) {
		w.wrong.add("there is no column %q", name)
	}
	if err := w.wrong.err(); err != nil {
		return nil, w.bad(err)
	}
	if err := w.stage(true); err != nil {
		return nil, err
	}
	w.v.Table, w.v.Content, w.v.Chunks, w.v.Columns, w.v.Key = w.name, w.content, w.stored, w.cols.columnsOf(), []string{}
	for _, i := range w.key {
		w.v.Key = append(w.v.Key, w.cols.columns[i].name)
	}
	if err := w.unique(); err != nil {
		return nil, err
	}
	return &w.v, nil
}

// read takes the rows and stores them, chunk by chunk.
func (w *tableWriter) read(rows TableRows) error {
	if err := w.meet(rows.Columns()); err != nil {
		return err
	}
	for {
		row, line, err := rows.Next()
		if err == io.EOF {
			return w.found(rows.Columns())
		}
		if err != nil {
			return w.bad(err)
		}
		if w.v.Rows%1024 == 0 {
			if err := w.ctx.Err(); err != nil {
				return err
			}
			if w.o.Progress != nil {
				w.o.Progress(int64(w.v.Rows))
			}
		}
		if err := w.meet(rows.Columns()); err != nil {
			return err
		}
		if err := w.row(row, line); err != nil {
			return err
		}
	}
}

// meet takes over columns that are new.
func (w *tableWriter) meet(names []string) error {
	if len(names) == len(w.cols.columns) {
		return nil
	}
	if err := w.cols.meet(names); err != nil {
		return w.bad(err)
	}
	if len(w.key) < len(w.o.Key) && w.v.Rows == 0 { // a row without it is refused
		return w.found(names)
	}
	return nil
}

// found sees to it that the key's columns are there. A file of no rows and no columns is told elsewhere.
func (w *tableWriter) found(names []string) error {
	if len(names) == 0 {
		return nil
	}
	w.key = w.key[:0]
	for _, name := range w.o.Key {
		i, err := w.cols.place(name)
		if err != nil {
			return w.bad(fmt.Errorf("the key: %w", err))
		}
		w.key = append(w.key, i)
	}
	return nil
}

// row takes one row.
func (w *tableWriter) row(row []string, line int64) error {
	if len(row) > len(w.cols.columns) {
		return w.bad(fmt.Errorf("line %d has %d cells, and there are %d columns", line, len(row), len(w.cols.columns)))
	}
	size := 0
	for i, s := range row {
		size += len(s)
		if !utf8.ValidString(s) {
			return w.bad(fmt.Errorf("line %d, column %q: it is not UTF-8: iconv -t UTF-8 makes it so", line, w.cols.columns[i].name))
		}
		if c := w.cols.columns[i]; !c.see(s) {
			w.wrong.add("line %d, column %q: it does not read as %s", line, c.name, c.given)
		}
	}
	if size > mostCells {
		return w.bad(fmt.Errorf("line %d has more than %d bytes", line, mostCells))
	}
	if w.maker.Rows() == 0 {
		w.first = append(w.first, w.v.Rows)
	}
	if len(w.key) < len(w.o.Key) {
		return w.bad(fmt.Errorf("line %d: the key %q is empty", line, w.o.Key[0]))
	}
	w.room = w.room[:0]
	for _, i := range w.key {
		if i >= len(row) || row[i] == "" {
			w.wrong.add("line %d: the key %q is empty", line, w.cols.columns[i].name)
			return nil
		}
		w.room = loosePrint(row[i], w.room)
	}
	if len(w.key) > 0 {
		w.keys.add(w.room, w.v.Rows, line)
	}
	w.maker.Add(row)
	w.v.Rows++
	return w.stage(false)
}

// stage stores chunks when there are enough of them, or in the end all.
func (w *tableWriter) stage(all bool) error {
	if w.maker.Rows() > 0 && (all || w.maker.Bytes() >= chunkOfTable) {
		chunk := w.maker.Take()
		w.v.Sum, w.v.Bytes = storage.SumChunk(w.v.Sum, chunk), w.v.Bytes+uint64(len(chunk))
		w.waiting, w.pending = append(w.waiting, chunk), w.pending+len(chunk)
	}
	if len(w.waiting) == 0 || !all && w.pending < stageBytes {
		return nil
	}
	if w.wrong.n > 0 { // it will not count
		w.waiting, w.pending = nil, 0
		return nil
	}
	for len(w.waiting) > 0 {
		n := 0
		err := w.e.aside(func(tx *storage.Tx) error {
			for ; n < len(w.waiting) && (n == 0 || !tx.Full(int64(len(w.waiting[n])))); n++ {
				if err := tx.PutChunk(w.content, w.stored+uint32(n), w.waiting[n]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		w.stored, w.waiting = w.stored+uint32(n), w.waiting[n:]
	}
	w.waiting, w.pending = nil, 0
	return nil
}

// drop deletes what was stored of a load that does not come to count.
func (w *tableWriter) drop() error {
	return w.e.dropChunks(context.WithoutCancel(w.ctx), w.content, count(w.stored))
}

// unique tells which rows have the key of another.
func (w *tableWriter) unique() error {
	snap := w.e.store.Snapshot()
	defer snap.Release()
	t := &referenceTable{e: w.e, snap: snap, v: &w.v, first: w.first}
	err := w.keys.twice(func(row uint64) ([]byte, error) { return t.key(w.key, row) }, func(a, b int64) {
		w.wrong.add("lines %d and %d have the same key", a, b)
	})
	if err == nil && w.wrong.n > 0 {
		err = w.bad(w.wrong.err())
	}
	return err
}
