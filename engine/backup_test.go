package engine

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage/history"
)

// restored restores a backup into a new directory and opens it.
func restored(t *testing.T, backup, keys string) *Engine {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "again")
	if err := Restore(context.Background(), backup, keys, dir, nil); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func TestBackupOfAQuietPlatform(t *testing.T) {
	ctx := context.Background()
	e := filled(t, t.TempDir())
	to := t.TempDir()
	backup, keys := filepath.Join(to, "b"), filepath.Join(to, "k")
	for range 2 { // the second replaces the first
		if err := e.BackupKeys(ctx, keys); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Backup(ctx, backup); err != nil {
		t.Fatal(err)
	}
	x := restored(t, backup, keys)
	if got, want := digested(t, x), digested(t, e); !maps.Equal(got, want) {
		t.Errorf("digest is %v, want %v", got, want)
	}
	healthy(t, x)
	if _, err := x.Load(ctx, bytes.NewReader(worldly(t, 100, 1000)), nil); err != nil {
		t.Fatal(err)
	}
	healthy(t, x)
}

func TestBackupWhileEventsComeIn(t *testing.T) {
	PartRows = 3000 // so that parts are closed meanwhile
	defer func() { PartRows = 0 }()
	ctx := context.Background()
	e, err := Open(t.TempDir(), &Options{NoSocket: true, Memory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.lim.replay = 1500 // so that the log is trimmed meanwhile
	lines := worldly(t, 1000, 15_000)
	done := make(chan error, 1)
	go func() {
		_, err := e.Load(ctx, bytes.NewReader(lines), nil)
		done <- err
	}()
	to := t.TempDir()
	for i := range 3 {
		backup, keys := filepath.Join(to, string(rune('a'+i))), filepath.Join(to, "keys")
		v, err := e.backup(ctx, backup)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.BackupKeys(ctx, keys); err != nil {
			t.Fatal(err)
		}
		want, err := e.digestOf(ctx, v)
		if err != nil {
			t.Fatal(err)
		}
		x := restored(t, backup, keys)
		s, err := x.Stats(ctx)
		if err != nil || s.At != v.seq {
			t.Errorf("the restored platform is as of %d, %v, want %d", s.At, err, v.seq)
		}
		t.Logf("backup at %d, %d events", v.seq, v.events)
		if got := digested(t, x); !maps.Equal(got, want) {
			t.Errorf("digest is %v, want %v", got, want)
		}
		healthy(t, x)
		e.release(v)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	healthy(t, e)
}

// A backup that cannot fit keeps trying, and at last makes the line wait.
func TestBackupWaitsWithTheLine(t *testing.T) {
	e := filled(t, t.TempDir())
	b := &backup{e: e, dir: filepath.Join(t.TempDir(), "b")}
	if err := os.MkdirAll(filepath.Join(b.dir, "history"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.have = map[uint32]history.Part{}
	ok, err := b.attempt(context.Background(), true)
	if !ok || err != nil {
		t.Fatalf("with the line waiting the backup fits %v, %v", ok, err)
	}
	e.release(b.v)
}

func TestRestoreRefuses(t *testing.T) {
	ctx := context.Background()
	e := filled(t, t.TempDir())
	to := t.TempDir()
	backup, keys, old, other := filepath.Join(to, "b"), filepath.Join(to, "keys"), filepath.Join(to, "old"), filepath.Join(to, "other")
	x := filled(t, t.TempDir())
	err := errors.Join(e.BackupKeys(ctx, old), x.BackupKeys(ctx, other))
	if err == nil { // the keys change: a block is sealed anew, as an erasure does
		_, _, err = e.keys.Reseal(0, nil)
	}
	if err = errors.Join(err, e.BackupKeys(ctx, keys), e.Backup(ctx, backup)); err != nil {
		t.Fatal(err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, backup, keys, dir string
		want                    error
	}{
		{"keys that are older", backup, old, filepath.Join(to, "1"), kith.ErrInvalid},
		{"keys of another platform", backup, other, filepath.Join(to, "2"), kith.ErrInvalid},
		{"no keys", backup, filepath.Join(to, "nothing"), filepath.Join(to, "3"), kith.ErrDenied},
		{"what is no backup", keys, keys, filepath.Join(to, "4"), kith.ErrInvalid},
		{"a directory that is not empty", backup, keys, full, kith.ErrExists},
		{"nothing", backup, keys, filepath.Join(to, "5"), nil},
	} {
		if err := Restore(ctx, c.backup, c.keys, c.dir, nil); !errors.Is(err, c.want) {
			t.Errorf("Restore refuses %s with %v, want %v", c.name, err, c.want)
		}
	}
	if err := e.BackupKeys(ctx, full); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("BackupKeys over another folder gives %v, want %v", err, kith.ErrInvalid)
	}
}

func TestABackupDoesNotOpen(t *testing.T) {
	e := filled(t, t.TempDir())
	backup := filepath.Join(t.TempDir(), "b")
	if err := e.Backup(context.Background(), backup); err != nil {
		t.Fatal(err)
	}
	for _, key := range [][]byte{nil, make([]byte, 32)} {
		if _, err := Open(backup, &Options{Key: key}); !errors.Is(err, kith.ErrDenied) {
			t.Errorf("Open of a backup gives %v, want %v", err, kith.ErrDenied)
		}
	}
}

func TestAnUnknownFormatDoesNotOpen(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("kith 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil); !errors.Is(err, kith.ErrUnsupported) {
		t.Errorf("Open gives %v, want %v", err, kith.ErrUnsupported)
	}
}

func TestABackupInMemoryIsNotPossible(t *testing.T) {
	e := open(t, "")
	if err := e.Backup(context.Background(), filepath.Join(t.TempDir(), "b")); !errors.Is(err, kith.ErrUnsupported) {
		t.Errorf("Backup gives %v, want %v", err, kith.ErrUnsupported)
	}
}

// A backup into an earlier one takes over the sealed parts that are the same,
// and is as good as a new one.
func TestBackupGoesOnWithAnEarlierOne(t *testing.T) {
	PartRows = 1500
	defer func() { PartRows = 0 }()
	ctx := context.Background()
	e := filled(t, t.TempDir())
	for range 3 { // a part is closed when events come that it has no room for
		if _, err := e.Load(ctx, bytes.NewReader(worldly(t, 200, 2000)), nil); err != nil {
			t.Fatal(err)
		}
		queried(t, e, "SELECT count(*) FROM events")
	}
	to := t.TempDir()
	dest, keys := filepath.Join(to, "b"), filepath.Join(to, "k")
	parts := func() map[string]os.FileInfo {
		files := map[string]os.FileInfo{}
		for _, p := range e.hist.Manifest().Parts {
			name := (&backup{dir: dest}).file(p.ID)
			st, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if p.Sealed {
				files[name] = st
			}
		}
		return files
	}
	if err := errors.Join(e.Backup(ctx, dest), e.BackupKeys(ctx, keys)); err != nil {
		t.Fatal(err)
	}
	before := parts()
	if len(before) < 2 {
		t.Fatalf("%d sealed parts, want some", len(before))
	}
	var spoilt string
	for spoilt = range before {
		break
	}
	data, err := os.ReadFile(spoilt)
	if err == nil {
		data[len(data)/2] ^= 1
		err = os.WriteFile(spoilt, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(ctx, bytes.NewReader(worldly(t, 300, 3000)), nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Backup(ctx, dest), e.BackupKeys(ctx, keys)); err != nil {
		t.Fatal(err)
	}
	after := parts()
	for name, st := range before {
		if got, want := os.SameFile(st, after[name]), name != spoilt; got != want {
			t.Errorf("%s is taken over: %v, want %v", filepath.Base(name), got, want)
		}
	}
	if _, err := os.Stat(dest + ".tmp"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the earlier backup is left: %v", err)
	}
	x := restored(t, dest, keys)
	if got, want := digested(t, x), digested(t, e); !maps.Equal(got, want) {
		t.Errorf("digest is %v, want %v", got, want)
	}
	healthy(t, x)
	other := open(t, t.TempDir())
	for _, dest := range []string{dest, keys} { // of another platform, and no backup
		if err := other.Backup(ctx, dest); !errors.Is(err, kith.ErrExists) {
			t.Errorf("a backup there gives %v, want %v", err, kith.ErrExists)
		}
	}
}
