package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Catalog says what names mean in SQL, as of one version of a directory. An
// expression is text that the catalog made itself, for a column that has
// the type that is asked for; ok is false where there is none, and the value is
// then missing for everybody.
type Catalog interface {
	Trait(path string, as Type) (expr string, ok bool)           // of the table profiles
	Field(path string, as Type) (column string, ok bool)         // of the table events
	Cell(table, column string, as Type) (expr string, err error) // of a reference table; an error: there is no such
	Segment(name string) (Cond, error)
	List(name string) error // whether there is such a static list
	// Computed gives what a computed trait is, where it has to be written out
	// because no column is current, and what names mean in there.
	Computed(path string) (def Value, in Catalog, ok bool)
}

// SQL is a statement for DuckDB with values for $1, $2 …
type SQL struct {
	Text string
	Args []any
}

// Render gives the statement that answers a condition: the ids of the people
// for whom it is true, where now() is that instant. No text of the user's
// stands in it: names are the catalog's, values are bound.
func Render(c Cond, now time.Time, cat Catalog) (SQL, error) {
	r := newRenderer(now, cat)
	where, err := r.cond(c)
	if err != nil {
		return SQL{}, err
	}
	return SQL{r.ctes() + "SELECT p.id FROM profiles p" + r.joined() + "\nWHERE " + where, r.args}, nil
}

func newRenderer(now time.Time, cat Catalog) *renderer {
	return &renderer{now: now, cat: cat, subs: map[string]string{}, computed: map[string]string{}}
}

// ctes writes the sub-selects.
func (r *renderer) ctes() string {
	if len(r.with) == 0 {
		return ""
	}
	return "WITH " + strings.Join(r.with, ",\n") + "\n"
}

// joined writes how the person gets to them.
func (r *renderer) joined() string { return strings.Join(r.joins, "") }

// RenderEvents is Render for a condition about one aggregate over events, of
// those people alone who have such events; an id may come twice. Others asks
// for those of them for whom it is not true.
func RenderEvents(c Cond, others bool, now time.Time, cat Catalog) (SQL, error) {
	r := newRenderer(now, cat)
	r.twice = true
	where, err := r.cond(c)
	if err != nil {
		return SQL{}, err
	}
	if others {
		where = "(" + where + ") IS NOT TRUE"
	}
	return SQL{r.ctes() + "SELECT id FROM " + r.last + "\nWHERE " + where, r.args}, nil
}

// renderer writes one statement.
type renderer struct {
	now   time.Time
	cat   Catalog
	args  []any
	with  []string          // sub-selects, before the statement
	joins []string          // how the person gets to them
	subs  map[string]string // value of a sub-select, by its text
	open  []string          // segments that are being written, for the path of a cycle
	twice bool              // a sub-select may give a person twice
	of    string            // what names of people stand after: p, or q within events
	steps int               // how many events stand around the one that is asked about
	last  string            // the sub-select over events that was put in front last

	computed map[string]string // computed traits that are written out: their sub-selects, by path
	inner    []string          // how an event's person gets to them
}

func (r *renderer) bind(v any, as string) string {
	r.args = append(r.args, v)
	return "$" + strconv.Itoa(len(r.args)) + "::" + as
}

func (r *renderer) time(t time.Time) string { return r.bind(t.UTC(), "TIMESTAMP") }

// sqlTypes are the types of DuckDB for ours.
var sqlTypes = map[Type]string{Text: "VARCHAR", Number: "DECIMAL(38,9)", Bool: "BOOLEAN", Time: "TIMESTAMP", List: "VARCHAR", Untold: "VARCHAR"}

func (r *renderer) cond(c Cond) (string, error) {
	switch x := c.(type) {
	case And:
		return r.chain(x, " AND ")
	case Or:
		return r.chain(x, " OR ")
	case Not:
		s, err := r.cond(x.Cond)
		return "NOT " + s, err
	case Const:
		return strings.ToUpper(strconv.FormatBool(bool(x))), nil
	case *Compare:
		return r.compare(x)
	case *In:
		return r.in(x)
	case *Like:
		return r.like(x)
	case *Missing:
		return r.missing(x)
	case *Truth:
		s, err := r.value(x.V)
		return "(" + s + ")", err
	case *Exists:
		s, err := r.exists(x)
		return "(" + s + ")", err
	case *Near:
		return r.near(x)
	case *Member:
		return r.member(x)
	case *OnList:
		return r.onList(x)
	case *Listed:
		return r.listed(x)
	}
	panic(fmt.Sprintf("unreachable: %T", c))
}

