package query

import (
	"fmt"
	"strconv"
	"strings"

	sqlparser "github.com/xwb1989/sqlparser"
)

// Parse reads the condition of a segment. An error is an *Error with the place
// in the text, and of the kind kith.ErrInvalid.
func Parse(src string) (Cond, error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, at(src, 0, "the condition is empty")
	}
	r := &reader{src: src, tokens: tokens, values: map[int]value{}}
	e, err := r.parse()
	if err != nil {
		return nil, err
	}
	l := &lowering{r: r}
	return l.cond(&scope{kind: person}, e)
}

// lowering turns the parser's tree into ours.
type lowering struct {
	r     *reader
	last  int // byte of the last name, value or function that was met: for errors
	depth int
	sums  int  // depth of arithmetic
	sole  bool // a computed trait is read

	places map[string]int // for Place: where what has a name is first asked for
}

// scope is what names mean.
type scope struct {
	kind  scopeKind
	table string // its name
	alias string // of the events or the table
	named bool   // the text gave the alias
	outer *scope // of an event that stands near another: that one's; of the people of an account: the person asked about
}

type scopeKind byte

const (
	person scopeKind = iota
	events
	table
)

func (l *lowering) bad(format string, args ...any) error { return at(l.r.src, l.last, format, args...) }

// token gives the token that a name, value or function of the parser's stands
// for. A word of the grammar that the parser took for a name stands for none: it
// is an empty token, which nothing is called.
func (l *lowering) token(name string) (*token, int) {
	i, err := strconv.Atoi(strings.TrimLeft(name, ":vkf"))
	if err != nil || i >= len(l.r.tokens) {
		return &token{kind: word, text: strings.ToUpper(name), path: []string{""}}, 0
	}
	l.last = l.r.tokens[i].pos
	return &l.r.tokens[i], i
}

// flat gives the parts of a chain of AND or OR, which the parser nests to the left.
func flat(e sqlparser.Expr, and bool) []sqlparser.Expr {
	var out []sqlparser.Expr
	todo := []sqlparser.Expr{e}
	for len(todo) > 0 {
		e = todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch x := e.(type) {
		case *sqlparser.ParenExpr:
			todo = append(todo, x.Expr)
		case *sqlparser.AndExpr:
			if and {
				todo = append(todo, x.Right, x.Left)
				continue
			}
			out = append(out, e)
		case *sqlparser.OrExpr:
			if !and {
				todo = append(todo, x.Right, x.Left)
				continue
			}
			out = append(out, e)
		default:
			out = append(out, e)
		}
	}
	return out
}

// cond turns an expression into a condition.
func (l *lowering) cond(s *scope, e sqlparser.Expr) (Cond, error) {
	if l.depth++; l.depth > 4*mostDepth {
		return nil, l.bad("the condition is nested too deeply")
	}
	defer func() { l.depth-- }()
	switch x := e.(type) {
	case *sqlparser.ParenExpr:
		return l.cond(s, x.Expr)
	case *sqlparser.AndExpr:
		all, err := l.conds(s, flat(e, true))
		return level(all), err
	case *sqlparser.OrExpr:
		all, err := l.conds(s, flat(e, false))
		return Or(all), err
	case *sqlparser.NotExpr:
		c, err := l.cond(s, x.Expr)
		return Not{c}, err
	case sqlparser.BoolVal:
		return Const(x), nil
	case *sqlparser.ComparisonExpr:
		return l.comparison(s, x)
	case *sqlparser.RangeCond:
		return l.between(s, x)
	case *sqlparser.IsExpr:
		return l.is(s, x)
	case *sqlparser.ExistsExpr:
		return l.exists(s, x)
	case *sqlparser.FuncExpr:
		switch t, _ := l.token(x.Name.String()); strings.ToLower(t.text) {
		case "in_segment":
			if l.sole {
				return nil, l.bad("%s", noSegments)
			}
			name, err := l.named(s, x, "in_segment", "a segment")
			return &Member{name}, err
		case "in_list":
			name, err := l.named(s, x, "in_list", "a list")
			return &OnList{name}, err
		}
		if c, ok, err := l.near(s, x); ok {
			return c, err
		}
	}
	v, err := l.value(s, e)
	if err != nil {
		return nil, err
	}
	return l.truth(v)
}

// level joins by AND what may be joined by AND itself, as BETWEEN is.
func level(list []Cond) And {
	var out And
	for _, c := range list {
		if a, ok := c.(And); ok {
			out = append(out, a...)
		} else {
			out = append(out, c)
		}
	}
	return out
}

