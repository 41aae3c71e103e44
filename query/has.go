package query

import (
	"encoding/json"
	"strings"
)

// HasText tells whether a JSON array has a text as an element of its own. It is
// not ok where the text is no array.
func HasText(array, item string) (has, ok bool) {
	if !strings.HasPrefix(array, "[") {
		return false, false
	}
	if !strings.Contains(array, item) && !strings.Contains(array, `\`) { // the usual case: without escapes it would stand there
		return false, json.Valid([]byte(array))
	}
	return hasElement(array, func(element []byte) bool {
		var text string
		return element[0] == '"' && json.Unmarshal(element, &text) == nil && text == item
	})
}

// HasNumber tells whether a JSON array has a number as an element of its own, in
// whatever spelling. It is not ok where the text is no array.
func HasNumber(array string, item Dec) (has, ok bool) {
	return hasElement(array, func(element []byte) bool {
		if element[0] == '"' {
			return false
		}
		n, ok := ParseDec(string(element))
		return ok && n == item
	})
}

// hasElement looks at each element.
func hasElement(array string, is func(element []byte) bool) (has, ok bool) {
	var elements []json.RawMessage
	if !strings.HasPrefix(array, "[") || json.Unmarshal([]byte(array), &elements) != nil {
		return false, false
	}
	for _, e := range elements {
		if is(e) {
			return true, true
		}
	}
	return false, true
}

// has reads has(properties.tags, 'x') and has(tags, 5).
func (l *lowering) has(args []Value) (Value, error) {
	item, ok := args[1].(Literal)
	if !ok || item.As != Text && item.As != Number {
		return nil, l.bad("has takes an array, and a text or a number that is written out: has(properties.tags, 'new')")
	}
	if args[0].Type() == Untold {
		switch x := args[0].(type) {
		case *Trait: // which is the text of its JSON
			return &Call{Has, []Value{&Trait{Path: x.Path, As: Text}, item}}, nil
		case *Field:
			return &Call{Has, []Value{&Field{Path: x.Path, As: List, Up: x.Up}, item}}, nil
		}
	}
	return nil, l.bad("the first value of has is the name of a trait, or of what an event says: has(properties.tags, 'new')")
}

// has makes the question ready whether an array has an element.
func (c *compiler) has(x *Call) get[bool] {
	of, item := c.text(x.Args[0]), datumOf(x.Args[1].(Literal))
	return func(e *env) (has, ok bool) {
		array, ok := of(e)
		if !ok {
			return false, false
		}
		return item.in(array)
	}
}

// in tells whether an array has a text or a number.
func (d Datum) in(array string) (has, ok bool) {
	if d.As == Number {
		return HasNumber(array, d.Num)
	}
	return HasText(array, d.Text)
}

// has looks at the array that is the text of a trait.
func (k *reckoner) has(array string, item Literal) datum {
	has, ok := datumOf(item).in(array)
	if !ok {
		return datum{}
	}
	return datum{as: Bool, is: has}
}
