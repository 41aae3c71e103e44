package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kithdb/kith"
)

// ParseValue reads what a computed trait is: a value over a person, in the
// language of conditions, or a condition, which gives true or false. It has a
// type of its own, and asks neither for segments nor for ranks. An error is an
// *Error with the place in the text, and of the kind kith.ErrInvalid.
func ParseValue(src string) (Value, error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, at(src, 0, "the value is empty")
	}
	r := &reader{src: src, tokens: tokens, values: map[int]value{}}
	e, err := r.parse()
	if err != nil {
		return nil, err
	}
	l := &lowering{r: r, sole: true}
	var v Value
	if s := (&scope{kind: person}); l.isCond(e) {
		var c Cond
		c, err = l.cond(s, e)
		v = Whether{c}
	} else {
		v, err = l.value(s, e)
	}
	if err != nil {
		return nil, err
	}
	return v, l.alone(v)
}

const noSegments = "in_segment is not allowed in a computed trait: a segment asks for computed traits, and never the other way round"

// alone sees to it that a value is about one person, and of one type.
func (l *lowering) alone(v Value) error {
	if v.Type() == Untold {
		return l.bad("nothing says how the value is read: write number(x), text(x), time(x) or bool(x) around it")
	}
	ranked, joint := false, false
	WalkValue(v, func(v Value) {
		switch v.(type) {
		case *Top:
			ranked = true
		case *Peers:
			joint = true
		}
	})
	switch {
	case joint:
		return l.bad("a computed trait is about one person, an account about several: ask for the account in a segment")
	case ranked:
		return l.bad("a computed trait is about one person, top_percent about all: compare the trait with it in a segment")
	}
	return nil
}

// FormatValue gives the text of a value, in one form: ParseValue gives the same
// tree for it.
func FormatValue(v Value) string {
	p := &printer{}
	p.told(v, Untold)
	return p.b.String()
}

// ValueJSON gives the form of a value for programs.
func ValueJSON(v Value) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(valueNode(v)); err != nil {
		panic("unreachable: a node is always JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// ValueFromJSON reads a value. It may say what a text may say, and nothing else.
func ValueFromJSON(data []byte) (v Value, err error) {
	bad := func(err error) error {
		return &kith.Error{Op: "query.ValueFromJSON", Kind: kith.ErrInvalid, Err: err}
	}
	n, err := readNode(data)
	if err != nil {
		return nil, bad(err)
	}
	defer func() {
		if p := recover(); p != nil { // what no text can say need not be printable
			v, err = nil, bad(errUnsaid)
		}
	}()
	if v, err = n.value(0); err != nil {
		return nil, bad(err)
	}
	again, err := ParseValue(FormatValue(v))
	if err != nil {
		return nil, bad(fmt.Errorf("as text: %w", err))
	}
	if !bytes.Equal(ValueJSON(v), ValueJSON(again)) {
		return nil, bad(errUnsaid)
	}
	return again, nil
}

var errUnsaid = errors.New("it is nothing that a text could say")

// CompileValue makes a value ready, as Compile does a condition.
func CompileValue(v Value) (*Program, error) {
	c := &compiler{p: &Program{}}
	switch v.Type() {
	case Text:
		c.p.value = given(c.text(v), func(s string) Datum { return Datum{As: Text, Text: s} })
	case Number:
		c.p.value = given(c.number(v), func(n Dec) Datum { return Datum{As: Number, Num: n} })
	case Bool:
		c.p.value = given(c.fact(v), func(b bool) Datum { return Datum{As: Bool, Bool: b} })
	default:
		c.p.value = given(c.time(v), func(t int64) Datum { return Datum{As: Time, Time: t} })
	}
	return c.done(nil)
}

// given makes a datum of a value.
func given[T any](of get[T], datum func(T) Datum) get[Datum] {
	return func(e *env) (Datum, bool) {
		v, ok := of(e)
		return datum(v), ok
	}
}

// Value gives the value of a program that CompileValue made, and when it may be
// another though nothing happens, as Eval.
func (p *Program) Value(who Person, now int64) (d Datum, ok bool, next int64) {
	e := p.begin(who, now)
	d, ok = p.value(e)
	next = e.next
	e.end()
	return d, ok, next
}

// Traits gives the paths of the traits that a condition looks at, each once.
func Traits(c Cond) []string {
	return traitsOf(func(f func(Value)) { Walk(c, f) })
}

// ValueTraits is Traits of a value.
func ValueTraits(v Value) []string {
	return traitsOf(func(f func(Value)) { WalkValue(v, f) })
}

func traitsOf(walk func(func(Value))) []string {
	var out []string
	seen := map[string]bool{}
	walk(func(v Value) {
		if t, ok := v.(*Trait); ok && !t.Fixed && !seen[t.Path] {
			seen[t.Path] = true
			out = append(out, t.Path)
		}
	})
	return out
}

// RenderValue gives the statement for a value of everybody: ids of people, and
// their values, where now() is that instant.
func RenderValue(v Value, now time.Time, cat Catalog) (SQL, error) {
	r := newRenderer(now, cat)
	s, err := r.value(v)
	if err != nil {
		return SQL{}, err
	}
	return SQL{r.ctes() + "SELECT p.id, " + s + " FROM profiles p" + r.joined(), r.args}, nil
}
