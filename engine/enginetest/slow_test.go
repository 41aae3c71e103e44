package enginetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// truth is what a condition is: yes, no, or neither.
type truth int

const (
	no    truth = 0
	maybe truth = 1
	yes   truth = 2
)

// soul is a person as the slow evaluator sees one.
type soul struct {
	id     kith.ProfileID
	public string
	traits map[string]any // by path: string, json.Number, bool; with [] behind the path, the text of an array
	first  any            // time.Time, or nil
	last   any
	known  bool
	ids    map[string]bool // identifiers, as space=value
	events []deed
}

// deed is one event.
type deed struct {
	fields   map[string]any  // by path, as traits, and the fixed ones
	sealed   map[string]bool // those that are
	ts, recv time.Time
	id       string
	around   *deed // where it is looked at from another: that one
}

// slow answers conditions by walking the events of each person one by one. It
// shares no code with what plans or prints them: it is their judge.
type slow struct {
	now   time.Time
	souls []*soul
	types map[string]query.Type // of traits and leaves, as SQL shows them
	whole map[string]bool       // traits that are read from the documents, where an array is a text

	segments map[string]query.Cond
	lists    map[string]onList
	computed map[string]query.Value      // computed traits, by name
	tables   map[string][]map[string]any // their rows, by name
	table    string                      // whose row is looked at
	row      map[string]any
	clear    bool // it walks a computed trait: what is sealed is missing
}

// newSlow reads everybody.
func newSlow(t testing.TB, e *engine.Engine, now time.Time) *slow {
	t.Helper()
	s := &slow{now: now, types: map[string]query.Type{"groupId": query.Text}, whole: map[string]bool{}}
	by := map[string]*soul{}
	for _, p := range everybody(t, e) {
		o := &soul{id: p.ID, public: p.Public, traits: map[string]any{}, known: p.Known, ids: map[string]bool{}}
		for _, l := range p.Links {
			o.ids[l.Space+"="+l.Value] = true
		}
		if !p.FirstSeen.IsZero() {
			o.first, o.last = p.FirstSeen, p.LastSeen
		}
		for _, tr := range p.Traits {
			scalars(o.traits, tr.Name, tr.Value)
		}
		s.souls = append(s.souls, o)
		by[fmt.Sprint(p.ID)] = o
	}
	slices.SortFunc(s.souls, func(a, b *soul) int { return cmp.Compare(a.id, b.id) })
	for _, row := range SQL(t, e, "SELECT profile_id, received_at, original FROM events") {
		f := strings.SplitN(row, " | ", 3)
		var ev map[string]any
		d := json.NewDecoder(strings.NewReader(f[2]))
		d.UseNumber()
		if err := d.Decode(&ev); err != nil {
			t.Fatal(err)
		}
		o := by[f[0]]
		o.events = append(o.events, deedOf(t, ev, f[1]))
	}
	for _, o := range s.souls {
		slices.SortFunc(o.events, func(a, b deed) int {
			return cmp.Or(a.ts.Compare(b.ts), a.recv.Compare(b.recv), cmp.Compare(a.id, b.id))
		})
	}
	s.sealedTypes()
	words := map[string]query.Type{"VARCHAR": query.Text, "DECIMAL(38,9)": query.Number, "BOOLEAN": query.Bool, "sealed": query.Text}
	for _, row := range SQL(t, e, "SELECT relation, name, type, coalesce(filled, 0) FROM columns") {
		f := strings.Split(row, " | ")
		name := f[1]
		if f[0] == "profiles" {
			name = "profiles." + name
		}
		s.types[name], s.whole[name] = words[f[2]], f[2] == "sealed"
	}
	return s
}

func deedOf(t testing.TB, ev map[string]any, received string) deed {
	t.Helper()
	d := deed{fields: map[string]any{"kind": ev["type"], "name": "", "id": ev["messageId"]}, id: fmt.Sprint(ev["messageId"])}
	for _, key := range []string{"event", "name"} {
		if v, ok := ev[key].(string); ok {
			d.fields["name"] = v
		}
	}
	if group, ok := ev["groupId"].(string); ok {
		d.fields["group_id"] = group
	}
	var err error
	if d.ts, err = time.Parse(time.RFC3339Nano, ev["timestamp"].(string)); err != nil {
		t.Fatal(err)
	}
	if d.recv, err = time.Parse(time.RFC3339Nano, received); err != nil {
		t.Fatal(err)
	}
	d.fields["ts"], d.fields["received_at"] = d.ts, d.recv
	for _, root := range []string{"properties", "context", "traits"} {
		if m, ok := ev[root]; ok {
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			scalars(d.fields, root, text)
		}
	}
	d.sealed = sealedOf(ev, d.fields)
	return d
}

