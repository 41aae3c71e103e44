package query

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Print gives the text of a condition, in one form: Parse gives the same tree for it.
func Print(c Cond) string {
	p := &printer{}
	p.cond(c, 0)
	return p.b.String()
}

// printer writes a tree as text.
type printer struct {
	b      strings.Builder
	inside bool // a sub-select over events, where bare names are the event's
}

func (p *printer) put(s string) { p.b.WriteString(s) }

// How strongly conditions bind.
const (
	bindOr = iota + 1
	bindAnd
	bindNot
)

// cond writes a condition, in parentheses if it binds less than its place needs.
func (p *printer) cond(c Cond, need int) {
	switch x := c.(type) {
	case And:
		p.chain(x, " AND ", bindAnd, need)
	case Or:
		p.chain(x, " OR ", bindOr, need)
	case Not:
		p.not(x)
	case Const:
		p.put(strings.ToUpper(strconv.FormatBool(bool(x))))
	case *Compare:
		p.compare(x)
	case *In:
		p.in(x, "")
	case *Like:
		p.like(x, "")
	case *Missing:
		p.told(x.V, Untold)
		p.put(" IS NULL")
	case *Truth:
		p.told(x.V, Bool)
	case *Exists:
		p.put("EXISTS (SELECT 1 FROM events")
		p.inside = true
		p.where(x.Where)
		p.inside = false
		p.put(")")
	case *Near:
		p.near(x)
	case *Member:
		p.put("in_segment(" + quote(x.Segment) + ")")
	case *OnList:
		p.put("in_list(" + quote(x.List) + ")")
	case *Listed:
		p.listed(x, "")
	default:
		panic(fmt.Sprintf("unreachable: %T", c))
	}
}

func (p *printer) chain(list []Cond, word string, binds, need int) {
	if binds <= need {
		p.put("(")
		defer p.put(")")
	}
	for i, c := range list {
		if i > 0 {
			p.put(word)
		}
		p.cond(c, binds)
	}
}

// not writes NOT where SQL has it: in front, or inside of some conditions.
func (p *printer) not(n Not) {
	switch x := n.Cond.(type) {
	case *In:
		p.in(x, "NOT ")
	case *Like:
		p.like(x, "NOT ")
	case *Listed:
		p.listed(x, "NOT ")
	case *Missing:
		p.told(x.V, Untold)
		p.put(" IS NOT NULL")
	case *Compare, And, Or:
		if c, ok := x.(*Compare); ok && p.joint(c, "NOT ") {
			return
		}
		p.put("NOT (")
		p.cond(x, 0)
		p.put(")")
	default:
		p.put("NOT ")
		p.cond(x, bindNot)
	}
}

func (p *printer) compare(c *Compare) {
	if p.joint(c, "") {
		return
	}
	if bare(c.L) == Untold && bare(c.R) == Untold {
		p.told(c.L, Untold)
	} else {
		p.value(c.L)
	}
	p.put(" " + string(c.Op) + " ")
	p.value(c.R)
}

func (p *printer) in(c *In, not string) {
	p.told(c.V, c.V.Type())
	p.put(" " + not + "IN (")
	for i, l := range c.List {
		if i > 0 {
			p.put(", ")
		}
		p.value(l)
	}
	if c.Null {
		p.put(", NULL")
	}
	p.put(")")
}

func (p *printer) like(c *Like, not string) {
	p.told(c.V, Text)
	word := "LIKE "
	switch {
	case c.Regexp:
		word = "REGEXP "
	case c.Fold:
		word = "ILIKE "
	}
	p.put(" " + not + word + quote(c.Pattern))
	if c.Escape != 0 {
		p.put(" ESCAPE " + quote(string(c.Escape)))
	}
}

func (p *printer) listed(c *Listed, not string) {
	p.told(c.V, Text)
	p.put(" " + not + "IN (SELECT " + name("", c.Column) + " FROM " + name("", c.Table))
	p.where(c.Where)
	p.put(")")
}

// near writes followed_by and preceded_by.
func (p *printer) near(x *Near) {
	p.put(nearWords[x.Back] + "(")
	p.cond(x.Where, 0)
	for _, g := range []Gap{x.Least, x.Most} {
		if g != (Gap{}) {
			p.put(", " + g.show())
		}
	}
	p.put(")")
}

var nearWords = map[bool]string{false: "followed_by", true: "preceded_by"}

func (p *printer) where(c Cond) {
	if c != nil {
		p.put(" WHERE ")
		p.cond(c, 0)
	}
}

