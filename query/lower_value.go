package query

import (
	"strings"

	sqlparser "github.com/xwb1989/sqlparser"
)

// value turns an expression into a value.
func (l *lowering) value(s *scope, e sqlparser.Expr) (Value, error) {
	switch x := e.(type) {
	case *sqlparser.ParenExpr:
		return l.value(s, x.Expr)
	case *sqlparser.SQLVal:
		_, i := l.token(string(x.Val))
		v := l.r.values[i]
		if v.interval {
			return nil, l.bad("an interval is added to a time: now() - INTERVAL 30 DAY")
		}
		return v.Literal, nil
	case sqlparser.BoolVal:
		return Literal{As: Bool, Bool: bool(x)}, nil
	case *sqlparser.NullVal:
		return nil, l.bad("NULL stands alone: write IS NULL")
	case *sqlparser.ColName:
		return l.name(s, x)
	case *sqlparser.UnaryExpr:
		return l.minus(s, x)
	case *sqlparser.BinaryExpr:
		return l.shift(s, x)
	case *sqlparser.FuncExpr:
		return l.call(s, x)
	case *sqlparser.Subquery:
		return l.scalar(s, x)
	}
	return nil, l.bad("this is a condition where a value is needed, or not part of the language of segments")
}

// fixed are the columns of an event that are no leaves, and how they are read.
var fixed = map[string]Type{"name": Text, "kind": Text, "source": Text, groupID: Text, "ts": Time, "received_at": Time}

// groupID is the column of the id that a call of group says. It is kept as a leaf (Field.Leaf).
const groupID = "group_id"

// fixedTraits are the columns of a person that are no traits.
var fixedTraits = map[string]Type{"first_seen": Time, "last_seen": Time, "known": Bool}

// name says what a name means in a scope.
func (l *lowering) name(s *scope, x *sqlparser.ColName) (Value, error) {
	t, _ := l.token(x.Name.String())
	path := t.path
	if path[0] == "" {
		return nil, l.bad("%s is a word of SQL; a name that is spelled so stands in double quotes", t.text)
	}
	switch s.kind {
	case events:
		up, path, err := l.step(s, path)
		if err != nil {
			return nil, err
		}
		low := strings.ToLower(path[0])
		switch {
		case low == "profiles" && len(path) > 1:
			return l.trait(path[1:]), nil
		case len(path) == 1 && fixed[low] != Untold:
			return &Field{Path: low, As: fixed[low], Up: up}, nil
		case (low == "properties" || low == "context" || low == "traits") && len(path) > 1:
			return &Field{Path: low + "." + strings.Join(path[1:], "."), Up: up}, nil
		}
		return nil, l.stranger(strings.Join(path, "."))
	case table:
		if len(path) > 1 && strings.EqualFold(path[0], s.alias) {
			path = path[1:]
		}
		column := strings.Join(path, ".")
		l.found("column " + column + " of table " + s.table)
		return &Cell{Column: column}, nil
	}
	if s.outer != nil && isOuter(path) {
		return nil, l.bad("of the person around stands one comparison of one trait, as in company = outer.company, joined by AND")
	}
	path = ofPerson(s, path)
	if len(path) > 1 && (strings.EqualFold(path[0], "properties") || strings.EqualFold(path[0], "context")) || len(path) > 1 && strings.EqualFold(path[0], "events") {
		return nil, l.bad("%s is said by an event: it stands in a sub-select, as in EXISTS (SELECT 1 FROM events WHERE …)", t.show())
	}
	return l.trait(path), nil
}

