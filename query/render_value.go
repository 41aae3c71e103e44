package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value writes a value as SQL of its type.
func (r *renderer) value(v Value) (string, error) {
	switch x := v.(type) {
	case Literal:
		return r.literal(x), nil
	case Instant:
		return r.time(x.At(r.now)), nil
	case *Trait:
		return r.trait(x)
	case *Field:
		if x.Path == groupID {
			return r.typed(after(r.event(x.Up), r.cat.Field), x.Leaf(), Text)
		}
		if fixed[x.Path] != Untold {
			return r.event(x.Up) + "." + x.Path, nil
		}
		return r.typed(after(r.event(x.Up), r.cat.Field), x.Path, x.As)
	case *Cell:
		return r.cell(x)
	case *Shift:
		return r.shift(x)
	case *Call:
		return r.call(x)
	case *Agg:
		return r.agg(x)
	case Whether:
		s, err := r.cond(x.Cond)
		return "(" + s + ")", err // NOT binds less than a comparison
	case *Top:
		return r.top(x)
	case *Peers:
		return r.peers(x)
	}
	panic(fmt.Sprintf("unreachable: %T", v))
}

func (r *renderer) literal(l Literal) string {
	switch l.As {
	case Text:
		return r.bind(l.Text, "VARCHAR")
	case Number:
		return r.bind(l.Text, "DECIMAL(38,9)")
	case Bool:
		return r.bind(l.Bool, "BOOLEAN")
	}
	return r.time(l.Time)
}

// typed asks the catalog for a column. A time is read from text.
func (r *renderer) typed(of func(string, Type) (string, bool), path string, as Type) (string, error) {
	want := as
	if as == Time {
		want = Text
	}
	expr, ok := of(path, want)
	switch {
	case !ok:
		return "NULL::" + sqlTypes[as], nil
	case as == Time:
		return "(CASE WHEN regexp_full_match(" + expr + ", '" + times + "') THEN TRY_CAST(" + expr + " AS TIMESTAMPTZ)::TIMESTAMP END)", nil
	}
	return expr, nil
}

func (r *renderer) trait(t *Trait) (string, error) {
	of := r.of
	if of == "" {
		of = "p"
	}
	if t.Fixed {
		return of + "." + t.Path, nil
	}
	if def, in, ok := r.cat.Computed(t.Path); ok {
		return r.spelled(t, of, def, in)
	}
	if name, ok := r.cat.Trait(t.Path, Time); ok && t.As == Time {
		return of + "." + name, nil
	}
	return r.typed(after(of, r.cat.Trait), t.Path, t.As)
}

// spelled writes a computed trait out, once, as a sub-select over everybody.
func (r *renderer) spelled(t *Trait, of string, def Value, in Catalog) (string, error) {
	if def.Type() != t.As {
		return "NULL::" + sqlTypes[t.As], nil
	}
	name := r.computed[t.Path]
	if name == "" {
		sub := newRenderer(r.now, in)
		sub.args, sub.with, sub.computed = r.args, r.with, r.computed
		s, err := sub.value(def)
		if err != nil {
			return "", err
		}
		name = "t" + strconv.Itoa(len(sub.with)+1)
		r.args, r.with = sub.args, append(sub.with, name+" AS (SELECT p.id, "+s+" AS v FROM profiles p"+sub.joined()+")")
		r.computed[t.Path] = name
	}
	join := " LEFT JOIN " + name + " ON " + name + ".id = " + of + ".id"
	joins := &r.joins
	if of == "q" {
		joins = &r.inner
	}
	if !slices.Contains(*joins, join) {
		*joins = append(*joins, join)
	}
	return name + ".v", nil
}

// after puts what a column is of before it.
func after(of string, column func(string, Type) (string, bool)) func(string, Type) (string, bool) {
	return func(path string, as Type) (string, bool) {
		name, ok := column(path, as)
		return of + "." + name, ok
	}
}

func (r *renderer) cell(c *Cell) (string, error) {
	t, ok := r.cat.(tableCatalog)
	if !ok {
		panic("unreachable: a cell stands in a condition over a table")
	}
	return t.Cell(t.table, c.Column, c.As)
}

// shift adds a span to a time: months first.
func (r *renderer) shift(s *Shift) (string, error) {
	v, err := r.value(s.V)
	return shifted(v, s.Months, s.Span), err
}

func shifted(v string, months int64, span time.Duration) string {
	if months != 0 {
		v = "(" + v + " + to_months(" + strconv.FormatInt(months, 10) + "::INTEGER))"
	}
	if span != 0 {
		v = "(" + v + " + to_microseconds(" + strconv.FormatInt(span.Microseconds(), 10) + "))"
	}
	return v
}

