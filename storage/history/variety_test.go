package history

import (
	"fmt"
	"strings"
	"testing"
)

// zstd keeps four bytes for every row, so a column that few rows fill is not
// told to use it, and neither is rest where it has next to nothing.
func TestZstdIsForWhatMostRowsFill(t *testing.T) {
	d := &dictionary{}
	text := func(i int) string { return fmt.Sprintf(`"%s-%d"`, strings.Repeat("x", 20), i) }
	rows := make([]Row, 3000)
	for i := range rows {
		rows[i].Cells = d.cells("properties.full", text(i), "properties.same", text(0))
		if i%10 == 0 {
			rows[i].Cells = append(rows[i].Cells, d.cells("properties.few", text(i))...)
		}
	}
	var v variety
	v.watch(rows)
	cols := []shred{{Path: "properties.full", Type: typeString}, {Path: "properties.same", Type: typeString}, {Path: "properties.few", Type: typeString}}
	for i, want := range []bool{true, false, false} {
		if got := v.mark(cols, nil, d)[i].Varied; got != want {
			t.Errorf("%s: varied = %v, want %v", cols[i].Path, got, want)
		}
	}
	for _, c := range []struct {
		name string
		cols []shred
		want bool
	}{{"all have columns", cols, false}, {"few have none", cols[:2], false}, {"most have none", cols[1:], true}} {
		if got := v.restStorage(c.cols, d) != ""; got != c.want {
			t.Errorf("%s: rest has zstd = %v, want %v", c.name, got, c.want)
		}
	}
	if v = (variety{}); v.restStorage(nil, d) != "" {
		t.Error("rest has zstd before anything was seen")
	}
}
