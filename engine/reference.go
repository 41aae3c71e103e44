package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// Table is a reference table: products, stores, campaigns, costs. It holds no
// person and no event; what is in it counts as nobody's and is kept in the clear.
type Table struct {
	Name string
	TableVersion
	Versions []TableVersion // all that are kept, the oldest first; the last is what SQL sees
}

// TableVersion is what one load made of a table.
type TableVersion struct {
	Load    uint32        // its number
	Seq     kith.Seq      // of the record that it is in the log
	At      time.Time     // since when it counts
	Rows    int64         //
	Bytes   int64         // of the texts, uncompressed
	Key     []string      // columns whose values together are of one row; nil: no rule
	Columns []TableColumn // in the order of the file
}

// TableColumn is a column of a table.
type TableColumn struct {
	Name string
	Type string // VARCHAR, DECIMAL(38,9), TIMESTAMP or BOOLEAN
}

// TableRows is what a table is loaded from.
type TableRows interface {
	// Columns names the columns. Where the input tells them row by row, Next may
	// add some at the end.
	Columns() []string
	// Next gives a row, which may have fewer cells than there are columns, and its
	// line; io.EOF after the last. An empty text is no value. The row is good
	// until the next call.
	Next() (row []string, line int64, err error)
}

// TableOptions say how a table is loaded; nil is the same as the zero value.
type TableOptions struct {
	Name     string            // what the load is called in the list of loads, such as a file's name
	Source   string            // in that list; empty: "table"
	Key      []string          // columns that tell rows apart: none may be empty, no two rows alike
	Types    map[string]string // of columns, by name, instead of what all their values read as
	Progress func(rows int64)  // called now and then with the rows read so far; nil: nobody asks
}

// references is what the engine knows of its reference tables.
type references struct {
	now    []*storage.TableVersion // the line's: every version, by load; never changed, only replaced
	next   atomic.Uint32           // the next content
	cache  cellCache
	mu     sync.Mutex
	orphan map[uint32][]uint32 // guarded by mu: chunks that nothing counts, by content: of a killed load
}

// openTables reads which versions there are, and finds what a killed load left.
func (e *Engine) openTables(snap *storage.Snapshot) error {
	t := &e.tables
	t.cache.limit = e.lim.tables
	var err error
	if t.now, err = snap.Tables(); err != nil {
		return err
	}
	used, last := map[uint32]bool{}, uint32(0)
	for _, v := range t.now {
		used[v.Content], last = true, max(last, v.Content) // one without rows has no chunks
	}
	t.orphan = map[uint32][]uint32{}
	err = snap.ChunkKeys(func(content, n uint32) error {
		if last = max(last, content); !used[content] {
			t.orphan[content] = append(t.orphan[content], n)
		}
		return nil
	})
	t.next.Store(last)
	return err
}

// sweepTables deletes what a killed load left.
func (e *Engine) sweepTables(ctx context.Context) error {
	e.tables.mu.Lock()
	orphan := e.tables.orphan
	e.tables.orphan = nil
	e.tables.mu.Unlock()
	for content, chunks := range orphan {
		if err := e.dropChunks(ctx, content, chunks); err != nil {
			return err
		}
	}
	return nil
}

// LoadTable replaces the content of a reference table, or makes one. It is all
// or nothing: where a row cannot be read, a key is empty or stands twice, or a
// value is not of the type that was asked for, nothing has changed and the error
// names the lines. The content before stays as an earlier version.
func (e *Engine) LoadTable(ctx context.Context, name string, rows TableRows, o *TableOptions) (TableVersion, error) {
	if o == nil {
		o = &TableOptions{}
	}
	name, err := tableName(name)
	if err == nil && e.o.ReadOnly {
		err = &kith.Error{Op: "engine.LoadTable", On: name, Kind: kith.ErrClosed, Err: errors.New("opened to read only")}
	}
	if err == nil {
		err = e.sweepTables(ctx)
	}
	if err != nil {
		return TableVersion{}, err
	}
	began := e.o.now().UnixMicro()
	w := &tableWriter{e: e, ctx: ctx, o: o, name: name, content: e.tables.next.Add(1)}
	v, err := w.write(rows)
	if err != nil {
		return TableVersion{}, errors.Join(err, w.drop())
	}
	load := &storage.Load{Name: o.Name, Source: cmp.Or(o.Source, "table"), At: began, Table: name, Rows: int64(v.Rows)}
	switch err := e.countTable(load, v); {
	case errors.Is(err, kith.ErrDenied):
		return TableVersion{}, errors.Join(err, w.drop())
	case err != nil:
		return TableVersion{}, err // it may count after all: the commit is what failed
	}
	return versionOf(v), nil
}

// countTable makes a written version the one that counts, as a load.
func (e *Engine) countTable(load *storage.Load, v *storage.TableVersion) error {
	return e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		if err := e.tableKept("engine.LoadTable", v.Table, v.Columns); err != nil {
			return err
		}
		load.ID, load.Seq, load.Ended = e.line.head.Loads, seq, at
		e.line.head.Loads++
		v.Load, v.Seq, v.At = load.ID, seq, at
		return errors.Join(tx.PutLoad(load), tx.PutTable(v))
	}, func() {
		e.tables.now = append(slices.Clip(e.tables.now), v)
		e.tableChanged(v.Table)
	})
}

func versionOf(v *storage.TableVersion) TableVersion {
	out := TableVersion{Load: v.Load, Seq: v.Seq, At: instant(v.At), Rows: int64(v.Rows), Bytes: int64(v.Bytes), Key: v.Key}
	for _, c := range v.Columns {
		out.Columns = append(out.Columns, TableColumn(c))
	}
	return out
}

