package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var leafPaths = []string{"properties.total", "properties.sku", "properties.page", "properties.page.path", "properties.Page.Path",
	"properties.a\\.b", "properties.we\"ird", "properties.ключ", "properties.tags", "context.ok", "context.page.url", "traits.plan", "properties.", "properties.x'y"}

// anyLeaf makes the JSON text of some value, usual or odd.
func anyLeaf(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0:
		return "null"
	case 1:
		return []string{"true", "false"}[r.IntN(2)]
	case 2:
		return []string{"{}", "[]", `[1,"a",{"b":null}]`, `{"properties.total":1}`, `[ 1 , 2 ]`}[r.IntN(5)]
	case 3:
		return []string{"0", "-0", "-0.0", "1e3", "1E-9", "1e-10", "0.1234567891", "12345678901234567890123456789", "123456789012345678901234567890", "-99999999999999999999999999999.999999999", "1.0000000000", "1e400", "9007199254740993"}[r.IntN(13)]
	case 4, 5, 6:
		return fmt.Sprintf("%d.%02d", r.IntN(1000), r.IntN(100))
	case 7:
		return fmt.Sprint(r.IntN(1000))
	case 8:
		return []string{`""`, `"\u00e9"`, `"é"`, `"\\\"\n"`, `"\/"`, `"\ud83d\ude00"`, `"\ud83d"`, `"a\u0000b"`, `"properties.total"`, `"\"properties.total\":"`}[r.IntN(10)]
	}
	b, _ := json.Marshal(strings.Repeat("x", r.IntN(30)) + fmt.Sprint(r.IntN(50)))
	return string(b)
}

// anyRows makes n random rows that begin with seq.
func anyRows(r *rand.Rand, d *dictionary, seq uint64, n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		seq += 1 + uint64(r.IntN(3))
		w := &rows[i]
		*w = Row{Seq: seq, Fragment: uint32(r.IntN(1000)), Kind: uint8(1 + r.IntN(6)), Flags: uint8(r.IntN(2)), Name: fmt.Sprintf("Event %d with a long name", r.IntN(3)),
			Time: r.Int64N(2e15), Received: r.Int64N(2e15), Sent: NoTime, Original: NoTime, Source: "web", Load: uint32(r.IntN(3)), MessageID: fmt.Sprintf("m-%d", seq)}
		if r.IntN(2) == 0 {
			w.MessageID = fmt.Sprintf("%08x-0000-4000-8000-%012x", r.Uint32(), r.Uint32())
			w.Sent, w.Original = r.Int64N(2e15), -r.Int64N(2e15)
			w.Sealed = bytes.Repeat([]byte{byte(i)}, r.IntN(60))
			w.Said = bytes.Repeat([]byte{byte(i)}, r.IntN(5))
		}
		for range r.IntN(3) {
			w.Also = append(w.Also, r.Uint32())
		}
		for _, p := range leafPaths {
			if r.IntN(3) > 0 {
				w.Cells = append(w.Cells, d.cells(p, anyLeaf(r))...)
			}
		}
		if r.IntN(50) == 0 { // a path twice
			w.Cells = append(w.Cells, d.cells("properties.total", anyLeaf(r), "properties.total", anyLeaf(r))...)
		}
	}
	return rows
}

// spelled gives a row as text: the same for rows whose cells are the same set.
func spelled(t testing.TB, d *dictionary, r Row) string {
	var cells []string
	if !EachCell(r.Cells, func(path uint32, text []byte) bool {
		cells = append(cells, d.Path(path)+"="+string(text))
		return true
	}) {
		t.Error("cells are not well formed")
	}
	slices.Sort(cells)
	r.Cells = nil
	return fmt.Sprintf("%+v %v %q", r, r.Sealed == nil, cells)
}