func (r *renderer) chain(list []Cond, word string) (string, error) {
	parts := make([]string, len(list))
	for i, c := range list {
		var err error
		if parts[i], err = r.cond(c); err != nil {
			return "", err
		}
	}
	return "(" + strings.Join(parts, word) + ")", nil
}

func (r *renderer) compare(c *Compare) (string, error) {
	a, err := r.value(c.L)
	if err != nil {
		return "", err
	}
	b, err := r.value(c.R)
	op := string(c.Op)
	if c.Op == Same {
		op = "IS NOT DISTINCT FROM"
	}
	return "(" + a + " " + op + " " + b + ")", err
}

func (r *renderer) in(c *In) (string, error) {
	v, err := r.value(c.V)
	if err != nil {
		return "", err
	}
	parts := make([]string, len(c.List))
	for i, l := range c.List {
		if parts[i], err = r.value(l); err != nil {
			return "", err
		}
	}
	if c.Null {
		parts = append(parts, "NULL")
	}
	return "(" + v + " IN (" + strings.Join(parts, ", ") + "))", nil
}

func (r *renderer) like(c *Like) (string, error) {
	v, err := r.value(c.V)
	switch {
	case err != nil:
		return "", err
	case c.Regexp:
		return "regexp_matches(" + v + ", " + r.bind(c.Pattern, "VARCHAR") + ")", nil
	}
	pattern, escape := c.Pattern, c.Escape
	if c.Fold {
		v, pattern = "kith_fold("+v+")", foldPattern(c)
		escape = foldEscape
	}
	s := "(" + v + " LIKE " + r.bind(pattern, "VARCHAR")
	if escape != 0 {
		s += " ESCAPE " + r.bind(string(escape), "VARCHAR")
	}
	return s + ")", nil
}

// foldEscape escapes in folded patterns: the user's own character may be a letter.
const foldEscape = '!'

// foldPattern folds a pattern.
func foldPattern(c *Like) string {
	var b strings.Builder
	for _, p := range c.parts() {
		switch p {
		case anyMany:
			b.WriteByte('%')
		case anyOne:
			b.WriteByte('_')
		case '%', '_', foldEscape:
			b.WriteRune(foldEscape)
			fallthrough
		default:
			b.WriteRune(p)
		}
	}
	return b.String()
}

// missing asks for a value of any type where none is told.
func (r *renderer) missing(c *Missing) (string, error) {
	if c.V.Type() != Untold {
		s, err := r.value(c.V)
		return "(" + s + " IS NULL)", err
	}
	readings, err := readingsOf(c.V)
	if err != nil {
		return "", err
	}
	var all []string
	for _, v := range readings {
		s, err := r.value(v)
		if err != nil {
			return "", err
		}
		all = append(all, s+" IS NULL")
	}
	return "(" + strings.Join(all, " AND ") + ")", nil
}