// bare is how a value would be read where it stands alone.
func bare(v Value) Type {
	switch x := v.(type) {
	case *Trait:
		if !x.Fixed {
			return Untold
		}
	case *Field:
		return fixed[x.Path]
	case *Cell:
		return Untold
	case *Agg:
		if x.Fn == Min || x.Fn == Max || x.Fn == Nth {
			return bare(x.Of)
		}
	case *Call:
		if x.Fn == Coalesce {
			for _, a := range x.Args {
				if t := bare(a); t != Untold {
					return t
				}
			}
			return Untold
		}
	}
	return v.Type()
}

// told writes a value in a place where it would be read as a type, and says how
// else it is read if it is.
func (p *printer) told(v Value, as Type) {
	if t := v.Type(); bare(v) == t || t == as && t != Untold {
		p.value(v)
		return
	}
	p.put(map[Type]string{Number: "number(", Text: "text(", Bool: "bool(", Time: "time("}[v.Type()])
	p.value(v)
	p.put(")")
}

func (p *printer) value(v Value) {
	switch x := v.(type) {
	case Literal:
		p.literal(x)
	case Instant:
		word := "now()"
		if x.Day && x.Months == 0 && x.Span == 0 {
			word = "current_date"
		}
		p.put(word)
		p.spans(x.Months, x.Span)
	case *Trait:
		p.trait(x)
	case *Field:
		p.put(strings.Repeat("outer.", x.Up))
		if root, rest, ok := strings.Cut(x.Path, "."); ok {
			p.put(root + "." + path(rest))
		} else {
			p.put(x.Path)
		}
	case Whether:
		p.cond(x.Cond, 0)
	case *Cell:
		p.put(name("", x.Column))
	case *Shift:
		p.told(x.V, Time)
		p.spans(x.Months, x.Span)
	case *Call:
		p.call(x)
	case *Agg:
		p.agg(x)
	case *Top:
		p.put("top_percent(" + x.Percent + ", ")
		p.told(x.Of, Number)
		p.put(")")
	case *Peers:
		p.put("(SELECT count(*)")
		p.peers(x)
	default:
		panic(fmt.Sprintf("unreachable: %T", v))
	}
}

func (p *printer) literal(l Literal) {
	switch l.As {
	case Text:
		p.put(quote(l.Text))
	case Number:
		p.put(l.Text)
	case Bool:
		p.put(strings.ToUpper(strconv.FormatBool(l.Bool)))
	case Time:
		p.put("TIMESTAMP '" + l.Time.Format("2006-01-02 15:04:05.999999") + "'")
	}
}

// spans writes what is added to a time.
func (p *printer) spans(months int64, span time.Duration) {
	write := func(n int64, unit string) {
		if n < 0 {
			p.put(fmt.Sprintf(" - INTERVAL %d %s", -n, unit))
		} else if n > 0 {
			p.put(fmt.Sprintf(" + INTERVAL %d %s", n, unit))
		}
	}
	write(months, "MONTH")
	for _, u := range []struct {
		d    time.Duration
		unit string
	}{{24 * time.Hour, "DAY"}, {time.Hour, "HOUR"}, {time.Minute, "MINUTE"}, {time.Second, "SECOND"}} {
		if span%u.d == 0 {
			write(int64(span/u.d), u.unit)
			return
		}
	}
}

// bindSum and bindProduct are how strongly arithmetic binds.
const (
	bindSum = iota + 1
	bindProduct
)

// calculation writes arithmetic, in parentheses if it binds less than its place needs.
func (p *printer) calculation(c *Call, need int) {
	binds := bindSum
	if c.Fn == Times || c.Fn == Over {
		binds = bindProduct
	}
	if binds < need {
		p.put("(")
		defer p.put(")")
	}
	for i, a := range c.Args {
		if i > 0 {
			p.put(" " + string(c.Fn) + " ")
		}
		if x, ok := a.(*Call); ok && arithmetic[string(x.Fn)] != "" {
			p.calculation(x, binds+i)
		} else {
			p.told(a, Number)
		}
	}
}

func (p *printer) call(c *Call) {
	if arithmetic[string(c.Fn)] != "" {
		p.calculation(c, 0)
		return
	}
	p.put(string(c.Fn) + "(")
	as := map[Func]Type{Lower: Text, Length: Text, Date: Time, Years: Time, Days: Time, Trunc: Time, LocalTime: Time, UTCTime: Time, Tier: Number, Anniversary: Time, NextAnniversary: Time, Distance: Number}[c.Fn]
	switch {
	case parts[c.Fn]:
		as = Time
	case c.Fn == Has: // it says itself how the name is read
		as = c.Args[0].Type()
	}
	for i, a := range c.Args {
		if i > 0 {
			p.put(", ")
		}
		p.told(a, as)
	}
	p.put(")")
}

