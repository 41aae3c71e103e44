package identity

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Bounds of what find looks at. They decide what stands in the index of words:
// with others it must be made anew.
const (
	mostSearched = 256 // bytes of a text; longer ones are prose, or not for people
	leastNumber  = 7   // digits of a text that is one number
	leastLast    = 4   // last digits by which a number is found
	leastTyped   = 4   // letters of a token in which one typing error is allowed
)

// Word is one word of a text as find compares it: folded, so that case, accents
// and Unicode's other spellings of a letter make no difference.
type Word struct {
	Text   []byte // letters and digits
	Number bool   // all digits of a text that is one number, such as a phone's: it is found by its last digits too
}

// splitter folds texts and splits them into words. The words are valid until
// the next text.
type splitter struct {
	buf   []byte
	words []Word
}

// split gives the words of a text.
func (s *splitter) split(text []byte) []Word {
	s.buf, s.words = s.buf[:0], s.words[:0]
	if digits, ok := number(s.buf, text); ok {
		s.buf = digits
		return append(s.words, Word{digits, true})
	}
	if !ascii(text) {
		text = cases.Fold().Bytes(norm.NFKD.Bytes(text))
	}
	from := 0
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text[i:])
		}
		i += n
		var ends bool
		if s.buf, ends = appendLetter(s.buf, r); ends {
			from = s.end(from)
		}
	}
	s.end(from)
	return s.words
}

// end ends the word that began at from.
func (s *splitter) end(from int) int {
	if len(s.buf) > from {
		s.words = append(s.words, Word{Text: s.buf[from:len(s.buf):len(s.buf)]})
	}
	return len(s.buf)
}

// appendLetter appends what is compared of a letter, or says that it ends the word.
func appendLetter(dst []byte, r rune) (out []byte, ends bool) {
	switch {
	case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
		return append(dst, byte(r)), false
	case 'A' <= r && r <= 'Z':
		return append(dst, byte(r)|0x20), false
	case r == '\'' || r == '’' || r == 'ʼ' || r == '`': // O'Brien is typed obrien
		return dst, false
	case r < utf8.RuneSelf:
		return dst, true
	}
	if plain, ok := plainLetters[r]; ok {
		return append(dst, plain...), false
	}
	switch {
	case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r): // accents; joiners
		return dst, false
	case unicode.In(r, unicode.L, unicode.N, unicode.Mc):
		return utf8.AppendRune(dst, r), false
	}
	return dst, true
}

// plainLetters are letters that Unicode does not take apart and people type plain.
var plainLetters = map[rune]string{
	'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ħ': "h", 'ı': "i", 'ŋ': "n", 'ŧ': "t",
}

// number appends the digits of a text that has nothing else but the signs that
// numbers are written with, and enough of them.
func number(dst, text []byte) ([]byte, bool) {
	from := len(dst)
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			dst = append(dst, c)
		case bytes.IndexByte([]byte(" +-()/."), c) < 0:
			return dst[:from], false
		}
	}
	return dst, len(dst)-from >= leastNumber
}

// searched tells whether find looks at a text: what a machine gave as a name for
// something, a moment or an address on the web is nothing that people type.
func searched(text []byte) bool {
	if len(text) == 0 || len(text) > mostSearched || !utf8.Valid(text) {
		return false
	}
	return !isUUID(text) && !isMoment(text) && !bytes.Contains(text, []byte("://"))
}

func isUUID(text []byte) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range text {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
		if dash && c != '-' || !dash && !hex {
			return false
		}
	}
	return true
}

// isMoment tells whether a text begins as a date of ISO 8601 does.
func isMoment(text []byte) bool {
	const form = "0000-00-00"
	if len(text) < len(form) {
		return false
	}
	for i := range form {
		digit := '0' <= text[i] && text[i] <= '9'
		if form[i] == '0' && !digit || form[i] == '-' && text[i] != '-' {
			return false
		}
	}
	return len(text) == len(form) || text[len(form)] == 'T' || text[len(form)] == ' '
}

// Fit is how well a word fits what was typed; less is better.
type Fit uint8

// How well.
const (
	FitExact  Fit = iota // it is the word
	FitPrefix            // the word begins so; a number ends so
	FitError             // the word begins so but for one typing error
	NoFit
)

// Token is one word of what was typed.
type Token struct {
	word     []byte
	abroad   []byte // of a number: it without the zeros that are dialled before a country; nil: there are none
	last     []byte // of digits: what a number has to end with; nil: too few
	tolerant bool   // it may have one typing error
}

// tokens splits what was typed, as the texts are split. Digits that are one
// number are one token; zeros that stand for "abroad" or "long distance" before
// it are not asked for where the end of a number is compared.
func tokens(s *splitter, typed []byte) []Token {
	var out []Token
	for _, w := range s.split(typed) {
		t := Token{word: bytes.Clone(w.Text)}
		letters, digits := 0, 0
		for _, r := range string(t.word) {
			if '0' <= r && r <= '9' {
				digits++
			} else {
				letters++
			}
		}
		t.tolerant = digits == 0 && letters >= leastTyped
		if letters == 0 {
			if rest, ok := bytes.CutPrefix(t.word, []byte("00")); ok && w.Number {
				t.abroad = rest
			}
			if end := bytes.TrimLeft(t.word, "0"); w.Number && len(end) >= leastLast {
				t.last = end
			} else if digits >= leastLast {
				t.last = t.word
			}
		}
		out = append(out, t)
	}
	return out
}

// Fits tells how well a word fits the token.
func (t *Token) Fits(w Word) Fit {
	switch {
	case bytes.Equal(w.Text, t.word):
		return FitExact
	case bytes.HasPrefix(w.Text, t.word), t.abroad != nil && bytes.HasPrefix(w.Text, t.abroad), w.Number && t.last != nil && bytes.HasSuffix(w.Text, t.last):
		return FitPrefix
	case t.tolerant && oneError(t.word, w.Text):
		return FitError
	}
	return NoFit
}

// oneError tells whether a word begins with what was typed but for one letter
// that is missing, too many, another, or has changed places with the next. The
// word does not begin with it as it is, so the error is where they first differ.
func oneError(typed, word []byte) bool {
	i := 0
	for i < len(typed) && i < len(word) && typed[i] == word[i] {
		i++
	}
	for i > 0 && (i < len(typed) && !utf8.RuneStart(typed[i]) || i < len(word) && !utf8.RuneStart(word[i])) {
		i--
	}
	typed, word = typed[i:], word[i:]
	first, n := utf8.DecodeRune(typed)
	if n == 0 {
		return false
	}
	if bytes.HasPrefix(word, typed[n:]) { // one too many
		return true
	}
	found, m := utf8.DecodeRune(word)
	if m == 0 {
		return false
	}
	if bytes.HasPrefix(word[m:], typed[n:]) || bytes.HasPrefix(word[m:], typed) { // another, or one is missing
		return true
	}
	second, n2 := utf8.DecodeRune(typed[n:])
	next, m2 := utf8.DecodeRune(word[m:])
	return n2 > 0 && m2 > 0 && second == found && first == next && bytes.HasPrefix(word[m+m2:], typed[n+n2:])
}
