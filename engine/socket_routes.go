package engine

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

// routes says what can be asked over the socket. Who can open the socket may
// read the directory: there is no further permission.
func (e *Engine) routes(s *socket) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				send[any](w, nil, err)
			}
		})
	}
	handle("GET /lease", s.lease)
	handle("POST /load", e.serveLoad)
	handle("POST /unload", e.serveUnload)
	handle("POST /load/rows", e.serveLoadRows)
	handle("POST /load/foretell", e.serveForetell)
	handle("POST /ingest", e.serveIngest)
	handle("POST /profile", e.serveProfile)
	handle("POST /timeline", e.serveTimeline)
	handle("POST /find", e.serveFind)
	handle("POST /flagged", e.serveFlagged)
	handle("POST /sql", func(w http.ResponseWriter, r *http.Request) error { return e.serveSQL(s, w, r) })
	handle("GET /stats", e.serveStats)
	handle("POST /check", e.serveCheck)
	handle("POST /backup", serveCopy(e.Backup))
	handle("POST /backup/keys", serveCopy(e.BackupKeys))
	handle("GET /clock", e.serveClock)
	handle("PUT /clock", e.serveSetClock)
	handle("GET /rules", e.serveRules)
	handle("PUT /rules", e.serveSetRules)
	handle("POST /table/load", e.serveTableLoad)
	handle("GET /tables", e.serveTables)
	handle("POST /table/drop", e.serveDropTable)
	handle("POST /table/unload", e.serveUnloadTable)
	e.segmentRoutes(handle)
	e.listRoutes(handle)
	e.traitRoutes(handle)
	handle("POST /schema", e.serveSchema)
	return mux
}

// ask reads what was asked.
func ask(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return &kith.Error{Op: "kith.sock", On: r.URL.Path, Kind: kith.ErrInvalid, Err: errors.New("not the JSON that is expected here")}
	}
	return nil
}

// unloadQuestion is what /unload is asked.
type unloadQuestion struct {
	Load   uint32        `json:"load"`
	DryRun bool          `json:"dry_run"`
	Wait   time.Duration `json:"wait"`
}

func (e *Engine) serveUnload(w http.ResponseWriter, r *http.Request) error {
	var q unloadQuestion
	if err := ask(r, &q); err != nil {
		return err
	}
	report, err := e.Unload(r.Context(), q.Load, &UnloadOptions{DryRun: q.DryRun, Wait: q.Wait})
	send(w, report, err)
	return nil
}

func (e *Engine) serveIngest(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostLine))
	if err != nil {
		return &kith.Error{Op: "kith.sock", On: "ingest", Kind: kith.ErrInvalid, Err: errors.New("more than 16 MiB at once; load a file instead")}
	}
	report, err := e.IngestJSON(r.Context(), r.URL.Query().Get("source"), body)
	send(w, report, err)
	return nil
}

// person is what /profile, /timeline and /flagged are asked. It stands in the body, so
// that no identifier is part of an address.
type person struct {
	Space string `json:"space"`
	Value string `json:"value"`
	N     int    `json:"n"`
}

func (p *person) id() kith.Identifier { return kith.Identifier{Space: p.Space, Value: p.Value} }

func (e *Engine) serveProfile(w http.ResponseWriter, r *http.Request) error {
	var who person
	if err := ask(r, &who); err != nil {
		return err
	}
	p, err := e.Profile(r.Context(), who.id())
	send(w, p, err)
	return nil
}

func (e *Engine) serveTimeline(w http.ResponseWriter, r *http.Request) error {
	var who person
	if err := ask(r, &who); err != nil {
		return err
	}
	t, err := e.Timeline(r.Context(), who.id(), who.N)
	send(w, t, err)
	return nil
}

// findQuestion is what /find is asked.
type findQuestion struct {
	Typed string `json:"typed"`
	Limit int    `json:"limit"`
}

func (e *Engine) serveFind(w http.ResponseWriter, r *http.Request) error {
	var q findQuestion
	if err := ask(r, &q); err != nil {
		return err
	}
	found, err := e.Find(r.Context(), q.Typed, &FindOptions{Limit: q.Limit})
	send(w, found, err)
	return nil
}

func (e *Engine) serveFlagged(w http.ResponseWriter, r *http.Request) error {
	var who person
	if err := ask(r, &who); err != nil {
		return err
	}
	t, err := e.Flagged(r.Context(), who.id(), who.N)
	send(w, t, err)
	return nil
}

func (e *Engine) serveStats(w http.ResponseWriter, r *http.Request) error {
	s, err := e.Stats(r.Context())
	send(w, s, err)
	return nil
}

func (e *Engine) serveCheck(w http.ResponseWriter, r *http.Request) error {
	report, err := e.Check(r.Context(), nil)
	send(w, report.wire(), err)
	return nil
}

