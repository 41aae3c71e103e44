package source

import (
	"fmt"
	"slices"
	"strings"
)

// The bounds of one expression: its length in bytes, how deep it is nested,
// and how many parts it has.
const (
	longestExpr = 4096
	deepestExpr = 100
	mostParts   = 1000
)

// parser reads one expression. The grammar, weakest first:
//
//	or · and · not · = <> < <= > >= in · & · + - · * / · - · value
type parser struct {
	src    string
	tokens []token
	at     int
	depth  int
	parts  int
}

// parseExpr reads a value.
func parseExpr(src string) (*expr, error) {
	if len(src) > longestExpr {
		return nil, &syntax{0, fmt.Sprintf("an expression has at most %d bytes", longestExpr)}
	}
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, tokens: tokens}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != 0 {
		return nil, p.wrong(t, "an operator such as + & = and, or the end")
	}
	return e, nil
}

// parseCond reads a condition.
func parseCond(src string) (*expr, error) {
	e, err := parseExpr(src)
	if err != nil {
		return nil, err
	}
	return e, wantCond(e)
}

// wantCond says what is missing where e is not a condition.
func wantCond(e *expr) error {
	if !e.cond {
		return &syntax{e.at, "a condition is needed, such as status = 'paid', empty(email) or bool(active)"}
	}
	return nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != 0 {
		p.at++
	}
	return t
}

// is says whether the next token is the operator or word, and takes it.
func (p *parser) is(words ...string) (string, bool) {
	t := p.peek()
	if t.kind == 'o' && slices.Contains(words, t.text) {
		p.at++
		return t.text, true
	}
	if t.kind == 'w' && slices.Contains(words, strings.ToLower(t.text)) && keywords[strings.ToLower(t.text)] {
		p.at++
		return strings.ToLower(t.text), true
	}
	return "", false
}

var keywords = map[string]bool{"and": true, "or": true, "not": true, "in": true, "true": true, "false": true}

func (p *parser) wrong(t token, want string) error {
	if t.kind == 0 {
		return &syntax{t.from, "it ends where there should be " + want}
	}
	return &syntax{t.from, fmt.Sprintf("%s where there should be %s", p.src[t.from:t.to], want)}
}

// deeper bounds the nesting.
func (p *parser) deeper(f func() (*expr, error)) (*expr, error) {
	if p.depth++; p.depth > deepestExpr {
		return nil, &syntax{p.peek().from, "nested too deep"}
	}
	defer func() { p.depth-- }()
	return f()
}

// node makes a part of the tree.
func (p *parser) node(at int, op string, args ...*expr) (*expr, error) {
	if p.parts++; p.parts > mostParts {
		return nil, &syntax{at, fmt.Sprintf("more than %d parts", mostParts)}
	}
	e := &expr{at: at, op: op, args: args}
	return e, e.settle()
}

// chain reads operands with operators of one strength between them.
func (p *parser) chain(operand func() (*expr, error), ops ...string) (*expr, error) {
	e, err := operand()
	for err == nil {
		at := p.peek().from
		op, ok := p.is(ops...)
		if !ok {
			return e, nil
		}
		var right *expr
		if right, err = operand(); err == nil {
			e, err = p.node(at, op, e, right)
		}
	}
	return nil, err
}

func (p *parser) or() (*expr, error) {
	return p.deeper(func() (*expr, error) { return p.chain(p.and, "or") })
}
func (p *parser) and() (*expr, error)     { return p.chain(p.not, "and") }
func (p *parser) sum() (*expr, error)     { return p.chain(p.product, "+", "-") }
func (p *parser) product() (*expr, error) { return p.chain(p.minus, "*", "/") }

// joined reads operands with & between them, all as one: an empty one is as if
// it were not there, and whether the whole is empty is asked once.
func (p *parser) joined() (*expr, error) {
	e, err := p.sum()
	if err != nil {
		return nil, err
	}
	at, args := p.peek().from, []*expr{e}
	for {
		if _, ok := p.is("&"); !ok {
			break
		}
		if e, err = p.sum(); err != nil {
			return nil, err
		}
		args = append(args, e)
	}
	if len(args) == 1 {
		return e, nil
	}
	return p.node(at, "&", args...)
}

func (p *parser) not() (*expr, error) {
	at := p.peek().from
	if _, ok := p.is("not"); !ok {
		return p.compare()
	}
	e, err := p.deeper(p.not)
	if err != nil {
		return nil, err
	}
	return p.node(at, "not", e)
}

func (p *parser) compare() (*expr, error) {
	left, err := p.joined()
	if err != nil {
		return nil, err
	}
	at := p.peek().from
	op, ok := p.is("=", "<>", "!=", "<", "<=", ">", ">=", "in", "not")
	switch {
	case !ok:
		return left, nil
	case op == "in":
		return p.among(at, left)
	case op == "not":
		if _, ok := p.is("in"); !ok {
			return nil, p.wrong(p.peek(), "in, as in x not in ('a', 'b')")
		}
		e, err := p.among(at, left)
		if err != nil {
			return nil, err
		}
		return p.node(at, "not", e)
	case op == "!=":
		op = "<>"
	}
	right, err := p.joined()
	if err != nil {
		return nil, err
	}
	return p.node(at, op, left, right)
}

