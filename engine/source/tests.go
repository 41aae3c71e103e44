package source

import (
	"bytes"
	"errors"
	"regexp"
)

// tests are the functions that say yes or no.
var tests = map[string]*function{
	"empty":    {usage: "empty(x)", least: 1, most: 1, cond: true, do: func(_ *row, _ *expr, a []value) value { return truth(a[0].kind == nothing) }},
	"starts":   {usage: "starts(x, 'text')", least: 2, most: 2, cond: true, do: held(bytes.HasPrefix)},
	"ends":     {usage: "ends(x, 'text')", least: 2, most: 2, cond: true, do: held(bytes.HasSuffix)},
	"contains": {usage: "contains(x, 'text')", least: 2, most: 2, cond: true, do: held(bytes.Contains)},
	"matches":  {usage: "matches(x, 'regular expression'), as RE2 reads it", least: 2, most: 2, cond: true, do: matches, ready: readyMatches},
	"bool":     {usage: "bool(x)", least: 1, most: 1, cond: true, do: asBool},
}

// held makes a test of two texts.
func held(test func(s, part []byte) bool) func(*row, *expr, []value) value {
	return func(r *row, _ *expr, a []value) value { return truth(test(r.bytes(a[0]), r.bytes(a[1]))) }
}

func readyMatches(e *expr) error {
	pattern, err := e.constant(1)
	if err != nil {
		return err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return errors.New("the regular expression cannot be read")
	}
	e.given = re
	return nil
}

func matches(r *row, e *expr, a []value) value {
	return truth(e.given.(*regexp.Regexp).Match(r.bytes(a[0])))
}

// truths are the words for yes and no.
var truths = map[string]bool{
	"true": true, "t": true, "yes": true, "y": true, "on": true, "1": true,
	"false": false, "f": false, "no": false, "n": false, "off": false, "0": false,
}

func asBool(r *row, e *expr, a []value) value {
	if a[0].kind == nothing || a[0].kind == boolean {
		return a[0]
	}
	var room [8]byte
	b := trimSpace(r.bytes(a[0]))
	if len(b) > len(room) {
		return r.fail("bad_bool", e)
	}
	is, ok := truths[string(bytes.ToLower(b))]
	if !ok {
		return r.fail("bad_bool", e)
	}
	return truth(is)
}