// scalars puts the scalar leaves of a JSON value into a map, by path.
func scalars(into map[string]any, path string, raw json.RawMessage) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return
	}
	switch x := v.(type) {
	case map[string]any:
		for k, w := range x {
			text, _ := json.Marshal(w)
			scalars(into, path+"."+k, text)
		}
	case []any:
		into[path+"[]"] = string(raw)
	case string, json.Number, bool:
		into[path] = x
	}
}

// members gives the people for whom a condition is so.
func (s *slow) members(c query.Cond, want truth) []kith.ProfileID {
	var out []kith.ProfileID
	for _, o := range s.souls {
		if s.cond(c, o, nil) == want {
			out = append(out, o.id)
		}
	}
	return out
}

func either(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (s *slow) cond(c query.Cond, o *soul, d *deed) truth {
	switch x := c.(type) {
	case query.And:
		least := yes
		for _, c := range x {
			least = min(least, s.cond(c, o, d))
		}
		return least
	case query.Or:
		most := no
		for _, c := range x {
			most = max(most, s.cond(c, o, d))
		}
		return most
	case query.Not:
		return yes - s.cond(x.Cond, o, d)
	case query.Const:
		return either(bool(x))
	case *query.Truth:
		if b, ok := s.value(x.V, o, d).(bool); ok {
			return either(b)
		}
		return maybe
	case *query.Missing:
		return either(s.value(x.V, o, d) == nil)
	case *query.Exists:
		return either(len(s.matching(x.Where, o)) > 0)
	case *query.Near:
		return s.near(x, o, d)
	case *query.Like:
		v, ok := s.value(x.V, o, d).(string)
		if !ok {
			return maybe
		}
		if x.Regexp {
			return either(regexp.MustCompile(x.Pattern).MatchString(v))
		}
		return either(alike([]rune(v), []rune(x.Pattern), x))
	case *query.In:
		return s.in(x, o, d)
	case *query.Member:
		return s.member(x, o)
	case *query.OnList:
		return s.onList(x, o)
	case *query.Listed:
		return s.listed(x, o, d)
	case *query.Compare:
		a, b := s.value(x.L, o, d), s.value(x.R, o, d)
		switch {
		case x.Op == query.Same:
			return either(a == nil && b == nil || a != nil && b != nil && compare(a, b) == 0)
		case a == nil || b == nil:
			return maybe
		}
		n := compare(a, b)
		return either(map[query.Op]bool{query.Equal: n == 0, query.Unequal: n != 0, query.Less: n < 0, query.AtMost: n <= 0, query.More: n > 0, query.AtLeast: n >= 0}[x.Op])
	}
	panic(fmt.Sprintf("%T", c))
}

func (s *slow) in(x *query.In, o *soul, d *deed) truth {
	v := s.value(x.V, o, d)
	if v == nil {
		return maybe
	}
	for _, l := range x.List {
		if compare(v, s.value(l, o, d)) == 0 {
			return yes
		}
	}
	if x.Null {
		return maybe
	}
	return no
}

// matching gives the events of a person up to now for which a condition is true.
func (s *slow) matching(where query.Cond, o *soul) []deed {
	var out []deed
	for i := range o.events {
		if d := &o.events[i]; !d.ts.After(s.now) && (where == nil || s.cond(where, o, d) == yes) {
			out = append(out, *d)
		}
	}
	return out
}

// near looks at each other event of the person.
func (s *slow) near(x *query.Near, o *soul, d *deed) truth {
	least := later(d.ts, x.Least.Months, x.Least.Span)
	most := later(d.ts, x.Most.Months, x.Most.Span)
	if x.Back {
		least = later(d.ts, -x.Least.Months, -x.Least.Span)
		most = later(d.ts, -x.Most.Months, -x.Most.Span)
	}
	ends := x.Most != query.Gap{}
	beyond := false
	for i := range o.events {
		other := o.events[i]
		if other.id == d.id {
			beyond = true // they are in order
			continue
		}
		if other.ts.After(s.now) || beyond == x.Back {
			continue
		}
		if x.Back && (other.ts.After(least) || ends && !other.ts.After(most)) || !x.Back && (other.ts.Before(least) || ends && !other.ts.Before(most)) {
			continue
		}
		other.around = d
		if s.cond(x.Where, o, &other) == yes {
			return yes
		}
	}
	if !x.Back && ends && s.now.Before(most) {
		return maybe
	}
	return no
}

func compare(a, b any) int {
	switch x := a.(type) {
	case string:
		return strings.Compare(x, b.(string))
	case *big.Rat:
		return x.Cmp(b.(*big.Rat))
	case time.Time:
		return x.Compare(b.(time.Time))
	}
	return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) // false < true
}

