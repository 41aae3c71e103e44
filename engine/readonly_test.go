package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

// fingerprint tells every file of a directory, its content and when it changed.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&out, path, st.Mode(), st.ModTime())
		if st.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%x\n", sha256.Sum256(data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestReadOnlyChangesNoByte(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	e, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(ctx, strings.NewReader(shop), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, &Options{ReadOnly: true}); !errors.Is(err, kith.ErrLocked) {
		t.Errorf("beside its owner: %v, want locked", err)
	}
	want := queried(t, e, "SELECT * FROM profiles ORDER BY id")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(t, dir)
	readers := make([]*Engine, 2)
	for i := range readers {
		if readers[i], err = Open(dir, &Options{ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, nil); !errors.Is(err, kith.ErrLocked) {
		t.Errorf("for writing, beside readers: %v, want locked", err)
	}
	for _, r := range readers {
		if got := queried(t, r, "SELECT * FROM profiles ORDER BY id"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if _, err := r.Profile(ctx, kith.Identifier{Space: "email", Value: "ada@example.org"}); err != nil {
			t.Error(err)
		}
		if _, err := r.IngestJSON(ctx, "web", []byte(shop)); !errors.Is(err, kith.ErrClosed) {
			t.Errorf("ingest: %v, want closed", err)
		}
		if err := r.SetClock("data"); !errors.Is(err, kith.ErrClosed) {
			t.Errorf("clock: %v, want closed", err)
		}
		if report, err := r.Check(ctx, nil); err != nil || len(report.Problems) > 0 {
			t.Error(report, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if after := fingerprint(t, dir); after != before {
		t.Errorf("the directory has changed:\n%s\nwas\n%s", after, before)
	}
}

func TestReadOnlyNeedsAClosedDirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), &Options{ReadOnly: true}); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("where there is none: %v", err)
	}
	e, err := Open(dir, nil)
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "badger", "CLEAN")); err != nil { // as after a kill
		t.Fatal(err)
	}
	if _, err := Open(dir, &Options{ReadOnly: true}); !errors.Is(err, kith.ErrUnsupported) || !strings.Contains(err.Error(), "open it once for writing") {
		t.Errorf("after a kill: %v", err)
	}
	if e, err = Open(dir, nil); err == nil { // and nothing was broken
		err = e.Close()
	}
	if err != nil {
		t.Error(err)
	}
}
