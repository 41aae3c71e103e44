package query

import (
	"slices"
	"strings"
	"time"

	sqlparser "github.com/xwb1989/sqlparser"
)

// near reads followed_by(condition), followed_by(condition, INTERVAL 1 HOUR) and
// followed_by(condition, INTERVAL 10 MINUTE, INTERVAL 1 HOUR), and the same of
// preceded_by. False: it is another function.
func (l *lowering) near(s *scope, x *sqlparser.FuncExpr) (Cond, bool, error) {
	t, _ := l.token(x.Name.String())
	word := strings.ToLower(t.text)
	if word != nearWords[false] && word != nearWords[true] {
		return nil, false, nil
	}
	pos := t.pos
	if s.kind != events {
		return nil, true, l.bad("%s is about an event: it stands in a sub-select, as in EXISTS (SELECT 1 FROM events WHERE name = 'A' AND %s(name = 'B'))", word, word)
	}
	n := &Near{Back: word == nearWords[true]}
	var gaps []Gap
	for i, e := range x.Exprs {
		a, ok := e.(*sqlparser.AliasedExpr)
		if !ok || x.Distinct || !a.As.IsEmpty() {
			return nil, true, l.bad("%s takes a condition over the other event, and up to two intervals", word)
		}
		if i == 0 {
			var err error
			if n.Where, err = l.cond(&scope{kind: events, outer: s}, a.Expr); err != nil {
				return nil, true, err
			}
			continue
		}
		g, ok := l.gap(a.Expr)
		if !ok {
			return nil, true, l.bad("behind the condition %s takes intervals: INTERVAL 1 HOUR for less than that, INTERVAL 1 HOUR, INTERVAL 1 DAY for at least the first and less than the second", word)
		}
		gaps = append(gaps, g)
	}
	l.last = pos
	switch len(gaps) {
	case 0:
	case 1:
		n.Most = gaps[0]
	case 2:
		n.Least, n.Most = gaps[0], gaps[1]
	}
	if n.Where == nil || len(gaps) > 2 {
		return nil, true, l.bad("%s takes a condition over the other event, and up to two intervals", word)
	}
	return n, true, nil
}

// gap reads an interval, which is not 0.
func (l *lowering) gap(e sqlparser.Expr) (Gap, bool) {
	v, ok := e.(*sqlparser.SQLVal)
	if !ok {
		return Gap{}, false
	}
	_, i := l.token(string(v.Val))
	by := l.r.values[i]
	g := Gap{by.months, by.span}
	return g, by.interval && g != (Gap{})
}

// isCond tells whether an expression can be nothing but a condition.
func (l *lowering) isCond(e sqlparser.Expr) bool {
	switch x := e.(type) {
	case *sqlparser.ParenExpr:
		return l.isCond(x.Expr)
	case *sqlparser.AndExpr, *sqlparser.OrExpr, *sqlparser.NotExpr, *sqlparser.ComparisonExpr, *sqlparser.RangeCond, *sqlparser.IsExpr, *sqlparser.ExistsExpr:
		return true
	case *sqlparser.FuncExpr:
		t, _ := l.token(x.Name.String())
		return conditions[strings.ToLower(t.text)]
	}
	return false
}

// step finds the event that a name is of: how many steps outwards, and what is
// left of the name.
func (l *lowering) step(s *scope, path []string) (up int, rest []string, err error) {
	for len(path) > 1 && strings.EqualFold(path[0], "outer") {
		if s = s.outer; s == nil {
			return 0, nil, l.bad("outer is the event around followed_by or preceded_by; nothing stands around this one")
		}
		up, path = up+1, path[1:]
	}
	if up > 0 || len(path) == 1 {
		return up, path, nil
	}
	for of, n := s, 0; of != nil; of, n = of.outer, n+1 {
		if strings.EqualFold(path[0], of.alias) {
			if n > 0 && !of.named {
				return 0, nil, l.bad("in followed_by and preceded_by a bare name is of the other event, and outer.%s of the one around", strings.Join(path[1:], "."))
			}
			return n, path[1:], nil
		}
	}
	return 0, path, nil
}

// mostPeriods is how many periods are looked at.
const mostPeriods = 400

// periods reads active_periods(INTERVAL 7 DAY, 4), which may say how many events
// it takes, where the last period ends, and by which clock:
// active_periods(INTERVAL 1 DAY, 5, 1, current_date, 'Europe/Paris').
func (l *lowering) periods(s *scope, agg *Agg, f *sqlparser.FuncExpr) error {
	pos := l.last
	agg.N = 1
	help := "active_periods(INTERVAL 7 DAY, 4, 2) is in how many of the last 4 times 7 days there were 2 events or more; behind that, current_date leaves today out, and date_trunc('month', now()) this month; and behind that stands a zone by whose clock days begin: active_periods(INTERVAL 1 DAY, 5, 1, current_date, 'Europe/Paris')"
	whole := func(e sqlparser.Expr) (int64, bool) {
		n, err := l.whole(e)
		return n, err == nil && n > 0
	}
	for i, e := range f.Exprs {
		a, ok := e.(*sqlparser.AliasedExpr)
		ok = ok && !f.Distinct && a.As.IsEmpty()
		switch {
		case ok && i == 0:
			agg.Last.Every, ok = l.gap(a.Expr)
		case ok && i == 1:
			agg.Last.Periods, ok = whole(a.Expr)
		case ok && i == 2:
			agg.N, ok = whole(a.Expr)
		case ok && i == 3:
			var err error
			agg.Last.End, err = l.value(s, a.Expr)
			ok = err == nil && ends(agg.Last.End)
		case ok && i == 4:
			l.last = pos
			var err error
			if agg.Last.Zone, err = l.zoneName(a.Expr, help); err != nil {
				return err
			}
		default:
			ok = false
		}
		if !ok {
			l.last = pos
			return l.bad("%s", help)
		}
	}
	l.last = pos
	switch {
	case agg.Last.Periods == 0:
		return l.bad("%s", help)
	case agg.Last.Periods > mostPeriods:
		return l.bad("active_periods looks at %d periods at most", mostPeriods)
	case agg.Last.Zone != "" && agg.Last.Every.Span%(24*time.Hour) != 0:
		return l.bad("periods by the clock of a zone are days, weeks or months: INTERVAL 1 DAY")
	}
	return nil
}

// ends tells whether a time is made of now() and is where a unit of the calendar
// begins, or so much before or after that; by the clock of no zone.
func ends(v Value) bool {
	m, ok := movingOf(v, "")
	return ok && slices.ContainsFunc(m.moves, func(s move) bool { return s.begin != "" }) &&
		!slices.ContainsFunc(m.moves, func(s move) bool { return s.zone != nil })
}
