package query

import (
	"slices"
	"strings"

	sqlparser "github.com/xwb1989/sqlparser"
)

// Peers is for how many people of a person's account Where is true: of those
// for whom Key, read as a text, is what it is for the person, who is one of
// them. It is 0 for who has no Key, and never missing.
type Peers struct {
	Key   *Trait
	Where Cond // nil: all
}

// Type implements Value.
func (*Peers) Type() Type { return Number }

// WidelyAsked tells whether a condition looks at others to answer for one: it
// cannot be asked of some people as if there were no more.
func WidelyAsked(c Cond) bool {
	found := false
	Walk(c, func(v Value) {
		switch x := v.(type) {
		case *Top, *Peers:
			found = true
		case Whether:
			found = found || len(Segments(x.Cond)) > 0 // of which one may
		}
	})
	return found
}

const peersHelp = "the people of an account are counted by (SELECT count(*) FROM profiles WHERE company = outer.company AND …), or asked for by EXISTS (SELECT 1 FROM profiles WHERE company = outer.company AND …)"

// peers reads FROM profiles WHERE company = outer.company AND …
func (l *lowering) peers(s, inner *scope, sel *sqlparser.Select) (*Peers, error) {
	switch {
	case s.kind != person:
		return nil, l.bad("a sub-select over profiles stands outside of one over events")
	case s.outer != nil:
		return nil, l.bad("a sub-select over profiles stands outside of another")
	case sel.OrderBy != nil || sel.Limit != nil:
		return nil, l.bad("a sub-select over profiles needs neither ORDER BY nor LIMIT")
	case sel.Where == nil:
		return nil, l.bad("%s", peersHelp)
	}
	inner.outer = s
	pos := l.last
	out := &Peers{}
	var rest []sqlparser.Expr
	for _, e := range flat(sel.Where.Expr, true) {
		key, ok, err := l.key(inner, e)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			rest = append(rest, e)
		case out.Key != nil:
			return nil, l.bad("one trait makes the account: the sub-select has a second comparison with outer")
		default:
			out.Key = key
		}
	}
	all, err := l.conds(inner, rest)
	if err == nil && out.Key == nil {
		l.last = pos
		err = l.bad("%s", peersHelp)
	}
	switch {
	case err != nil:
		return nil, err
	case len(all) == 1:
		out.Where = all[0]
	case len(all) > 1:
		out.Where = level(all)
	}
	return out, nil
}

// key reads company = outer.company. False: it is another condition.
func (l *lowering) key(s *scope, e sqlparser.Expr) (*Trait, bool, error) {
	x, ok := e.(*sqlparser.ComparisonExpr)
	if !ok || x.Operator != sqlparser.EqualStr {
		return nil, false, nil
	}
	a, ok1 := x.Left.(*sqlparser.ColName)
	b, ok2 := x.Right.(*sqlparser.ColName)
	if !ok1 || !ok2 {
		return nil, false, nil
	}
	own, _ := l.token(a.Name.String())
	around, _ := l.token(b.Name.String())
	if isOuter(own.path) {
		own, around = around, own
	}
	if !isOuter(around.path) || isOuter(own.path) || own.path[0] == "" {
		return nil, false, nil
	}
	t, o := l.trait(ofPerson(s, own.path)).(*Trait), l.trait(ofPerson(s.outer, around.path[1:])).(*Trait)
	switch {
	case t.Path != o.Path:
		return nil, false, l.bad("the account is of one trait: it stands on both sides, as in company = outer.company")
	case t.Fixed:
		return nil, false, l.bad("the account is of a trait that is a text, as in company = outer.company")
	}
	t.As = Text
	return t, true, nil
}

func isOuter(path []string) bool { return len(path) > 1 && strings.EqualFold(path[0], "outer") }

// ofPerson takes off what a name of a person may stand behind.
func ofPerson(s *scope, path []string) []string {
	if len(path) > 1 && (strings.EqualFold(path[0], "profiles") || s.named && strings.EqualFold(path[0], s.alias)) {
		return path[1:]
	}
	return path
}

// joint writes a comparison that is written otherwise, with NOT or without:
// EXISTS, which is read as a count above 0, and IS TRUE and its like of a
// condition. False: it is another.
func (p *printer) joint(c *Compare, not string) bool {
	switch x := c.L.(type) {
	case *Peers:
		if c.Op != More || c.R != Value(Literal{As: Number, Text: "0"}) {
			return false
		}
		p.put(not + "EXISTS (SELECT 1")
		p.peers(x)
	case Whether:
		p.put("(")
		p.cond(x.Cond, 0)
		p.put(") IS " + not)
		p.value(c.R)
	default:
		return false
	}
	return true
}

