package query

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Event is what a Leaf asks about an event: the fixed columns name, kind,
// source, group_id, ts and received_at, message_id, and the leaves below properties and
// context. A time that is no fixed column is asked for as a text. False:
// missing, or of another type. What is Secret a match keeps as Veil gives it.
type Event interface {
	Field(path string, as Type) (Datum, bool)
	Veil(d Datum) Datum
}

// Match is what is kept of an event that may count in a leaf.
type Match struct {
	TS       int64
	Received int64   // where the leaf is Ordered
	Message  string  // where the leaf is Ordered
	Vals     []Datum // as Leaf.Values gives them; As is Untold where one is missing
}

// Leaf is a sub-select over events: those for which Static, which looks at the
// event alone, is true leave a Match; of these count, for a person at an instant,
// those up to now for which Dynamic is true. Two of one Key keep the same.
type Leaf struct {
	Key             string // it may hold what a person wrote: it is for memory only
	Static, Dynamic Cond   // nil: nothing is asked
	Ordered         bool   // the order of the events counts

	at      int // its number
	where   string
	near    *Near // of events that stand near others: how
	around  *Leaf // and the leaf of those
	values  []*Field
	static  test
	dynamic test
	reads   []get[Datum]
}

// leafOf gives the leaf of a sub-select, the same for equal ones.
func (c *compiler) leafOf(where Cond) *Leaf { return c.leafNear(where, nil) }

// leafNear gives the leaf of the events that stand near those of the leaf that
// is looked at.
func (c *compiler) leafNear(where Cond, near *Near) *Leaf {
	if where != nil {
		if where = Simplify(where); where == Const(true) {
			where = nil
		}
	}
	key := printed(where)
	if near != nil {
		key = printed(near)
	}
	for _, l := range c.p.leaves {
		if l.where == key && l.around == c.leaf {
			return l
		}
	}
	l := &Leaf{at: len(c.p.leaves), where: key, near: near, around: c.leaf}
	c.p.leaves = append(c.p.leaves, l)
	l.Static, l.Dynamic = split(where)
	if l.Static != nil {
		c.raw = true
		l.static = inLeaf(c, l, func() test { return c.cond(l.Static) })
		c.raw = false
	}
	if l.Dynamic != nil {
		l.dynamic = inLeaf(c, l, func() test { return c.cond(l.Dynamic) })
	}
	return l
}

// inLeaf makes something ready that looks at the events of a leaf.
func inLeaf[T any](c *compiler, l *Leaf, f func() T) T {
	before := c.leaf
	c.leaf = l
	defer func() { c.leaf = before }()
	return f()
}

// split parts what is asked of the event alone from what needs more.
func split(where Cond) (static, dynamic Cond) {
	list, ok := where.(And)
	if !ok && where != nil {
		list = And{where}
	}
	var own, more And
	for _, c := range list {
		if alone(c) {
			own = append(own, c)
		} else {
			more = append(more, c)
		}
	}
	return joined(own), joined(more)
}

func joined(list And) Cond {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return list
}

// alone tells whether a condition looks at the event and at nothing else.
func alone(c Cond) bool {
	own := !asks(c)
	Walk(c, func(v Value) {
		switch x := v.(type) {
		case Instant, *Trait:
			own = false
		case *Field:
			own = own && x.Up == 0
		case *Call:
			own = own && x.Fn != Years && x.Fn != Anniversary && x.Fn != NextAnniversary
		}
	})
	return own
}

// asks tells whether a condition over an event looks into a table, or at other events.
func asks(c Cond) bool {
	switch x := c.(type) {
	case And:
		return slices.ContainsFunc(x, asks)
	case Or:
		return slices.ContainsFunc(x, asks)
	case Not:
		return asks(x.Cond)
	case *Listed, *Near:
		return true
	}
	return false
}