func same(t testing.TB, d *dictionary, h *History, want []Row) {
	t.Helper()
	i := 0
	for r, err := range h.Scan(context.Background(), 0, ^uint64(0)) {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(want) {
			t.Fatal("too many rows")
		}
		if got, want := spelled(t, d, r), spelled(t, d, want[i]); got != want {
			t.Fatalf("row %d\n got %s\nwant %s", i, got, want)
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("%d rows, want %d", i, len(want))
	}
}

func sane(t testing.TB, h *History) {
	t.Helper()
	for err := range h.Check(context.Background()) {
		t.Error(err)
	}
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	r := seeded(t)
	d := &dictionary{}
	k := &disk{dir: t.TempDir()}
	o := k.options(d)
	o.PartRows = 3000
	h := open(t, o)
	var all []Row
	seq := uint64(0)
	for i := range 12 {
		rows := anyRows(r, d, seq, 1+r.IntN(1500))
		if err := h.Append(rows); err != nil {
			t.Fatal(err)
		}
		seq = rows[len(rows)-1].Seq
		all = append(all, rows...)
		if h.Watermark() != seq || h.Rows() != uint64(len(all)) {
			t.Fatalf("watermark %d, rows %d, want %d, %d", h.Watermark(), h.Rows(), seq, len(all))
		}
		if i%4 == 3 {
			same(t, d, h, all)
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			o.Manifest = k.man
			h = open(t, o)
			same(t, d, h, all)
		}
	}
	if len(h.Manifest().Parts) < 2 {
		t.Error("nothing was sealed")
	}
	if err := h.Append(all[len(all)-5:]); err != nil || h.Rows() != uint64(len(all)) { // once
		t.Error("rows were added twice", err)
	}
	var at []uint64
	for range 40 {
		at = append(at, r.Uint64N(uint64(len(all))))
	}
	rows, err := h.At(context.Background(), at)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range at {
		if got, want := spelled(t, d, rows[i]), spelled(t, d, all[o]); got != want {
			t.Errorf("At(%d) = %s, want %s", o, got, want)
		}
	}
	glances, err := h.Glance(context.Background(), at)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range at {
		w := all[o]
		w.Also, w.Received, w.Sent, w.Original, w.MessageID, w.Cells, w.Sealed, w.Said = nil, NoTime, NoTime, NoTime, "", nil, nil, nil
		if got, want := spelled(t, d, glances[i]), spelled(t, d, w); got != want {
			t.Errorf("Glance(%d) = %s, want %s", o, got, want)
		}
	}
	if _, err := h.At(context.Background(), []uint64{uint64(len(all))}); err == nil {
		t.Error("At gave a row that is not there")
	}
	for range 20 {
		i := r.IntN(len(all))
		if o, err := h.Ordinal(context.Background(), all[i].Seq); err != nil || o != uint64(i) {
			t.Errorf("Ordinal = %d, %v, want %d", o, err, i)
		}
	}
	if o, err := h.Ordinal(context.Background(), all[len(all)-1].Seq+1); err != nil || o != uint64(len(all)) {
		t.Errorf("Ordinal = %d, %v, want %d", o, err, len(all))
	}
	from, to := all[len(all)/3].Seq, all[len(all)/2].Seq
	n := 0
	for r, err := range h.Scan(context.Background(), from, to) {
		if err != nil || r.Seq != all[len(all)/3+n].Seq {
			t.Fatal(r.Seq, err)
		}
		n++
	}
	if want := len(all)/2 - len(all)/3 + 1; n != want {
		t.Errorf("Scan gave %d rows, want %d", n, want)
	}
	sane(t, h)
	crash(t, d, o, k, all)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// crash opens a copy of the files as they are while the other one runs.
func crash(t *testing.T, d *dictionary, o Options, k *disk, all []Row) {
	t.Helper()
	o.Dir, o.Manifest = t.TempDir(), k.man
	files, _ := filepath.Glob(filepath.Join(k.dir, "*.duckdb*"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(filepath.Join(o.Dir, filepath.Base(f)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(o.Dir, "999999.duckdb"), []byte("left behind"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, o)
	same(t, d, h, all)
	sane(t, h)
	if _, err := os.Stat(filepath.Join(o.Dir, "999999.duckdb")); err == nil {
		t.Error("a file that the manifest does not name is still there")
	}
	if err := h.Append([]Row{{Seq: all[len(all)-1].Seq + 1}}); err != nil {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