// alike matches LIKE by trying everything.
func alike(v, pattern []rune, l *query.Like) bool {
	if len(pattern) == 0 {
		return len(v) == 0
	}
	p := pattern[0]
	switch {
	case l.Escape != 0 && p == l.Escape:
		return len(v) > 0 && sameRune(v[0], pattern[1], l.Fold) && alike(v[1:], pattern[2:], l)
	case p == '%':
		return alike(v, pattern[1:], l) || len(v) > 0 && alike(v[1:], pattern, l)
	case p == '_':
		return len(v) > 0 && alike(v[1:], pattern[1:], l)
	}
	return len(v) > 0 && sameRune(v[0], p, l.Fold) && alike(v[1:], pattern[1:], l)
}

func sameRune(a, b rune, fold bool) bool {
	if a == b {
		return true
	}
	for r := unicode.SimpleFold(a); fold && r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}

// read gives a stored value as a type; nil: it is missing as that.
func (s *slow) read(v any, column, as query.Type) any {
	if as == query.Untold {
		as = column
	}
	stored := as
	if as == query.Time {
		stored = query.Text
	}
	if column != stored {
		return nil
	}
	switch x := v.(type) {
	case string:
		if as == query.Text {
			return x
		}
		if as == query.Time {
			if t, ok := instant(x); ok {
				return t
			}
		}
	case bool:
		if as == query.Bool {
			return x
		}
	case json.Number:
		if r, ok := new(big.Rat).SetString(string(x)); ok && as == query.Number && fits(r) {
			return r
		}
	}
	return nil
}

// fits tells whether a number has at most 29 digits before and 9 after the point.
func fits(r *big.Rat) bool {
	most, _ := new(big.Rat).SetString("1e29")
	return new(big.Rat).Abs(r).Cmp(most) < 0 && new(big.Rat).Mul(r, big.NewRat(1_000_000_000, 1)).IsInt()
}

// typeOf gives the type that a value of an event has.
func typeOf(v any) query.Type {
	switch v.(type) {
	case json.Number:
		return query.Number
	case bool:
		return query.Bool
	}
	return query.Text
}

// instant reads the forms of a time that the tests write.
func instant(s string) (time.Time, bool) {
	for _, form := range []string{time.DateOnly, time.RFC3339Nano, time.DateTime} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func (s *slow) value(v query.Value, o *soul, d *deed) any {
	switch x := v.(type) {
	case query.Literal:
		switch x.As {
		case query.Text:
			return x.Text
		case query.Bool:
			return x.Bool
		case query.Time:
			return x.Time
		}
		r, _ := new(big.Rat).SetString(x.Text)
		return r
	case query.Instant:
		t := later(s.now, x.Months, x.Span)
		if x.Day {
			y, m, d := t.Date()
			t = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		}
		return t
	case *query.Trait:
		if x.Fixed {
			return map[string]any{"first_seen": o.first, "last_seen": o.last, "known": o.known}[x.Path]
		}
		if def, ok := s.computed[x.Path]; ok {
			if def.Type() != x.As && x.As != query.Untold {
				return nil
			}
			return s.worked(x.Path, o)
		}
		return s.read(o.traits[x.Path], s.types["profiles."+x.Path], x.As)
	case query.Whether:
		switch s.cond(x.Cond, o, d) {
		case yes:
			return true
		case no:
			return false
		}
		return nil
	case *query.Field:
		for range x.Up {
			d = d.around
		}
		if !strings.Contains(x.Path, ".") {
			return d.fields[x.Path]
		}
		v := s.said(d, x.Path)
		return s.read(v, typeOf(v), x.As)
	case *query.Cell:
		return s.cell(x)
	case *query.Shift:
		if t, ok := s.value(x.V, o, d).(time.Time); ok {
			return later(t, x.Months, x.Span)
		}
		return nil
	case *query.Call:
		return s.call(x, o, d)
	case *query.Agg:
		return s.agg(x, o)
	case *query.Top:
		return s.top(x)
	case *query.Peers:
		return s.peers(x, o)
	}
	panic(fmt.Sprintf("%T", v))
}

// later adds months one by one, then a span.
func later(t time.Time, months int64, span time.Duration) time.Time {
	y, m, d := t.Date()
	clock := t.Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
	for ; months > 0; months-- {
		if m++; m > 12 {
			y, m = y+1, 1
		}
	}
	for ; months < 0; months++ {
		if m--; m < 1 {
			y, m = y-1, 12
		}
	}
	for time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Month() != m {
		d--
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Add(clock).Add(span)
}
