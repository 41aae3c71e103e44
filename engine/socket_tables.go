package engine

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/kithdb/kith"
)

// Rows of a reference table go over the socket in the body of the request: after
// the columns that are new a row, again and again. Both are a number of texts,
// uvarint, and the texts, each behind its length, uvarint; the row has its line,
// uvarint, in front. Line 0 ends it.

// tableQuestion is what /table/load is asked, in its address.
type tableQuestion struct {
	Table string            `json:"table"`
	Name  string            `json:"name"`
	Src   string            `json:"source"`
	Key   []string          `json:"key"`
	Types map[string]string `json:"types"`
}

func (e *Engine) serveTableLoad(w http.ResponseWriter, r *http.Request) error {
	var q tableQuestion
	if json.Unmarshal([]byte(r.URL.Query().Get("q")), &q) != nil {
		return &kith.Error{Op: "kith.sock", On: r.URL.Path, Kind: kith.ErrInvalid, Err: errors.New("not the JSON that is expected here")}
	}
	rows := &rowsIn{in: bufio.NewReaderSize(whole{r}, 64<<10)}
	if err := rows.begin(); err != nil {
		return err
	}
	v, err := e.LoadTable(r.Context(), q.Table, rows, &TableOptions{Name: q.Name, Source: q.Src, Key: q.Key, Types: q.Types})
	send(w, v, err)
	return nil
}

func (e *Engine) serveTables(w http.ResponseWriter, r *http.Request) error {
	t, err := e.Tables(r.Context())
	send(w, t, err)
	return nil
}

func (e *Engine) serveDropTable(w http.ResponseWriter, r *http.Request) error {
	var name string
	if err := ask(r, &name); err != nil {
		return err
	}
	send[any](w, nil, e.DropTable(r.Context(), name))
	return nil
}

func (e *Engine) serveUnloadTable(w http.ResponseWriter, r *http.Request) error {
	var load uint32
	if err := ask(r, &load); err != nil {
		return err
	}
	send[any](w, nil, e.UnloadTable(r.Context(), load))
	return nil
}

// rowsIn reads rows that came over the socket.
type rowsIn struct {
	in      *bufio.Reader
	columns []string
	next    []string // the row that was read with the first columns
	failed  error
	text    []byte
}

// begin reads the first columns, so that they are known before the first row.
func (r *rowsIn) begin() error {
	r.columns, r.failed = r.texts(nil)
	return r.failed
}

func (r *rowsIn) Columns() []string { return r.columns }

func (r *rowsIn) Next() ([]string, int64, error) {
	line, err := binary.ReadUvarint(r.in)
	if err != nil {
		return nil, 0, cutRows(err)
	}
	if line == 0 {
		return nil, 0, io.EOF
	}
	if r.next, err = r.texts(r.next[:0]); err != nil {
		return nil, 0, cutRows(err)
	}
	if r.columns, err = r.texts(r.columns); err != nil {
		return nil, 0, cutRows(err)
	}
	return r.next, int64(line), nil
}

func cutRows(err error) error {
	if err == io.EOF {
		return errors.New("whoever sent the table ended before it was whole")
	}
	return err
}

// texts reads a number of texts and appends them.
func (r *rowsIn) texts(to []string) ([]string, error) {
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		return to, err
	}
	for ; n > 0; n-- {
		size, err := binary.ReadUvarint(r.in)
		if err != nil {
			return to, err
		}
		if size > mostLine {
			return to, errors.New("a value is longer than 16 MiB")
		}
		if uint64(cap(r.text)) < size {
			r.text = make([]byte, size)
		}
		if _, err := io.ReadFull(r.in, r.text[:size]); err != nil {
			return to, err
		}
		to = append(to, string(r.text[:size]))
	}
	return to, nil
}

// LoadTable replaces the content of a reference table, as Engine.LoadTable does.
func (c *Client) LoadTable(ctx context.Context, name string, rows TableRows, o *TableOptions) (TableVersion, error) {
	if o == nil {
		o = &TableOptions{}
	}
	q, err := json.Marshal(tableQuestion{name, o.Name, o.Source, o.Key, o.Types})
	if err != nil {
		panic("unreachable") // texts can be marshalled
	}
	in, out := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		err := sendRows(out, rows, o.Progress)
		out.CloseWithError(err) // nil is the end
		failed <- err
	}()
	v, err := tell[TableVersion](ctx, c, http.MethodPost, "/table/load?"+url.Values{"q": {string(q)}}.Encode(), in)
	in.Close() // what is not read yet is not needed any more
	if bad := <-failed; bad != nil && !errors.Is(bad, io.ErrClosedPipe) {
		err = &kith.Error{Op: "engine.LoadTable", On: "table " + name, Kind: kith.ErrInvalid, Err: bad} // the input, not the socket, is at fault
	}
	return v, err
}

// sendRows writes rows as rowsIn reads them.
func sendRows(to io.Writer, rows TableRows, progress func(int64)) error {
	out := bufio.NewWriterSize(to, 64<<10)
	known := len(rows.Columns())
	buf := appendTexts(nil, rows.Columns())
	for n := int64(1); ; n++ {
		if _, err := out.Write(buf); err != nil {
			return err
		}
		row, line, err := rows.Next()
		if err == io.EOF {
			if err := out.WriteByte(0); err != nil {
				return err
			}
			return out.Flush()
		}
		if err != nil {
			return err
		}
		buf = appendTexts(binary.AppendUvarint(buf[:0], uint64(line)), row)
		buf = appendTexts(buf, rows.Columns()[known:])
		known = len(rows.Columns())
		if progress != nil && n%1024 == 0 {
			progress(n)
		}
	}
}

func appendTexts(p []byte, texts []string) []byte {
	p = binary.AppendUvarint(p, uint64(len(texts)))
	for _, s := range texts {
		p = append(binary.AppendUvarint(p, uint64(len(s))), s...)
	}
	return p
}

// Tables gives the reference tables, as Engine.Tables does.
func (c *Client) Tables(ctx context.Context) ([]Table, error) {
	return tell[[]Table](ctx, c, http.MethodGet, "/tables", nil)
}

// DropTable takes a reference table away, as Engine.DropTable does.
func (c *Client) DropTable(ctx context.Context, name string) error {
	_, err := tell[any](ctx, c, http.MethodPost, "/table/drop", asked(name))
	return err
}

// UnloadTable takes back what a load made of a reference table, as Engine.UnloadTable does.
func (c *Client) UnloadTable(ctx context.Context, load uint32) error {
	_, err := tell[any](ctx, c, http.MethodPost, "/table/unload", asked(load))
	return err
}