func (r *renderer) call(c *Call) (string, error) {
	switch c.Fn {
	case Bucket:
		return r.bucket(c), nil
	case Trunc:
		of, err := r.value(c.Args[1])
		return "date_trunc('" + c.Args[0].(Literal).Text + "', " + of + ")", err // a unit of ours
	}
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		var err error
		if args[i], err = r.value(a); err != nil {
			return "", err
		}
	}
	switch c.Fn {
	case Lower:
		return "kith_fold(" + args[0] + ")", nil
	case Length:
		return "length(" + args[0] + ")::DECIMAL(38,9)", nil
	case Date:
		return "date_trunc('day', " + args[0] + ")", nil
	case LocalTime, UTCTime:
		return "kith_" + string(c.Fn) + "(" + args[0] + ", " + args[1] + ")", nil
	case Year, Month, MonthDay, Hour, Weekday:
		return string(c.Fn) + "(" + args[0] + ")::DECIMAL(38,9)", nil
	case Anniversary, NextAnniversary:
		return r.anniversary(c.Fn, args[0]), nil
	case Has:
		word := "kith_has_text("
		if c.Args[1].Type() == Number {
			word = "kith_has_number("
		}
		return word + strings.Join(args, ", ") + ")", nil
	case Distance:
		return "kith_distance(" + strings.Join(args, ", ") + ")", nil
	case Years:
		now := r.time(r.now)
		return "(CASE WHEN " + args[0] + " <= " + now + " THEN date_sub('year', " + args[0] + ", " + now + ")::DECIMAL(38,9) END)", nil
	}
	s := "coalesce("
	switch c.Fn {
	case Plus, Minus, Times, Over:
		return map[Func]string{Plus: "kith_add", Minus: "kith_subtract", Times: "kith_multiply", Over: "kith_divide"}[c.Fn] + "(" + args[0] + ", " + args[1] + ")", nil
	case Days:
		return "date_sub('day', " + args[0] + ", " + args[1] + ")::DECIMAL(38,9)", nil
	case Tier:
		s = "(CASE"
		for i := 2; i < len(args); i += 2 {
			s += " WHEN " + args[0] + " < " + args[i] + " THEN " + args[i-1]
		}
		return s + " WHEN " + args[0] + " IS NOT NULL THEN " + args[len(args)-1] + " END)", nil
	}
	for i, a := range args {
		if i > 0 {
			s += ", "
		}
		s += a
	}
	return s + ")", nil
}

// agg puts an aggregate in front, once for equal ones.
func (r *renderer) agg(a *Agg) (string, error) {
	p := &printer{}
	p.agg(a)
	key := p.b.String() + string(a.Type())
	if s, ok := r.subs[key]; ok {
		return s, nil
	}
	of, err := r.ofEvents(a.Of)
	if err != nil {
		return "", err
	}
	if a.Fn == Periods {
		text, err := r.periods(a)
		if err != nil {
			return "", err
		}
		r.subs[key] = "coalesce(" + r.sub(text) + ".v, 0)::DECIMAL(38,9)"
		return r.subs[key], nil
	}
	rows, err := r.rows(a.Where, a.Of)
	if err != nil {
		return "", err
	}
	var text string
	switch a.Fn {
	case Nth:
		dir := ""
		if a.Desc {
			dir = " DESC"
		}
		text = fmt.Sprintf("SELECT id, v FROM (SELECT e.profile_id AS id, %s AS v, row_number() OVER (PARTITION BY e.profile_id ORDER BY e.ts%s, e.received_at%s, e.message_id%s) AS n%s) WHERE n = %d",
			of, dir, dir, dir, rows, a.N)
	case MostFrequent, LeastFrequent:
		dir := " DESC"
		if a.Fn == LeastFrequent {
			dir = ""
		}
		text = "SELECT id, v FROM (SELECT id, v, row_number() OVER (PARTITION BY id ORDER BY n" + dir + ", v) AS k FROM (SELECT e.profile_id AS id, " + of + " AS v, count(*) AS n" + rows +
			" GROUP BY 1, 2) WHERE n >= 2 AND v IS NOT NULL) WHERE k = 1"
	case Percentile:
		percent := r.bind(a.Percent, "DECIMAL(18,9)")
		text = "SELECT id, v FROM (SELECT id, v, row_number() OVER (PARTITION BY id ORDER BY v) AS k, count(*) OVER (PARTITION BY id) AS n FROM (SELECT e.profile_id AS id, " + of + " AS v" + rows +
			") WHERE v IS NOT NULL) WHERE k * 100 >= n * " + percent + " AND (k - 1) * 100 < n * " + percent
	case UniqueList, Counts:
		text = r.gather(a, of, rows)
	case Share:
		text = r.share(a, of, rows)
	case Sum, Avg:
		text = summedSQL(a.Fn, of, rows)
	default:
		text = "SELECT e.profile_id AS id, " + aggregateSQL(a, of) + " AS v" + rows + " GROUP BY e.profile_id"
	}
	name := r.sub(text)
	s := name + ".v"
	if a.Fn.counts() {
		s = "coalesce(" + name + ".v, 0)::DECIMAL(38,9)"
	}
	r.subs[key] = s
	return s, nil
}

