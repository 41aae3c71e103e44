package source

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kithdb/kith"
)

// Input is one file on its way through a mapping. One goroutine calls Next;
// any number call Map at once, each with its own piece.
type Input struct {
	format  format
	columns []string // in the order of the cells; of JSON, those the mapping looks at
	known   bool     // columns are all that there are
	paths   *member  // of JSON: where the columns stand

	source string
	zone   *time.Location
	time   *when
	id     []*expr
	people []ident
	except *expr
	rules  []rule
	keys   map[string]string // of the environment: see checkKeys

	feed  *feed
	scan  scan
	next  func() ([]byte, int64, error)
	close func() error
	rows  sync.Pool // of *row
}

// Open begins to read an input through the mapping. The reader gives unpacked
// bytes; name is for messages only. Parquet is read where the reader is an
// io.ReaderAt that is also an io.Seeker, such as a file; else it is put into a
// temporary file first.
func (m *Mapping) Open(name string, r io.Reader) (*Input, error) {
	in := m.input()
	if err := in.open(r); err != nil {
		return nil, &kith.Error{Op: "source.Open", On: name, Kind: kith.ErrInvalid, Err: err}
	}
	if err := in.bind(m); err != nil {
		in.Close()
		return nil, &kith.Error{Op: "source.Open", On: name, Kind: kith.ErrInvalid, Err: err}
	}
	return in, nil
}

func (m *Mapping) input() *Input {
	in := &Input{format: m.format, source: cmp.Or(m.source, "load"), zone: m.zone, keys: m.keys}
	in.rows.New = func() any { return &row{in: in} }
	in.close = func() error { return nil }
	return in
}

// open looks at the beginning of the input.
func (in *Input) open(r io.Reader) error {
	if in.format.kind == "parquet" {
		return in.openParquet(r)
	}
	in.feed = newFeed(decoded(r, in.format.encoding))
	in.next = func() ([]byte, int64, error) { return in.feed.next(in.scan) }
	switch in.format.kind {
	case "csv":
		in.known = true
		return in.openCSV(in.feed)
	case "log":
		in.known, in.columns, in.scan = true, logColumns, lines
	case "ndjson":
		in.scan = lines
	case "json":
		a := &array{feed: in.feed}
		in.next = a.next
	}
	in.feed.fill()
	return in.feed.err
}

// Next gives the next piece: whole rows as UTF-8, and the number of the line of
// the user's file in which the first begins; of a JSON array and of Parquet,
// the number of the row. After the last comes io.EOF.
func (in *Input) Next() (piece []byte, line int64, err error) {
	if in.next == nil {
		return nil, 0, io.EOF
	}
	return in.next()
}

// shape is an error of an input that is not what its format says.
func shape(why string, args ...any) error {
	return &kith.Error{Op: "source.Next", Kind: kith.ErrInvalid, Err: fmt.Errorf(why, args...)}
}

// Close lets go of a temporary file. An input that was read to its end needs no Close.
func (in *Input) Close() error { return in.close() }

// head is what Reopen needs.
type head struct {
	Version   int      `json:"v"`
	Format    string   `json:"format"`
	Delimiter string   `json:"delimiter,omitempty"`
	Columns   []string `json:"columns,omitempty"`

	// Rows that were hashed with one key are no part of a load of those that are hashed with another.
	Keys map[string]string `json:"keys,omitempty"`
}

// Head gives what must be known to map kept pieces again.
func (in *Input) Head() []byte {
	h := head{Version: 1, Format: in.format.kind, Keys: in.keys}
	if in.format.delimiter != 0 {
		h.Delimiter = string(in.format.delimiter)
	}
	if in.known {
		h.Columns = in.columns
	}
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // strings
	}
	return text
}

// Reopen gives an input that maps kept pieces again, perhaps through another
// mapping of the same format. Its Next gives io.EOF.
func (m *Mapping) Reopen(text []byte) (*Input, error) {
	fail := func(err error) (*Input, error) {
		return nil, &kith.Error{Op: "source.Reopen", Kind: kith.ErrInvalid, Err: err}
	}
	var h head
	if err := json.Unmarshal(text, &h); err != nil || h.Version != 1 || len(h.Delimiter) > 1 {
		return fail(errors.New("this is not the head of an input"))
	}
	if h.Format != m.format.kind {
		return fail(fmt.Errorf("the rows were kept as %s, and the mapping is for %s", h.Format, m.format.kind))
	}
	if named := m.format.columns; named != nil {
		if len(named) != len(h.Columns) {
			return fail(fmt.Errorf("the rows have %d columns, and the mapping names %d", len(h.Columns), len(named)))
		}
		h.Columns = named
	}
	in := m.input()
	if h.Delimiter != "" {
		in.format.delimiter = h.Delimiter[0]
	}
	in.columns, in.known = h.Columns, h.Columns != nil
	if err := in.bind(m); err != nil {
		return fail(err)
	}
	return in, nil
}

// Map calls item for each call that the rows of a piece make, and refuse for
// each row that makes none and was not left out on purpose. A row makes all of
// its calls or is refused. It tells how many rows there were, and how many of
// them were left out. What item and refuse get is valid until they return.
func (in *Input) Map(piece []byte, line int64, item func(line int64, call []byte), refuse func(line int64, code, path string, row []byte)) (rows, excepted int) {
	r := in.rows.Get().(*row)
	defer func() { in.rows.Put(r) }()
	for len(piece) > 0 {
		r.reset()
		r.line = line
		n, code := r.cut(piece)
		text := piece[:n]
		piece = piece[n:]
		if code == "" {
			code = r.run()
		}
		switch code {
		case skipped:
			rows--
		case left:
			excepted++
		case "":
			from := 0
			for _, to := range r.ends {
				item(line, r.out[from:to])
				from = to
			}
		default:
			refuse(line, code, r.path, bytes.TrimRight(text, "\r\n"))
		}
		rows++
		line += int64(bytes.Count(text, []byte{'\n'}))
	}
	return rows, excepted
}

// find gives the place of a column among the cells.
func (in *Input) find(name string) (int, error) {
	for i, c := range in.columns {
		if c == name {
			return in.use(i), nil
		}
	}
	if in.known {
		return 0, in.unknown(name)
	}
	in.columns = append(in.columns, name)
	return in.use(len(in.columns) - 1), nil
}

// use notes that a column of JSON is looked at.
func (in *Input) use(i int) int {
	if in.json() {
		in.paths.add(in.columns[i], i)
	}
	return i
}

func (in *Input) json() bool { return in.format.kind != "csv" && in.format.kind != "log" }

// unknown tells which columns there are, those with a like name first.
func (in *Input) unknown(name string) error {
	if in.format.kind == "csv" && in.format.columns == nil && headless(in.columns) {
		return fmt.Errorf("there is no column %q, and the first row seems to be data: a file without names of columns needs format: {type: csv, columns: [...]}", name)
	}
	near := nearest(name, in.columns)
	if len(near) > 40 {
		near = append(near[:40:40], fmt.Sprintf("and %d more", len(in.columns)-40))
	}
	return fmt.Errorf("there is no column %q; a text stands in quotes: %q. The columns are: %s", name, name, strings.Join(near, ", "))
}
