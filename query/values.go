package query

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"time"
	"unicode"
	"unicode/utf8"
)

// Add adds months and then a span to an instant. A day that the month has not
// becomes the month's last, as DuckDB and PostgreSQL do.
func Add(t time.Time, months int64, span time.Duration) time.Time {
	if months != 0 {
		y, m, d := t.Date()
		first := time.Date(y, m+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
		last := first.AddDate(0, 1, -1).Day()
		t = first.AddDate(0, 0, min(d, last)-1).Add(t.Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)))
	}
	return t.Add(span)
}

// At gives the instant where now is that one.
func (i Instant) At(now time.Time) time.Time {
	t := Add(now, i.Months, i.Span)
	if i.Day {
		return t.Truncate(24 * time.Hour)
	}
	return t
}

// Fold gives a text in which letter case makes no difference: each character
// by itself is brought to one of those that Unicode calls its case variants, the
// small letter where there is one.
func Fold(s string) string {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		out = utf8.AppendRune(out, foldRune(r))
	}
	return string(out)
}

// foldRune gives the one of a character's case variants that stands for all of
// them: the small letter, where one of them is.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	small := unicode.ToLower(unicode.ToUpper(least))
	for f := unicode.SimpleFold(least); f != least; f = unicode.SimpleFold(f) {
		if f == small {
			return small
		}
	}
	return least
}

// check tells what is wrong with a pattern.
func (c *Like) check() error {
	if c.Regexp {
		if len(c.Pattern) > 1000 {
			return errors.New("the pattern is longer than 1,000 bytes")
		}
		_, err := regexp.Compile(c.Pattern)
		var e *syntax.Error
		switch {
		case errors.As(err, &e): // its code says what, without the pattern
			return errors.New("the pattern is no regular expression of RE2: " + e.Code.String() + `; \ before a sign means the sign itself, and LIKE takes % and _`)
		case err != nil:
			return errors.New("the pattern is no regular expression of RE2")
		}
		return nil
	}
	escaped := false
	for _, r := range c.Pattern {
		switch {
		case escaped:
			if r != '%' && r != '_' && r != c.Escape {
				return errors.New("the ESCAPE character stands before %, _ or itself")
			}
			escaped = false
		case c.Escape != 0 && r == c.Escape:
			escaped = true
		}
	}
	if escaped {
		return errors.New("the pattern ends in its ESCAPE character")
	}
	return nil
}
