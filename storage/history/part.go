package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	m "github.com/duckdb/duckdb-go/v2/mapping"
	"github.com/kithdb/kith"
)

// Manifest says which parts make up history, oldest first. The engine keeps it
// in one key: a file that is not in it is nothing.
type Manifest struct {
	Next  uint32 `json:"next"` // number of the next part
	Parts []Part `json:"parts"`
}

// Part is one DuckDB file of history. The last part is live, the others are
// sealed: never written again.
type Part struct {
	ID     uint32 `json:"id"`
	First  uint64 `json:"first"`          // ordinal of its first row
	Rows   uint64 `json:"rows,omitempty"` // of a sealed part
	Last   uint64 `json:"last,omitempty"` // highest seq, of a sealed part
	Sealed bool   `json:"sealed,omitempty"`
	Moved  uint64 `json:"moved,omitempty"` // by how much First is less than the file says: rows of earlier parts were taken out
}

func (p Part) file() string  { return fmt.Sprintf("%06d.duckdb", p.ID) }
func (p Part) alias() string { return fmt.Sprintf("part_%06d", p.ID) }

// The types a shredded column can have. The numbers are stored.
const (
	typeString  = 'S' // VARCHAR: the value of JSON strings
	typeNumber  = 'N' // DECIMAL(38,9)
	typeBool    = 'B' // BOOLEAN
	typeJSON    = 'J' // VARCHAR: the text of arrays and objects
	typeNothing = 0   // null
)

// shred is one shredded column of a part.
type shred struct {
	Path   string `json:"path"`
	Type   byte   `json:"type"`
	Places uint8  `json:"places,omitempty"` // digits after the point that every number is written with
	Varied bool   `json:"varied,omitempty"` // its texts hardly repeat: written with zstd
}

func (s shred) sqlType() string {
	switch s.Type {
	case typeNumber:
		return "DECIMAL(38,9)"
	case typeBool:
		return "BOOLEAN"
	}
	return "VARCHAR"
}

// storage gives how the column's bytes are to be packed; empty: as DuckDB thinks best.
func (s shred) storage() string {
	if s.Varied {
		return " USING COMPRESSION zstd"
	}
	return ""
}

// part is a part that is attached.
type part struct {
	Part
	cols    []shred
	byPath  map[string]int // path -> index into cols
	stats   *tally
	looked  uint64             // rows it had when its columns were last looked at
	sealing bool               // it has reached its size
	some    []int              // of a part that shows some of its columns: their places in the table
	sum     map[string]*counts // of its paths, over all events; guarded by History.shape
}

// fixedColumns stand in every part before the shredded ones, in this order.
var fixedColumns = []struct{ name, typ string }{
	{"seq", "UBIGINT"}, {"fragment", "UINTEGER"}, {"also", "BLOB"}, {"kind", "UTINYINT"}, {"flags", "UTINYINT"},
	{"name", "VARCHAR"}, {"ts", "TIMESTAMP"}, {"received", "INTEGER"}, {"sent", "INTEGER"}, {"original", "INTEGER"}, {"received_far", "BIGINT"}, {"sent_far", "BIGINT"}, {"original_far", "BIGINT"},
	{"source", "VARCHAR"}, {"load", "UINTEGER"}, {"mid", "UUID"}, {"mid_text", "VARCHAR"},
	{"rest", "BLOB"}, {"sealed", "BLOB"}, {"said", "BLOB"},
}

// The places of the fixed columns.
const (
	colSeq = iota
	colFragment
	colAlso
	colKind
	colFlags
	colName
	colTime
	colReceived
	colSent
	colOriginal
	colReceivedFar
	colSentFar
	colOriginalFar
	colSource
	colLoad
	colMID
	colMIDText
	colRest
	colSealed
	colSaid
	colShred // the first shredded column
)

// columnList gives the columns of the part's table, in the order of the table.
func (p *part) columnList() string {
	var b strings.Builder
	for i, c := range fixedColumns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.name)
	}
	for i := range p.cols {
		if p.some != nil {
			i = p.some[i]
		}
		b.WriteString(", c" + strconv.Itoa(i))
	}
	return b.String()
}

// path gives where the part's file is.
func (h *History) path(p Part) string { return filepath.Join(h.o.Dir, p.file()) }

