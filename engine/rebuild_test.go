package engine

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// digested gives the digest.
func digested(t testing.TB, e *Engine) map[string]string {
	t.Helper()
	d, err := e.digest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rebuilt makes everything derived anew and opens the platform again.
func rebuilt(t *testing.T, e *Engine, dir string) (*Engine, CheckReport) {
	t.Helper()
	r, err := e.Check(context.Background(), &CheckOptions{Rebuild: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Lookup(kith.Identifier{Space: "email", Value: "ada@example.org"}); !errors.Is(err, kith.ErrClosed) {
		t.Errorf("after a rebuild Lookup gives %v, want %v", err, kith.ErrClosed)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir), r
}

func TestRebuildGivesTheSame(t *testing.T) {
	dir := t.TempDir()
	e := filled(t, dir)
	before := digested(t, e)
	e, r := rebuilt(t, e, dir)
	if !r.Same || !r.Rebuilt || len(r.Problems) > 0 {
		t.Errorf("same %v, rebuilt %v, problems %v", r.Same, r.Rebuilt, r.Problems)
	}
	if got := digested(t, e); !maps.Equal(got, before) {
		t.Errorf("digest is %v, want %v", got, before)
	}
	healthy(t, e)
	if _, err := e.Load(context.Background(), bytes.NewReader(worldly(t, 100, 1000)), nil); err != nil {
		t.Fatal(err) // it goes on
	}
	healthy(t, e)
	e, r = rebuilt(t, e, dir)
	if !r.Same || len(r.Problems) > 0 {
		t.Errorf("same %v, problems %v", r.Same, r.Problems)
	}
	healthy(t, e)
}

func TestRebuildInMemoryCompares(t *testing.T) {
	e := filled(t, "")
	r, err := e.Check(context.Background(), &CheckOptions{Rebuild: true})
	if err != nil || !r.Same || r.Rebuilt || len(r.Problems) > 0 {
		t.Errorf("%v, same %v, rebuilt %v, problems %v", err, r.Same, r.Rebuilt, r.Problems)
	}
	healthy(t, e)
}

func TestRebuildMends(t *testing.T) {
	dir := t.TempDir()
	e := filled(t, dir)
	before := digested(t, e)
	c := textColumn(t, e)
	row := anyRow(t, e, c.col)
	days, err := e.state.Days(0)
	damage(t, e, func() error {
		n, _ := e.people.Count.U32(row)
		e.people.Count.SetU32(row, n+1)
		v, _ := c.col.U32(row)
		c.values.Remove(v, row)
		days.Add(-400_000, row, 3) // a unit that no event has
		return err
	})
	a, b, rec := anyPair(t, e)
	f := anyDocument(t, e)
	tamper(t, e, func(tx *storage.Tx) error {
		rec.Rule = "guess"
		return errors.Join(tx.PutPair(a, b, rec, true), tx.DropDocument(f))
	})
	e, r := rebuilt(t, e, dir)
	if r.Same || !r.Rebuilt || len(r.Problems) == 0 {
		t.Errorf("same %v, rebuilt %v, problems %v", r.Same, r.Rebuilt, r.Problems)
	}
	t.Log(r.Problems)
	if got := digested(t, e); !maps.Equal(got, before) {
		t.Errorf("digest is %v, want %v", got, before)
	}
	healthy(t, e)
}
