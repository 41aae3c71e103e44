package history

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
	m "github.com/duckdb/duckdb-go/v2/mapping"
	"github.com/kithdb/kith"
)

// SQL answers one statement that only reads, as of v: rows up to v.Seq() must
// have been appended. It takes v over and releases it when the rows are closed,
// or when it returns an error. A statement that would write is ErrDenied; what
// DuckDB refuses is ErrInvalid, with DuckDB's words but for the values of the
// data that they quote.
func (h *History) SQL(ctx context.Context, v View, query string, args ...any) (*sql.Rows, error) {
	j := &job{view: v}
	defer func() {
		if !j.taken {
			v.Release()
		}
	}()
	if err := h.usable("SQL"); err != nil {
		return nil, err
	}
	h.shape.RLock()
	db := h.db
	h.shape.RUnlock()
	if db == nil {
		return nil, fail("SQL", "", kith.ErrClosed, nil)
	}
	rows, err := db.QueryContext(context.WithValue(ctx, jobKey{}, j), query, args...)
	if err != nil {
		return nil, h.asked(ctx, err)
	}
	return rows, nil
}

// asked gives an error of a statement its kind.
func (h *History) asked(ctx context.Context, err error) error {
	var known *kith.Error
	switch {
	case ctx.Err() != nil:
		return fail("SQL", "", nil, ctx.Err())
	case fatal(err):
		return h.spoilt("SQL", "", err)
	case errors.As(err, &known):
		return err
	case strings.Contains(err.Error(), "Permission Error"):
		return fail("SQL", "", kith.ErrDenied, err)
	case strings.Contains(err.Error(), "Out of Memory Error"):
		return fail("SQL", "", kith.ErrInvalid, errors.New("the query needs more memory than Options.Memory allows; ask for less, or give more"))
	}
	return fail("SQL", "", kith.ErrInvalid, err)
}

// job is one statement on its way through database/sql to a connection.
type job struct {
	view  View
	taken bool // the rows release the view
}

type jobKey struct{}

// connector makes the connections of database/sql.
type connector struct {
	h  *History
	in *instance
}

// Connect makes a connection that answers statements of jobs alone.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := c.in.duck.Connect(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := c.in.dial()
	if err != nil {
		return nil, errors.Join(err, dc.Close())
	}
	return &asker{Conn: dc.(*duckdb.Conn), raw: raw, s: newSession(c.h)}, nil
}

// Driver gives the driver beneath.
func (c *connector) Driver() driver.Driver { return duckdb.Driver{} }

// asker is one connection.
type asker struct {
	*duckdb.Conn
	raw *conn // to look at statements
	s   *session
}

// Close ends the connection.
func (a *asker) Close() error {
	a.s.forget()
	a.raw.close()
	return a.Conn.Close()
}

var errReadOnly = &kith.Error{Op: "history.SQL", Kind: kith.ErrDenied, Err: errors.New("only statements that read are allowed: SELECT, WITH, VALUES, FROM, DESCRIBE, SHOW, SUMMARIZE, PIVOT, EXPLAIN")}

// ExecContext refuses: what is not a query would write.
func (a *asker) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, errReadOnly
}

// BeginTx refuses: every statement is of one version.
func (a *asker) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return nil, errReadOnly
}

// QueryContext answers the statement of a job.
func (a *asker) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	j, ok := ctx.Value(jobKey{}).(*job)
	if !ok {
		return nil, errReadOnly
	}
	if err := a.single(query); err != nil {
		return nil, err
	}
	w := newWants(query)
	a.s.view = j.view
	a.s.h.use.RLock()
	rows, err := a.answer(ctx, query, args, w)
	if err != nil && !w.every && ctx.Err() == nil && (strings.Contains(err.Error(), "Binder Error") || strings.Contains(err.Error(), "Catalog Error")) {
		w.every, w.all = true, true // name every field, for the error if not for the answer
		rows, err = a.answer(ctx, query, args, w)
	}
	if err != nil {
		a.s.view = nil
		a.s.h.use.RUnlock()
		return nil, err
	}
	j.taken = true
	return rows, nil
}

// single sees to it that the text is one statement: the driver would run the
// first ones of several without asking.
func (a *asker) single(query string) error {
	if strings.ContainsRune(query, 0) {
		return fail("SQL", "", kith.ErrInvalid, errors.New("the text has a zero byte"))
	}
	var ex m.ExtractedStatements
	n := m.ExtractStatements(a.raw.c, query, &ex)
	defer m.DestroyExtracted(&ex)
	switch {
	case n == 0:
		if msg := m.ExtractStatementsError(ex); msg != "" {
			return fail("SQL", "", kith.ErrInvalid, errors.New(msg))
		}
		return fail("SQL", "", kith.ErrInvalid, errors.New("there is no statement"))
	case n > 1 && strings.Contains(strings.TrimRight(query, "; \t\r\n"), ";"): // PIVOT alone makes two of one
		return fail("SQL", "", kith.ErrDenied, fmt.Errorf("one statement at a time, not %d", n))
	}
	return nil
}

