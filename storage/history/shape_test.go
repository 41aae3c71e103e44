package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kithdb/kith"
)

func TestNamesOfFields(t *testing.T) {
	d := &dictionary{}
	h := open(t, Options{Paths: d, Threads: 2})
	defer h.Close()
	var rows []Row
	for i, c := range []struct{ path, value, query, want string }{
		{"properties.total", "1.5", "properties.total::VARCHAR", "1.500000000"},
		{"properties.Total", "2", `properties."Total#2"::VARCHAR`, "2.000000000"},
		{"properties.page.path", `"/a"`, `properties."page#2".path`, "/a"},
		{"properties.page", `"home"`, "properties.page", "home"},
		{`properties.a\.b`, `"dot"`, `properties."a.b"`, "dot"},
		{`properties.a\\b`, `"slash"`, `properties."a\b"`, "slash"},
		{`properties.say"hi"`, `"quote"`, `properties."say""hi"""`, "quote"},
		{"properties.ключ", `"key"`, "properties.ключ", "key"},
		{"properties.o'brien", `"apostrophe"`, `properties."o'brien"`, "apostrophe"},
		{"properties.", `"nothing"`, "properties._", "nothing"},
		{"properties.select", "true", `properties."select"`, "true"},
		{"context.page.url", `"u"`, "e.context.page.url", "u"},
		{"traits.tags", `["a"]`, "traits.tags", `["a"]`},
		{"traits.a.b.c.d.e", "7", "traits.a.b.c.d.e::INT", "7"},
	} {
		rows = append(rows, Row{Seq: uint64(i + 1), Kind: 2, Name: "x", Cells: d.cells(c.path, c.value)})
		defer func() {
			v := &version{seq: 100, owner: selves(1)}
			if got := ask(t, h, v, "SELECT "+c.query+" FROM events e WHERE seq = ?", i+1); got != c.want+"\n" {
				t.Errorf("%s = %q, want %q", c.query, got, c.want)
			}
			if got := ask(t, h, v, "SELECT count("+strings.TrimSuffix(c.query, "::VARCHAR")+") FROM events e"); got != "1\n" {
				t.Errorf("%s stands in %q rows", c.query, got)
			}
		}()
	}
	if err := h.Append(rows[:3]); err != nil { // the rest of them has no columns
		t.Fatal(err)
	}
	if err := h.Append(rows[3:]); err != nil {
		t.Fatal(err)
	}
	defer func() { // the same names where the whole row is asked for
		v := &version{seq: 100, owner: selves(1)}
		if got := ask(t, h, v, `SELECT x.properties."page#2".path FROM (SELECT * FROM events) x WHERE seq = 3`); got != "/a\n" {
			t.Error(got)
		}
	}()
}

func TestConflictsAreCounted(t *testing.T) {
	d := &dictionary{}
	h := open(t, Options{Paths: d})
	defer h.Close()
	var rows []Row
	for i := range 100 {
		value := "1.25"
		switch {
		case i < 7:
			value = `"text"`
		case i < 10:
			value = "1e300"
		case i < 15:
			value = "null"
		}
		rows = append(rows, Row{Seq: uint64(i + 1), Kind: 2, Name: "x", Cells: d.cells("properties.n", value)})
	}
	if err := h.Append(rows); err != nil {
		t.Fatal(err)
	}
	s, err := h.Stats()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", s.Paths)
	if want := "[{Kind:2 Event:x Path:properties.n Column:[properties n] Type:DECIMAL(38,9) Rows:100 Filled:100 Conflicts:10}]"; got != want {
		t.Errorf("Paths = %s, want %s", got, want)
	}
	v := &version{seq: 100, owner: selves(1)}
	if got := ask(t, h, v, "SELECT count(properties.n), count(*) FILTER (original->>'$.properties.n' = 'text') FROM events"); got != "85 7\n" {
		t.Errorf("%q", got)
	}
	same(t, d, h, rows)
}

func TestSmallPartGetsTheColumnsOfLaterRows(t *testing.T) {
	r := seeded(t)
	d := &dictionary{}
	k := &disk{dir: t.TempDir()}
	h := open(t, k.options(d))
	defer h.Close()
	all := []Row{{Seq: 1, Kind: 1, Cells: d.cells("traits.plan", `"pro"`)}}
	if err := h.Append(all); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		rows := anyRows(r, d, all[len(all)-1].Seq, 500)
		if err := h.Append(rows); err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	if s, err := h.Stats(); err != nil || s.Parts[0].Columns < 8 || len(s.Parts) != 1 {
		t.Error(s.Parts, err)
	}
	if files, _ := filepath.Glob(filepath.Join(k.dir, "*.duckdb")); len(files) != 1 {
		t.Error(files)
	}
	same(t, d, h, all)
	sane(t, h)
}

