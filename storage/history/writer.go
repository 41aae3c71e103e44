package history

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unsafe"

	m "github.com/duckdb/duckdb-go/v2/mapping"
)

// writer turns rows into data chunks of the live part: one write to memory for
// every value, no call of C but for every 2,048 rows.
type writer struct {
	p     *part
	paths PathSet

	app    m.Appender
	chunk  m.DataChunk
	vecs   []unsafe.Pointer // of the columns of the chunk
	valid  []unsafe.Pointer // their bits of rows that are there
	n      int              // rows in the chunk
	held   int              // rows that the appender holds
	arenas [][]byte         // texts that the chunk points to; the last is being filled

	events map[event]*expected
	lastEv *expected
	rest   []byte   // of the row being written
	seen   []uint32 // by shredded column: turn of the row that last wrote it, times two, plus one if the column is the only place of the value
	turn   uint32
	key    []byte
}

// expected is what the rows of one event have looked like: the next row is
// likely to have the same paths in the same order.
type expected struct {
	event
	rows  uint64 // since the last commit
	slots []slot
	index map[uint32]int // path -> slot
	extra bool           // the events that are counted together
}

// slot is one path of one event.
type slot struct {
	path  uint32
	col   int    // shredded column, or -1
	typ   byte   // of the column
	key   []byte // the path as a key of rest, with quotes and colon
	fresh counts // since the last commit
}

const arenaSize = 1 << 20

// groupRows is how many rows DuckDB compresses together. What is handed over in
// such groups is not copied once more.
const groupRows = 122_880

// begin makes the appender for one call of Append.
func (w *writer) begin(c *conn) error {
	if m.AppenderCreateExt(c.c, w.p.alias(), "main", "events", &w.app) == m.StateError {
		return w.appenderError()
	}
	n := int(m.AppenderColumnCount(w.app))
	if n != colShred+len(w.p.cols) {
		return errors.New("the table has other columns than the layout")
	}
	if w.chunk.Ptr == nil {
		types := make([]m.LogicalType, n)
		for i := range types {
			types[i] = m.AppenderColumnType(w.app, m.IdxT(i))
		}
		w.chunk = m.CreateDataChunk(types)
		for i := range types {
			m.DestroyLogicalType(&types[i])
		}
		w.vecs, w.valid = make([]unsafe.Pointer, n), make([]unsafe.Pointer, n)
		w.seen = make([]uint32, len(w.p.cols))
		w.blank()
	}
	w.held = 0
	w.fresh()
	return nil
}

// blank makes the texts of a new chunk empty: DuckDB looks at those of rows that
// have none, too.
func (w *writer) blank() {
	cols := []int{colAlso, colName, colSource, colMIDText, colRest, colSealed, colSaid}
	for i, c := range w.p.cols {
		if c.sqlType() == "VARCHAR" {
			cols = append(cols, colShred+i)
		}
	}
	for _, i := range cols {
		clear(unsafe.Slice((*text)(m.VectorGetData(m.DataChunkGetVector(w.chunk, m.IdxT(i)))), chunkRows))
	}
}

// fresh starts an empty chunk in which no row has anything.
func (w *writer) fresh() {
	m.DataChunkReset(w.chunk)
	for i := range w.vecs {
		v := m.DataChunkGetVector(w.chunk, m.IdxT(i))
		m.VectorEnsureValidityWritable(v)
		w.vecs[i], w.valid[i] = m.VectorGetData(v), m.VectorGetValidity(v)
		clear(unsafe.Slice((*uint64)(w.valid[i]), chunkRows/64))
	}
	w.n = 0
	if len(w.arenas) == 0 {
		w.arenas = [][]byte{make([]byte, 0, arenaSize)}
	}
	w.arenas = w.arenas[len(w.arenas)-1:]
	w.arenas[0] = w.arenas[0][:0]
}

// push gives the chunk to DuckDB, which copies it.
func (w *writer) push() error {
	if w.n == 0 {
		return nil
	}
	m.DataChunkSetSize(w.chunk, m.IdxT(w.n))
	if m.AppendDataChunk(w.app, w.chunk) == m.StateError {
		return w.appenderError()
	}
	if w.held += w.n; w.held >= groupRows {
		w.held = 0
		if m.AppenderFlush(w.app) == m.StateError {
			return w.appenderError()
		}
	}
	w.fresh()
	return nil
}