// createPart makes the file of a new part that has the given columns, attached.
// Nobody relies on it before the manifest names it.
func (h *History) createPart(c *conn, p Part, cols []shred) (*part, error) {
	where := ":memory:"
	if h.o.Dir != "" {
		where = h.path(p)
		if err := h.discard(p); err != nil { // left behind by a crash
			return nil, err
		}
	}
	if err := c.exec("ATTACH " + quote(where) + " AS " + p.alias() + " (STORAGE_VERSION 'latest')"); err != nil {
		return nil, err
	}
	layout, err := json.Marshal(cols)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("BEGIN; CREATE TABLE " + p.alias() + ".events (")
	for i, col := range fixedColumns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(col.name + " " + col.typ)
		if i == colRest {
			b.WriteString(h.variety.restStorage(cols, h.o.Paths))
		}
	}
	for i, col := range cols {
		b.WriteString(", c" + strconv.Itoa(i) + " " + col.sqlType() + col.storage())
	}
	b.WriteString("); CREATE TABLE " + p.alias() + ".state (format UINTEGER, part UINTEGER, first UBIGINT, watermark UBIGINT, layout VARCHAR);")
	fmt.Fprintf(&b, "INSERT INTO %s.state VALUES (1, %d, %d, %d, %s);", p.alias(), p.ID, p.First, h.watermark.Load(), quote(string(layout)))
	b.WriteString("CREATE TABLE " + p.alias() + ".stats (kind UTINYINT, name VARCHAR, path VARCHAR, " + statColumns + "); COMMIT")
	if err := c.exec(b.String()); err != nil {
		return nil, err
	}
	return newPart(p, cols), nil
}

func newPart(p Part, cols []shred) *part {
	q := &part{Part: p, cols: cols, byPath: make(map[string]int, len(cols)), stats: newTally(), sum: map[string]*counts{}}
	for i, c := range cols {
		q.byPath[c.Path] = i
	}
	return q
}

// attachPart attaches a part that is in the manifest and reads its state.
func (h *History) attachPart(c *conn, p Part) (*part, error) {
	mode := "STORAGE_VERSION 'latest'"
	if p.Sealed || h.o.ReadOnly {
		mode = "READ_ONLY"
	}
	if _, err := os.Stat(h.path(p)); err != nil {
		return nil, fail("Open", "part "+p.file(), kith.ErrCorrupt, errors.New("the file is missing"))
	}
	err := c.exec("ATTACH " + quote(h.path(p)) + " AS " + p.alias() + " (" + mode + ")")
	if err != nil && !p.Sealed && !h.o.ReadOnly && cutTorn(h.path(p)+".wal", err) {
		err = c.exec("ATTACH " + quote(h.path(p)) + " AS " + p.alias() + " (" + mode + ")")
	}
	if err != nil {
		return nil, fail("Open", "part "+p.file(), kith.ErrCorrupt, err)
	}
	q, err := h.readPart(c, p)
	if err != nil {
		return nil, fail("Open", "part "+p.file(), kith.ErrCorrupt, err)
	}
	return q, nil
}

var tornEntry = regexp.MustCompile(`Corrupt WAL file: entry at byte position (\d+)`)

// cutTorn cuts DuckDB's log at an entry that a power cut left half written, and
// reports whether it did. DuckDB itself forgives an end that is missing, not one
// whose last bytes came to the disk before the others. What is cut off was never
// acknowledged by history, so the engine's log still has it; were it not so, the
// engine would see the gap (ErrCorrupt).
func cutTorn(wal string, err error) bool {
	m := tornEntry.FindStringSubmatch(err.Error())
	if m == nil {
		return false
	}
	at, bad := strconv.ParseInt(m[1], 10, 64)
	return bad == nil && os.Truncate(wal, at) == nil
}

