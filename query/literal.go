package query

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

// decimal gives the canonical text of a number as it is written: no exponent,
// no zeros at the ends. It fits a DECIMAL(38,9), exactly.
func decimal(s string) (string, error) {
	bad := errors.New("a number is written like 1, 2.50 or 1e3")
	minus := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	mantissa, exp, has := strings.Cut(strings.ToLower(s), "e")
	shift := 0
	if has {
		down := strings.HasPrefix(exp, "-")
		exp = strings.TrimLeft(exp, "+-")
		if exp == "" || len(exp) > 3 {
			return "", bad
		}
		for _, c := range exp {
			if c < '0' || c > '9' {
				return "", bad
			}
			shift = shift*10 + int(c-'0')
		}
		if down {
			shift = -shift
		}
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	if whole+frac == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return "", bad
	}
	all, point := whole+frac, len(whole)+shift
	if n := point - len(all); n > 0 && n < 200 {
		all += strings.Repeat("0", n)
	} else if point < 0 && point > -200 {
		all, point = strings.Repeat("0", -point)+all, 0
	} else if n >= 200 || point < 0 {
		if strings.Trim(all, "0") == "" {
			return "0", nil
		}
		return "", errors.New("the number is too large or too small")
	}
	whole, frac = strings.TrimLeft(all[:point], "0"), strings.TrimRight(all[point:], "0")
	switch {
	case len(whole) > 29:
		return "", errors.New("a number has at most 29 digits before the point")
	case len(frac) > 9:
		return "", errors.New("a number has at most 9 digits after the point")
	}
	if whole == "" {
		whole = "0"
	}
	if frac != "" {
		whole += "." + frac
	}
	if minus && whole != "0" {
		whole = "-" + whole
	}
	return whole, nil
}

// times is the form of a time in text, and the forms for reading it. Both we and
// DuckDB read every text of that form alike.
const times = `[1-9]\d{3}-\d\d-\d\d([ T]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):[0-5]\d)?)?`

var (
	timeForm  = regexp.MustCompile("^" + times + "$")
	timeForms = []string{"2006-01-02", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}
)

// ParseTime reads a text as an instant: 2026-01-31, or 2026-01-31T12:00:00 with
// a space instead of the T, a fraction of up to six digits, and Z or +01:00
// after it; UTC where no zone stands. Years are 1000 to 9999. Everything else is no time.
func ParseTime(s string) (time.Time, bool) {
	if !timeForm.MatchString(s) {
		return time.Time{}, false
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
