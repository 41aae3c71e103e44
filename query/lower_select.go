package query

import (
	"math"
	"strconv"
	"strings"

	sqlparser "github.com/xwb1989/sqlparser"
)

// aggregates are the functions that need a sub-select.
var aggregates = map[string]bool{"count": true, "sum": true, "avg": true, "min": true, "max": true, "percentile": true, "median": true, "most_frequent": true, "least_frequent": true, string(UniqueList): true, string(Counts): true, string(Periods): true, string(Share): true}

// from says what a sub-select reads: events, people, or a reference table by its name.
func (l *lowering) from(q *sqlparser.Subquery) (*sqlparser.Select, *scope, string, error) {
	sel, ok := q.Select.(*sqlparser.Select)
	if !ok || sel.Distinct != "" || sel.GroupBy != nil || sel.Having != nil || sel.Lock != "" || len(sel.SelectExprs) != 1 || len(sel.From) != 1 {
		return nil, nil, "", l.bad("a sub-select has one value, one FROM, a WHERE, and for the first or last event ORDER BY ts LIMIT 1")
	}
	a, ok := sel.From[0].(*sqlparser.AliasedTableExpr)
	if !ok {
		return nil, nil, "", l.bad("a sub-select reads events, profiles, or a reference table")
	}
	n, ok := a.Expr.(sqlparser.TableName)
	if !ok || !n.Qualifier.IsEmpty() || n.Name.String() == "" || n.Name.String()[0] != 'k' {
		return nil, nil, "", l.bad("a sub-select reads events, profiles, or a reference table")
	}
	t, _ := l.token(n.Name.String())
	name, s := t.text, &scope{kind: table, table: t.text, alias: t.text}
	l.found("table " + name)
	if len(t.path) == 1 && strings.EqualFold(name, "events") {
		name, s = "", &scope{kind: events, alias: "events"}
	}
	if len(t.path) == 1 && strings.EqualFold(name, "profiles") {
		name, s = "", &scope{kind: person, alias: "profiles"}
	}
	if !a.As.IsEmpty() {
		t, _ := l.token(a.As.String())
		if s.alias, s.named = t.text, true; t.path[0] == "" {
			return nil, nil, "", l.bad("%s is a word of SQL; a name that is spelled so stands in double quotes", t.text)
		}
	}
	return sel, s, name, nil
}

func (l *lowering) where(s *scope, sel *sqlparser.Select) (Cond, error) {
	if sel.Where == nil {
		return nil, nil
	}
	return l.cond(s, sel.Where.Expr)
}

const nested = "a sub-select over events stands outside of another; that one event comes after another is said by followed_by(name = 'B', INTERVAL 1 HOUR), before another by preceded_by"

// exists reads EXISTS (SELECT 1 FROM events WHERE …).
func (l *lowering) exists(s *scope, x *sqlparser.ExistsExpr) (Cond, error) {
	sel, inner, tab, err := l.from(x.Subquery)
	switch {
	case err != nil:
		return nil, err
	case inner.kind == person:
		p, err := l.peers(s, inner, sel)
		return &Compare{More, p, Literal{As: Number, Text: "0"}}, err
	case s.kind != person:
		return nil, l.bad("%s", nested)
	case tab != "":
		return nil, l.bad("EXISTS is over events; of a table write properties.sku IN (SELECT sku FROM products WHERE …)")
	case sel.OrderBy != nil || sel.Limit != nil:
		return nil, l.bad("EXISTS needs neither ORDER BY nor LIMIT")
	}
	w, err := l.where(inner, sel)
	return &Exists{w}, err
}

// listed reads x IN (SELECT column FROM table WHERE …).
func (l *lowering) listed(s *scope, v Value, q *sqlparser.Subquery) (Cond, error) {
	pos := l.last
	sel, inner, tab, err := l.from(q)
	switch {
	case err != nil:
		return nil, err
	case inner.kind == person:
		return nil, l.bad("IN takes a list, or a SELECT from a reference table; %s", peersHelp)
	case tab == "":
		return nil, l.bad("the events are the person's already: write EXISTS (SELECT 1 FROM events WHERE …)")
	case sel.OrderBy != nil || sel.Limit != nil:
		return nil, l.bad("IN needs neither ORDER BY nor LIMIT")
	}
	a, ok := sel.SelectExprs[0].(*sqlparser.AliasedExpr)
	if !ok {
		return nil, l.bad("IN takes one column of the table")
	}
	c, err := l.value(inner, a.Expr)
	if err != nil {
		return nil, err
	}
	col, ok := c.(*Cell)
	if !ok {
		return nil, l.bad("IN takes one column of the table")
	}
	w, err := l.where(inner, sel)
	if err != nil {
		return nil, err
	}
	if v.Type() == Untold {
		v, err = l.as(v, Text) // keys of tables are text
	}
	if v.Type() != Text && v.Type() != Number && err == nil {
		l.last = pos
		err = l.bad("a text or a number is looked for in a table")
	}
	return &Listed{v, tab, col.Column, w}, err
}

