package engine

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"
)

func TestZZMeasure(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(dir, &Options{NoSocket: true, Memory: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	lines := worldly(t, 60_000, 200_000)
	now := time.Now()
	lap := func(what string) { t.Log(what, time.Since(now)); now = time.Now() }
	e.Load(context.Background(), bytes.NewReader(lines), nil)
	lap("load")
	var last string
	r, err := e.Check(context.Background(), &CheckOptions{Progress: func(done, total int64, what string) {
		if what != last {
			lap(last)
		}
		last = what
	}})
	t.Log(r.Checked, r.Problems, err)
	now = time.Now()
	t.Log(e.Backup(context.Background(), filepath.Join(t.TempDir(), "b")))
	lap("backup")
	r, err = e.Check(context.Background(), &CheckOptions{Rebuild: true})
	t.Log(r.Same, r.Problems, err)
	lap("check+rebuild")
}
