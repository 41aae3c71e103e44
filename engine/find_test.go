package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// lovers are people whose names are like each other.
const lovers = `{"type":"identify","messageId":"1","userId":"c-1","timestamp":"2026-01-01T10:00:00Z","traits":{"firstName":"Ada","lastName":"Lovelace","email":"ada@example.org","since":"2019-05-01"}}
{"type":"identify","messageId":"2","userId":"c-2","timestamp":"2026-01-02T10:00:00Z","traits":{"name":"Adam Lovell","company":"Ängström & Søns"}}
{"type":"identify","messageId":"3","userId":"c-3","timestamp":"2026-01-03T10:00:00Z","traits":{"name":"ADA LOV","phone":"+49 (170) 1234567"}}
{"type":"track","event":"Seen","messageId":"4","anonymousId":"3f2a7c1e-0000-4000-8000-000000000001","timestamp":"2026-01-04T10:00:00Z"}
{"type":"identify","messageId":"5","anonymousId":"3f2a7c1e-0000-4000-8000-000000000001","userId":"c-4","timestamp":"2026-01-05T10:00:00Z","traits":{"name":"José Müller"}}`

// whoIs gives the user ids of who is found, best first.
func whoIs(t testing.TB, e *Engine, typed string) string {
	t.Helper()
	got, err := e.Find(context.Background(), typed, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range got.People {
		for _, v := range p.Values {
			if v.Name == "user_id" {
				ids = append(ids, v.Value)
			}
		}
	}
	return strings.Join(ids, " ")
}

func tellLovers(t testing.TB, e *Engine) {
	t.Helper()
	if r, err := e.Load(context.Background(), strings.NewReader(lovers), nil); err != nil || r.Accepted != 5 {
		t.Fatalf("Load: %+v, %v", r.Tally, err)
	}
}

func TestFind(t *testing.T) {
	e := open(t, "")
	tellLovers(t, e)
	for _, c := range []struct{ typed, want string }{
		{"ada lov", "c-3 c-1 c-2"},                                    // the very words, then one of them, then beginnings
		{"ADA  Löv", "c-3 c-1 c-2"},                                   // accents and case
		{"lov", "c-3 c-2 c-1"},                                        // seen last
		{"lovelace", "c-1"}, {"lovlace", "c-1"}, {"lovellace", "c-1"}, // whole, too few, too many letters
		{"loevlace", "c-1"}, {"lovelzce", "c-1"}, {"xovelace", "c-1"}, {"lvoe", "c-2 c-1"},
		{"lovellace ada", "c-1"}, {"adx", ""}, {"loovellace", ""}, // two errors
		{"jose muller", "c-4"}, {"mueller", "c-4"}, {"angstrom", "c-2"}, {"sons", "c-2"},
		{"1234567", "c-3"}, {"4567", "c-3"}, {"0170 1234567", "c-3"}, {"+49170", "c-3"},
		{"ada@example.org", "c-1"}, {"ada@ex", "c-1"}, {"c-4", "c-4 c-3"},
		{"3f2a7c1e-0000-4000-8000-000000000001", "c-4"}, {"3f2a7c1e", ""}, {"2019-05", ""}, {"2019", ""},
	} {
		if got := whoIs(t, e, c.typed); got != c.want {
			t.Errorf("Find(%q) = %q, want %q", c.typed, got, c.want)
		}
	}
	for _, bad := range []string{"", " - ", strings.Repeat("a", 257)} {
		if _, err := e.Find(t.Context(), bad, nil); !errors.Is(err, kith.ErrInvalid) {
			t.Errorf("Find of %d bytes gives %v, want ErrInvalid", len(bad), err)
		}
	}
	got, err := e.Find(t.Context(), "ada", &FindOptions{Limit: 1})
	if err != nil || len(got.People) != 1 || got.People[0].Fit != "exact" || got.Partial {
		t.Errorf("Find = %#v, %v", got, err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", got, got, got, got.People); strings.Contains(text, "LOV") {
		t.Errorf("a person shows: %s", text)
	}
}

// TestFindReadsItsOwnWrites finds at once what was told, and not what was told before it.
func TestFindReadsItsOwnWrites(t *testing.T) {
	e := open(t, "")
	for i := range 50 {
		body := fmt.Sprintf(`{"type":"identify","messageId":"m%d","userId":"c-1","timestamp":"2026-01-01T10:%02d:00Z","traits":{"name":"Name%cx"}}`, i, i, 'a'+i%26)
		if _, err := e.IngestJSON(t.Context(), "test", []byte(body)); err != nil {
			t.Fatal(err)
		}
		for j := range 26 {
			want := ""
			if j == i%26 {
				want = "c-1"
			}
			got, err := e.Find(t.Context(), fmt.Sprintf("name%cx", 'a'+j), nil)
			if err != nil {
				t.Fatal(err)
			}
			exact := ""
			if len(got.People) > 0 && got.People[0].Fit == "exact" {
				exact = "c-1"
			}
			if exact != want {
				t.Fatalf("after name %d, name %d gives %q, want %q", i, j, exact, want)
			}
		}
	}
}

func TestFindOverTheSocket(t *testing.T) {
	e, c := dialled(t)
	tellLovers(t, e)
	for _, typed := range []string{"ada lov", "lovlace", "4567"} {
		a, err1 := e.Find(t.Context(), typed, &FindOptions{Limit: 2})
		b, err2 := c.Find(t.Context(), typed, &FindOptions{Limit: 2})
		if err := errors.Join(err1, err2); err != nil || len(a.People) == 0 || !reflect.DeepEqual(a, b) {
			t.Errorf("%v: %d and %d people", err, len(a.People), len(b.People))
		}
	}
	if _, err := c.Find(t.Context(), "?", nil); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("Find of nothing gives %v, want ErrInvalid", err)
	}
}

// TestADirectoryWithoutWords opens what an older version has left: no run and no state of the index.
func TestADirectoryWithoutWords(t *testing.T) {
	dir := t.TempDir()
	e := filled(t, dir)
	tellLovers(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir) // with all of it in a checkpoint
	before := digested(t, e)
	err := e.inLine(func() error {
		tx := e.store.Update()
		defer tx.Discard()
		if w, err := storage.OpenWords(e.store.Get, nil); err != nil { // nothing of it is live any more
			return err
		} else if _, err := w.Sweep(tx, 1<<20); err != nil {
			return err
		}
		e.checkpoint.Words = nil
		if err := tx.PutMeta(storage.MetaCheckpoint(), &e.checkpoint); err != nil {
			return err
		}
		return e.commitAside(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := e.store.Count('j'); n != 0 {
		t.Fatalf("%d records of the index are left", n)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := Open(dir, &Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Find(t.Context(), "ada", nil); !errors.Is(err, kith.ErrUnsupported) {
		t.Errorf("Find gives %v, want ErrUnsupported", err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir)
	if got := whoIs(t, e, "lovlace"); !strings.HasSuffix(got, "c-1") {
		t.Errorf("Find = %q, want c-1", got)
	}
	if r := healthy(t, e); r.Checked["words"] < 500 {
		t.Errorf("%d words were checked", r.Checked["words"])
	}
	if got := digested(t, e); !maps.Equal(got, before) {
		t.Errorf("the digest is another")
	}
}

// TestCheckFindsWordsThatAreMissing takes an index away, and mends it by a rebuild.
func TestCheckFindsWordsThatAreMissing(t *testing.T) {
	dir := t.TempDir()
	e := filled(t, dir)
	tellLovers(t, e)
	err := e.inLine(func() error {
		w, err := storage.OpenWords(e.store.Get, e.words.Blank())
		e.words = w
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Check(t.Context(), nil)
	if err != nil || len(r.Problems) != 1 || r.Problems[0].What != "word" || r.Problems[0].More < 500 {
		t.Fatalf("problems %v, %v", r.Problems, err)
	}
	e, r = rebuilt(t, e, dir)
	if r.Same || !r.Rebuilt {
		t.Errorf("same %v, rebuilt %v", r.Same, r.Rebuilt)
	}
	healthy(t, e)
	if got := whoIs(t, e, "lovlace"); !strings.HasSuffix(got, "c-1") {
		t.Errorf("Find = %q, want c-1", got)
	}
}

// TestRestoredIsFound copies a platform and its keys, and finds in the copy.
func TestRestoredIsFound(t *testing.T) {
	dir, data, keys, again := t.TempDir(), t.TempDir()+"/data", t.TempDir()+"/keys", t.TempDir()+"/again"
	e := filled(t, dir)
	tellLovers(t, e)
	if err := errors.Join(e.Backup(t.Context(), data), e.BackupKeys(t.Context(), keys)); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), data, keys, again, nil); err != nil {
		t.Fatal(err)
	}
	r := open(t, again)
	for _, typed := range []string{"ada lov", "lovlace", "4567"} {
		if got, want := whoIs(t, r, typed), whoIs(t, e, typed); got != want || got == "" {
			t.Errorf("Find(%q) = %q, want %q", typed, got, want)
		}
	}
	healthy(t, r)
}