// stranger says what an event does not have, and what was probably meant.
func (l *lowering) stranger(name string) error {
	switch strings.ToLower(name) {
	case "profile_id", "user_id", "anonymous_id":
		return l.bad("the events of a sub-select are the person's already: leave the comparison of %s out", name)
	case "event", "event_name":
		return l.bad("the name of an event is in the column name")
	case "timestamp", "time", "date":
		return l.bad("the time of an event is in the column ts")
	}
	if len(name) > 40 {
		name = "x"
	}
	return l.bad("an event has no column %s: write properties.%s for what the event says, profiles.%s for the person's trait; its columns are name, kind, source, group_id, ts and received_at", name, name, name)
}

// trait is a trait, or a fixed column of the person.
func (l *lowering) trait(path []string) Value {
	if len(path) == 1 && fixedTraits[strings.ToLower(path[0])] != Untold {
		low := strings.ToLower(path[0])
		return &Trait{Path: low, Fixed: true, As: fixedTraits[low]}
	}
	if len(path) > 1 && strings.EqualFold(path[0], "traits") {
		path = path[1:]
	}
	return &Trait{Path: strings.Join(path, ".")}
}

// minus reads -5.
func (l *lowering) minus(s *scope, x *sqlparser.UnaryExpr) (Value, error) {
	v, err := l.value(s, x.Expr)
	if err != nil {
		return nil, err
	}
	n, ok := v.(Literal)
	if !ok || n.As != Number || x.Operator != sqlparser.UMinusStr && x.Operator != sqlparser.UPlusStr {
		return nil, l.bad("a sign stands before a number that is written out")
	}
	if x.Operator == sqlparser.UMinusStr && n.Text != "0" {
		if n.Text[0] == '-' {
			n.Text = n.Text[1:]
		} else {
			n.Text = "-" + n.Text
		}
	}
	return n, nil
}

// shift reads a time plus or minus an interval.
func (l *lowering) shift(s *scope, x *sqlparser.BinaryExpr) (Value, error) {
	iv, ok := x.Right.(*sqlparser.SQLVal)
	if ok {
		_, i := l.token(string(iv.Val))
		ok = l.r.values[i].interval
	}
	if !ok || x.Operator != sqlparser.PlusStr && x.Operator != sqlparser.MinusStr {
		return l.calculate(s, x)
	}
	_, i := l.token(string(iv.Val))
	by := l.r.values[i]
	if x.Operator == sqlparser.MinusStr {
		by.months, by.span = -by.months, -by.span
	}
	v, err := l.value(s, x.Left)
	if err == nil {
		v, err = l.as(v, Time)
	}
	if err != nil {
		return nil, err
	}
	if by.months == 0 && by.span == 0 {
		return v, nil
	}
	switch t := v.(type) {
	case Instant:
		if t.Months == 0 && t.Span == 0 && !t.Day {
			return Instant{Months: by.months, Span: by.span}, nil
		}
	case Literal:
		return Literal{As: Time, Time: Add(t.Time, by.months, by.span)}, nil
	}
	return &Shift{v, by.months, by.span}, nil
}

// readings are the functions that say how a name is read.
var readings = map[string]Type{"number": Number, "text": Text, "time": Time, "bool": Bool}

// conditions are the functions that are no values.
var conditions = map[string]bool{"in_segment": true, "in_list": true, nearWords[false]: true, nearWords[true]: true}

// takes is how many values a function takes; -1: at least two.
var takes = map[string]int{"now": 0, "current_timestamp": 0, "current_date": 0, "today": 0, "lower": 1, "length": 1, "date": 1, "age": 1, "number": 1, "text": 1, "time": 1, "bool": 1, "top_percent": 2, "coalesce": -1, "days_between": 2, "tier": -1,
	"anniversary": 1, "next_anniversary": 1, "year": 1, "month": 1, "day": 1, "hour": 1, "dayofweek": 1, "distance_km": 4, "bucket": -1, "has": 2, "date_trunc": 2, "local_time": 2, "utc_time": 2}