// scalar reads (SELECT count(*) FROM events WHERE …) and its like.
func (l *lowering) scalar(s *scope, q *sqlparser.Subquery) (Value, error) {
	sel, inner, tab, err := l.from(q)
	switch {
	case err != nil:
		return nil, err
	case inner.kind == person:
		if !l.star(sel) {
			return nil, l.bad("%s", peersHelp)
		}
		return l.peers(s, inner, sel)
	case s.kind != person:
		return nil, l.bad("%s", nested)
	case tab != "":
		return nil, l.bad("of a table write x IN (SELECT column FROM table WHERE …)")
	}
	a, ok := sel.SelectExprs[0].(*sqlparser.AliasedExpr)
	if !ok {
		return nil, l.bad("a sub-select has one value: count(*), sum(properties.total), or a property with ORDER BY ts LIMIT 1")
	}
	agg := &Agg{}
	if f, ok := a.Expr.(*sqlparser.FuncExpr); ok {
		if t, _ := l.token(f.Name.String()); aggregates[strings.ToLower(t.text)] {
			if agg.Fn = Periods; strings.EqualFold(t.text, string(Periods)) {
				err = l.periods(inner, agg, f)
			} else {
				err = l.aggregate(inner, agg, f, strings.ToLower(t.text))
			}
			if err == nil && (sel.OrderBy != nil || sel.Limit != nil) {
				err = l.bad("an aggregate needs neither ORDER BY nor LIMIT")
			}
			if err != nil {
				return nil, err
			}
			agg.Where, err = l.where(inner, sel)
			return agg, err
		}
	}
	if l.isCond(a.Expr) {
		var c Cond
		if c, err = l.cond(inner, a.Expr); err != nil {
			return nil, err
		}
		agg.Of = Whether{c}
	} else if agg.Of, err = l.value(inner, a.Expr); err != nil {
		return nil, err
	}
	if err := l.nth(inner, agg, sel); err != nil {
		return nil, err
	}
	agg.Where, err = l.where(inner, sel)
	return agg, err
}

// star tells whether a sub-select is of count(*).
func (l *lowering) star(sel *sqlparser.Select) bool {
	a, ok := sel.SelectExprs[0].(*sqlparser.AliasedExpr)
	if !ok {
		return false
	}
	f, ok := a.Expr.(*sqlparser.FuncExpr)
	if !ok || len(f.Exprs) != 1 || f.Distinct {
		return false
	}
	pos := l.last
	t, _ := l.token(f.Name.String())
	l.last = pos
	_, star := f.Exprs[0].(*sqlparser.StarExpr)
	return star && strings.EqualFold(t.text, "count")
}

// aggregate reads count(*), count(x), count(DISTINCT x), sum(x) …
func (l *lowering) aggregate(s *scope, agg *Agg, f *sqlparser.FuncExpr, name string) error {
	pos := l.last
	switch name {
	case "percentile", "median":
		return l.percentile(s, agg, f, name)
	case string(Share):
		return l.share(s, agg, f)
	}
	if len(f.Exprs) != 1 {
		return l.bad("%s takes one value", name)
	}
	agg.Fn = AggFunc(name)
	if _, star := f.Exprs[0].(*sqlparser.StarExpr); star {
		if name != "count" || f.Distinct {
			return l.bad("%s takes one value", name)
		}
		return nil
	}
	a, ok := f.Exprs[0].(*sqlparser.AliasedExpr)
	if !ok {
		return l.bad("%s takes one value", name)
	}
	v, err := l.value(s, a.Expr)
	if err != nil {
		return err
	}
	if _, ok := v.(Literal); ok && name == "count" && !f.Distinct { // count(1)
		return nil
	}
	l.last = pos
	switch {
	case f.Distinct && name != "count":
		return l.bad("DISTINCT stands in count only")
	case f.Distinct: // only of count
		agg.Fn = Distinct
	}
	switch {
	case name == "sum" || name == "avg":
		v, err = l.as(v, Number)
	case name == "most_frequent" || name == "least_frequent" || name == string(UniqueList) || name == string(Counts):
		v, err = l.as(v, Text)
	case (name == "count") && v.Type() == Untold:
		v, err = l.as(v, Text) // what has another type is not counted
	}
	agg.Of = v
	return err
}

// nth reads ORDER BY ts [DESC] LIMIT 1 [OFFSET n].
func (l *lowering) nth(s *scope, agg *Agg, sel *sqlparser.Select) error {
	agg.Fn, agg.N = Nth, 1
	help := "the value of one event is taken with ORDER BY ts LIMIT 1, the last with ORDER BY ts DESC LIMIT 1, the third with LIMIT 1 OFFSET 2"
	if len(sel.OrderBy) != 1 || sel.Limit == nil {
		return l.bad("%s", help)
	}
	by, err := l.value(s, sel.OrderBy[0].Expr)
	if f, ok := by.(*Field); err != nil || !ok || f.Path != "ts" {
		return l.bad("%s", help)
	}
	agg.Desc = sel.OrderBy[0].Direction == sqlparser.DescScr
	one, err := l.whole(sel.Limit.Rowcount)
	if err != nil || one != 1 {
		return l.bad("%s", help)
	}
	if sel.Limit.Offset != nil {
		n, err := l.whole(sel.Limit.Offset)
		if err != nil {
			return err
		}
		agg.N = n + 1
	}
	return nil
}

func (l *lowering) whole(e sqlparser.Expr) (int64, error) {
	if v, ok := e.(*sqlparser.SQLVal); ok {
		_, i := l.token(string(v.Val))
		if n, err := strconv.ParseInt(l.r.values[i].Text, 10, 64); err == nil && l.r.values[i].As == Number && n < math.MaxInt32 {
			return n, nil
		}
	}
	return 0, l.bad("LIMIT and OFFSET take whole numbers")
}