func (p *printer) agg(a *Agg) {
	p.inside = true
	defer func() { p.inside = false }()
	p.put("(SELECT ")
	switch {
	case a.Fn == Nth:
		p.value(a.Of)
	case a.Fn == Periods:
		p.periods(a)
	case a.Of == nil:
		p.put("count(*)")
	case a.Fn == Distinct:
		p.put("count(DISTINCT ")
		p.told(a.Of, Text)
		p.put(")")
	case a.Fn == Count:
		p.put("count(")
		p.told(a.Of, Text)
		p.put(")")
	case a.Fn == Percentile && a.Percent == "50":
		p.put("median(")
		p.told(a.Of, Number)
		p.put(")")
	case a.Fn == Percentile:
		p.put("percentile(")
		p.told(a.Of, Number)
		p.put(", " + a.Percent + ")")
	case a.Fn == MostFrequent || a.Fn == LeastFrequent || a.Fn == UniqueList || a.Fn == Counts:
		p.put(string(a.Fn) + "(")
		p.told(a.Of, Text)
		p.put(")")
	case a.Fn == Share:
		p.share(a)
	case a.Fn == Sum || a.Fn == Avg:
		p.put(string(a.Fn) + "(")
		p.told(a.Of, Number)
		p.put(")")
	default:
		p.put(string(a.Fn) + "(")
		p.value(a.Of)
		p.put(")")
	}
	p.put(" FROM events")
	p.where(a.Where)
	if a.Fn == Nth {
		p.put(" ORDER BY ts")
		if a.Desc {
			p.put(" DESC")
		}
		p.put(" LIMIT 1")
		if a.N > 1 {
			p.put(" OFFSET " + strconv.FormatInt(a.N-1, 10))
		}
	}
	p.put(")")
}

func (p *printer) periods(a *Agg) {
	p.put("active_periods(" + a.Last.Every.show() + ", " + strconv.FormatInt(a.Last.Periods, 10))
	if a.N > 1 || a.Last.End != nil {
		p.put(", " + strconv.FormatInt(a.N, 10))
	}
	if a.Last.End != nil {
		p.put(", ")
		p.value(a.Last.End)
	}
	if a.Last.Zone != "" {
		p.put(", " + quote(a.Last.Zone))
	}
	p.put(")")
}

func (p *printer) share(a *Agg) {
	p.put("share(")
	p.told(a.Of, Text)
	p.put(", " + quote(a.Text))
	if a.Half != 0 {
		p.put(", " + Gap{Span: a.Half}.show())
	}
	p.put(")")
}

// show writes a span as an interval.
func (g Gap) show() string {
	p := &printer{}
	p.spans(g.Months, g.Span)
	return strings.TrimPrefix(p.b.String(), " + ")
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// taken are the words that mean something where a name could stand.
var taken = set("TRUE FALSE NULL INTERVAL ILIKE CURRENT_DATE CURRENT_TIMESTAMP PROFILES OUTER TRAITS EVENTS PROPERTIES CONTEXT DATE TIMESTAMP")

// trait writes the name of a trait; that of one which would mean something else after traits.
func (p *printer) trait(t *Trait) {
	first, _, _ := strings.Cut(strings.ToLower(t.Path), ".")
	prefix := ""
	if !t.Fixed && fixedTraits[strings.ToLower(t.Path)] != Untold || p.inside && first == "traits" {
		prefix = "traits."
	}
	switch {
	case p.inside:
		p.put("profiles." + prefix + path(t.Path))
	case t.Fixed:
		p.put(t.Path)
	default:
		p.put(name(prefix, t.Path))
	}
}

// name writes a name with a prefix, quoted if it has to be.
func name(prefix, s string) string {
	first, _, dots := strings.Cut(s, ".")
	up := strings.ToUpper(first)
	if _, no := refused[up]; prefix == "" && (no || words[up] || taken[up]) {
		if !dots {
			return `"` + s + `"`
		}
		return "traits." + path(s)
	}
	return prefix + path(s)
}

// path writes the parts of a name after the first dot.
func path(s string) string {
	for _, part := range strings.Split(s, ".") {
		if !plain.MatchString(part) {
			return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
	}
	return s
}
