package history

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go/v2"
	m "github.com/duckdb/duckdb-go/v2/mapping"
)

// chunkRows is how many rows DuckDB puts in one data chunk.
const chunkRows = 2048

// instance is one DuckDB: an in-memory database to which the parts are attached.
type instance struct {
	duck *duckdb.Connector
	db   m.Database
}

// start makes an instance with these settings.
func start(settings url.Values) (*instance, error) {
	c, err := duckdb.NewConnector("?"+settings.Encode(), nil)
	if err != nil {
		return nil, err
	}
	// The driver keeps the database to itself; chunks need it. The field is read
	// by name, so that a driver without it is an error and not a crash.
	v := reflect.ValueOf(c).Elem().FieldByName("db")
	if !v.IsValid() || v.Type() != reflect.TypeFor[m.Database]() {
		return nil, errors.Join(errors.New("this duckdb-go is not known"), c.Close())
	}
	return &instance{c, m.Database{Ptr: v.FieldByName("Ptr").UnsafePointer()}}, nil
}

// conn is one raw connection: statements of our own, data chunks, no database/sql.
type conn struct {
	of *instance
	c  m.Connection
}

// dial opens one more connection.
func (in *instance) dial() (*conn, error) {
	c := &conn{of: in}
	if m.Connect(in.db, &c.c) == m.StateError {
		return nil, errors.New("no connection to DuckDB")
	}
	return c, nil
}

func (c *conn) close() { m.Disconnect(&c.c) }

// exec runs one statement, or several, and drops what they answer.
func (c *conn) exec(query string) error {
	var r m.Result
	defer m.DestroyResult(&r)
	if m.Query(c.c, query, &r) == m.StateError {
		return errors.New(m.ResultError(&r))
	}
	return nil
}

// rows runs one statement and gives its answer chunk by chunk to f, until f
// gives false.
func (c *conn) rows(query string, f func(ch m.DataChunk, n int) bool) error {
	var r m.Result
	defer m.DestroyResult(&r)
	if m.Query(c.c, query, &r) == m.StateError {
		return errors.New(m.ResultError(&r))
	}
	for {
		ch := m.FetchChunk(r)
		if ch.Ptr == nil {
			return nil
		}
		n := int(m.DataChunkGetSize(ch))
		more := n > 0 && f(ch, n)
		m.DestroyDataChunk(&ch)
		if !more {
			return nil
		}
	}
}

// ints runs one statement and gives the first row of its BIGINT columns.
func (c *conn) ints(query string) ([]int64, error) {
	var row []int64
	err := c.rows(query, func(ch m.DataChunk, n int) bool {
		for i := range int(m.DataChunkGetColumnCount(ch)) {
			row = append(row, column[int64](ch, i, n)[0])
		}
		return false
	})
	if err == nil && row == nil {
		err = errors.New("no row")
	}
	return row, err
}

// column views a fixed-width column of a chunk; it lives as long as the chunk.
func column[T any](ch m.DataChunk, i, n int) []T {
	return unsafe.Slice((*T)(m.VectorGetData(m.DataChunkGetVector(ch, m.IdxT(i)))), n)
}

// validity views the bits of a column that say which rows are there; nil: all.
func validity(ch m.DataChunk, i, n int) []uint64 {
	p := m.VectorGetValidity(m.DataChunkGetVector(ch, m.IdxT(i)))
	if p == nil {
		return nil
	}
	return unsafe.Slice((*uint64)(p), (n+63)/64)
}

// valid reports whether row i is there.
func valid(bits []uint64, i int) bool { return bits == nil || bits[i>>6]>>(i&63)&1 == 1 }

// text is a string as DuckDB lays it out in a vector: up to 12 bytes stand in
// place, longer ones behind a pointer.
type text struct {
	n    uint32
	head [4]byte
	ptr  uintptr
}

// bytes views the string; it lives as long as its vector.
func (t *text) bytes() []byte {
	if t.n <= 12 {
		return unsafe.Slice(&t.head[0], t.n)
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&t.ptr)), t.n)
}

// set makes t the string s. A long one is not copied: s must stay where it is
// until DuckDB has read the vector. The heap of Go does not move, so it is
// enough that somebody holds s until then.
func (t *text) set(s []byte) {
	*t = text{n: uint32(len(s))}
	if len(s) <= 12 {
		copy(unsafe.Slice(&t.head[0], 12), s)
		return
	}
	copy(t.head[:], s)
	t.ptr = uintptr(unsafe.Pointer(&s[0]))
}

// ident quotes a name for SQL.
func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// quote makes a SQL string of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// fatal reports whether an error of DuckDB means that the instance is of no use
// any more and has to be opened again.
func fatal(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "FATAL Error") || strings.Contains(err.Error(), "database has been invalidated"))
}