// keep gives the place of a field among the values of a match.
func (l *Leaf) keep(path string, as Type) int {
	f := &Field{Path: path, As: as}
	i := slices.IndexFunc(l.values, func(o *Field) bool { return *o == *f })
	if i < 0 {
		i = len(l.values)
		l.values = append(l.values, f)
	}
	return i
}

// seal ends the making of a leaf.
func (l *Leaf) seal() {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%t", printed(l.Static), printed(l.Dynamic), l.Ordered)
	for _, f := range l.values {
		fmt.Fprintf(&b, "\n%c %s", f.As, f.Path)
		l.reads = append(l.reads, l.kept(f))
	}
	if l.near != nil {
		if _, ok := l.around.Expires(0); ok { // what goes there goes here
			fmt.Fprintf(&b, "\n%s\n%s", printed(l.near), l.around.Key)
		}
	}
	l.Key = b.String()
}

// kept reads what is kept of a field.
func (l *Leaf) kept(f *Field) get[Datum] {
	path, as := f.Path, f.As
	if as == Time && fixed[path] == Untold {
		return func(e *env) (Datum, bool) {
			d, ok := e.ev.Field(path, Text)
			if ok {
				d.Time, ok = readTime(d.Text)
			}
			return Datum{As: Time, Time: d.Time, Secret: d.Secret}, ok
		}
	}
	return func(e *env) (Datum, bool) {
		d, ok := e.ev.Field(path, as)
		d.As = as
		return d, ok
	}
}

// Values gives the fields of an event that are kept beside its time.
func (l *Leaf) Values() []Value {
	out := make([]Value, len(l.values))
	for i, f := range l.values {
		out[i] = f
	}
	return out
}

// Says tells whether it looks at what events say, and not at their fixed columns alone.
func (l *Leaf) Says() bool {
	says := false
	look := func(v Value) {
		if f, ok := v.(*Field); ok {
			says = says || f.Leaf() != f.Path || fixed[f.Path] == Untold
		}
	}
	for _, f := range l.values {
		look(f)
	}
	Walk(l.Static, look)
	Walk(l.Dynamic, look)
	return says
}

// Match gives what is kept of an event; false: it can never count.
func (l *Leaf) Match(ev Event) (Match, bool) {
	e := envs.Get().(*env)
	defer e.end()
	e.ev = ev
	if l.static != nil && l.static(e) != Yes {
		return Match{}, false
	}
	ts, ok := ev.Field("ts", Time)
	if !ok {
		return Match{}, false
	}
	m := Match{TS: ts.Time}
	if l.Ordered {
		received, _ := ev.Field("received_at", Time) // every event has both
		id, _ := ev.Field("message_id", Text)
		m.Received, m.Message = received.Time, id.Text
	}
	if len(l.reads) > 0 {
		m.Vals = make([]Datum, len(l.reads))
		for i, read := range l.reads {
			if d, ok := read(e); ok {
				if d.Secret {
					d = ev.Veil(d)
				}
				m.Vals[i] = d
			}
		}
	}
	return m, true
}

// Names gives the names of the events that can match; or any: those of every name can.
func (l *Leaf) Names() (names []string, any bool) {
	if l.Static == nil {
		return nil, true
	}
	names, ok := namesOf(l.Static)
	return names, !ok
}

// namesOf gives the names of events for which a condition can be true; false: it does not say.
func namesOf(c Cond) ([]string, bool) {
	switch x := c.(type) {
	case Const:
		return nil, !bool(x)
	case And:
		var out []string
		told := false
		for _, c := range x {
			names, ok := namesOf(c)
			switch {
			case ok && told:
				out = slices.DeleteFunc(out, func(s string) bool { return !slices.Contains(names, s) })
			case ok:
				out, told = names, true
			}
		}
		return out, told
	case Or:
		var out []string
		for _, c := range x {
			names, ok := namesOf(c)
			if !ok {
				return nil, false
			}
			for _, s := range names {
				if !slices.Contains(out, s) {
					out = append(out, s)
				}
			}
		}
		return out, true
	case *Compare:
		f, isField := x.L.(*Field)
		l, written := x.R.(Literal)
		if isField && written && f.Path == "name" && (x.Op == Equal || x.Op == Same) {
			return []string{l.Text}, true
		}
	case *In:
		if f, ok := x.V.(*Field); ok && f.Path == "name" {
			var out []string
			for _, l := range x.List {
				if !slices.Contains(out, l.Text) {
					out = append(out, l.Text)
				}
			}
			return out, true
		}
	}
	return nil, false
}