func TestOriginalOpensWhatIsSealed(t *testing.T) {
	d := &dictionary{}
	h := open(t, Options{Paths: d})
	defer h.Close()
	err := h.Append([]Row{{Seq: 1, Fragment: 3, Also: []uint32{4}, Kind: 1, MessageID: "m", Time: 0, Received: NoTime, Sent: NoTime, Original: NoTime, Sealed: []byte("secret"),
		Cells: d.cells("traits.plan", `"pro"`, `traits.a\.b`, `{"x":[1]}`)}})
	if err != nil {
		t.Fatal(err)
	}
	v := &version{seq: 1, owner: selves(5)}
	v.who = func(f uint32) (string, string, error) {
		return []string{"", "", "", "user_id", "anonymous_id"}[f], fmt.Sprint("id", f), nil
	}
	v.unseal = func(f uint32, seq uint64, sealed []byte) ([]byte, error) {
		if f != 3 || seq != 1 || string(sealed) != "secret" {
			return nil, errors.New("not mine")
		}
		return d.cells("traits.email", `"jane@example.org"`), nil
	}
	got := ask(t, h, v, "SELECT original::VARCHAR FROM events")
	if want := `{"type":"identify","messageId":"m","traits":{"plan":"pro","a.b":{"x":[1]},"email":"jane@example.org"},"userId":"id3","anonymousId":"id4","timestamp":"1970-01-01T00:00:00Z"}` + "\n"; got != want {
		t.Errorf("original = %s, want %s", got, want)
	}
	v.unseal = nil
	if _, err := tryAsk(h, v, "SELECT original FROM events"); err == nil {
		t.Error("what cannot be opened was given")
	}
	if got := ask(t, h, v, "SELECT count(*) FROM events"); got != "1\n" {
		t.Error(got)
	}
}

