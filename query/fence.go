package query

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	sqlparser "github.com/xwb1989/sqlparser"
)

// prefix is what the parser reads before the condition.
const prefix = "SELECT 1 FROM p WHERE "

// reader turns one text into a tree. The parser gets no text of the user's:
// names, values and functions go to it as numbers of their tokens, and only the
// words and signs of the grammar as they are. So a text means what our lexer
// says, and everything that the parser gives back has a place.
type reader struct {
	src    string
	tokens []token
	values map[int]value // by token
	out    strings.Builder
	starts []int // where each token begins in out
	depth  int
}

// value is a literal or an interval.
type value struct {
	Literal
	interval bool
	months   int64
	span     time.Duration
}

// words are those of the grammar that the parser gets as they are.
var words = set("AND OR NOT IN IS NULL LIKE BETWEEN EXISTS SELECT FROM WHERE AS DISTINCT ORDER BY ASC DESC LIMIT OFFSET ESCAPE REGEXP")

// refused are words of SQL that the language does without, and what to write.
var refused = map[string]string{
	"CASE": "write the cases with AND and OR", "GROUP": "an aggregate is over the person's events already", "HAVING": "compare the sub-select: (SELECT count(*) …) >= 3",
	"UNION": "use OR", "JOIN": "the events are the person's already", "WITH": "write the sub-select where it is used", "OVER": "use ORDER BY ts LIMIT 1", "FILTER": "write it after WHERE",
	"ANY": "use IN or EXISTS", "ALL": "use NOT EXISTS", "SOME": "use IN or EXISTS", "SIMILAR": "use REGEXP", "GLOB": "use LIKE or REGEXP", "COLLATE": "use lower(x)", "XOR": "use OR, AND and NOT",
	"DIV": "use /", "MOD": "numbers are added, subtracted, multiplied and divided", "CAST": "use number(x), text(x), time(x) or date(x)", "EXTRACT": "use year(t), month(t), day(t), hour(t) or dayofweek(t)", "FOR": "", "INTO": "", "UPDATE": "", "DELETE": "", "INSERT": "",
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// tree parses the tokens and gives the parser's tree.
func (r *reader) parse() (sqlparser.Expr, error) {
	for i := 0; i < len(r.tokens); {
		n, err := r.emit(i)
		if err != nil {
			return nil, err
		}
		i += n
	}
	if r.depth > 0 {
		return nil, at(r.src, len(r.src), "a parenthesis is not closed")
	}
	stmt, err := safely(prefix + "(" + r.out.String() + ")")
	if err != nil {
		return nil, r.syntax(err)
	}
	s, ok := stmt.(*sqlparser.Select)
	if !ok || s.Where == nil || s.GroupBy != nil || s.Having != nil || s.OrderBy != nil || s.Limit != nil || s.Lock != "" {
		return nil, at(r.src, 0, "a segment is one condition, what would stand after WHERE")
	}
	return s.Where.Expr, nil
}

// safely parses; the parser panics on some texts.
func safely(sql string) (stmt sqlparser.Statement, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the parser gives up at position %d", len(sql))
		}
	}()
	return sqlparser.Parse(sql)
}

// emit writes what the parser gets for the token i and those that belong to it,
// and says how many they are.
func (r *reader) emit(i int) (int, error) {
	t := &r.tokens[i]
	for len(r.starts) <= i {
		r.starts = append(r.starts, r.out.Len())
	}
	switch {
	case t.kind == text:
		return 1, r.literal(i, Literal{As: Text, Text: t.text})
	case t.kind == digits:
		n, err := decimal(t.text)
		if err != nil {
			return 0, at(r.src, t.pos, "%s", err)
		}
		return 1, r.literal(i, Literal{As: Number, Text: n})
	case t.kind == sign:
		return 1, r.sign(t)
	case t.kind == quoted || len(t.path) > 1:
		r.put("k" + strconv.Itoa(i))
		return 1, nil
	}
	return r.word(i, strings.ToUpper(t.text))
}

func (r *reader) put(s string) { r.out.WriteString(s + " ") }

func (r *reader) literal(i int, l Literal) error {
	r.values[i] = value{Literal: l}
	r.put(":v" + strconv.Itoa(i))
	return nil
}

func (r *reader) sign(t *token) error {
	switch t.text {
	case "(":
		if r.depth++; r.depth > mostDepth {
			return at(r.src, t.pos, "parentheses are nested deeper than %d", mostDepth)
		}
	case ")":
		if r.depth--; r.depth < 0 {
			return at(r.src, t.pos, "this parenthesis closes none")
		}
	}
	r.put(t.text)
	return nil
}

// peek gives the token i, or one that is nothing.
func (r *reader) peek(i int) *token {
	if i < len(r.tokens) {
		return &r.tokens[i]
	}
	return &token{}
}

