package engine

import (
	"cmp"
	"slices"

	"github.com/zeebo/xxh3"
)

// keySet finds rows that have the same key: those whose prints are alike are
// compared as they are stored. It takes 24 bytes a row, twice that of rows that
// are alike.
type keySet struct{ all []keyRow }

type keyRow struct {
	print uint64
	row   uint64
	line  int64
}

func (k *keySet) add(key []byte, row uint64, line int64) {
	k.all = append(k.all, keyRow{xxh3.Hash(key), row, line})
}

// twice tells the lines of rows that have the key of a row before, in the order
// of the rows. The key of a row is what exact gives; it is asked row after row, so
// that a chunk is read once, though every row had the key of another.
func (k *keySet) twice(exact func(row uint64) ([]byte, error), tell func(first, again int64)) error {
	met := map[string]int64{}
	for _, r := range k.alike() {
		key, err := exact(r.row)
		if err != nil {
			return err
		}
		if first, ok := met[string(key)]; ok {
			tell(first, r.line)
		} else {
			met[string(key)] = r.line
		}
	}
	return nil
}

// alike gives the rows whose print another row has, by row.
func (k *keySet) alike() []keyRow {
	slices.SortFunc(k.all, func(a, b keyRow) int { return cmp.Compare(a.print, b.print) })
	var out []keyRow
	for i := 0; i < len(k.all); {
		j := i + 1
		for j < len(k.all) && k.all[j].print == k.all[i].print {
			j++
		}
		if j-i > 1 {
			out = append(out, k.all[i:j]...)
		}
		i = j
	}
	slices.SortFunc(out, func(a, b keyRow) int { return cmp.Compare(a.row, b.row) })
	return out
}