// flush hands everything to the transaction.
func (w *writer) flush() error {
	if err := w.push(); err != nil {
		return err
	}
	if m.AppenderFlush(w.app) == m.StateError {
		return w.appenderError()
	}
	return nil
}

// end lets the appender go.
func (w *writer) end() { m.AppenderDestroy(&w.app) }

// close frees the chunk.
func (w *writer) close() { m.DestroyDataChunk(&w.chunk) }

func (w *writer) appenderError() error { return errors.New(m.AppenderError(w.app)) }

// keep copies b to where it stays until the chunk is pushed.
func (w *writer) keep(b []byte) []byte {
	a := &w.arenas[len(w.arenas)-1]
	if cap(*a)-len(*a) < len(b) {
		w.arenas = append(w.arenas, make([]byte, 0, max(arenaSize, len(b))))
		a = &w.arenas[len(w.arenas)-1]
	}
	at := len(*a)
	*a = append(*a, b...)
	return (*a)[at:]
}

func put[T any](w *writer, col int, v T) {
	*(*T)(unsafe.Add(w.vecs[col], uintptr(w.n)*unsafe.Sizeof(v))) = v
	w.here(col)
}

// putText stores s, which must stay where it is until the chunk is pushed.
func (w *writer) putText(col int, s []byte) {
	(*text)(unsafe.Add(w.vecs[col], w.n*16)).set(s)
	w.here(col)
}

func (w *writer) here(col int) {
	*(*uint64)(unsafe.Add(w.valid[col], w.n>>6*8)) |= 1 << (w.n & 63)
}

// times writes the four times of a row; see times.go.
func (w *writer) times(r *Row) {
	if r.Time != NoTime {
		put(w, colTime, r.Time)
	}
	for k, g := range gaps(r.Time, &[timeKinds]int64{r.Received, r.Sent, r.Original}) {
		if g.there {
			put(w, colReceived+k, g.near)
		}
		if g.isFar {
			put(w, colReceivedFar+k, g.far)
		}
	}
}

// row writes one row. The row must stay as it is until the chunk is pushed.
func (w *writer) row(r *Row) error {
	put(w, colSeq, r.Seq)
	put(w, colFragment, r.Fragment)
	put(w, colKind, r.Kind)
	put(w, colFlags, r.Flags)
	put(w, colLoad, r.Load)
	w.putText(colName, view(r.Name))
	w.putText(colSource, view(r.Source))
	w.times(r)
	if len(r.Also) > 0 {
		var buf [64]byte
		b := buf[:0]
		for _, f := range r.Also {
			b = binary.LittleEndian.AppendUint32(b, f)
		}
		w.putText(colAlso, w.keep(b))
	}
	if id, ok := parseUUID(r.MessageID); ok {
		put(w, colMID, id)
	} else {
		w.putText(colMIDText, view(r.MessageID))
	}
	if r.Sealed != nil {
		w.putText(colSealed, r.Sealed)
	}
	if r.Said != nil {
		w.putText(colSaid, r.Said)
	}
	if err := w.cells(r); err != nil {
		return err
	}
	if w.n++; w.n == chunkRows {
		return w.push()
	}
	return nil
}

// view gives the bytes of s without copying them; they must not be written to.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// cells writes the leaves of a row: to their columns, and to rest what has none
// or would not come back exactly.
func (w *writer) cells(r *Row) error {
	ev := w.expect(r.Kind, r.Name)
	ev.rows++
	w.turn += 2
	w.rest = append(w.rest[:0], '{')
	next := 0
	for cells := r.Cells; len(cells) > 0; {
		path, value, tail, ok := nextCell(cells)
		if !ok {
			return errors.New("cells are not well formed")
		}
		cells = tail
		if next >= len(ev.slots) || ev.slots[next].path != path {
			if next, ok = ev.index[path]; !ok {
				if next = w.learn(ev, path); next < 0 {
					return errors.New("cell of an unknown path")
				}
			}
		}
		s := &ev.slots[next]
		next++
		exact, ok := w.cell(s, value)
		if !ok {
			return errors.New("a cell is not JSON")
		}
		if s.col >= 0 {
			if w.seen[s.col]>>1 == w.turn>>1 { // the path a second time: rest is to have both
				w.again(r.Cells, s)
				exact = false
			}
			w.seen[s.col] = w.turn
			if exact {
				w.seen[s.col]++
				continue
			}
		}
		w.rest = append(append(append(w.rest, s.key...), value...), ',')
	}
	if len(w.rest) > 1 {
		w.rest[len(w.rest)-1] = '}'
		w.putText(colRest, w.keep(w.rest))
	}
	return nil
}

