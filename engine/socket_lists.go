package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/kithdb/kith"
)

// Identifiers of a static list go over the socket as rows of two columns, in the
// form that those of a reference table have.

// listQuestion is what /list/import is asked, in its address.
type listQuestion struct {
	Name string   `json:"name"`
	Mode ListMode `json:"mode"`
}

// listRoutes are the routes about static lists.
func (e *Engine) listRoutes(handle func(string, func(http.ResponseWriter, *http.Request) error)) {
	handle("POST /list/import", e.serveImport)
	handle("GET /lists", func(w http.ResponseWriter, r *http.Request) error {
		all, err := e.Lists(r.Context())
		send(w, all, err)
		return nil
	})
	handle("POST /list/history", func(w http.ResponseWriter, r *http.Request) error {
		var name string
		if err := ask(r, &name); err != nil {
			return err
		}
		all, err := e.ListHistory(r.Context(), name)
		send(w, all, err)
		return nil
	})
	handle("POST /list/drop", func(w http.ResponseWriter, r *http.Request) error {
		var name string
		if err := ask(r, &name); err != nil {
			return err
		}
		send[any](w, nil, e.DropList(r.Context(), name))
		return nil
	})
}

func (e *Engine) serveImport(w http.ResponseWriter, r *http.Request) error {
	var q listQuestion
	if json.Unmarshal([]byte(r.URL.Query().Get("q")), &q) != nil {
		return &kith.Error{Op: "kith.sock", On: r.URL.Path, Kind: kith.ErrInvalid, Err: errors.New("not the JSON that is expected here")}
	}
	rows := &rowsIn{in: bufio.NewReaderSize(whole{r}, 64<<10)}
	if err := rows.begin(); err != nil {
		return err
	}
	report, err := e.ImportList(r.Context(), q.Name, &idsIn{rows}, q.Mode)
	send(w, report, err)
	return nil
}

// idsIn reads identifiers that came as rows.
type idsIn struct{ rows *rowsIn }

func (r *idsIn) Next() (kith.Identifier, int64, error) {
	row, line, err := r.rows.Next()
	if err != nil {
		return kith.Identifier{}, 0, err
	}
	if len(row) != 2 {
		return kith.Identifier{}, 0, errors.New("not the rows that are expected here")
	}
	return kith.Identifier{Space: row[0], Value: row[1]}, line, nil
}

// idRows gives identifiers as rows.
type idRows struct {
	ids Identifiers
	row [2]string
}

func (*idRows) Columns() []string { return []string{"space", "value"} }

func (r *idRows) Next() ([]string, int64, error) {
	id, line, err := r.ids.Next()
	r.row = [2]string{id.Space, id.Value}
	return r.row[:], line, err
}

// ImportList imports a static list, as Engine.ImportList does.
func (c *Client) ImportList(ctx context.Context, name string, ids Identifiers, mode ListMode) (ListReport, error) {
	q, err := json.Marshal(listQuestion{name, mode})
	if err != nil {
		panic("unreachable") // texts can be marshalled
	}
	in, out := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		err := sendRows(out, &idRows{ids: ids}, nil)
		out.CloseWithError(err) // nil is the end
		failed <- err
	}()
	report, err := tell[ListReport](ctx, c, http.MethodPost, "/list/import?"+url.Values{"q": {string(q)}}.Encode(), in)
	in.Close() // what is not read yet is not needed any more
	if bad := <-failed; bad != nil && !errors.Is(bad, io.ErrClosedPipe) {
		err = &kith.Error{Op: "engine.ImportList", On: "list " + name, Kind: kith.ErrInvalid, Err: bad} // the input, not the socket, is at fault
	}
	return report, err
}

// Lists gives the static lists, as Engine.Lists does.
func (c *Client) Lists(ctx context.Context) ([]List, error) {
	return tell[[]List](ctx, c, http.MethodGet, "/lists", nil)
}

// ListHistory gives the versions of a static list, as Engine.ListHistory does.
func (c *Client) ListHistory(ctx context.Context, name string) ([]ListVersion, error) {
	return tell[[]ListVersion](ctx, c, http.MethodPost, "/list/history", asked(name))
}

// DropList takes a static list away, as Engine.DropList does.
func (c *Client) DropList(ctx context.Context, name string) error {
	_, err := tell[any](ctx, c, http.MethodPost, "/list/drop", asked(name))
	return err
}
