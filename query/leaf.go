package query

import (
	"cmp"
	"strings"
	"time"
)

// Leaf is a sub-select over the events of a person, divided into what can be
// asked of an event when it comes, and what needs now() or the person.
type Leaf struct {
	Key             string // equal for leaves that keep the same
	Static, Dynamic Cond

	static, dynamic evalCond
	of              operand
	vals            []Value // that are kept of an event
	ordered         bool
}

// Match is what is kept of an event that a leaf can count. Received and Message
// are there where the order of events matters.
type Match struct {
	TS, Received int64
	Message      string
	Vals         []Datum // of Leaf.Values; As is Untold where one is missing
}

// order compares the times of two matches, the times received, the message ids.
func (m *Match) order(o *Match) int {
	return cmp.Or(cmp.Compare(m.TS, o.TS), cmp.Compare(m.Received, o.Received), strings.Compare(m.Message, o.Message))
}

// keep gives the place at which a field of an event is kept.
func (l *Leaf) keep(path string, as Type) int {
	for i, v := range l.vals {
		if f := v.(*Field); f.Path == path && f.As == as {
			return i
		}
	}
	l.vals = append(l.vals, &Field{Path: path, As: as})
	return len(l.vals) - 1
}

// seal makes the key.
func (l *Leaf) seal() {
	var b strings.Builder
	for _, c := range [...]Cond{l.Static, l.Dynamic} {
		p := &printer{events: true}
		if c != nil {
			p.cond(c, 0)
		}
		b.WriteString(p.b.String())
		b.WriteByte(0)
	}
	for _, v := range l.vals {
		f := v.(*Field)
		b.WriteString(f.Path)
		b.WriteByte(byte(f.As))
	}
	if l.ordered {
		b.WriteString("\x00ordered")
	}
	l.Key = b.String()
}

// Values gives what is kept of each event that matches, beside its time.
func (l *Leaf) Values() []Value { return l.vals }

// Ordered tells whether Received and Message are asked for.
func (l *Leaf) Ordered() bool { return l.ordered }

// Match tells whether an event is one that the leaf can count, and what is kept of it.
func (l *Leaf) Match(ev Event) (Match, bool) {
	if l.static != nil {
		if e := (&env{ev: ev}); l.static(e) != Yes {
			return Match{}, false
		}
	}
	ts, _ := ev.Field("ts", Time)
	m := Match{TS: ts.Time}
	if l.ordered {
		received, _ := ev.Field("received_at", Time)
		message, _ := ev.Field("message_id", Text)
		m.Received, m.Message = received.Time, message.Text
	}
	if len(l.vals) > 0 {
		m.Vals = make([]Datum, len(l.vals))
	}
	for i, v := range l.vals {
		f := v.(*Field)
		if d, ok := ev.Field(f.Path, f.As); ok {
			m.Vals[i] = d
		}
	}
	return m, true
}

// each calls f for the matches of the person that count now, until it gives
// false. One that lies ahead counts when its time has come.
func (l *Leaf) each(e *env, leaf int, f func(m *Match) bool) {
	all := e.p.Matches(leaf)
	for i := range all {
		m := &all[i]
		if m.TS > e.now {
			e.wake(m.TS)
			continue
		}
		e.m = m
		if l.dynamic != nil && l.dynamic(e) != Yes {
			continue
		}
		if !f(m) {
			return
		}
	}
}

// Names gives the names of the events that can match; any: every name can.
func (l *Leaf) Names() (names []string, any bool) {
	for _, c := range conjuncts(l.Static) {
		switch x := c.(type) {
		case *Compare:
			f, ok := x.L.(*Field)
			if lit, is := x.R.(Literal); ok && is && f.Path == "name" && x.Op == Equal {
				return []string{lit.Text}, false
			}
		case *In:
			if f, ok := x.V.(*Field); ok && f.Path == "name" {
				for _, lit := range x.List {
					names = append(names, lit.Text)
				}
				return names, false
			}
		}
	}
	return nil, true
}

// Expires gives the time before which a match can never count again, if time
// only goes forward: that of a window that goes with now().
func (l *Leaf) Expires(now int64) (before int64, ok bool) {
	for _, c := range conjuncts(l.Dynamic) {
		x, is := c.(*Compare)
		if !is {
			continue
		}
		op, field, edge := x.Op, x.L, x.R
		if _, mirrored := field.(Instant); mirrored {
			op, field, edge = mirror[op], edge, field
		}
		f, isField := field.(*Field)
		i, isInstant := edge.(Instant)
		if !isField || !isInstant || f.Path != "ts" || op != More && op != AtLeast {
			continue
		}
		at := i.At(time.UnixMicro(now).UTC()).UnixMicro()
		if op == More {
			at++
		}
		if !ok || at > before {
			before, ok = at, true
		}
	}
	return before, ok
}

// RenderLeaf gives the statement for the events of history that a leaf can
// count: fragment, ts, received_at, message_id and the values that are kept, of
// those from since on (nil: all).
func RenderLeaf(l *Leaf, since *time.Time, cat Catalog) (SQL, error) {
	r := &renderer{cat: cat, subs: map[string]string{}}
	text := "SELECT e.fragment, e.ts, e.received_at, e.message_id"
	for _, v := range l.vals {
		s, err := r.value(v)
		if err != nil {
			return SQL{}, err
		}
		text += ", " + s
	}
	text += " FROM events e WHERE TRUE"
	if since != nil {
		text += " AND e.ts >= " + r.time(*since)
	}
	if l.Static != nil {
		s, err := r.cond(l.Static)
		if err != nil {
			return SQL{}, err
		}
		text += " AND " + s
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
	r := &renderer{now: now, cat: tableCatalog{cat, l.Table}, subs: map[string]string{}}
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
