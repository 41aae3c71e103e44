package engine

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/storage"
)

// worldly gives the lines of a small random world.
func worldly(t testing.TB, people, events int) []byte {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var b bytes.Buffer
	if err := (world.World{People: people, Events: events, Seed: seed}).Write(context.Background(), &b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// filled opens a platform with a small world in it.
func filled(t testing.TB, dir string) *Engine {
	t.Helper()
	e, err := Open(dir, &Options{NoSocket: true, NoSync: true, Memory: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	if _, err := e.Load(context.Background(), bytes.NewReader(worldly(t, 200, 2000)), nil); err != nil {
		t.Fatal(err)
	}
	return e
}

// healthy makes the test fail for each problem.
func healthy(t testing.TB, e *Engine) CheckReport {
	t.Helper()
	r, err := e.Check(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Error(p)
	}
	return r
}

func TestCheckFindsNothingInAHealthyWorld(t *testing.T) {
	dir := t.TempDir()
	e := filled(t, dir)
	r := healthy(t, e)
	t.Log(r.Checked)
	for _, what := range []string{"records", "events", "identifiers", "decisions", "profiles", "counts", "places", "day counts", "documents", "trait values", "value bits", "pairs", "message ids", "sealed paths", "rejects", "duplicates", "loads"} {
		if r.Checked[what] == 0 {
			t.Errorf("of %s nothing was checked", what)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	healthy(t, open(t, dir))
}

func TestCheckInMemory(t *testing.T) {
	healthy(t, filled(t, ""))
	healthy(t, open(t, "")) // without an event
}

func TestCheckWhileEventsComeIn(t *testing.T) {
	e := filled(t, t.TempDir())
	more := worldly(t, 1000, 10_000)
	done := make(chan error, 1)
	go func() {
		_, err := e.Load(context.Background(), bytes.NewReader(more), nil)
		done <- err
	}()
	for range 2 {
		healthy(t, e)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	healthy(t, e)
}

// damage changes the state in a turn of its own.
func damage(t *testing.T, e *Engine, f func() error) {
	t.Helper()
	err := e.inLine(func() error {
		e.state.Begin()
		var err error
		e.state.Do(func() { err = f() })
		e.state.Publish(uint64(e.line.head.Seq))
		e.publish(&e.line.head)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tamper changes the store in a transaction of its own.
func tamper(t *testing.T, e *Engine, f func(tx *storage.Tx) error) {
	t.Helper()
	err := e.inLine(func() error {
		tx := e.store.Update()
		defer tx.Discard()
		if err := f(tx); err != nil {
			return err
		}
		if err := e.commitAside(tx); err != nil {
			return err
		}
		e.publish(&e.line.head)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// anyRow gives a row in which the column has a value.
func anyRow(t *testing.T, e *Engine, c *storage.Column) uint32 {
	t.Helper()
	for row := range e.line.head.Fragments {
		if c.Has(row) {
			return row
		}
	}
	t.Fatal("the column is empty")
	return 0
}

// textColumn gives a trait column of texts that has bitmaps.
func textColumn(t *testing.T, e *Engine) *column {
	t.Helper()
	for _, c := range e.traits.all() {
		if c.kind == typeText && c.values.Codes(nil) != nil {
			return c
		}
	}
	t.Fatal("there is no such column")
	return nil
}

// anyPair gives a pair of fragments about which something was decided.
func anyPair(t *testing.T, e *Engine) (a, b kith.FragmentID, rec storage.PairRecord) {
	t.Helper()
	snap := e.store.Snapshot()
	defer snap.Release()
	err := snap.EachPair(0, func(x, y kith.FragmentID, r storage.PairRecord) error {
		a, b, rec = x, y, r
		return storage.ErrStop
	})
	if err != nil || rec.Seq == 0 {
		t.Fatal("there is no pair", err)
	}
	return a, b, rec
}

// anyDocument gives a fragment that has a trait document.
func anyDocument(t *testing.T, e *Engine) (f kith.FragmentID) {
	t.Helper()
	snap := e.store.Snapshot()
	defer snap.Release()
	if err := snap.DocumentKeys(func(of kith.FragmentID) error { f = of; return nil }); err != nil || f == 0 {
		t.Fatal("there is no document", err)
	}
	return f
}

// faults are one wrong value for each derived thing, and the kind of problem that names it.
var faults = []struct {
	name, want string
	do         func(t *testing.T, e *Engine)
}{
	{"a count is one too many", "count", func(t *testing.T, e *Engine) {
		row := anyRow(t, e, e.people.Count)
		damage(t, e, func() error { n, _ := e.people.Count.U32(row); e.people.Count.SetU32(row, n+1); return nil })
	}},
	{"a fragment's own events are one too many", "own events", func(t *testing.T, e *Engine) {
		row := anyRow(t, e, e.people.Own)
		damage(t, e, func() error { n, _ := e.people.Own.U32(row); e.people.Own.SetU32(row, n+1); return nil })
	}},
	{"a first is early", "first", func(t *testing.T, e *Engine) {
		row := anyRow(t, e, e.people.First)
		damage(t, e, func() error { n, _ := e.people.First.I64(row); e.people.First.SetI64(row, n-1); return nil })
	}},
	{"a last is gone", "last", func(t *testing.T, e *Engine) {
		row := anyRow(t, e, e.people.Last)
		damage(t, e, func() error { e.people.Last.Clear(row); return nil })
	}},
	{"a head is another's", "head", func(t *testing.T, e *Engine) {
		row := anyRow(t, e, e.people.Head)
		damage(t, e, func() error { n, _ := e.people.Head.U32(row); e.people.Head.SetU32(row, n+1); return nil })
	}},
	{"an owner is another", "owner", func(t *testing.T, e *Engine) {
		owner, err := e.state.Column(1, storage.ColumnSpec{Width: 4})
		damage(t, e, func() error { who, _ := owner.U32(5); owner.SetU32(5, who^8); return err })
	}},
	{"a circle leaves one out", "circle", func(t *testing.T, e *Engine) {
		a, _, _ := anyPair(t, e)
		next, err := e.state.Column(2, storage.ColumnSpec{Width: 4})
		damage(t, e, func() error {
			who := e.people.Owner(a)
			if n, _ := next.U32(uint32(who)); n == uint32(who) {
				next.SetU32(uint32(who), uint32(who)^1)
			} else {
				next.SetU32(uint32(who), uint32(who))
			}
			return err
		})
	}},
	{"a space is another", "space", func(t *testing.T, e *Engine) {
		col, err := e.state.Column(3, storage.ColumnSpec{Width: 2})
		damage(t, e, func() error { v, _ := col.Get(3); v.Lo ^= 1; col.Set(3, v); return err })
	}},
	{"a person is not known any more", "known mark", func(t *testing.T, e *Engine) {
		col, err := e.state.Column(3, storage.ColumnSpec{Width: 2})
		who := uint32(e.people.Owner(3))
		damage(t, e, func() error { v, _ := col.Get(who); v.Lo ^= 0x400; col.Set(who, v); return err })
	}},
	{"a token column is wrong", "token", func(t *testing.T, e *Engine) {
		col, err := e.state.Column(4, storage.ColumnSpec{Width: 16})
		damage(t, e, func() error { v, _ := col.Get(7); v.Hi++; col.Set(7, v); return err })
	}},
	{"a trait cell has another value", "trait column", func(t *testing.T, e *Engine) {
		c := textColumn(t, e)
		row := anyRow(t, e, c.col)
		damage(t, e, func() error { v, _ := c.col.U32(row); c.col.SetU32(row, v^1); return nil })
	}},
	{"a bit of a value is lost", "value bitmap", func(t *testing.T, e *Engine) {
		c := textColumn(t, e)
		row := anyRow(t, e, c.col)
		damage(t, e, func() error { v, _ := c.col.U32(row); c.values.Remove(v, row); return nil })
	}},
	{"a text of a dictionary is none of theirs", "trait column", func(t *testing.T, e *Engine) {
		c := textColumn(t, e)
		row := anyRow(t, e, c.col)
		damage(t, e, func() error { code, _ := c.dict.Code("nobody said so"); c.code(row, code); return nil })
	}},
	{"a day has one more", "day count", func(t *testing.T, e *Engine) {
		row := anyRow(t, e, e.people.Count)
		days, err := e.state.Days(0)
		damage(t, e, func() error { days.Add(days.List(nil)[0], row, 1); return err })
	}},
	{"a place is of another day", "place", func(t *testing.T, e *Engine) {
		if err := e.inLine(func() error { e.places.Begin(); e.places.Add(3, 0, 0, 0); e.places.Commit(); return nil }); err != nil {
			t.Fatal(err)
		}
	}},
	{"a document is of another", "document", func(t *testing.T, e *Engine) {
		f := anyDocument(t, e)
		tamper(t, e, func(tx *storage.Tx) error {
			doc, err := e.readDocument(&tx.Reader, f)
			if err != nil {
				return err
			}
			doc.Traits[0].Last.Time++
			sealed, err := e.keys.Seal(f, 1<<62, sealDocument, doc.Append(nil), nil)
			if err != nil {
				return err
			}
			return tx.PutDocument(f, 1<<62, sealed)
		})
	}},
	{"a document is gone", "document", func(t *testing.T, e *Engine) {
		f := anyDocument(t, e)
		tamper(t, e, func(tx *storage.Tx) error { return tx.DropDocument(f) })
	}},
	{"a pair says another rule", "pair", func(t *testing.T, e *Engine) {
		a, b, rec := anyPair(t, e)
		rec.Rule = "guess"
		tamper(t, e, func(tx *storage.Tx) error { return tx.PutPair(a, b, rec, true) })
	}},
	{"a pair is gone", "pair", func(t *testing.T, e *Engine) {
		a, b, _ := anyPair(t, e)
		tamper(t, e, func(tx *storage.Tx) error { return tx.DropPair(a, b) })
	}},
	{"a tally counts too many", "tally", func(t *testing.T, e *Engine) {
		tamper(t, e, func(*storage.Tx) error {
			for source, tally := range e.line.head.Tallies {
				tally.Accepted++
				e.line.head.Tallies[source] = tally
			}
			return nil
		})
	}},
	{"a counter of records is wrong", "record count", func(t *testing.T, e *Engine) {
		counts := e.store.Counts()
		counts[5]++
		e.store.SetCounts(counts)
		tamper(t, e, func(*storage.Tx) error { return nil })
	}},
	{"a fragment passes for shared", "shared mark", func(t *testing.T, e *Engine) {
		col, err := e.state.Column(3, storage.ColumnSpec{Width: 2})
		damage(t, e, func() error { v, _ := col.Get(7); v.Lo ^= 0x100; col.Set(7, v); return err })
	}},
	{"a document is not marked", "document mark", func(t *testing.T, e *Engine) {
		f := uint32(anyDocument(t, e))
		col, err := e.state.Column(3, storage.ColumnSpec{Width: 2})
		damage(t, e, func() error { v, _ := col.Get(f); v.Lo ^= 0x200; col.Set(f, v); return err })
	}},
	{"a path is not known to be sealed", "sealed path", func(t *testing.T, e *Engine) {
		tamper(t, e, func(tx *storage.Tx) error {
			return errors.Join(tx.DropNames(storage.Sealed), tx.PutNames(storage.Sealed, 0, e.sealed.all()[:len(e.sealed.all())-1]))
		})
	}},
	{"an event of the log is lost", "log", func(t *testing.T, e *Engine) {
		tamper(t, e, func(tx *storage.Tx) error {
			n, err := tx.TrimLog(e.line.head.Seq-1, 1)
			if n == 0 {
				t.Error("the log has one record only")
			}
			return err
		})
	}},
}

// replaced changes one byte of a stored value under a prefix, in the middle of the n-th, under a right envelope.
func replaced(t *testing.T, e *Engine, prefix []byte, n int) {
	t.Helper()
	tamper(t, e, func(tx *storage.Tx) error {
		var key, value []byte
		err := tx.Scan(prefix, func(k, v []byte) error {
			key, value = bytes.Clone(k), bytes.Clone(v)
			if n--; n <= 0 && len(v) > 8 {
				return storage.ErrStop
			}
			return nil
		})
		if err != nil || key == nil {
			t.Fatal("there is no such key", err)
		}
		value[len(value)/2] ^= 0x40
		return tx.Replace(key, value)
	})
}

func TestCheckNamesADamagedRecord(t *testing.T) {
	for _, f := range []struct {
		name, prefix string
		n            int
		want         []string
	}{
		{"an event of the log", "l", 4, []string{"log", "payload print", "history"}},
		{"a run of places", "t", 1, []string{"places", "place"}},
		{"a run of message ids", "f", 1, []string{"message ids", "message id", "payload print"}},
		{"a decision", "d", 1, []string{"decisions", "number", "pair", "owner", "circle"}},
		{"an identifier", "n", 1, []string{"identifiers", "identifier", "number", "fragment record", "weak mark", "space", "token"}},
		{"a token", "i", 3, []string{"identifiers", "token"}},
		{"a block of keys", "k", 1, []string{"identifier"}},
		{"a reject", "r", 1, []string{"rejects", "reject", "number"}},
	} {
		t.Run(f.name, func(t *testing.T) {
			dir := t.TempDir()
			e := filled(t, dir)
			if f.prefix != "l" { // only a checkpoint has runs
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				e = open(t, dir)
			}
			replaced(t, e, []byte(f.prefix), f.n)
			named(t, e, f.want...)
		})
	}
}

func TestCheckNamesADamagedValue(t *testing.T) {
	lines := worldly(t, 50, 400)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			e := open(t, "")
			if _, err := e.Load(context.Background(), bytes.NewReader(lines), nil); err != nil {
				t.Fatal(err)
			}
			f.do(t, e)
			named(t, e, f.want)
		})
	}
}

// named makes the test fail when check does not name what is wrong.
func named(t *testing.T, e *Engine, what ...string) {
	t.Helper()
	r, err := e.Check(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		if slices.Contains(what, p.What) {
			t.Log(p)
			return
		}
	}
	t.Errorf("check does not name %q: %v", what, r.Problems)
}

func TestCheckNamesADamagedByte(t *testing.T) {
	for _, f := range []struct{ name, file, want string }{
		{"a key", "keys/secret", "keys"},
		{"another key", "keys/blocks", "keys"},
		{"the ledger", "keys/ledger", "keys"},
		{"history", "history/*.duckdb", "history"},
	} {
		t.Run(f.name, func(t *testing.T) {
			dir := t.TempDir()
			e := filled(t, dir)
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			e = open(t, dir)
			flip(t, filepath.Join(dir, f.file))
			named(t, e, f.want)
		})
	}
}

// A table of Badger that is damaged is noticed when it is opened, or by check.
func TestCheckNamesADamagedTable(t *testing.T) {
	dir := t.TempDir()
	if err := filled(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, filepath.Join(dir, "badger/*.sst"))
	e, err := Open(dir, &Options{NoSocket: true})
	if errors.Is(err, kith.ErrCorrupt) {
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	named(t, e, "store", "stored value", "history")
}

// flip changes one byte in the middle of a file's content.
func flip(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("no file like ", pattern, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := len(data) / 2
	for data[at] == 0 && at > 0 {
		at--
	}
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{data[at] ^ 0x10}, int64(at)); err != nil {
		t.Fatal(err)
	}
}