// serveCopy copies to a path that is absolute: the owner stands elsewhere.
func serveCopy(backup func(context.Context, string) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var dest string
		if err := ask(r, &dest); err != nil {
			return err
		}
		if !filepath.IsAbs(dest) {
			return &kith.Error{Op: "kith.sock", On: r.URL.Path, Kind: kith.ErrInvalid, Err: errors.New("give an absolute path")}
		}
		send[any](w, nil, backup(r.Context(), dest))
		return nil
	}
}

func (e *Engine) serveClock(w http.ResponseWriter, r *http.Request) error {
	set, now, err := e.Clock()
	out := clockReply{ClockSetting: set}
	if !now.IsZero() {
		out.Now = now.Format(time.RFC3339Nano)
	}
	send(w, out, err)
	return nil
}

func (e *Engine) serveSetClock(w http.ResponseWriter, r *http.Request) error {
	var spec string
	if err := ask(r, &spec); err != nil {
		return err
	}
	send[any](w, nil, e.SetClock(spec))
	return nil
}

func (e *Engine) serveRules(w http.ResponseWriter, r *http.Request) error {
	send(w, json.RawMessage(e.Rules().Format()), nil)
	return nil
}

func (e *Engine) serveSetRules(w http.ResponseWriter, r *http.Request) error {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostLine))
	if err != nil {
		return &kith.Error{Op: "kith.sock", On: "rules", Kind: kith.ErrInvalid, Err: err}
	}
	rules, err := identity.Parse(text)
	if err != nil {
		return err
	}
	send[any](w, nil, e.SetRules(rules))
	return nil
}

// serveSQL streams an answer: the columns, the rows, and a last line that says
// that it is whole. It is cut off where nobody reads it for a while.
func (e *Engine) serveSQL(s *socket, w http.ResponseWriter, r *http.Request) error {
	select {
	case s.rows <- struct{}{}:
		defer func() { <-s.rows }()
	default:
		return &kith.Error{Op: "engine.SQL", Kind: kith.ErrDenied,
			Err: fmt.Errorf("%d answers are being read over the socket, which is the most: close rows that were read, or read them to their end", cap(s.rows))}
	}
	var q question
	if err := ask(r, &q); err != nil {
		return err
	}
	for i, a := range q.Args {
		if n, ok := a.(json.Number); ok {
			q.Args[i] = number64(n)
		}
	}
	var rows *sql.Rows
	var err error
	if p := q.People; p != nil {
		rows, err = e.People(r.Context(), p.Condition, p.Columns, &AskOptions{Now: p.Now, Sample: p.Sample, Seed: p.Seed})
	} else {
		rows, err = e.SQL(r.Context(), q.Query, q.Args...)
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := Columns(rows)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	to := &patient{w, http.NewResponseController(w), s.idle}
	defer to.end()
	out := bufio.NewWriterSize(to, 64<<10)
	enc := json.NewEncoder(out)
	if err := enc.Encode(headLine{columns}); err != nil {
		return nil // whoever asked has gone
	}
	last := lastLine{}
	last.Rows, err = streamRows(r.Context(), out, rows, columns)
	if err != nil {
		last.Error, _ = faultOf(err)
	}
	if enc.Encode(last) == nil {
		out.Flush() // likewise
	}
	return nil
}

func (e *Engine) serveSchema(w http.ResponseWriter, r *http.Request) error {
	var o SchemaOptions
	if err := ask(r, &o); err != nil {
		return err
	}
	s, err := e.Schema(r.Context(), &o)
	send(w, s, err)
	return nil
}

// patient writes to somebody who has to read on within a time.
type patient struct {
	w    http.ResponseWriter
	c    *http.ResponseController
	idle time.Duration
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.c.SetWriteDeadline(time.Now().Add(p.idle)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

// end sends what is left, and leaves the connection to the next question.
func (p *patient) end() {
	if p.c.SetWriteDeadline(time.Now().Add(p.idle)) == nil && p.c.Flush() == nil {
		p.c.SetWriteDeadline(time.Time{}) // where it fails the connection is gone
	}
}

// streamRows writes rows as arrays of JSON, one on each line.
func streamRows(ctx context.Context, out *bufio.Writer, rows *sql.Rows, columns []Column) (n int64, err error) {
	vals, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range vals {
		into[i] = &vals[i]
	}
	var line []byte
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		line = append(line[:0], '[')
		for i, v := range vals {
			if i > 0 {
				line = append(line, ',')
			}
			line = columns[i].Append(line, v)
		}
		if _, err := out.Write(append(line, ']', '\n')); err != nil {
			return n, err
		}
		n++
	}
	if err := rows.Err(); err != nil {
		return n, err
	}
	return n, ctx.Err()
}

// number64 gives an argument the type that SQL expects of a whole number.
func number64(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	return n.String()
}

// pid gives the process that owns the directory, as the lock tells.
func pid(dir string) string {
	f, err := os.Open(filepath.Join(dir, "LOCK"))
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	return owner(f)
}
