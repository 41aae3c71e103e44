package query

import (
	"strconv"

	sqlparser "github.com/xwb1989/sqlparser"
)

// Arithmetic is a pure function of two numbers.
var arithmetic = map[string]Func{sqlparser.PlusStr: Plus, sqlparser.MinusStr: Minus, sqlparser.MultStr: Times, sqlparser.DivStr: Over}

// calculate reads a + b, a - b, a * b and a / b.
func (l *lowering) calculate(s *scope, x *sqlparser.BinaryExpr) (Value, error) {
	fn, ok := arithmetic[x.Operator]
	if !ok {
		return nil, l.bad("numbers are added, subtracted, multiplied and divided; a time takes + or - INTERVAL 30 DAY")
	}
	if l.sums++; l.sums > mostDepth {
		return nil, l.bad("more than %d numbers are calculated with at once", mostDepth)
	}
	defer func() { l.sums-- }()
	a, err := l.operand(s, x.Left)
	if err != nil {
		return nil, err
	}
	b, err := l.operand(s, x.Right)
	return &Call{fn, []Value{a, b}}, err
}

func (l *lowering) operand(s *scope, e sqlparser.Expr) (Value, error) {
	v, err := l.value(s, e)
	if err != nil {
		return nil, err
	}
	switch v.Type() {
	case Time:
		return nil, l.bad("times are not calculated with: write days_between(a, b), or add an interval: ts + INTERVAL 30 DAY")
	case Untold:
		if c, ok := v.(*Call); ok && c.Fn != Coalesce {
			return nil, l.bad("a number is needed here")
		}
	}
	return l.as(v, Number)
}

// tier reads tier(ltv, 'bronze', 100, 'silver', 1000, 'gold').
func (l *lowering) tier(args []Value) (Value, error) {
	help := "tier takes a number, and then names with ascending numbers between them: tier(ltv, 'bronze', 100, 'silver', 1000, 'gold') is silver from 100 on"
	if len(args) < 4 || len(args)%2 != 0 {
		return nil, l.bad("%s", help)
	}
	of, err := l.as(args[0], Number)
	if err != nil {
		return nil, err
	}
	out := &Call{Tier, []Value{of}}
	var last *Literal
	for i, a := range args[1:] {
		lit, ok := a.(Literal)
		want := Text
		if i%2 == 1 {
			want = Number
		}
		if !ok || lit.As != want || want == Number && last != nil && order(*last, lit) >= 0 {
			return nil, l.bad("%s", help)
		}
		if want == Number {
			last = &lit
		}
		out.Args = append(out.Args, lit)
	}
	return out, nil
}

// percentOf reads a percentage that is written out.
func percentOf(v Value) (string, bool) {
	p, ok := v.(Literal)
	if !ok || p.As != Number {
		return "", false
	}
	f, err := strconv.ParseFloat(p.Text, 64)
	return p.Text, err == nil && f > 0 && f <= 100
}

// percentile reads percentile(x, 90), and median(x), which is the 50th.
func (l *lowering) percentile(s *scope, agg *Agg, f *sqlparser.FuncExpr, name string) error {
	pos := l.last
	args, err := l.args(s, f)
	if err != nil {
		return err
	}
	l.last = pos
	agg.Fn, agg.Percent = Percentile, "50"
	switch {
	case name == "median" && len(args) == 1:
	case name == "percentile" && len(args) == 2:
		var ok bool
		if agg.Percent, ok = percentOf(args[1]); !ok {
			return l.bad("the second value of percentile is a number above 0 and at most 100")
		}
	default:
		return l.bad("write percentile(x, 90), or median(x)")
	}
	agg.Of, err = l.as(args[0], Number)
	return err
}
