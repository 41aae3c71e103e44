package history

import (
	"regexp"
	"strings"

	"github.com/kithdb/kith"
)

// What DuckDB says of a value it could not convert, with the types and the column
// and without the value.
var (
	notConverted = regexp.MustCompile(`(?s)^Conversion Error: Could not convert string '.*' to ([A-Z0-9_]+(?:\([0-9, ]+\))?)(?: when casting from source column \S+)?$`)
	decimalRange = regexp.MustCompile(`(?s)^Conversion Error: Failed to cast decimal value .* to type ([A-Z0-9_]+(?:\([0-9, ]+\))?)$`)
	outOfRange   = regexp.MustCompile(`(?s)^Conversion Error: Type ([A-Z0-9_]+(?:\([0-9, ]+\))?) with value .* can't be cast .*destination type ([A-Z0-9_]+(?:\([0-9, ]+\))?)$`)
)

// quotesNothing are the kinds of errors of a running statement that speak of the
// statement and the machine, not of a value.
var quotesNothing = []string{"Out of Memory Error", "Permission Error", "INTERRUPT Error", "IO Error", "FATAL Error", "INTERNAL Error", "Not implemented Error", "Invalid Configuration Error", "Binder Error", "Catalog Error", "Parser Error"}

// withheld gives an error of a statement that ran without what DuckDB quotes of
// the data: its kind, what went wrong where that is known, and the place in the
// statement. Errors from before it ran quote the statement alone and stay as they are.
func withheld(err error, query string) error {
	text := err.Error()
	for _, k := range quotesNothing {
		if strings.HasPrefix(text, k) {
			return err
		}
	}
	head, where := text, ""
	if i := strings.LastIndex(text, "\n\nLINE "); i >= 0 {
		head, where = text[:i], text[i:]
		_, excerpt, _ := strings.Cut(where, ": ")
		line, mark, _ := strings.Cut(excerpt, "\n")
		if !strings.Contains(query, strings.Trim(line, ".")) || strings.Trim(mark, " ^\n") != "" {
			where = ""
		}
	}
	kind, _, found := strings.Cut(head, ": ")
	if !found || !strings.HasSuffix(kind, " Error") || len(kind) > 40 {
		kind = "Error"
	}
	said := kind + ": of a value that it met; what DuckDB says of it is withheld, for it quotes the value"
	if m := notConverted.FindStringSubmatch(head); m != nil {
		said = "Conversion Error: a string could not be converted to " + m[1] + "; TRY_CAST gives NULL instead"
	} else if m := decimalRange.FindStringSubmatch(head); m != nil {
		said = "Conversion Error: a decimal is out of the range of " + m[1] + "; TRY_CAST gives NULL instead"
	} else if m := outOfRange.FindStringSubmatch(head); m != nil {
		said = "Conversion Error: a value of type " + m[1] + " is out of the range of " + m[2] + "; TRY_CAST gives NULL instead"
	}
	return fail("SQL", "", kith.ErrInvalid, errorText(said+where))
}

// errorText is an error that is its text.
type errorText string

func (e errorText) Error() string { return string(e) }
