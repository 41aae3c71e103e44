package query

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a condition may have at most. The parser behind the fence has no limits
// of its own, and a stack that overflows ends the process.
const (
	mostText   = 32 << 10
	mostDepth  = 64
	mostTokens = 8192
)

// kind is what a token is.
type kind byte

const (
	word   kind = 'w' // a word without quotes
	quoted kind = 'q' // a name in double quotes or backticks
	text   kind = 's' // a string
	digits kind = 'n' // a number
	sign   kind = 'o' // an operator or a parenthesis
)

// token is a piece of the text. A dotted name is one token.
type token struct {
	kind kind
	text string   // as it is meant: without quotes; of a word as it was written
	path []string // of a name: its parts
	pos  int      // where it begins, in bytes
}

// is tells whether a token is that word, in any case, or that sign.
func (t *token) is(s string) bool {
	return (t.kind == word && len(t.path) == 1 || t.kind == sign) && strings.EqualFold(t.text, s)
}

// show gives a token as an error may show it.
func (t *token) show() string {
	if t.kind == text {
		return "a string"
	}
	if len(t.text) > 40 {
		return "a long name"
	}
	return t.text
}

// signs are the operators of the language, the longer first.
var signs = []string{"<=>", "<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/"}

// strangers are what other dialects write, and what to write here.
var strangers = []struct{ sign, instead string }{
	{"::", "use number(x), text(x), time(x) or date(x)"}, {"||", "use OR, or compare the parts one by one"}, {"&&", "use AND"},
	{"->>", "use a dotted name: properties.plan"}, {"->", "use a dotted name: properties.plan"}, {"==", "use ="},
	{"!", "use NOT"}, {"~", "use REGEXP"}, {"%", "numbers are added, subtracted, multiplied and divided"},
	{";", "a segment is one condition"}, {"?", "write the value"}, {"$", "write the value"}, {"#", "a comment begins with --"},
	{":", "write the value"}, {"[", "use a name in double quotes"}, {"@", ""}, {"&", "use AND"}, {"|", "use OR"}, {"^", ""}, {"\\", ""}, {"{", ""}, {"}", ""}, {"]", ""}, {".", "a name comes before and after it"},
}

// lexer cuts a text into tokens, as standard SQL and DuckDB quote them. It is
// the fence: nothing that it does not know reaches the parser.
type lexer struct {
	src    string
	i      int
	tokens []token
}

// lex gives the tokens of a text.
func lex(src string) ([]token, error) {
	l := &lexer{src: src}
	if len(src) > mostText {
		return nil, at(src, mostText, "the condition is longer than %d bytes", mostText)
	}
	if !utf8.ValidString(src) {
		return nil, at(src, badByte(src), "the text is not UTF-8")
	}
	if n := strings.IndexByte(src, 0); n >= 0 {
		return nil, at(src, n, "there is a NUL character")
	}
	for {
		if err := l.skip(); err != nil {
			return nil, err
		}
		if l.i >= len(src) {
			return l.tokens, nil
		}
		if len(l.tokens) == mostTokens {
			return nil, at(src, l.i, "the condition has more than %d words and signs", mostTokens)
		}
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		l.tokens = append(l.tokens, t)
	}
}

func badByte(s string) int {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return i
		}
	}
	return len(s)
}

// skip goes over space and comments.
func (l *lexer) skip() error {
	for l.i < len(l.src) {
		rest := l.src[l.i:]
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case unicode.IsSpace(r):
			l.i += n
		case strings.HasPrefix(rest, "--"):
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				l.i += end
			} else {
				l.i = len(l.src)
			}
		case strings.HasPrefix(rest, "/*"):
			end := commentEnd(rest)
			if end < 0 {
				return at(l.src, l.i, "the comment does not end")
			}
			l.i += end
		default:
			return nil
		}
	}
	return nil
}

// commentEnd gives where a comment ends, in which others may stand.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// next reads a token.
func (l *lexer) next() (token, error) {
	r, _ := utf8.DecodeRuneInString(l.src[l.i:])
	switch {
	case r == '\'':
		pos := l.i
		s, err := l.until('\'')
		return token{kind: text, text: s, pos: pos}, err
	case nameStart(r) || r == '"' || r == '`':
		return l.name()
	case '0' <= r && r <= '9', r == '.' && l.i+1 < len(l.src) && '0' <= l.src[l.i+1] && l.src[l.i+1] <= '9':
		return l.number()
	}
	return l.sign()
}

func nameStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func namePart(r rune) bool { return nameStart(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) }

// until reads what stands between two quotes; a doubled quote is one of them.
func (l *lexer) until(quote byte) (string, error) {
	var b strings.Builder
	for i := l.i + 1; i < len(l.src); i++ {
		if l.src[i] != quote {
			b.WriteByte(l.src[i])
			continue
		}
		if i+1 < len(l.src) && l.src[i+1] == quote {
			b.WriteByte(quote)
			i++
			continue
		}
		l.i = i + 1
		return b.String(), nil
	}
	return "", at(l.src, l.i, "the quote %c does not end", quote)
}

// name reads a name, with the parts that follow after dots.
func (l *lexer) name() (token, error) {
	t := token{kind: word, pos: l.i}
	for {
		part, err := l.part(&t)
		if err != nil {
			return t, err
		}
		t.path = append(t.path, part)
		if l.i >= len(l.src) || l.src[l.i] != '.' {
			break
		}
		l.i++
		if r, _ := utf8.DecodeRuneInString(l.src[l.i:]); l.i >= len(l.src) || !nameStart(r) && r != '"' && r != '`' {
			return t, at(l.src, l.i-1, "a name must follow the dot; one that begins with a digit or has signs in it stands in double quotes")
		}
	}
	t.text = strings.Join(t.path, ".")
	return t, nil
}

// part reads one part of a name.
func (l *lexer) part(t *token) (string, error) {
	if q := l.src[l.i]; q == '"' || q == '`' {
		t.kind = quoted
		pos := l.i
		s, err := l.until(q)
		if err == nil && s == "" {
			err = at(l.src, pos, "the name between the quotes is empty")
		}
		return s, err
	}
	i := l.i
	for i < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[i:])
		if !namePart(r) {
			break
		}
		i += n
	}
	s := l.src[l.i:i]
	l.i = i
	return s, nil
}

// number reads a number; lower judges whether it can be used.
func (l *lexer) number() (token, error) {
	i := l.i
	for i < len(l.src) && (strings.IndexByte("0123456789.", l.src[i]) >= 0 || exponent(l.src, i)) {
		i++
	}
	if r, _ := utf8.DecodeRuneInString(l.src[i:]); i < len(l.src) && namePart(r) {
		return token{}, at(l.src, l.i, "a number ends in a letter: it is written like 16, 2.50 or 1e3, and a name that begins with a digit stands in double quotes")
	}
	t := token{kind: digits, text: l.src[l.i:i], pos: l.i}
	l.i = i
	return t, nil
}

// exponent tells whether the e of a number, or the sign after it, stands at i.
func exponent(s string, i int) bool {
	if s[i] == 'e' || s[i] == 'E' {
		return i+1 < len(s) && strings.IndexByte("0123456789+-", s[i+1]) >= 0
	}
	return (s[i] == '+' || s[i] == '-') && i > 0 && (s[i-1] == 'e' || s[i-1] == 'E') && i+1 < len(s) && '0' <= s[i+1] && s[i+1] <= '9'
}

// sign reads an operator.
func (l *lexer) sign() (token, error) {
	rest := l.src[l.i:]
	for _, s := range strangers[:6] { // longer than ours
		if strings.HasPrefix(rest, s.sign) {
			return token{}, at(l.src, l.i, "%s is not part of the language of segments: %s", s.sign, s.instead)
		}
	}
	if k := slices.IndexFunc(signs, func(s string) bool { return strings.HasPrefix(rest, s) }); k >= 0 {
		t := token{kind: sign, text: signs[k], pos: l.i}
		l.i += len(signs[k])
		return t, nil
	}
	for _, s := range strangers {
		if strings.HasPrefix(rest, s.sign) && s.instead != "" {
			return token{}, at(l.src, l.i, "%s is not part of the language of segments: %s", s.sign, s.instead)
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, at(l.src, l.i, "%q is not part of the language of segments", r)
}
