package identity_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/identity"
)

func wordsOf(text string) string {
	var out []string
	for _, w := range secret(0).Lexer().Words([]byte(text)) {
		s := string(w.Text)
		if w.Number {
			s += "#"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Ada Lovelace", "ada lovelace"},
		{"  Jean-Luc   O’Brien, Jr.", "jean luc obrien jr"},
		{"Müller", "muller"}, {"Mu\u0308ller", "muller"}, {"STRASSE", "strasse"}, {"Straße", "strasse"},
		{"Łukasz Sørensen Þór Ægir", "lukasz sorensen thor aegir"},
		{"İstanbul", "istanbul"}, {"Σίσυφος", "σισυφοσ"}, {"ΣΊΣΥΦΟΣ", "σισυφοσ"}, {"Ёлкин", "елкин"},
		{"ﬁnn", "finn"}, {"Ａｄａ", "ada"}, {"山田太郎", "山田太郎"},
		{"ada.lovelace+shop@example.org", "ada lovelace shop example org"},
		{"+49 (170) 123-45.67", "491701234567#"}, {"10115", "10115"}, {"0170 1234567", "01701234567#"}, {"Tel 0170 1234567", "tel 0170 1234567"},
		{"2023-01-05", ""}, {"2023-01-05T10:00:00Z", ""}, {"2023-01-05x", "2023 01 05x"},
		{"https://example.org/ada", ""}, {"123e4567-e89b-12d3-a456-426614174000", ""},
		{strings.Repeat("a", 257), ""}, {"\xff\xfe", ""}, {"", ""}, {" - ", ""},
	} {
		if got := wordsOf(c.text); got != c.want {
			t.Errorf("Words(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestWordsOfWords(t *testing.T) {
	r := seed(t)
	letters := []rune("aZ9 é\u0301ßŁİıΣς山-'.ﬁØǅ\u200d")
	for range 20000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		once := strings.ReplaceAll(wordsOf(b.String()), "#", "")
		if again := strings.ReplaceAll(wordsOf(once), "#", ""); again != once {
			t.Fatalf("Words(%q) = %q, of which the words are %q", b.String(), once, again)
		}
	}
}

// fits is Fits by its definition: the distance of what was typed from every beginning of the word.
func fits(typed, word []rune, tolerant bool) identity.Fit {
	best := identity.NoFit
	for n := 0; n <= len(word); n++ {
		switch d := distance(typed, word[:n]); {
		case d == 0 && n == len(word):
			return identity.FitExact
		case d == 0:
			best = min(best, identity.FitPrefix)
		case d == 1 && tolerant:
			best = min(best, identity.FitError)
		}
	}
	return best
}

// distance counts letters inserted, deleted, replaced, and neighbours that changed places.
func distance(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0:
				d[i][j] = j
			case j == 0:
				d[i][j] = i
			default:
				same := 1
				if a[i-1] == b[j-1] {
					same = 0
				}
				d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+same)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d[i][j] = min(d[i][j], d[i-2][j-2]+1)
				}
			}
		}
	}
	return d[len(a)][len(b)]
}

// some gives a word of few letters, so that likes are frequent.
func some(r *rand.Rand) []rune {
	const letters = "abcdé我я7"
	all := []rune(letters)
	out := make([]rune, 1+r.IntN(11))
	for i := range out {
		out[i] = all[r.IntN(len(all))]
	}
	return out
}

// wrong makes an error in a word, or none.
func wrong(r *rand.Rand, word []rune) []rune {
	w := slices.Clone(word)
	i := r.IntN(len(w))
	other := []rune("abcdxя7")[r.IntN(7)]
	switch r.IntN(6) {
	case 0:
		w = slices.Insert(w, i, other)
	case 1:
		w = slices.Delete(w, i, i+1)
	case 2:
		w[i] = other
	case 3:
		if i+1 < len(w) {
			w[i], w[i+1] = w[i+1], w[i]
		}
	case 4:
		w = w[:i+1]
	}
	return w
}

