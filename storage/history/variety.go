package history

import "hash/maphash"

// variety watches the first rows of a part for columns whose texts hardly repeat: random
// ids, search words, referrers. DuckDB tries a dictionary on each of their
// blocks in vain; told to use zstd at once, it writes them a fifth faster and
// smaller (bench/results). But zstd has four bytes for every row, be it empty or
// not: it is for columns that most rows fill. It is a matter of speed and size
// alone: nothing depends on it.
type variety struct {
	seed  maphash.Seed
	rows  int
	paths map[uint32]*texts
}

// texts is what was seen at one path.
type texts struct {
	all      int // bytes of every value
	n, bytes int // strings alone
	hashes   map[uint64]struct{}
}

const (
	varietyRows = 4096 // how many rows are watched
	varietyFrom = 256  // fewer texts tell nothing
	varietyText = 16   // bytes on average; shorter ones are cheap either way
)

// watch looks at rows until enough were seen.
func (v *variety) watch(rows []Row) {
	if v.rows >= varietyRows {
		return
	}
	if v.paths == nil {
		v.seed, v.paths = maphash.MakeSeed(), map[uint32]*texts{}
	}
	rows = rows[:min(len(rows), varietyRows-v.rows)]
	for i := range rows {
		EachCell(rows[i].Cells, func(path uint32, value []byte) bool {
			t := v.paths[path]
			if t == nil {
				t = &texts{hashes: map[uint64]struct{}{}}
				v.paths[path] = t
			}
			t.all += len(value)
			if len(value) == 0 || value[0] != '"' {
				return true
			}
			t.n++
			t.bytes += len(value)
			t.hashes[maphash.Bytes(v.seed, value)] = struct{}{}
			return true
		})
	}
	v.rows += len(rows)
}

// mark marks the columns whose texts hardly repeat; a mark that another part had stays.
func (v *variety) mark(cols []shred, had []shred, paths PathSet) []shred {
	varied := map[string]bool{}
	for _, c := range had {
		varied[c.Path] = c.Varied
	}
	for path, t := range v.paths {
		if t.n >= varietyFrom {
			varied[paths.Path(path)] = 2*len(t.hashes) > t.n && t.bytes >= varietyText*v.rows
		}
	}
	for i := range cols {
		cols[i].Varied = cols[i].Type == typeString && varied[cols[i].Path]
	}
	return cols
}

// restStorage gives how the column rest of a part with these columns is to be
// packed: with zstd when the leaves without a column are long enough to pay for it.
func (v *variety) restStorage(cols []shred, paths PathSet) string {
	home := map[string]bool{}
	for _, c := range cols {
		home[c.Path] = true
	}
	bytes := 0
	for path, t := range v.paths {
		if int(path) < paths.Len() && !home[paths.Path(path)] {
			bytes += t.all
		}
	}
	if bytes < varietyText*v.rows || v.rows == 0 {
		return ""
	}
	return " USING COMPRESSION zstd"
}
