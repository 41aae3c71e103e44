package query

import (
	"regexp"
	"slices"
	"strings"
)

// compiler makes a program. leaf is the sub-select that it is in, if any;
// static says that an event is asked there, and not what is kept of it.
type compiler struct {
	p      *Program
	tops   map[string]int
	tables map[string]int
	leaf   *Leaf
	static bool
}

func (b *compiler) cond(c Cond) (evalCond, error) {
	switch x := c.(type) {
	case And:
		return b.chain(x, No)
	case Or:
		return b.chain(x, Yes)
	case Not:
		f, err := b.cond(x.Cond)
		return func(e *env) Answer { return Yes - f(e) }, err
	case Const:
		is := truthOf(bool(x))
		return func(*env) Answer { return is }, nil
	case *Compare:
		return b.compare(x)
	case *In:
		return b.in(x)
	case *Like:
		return b.like(x)
	case *Missing:
		return b.missing(x)
	case *Truth:
		return b.truth(x.V)
	case *Exists:
		return b.exists(x)
	case *Member:
		return func(e *env) Answer { return truthOf(e.p.Member(x.Segment)) }, nil
	case *Listed:
		return b.listed(x)
	}
	panic("unreachable: a condition of no kind")
}

func truthOf(is bool) Answer {
	if is {
		return Yes
	}
	return No
}

// chain asks until one decides: one that is false decides AND, one that is true OR.
func (b *compiler) chain(list []Cond, decides Answer) (evalCond, error) {
	fs := make([]evalCond, len(list))
	for i, c := range list {
		var err error
		if fs[i], err = b.cond(c); err != nil {
			return nil, err
		}
	}
	return func(e *env) Answer {
		is := Yes - decides
		for _, f := range fs {
			switch t := f(e); t {
			case decides:
				return decides
			case Unknown:
				is = Unknown
			}
		}
		return is
	}, nil
}

func (b *compiler) both(l, r Value) (x, y operand, err error) {
	if x, err = b.value(l); err != nil {
		return x, y, err
	}
	y, err = b.value(r)
	if err == nil && x.moving && y.moving {
		err = errMoving
	}
	return x, y, err
}

func (b *compiler) compare(c *Compare) (evalCond, error) {
	l, r, err := b.both(c.L, c.R)
	if err != nil {
		return nil, err
	}
	op := c.Op
	return func(e *env) Answer {
		x, okx := l.get(e)
		y, oky := r.get(e)
		if op == Same && !(okx && oky) {
			return truthOf(okx == oky)
		}
		if !okx || !oky {
			return Unknown
		}
		if l.moving {
			l.until(e, y.Time)
		} else if r.moving {
			r.until(e, x.Time)
		}
		return truthOf(holds(op, x.compare(&y)))
	}, nil
}

// compare compares two values of one type.
func (d *Datum) compare(o *Datum) int {
	switch d.As {
	case Number:
		return d.Num.Cmp(o.Num)
	case Time:
		switch {
		case d.Time < o.Time:
			return -1
		case d.Time > o.Time:
			return 1
		}
		return 0
	case Bool:
		switch {
		case d.Bool == o.Bool:
			return 0
		case o.Bool:
			return -1
		}
		return 1
	}
	return strings.Compare(d.Text, o.Text)
}

func (b *compiler) in(c *In) (evalCond, error) {
	v, err := b.value(c.V)
	if err != nil {
		return nil, err
	}
	list := make([]Datum, len(c.List))
	for i, l := range c.List {
		list[i] = l.datum()
	}
	otherwise := No
	if c.Null {
		otherwise = Unknown
	}
	return func(e *env) Answer {
		x, ok := v.get(e)
		if !ok {
			return Unknown
		}
		is := otherwise
		for i := range list {
			if v.moving {
				v.until(e, list[i].Time)
			}
			if x.compare(&list[i]) == 0 {
				is = Yes
			}
		}
		return is
	}, nil
}

func (b *compiler) like(c *Like) (evalCond, error) {
	v, err := b.value(c.V)
	if err != nil {
		return nil, err
	}
	re, err := c.regexp()
	if err != nil {
		return nil, err
	}
	fold := c.Fold && !c.Regexp
	return func(e *env) Answer {
		x, ok := v.get(e)
		if !ok {
			return Unknown
		}
		if fold {
			x.Text = Fold(x.Text)
		}
		return truthOf(re.MatchString(x.Text))
	}, nil
}