// readingsOf gives a value as each of the types that something stored can have.
func readingsOf(v Value) ([]Value, error) {
	var out []Value
	types := []Type{Text, Number, Bool}
	WalkValue(v, func(v Value) {
		if t, ok := v.(*Trait); ok && !t.Fixed && len(types) == 3 {
			types = append(types, Time) // the column of a computed one may be of times
		}
	})
	for _, t := range types {
		w, err := (&lowering{r: &reader{}}).as(v, t)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// member writes the condition of another segment; of who is missing in it, it is false.
func (r *renderer) member(c *Member) (string, error) {
	for _, name := range r.open {
		if name == c.Segment {
			return "", fmt.Errorf("the segment uses itself: %s", strings.Join(append(r.open, name), " > "))
		}
	}
	def, err := r.cat.Segment(c.Segment)
	if err != nil {
		return "", err
	}
	r.open = append(r.open, c.Segment)
	s, err := r.cond(def)
	r.open = r.open[:len(r.open)-1]
	return "coalesce(" + s + ", FALSE)", err
}

// onList asks the function that the engine gives SQL, of whom the person is.
func (r *renderer) onList(c *OnList) (string, error) {
	if err := r.cat.List(c.List); err != nil {
		return "", err
	}
	return "in_list(" + r.bind(c.List, "VARCHAR") + ", p.id)", nil
}

func (r *renderer) listed(c *Listed) (string, error) {
	v, err := r.value(c.V)
	if err != nil {
		return "", err
	}
	col, err := r.cat.Cell(c.Table, c.Column, c.V.Type())
	if err != nil {
		return "", err
	}
	sub := newRenderer(r.now, tableCatalog{r.cat, c.Table})
	sub.args = r.args
	where := ""
	if c.Where != nil {
		if where, err = sub.cond(c.Where); err != nil {
			return "", err
		}
		where = " AND " + where
	}
	r.args = sub.args
	in := v + " IN (SELECT " + col + " FROM " + Ident(c.Table) + " AS t WHERE " + col + " IS NOT NULL" + where + ")"
	return "(CASE WHEN " + v + " IS NOT NULL THEN " + in + " END)", nil // to SQL, a missing value is not in an empty table
}

// tableCatalog reads cells of one table.
type tableCatalog struct {
	Catalog
	table string
}

// Ident quotes a name for SQL.
func Ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// mentions tells whether a condition over events looks at the person.
func mentions(c Cond) bool {
	found := false
	Walk(c, func(v Value) {
		if _, ok := v.(*Trait); ok {
			found = true
		}
	})
	return found
}

// rows writes FROM and WHERE of a sub-select over events.
func (r *renderer) rows(where Cond, of Value) (string, error) {
	from, s := " FROM events e", ""
	if mentions(where) || of != nil && mentions(&Truth{of}) {
		from += " JOIN profiles q ON q.id = e.profile_id"
	}
	if where != nil {
		before := r.of
		r.of = "q"
		var err error
		s, err = r.cond(where)
		r.of = before
		if err != nil {
			return "", err
		}
		s = " AND " + s
	}
	from += strings.Join(r.inner, "")
	r.inner = nil
	return from + " WHERE e.ts <= " + r.time(r.now) + s, nil
}

func (r *renderer) exists(c *Exists) (string, error) {
	key := "exists"
	if c.Where != nil {
		key += Print(c.Where)
	}
	if s, ok := r.subs[key]; ok {
		return s, nil
	}
	rows, err := r.rows(c.Where, nil)
	if err != nil {
		return "", err
	}
	once := "DISTINCT "
	if r.twice {
		once = ""
	}
	name := r.sub("SELECT " + once + "e.profile_id AS id, TRUE AS v" + rows)
	r.subs[key] = name + ".v IS NOT NULL"
	return r.subs[key], nil
}

// sub puts a sub-select in front and joins it; it gives its name.
func (r *renderer) sub(text string) string {
	name := r.put(text)
	r.last = name
	r.joins = append(r.joins, " LEFT JOIN "+name+" ON "+name+".id = p.id")
	return name
}

// put puts a sub-select in front; it gives its name.
func (r *renderer) put(text string) string {
	name := "s" + strconv.Itoa(len(r.with)+1)
	r.with = append(r.with, name+" AS ("+text+")")
	return name
}

// event gives what the columns of an event stand after, so many steps outwards.
func (r *renderer) event(up int) string {
	if n := r.steps - up; n > 0 {
		return "e" + strconv.Itoa(n)
	}
	return "e"
}

// near asks for another event of the same person.
func (r *renderer) near(c *Near) (string, error) {
	of := r.event(0)
	r.steps++
	defer func() { r.steps-- }()
	at, order, from, to := r.event(0), " > ", " >= ", " < "
	least, most := c.Least, c.Most
	if c.Back {
		order, from, to = " < ", " <= ", " > "
		least, most = least.negative(), most.negative()
	}
	text := "EXISTS (SELECT 1 FROM events " + at + " WHERE " + at + ".profile_id = " + of + ".profile_id AND " + at + ".ts <= " + r.time(r.now) +
		" AND " + row(at) + order + row(of)
	end := shifted(of+".ts", most.Months, most.Span)
	if c.Least != (Gap{}) {
		text += " AND " + at + ".ts" + from + shifted(of+".ts", least.Months, least.Span)
	}
	if c.Most != (Gap{}) {
		text += " AND " + at + ".ts" + to + end
	}
	where, err := r.cond(c.Where)
	text += " AND " + where + ")"
	if c.Most != (Gap{}) && !c.Back {
		text = "(CASE WHEN " + text + " THEN TRUE WHEN " + r.time(r.now) + " >= " + end + " THEN FALSE END)"
	}
	return text, err
}

// row is what events are in order of.
func row(of string) string {
	return "(" + of + ".ts, " + of + ".received_at, " + of + ".message_id)"
}

func (g Gap) negative() Gap { return Gap{-g.Months, -g.Span} }