// among reads the list of an in.
func (p *parser) among(at int, left *expr) (*expr, error) {
	if _, ok := p.is("("); !ok {
		return nil, p.wrong(p.peek(), "a list such as ('a', 'b')")
	}
	args, err := p.list()
	if err != nil {
		return nil, err
	}
	return p.node(at, "in", append([]*expr{left}, args...)...)
}

// list reads values with commas between them up to the closing bracket.
func (p *parser) list() ([]*expr, error) {
	var args []*expr
	if _, ok := p.is(")"); ok {
		return nil, nil
	}
	for {
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		args = append(args, e)
		if _, ok := p.is(","); ok {
			continue
		}
		if _, ok := p.is(")"); ok {
			return args, nil
		}
		return nil, p.wrong(p.peek(), "a comma or )")
	}
}

func (p *parser) minus() (*expr, error) {
	at := p.peek().from
	if _, ok := p.is("-"); !ok {
		return p.value()
	}
	e, err := p.deeper(p.minus)
	if err != nil {
		return nil, err
	}
	return p.node(at, "minus", e)
}

func (p *parser) value() (*expr, error) {
	t := p.next()
	switch {
	case t.kind == 's':
		return p.constant(t, textOf([]byte(t.text)))
	case t.kind == '`':
		return p.column(t, t.text)
	case t.kind == 'n' && p.peek().kind != 'w' || t.kind == 'n' && keywords[strings.ToLower(p.peek().text)]:
		n, _ := parseNumber([]byte(t.text)) // the lexer has looked
		return p.constant(t, value{kind: numeric, num: n})
	case t.kind == 'o' && t.text == "(":
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		if _, ok := p.is(")"); !ok {
			return nil, p.wrong(p.peek(), ")")
		}
		return e, nil
	case t.kind == 'w' && keywords[strings.ToLower(t.text)]:
		if w := strings.ToLower(t.text); w == "true" || w == "false" {
			return p.constant(t, truth(w == "true"))
		}
	case t.kind == 'w' && p.peek().kind == 'o' && p.peek().text == "(":
		return p.call(t)
	case t.kind == 'w' || t.kind == 'n':
		return p.column(t, p.run(t))
	}
	p.at = max(p.at-1, 0)
	return nil, p.wrong(t, "a column, a number, a 'text' or a function")
}

// run reads the words of a column's name: those without an operator between them.
func (p *parser) run(t token) string {
	to := t.to
	for {
		n := p.peek()
		if n.kind != 'w' && n.kind != 'n' || keywords[strings.ToLower(n.text)] {
			return p.src[t.from:to]
		}
		to = p.next().to
	}
}

func (p *parser) constant(t token, v value) (*expr, error) {
	e, err := p.node(t.from, "constant")
	if err == nil {
		e.value, e.cond = v, v.kind == boolean
	}
	return e, err
}

func (p *parser) column(t token, name string) (*expr, error) {
	if name == "" {
		return nil, p.wrong(t, "the name of a column")
	}
	e, err := p.node(t.from, "column")
	if err == nil {
		e.name = name
	}
	return e, err
}

// call reads a function with its arguments.
func (p *parser) call(t token) (*expr, error) {
	name := strings.ToLower(t.text)
	f, ok := functions[name]
	if !ok {
		return nil, &syntax{t.from, fmt.Sprintf("there is no function %s; did you mean %s? A column with brackets in its name is written `in backticks`",
			t.text, strings.Join(nearest(name, functionNames())[:3], ", "))}
	}
	p.at++ // (
	args, err := p.list()
	if err != nil {
		return nil, err
	}
	if len(args) < f.least || f.most >= 0 && len(args) > f.most {
		return nil, &syntax{t.from, "it is written " + f.usage}
	}
	e, err := p.node(t.from, "call", args...)
	if err != nil {
		return nil, err
	}
	e.name, e.fn, e.cond = name, f, f.cond
	if f.ready != nil {
		if err := f.ready(e); err != nil {
			return nil, &syntax{t.from, err.Error() + "; it is written " + f.usage}
		}
	}
	return e, nil
}

// parseTemplate reads a text in which {…} holds an expression. A brace itself
// is written twice. A text that is one {…} alone is that expression.
func parseTemplate(src string) (*expr, error) {
	if len(src) > longestExpr {
		return nil, &syntax{0, fmt.Sprintf("a text has at most %d bytes", longestExpr)}
	}
	var parts []*expr
	var plain []byte
	flush := func() {
		if len(plain) > 0 {
			parts = append(parts, &expr{op: "constant", value: textOf(plain)})
			plain = nil
		}
	}
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(src) && src[i+1] == c:
			plain = append(plain, c)
			i++
		case c == '}':
			return nil, &syntax{i, "} without {; a brace itself is written twice"}
		case c == '{':
			end := closing(src, i+1)
			if end < 0 {
				return nil, &syntax{i, "{ is not closed; a brace itself is written twice"}
			}
			e, err := parseExpr(src[i+1 : end])
			if err != nil {
				return nil, err
			}
			flush()
			parts = append(parts, e)
			i = end
		default:
			plain = append(plain, c)
		}
	}
	flush()
	switch len(parts) {
	case 0:
		return &expr{op: "constant"}, nil
	case 1:
		return parts[0], nil
	}
	return &expr{op: "template", args: parts}, nil
}

// closing finds the brace that closes, past quotes.
func closing(src string, i int) int {
	var quote byte
	for ; i < len(src); i++ {
		switch c := src[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '}':
			return i
		}
	}
	return -1
}
