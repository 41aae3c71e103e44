package source

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is one word of an expression.
type token struct {
	kind     byte   // 'w' word, '`' column, 'n' number, 's' text, 'o' operator, 0 the end
	text     string // without quotes
	from, to int    // where it stands
}

// syntax is what is wrong with an expression, and where.
type syntax struct {
	at  int
	why string
}

func (s *syntax) Error() string { return fmt.Sprintf("character %d: %s", s.at+1, s.why) }

// lex cuts an expression into tokens.
func lex(src string) ([]token, error) {
	var out []token
	for i := 0; i < len(src); {
		c, n := utf8.DecodeRuneInString(src[i:])
		switch {
		case unicode.IsSpace(c):
			i += n
			continue
		case c == '\'' || c == '"' || c == '`':
			t, err := quoted(src, i, byte(c))
			if err != nil {
				return nil, err
			}
			out = append(out, t)
		case wordRune(c) || c == '.':
			out = append(out, word(src, i))
		default:
			if why := foreign(src[i:]); why != "" {
				return nil, &syntax{i, why}
			}
			op := operator(src[i:])
			if op == "" {
				return nil, &syntax{i, fmt.Sprintf("%q means nothing here; a column with such a letter in its name is written `in backticks`", c)}
			}
			out = append(out, token{'o', op, i, i + len(op)})
		}
		i = out[len(out)-1].to
	}
	return append(out, token{from: len(src), to: len(src)}), nil
}

// foreign says what other languages' signs are here.
func foreign(s string) string {
	for _, f := range [...][2]string{
		{"==", "equal is one =, as in status = 'paid'"}, {"&&", "it is written and"}, {"||", "it is written or"},
		{"{", "a text with {…} in it stands in double quotes, as \"order-{order}\"; a column with a brace in its name is written `in backticks`"},
	} {
		if strings.HasPrefix(s, f[0]) {
			return f[1]
		}
	}
	return ""
}

func wordRune(c rune) bool {
	return c == '_' || c == '$' || c == '@' || unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c)
}

func operator(s string) string {
	for _, op := range [...]string{"<>", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "&", "(", ")", ","} {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

// word reads a name or a number.
func word(src string, i int) token {
	j := i
	for j < len(src) {
		c, n := utf8.DecodeRuneInString(src[j:])
		if !wordRune(c) && c != '.' {
			break
		}
		j += n
	}
	t := token{'w', src[i:j], i, j}
	if plainNumber(t.text) {
		t.kind = 'n'
	}
	return t
}

func plainNumber(s string) bool {
	digits := 0
	for _, c := range s {
		if c != '.' && (c < '0' || c > '9') {
			return false
		}
		if c != '.' {
			digits++
		}
	}
	_, ok := parseDecimal([]byte(s), 0)
	return digits > 0 && ok
}

// quoted reads a text or a column in quotes; the quote itself is written twice.
func quoted(src string, i int, q byte) (token, error) {
	var b strings.Builder
	for j := i + 1; j < len(src); j++ {
		if src[j] != q {
			b.WriteByte(src[j])
			continue
		}
		if j+1 < len(src) && src[j+1] == q {
			b.WriteByte(q)
			j++
			continue
		}
		kind := byte('s')
		if q == '`' {
			kind = '`'
		}
		return token{kind, b.String(), i, j + 1}, nil
	}
	return token{}, &syntax{i, fmt.Sprintf("%c is not closed", q)}
}
