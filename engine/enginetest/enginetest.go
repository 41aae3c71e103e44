// Package enginetest opens engines for tests, closed and checked for them, and runs scripts that an analyst can read.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// Open gives an engine in a new directory. When the test ends it is checked and
// closed, unless the test closed it before.
func Open(t testing.TB, o *engine.Options) *engine.Engine {
	t.Helper()
	return OpenDir(t, filepath.Join(t.TempDir(), "kith"), o)
}

// Memory gives an engine in memory. When the test ends it is checked and closed.
func Memory(t testing.TB, o *engine.Options) *engine.Engine {
	t.Helper()
	return OpenDir(t, "", o)
}

// OpenDir is Open of a directory that may hold something already.
func OpenDir(t testing.TB, dir string, o *engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.Open(dir, quiet(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		Check(t, e)
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// quiet gives options without a socket: a test's directory may have a path too long for one.
func quiet(o *engine.Options) *engine.Options {
	c := engine.Options{}
	if o != nil {
		c = *o
	}
	c.NoSocket = true
	if c.Memory == 0 {
		c.Memory = 256 << 20
	}
	return &c
}

// Leaks makes the test fail if a goroutine that it started is still there after
// everything that was opened after this call is closed.
func Leaks(t testing.TB) {
	t.Helper()
	old := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(old); err != nil {
			t.Error(err)
		}
	})
}

// Copy copies a directory as it is, open or not, and leaves out what is not a
// file. Of an open engine it is what a killed process would leave.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	if err := CopyDir(from, to); err != nil {
		t.Fatal(err)
	}
}

// CopyDir is Copy without a test. Empty blocks are not copied.
func CopyDir(from, to string) error {
	return filepath.WalkDir(from, func(p string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, p) // p stands below from
		switch {
		case os.IsNotExist(err):
			return nil // an open engine takes files away
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !d.Type().IsRegular() || rel == "ballast" || rel == "LOCK":
			return nil
		}
		return copyFile(p, filepath.Join(to, rel))
	})
}

// copyFile copies a file and leaves its holes.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	size, err := in.Seek(0, io.SeekEnd)
	for at := int64(0); err == nil && at < size; {
		from, to := extent(in, at, size)
		if _, err = in.Seek(from, io.SeekStart); err == nil {
			_, err = out.Seek(from, io.SeekStart)
		}
		if err == nil {
			_, err = io.CopyN(out, in, to-from)
		}
		at = to
	}
	return errors.Join(err, out.Truncate(size), out.Close())
}

// extent gives the next piece of a file that is no hole; where holes cannot be
// asked for, all of it.
func extent(f *os.File, at, size int64) (from, to int64) {
	const seekData, seekHole = 3, 4
	from, err := f.Seek(at, seekData)
	if errors.Is(err, syscall.ENXIO) {
		return size, size
	}
	if err != nil {
		return at, size
	}
	if to, err = f.Seek(from, seekHole); err != nil {
		to = size
	}
	return from, to
}

// Rows answers a statement, each row as one line with " | " between the values.
func Rows(e *engine.Engine, query string, args ...any) ([]string, error) {
	rows, err := e.SQL(context.Background(), query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	vals := make([]any, len(cols))
	for i := range vals {
		vals[i] = new(any)
	}
	var out []string
	for rows.Next() {
		if err := rows.Scan(vals...); err != nil {
			return nil, err
		}
		texts := make([]string, len(vals))
		for i, v := range vals {
			texts[i] = show(*v.(*any))
		}
		out = append(out, strings.Join(texts, " | "))
	}
	return out, rows.Err()
}

// SQL is Rows for tests that cannot go on without the answer.
func SQL(t testing.TB, e *engine.Engine, query string, args ...any) []string {
	t.Helper()
	out, err := Rows(e, query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// show gives a value of a row as an analyst would write it.
func show(v any) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case []byte:
		return string(x)
	}
	return fmt.Sprint(v)
}

// Lines brings in lines of the specification and gives what became of them.
func Lines(t testing.TB, e *engine.Engine, lines ...string) kith.Tally {
	t.Helper()
	r, err := e.Load(context.Background(), strings.NewReader(strings.Join(lines, "\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Tally
}

// Repository gives a path below the repository's folder, or beside it with "..".
func Repository(path string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", path)
}