// word writes a word without quotes: one of the grammar, a function, or a name.
func (r *reader) word(i int, up string) (int, error) {
	t, next := &r.tokens[i], r.peek(i+1)
	switch {
	case up == "TRUE" || up == "FALSE":
		r.put(up)
		return 1, nil
	case (up == "DATE" || up == "TIMESTAMP") && next.kind == text:
		when, ok := ParseTime(next.text)
		if !ok {
			return 0, at(r.src, next.pos, "this is no time: write DATE '2026-01-31' or TIMESTAMP '2026-01-31 12:00:00'")
		}
		return 2, r.literal(i, Literal{As: Time, Time: when})
	case up == "INTERVAL":
		return r.interval(i)
	case up == "IS":
		return r.is(i)
	case up == "ILIKE":
		r.put("LIKE")
		return 1, nil
	case up == "CURRENT_DATE" || up == "CURRENT_TIMESTAMP":
		r.put("f" + strconv.Itoa(i) + " ( )")
		if next.is("(") && r.peek(i+2).is(")") {
			return 3, nil
		}
		return 1, nil
	case words[up]:
		r.put(up)
		return 1, nil
	}
	if instead, ok := refused[up]; ok {
		if instead != "" {
			instead = ": " + instead
		}
		return 0, at(r.src, t.pos, "%s is not part of the language of segments%s; a name that is spelled so stands in double quotes", up, instead)
	}
	if next.is("(") {
		r.put("f" + strconv.Itoa(i))
		return 1, nil
	}
	r.put("k" + strconv.Itoa(i))
	return 1, nil
}

// is writes IS, and IS NOT DISTINCT FROM as the operator that it is.
func (r *reader) is(i int) (int, error) {
	switch {
	case r.peek(i + 1).is("DISTINCT"):
		return 0, at(r.src, r.tokens[i].pos, "IS DISTINCT FROM is not part of the language of segments: write NOT (a <=> b)")
	case r.peek(i+1).is("NOT") && r.peek(i+2).is("DISTINCT") && r.peek(i+3).is("FROM"):
		r.put("<=>")
		return 4, nil
	}
	r.put("IS")
	return 1, nil
}

var intervals = regexp.MustCompile(`^\s*(\d{1,40})\s*([A-Za-z]+)\s*$`)

// interval reads INTERVAL 30 DAY, INTERVAL '30' DAY or INTERVAL '30 days'.
func (r *reader) interval(i int) (int, error) {
	n, unit, used := r.peek(i+1), r.peek(i+2), 3
	count, name := n.text, unit.text
	if n.kind == text {
		if m := intervals.FindStringSubmatch(n.text); m != nil {
			count, name, used = m[1], m[2], 2
		}
	}
	k, err := strconv.ParseInt(strings.TrimSpace(count), 10, 32)
	u, ok := units[strings.TrimSuffix(strings.ToLower(name), "s")]
	long := errors.Is(err, strconv.ErrRange)
	if err != nil && !long || k < 0 || !ok || n.kind != text && n.kind != digits || used == 3 && unit.kind != word {
		return 0, at(r.src, r.tokens[i].pos, "an interval is written INTERVAL 30 DAY, with SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR")
	}
	v := value{interval: true, months: k * u.months, span: time.Duration(k) * u.span}
	if long || v.months > 12*1000 || u.span > 0 && k > int64(200*365*24*time.Hour/u.span) {
		return 0, at(r.src, r.tokens[i].pos, "the interval is too long: it has at most 1000 YEAR, or 73000 DAY and as much in weeks, hours, minutes or seconds")
	}
	r.values[i] = v
	r.put(":v" + strconv.Itoa(i))
	return used, nil
}

// units are those of an interval. A day has 24 hours, a week 7 days.
var units = map[string]struct {
	months int64
	span   time.Duration
}{
	"second": {0, time.Second}, "minute": {0, time.Minute}, "hour": {0, time.Hour}, "day": {0, 24 * time.Hour}, "week": {0, 7 * 24 * time.Hour},
	"month": {1, 0}, "quarter": {3, 0}, "year": {12, 0},
}

var place = regexp.MustCompile(`at position (\d+)`)

// syntax turns an error of the parser into one with a place in the user's text.
func (r *reader) syntax(err error) error {
	m := place.FindStringSubmatch(err.Error())
	if m == nil {
		return at(r.src, 0, "the condition is not understood")
	}
	n, _ := strconv.Atoi(m[1])
	n -= len(prefix) + 2 // the parenthesis, and the parser has read one character too far
	k := 0
	for k+1 < len(r.starts) && r.starts[k+1] < n {
		k++
	}
	if n > r.out.Len() || len(r.tokens) == 0 {
		return r.early()
	}
	t := &r.tokens[k]
	if pos, instead := r.instead(k); instead != "" {
		return at(r.src, pos, "%s", instead)
	}
	return at(r.src, t.pos, "%s is not expected here", t.show())
}

// early says that the condition ends too early, and where a comment hides the rest.
func (r *reader) early() error {
	if t := r.peek(len(r.tokens) - 1); t.kind == word || t.kind == sign {
		if n := strings.Index(r.src[t.pos:], "--"); n >= 0 {
			return at(r.src, t.pos+n, "the condition ends too early: -- begins a comment; a minus before another stands apart, as in - -5")
		}
	}
	return at(r.src, len(r.src), "the condition ends too early")
}

// instead says what to write for what other dialects write where the token k is
// not expected, and where that begins.
func (r *reader) instead(k int) (int, string) {
	t, before := &r.tokens[k], &token{}
	if k > 0 {
		before = &r.tokens[k-1]
	}
	switch {
	case t.is("RLIKE"):
		return t.pos, "RLIKE is not part of the language of segments: use REGEXP"
	case t.is(")") && before.is("(") && k > 1 && r.tokens[k-2].is("IN"):
		return before.pos, "the list of IN is empty: write its values, as in IN ('a', 'b')"
	case t.kind == text && before.kind == word && before.pos+len(before.text) == t.pos:
		return before.pos, before.show() + " before a string is not part of the language of segments: write the string itself in quotes, in which '' is one quote and nothing else is special"
	}
	return 0, ""
}
