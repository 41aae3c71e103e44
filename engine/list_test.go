package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// users are user ids from one number to another.
type users struct{ from, to int }

func (u *users) Next() (kith.Identifier, int64, error) {
	if u.from == u.to {
		return kith.Identifier{}, 0, io.EOF
	}
	u.from++
	return kith.Identifier{Space: "user_id", Value: fmt.Sprint("u", u.from-1)}, int64(u.from), nil
}

// stored gives the contents of lists that are stored.
func stored(t *testing.T, e *Engine) []uint32 {
	t.Helper()
	snap := e.store.Snapshot()
	defer snap.Release()
	var out []uint32
	if err := snap.ListChunkKeys(func(content, _ uint32) error { out = append(out, content); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// What an import leaves that was killed before it counted is deleted by the next,
// and what one replaces at once.
func TestContentsOfListsAreSwept(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	e, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	give := func(e *Engine, from, to int, mode ListMode) {
		t.Helper()
		if _, err := e.ImportList(ctx, "l", &users{from, to}, mode); err != nil {
			t.Fatal(err)
		}
	}
	give(e, 0, 10, ReplaceList)
	give(e, 5, 15, AddToList)
	killed := &listImport{e: e, ctx: ctx, rec: storage.ListRecord{Name: "l", Mode: storage.ListReplace}}
	if err := killed.read(&users{0, 9000}); err != nil {
		t.Fatal(err)
	}
	if err := killed.write(); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, e); !slices.Equal(got, []uint32{1, 2, 3, 3, 3}) {
		t.Errorf("before it is closed %v is stored", got)
	}
	healthy(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir)
	healthy(t, e)
	give(e, 0, 3, RemoveFrom)
	if got := stored(t, e); !slices.Equal(got, []uint32{1, 2, 4}) {
		t.Errorf("after the next import %v is stored", got)
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := e.ImportList(stopped, "l", &users{0, 5000}, ReplaceList); err == nil {
		t.Error("an import goes on that was ended")
	}
	if got := stored(t, e); !slices.Equal(got, []uint32{1, 2, 4}) {
		t.Errorf("after one that was ended %v is stored", got)
	}
	all, err := e.Lists(ctx)
	if err != nil || len(all) != 1 || all[0].Entries != 12 || all[0].Version != 3 {
		t.Errorf("got %+v, %v", all, err)
	}
	give(e, 0, 4, ReplaceList)
	if got := stored(t, e); !slices.Equal(got, []uint32{5}) {
		t.Errorf("after all is replaced %v is stored", got)
	}
	if err := e.DropList(ctx, "l"); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, e); len(got) > 0 {
		t.Errorf("after the list was dropped %v is stored", got)
	}
	healthy(t, e)
}

// A backup has the lists, and check finds one that is not whole.
func TestListsInBackupsAndChecks(t *testing.T) {
	ctx, to := context.Background(), t.TempDir()
	e := filled(t, t.TempDir())
	if _, err := e.ImportList(ctx, "l", &users{0, 5000}, ReplaceList); err != nil {
		t.Fatal(err)
	}
	want, err := e.Lists(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Backup(ctx, filepath.Join(to, "b")); err != nil {
		t.Fatal(err)
	}
	if err := e.BackupKeys(ctx, filepath.Join(to, "k")); err != nil {
		t.Fatal(err)
	}
	x := restored(t, filepath.Join(to, "b"), filepath.Join(to, "k"))
	if got, err := x.Lists(ctx); err != nil || !slices.Equal(got, want) {
		t.Errorf("restored: %+v, %v, want %+v", got, err, want)
	}
	healthy(t, x)
	k := e.static.now["l"]
	for name, f := range map[string]func() error{
		"somebody too many": func() error { return e.inLine(func() error { k.frags.Add(1); return nil }) },
		"a chunk lost":      func() error { return e.aside(func(tx *storage.Tx) error { return tx.DropListChunk(1, 1) }) },
	} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
		if _, err := e.ImportList(ctx, "other", &users{0, 1}, ReplaceList); err != nil { // so that there is another version
			t.Fatal(err)
		}
		if r, err := e.Check(ctx, nil); err == nil && len(r.Problems) == 0 {
			t.Errorf("%s: check finds nothing", name)
		}
		k.frags.Remove(1)
	}
}

// What is asked of lists over the socket is what the engine answers.
func TestListsOverTheSocket(t *testing.T) {
	e, c := dialled(t)
	ctx := t.Context()
	r, err := c.ImportList(ctx, "l", &users{10_000, 13_000}, ReplaceList)
	if err != nil || r.Entries != 3000 || r.Waiting != 3000 || r.Version != 1 {
		t.Errorf("imported: %+v, %v", r, err)
	}
	if _, err := c.ImportList(ctx, "l", &brokenUsers{users{10_000, 13_000}}, AddToList); !errors.Is(err, kith.ErrInvalid) || !strings.Contains(err.Error(), "line 2900") {
		t.Errorf("of what breaks off: %v", err)
	}
	if _, err := c.ImportList(ctx, "other", &users{0, 3}, RemoveFrom); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("removed from none: %v", err)
	}
	got, err := c.Lists(ctx)
	want, err2 := e.Lists(ctx)
	if err != nil || err2 != nil || !slices.Equal(got, want) || len(got) != 1 || got[0].Version != 1 {
		t.Errorf("lists: %+v, %v, want %+v", got, err, want)
	}
	if err := c.DropList(ctx, "l"); err != nil {
		t.Error(err)
	}
	if err := c.DropList(ctx, "l"); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("dropped again: %v", err)
	}
	past, err := c.ListHistory(ctx, "l")
	want2, err2 := e.ListHistory(ctx, "l")
	if err != nil || err2 != nil || !slices.Equal(past, want2) || len(past) != 2 {
		t.Errorf("history: %+v, %v, want %+v", past, err, want2)
	}
}

// brokenUsers is users that cannot be read to their end.
type brokenUsers struct{ users }

func (b *brokenUsers) Next() (kith.Identifier, int64, error) {
	if b.from == 12_900 {
		return kith.Identifier{}, 2900, errors.New("line 2900 cannot be read")
	}
	return b.users.Next()
}