func (l *lowering) conds(s *scope, list []sqlparser.Expr) ([]Cond, error) {
	out := make([]Cond, len(list))
	for i, e := range list {
		c, err := l.cond(s, e)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

// truth reads a value as a condition.
func (l *lowering) truth(v Value) (Cond, error) {
	v, err := l.as(v, Bool)
	if err != nil {
		return nil, err
	}
	if b, ok := v.(Literal); ok {
		return Const(b.Bool), nil
	}
	return &Truth{v}, nil
}

var ops = map[string]Op{
	sqlparser.EqualStr: Equal, sqlparser.NotEqualStr: Unequal, sqlparser.LessThanStr: Less, sqlparser.LessEqualStr: AtMost,
	sqlparser.GreaterThanStr: More, sqlparser.GreaterEqualStr: AtLeast, sqlparser.NullSafeEqualStr: Same,
}

func (l *lowering) comparison(s *scope, x *sqlparser.ComparisonExpr) (Cond, error) {
	switch x.Operator {
	case sqlparser.InStr, sqlparser.NotInStr:
		return l.in(s, x)
	case sqlparser.LikeStr, sqlparser.NotLikeStr, sqlparser.RegexpStr, sqlparser.NotRegexpStr:
		return l.like(s, x)
	}
	return l.compare(s, ops[x.Operator], x.Left, x.Right)
}

// compare makes a comparison; with NULL it is the null-safe one, or what was not meant.
func (l *lowering) compare(s *scope, op Op, left, right sqlparser.Expr) (Cond, error) {
	if l.null(left) || l.null(right) {
		if l.null(left) {
			left, right = right, left
		}
		if op != Same || l.null(left) {
			return nil, l.bad("a comparison with NULL is never true: write IS NULL")
		}
		v, err := l.value(s, left)
		return &Missing{v}, err
	}
	a, err := l.value(s, left)
	if err != nil {
		return nil, err
	}
	b, err := l.value(s, right)
	if err != nil {
		return nil, err
	}
	if a, b, err = l.alike(a, b); err != nil {
		return nil, err
	}
	if a.Type() == Bool && op != Equal && op != Unequal && op != Same {
		return nil, l.bad("true and false have no order: use = or <>")
	}
	return &Compare{op, a, b}, nil
}

func (l *lowering) null(e sqlparser.Expr) bool {
	switch x := e.(type) {
	case *sqlparser.NullVal:
		return true
	case *sqlparser.ParenExpr:
		return l.null(x.Expr)
	}
	return false
}

// alike reads two values as one type: a name takes that of the other side.
func (l *lowering) alike(a, b Value) (Value, Value, error) {
	t := a.Type()
	if t == Untold {
		t = b.Type()
	}
	if t == Text && b.Type() == Time || t == Time && b.Type() == Text {
		t = Time // a literal of a time in plain quotes; as says whether it is one
	}
	if t == Untold {
		return nil, nil, l.bad("nothing says how to read the two sides: write number(x), text(x), time(x) or bool(x) around one; a string stands in single quotes")
	}
	a, err := l.as(a, t)
	if err == nil {
		b, err = l.as(b, t)
	}
	return a, b, err
}

// as reads a value as a type.
func (l *lowering) as(v Value, t Type) (Value, error) {
	if v.Type() == t {
		return v, nil
	}
	if lit, ok := v.(Literal); ok && lit.As == Text && t == Time {
		when, ok := ParseTime(lit.Text)
		if !ok {
			return nil, l.bad("a time is compared with a string that is none: write DATE '2026-01-31' or TIMESTAMP '2026-01-31 12:00:00'")
		}
		return Literal{As: Time, Time: when}, nil
	}
	if v.Type() != Untold {
		return nil, l.bad("a %s stands where a %s is needed", v.Type(), t)
	}
	switch x := v.(type) {
	case *Trait:
		y := *x
		y.As = t
		return &y, nil
	case *Field:
		y := *x
		y.As = t
		return &y, nil
	case *Cell:
		y := *x
		y.As = t
		return &y, nil
	case *Agg:
		if (t == Bool) && x.Fn != Nth {
			return nil, l.bad("%s is not of true or false", x.Fn)
		}
		y := *x
		var err error
		y.Of, err = l.as(x.Of, t)
		return &y, err
	case *Call:
		y := Call{Fn: x.Fn}
		for _, a := range x.Args {
			b, err := l.as(a, t)
			if err != nil {
				return nil, err
			}
			y.Args = append(y.Args, b)
		}
		return &y, nil
	}
	return nil, fmt.Errorf("unreachable: %T has no type", v)
}

// between is two comparisons; NOT BETWEEN the negation of both together.
func (l *lowering) between(s *scope, x *sqlparser.RangeCond) (Cond, error) {
	lo, err := l.compare(s, AtLeast, x.Left, x.From)
	if err != nil {
		return nil, err
	}
	hi, err := l.compare(s, AtMost, x.Left, x.To)
	if err != nil {
		return nil, err
	}
	if x.Operator == sqlparser.NotBetweenStr {
		return Not{And{lo, hi}}, nil
	}
	return And{lo, hi}, nil
}

func (l *lowering) is(s *scope, x *sqlparser.IsExpr) (Cond, error) {
	not := false
	switch x.Operator {
	case sqlparser.IsNullStr, sqlparser.IsNotNullStr:
		v, err := l.value(s, x.Expr)
		if err != nil {
			return nil, err
		}
		if _, ok := v.(Literal); ok {
			return nil, l.bad("a value that is written here is never missing")
		}
		if x.Operator == sqlparser.IsNotNullStr {
			return Not{&Missing{v}}, nil
		}
		return &Missing{v}, nil
	case sqlparser.IsNotTrueStr, sqlparser.IsNotFalseStr:
		not = true
	}
	v, err := l.fact(s, x.Expr)
	if err != nil {
		return nil, err
	}
	c := Cond(&Compare{Same, v, Literal{As: Bool, Bool: x.Operator == sqlparser.IsTrueStr || x.Operator == sqlparser.IsNotTrueStr}})
	if not {
		return Not{c}, nil
	}
	return c, nil
}

// fact reads what IS TRUE is said of: a value, or a condition over a person.
func (l *lowering) fact(s *scope, e sqlparser.Expr) (Value, error) {
	if s.kind == person && l.isCond(e) {
		c, err := l.cond(s, e)
		return Whether{c}, err
	}
	v, err := l.value(s, e)
	if err != nil {
		return nil, err
	}
	return l.as(v, Bool)
}

func (l *lowering) in(s *scope, x *sqlparser.ComparisonExpr) (Cond, error) {
	v, err := l.value(s, x.Left)
	if err != nil {
		return nil, err
	}
	var c Cond
	switch list := x.Right.(type) {
	case sqlparser.ValTuple:
		c, err = l.list(s, v, list)
	case *sqlparser.Subquery:
		c, err = l.listed(s, v, list)
	default:
		err = l.bad("IN needs a list in parentheses, or a SELECT from a reference table")
	}
	if err == nil && x.Operator == sqlparser.NotInStr {
		c = Not{c}
	}
	return c, err
}

func (l *lowering) list(s *scope, v Value, list sqlparser.ValTuple) (Cond, error) {
	in := &In{V: v}
	for _, e := range list {
		if l.null(e) {
			in.Null = true
			continue
		}
		w, err := l.value(s, e)
		if err != nil {
			return nil, err
		}
		if _, ok := w.(Literal); !ok {
			return nil, l.bad("the list of IN has values that are written out, no names")
		}
		if in.V, w, err = l.alike(in.V, w); err != nil {
			return nil, err
		}
		in.List = append(in.List, w.(Literal))
	}
	if len(in.List) == 0 {
		return nil, l.bad("a list with nothing but NULL is never true")
	}
	return in, nil
}

// like reads LIKE, ILIKE and REGEXP with NOT or without.
func (l *lowering) like(s *scope, x *sqlparser.ComparisonExpr) (Cond, error) {
	v, err := l.value(s, x.Left)
	if err == nil {
		v, err = l.as(v, Text)
	}
	if err != nil {
		return nil, err
	}
	pattern, i, err := l.pattern(x.Right, "a pattern")
	if err != nil {
		return nil, err
	}
	c := &Like{V: v, Pattern: pattern}
	c.Fold = i > 0 && l.r.tokens[i-1].is("ILIKE")
	c.Regexp = x.Operator == sqlparser.RegexpStr || x.Operator == sqlparser.NotRegexpStr
	if x.Escape != nil {
		esc, _, err := l.pattern(x.Escape, "ESCAPE")
		if err != nil {
			return nil, err
		}
		r := []rune(esc)
		if len(r) != 1 {
			return nil, l.bad("ESCAPE takes one character")
		}
		c.Escape = r[0]
	}
	if err := c.check(); err != nil {
		return nil, l.bad("%s", err)
	}
	if x.Operator == sqlparser.NotLikeStr || x.Operator == sqlparser.NotRegexpStr {
		return Not{c}, nil
	}
	return c, nil
}

// pattern gives a string that is written out, and its token.
func (l *lowering) pattern(e sqlparser.Expr, what string) (string, int, error) {
	if v, ok := e.(*sqlparser.SQLVal); ok {
		_, i := l.token(string(v.Val))
		if lit := l.r.values[i]; lit.As == Text {
			return lit.Text, i, nil
		}
	}
	return "", 0, l.bad("%s is a string that is written out", what)
}

// named reads the name that in_segment('name') and in_list('name') take.
func (l *lowering) named(s *scope, x *sqlparser.FuncExpr, fn, what string) (string, error) {
	pos := l.last
	if s.kind != person {
		return "", l.bad("%s is about a person: it stands outside of the sub-select", fn)
	}
	if len(x.Exprs) == 1 && !x.Distinct {
		if a, ok := x.Exprs[0].(*sqlparser.AliasedExpr); ok {
			name, _, err := l.pattern(a.Expr, "the name of "+what)
			switch {
			case err == nil && IsName(name):
				l.found(strings.TrimPrefix(what, "a ") + " " + name)
				return name, nil
			case err == nil:
				return "", l.bad("that is no name of %s: %s", what, NameForm)
			}
		}
	}
	l.last = pos
	return "", l.bad("%s takes the name of %s in quotes", fn, what)
}