// A reading gives what stands in the clear and opens what does not; its twin
// leaves that out. What has another type, or is not there, is opened for nothing.
func TestReadingsOpenWhatIsSealed(t *testing.T) {
	d := &dictionary{sealed: map[uint32]bool{}}
	h := open(t, Options{Paths: d})
	defer h.Close()
	via, only := d.id("properties.via"), d.id("properties.only")
	d.sealed[via], d.sealed[only] = true, true
	row := func(seq uint64, sealed []byte, cells ...string) Row {
		return Row{Seq: seq, Fragment: 3, Kind: 2, Name: "E", MessageID: fmt.Sprint("m", seq), Time: int64(seq), Received: NoTime, Sent: NoTime, Original: NoTime, Sealed: sealed, Cells: d.cells(cells...)}
	}
	err := h.Append([]Row{
		row(1, nil, "properties.via", `"web"`),
		row(2, AppendCell(nil, via, []byte(`"jane\u0040example.org"`)), "properties.total", "5"),
		row(3, AppendCell(AppendCell(nil, only, []byte(`2.50`)), via, []byte(`["a"]`))),
		row(4, AppendCell(nil, only, []byte(`true`)), "properties.via", "7"),
		row(5, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	v := &version{seq: 5, owner: selves(5), unseal: func(f uint32, seq uint64, sealed []byte) ([]byte, error) {
		opened++
		return sealed, nil
	}}
	for columns, want := range map[string]string{
		`"properties.via:text"`:          "web jane@example.org <nil> <nil> <nil>",
		`"properties.via:clear text"`:    "web <nil> <nil> <nil> <nil>",
		`"properties.via:json"`:          `<nil> <nil> ["a"] <nil> <nil>`,
		`"properties.via:number"`:        "<nil> <nil> <nil> 7 <nil>",
		`"properties.only:number"`:       "<nil> <nil> 2.5 <nil> <nil>",
		`"properties.only:bool"`:         "<nil> <nil> <nil> true <nil>",
		`"properties.only:clear number"`: "<nil> <nil> <nil> <nil> <nil>",
		`"properties.total:number"`:      "<nil> 5 <nil> <nil> <nil>",
		`properties.via`:                 "web <nil> <nil> <nil> <nil>",
	} {
		opened = 0
		got := strings.Join(strings.Split(strings.TrimSpace(ask(t, h, v, "SELECT "+columns+"::VARCHAR FROM events ORDER BY seq")), "\n"), " ")
		got = strings.ReplaceAll(strings.ReplaceAll(got, ".000000000", ""), "2.500000000", "2.5")
		if got != want {
			t.Errorf("%s: %s, want %s", columns, got, want)
		}
		if opens := strings.Count(columns, ":") == 1 && !strings.Contains(columns, "clear") && !strings.Contains(columns, "total"); opens != (opened > 0) {
			t.Errorf("%s: %d rows were opened", columns, opened)
		}
	}
	r := h.Readings()
	if of := r["properties.via"][String]; of != (Reading{`"properties.via:text"`, `"properties.via:clear text"`}) {
		t.Errorf("%+v", of)
	}
	if of := r["properties.total"][String]; of.Name != of.Clear {
		t.Errorf("%+v", of)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	r := seeded(t)
	d := &dictionary{}
	k := &disk{dir: t.TempDir()}
	o := k.options(d)
	o.PartRows = 2000
	h := open(t, o)
	if err := h.Append(anyRows(r, d, 0, 5000)); err != nil {
		t.Fatal(err)
	}
	sane(t, h)
	damaged := func(what string, do func()) {
		do()
		n := 0
		for err := range h.Check(context.Background()) {
			if !errors.Is(err, kith.ErrCorrupt) {
				t.Error(err)
			}
			n++
		}
		if n == 0 {
			t.Errorf("check did not see %s", what)
		}
	}
	file := filepath.Join(k.dir, k.man.Parts[0].file())
	flip := func(at int64) {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var b [1]byte
		f.ReadAt(b[:], at)
		b[0] ^= 4
		if _, err := f.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
	}
	fi, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	at := r.Int64N(fi.Size())
	damaged(fmt.Sprintf("a byte at %d of %d", at, fi.Size()), func() { flip(at) })
	flip(at)
	sane(t, h)
	live := h.live().alias()
	damaged("a row too many", func() { h.c.exec("INSERT INTO " + live + ".events (seq) VALUES (1)") })
	h.c.exec("DELETE FROM " + live + ".events WHERE seq = 1 AND fragment IS NULL")
	damaged("a count", func() { h.parts[0].stats.events[event{9, "no"}] = &eventTally{rows: 1} })
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCopyOpensElsewhere(t *testing.T) {
	r := seeded(t)
	d := &dictionary{}
	k := &disk{dir: t.TempDir()}
	o := k.options(d)
	o.PartRows = 2000
	h := open(t, o)
	defer h.Close()
	rows := anyRows(r, d, 0, 5000)
	if err := h.Append(rows); err != nil {
		t.Fatal(err)
	}
	o.Dir, o.Manifest = t.TempDir(), h.Manifest()
	for _, p := range o.Manifest.Parts {
		if err := h.Copy(context.Background(), p.ID, filepath.Join(o.Dir, p.file())); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Copy(context.Background(), 77, filepath.Join(o.Dir, "x")); !errors.Is(err, kith.ErrNotFound) {
		t.Error(err)
	}
	c := open(t, o)
	defer c.Close()
	same(t, d, c, rows)
	sane(t, c)
}

// TestFullDisk needs the right to mount a file system; without it, it is skipped.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skip("no right to mount: ", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 9<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	r := seeded(t)
	d := &dictionary{}
	k := &disk{dir: filepath.Join(dir, "history")}
	h := open(t, k.options(d))
	defer func() { h.Close() }()
	var all []Row
	seq := uint64(0)
	refused := 0
	for i := 0; i < 400 && refused < 3; i++ {
		rows := anyRows(r, d, seq, 500)
		if err := h.Append(rows); err != nil {
			t.Log(err)
			refused++
			if h.Watermark() != seq {
				t.Fatalf("watermark %d, want %d", h.Watermark(), seq)
			}
			continue
		}
		all = append(all, rows...)
		seq = rows[len(rows)-1].Seq
	}
	if refused == 0 {
		t.Fatal("the disk was never full")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	rows := anyRows(r, d, seq, 500)
	if err := h.Append(rows); err != nil {
		t.Fatal(err)
	}
	all = append(all, rows...)
	v := &version{seq: ^uint64(0), owner: selves(1000)}
	if got := ask(t, h, v, "SELECT count(*) FROM events"); got != fmt.Sprintln(len(all)) {
		t.Errorf("%q rows, want %d", got, len(all))
	}
	same(t, d, h, all)
	sane(t, h)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = open(t, k.options(d))
	same(t, d, h, all)
	h.broken.Store(true) // as if DuckDB had given up
	if got := ask(t, h, v, "SELECT count(*) FROM events"); got != fmt.Sprintln(len(all)) {
		t.Errorf("%q rows after opening again, want %d", got, len(all))
	}
	h.broken.Store(true)
	if err := h.Append(anyRows(r, d, seq+5000, 5)); err != nil {
		t.Error(err)
	}
}
