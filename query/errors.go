package query

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/kithdb/kith"
)

// Error says what in the text of a condition is not understood, and where. It
// names tokens, never the text inside quotes, which may be a person's.
type Error struct {
	Pos          int // byte in the text, from 0
	Line, Column int // from 1; columns count characters
	Msg          string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg) }

// Unwrap gives the kind.
func (e *Error) Unwrap() error { return kith.ErrInvalid }

// at makes an error of a place in the text.
func at(text string, pos int, format string, args ...any) *Error {
	pos = min(max(pos, 0), len(text))
	before := text[:pos]
	start := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		Pos: pos, Line: strings.Count(before, "\n") + 1,
		Column: utf8.RuneCountInString(before[start:]) + 1, Msg: fmt.Sprintf(format, args...),
	}
}

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// NameForm says what IsName asks for.
const NameForm = "a name has letters, digits, _ and -, begins with a letter or _, and has at most 64 characters"

// IsName tells whether a text can be the name of a segment or a static list. One
// that cannot be is shown in no error: it may be a person's.
func IsName(s string) bool { return nameForm.MatchString(s) }