// peers writes what follows SELECT and the value.
func (p *printer) peers(x *Peers) {
	p.put(" FROM profiles WHERE ")
	p.trait(x.Key)
	p.put(" = outer.")
	if fixedTraits[strings.ToLower(x.Key.Path)] != Untold || strings.HasPrefix(strings.ToLower(x.Key.Path), "profiles.") || strings.HasPrefix(strings.ToLower(x.Key.Path), "traits.") {
		p.put("traits.")
	}
	p.put(path(x.Key.Path))
	parts, several := x.Where.(And)
	if !several && x.Where != nil {
		parts = And{x.Where}
	}
	for _, c := range parts {
		p.put(" AND ")
		p.cond(c, bindAnd)
	}
	p.put(")")
}

// peers counts by account, in front, and joins each person to the own one.
func (r *renderer) peers(x *Peers) (string, error) {
	subKey := PrintValue(x)
	if s, ok := r.subs[subKey]; ok {
		return s, nil
	}
	sub := newRenderer(r.now, r.cat)
	sub.args, sub.with, sub.computed, sub.open = r.args, r.with, r.computed, r.open
	key, err := sub.trait(x.Key)
	where := "TRUE"
	if err == nil && x.Where != nil {
		where, err = sub.cond(x.Where)
	}
	if err != nil {
		return "", err
	}
	r.args, r.with = sub.args, sub.with
	own, err := r.trait(x.Key)
	if err != nil {
		return "", err
	}
	name := r.put("SELECT " + key + " AS k, count(*) AS v FROM profiles p" + sub.joined() + " WHERE " + key + " IS NOT NULL AND " + where + " GROUP BY 1")
	r.joins = append(r.joins, " LEFT JOIN "+name+" ON "+name+".k = "+own)
	r.subs[subKey] = "coalesce(" + name + ".v, 0)::DECIMAL(38,9)"
	return r.subs[subKey], nil
}

// seat is where a person belongs in the accounts that a program asks about.
type seat struct {
	key get[string]
	in  test
}

// line is what a number of people is compared with.
type line struct {
	op Op
	n  Dec
}

// peers gives the number of what is counted in accounts, the same for equal ones.
func (c *compiler) peers(x *Peers) int {
	text := PrintValue(x)
	if i := slices.IndexFunc(c.p.peers, func(o *Peers) bool { return PrintValue(o) == text }); i >= 0 {
		return i
	}
	i := len(c.p.peers)
	c.p.peers, c.p.seats = append(c.p.peers, x), append(c.p.seats, seat{})
	s := seat{c.text(x.Key), always(Yes)}
	if x.Where != nil {
		s.in = c.cond(Simplify(x.Where))
	}
	c.p.seats[i] = s
	return i
}

// Peers gives what it counts in accounts.
func (p *Program) Peers() []*Peers { return p.peers }

// Seat gives the account of a person that Peers()[i] is about, if there is one,
// whether the person counts there, and when that may be another, as Eval.
func (p *Program) Seat(i int, who Person, now int64) (key string, has, counts bool, next int64) {
	e := p.begin(who, now)
	if key, has = p.seats[i].key(e); has {
		counts = p.seats[i].in(e) == Yes
	}
	next = e.next
	e.end()
	return key, has, counts, next
}

// Crossed tells whether the answer for the people of an account may be another
// when Peers()[i] counts other many there than before.
func (p *Program) Crossed(i int, before, after int64) bool {
	return p.lines[i] == nil || slices.ContainsFunc(p.lines[i], func(l line) bool {
		return holds(l.op, DecOf(before).Cmp(l.n)) != holds(l.op, DecOf(after).Cmp(l.n))
	})
}

// linesOf gives the numbers that one is compared with; nil: something else is done with it.
func linesOf(c Cond, x *Peers) []line {
	key, out, alone := PrintValue(x), []line{}, true
	is := func(v Value) bool { p, ok := v.(*Peers); return ok && PrintValue(p) == key }
	var walk func(c Cond)
	walk = func(c Cond) {
		switch c := c.(type) {
		case And:
			for _, d := range c {
				walk(d)
			}
			return
		case Or:
			for _, d := range c {
				walk(d)
			}
			return
		case Not:
			walk(c.Cond)
			return
		case *Compare:
			if l, ok := c.R.(Literal); ok && is(c.L) {
				out = append(out, line{c.Op, datumOf(l).Num})
				return
			}
			if l, ok := c.L.(Literal); ok && is(c.R) {
				out = append(out, line{mirror[c.Op], datumOf(l).Num})
				return
			}
		}
		Walk(c, func(v Value) { alone = alone && !is(v) })
	}
	if walk(c); !alone {
		return nil
	}
	return out
}
