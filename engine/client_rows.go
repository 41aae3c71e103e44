package engine

import (
	"bufio"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/kithdb/kith"
)

// dialler makes database/sql speak over the socket, so that a Client answers
// with the rows that an Engine answers with.
type dialler struct{ c *Client }

// Connect gives a connection; the socket is opened with each question.
func (d *dialler) Connect(context.Context) (driver.Conn, error) { return &asking{d.c}, nil }

// Driver gives the driver, which opens nothing by name.
func (d *dialler) Driver() driver.Driver { return d }

// Open refuses: a client is made by Dial.
func (d *dialler) Open(string) (driver.Conn, error) { return nil, errDial }

var (
	errDial  = &kith.Error{Op: "engine.Client", Kind: kith.ErrUnsupported, Err: errors.New("connect with engine.Dial")}
	errReads = &kith.Error{Op: "engine.Client", Kind: kith.ErrDenied, Err: errors.New("only statements that read are allowed")}
)

// asking is one connection of database/sql.
type asking struct{ c *Client }

// Prepare refuses: statements are asked at once.
func (a *asking) Prepare(string) (driver.Stmt, error) { return nil, errReads }

// Begin refuses: every statement is of one version.
func (a *asking) Begin() (driver.Tx, error) { return nil, errReads }

// Close ends nothing: the connections belong to the client.
func (a *asking) Close() error { return nil }

// QueryContext asks one statement.
func (a *asking) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	q := question{Query: query}
	q.People, _ = ctx.Value(peopleKey{}).(*peopleQuestion) // none: a statement
	for _, v := range args {
		q.Args = append(q.Args, v.Value)
	}
	r, err := a.c.send(ctx, http.MethodPost, "/sql", asked(q))
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusOK {
		defer r.Body.Close()
		if _, err = receive[any](r.Body); err == nil {
			err = errCut // a refusal says why
		}
		return nil, err
	}
	out := &answering{ctx: ctx, body: r.Body, in: json.NewDecoder(bufio.NewReaderSize(r.Body, 64<<10))}
	var head headLine
	if err := out.in.Decode(&head); err != nil {
		return nil, errors.Join(out.cut(), r.Body.Close())
	}
	out.columns = head.Columns
	return out, nil
}

// answering is the rows of one statement on their way.
type answering struct {
	ctx     context.Context
	body    io.ReadCloser
	in      *json.Decoder
	columns []Column
	ended   error
}

// cut says why an answer is not whole.
func (r *answering) cut() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return errCut
}

// Columns gives the names.
func (r *answering) Columns() []string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.Name
	}
	return names
}

// ColumnTypeDatabaseTypeName gives the type as DuckDB spells it.
func (r *answering) ColumnTypeDatabaseTypeName(i int) string { return r.columns[i].Type }

// Close lets the answer go; what has not come yet is not waited for.
func (r *answering) Close() error { return r.body.Close() }

// Next reads a row. The end of an answer that was cut off is an error.
func (r *answering) Next(dst []driver.Value) error {
	if r.ended != nil {
		return r.ended
	}
	var line json.RawMessage
	if err := r.in.Decode(&line); err != nil {
		r.ended = r.cut()
		return r.ended
	}
	if line[0] == '{' {
		var last lastLine
		r.ended = io.EOF
		if json.Unmarshal(line, &last) != nil {
			r.ended = errCut
		} else if last.Error != nil {
			r.ended = last.Error.err()
		}
		return r.ended
	}
	var cells []json.RawMessage
	if json.Unmarshal(line, &cells) != nil || len(cells) != len(dst) {
		r.ended = errCut
		return r.ended
	}
	for i, cell := range cells {
		dst[i] = value(r.columns[i].Type, cell)
	}
	return nil
}

// value gives a cell the type of Go that its column has.
func value(of string, cell json.RawMessage) driver.Value {
	text := string(cell)
	if text == "null" {
		return nil
	}
	switch of {
	case "BOOLEAN":
		return text == "true"
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT":
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return n
		}
	case "FLOAT", "DOUBLE":
		bits := 64
		if of == "FLOAT" {
			bits = 32
		}
		if s, err := strconv.Unquote(text); err == nil {
			text = s // NaN and the infinities
		}
		if f, err := strconv.ParseFloat(text, bits); err == nil && bits == 32 {
			return float32(f)
		} else if err == nil {
			return f
		}
	case "JSON":
		return cell
	}
	return textual(of, cell)
}

// textual gives strings, instants, exact numbers and nested values.
func textual(of string, cell json.RawMessage) driver.Value {
	if cell[0] != '"' {
		if c := cell[0]; c == '-' || c >= '0' && c <= '9' {
			return json.Number(cell)
		}
		return cell
	}
	var s string
	if json.Unmarshal(cell, &s) != nil {
		return cell
	}
	layout := map[string]string{
		"TIMESTAMP": time.RFC3339Nano, "TIMESTAMPTZ": time.RFC3339Nano, "TIMESTAMP_S": time.RFC3339Nano,
		"TIMESTAMP_MS": time.RFC3339Nano, "TIMESTAMP_NS": time.RFC3339Nano, "DATE": time.DateOnly,
	}[of]
	if t, err := time.Parse(layout, s); layout != "" && err == nil {
		return t.UTC()
	}
	return s
}