// regexp gives the pattern as a regular expression.
func (c *Like) regexp() (*regexp.Regexp, error) {
	if c.Regexp {
		return regexp.Compile(c.Pattern)
	}
	pattern := c.Pattern
	if c.Fold {
		pattern = foldPattern(pattern, c.Escape)
	}
	var b strings.Builder
	b.WriteString("^(?s:")
	escaped := false
	for _, r := range pattern {
		switch {
		case !escaped && c.Escape != 0 && r == c.Escape:
			escaped = true
			continue
		case !escaped && r == '%':
			b.WriteString(".*")
		case !escaped && r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
		escaped = false
	}
	b.WriteString(")$")
	return regexp.Compile(b.String())
}

// missing asks for a value of any type where none is told.
func (b *compiler) missing(c *Missing) (evalCond, error) {
	types := []Type{c.V.Type()}
	if types[0] == Untold {
		types = []Type{Text, Number, Bool}
	}
	var vs []operand
	for _, t := range types {
		v := c.V
		if c.V.Type() == Untold {
			var err error
			if v, err = (&lowering{r: &reader{}}).as(c.V, t); err != nil {
				return nil, err
			}
		}
		x, err := b.value(v)
		if err != nil {
			return nil, err
		}
		vs = append(vs, x)
	}
	return func(e *env) Answer {
		for _, v := range vs {
			if _, ok := v.get(e); ok {
				return No
			}
		}
		return Yes
	}, nil
}

func (b *compiler) truth(c Value) (evalCond, error) {
	v, err := b.value(c)
	return func(e *env) Answer {
		x, ok := v.get(e)
		if !ok {
			return Unknown
		}
		return truthOf(x.Bool)
	}, err
}

func (b *compiler) listed(c *Listed) (evalCond, error) {
	v, err := b.value(c.V)
	if err != nil {
		return nil, err
	}
	if moves(c.Where) {
		return nil, errMoving
	}
	p := &printer{}
	p.listed(c, "")
	key := p.b.String()
	i, ok := b.tables[key]
	if !ok {
		i = len(b.p.tables)
		b.tables[key] = i
		b.p.tables = append(b.p.tables, c)
	}
	return func(e *env) Answer {
		x, ok := v.get(e)
		if !ok {
			return Unknown
		}
		return truthOf(e.p.Listed(i, x))
	}, nil
}

// moves tells whether a condition looks at the clock.
func moves(c Cond) bool {
	found := false
	Walk(c, func(v Value) {
		switch x := v.(type) {
		case Instant:
			found = true
		case *Call:
			found = found || x.Fn == Years
		}
	})
	return found
}

func (b *compiler) exists(c *Exists) (evalCond, error) {
	leaf, i, err := b.sub(c.Where, nil, false)
	if err != nil {
		return nil, err
	}
	return func(e *env) Answer {
		any := false
		leaf.each(e, i, func(*Match) bool { any = true; return false })
		return truthOf(any)
	}, nil
}

// sub compiles a sub-select; of is the value of its events that is asked for,
// ordered says that their order matters.
func (b *compiler) sub(where Cond, of Value, ordered bool) (*Leaf, int, error) {
	l := &Leaf{ordered: ordered}
	for _, c := range conjuncts(where) {
		if eventAlone(c) {
			l.Static = conjoin(l.Static, c)
		} else {
			l.Dynamic = conjoin(l.Dynamic, c)
		}
	}
	in := &compiler{p: b.p, tops: b.tops, tables: b.tables, leaf: l, static: true}
	var err error
	if l.Static != nil {
		if l.static, err = in.cond(l.Static); err != nil {
			return nil, 0, err
		}
	}
	in.static = false
	if l.Dynamic != nil {
		if l.dynamic, err = in.cond(l.Dynamic); err != nil {
			return nil, 0, err
		}
	}
	if of != nil {
		if l.of, err = in.value(of); err != nil {
			return nil, 0, err
		}
		if l.of.moving {
			return nil, 0, errMoving
		}
	}
	l.seal()
	i := slices.IndexFunc(b.p.leaves, func(o *Leaf) bool { return o.Key == l.Key })
	if i < 0 {
		i = len(b.p.leaves)
		b.p.leaves = append(b.p.leaves, l)
	}
	return l, i, nil
}

// conjuncts gives the conditions that AND joins.
func conjuncts(c Cond) []Cond {
	switch x := c.(type) {
	case nil:
		return nil
	case And:
		return x
	}
	return []Cond{c}
}

func conjoin(a, b Cond) Cond {
	if a == nil {
		return b
	}
	return append(And(conjuncts(a)), b)
}

// eventAlone tells whether a condition over an event needs nothing but the event.
func eventAlone(c Cond) bool {
	alone := !moves(c) && !lists(c)
	Walk(c, func(v Value) {
		switch v.(type) {
		case *Trait, *Agg, *Top:
			alone = false
		}
	})
	return alone
}

// lists tells whether a condition asks a reference table.
func lists(c Cond) bool {
	switch x := c.(type) {
	case And:
		return slices.ContainsFunc(x, lists)
	case Or:
		return slices.ContainsFunc(x, lists)
	case Not:
		return lists(x.Cond)
	case *Listed, *Member, *Exists:
		return true
	}
	return false
}
