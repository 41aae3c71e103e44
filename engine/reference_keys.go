package engine

import (
	"cmp"
	"slices"

	"github.com/zeebo/xxh3"
)

// keySet finds rows that have the same key: those whose prints are alike are
// compared as they are stored. It takes 24 bytes a row.
type keySet struct{ all []keyRow }

type keyRow struct {
	print uint64
	row   uint64
	line  int64
}

func (k *keySet) add(key []byte, row uint64, line int64) {
	k.all = append(k.all, keyRow{xxh3.Hash(key), row, line})
}

// twice tells the lines of rows that have the key of a row before. The key of a
// row is what exact gives.
func (k *keySet) twice(exact func(row uint64) ([]byte, error), tell func(first, again int64)) error {
	slices.SortFunc(k.all, func(a, b keyRow) int { return cmp.Or(cmp.Compare(a.print, b.print), cmp.Compare(a.row, b.row)) })
	type pair struct{ first, again keyRow }
	var pairs []pair
	for i := 0; i < len(k.all); {
		j := i + 1
		for j < len(k.all) && k.all[j].print == k.all[i].print {
			j++
		}
		if j-i > 1 {
			met := map[string]keyRow{}
			for _, r := range k.all[i:j] {
				key, err := exact(r.row)
				if err != nil {
					return err
				}
				if first, ok := met[string(key)]; ok {
					pairs = append(pairs, pair{first, r})
				} else {
					met[string(key)] = r
				}
			}
		}
		i = j
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.again.line, b.again.line) })
	for _, p := range pairs {
		tell(p.first.line, p.again.line)
	}
	return nil
}