// answer makes the views and runs the statement on them, in one transaction that
// is rolled back: DuckDB leaves out a condition on seq that is true for all rows
// when the plan is made, so no row may come between the plan and the run.
func (a *asker) answer(ctx context.Context, query string, args []driver.NamedValue, w *wants) (_ *answer, err error) {
	if _, err := a.Conn.ExecContext(ctx, "BEGIN TRANSACTION", nil); err != nil {
		return nil, err
	}
	defer func() {
		if _, undo := a.Conn.ExecContext(context.Background(), "ROLLBACK", nil); undo != nil && err == nil {
			err = undo
		}
	}()
	if err := a.prepare(ctx, w, a.s.h.snapshot()); err != nil {
		return nil, err
	}
	st, err := a.Conn.PrepareContext(ctx, query)
	if err != nil {
		if own := a.s.own(err); own != nil { // of what has no columns, DuckDB works the value out here
			err = own
		}
		return nil, err
	}
	stmt := st.(*duckdb.Stmt)
	if err := a.allowed(ctx, stmt, query); err != nil {
		return nil, errors.Join(err, stmt.Close())
	}
	if n := stmt.NumInput(); n != len(args) {
		err = fmt.Errorf("the statement has %d parameters, %d were given", n, len(args))
	}
	var rows driver.Rows
	if err == nil {
		if rows, err = stmt.QueryContext(ctx, args); err != nil {
			err = a.s.shown(err, query)
		}
	}
	if err != nil {
		return nil, errors.Join(err, stmt.Close())
	}
	return &answer{duckRows: rows.(duckRows), stmt: stmt, s: a.s, query: query}, nil
}

// shown gives an error of a statement that ran as the caller may have it: ours as
// it is, DuckDB's without what it quotes of the data.
func (s *session) shown(err error, query string) error {
	if own := s.own(err); own != nil {
		return own
	}
	return withheld(err, query)
}

// allowed refuses a statement that writes; of EXPLAIN, which may run what it
// explains, what stands behind it is looked at.
func (a *asker) allowed(ctx context.Context, stmt *duckdb.Stmt, query string) error {
	kind, err := stmt.StatementType()
	if err != nil || kind == duckdb.STATEMENT_TYPE_SELECT {
		return err
	}
	if query = explained(query); kind != duckdb.STATEMENT_TYPE_EXPLAIN || query == "" {
		return errReadOnly
	}
	inner, err := a.Conn.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	kind, err = inner.(*duckdb.Stmt).StatementType()
	if err == nil && kind != duckdb.STATEMENT_TYPE_SELECT {
		err = errReadOnly
	}
	return errors.Join(err, inner.Close())
}

// explained gives the statement behind EXPLAIN, ANALYZE and their options.
func explained(query string) string {
	s, keyword := query, false
	for {
		s = strings.TrimLeft(s, " \t\r\n\f\v")
		switch low := strings.ToLower(s[:min(len(s), 8)]); {
		case strings.HasPrefix(s, "--"):
			s = s[until(s, 0, "\n"):]
		case strings.HasPrefix(s, "/*"):
			s = s[until(s, 2, "*/"):]
		case !keyword && strings.HasPrefix(low, "explain"):
			s, keyword = s[7:], true
		case !keyword:
			return ""
		case strings.HasPrefix(low, "analyze"):
			s = s[7:]
		case strings.HasPrefix(low, "(") && strings.Contains(strings.ToLower(s[:until(s, 0, ")")]), "format"):
			s = s[until(s, 0, ")"):]
		default:
			return s
		}
	}
}

// duckRows is what the rows of the driver can do.
type duckRows interface {
	driver.Rows
	driver.RowsColumnTypeScanType
	driver.RowsColumnTypeDatabaseTypeName
}

// answer is the rows of one statement; closing it releases the view.
type answer struct {
	duckRows
	stmt  *duckdb.Stmt
	s     *session
	query string
}

// Next gives the next row.
func (r *answer) Next(dest []driver.Value) error {
	err := r.duckRows.Next(dest)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.s.shown(err, r.query)
	}
	return err
}

// Close lets the rows and the view go.
func (r *answer) Close() error {
	if r.stmt == nil {
		return nil
	}
	err := errors.Join(r.duckRows.Close(), r.stmt.Close())
	view := r.s.view
	r.stmt, r.s.view = nil, nil
	r.s.h.use.RUnlock()
	view.Release()
	return err
}
