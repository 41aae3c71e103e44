package engine

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

// dialled gives an engine with the shop in it, and a client of it.
func dialled(t *testing.T) (*Engine, *Client) {
	t.Helper()
	e, c := connected(t)
	r, err := c.Load(t.Context(), strings.NewReader(shop), &LoadOptions{Name: "shop", Source: "web", Keep: 3})
	if err != nil || r.Accepted == 0 || r.Load == 0 {
		t.Fatalf("Load = %+v, %v", r, err)
	}
	return e, c
}

// connected gives an empty engine, and a client of it.
func connected(t *testing.T) (*Engine, *Client) {
	t.Helper()
	dir := t.TempDir()
	e := open(t, dir)
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return e, c
}

func TestClientAnswersAsTheEngine(t *testing.T) {
	e, c := dialled(t)
	ctx := t.Context()
	same := func(what string, a, b any, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if !reflect.DeepEqual(a, b) {
			t.Errorf("%s differs: %+v and %+v", what, a, b)
		}
	}
	id := kith.Identifier{Space: "email", Value: "ada@example.org"}
	p1, err1 := e.Profile(ctx, id)
	p2, err2 := c.Profile(ctx, id)
	same("Profile", p1, p2, err1, err2)
	t1, err1 := e.Timeline(ctx, id, 3)
	t2, err2 := c.Timeline(ctx, id, 3)
	same("Timeline", t1, t2, err1, err2)
	s1, err1 := e.Stats(ctx)
	s2, err2 := c.Stats(ctx)
	s1.Waiting, s1.State, s1.Bytes, s1.Store = s2.Waiting, s2.State, s2.Bytes, s2.Store // they move by themselves
	s1.History = s2.History
	same("Stats", s1, s2, err1, err2)
	r2, err2 := c.Rules(ctx)
	same("Rules", e.Rules(), r2, err2)
	if err := c.SetClock(ctx, "data"); err != nil {
		t.Error(err)
	}
	set1, now1, err1 := e.Clock()
	set2, now2, err2 := c.Clock(ctx)
	same("Clock", []any{set1, now1}, []any{set2, now2}, err1, err2)
	report, err := c.IngestJSON(ctx, "web", []byte(`{"type":"track","userId":"u9","event":"x","messageId":"m9"}`))
	if err != nil || report.Accepted != 1 || len(report.Results) != 1 || report.Results[0].Verdict != kith.Accepted {
		t.Errorf("IngestJSON = %+v, %v", report, err)
	}
	var n int
	var total float64
	rows, err := c.SQL(ctx, "SELECT count(*), sum(properties.total) FROM events WHERE name <> ?", "nothing")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() || rows.Scan(&n, &total) != nil || n != 6 || total != 109.9 {
		t.Errorf("count, sum = %d, %v, want 6, 109.9", n, total)
	}
}

func TestErrorsKeepTheirKindThroughTheSocket(t *testing.T) {
	e, c := dialled(t)
	ctx := t.Context()
	drain := func(rows interface {
		Next() bool
		Err() error
	}) error {
		for rows.Next() {
			continue
		}
		return rows.Err()
	}
	for _, q := range []string{"SELEC", "SELECT nothing", "CREATE TABLE x (a INT)", "SELECT error('half way')", "SELECT 1; SELECT 2"} {
		r1, err1 := e.SQL(ctx, q)
		if err1 == nil {
			err1 = drain(r1)
			r1.Close()
		}
		r2, err2 := c.SQL(ctx, q)
		if err2 == nil {
			err2 = drain(r2)
			r2.Close()
		}
		if err1 == nil || err2 == nil || err1.Error() != err2.Error() {
			t.Errorf("%s: %v and %v", q, err1, err2)
			continue
		}
		for _, s := range statuses {
			if errors.Is(err1, s.kind) != errors.Is(err2, s.kind) {
				t.Errorf("%s: one is %v, the other is not", q, s.kind)
			}
		}
	}
	if _, err := c.Profile(ctx, kith.Identifier{Space: "email", Value: "nobody@example.org"}); !errors.Is(err, kith.ErrNotFound) || strings.Contains(err.Error(), "nobody") {
		t.Errorf("Profile of nobody: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Stats(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("Stats after cancel: %v", err)
	}
}

func TestAnswerThatIsCutOffIsAnError(t *testing.T) {
	body := io.NopCloser(strings.NewReader("[1]\n[2]\n")) // no last line
	r := &answering{ctx: t.Context(), body: body, in: json.NewDecoder(body), columns: []Column{{Name: "n", Type: "BIGINT"}}}
	var err error
	n := 0
	for dst := make([]driver.Value, 1); err == nil; n++ {
		err = r.Next(dst)
	}
	if n != 3 || !errors.Is(err, kith.ErrClosed) {
		t.Errorf("after %d calls: %v, want ErrClosed at the third", n, err)
	}
}

func TestLoadThatIsCutOffIsAnError(t *testing.T) {
	e, c := dialled(t)
	r, err := c.Load(t.Context(), io.MultiReader(strings.NewReader(`{"type":"track","userId":"u7","event":"x","messageId":"m7"}`+"\n"+`{"type":"tra`), &broken{}), nil)
	if err == nil || !strings.Contains(err.Error(), "broken on purpose") {
		t.Errorf("Load = %+v, %v, want the error of the reader", r, err)
	}
	rows, err := e.SQL(t.Context(), "SELECT count(*) FROM rejects WHERE reason = 'bad_json'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n int
	if !rows.Next() || rows.Scan(&n) != nil || n != 0 {
		t.Errorf("%d half lines were taken for whole ones, want 0", n)
	}
}

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, errors.New("broken on purpose") }

func TestLingerWaitsForClients(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := e.Linger(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Linger beside a client: %v, want the end of its patience", err)
	}
	if _, err := Dial(dir); !errors.Is(err, kith.ErrLocked) {
		t.Errorf("Dial to an engine that lingers: %v, want ErrLocked", err)
	}
	if _, err := c.Stats(t.Context()); err != nil {
		t.Errorf("a client that was there is still served: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := e.Linger(t.Context()); err != nil {
		t.Errorf("Linger after the client: %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	if _, err := Dial(filepath.Join(t.TempDir(), strings.Repeat("x", 120))); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("Dial to nothing: %v, want ErrNotFound", err)
	}
	dir := t.TempDir()
	e, err := Open(dir, &Options{NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() // nothing was written
	if _, err := Dial(dir); !errors.Is(err, kith.ErrLocked) || !strings.Contains(err.Error(), "process") {
		t.Errorf("Dial to an owner without a socket: %v, want ErrLocked", err)
	}
}