// again moves the first value of a path that comes twice to rest.
func (w *writer) again(cells []byte, s *slot) {
	if w.seen[s.col]&1 == 0 { // it is there already
		return
	}
	EachCell(cells, func(path uint32, value []byte) bool {
		if path == s.path {
			w.rest = append(append(append(w.rest, s.key...), value...), ',')
		}
		return path != s.path
	})
}

// expect finds what the rows of an event look like.
func (w *writer) expect(kind uint8, name string) *expected {
	if ev := w.lastEv; ev != nil && ev.kind == kind && ev.name == name && !ev.extra {
		return ev
	}
	ev := w.events[event{kind, name}]
	if ev == nil {
		extra := len(w.p.stats.events) >= maxEvents && w.p.stats.events[event{kind, name}] == nil || len(w.events) >= maxEvents
		if extra {
			name = ""
			if ev = w.events[event{0, ""}]; ev != nil {
				return ev
			}
			kind = 0
		}
		ev = &expected{event: event{kind, name}, index: map[uint32]int{}, extra: extra}
		w.events[ev.event] = ev
	}
	w.lastEv = ev
	return ev
}

// learn adds a path to an event; -1 when the engine does not know it.
func (w *writer) learn(ev *expected, path uint32) int {
	if int(path) >= w.paths.Len() {
		return -1
	}
	name := w.paths.Path(path)
	s := slot{path: path, col: -1, key: append(restKey(name), ':')}
	if i, ok := w.p.byPath[name]; ok {
		s.col, s.typ = i, w.p.cols[i].Type
	}
	ev.index[path] = len(ev.slots)
	ev.slots = append(ev.slots, s)
	return len(ev.slots) - 1
}

// cell counts one value and writes it to its column. It reports whether the
// column alone gives the text back, and whether the text is JSON.
func (w *writer) cell(s *slot, value []byte) (exact, ok bool) {
	t, ok := typeOf(value)
	if !ok {
		return false, false
	}
	col := colShred + s.col
	fits := s.col >= 0 && s.typ == t
	switch t {
	case typeNothing:
		s.fresh.Nulls++
	case typeBool:
		s.fresh.Bools++
		if fits {
			put(w, col, value[0] == 't')
		}
		return fits, true
	case typeNumber:
		return w.number(s, value, fits)
	case typeString:
		s.fresh.Strings++
		ok, asIs := plain(value)
		if !ok || !fits {
			return false, ok
		}
		if asIs {
			w.putText(col, value[1:len(value)-1])
			return true, true
		}
		said := w.keep(unquote(nil, value))
		w.putText(col, said)
		w.key = appendQuoted(w.key[:0], said)
		return string(w.key) == string(value), true
	case typeJSON:
		s.fresh.JSONs++
		if !json.Valid(value) {
			return false, false
		}
		if fits {
			w.putText(col, value)
		}
		return fits, true
	}
	return false, true
}

// number is cell for numbers.
func (w *writer) number(s *slot, value []byte, fits bool) (exact, ok bool) {
	n, ok := parseNumber(value)
	if !ok {
		return false, false
	}
	s.fresh.Numbers++
	if !n.fits {
		s.fresh.Unfit++
		return false, true
	}
	if n.last == '0' && n.places < len(s.fresh.Zeros) {
		s.fresh.Zeros[n.places]++
	}
	if !fits {
		return false, true
	}
	put(w, colShred+s.col, n.value)
	return n.spelled(w.p.cols[s.col].Places), true
}

// parseUUID reads a UUID in its usual small letters, as DuckDB keeps it.
func parseUUID(s string) (int128, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return int128{}, false
	}
	var w [2]uint64
	n := 0
	for i := range 36 {
		c := s[i]
		switch {
		case c == '-' && (i == 8 || i == 13 || i == 18 || i == 23):
			continue
		case c-'0' < 10:
			c -= '0'
		case c-'a' < 6:
			c -= 'a' - 10
		default:
			return int128{}, false
		}
		w[n>>4] = w[n>>4]<<4 | uint64(c)
		n++
	}
	return int128{w[1], int64(w[0] ^ 1<<63)}, true
}

// appendUUID writes a UUID that parseUUID has read.
func appendUUID(dst []byte, v int128) []byte {
	hi := uint64(v.hi) ^ 1<<63
	return fmt.Appendf(dst, "%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, v.lo>>48, v.lo&(1<<48-1))
}