// TestFits compares with the definition, and sees to it that every word that
// fits has its key in a range of the query, and that the exact one is known.
func TestFits(t *testing.T) {
	r := seed(t)
	x := secret(1).Lexer()
	met := map[identity.Fit]int{}
	for range 60000 {
		word := some(r)
		typed := wrong(r, word)
		if len(typed) > 3 && r.IntN(2) == 0 {
			typed = wrong(r, typed)
		}
		q := x.Query(string(typed))
		if len(q.Tokens) != 1 {
			continue
		}
		tok := &q.Tokens[0]
		list := x.Words([]byte(string(word)))
		w := identity.Word{Text: slices.Clone(list[0].Text), Number: list[0].Number}
		folded, asked := []rune(string(w.Text)), []rune(strings.ReplaceAll(wordsOf(string(typed)), "#", ""))
		tolerant := len(asked) >= 4 && !strings.ContainsRune(string(asked), '7')
		got, want := tok.Fits(w), fits(asked, folded, tolerant)
		if w.Number && got != want && got == identity.FitPrefix { // by its last digits
			continue
		}
		if got != want {
			t.Fatalf("%q fits %q: %d, want %d", string(asked), string(folded), got, want)
		}
		met[got]++
		key := x.WordKeys(nil, w)[0]
		plain, near := in(q.Plain(tok), key), in(q.Near(tok), key)
		switch {
		case got <= identity.FitPrefix && !plain, got <= identity.FitError && !near:
			t.Fatalf("%q fits %q, and the ranges have not its key", string(asked), string(folded))
		case got == identity.FitExact && !q.Exact(tok)(key):
			t.Fatalf("%q is not known to be exact", string(folded))
		}
	}
	for f := identity.FitExact; f <= identity.NoFit; f++ {
		if met[f] < 1000 {
			t.Errorf("fit %d was met %d times: the test proves little of it", f, met[f])
		}
	}
}

func in(list []identity.Range, key uint64) bool {
	for i, r := range list {
		if i > 0 && r.From <= list[i-1].To {
			panic("ranges overlap")
		}
		if r.From <= key && key <= r.To {
			return true
		}
	}
	return false
}

func TestNumbersAreFoundByTheirEnd(t *testing.T) {
	x := secret(2).Lexer()
	for _, c := range []struct {
		typed, text string
		want        identity.Fit
	}{
		{"4567", "+49 170 1234567", identity.FitPrefix}, {"0170 1234567", "+49 170 1234567", identity.FitPrefix},
		{"+49 170 1234567", "+49 170 1234567", identity.FitExact}, {"0049 170 12345", "+491701234567", identity.FitPrefix},
		{"567", "+49 170 1234567", identity.NoFit}, {"4568", "+49 170 1234567", identity.NoFit},
		{"4711-0815", "4711 0815 1234", identity.FitPrefix}, {"0815", "00010815", identity.FitPrefix}, {"000108", "00010815", identity.FitPrefix},
	} {
		q := x.Query(c.typed)
		tok := &q.Tokens[0]
		w := identity.Word{Text: slices.Clone(x.Words([]byte(c.text))[0].Text), Number: true}
		if got := tok.Fits(w); got != c.want || len(q.Tokens) != 1 {
			t.Errorf("%q fits %q: %d, want %d", c.typed, c.text, got, c.want)
		}
		found := false
		for _, key := range x.WordKeys(nil, w) {
			found = found || in(q.Plain(tok), key)
		}
		if c.want < identity.NoFit && !found {
			t.Errorf("%q: the ranges do not have %q", c.typed, c.text)
		}
	}
}

// TestKeysAreKeyed sees to it that a key depends on the secret, and that words
// that begin alike have keys that do.
func TestKeysAreKeyed(t *testing.T) {
	a, b := secret(0).Lexer(), secret(1).Lexer()
	one, other := a.Keys(nil, []byte("lovelace")), b.Keys(nil, []byte("lovelace"))
	if one[0]>>48 == other[0]>>48 {
		t.Error("two secrets give one key")
	}
	love := a.Keys(nil, []byte("love"))
	if one[0]>>32 != love[0]>>32 || love[0]<<32 != 0 {
		t.Errorf("%x and %x do not begin alike", one, love)
	}
	if got := fmt.Sprintf("%x", love[0]); got == fmt.Sprintf("%x00000000", "love") {
		t.Error("the key shows the word")
	}
}

func BenchmarkKeys(b *testing.B) {
	x := secret(0).Lexer()
	var keys []uint64
	for _, text := range []string{"Ada Lovelace", "ada.lovelace77@example.org", "+491701234567", "Jürgen Müller"} {
		raw := []byte(text)
		b.Run(strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				keys = x.Keys(keys[:0], raw)
			}
		})
	}
}

func BenchmarkNear(b *testing.B) {
	x := secret(0).Lexer()
	q := x.Query("lovlace")
	for b.Loop() {
		q.Near(&q.Tokens[0])
	}
}