// Expires gives the time before which no match can count any more, now or
// later; false: all can.
func (l *Leaf) Expires(now int64) (before int64, ok bool) {
	if l.Dynamic != nil {
		before, ok = expires(l.Dynamic, now)
	}
	if l.near == nil {
		return before, ok
	}
	b, is := l.around.Expires(now)
	if most := l.near.Most; l.near.Back {
		is = is && most != Gap{}
		b = most.negative().by().of(b)
		if most.Months != 0 {
			b -= monthSlip
		}
	}
	if is && (!ok || b > before) {
		before, ok = b, true
	}
	return before, ok
}

func expires(c Cond, now int64) (before int64, ok bool) {
	switch x := c.(type) {
	case And: // the latest that one asks for
		for _, c := range x {
			if b, is := expires(c, now); is && (!ok || b > before) {
				before, ok = b, true
			}
		}
		return before, ok
	case Or: // the earliest, if all ask for one
		for i, c := range x {
			b, is := expires(c, now)
			if !is {
				return 0, false
			}
			if before = min(b, before); i == 0 {
				before = b
			}
		}
		return before, len(x) > 0
	case *Compare:
		if b, is := bound(x.Op, x.L, x.R, now); is {
			return b, true
		}
		return bound(mirror[x.Op], x.R, x.L, now)
	}
	return 0, false
}

// bound reads ts > now() - INTERVAL 30 DAY and its like.
func bound(op Op, l, r Value, now int64) (before int64, ok bool) {
	ts, ok1 := movingOf(l, "ts")
	m, ok2 := movingOf(r, "")
	if !ok1 || !ok2 {
		return 0, false
	}
	least := m.least(now) - ts.top
	switch op {
	case More:
		return least + 1, true
	case AtLeast, Equal, Same:
		return least, true
	}
	return 0, false
}

// RenderLeaf gives the statement for what history has of a leaf: the fragment,
// ts, received_at and message_id of the events for which Static is true, from
// since on if that is given, and each of Values.
func RenderLeaf(l *Leaf, since *time.Time, cat Catalog) (SQL, error) {
	r := newRenderer(time.Time{}, cat)
	text := "SELECT e.fragment, e.ts, e.received_at, e.message_id"
	for _, f := range l.values {
		s, err := r.value(f)
		if err != nil {
			return SQL{}, err
		}
		text += ", " + s
	}
	text += " FROM events e WHERE "
	where := "TRUE"
	if l.Static != nil {
		var err error
		if where, err = r.cond(l.Static); err != nil {
			return SQL{}, err
		}
	}
	text += where
	if since != nil {
		text += " AND e.ts >= " + r.time(*since)
	}
	return SQL{text, r.args}, nil
}

// RenderList gives the statement for the values that a condition asks of a
// reference table.
func RenderList(l *Listed, now time.Time, cat Catalog) (SQL, error) {
	col, err := cat.Cell(l.Table, l.Column, l.V.Type())
	if err != nil {
		return SQL{}, err
	}
	r := newRenderer(now, tableCatalog{cat, l.Table})
	text := "SELECT DISTINCT " + col + " FROM " + Ident(l.Table) + " AS t WHERE " + col + " IS NOT NULL"
	if l.Where != nil {
		where, err := r.cond(l.Where)
		if err != nil {
			return SQL{}, err
		}
		text += " AND " + where
	}
	return SQL{text, r.args}, nil
}