// ofEvents writes a value of events; empty: there is none.
func (r *renderer) ofEvents(v Value) (string, error) {
	if v == nil {
		return "", nil
	}
	before := r.of
	r.of = "q"
	defer func() { r.of = before }()
	return r.value(v)
}

func aggregateSQL(a *Agg, of string) string {
	switch {
	case a.Of == nil:
		return "count(*)"
	case a.Fn == Distinct:
		return "count(DISTINCT " + of + ")"
	}
	return string(a.Fn) + "(" + of + ")"
}

// summedSQL adds up numbers so that DuckDB never comes to a sum that it refuses:
// of those beyond 10^18 the whole parts apart, as integers. To add those of all
// apart takes ten times as long.
func summedSQL(fn AggFunc, of, rows string) string {
	const small = "v BETWEEN -1000000000000000000 AND 1000000000000000000"
	parts := "coalesce(sum(CASE WHEN NOT (" + small + ") THEN trunc(v)::HUGEINT END), 0), sum(CASE WHEN " + small + " THEN v ELSE v % 1 END)"
	joined := "kith_sum(" + parts + ")"
	if fn == Avg {
		joined = "kith_average(" + parts + ", count(v))"
	}
	return "SELECT id, " + joined + " AS v FROM (SELECT e.profile_id AS id, " + of + " AS v" + rows + ") GROUP BY id"
}

// share divides what the events that say a text weigh by what all do.
func (r *renderer) share(a *Agg, of, rows string) string {
	weight := "1"
	if a.Half != 0 {
		weight = "kith_weight(max(t) OVER (PARTITION BY id) - t, " + strconv.FormatInt(a.Half.Microseconds(), 10) + "::BIGINT)"
	}
	return "SELECT id, kith_divide(sum(CASE WHEN v = " + r.bind(a.Text, "VARCHAR") + " THEN w ELSE 0 END)::DECIMAL(38,9), sum(w)::DECIMAL(38,9)) AS v FROM (SELECT id, v, " + weight +
		" AS w FROM (SELECT e.profile_id AS id, " + of + " AS v, epoch_us(e.ts) AS t" + rows + ") WHERE v IS NOT NULL) GROUP BY id"
}

// top is the threshold of a rank: the n·percent/100-th from above, rounded up.
func (r *renderer) top(t *Top) (string, error) {
	of, err := r.value(t.Of)
	if err != nil {
		return "", err
	}
	joins := ""
	for _, j := range r.joins {
		joins += j
	}
	return "(SELECT min(v) FILTER (WHERE (n - 1) * 100 < total * " + r.bind(t.Percent, "DECIMAL(18,9)") + ") FROM (SELECT v, row_number() OVER (ORDER BY v DESC) AS n, count(*) OVER () AS total FROM (SELECT " +
		of + " AS v FROM profiles p" + joins + ") WHERE v IS NOT NULL))", nil
}

// periods counts the periods in which there are enough events.
func (r *renderer) periods(a *Agg) (string, error) {
	rows, err := r.rows(a.Where, nil)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("CASE")
	since, until := a.Last.edges()
	from := ""
	for i := range a.Last.Periods {
		from = r.begin(a.Last, i+1)
		fmt.Fprintf(&b, " WHEN e.ts %s %s THEN %d", since, from, i)
	}
	b.WriteString(" END")
	rows += " AND e.ts " + string(since) + " " + from + " AND e.ts " + string(until) + " " + r.begin(a.Last, 0)
	return fmt.Sprintf("SELECT id, count(*) AS v FROM (SELECT e.profile_id AS id, %s AS n%s GROUP BY ALL HAVING count(*) >= %d) GROUP BY id", &b, rows, a.N), nil
}

// begin writes where the n-th period from the last begins, or the last ends.
func (r *renderer) begin(l Last, n int64) string {
	return r.time((&reckoner{now: r.now}).value(l.begin(n)).at)
}
