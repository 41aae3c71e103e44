package query

import "testing"

func TestHas(t *testing.T) {
	const no, yes, none = "no", "yes", "no array"
	word := func(has, ok bool) string {
		switch {
		case !ok:
			return none
		case has:
			return yes
		}
		return no
	}
	for _, c := range []struct{ array, item, want string }{
		{`["a","b"]`, "b", yes},
		{`["ab","A"]`, "a", no},
		{`[]`, "a", no},
		{`[""]`, "", yes},
		{`[[]]`, "", no},
		{`[["a"],{"a":"a"},null,true]`, "a", no},
		{`["a\"b","\u00fc","x\/y"]`, `a"b`, yes},
		{`["a\"b","\u00fc","x\/y"]`, "ü", yes},
		{`["a\"b","\u00fc","x\/y"]`, "x/y", yes},
		{`["a, b"]`, `a", "b`, no},
		{`["5"]`, "5", yes},
		{`[5]`, "5", no},
		{` ["a"]`, "a", none},
		{`["a"`, "a", none},
		{`["b"`, "a", none},
		{`{"a":1}`, "a", none},
		{`"a"`, "a", none},
		{``, "a", none},
	} {
		if got := word(HasText(c.array, c.item)); got != c.want {
			t.Errorf("%s has %q: %s, want %s", c.array, c.item, got, c.want)
		}
	}
	for _, c := range []struct{ array, item, want string }{
		{`[1,5.50]`, "5.5", yes},
		{`[0.5e1]`, "5", yes},
		{`[-0]`, "0", yes},
		{`["5",true,null,[5]]`, "5", no},
		{`[5.0000000001,123456789012345678901234567890]`, "5", no},
		{`[]`, "5", no},
		{`[5`, "5", none},
		{`5`, "5", none},
	} {
		n, _ := ParseDec(c.item)
		if got := word(HasNumber(c.array, n)); got != c.want {
			t.Errorf("%s has %s: %s, want %s", c.array, c.item, got, c.want)
		}
	}
}