// readPart reads the state, the layout and the counts of an attached part.
func (h *History) readPart(c *conn, p Part) (*part, error) {
	row, err := c.ints("SELECT format::BIGINT, part::BIGINT, first::BIGINT, watermark::BIGINT FROM " + p.alias() + ".state")
	switch {
	case err != nil:
		return nil, err
	case row[0] != 1:
		return nil, fmt.Errorf("format %d is not known", row[0])
	case row[1] != int64(p.ID) || uint64(row[2]) != p.First+p.Moved:
		return nil, errors.New("the file belongs to another place of the manifest")
	}
	h.watermark.Store(max(h.watermark.Load(), uint64(row[3])))
	if row, err = c.ints("SELECT count(*) FROM " + p.alias() + ".events"); err != nil {
		return nil, err
	}
	if p.Sealed && p.Rows != uint64(row[0]) {
		return nil, fmt.Errorf("the manifest has %d rows, the file %d", p.Rows, row[0])
	}
	p.Rows = uint64(row[0])
	var cols []shred
	var bad error
	err = c.rows("SELECT layout FROM "+p.alias()+".state", func(ch m.DataChunk, n int) bool {
		bad = json.Unmarshal(column[text](ch, 0, n)[0].bytes(), &cols)
		return false
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	q := newPart(p, cols)
	err = q.stats.read(c, p)
	q.sum = q.stats.sum()
	return q, err
}

// seal closes the live part for ever and opens a new one. While a statement
// keeps DuckDB from writing its log into the file, it does nothing: the next
// Append tries again, and the part grows meanwhile. The caller holds h.mu.
func (h *History) seal() error {
	old := h.live()
	c := h.c
	if !old.sealing {
		if err := old.stats.compact(c, old.Part); err != nil {
			return err
		}
		old.sealing = true
	}
	if done, err := checkpoint(c, old.Part); !done {
		return err
	}
	next := Part{ID: h.manifest.Next, First: old.First + old.Rows}
	live, err := h.createPart(c, next, h.layout())
	if err != nil {
		return err
	}
	sealed := old.Part
	sealed.Sealed, sealed.Last = true, h.watermark.Load()
	man := Manifest{Next: next.ID + 1, Parts: append(h.listed(len(h.parts)-1), sealed, next)}
	if err := h.save(man); err != nil {
		return errors.Join(err, c.exec("DETACH "+next.alias()))
	}
	h.shape.Lock()
	defer h.shape.Unlock()
	h.manifest = man
	was := *old
	was.Part = sealed
	h.parts = append(h.parts[:len(h.parts)-1:len(h.parts)-1], &was, live)
	h.pending = append(h.pending, &was)
	h.w.close()
	h.w = h.newWriter(live)
	return nil
}

// checkpoint writes the log of a part into its file. It reports false without an
// error when a statement that runs is in the way.
func checkpoint(c *conn, p Part) (done bool, err error) {
	err = c.exec("CHECKPOINT " + p.alias())
	if err != nil && strings.Contains(err.Error(), "Cannot CHECKPOINT") {
		return false, nil
	}
	return err == nil, err
}

// tidy attaches sealed parts READ_ONLY, so that other processes may read their
// files too, and removes parts that were rewritten: as soon as no statement has
// them in use. The caller holds h.mu.
func (h *History) tidy() error {
	if len(h.pending) == 0 || !h.use.TryLock() {
		return nil
	}
	defer h.use.Unlock()
	h.shape.Lock()
	defer h.shape.Unlock()
	for ; len(h.pending) > 0; h.pending = h.pending[1:] {
		p := h.pending[0]
		if err := h.c.exec("DETACH " + p.alias()); err != nil {
			return err
		}
		switch {
		case h.o.Dir == "":
		case p.Sealed:
			if err := h.c.exec("ATTACH " + quote(h.path(p.Part)) + " AS " + p.alias() + " (READ_ONLY)"); err != nil {
				h.broken.Store(true) // the next call attaches everything anew
				return err
			}
		default:
			if err := h.discard(p.Part); err != nil {
				return err
			}
		}
	}
	return nil
}

// discard removes the file of a part that the manifest does not name.
func (h *History) discard(p Part) error {
	for _, f := range []string{h.path(p) + ".wal", h.path(p)} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// listed gives the manifest's words for the first n parts.
func (h *History) listed(n int) []Part {
	out := make([]Part, 0, n+2)
	for _, p := range h.parts[:n] {
		out = append(out, p.Part)
	}
	return out
}

// sweep removes the files of the directory that the manifest does not name.
func (h *History) sweep() error {
	keep := map[string]bool{}
	for _, p := range h.manifest.Parts {
		keep[p.file()], keep[p.file()+".wal"] = true, true
	}
	files, err := filepath.Glob(filepath.Join(h.o.Dir, "*.duckdb*"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if !keep[filepath.Base(f)] {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return nil
}