// Tables gives the reference tables, by name.
func (e *Engine) Tables(context.Context) ([]Table, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	byName := map[string]*Table{}
	for _, tv := range v.tables {
		t := byName[tv.Table]
		if t == nil {
			t = &Table{Name: tv.Table}
			byName[tv.Table] = t
		}
		t.TableVersion = versionOf(tv)
		t.Versions = append(t.Versions, t.TableVersion)
	}
	out := []Table{}
	for _, name := range sortedKeys(byName) {
		out = append(out, *byName[name])
	}
	return out, nil
}

// DropTable takes a reference table away, with every version of it. That is
// for good: its loads stay in the list of loads, their rows do not. One that
// segments or computed traits use is ErrDenied.
func (e *Engine) DropTable(ctx context.Context, name string) error {
	low := strings.ToLower(name)
	return e.loseTable(ctx, "engine.DropTable", "table "+name, func(v *storage.TableVersion) bool { return v.Table == low })
}

// UnloadTable takes back what a load made of a reference table: where it was
// the last, the version before it is what SQL sees again, and where there is
// none, the table is gone. It is ErrDenied where segments or computed traits
// use what goes away, and ErrNotFound when the load is not one of a
// table, or was taken back already.
func (e *Engine) UnloadTable(ctx context.Context, load uint32) error {
	return e.loseTable(ctx, "engine.UnloadTable", fmt.Sprintf("load %d", load), func(v *storage.TableVersion) bool { return v.Load == load })
}

// admitTable tells whether UnloadTable would find the load.
func (e *Engine) admitTable(load uint32) error {
	v, err := e.acquire()
	if err != nil {
		return err
	}
	defer e.release(v)
	if !slices.ContainsFunc(v.tables, func(t *storage.TableVersion) bool { return t.Load == load }) {
		return noTable("engine.UnloadTable", fmt.Sprintf("load %d", load))
	}
	return nil
}

func noTable(op, on string) error {
	return &kith.Error{Op: op, On: on, Kind: kith.ErrNotFound, Err: errors.New("no reference table has it")}
}

// loseTable takes away the versions of one table, and then their rows.
func (e *Engine) loseTable(ctx context.Context, op, on string, which func(*storage.TableVersion) bool) error {
	var gone, left []*storage.TableVersion
	err := e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		loss := storage.TableLoss{Seq: seq, At: at}
		for _, v := range e.tables.now {
			if !which(v) {
				left = append(left, v)
				continue
			}
			gone = append(gone, v)
			loss.Table, loss.Loads = v.Table, append(loss.Loads, v.Load)
		}
		if len(gone) == 0 {
			return noTable(op, on)
		}
		var columns []storage.TableColumn // of the version that counts then
		for _, v := range left {
			if v.Table == gone[0].Table {
				columns = v.Columns
			}
		}
		if err := e.tableKept(op, gone[0].Table, columns); err != nil {
			return err
		}
		return tx.DropTable(&loss)
	}, func() {
		e.tables.now = left
		e.tableChanged(gone[0].Table)
	})
	for _, v := range gone {
		if err == nil {
			err = e.dropChunks(ctx, v.Content, count(v.Chunks))
		}
	}
	return err
}

// count gives the numbers below n.
func count(n uint32) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = uint32(i)
	}
	return out
}

// dropChunks deletes rows that nothing counts. Cut short, the next opening finds the rest.
func (e *Engine) dropChunks(ctx context.Context, content uint32, chunks []uint32) error {
	for group := range slices.Chunk(chunks, 1000) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := e.aside(func(tx *storage.Tx) error {
			for _, n := range group {
				if err := tx.DropChunk(content, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// aside writes what nobody sees yet, in a transaction of its own.
func (e *Engine) aside(change func(tx *storage.Tx) error) error {
	return e.inLine(func() error {
		if err := e.room(); err != nil {
			return err
		}
		tx := e.store.Update()
		defer tx.Discard()
		if err := change(tx); err != nil {
			return err
		}
		if err := e.commitAside(tx); err != nil {
			e.line.stop(err)
			return err
		}
		return nil
	})
}

// ownTables are names of tables that SQL has, or will have.
var ownTables = strings.Fields(`events all_events profiles identifiers decisions merges rejects loads sources columns tables
	segments members changes lists consents audit accounts deliveries quarantine anomalies schema`)

// keywords are the words that DuckDB takes for no name unless they are quoted.
var keywords = strings.Fields(`all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
	create default deferrable desc describe distinct do else end except false fetch for foreign from group having in initially
	intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer pivot_wider placing primary
	qualify references returning select show some summarize symmetric table then to trailing true union unique unpivot using
	variadic when where window with`)

// tableName looks whether a table may be called so. Letter case does not count.
func tableName(name string) (string, error) {
	low, why := strings.ToLower(name), ""
	plain := low != "" && len(low) <= 63 && (low[0] < '0' || low[0] > '9')
	for _, r := range low {
		plain = plain && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_')
	}
	switch {
	case !plain:
		why = "a table's name has up to 63 letters a to z, digits and _, and begins with no digit"
	case slices.Contains(ownTables, low):
		why = "Kith has a table of that name, or may get one"
	case slices.Contains(keywords, low):
		why = "the name is a word of SQL"
	case slices.ContainsFunc([]string{"kith_", "duckdb_", "sqlite_", "pg_", "pragma_"}, func(p string) bool { return strings.HasPrefix(low, p) }):
		why = "names that begin so are DuckDB's or Kith's"
	default:
		return low, nil
	}
	return "", &kith.Error{Op: "engine.LoadTable", On: "table " + fmt.Sprintf("%q", name), Kind: kith.ErrInvalid, Err: errors.New(why)}
}