// call reads a function.
func (l *lowering) call(s *scope, x *sqlparser.FuncExpr) (Value, error) {
	t, _ := l.token(x.Name.String())
	pos, name := t.pos, strings.ToLower(t.text)
	switch {
	case name == "in_segment" && l.sole:
		return nil, l.bad("%s", noSegments)
	case conditions[name]:
		return nil, l.bad("%s is a condition by itself: it is compared with nothing, and stands alone or with AND, OR, NOT and IS TRUE", t.show())
	}
	args, err := l.args(s, x)
	if err != nil {
		return nil, err
	}
	l.last = pos
	want, ok := takes[name]
	switch {
	case !ok && aggregates[name]:
		return nil, l.bad("%s is over events: write (SELECT %s(…) FROM events WHERE …)", t.show(), t.show())
	case !ok:
		return nil, l.bad("%s is no function of the language; there are lower, length, coalesce, date, date_trunc, local_time, utc_time, age, anniversary, next_anniversary, year, month, day, hour, dayofweek, days_between, tier, distance_km, bucket, has, number, text, time, bool, now, current_date, in_segment, in_list, top_percent, followed_by, preceded_by", t.show())
	case name == "bucket":
		return l.bucket(s, args)
	case want >= 0 && len(args) != want || want < 0 && len(args) < 2:
		return nil, l.bad("%s takes %d values, and got %d", t.show(), max(want, 2), len(args))
	}
	switch name {
	case "now", "current_timestamp":
		return Instant{}, nil
	case "current_date", "today":
		return Instant{Day: true}, nil
	case "number", "text", "time", "bool":
		return l.as(args[0], readings[name])
	case "coalesce":
		return l.coalesce(args)
	case "top_percent":
		return l.top(s, args)
	case "tier":
		return l.tier(args)
	case "days_between":
		a, err := l.as(args[0], Time)
		if err != nil {
			return nil, err
		}
		b, err := l.as(args[1], Time)
		return &Call{Days, []Value{a, b}}, err
	case "distance_km":
		return l.distance(args)
	case "has":
		return l.has(args)
	case "date_trunc":
		return l.trunc(x, args)
	case "local_time", "utc_time":
		return l.zoned(Func(name), x, args)
	}
	of := Time
	if name == "lower" || name == "length" {
		of = Text
	}
	v, err := l.as(args[0], of)
	return &Call{Func(name), []Value{v}}, err
}

func (l *lowering) args(s *scope, x *sqlparser.FuncExpr) ([]Value, error) {
	var out []Value
	for _, e := range x.Exprs {
		a, ok := e.(*sqlparser.AliasedExpr)
		if !ok || x.Distinct || !a.As.IsEmpty() {
			return nil, l.bad("DISTINCT, * and AS stand in aggregates over events only")
		}
		v, err := l.value(s, a.Expr)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (l *lowering) coalesce(args []Value) (Value, error) {
	t := Untold
	for _, a := range args {
		if t == Untold {
			t = a.Type()
		}
	}
	if t == Untold {
		return &Call{Coalesce, args}, nil
	}
	c := &Call{Fn: Coalesce}
	for _, a := range args {
		b, err := l.as(a, t)
		if err != nil {
			return nil, err
		}
		c.Args = append(c.Args, b)
	}
	return c, nil
}

// top reads top_percent(10, ltv).
func (l *lowering) top(s *scope, args []Value) (Value, error) {
	p, ok := percentOf(args[0])
	switch {
	case s.kind != person:
		return nil, l.bad("top_percent is over all people: it stands outside of the sub-select")
	case s.outer != nil:
		return nil, l.bad("top_percent is over all people: it stands outside of the sub-select over profiles")
	case !ok:
		return nil, l.bad("the first value of top_percent is a number above 0 and at most 100")
	}
	v, err := l.as(args[1], Number)
	if err != nil {
		return nil, err
	}
	switch v.(type) {
	case *Trait, *Agg:
		return &Top{p, v}, nil
	}
	return nil, l.bad("the second value of top_percent is a trait, or an aggregate over events")
}
