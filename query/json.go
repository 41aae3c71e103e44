package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kithdb/kith"
)

// node is a condition or a value as JSON: the one form for programs. What a
// node is called and which members it has, docs/segments.md says.
type node struct {
	Node    string `json:"node"`
	Op      string `json:"op,omitempty"`
	As      string `json:"as,omitempty"`
	Path    string `json:"path,omitempty"`
	Text    string `json:"text,omitempty"`
	Table   string `json:"table,omitempty"`
	Months  int64  `json:"months,omitempty"`
	Micros  int64  `json:"microseconds,omitempty"`
	N       int64  `json:"n,omitempty"`
	True    bool   `json:"true,omitempty"`
	Fixed   bool   `json:"fixed,omitempty"`
	Null    bool   `json:"null,omitempty"`
	Day     bool   `json:"day,omitempty"`
	Desc    bool   `json:"descending,omitempty"`
	Fold    bool   `json:"fold,omitempty"`
	Escape  string `json:"escape,omitempty"`
	Of      []node `json:"of,omitempty"`
	Where   *node  `json:"where,omitempty"`
	Percent string `json:"percent,omitempty"`
	Outer   int    `json:"outer,omitempty"`
	Periods int64  `json:"periods,omitempty"`
	Every   *node  `json:"every,omitempty"`
	End     *node  `json:"end,omitempty"`
	Zone    string `json:"zone,omitempty"`
	Least   *node  `json:"least,omitempty"`
	Most    *node  `json:"most,omitempty"`
}

// ToJSON gives the JSON form of a condition.
func ToJSON(c Cond) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(condNode(c)); err != nil {
		panic("unreachable: a node is always JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// FromJSON reads a condition. It may say what a text may say, and nothing else:
// what its text is not read as is refused.
func FromJSON(data []byte) (c Cond, err error) {
	bad := func(err error) error {
		return &kith.Error{Op: "query.FromJSON", Kind: kith.ErrInvalid, Err: err}
	}
	n, err := readNode(data)
	if err != nil {
		return nil, bad(err)
	}
	defer func() {
		if p := recover(); p != nil { // what no text can say need not be printable
			c, err = nil, bad(errUnsaid)
		}
	}()
	if c, err = n.cond(0); err != nil {
		return nil, bad(err)
	}
	d2, err := Parse(Print(c))
	if err != nil {
		return nil, bad(fmt.Errorf("as text: %w", err))
	}
	if !bytes.Equal(ToJSON(c), ToJSON(d2)) {
		return nil, bad(errUnsaid)
	}
	return d2, nil
}

// readNode reads JSON.
func readNode(data []byte) (n node, err error) {
	if len(data) > 8*mostText {
		return n, fmt.Errorf("it is longer than %d bytes", 8*mostText)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return n, err
	}
	if d.More() {
		return n, fmt.Errorf("something stands after it")
	}
	return n, nil
}

func list(kind string, of []Cond) node {
	n := node{Node: kind}
	for _, c := range of {
		n.Of = append(n.Of, condNode(c))
	}
	return n
}

func whereNode(c Cond) *node {
	if c == nil {
		return nil
	}
	n := condNode(c)
	return &n
}

func gapNode(g Gap) *node {
	if g == (Gap{}) {
		return nil
	}
	return &node{Node: "span", Months: g.Months, Micros: g.Span.Microseconds()}
}

func condNode(c Cond) node {
	switch x := c.(type) {
	case And:
		return list("and", x)
	case Or:
		return list("or", x)
	case Not:
		return list("not", []Cond{x.Cond})
	case Const:
		return node{Node: "const", True: bool(x)}
	case *Compare:
		return node{Node: "compare", Op: string(x.Op), Of: []node{valueNode(x.L), valueNode(x.R)}}
	case *In:
		n := node{Node: "in", Null: x.Null, Of: []node{valueNode(x.V)}}
		for _, l := range x.List {
			n.Of = append(n.Of, valueNode(l))
		}
		return n
	case *Like:
		n := node{Node: "like", Text: x.Pattern, Fold: x.Fold, Of: []node{valueNode(x.V)}}
		if x.Regexp {
			n.Node = "regexp"
		}
		if x.Escape != 0 {
			n.Escape = string(x.Escape)
		}
		return n
	case *Missing:
		return node{Node: "missing", Of: []node{valueNode(x.V)}}
	case *Truth:
		return node{Node: "truth", Of: []node{valueNode(x.V)}}
	case *Exists:
		return node{Node: "exists", Where: whereNode(x.Where)}
	case *Near:
		return node{Node: nearWords[x.Back], Where: whereNode(x.Where), Least: gapNode(x.Least), Most: gapNode(x.Most)}
	case *Member:
		return node{Node: "segment", Text: x.Segment}
	case *OnList:
		return node{Node: "list", Text: x.List}
	case *Listed:
		return node{Node: "listed", Table: x.Table, Path: x.Column, Where: whereNode(x.Where), Of: []node{valueNode(x.V)}}
	}
	panic(fmt.Sprintf("unreachable: %T", c))
}

var typeWords = map[Type]string{Text: "text", Number: "number", Bool: "bool", Time: "time", List: "array"}

func valueNode(v Value) node {
	switch x := v.(type) {
	case Literal:
		n := node{Node: "literal", As: typeWords[x.As], Text: x.Text, True: x.Bool}
		if x.As == Time {
			n.Text = x.Time.Format(time.RFC3339Nano)
		}
		return n
	case Instant:
		return node{Node: "now", Months: x.Months, Micros: x.Span.Microseconds(), Day: x.Day}
	case *Trait:
		return node{Node: "trait", Path: x.Path, Fixed: x.Fixed, As: typeWords[x.As]}
	case *Field:
		return node{Node: "field", Path: x.Path, As: typeWords[x.As], Outer: x.Up}
	case Whether:
		return node{Node: "whether", Where: whereNode(x.Cond)}
	case *Cell:
		return node{Node: "cell", Path: x.Column, As: typeWords[x.As]}
	case *Shift:
		return node{Node: "shift", Months: x.Months, Micros: x.Span.Microseconds(), Of: []node{valueNode(x.V)}}
	case *Call:
		n := node{Node: "call", Op: string(x.Fn)}
		for _, a := range x.Args {
			n.Of = append(n.Of, valueNode(a))
		}
		return n
	case *Agg:
		n := node{Node: "aggregate", Op: string(x.Fn), N: x.N, Desc: x.Desc, Percent: x.Percent, Where: whereNode(x.Where), Periods: x.Last.Periods, Every: gapNode(x.Last.Every), Zone: x.Last.Zone, Text: x.Text, Micros: x.Half.Microseconds()}
		if x.Of != nil {
			n.Of = []node{valueNode(x.Of)}
		}
		switch end := x.Last.End; end {
		case nil:
		case Value(Instant{Day: true}):
			n.Day = true
		default:
			end := valueNode(end)
			n.End = &end
		}
		return n
	case *Peers:
		return node{Node: "peers", Of: []node{valueNode(x.Key)}, Where: whereNode(x.Where)}
	case *Top:
		return node{Node: "top", Percent: x.Percent, Of: []node{valueNode(x.Of)}}
	}
	panic(fmt.Sprintf("unreachable: %T", v))
}
