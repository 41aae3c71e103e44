package engine

import (
	"errors"
	"slices"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// words proves that every word of every document, and of every identifier that
// people are looked for by, is found. That the index has more is no fault: it
// keeps what is not said any more.
func (c *checker) words() error {
	if c.e.words == nil {
		return nil // made when the directory is opened for writing
	}
	index, err := storage.OpenWords(c.v.snap.Get, c.point.Words)
	if err != nil {
		return err
	}
	if err := index.Check(); err != nil { // as a recovery would find it
		return err
	}
	n, err := c.e.missing(c.v, c.keys, func(w storage.WordOf) {
		c.bad("word", on("fragment", w.Fragment), errors.New("a word that it says is not in the index"))
	})
	c.count("words", n)
	return errors.Join(err, c.ctx.Err())
}

// missing calls f for each word that is said and not in the index, and tells how
// many are said. It goes through them in groups of as many as an eighth of the
// memory holds, and through the index once for each group.
func (e *Engine) missing(v *version, keys *storage.Keyring, f func(storage.WordOf)) (n int, err error) {
	index := e.words.View()
	defer index.Release()
	var said []storage.WordOf
	most := int(max(e.lim.state/3/16, 1<<16))
	settle := func() error {
		slices.SortFunc(said, func(a, b storage.WordOf) int { return a.Compare(b) })
		said = slices.Compact(said)
		n += len(said)
		err := unfound(index, said, f)
		said = said[:0]
		return err
	}
	lexer := e.secret.Lexer()
	var list []uint64
	err = e.said(v.snap, keys, v.snap, func(of kith.FragmentID, texts func(func([]byte))) error {
		list = list[:0]
		texts(func(text []byte) { list = lexer.Keys(list, text) })
		for _, key := range list {
			said = append(said, storage.WordOf{Key: key, Fragment: of})
		}
		if len(said) >= most {
			return settle()
		}
		return nil
	})
	return n, errors.Join(err, settle())
}

// unfound calls f for those of the words, which ascend, that the index does not have.
func unfound(index *storage.WordView, said []storage.WordOf, f func(storage.WordOf)) error {
	var ranges []storage.WordRange
	for i, w := range said {
		if i == 0 || w.Key != said[i-1].Key {
			ranges = append(ranges, storage.WordRange{From: w.Key, To: w.Key, Bits: identity.BitsOf(w.Key)})
		}
	}
	found := make([]bool, len(said))
	err := index.Each(ranges, func(key uint64, fragments []uint32) bool {
		i, _ := slices.BinarySearchFunc(said, key, func(w storage.WordOf, key uint64) int { return w.Compare(storage.WordOf{Key: key}) })
		for _, frag := range fragments {
			for i < len(said) && said[i].Key == key && uint32(said[i].Fragment) < frag {
				i++
			}
			if i < len(said) && said[i].Key == key && uint32(said[i].Fragment) == frag {
				found[i] = true
			}
		}
		return true
	})
	for i, w := range said {
		if err == nil && !found[i] {
			f(w)
		}
	}
	return err
}
