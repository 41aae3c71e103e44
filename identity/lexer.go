package identity

import (
	"cmp"
	"crypto/cipher"
	"slices"
	"unicode/utf8"
)

// keyLetters is how many letters of a word its key tells of: a byte for each of
// the first four, which have many others beside them, and half a byte for the
// next eight.
const keyLetters = 12

// keyBits gives how many bits of a key the first n letters take.
func keyBits(n int) int {
	if n <= 4 {
		return 8 * n
	}
	return 32 + 4*(n-4)
}

// head gives the bits of a key that tell of its first n letters.
func head(n int) uint64 {
	if n == 0 {
		return 0
	}
	return ^uint64(0) << (64 - keyBits(n))
}

// Lexer makes the keys under which words stand in an index that says nothing to
// who has not the secret: 64 bits, some for each of the first twelve letters.
// Those of a letter are made from all letters up to it, under the secret, and are
// not all zero; zeros follow a word that ends. So words that begin alike have keys
// that begin alike, and what begins with some letters is one range of keys. Two
// letters may get the same bits: what a key finds has to be looked at.
//
// A number has a second key, of its digits from the last to the first.
//
// A Lexer serves one goroutine at a time.
type Lexer struct {
	splitter
	block   cipher.Block
	in, out [16]byte // of the cipher: the tree, how many letters, the letters
	back    []byte
}

// Lexer gives a lexer of the secret.
func (s *Secret) Lexer() *Lexer { return &Lexer{block: s.keys().words} }

// The trees of keys. The numbers are stored, within keys, and never change.
const (
	treeWords = 0
	treeLast  = 1 // numbers, from the last digit
)

// Words gives the words of a text, valid until the next call; none of a text
// that find does not look at.
func (x *Lexer) Words(text []byte) []Word {
	if !searched(text) {
		return nil
	}
	return x.split(text)
}

// Keys appends the keys of all words of a text, which may repeat themselves.
func (x *Lexer) Keys(dst []uint64, text []byte) []uint64 {
	for _, w := range x.Words(text) {
		dst = x.WordKeys(dst, w)
	}
	return dst
}

// WordKeys appends the keys of one word.
func (x *Lexer) WordKeys(dst []uint64, w Word) []uint64 {
	dst = append(dst, x.key(treeWords, w.Text))
	if w.Number {
		dst = append(dst, x.key(treeLast, x.reversed(w.Text)))
	}
	return dst
}

func (x *Lexer) reversed(digits []byte) []byte {
	x.back = append(x.back[:0], digits...)
	slices.Reverse(x.back)
	return x.back
}

// key gives the key of a word in one tree.
func (x *Lexer) key(tree byte, word []byte) uint64 {
	var letters [keyLetters]byte
	n := 0
	for i := 0; i < len(word) && n < keyLetters; n++ {
		r, size := rune(word[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(word[i:])
		}
		letters[n] = classOf(r)
		i += size
	}
	return x.extend(tree, 0, letters[:n], 0)
}

// extend gives the key of letters, of which the bits of the first n are known.
func (x *Lexer) extend(tree byte, known uint64, letters []byte, n int) uint64 {
	key := known & head(n)
	clear(x.in[:])
	x.in[0] = tree
	copy(x.in[2:], letters[:n])
	for i := n; i < len(letters); i++ {
		x.in[1], x.in[2+i] = byte(i+1), letters[i]
		x.block.Encrypt(x.out[:], x.in[:])
		most := uint64(1)<<(keyBits(i+1)-keyBits(i)) - 1
		code := 1 + (uint64(x.out[0])<<8|uint64(x.out[1]))%most
		key |= code << (64 - keyBits(i+1))
	}
	return key
}

// letterClasses is how many letters the keys tell apart. Those of ASCII are
// one each; all others share what is left.
const letterClasses = 64

func classOf(r rune) byte {
	switch {
	case 'a' <= r && r <= 'z':
		return byte(r - 'a')
	case '0' <= r && r <= '9':
		return byte(r-'0') + 26
	}
	return 36 + byte(r%(letterClasses-36))
}

// BitsOf gives how many bits of a key tell of letters.
func BitsOf(key uint64) int {
	n := 0
	for n < keyLetters && key&head(n+1)&^head(n) != 0 {
		n++
	}
	return keyBits(n)
}

// Range is the keys of all words that begin with some letters.
type Range struct {
	From, To uint64 // both are in it
	Bits     int    // of a key that tell of these letters
}

// Query is what somebody typed: every token has to fit.
type Query struct {
	Tokens []Token
	lexer  *Lexer
}

// Query reads what somebody typed.
func (x *Lexer) Query(typed string) Query {
	return Query{tokens(&x.splitter, []byte(typed)), x}
}

// Plain gives the ranges of what fits a token without an error.
func (q *Query) Plain(t *Token) []Range {
	letters := classes(t.word)
	out := []Range{q.lexer.span(treeWords, 0, letters, 0)}
	if t.abroad != nil {
		out = append(out, q.lexer.span(treeWords, 0, classes(t.abroad), 0))
	}
	if t.last != nil {
		out = append(out, q.lexer.span(treeLast, 0, classes(q.lexer.reversed(t.last)), 0))
	}
	return tidy(out)
}

// Exact tells whether a key may be that of the very word.
func (q *Query) Exact(t *Token) func(key uint64) bool {
	letters := classes(t.word)
	r := q.lexer.span(treeWords, 0, letters, 0)
	if len(letters) < keyLetters {
		r.To = r.From
	}
	return func(key uint64) bool { return r.From <= key && key <= r.To }
}

// Near gives the ranges of what fits a token, with one error or without.
func (q *Query) Near(t *Token) []Range {
	out := q.Plain(t)
	if !t.tolerant {
		return out
	}
	letters := classes(t.word)
	whole := q.lexer.span(treeWords, 0, letters, 0).From
	var buf [2*mostSearched + 1]byte
	add := func(i int, parts ...[]byte) {
		v := buf[:0]
		for _, p := range parts {
			v = append(v, p...)
		}
		out = append(out, q.lexer.span(treeWords, whole, v, i))
	}
	for i := 0; i < min(len(letters), keyLetters); i++ {
		before, now, after := letters[:i], letters[i:i+1], letters[i+1:]
		add(i, before, after) // one too many
		if len(after) > 0 {
			add(i, before, after[:1], now, after[1:]) // changed places
		}
		for c := range byte(letterClasses) {
			add(i, before, []byte{c}, after)      // another
			add(i, before, []byte{c}, now, after) // one is missing
		}
	}
	return tidy(out)
}

// span gives the range of what begins with letters; the bits of the first n are those of known.
func (x *Lexer) span(tree byte, known uint64, letters []byte, n int) Range {
	letters = letters[:min(len(letters), keyLetters)]
	from := x.extend(tree, known, letters, min(n, len(letters)))
	return Range{from, from | ^head(len(letters)), keyBits(len(letters))}
}

func classes(word []byte) []byte {
	var out []byte
	for _, r := range string(word) {
		out = append(out, classOf(r))
	}
	return out
}

// tidy puts ranges in order and leaves out those that lie in another.
func tidy(list []Range) []Range {
	slices.SortFunc(list, func(a, b Range) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.To, a.To)) })
	out := list[:0]
	for _, r := range list {
		if len(out) == 0 || r.To > out[len(out)-1].To {
			out = append(out, r)
		}
	}
	return out
}
