package source

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"go.yaml.in/yaml/v3"
)

// longestMapping is how many bytes a mapping may have.
const longestMapping = 1 << 20

// Parse reads a mapping. An unknown key or a wrong value is ErrInvalid, and
// names the line and what could stand there instead.
func Parse(text []byte) (*Mapping, error) {
	if len(text) > longestMapping {
		return nil, bad(1, "a mapping has at most %d bytes", longestMapping)
	}
	var doc, next yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(text))
	err := in.Decode(&doc)
	if err == nil {
		err = in.Decode(&next)
	}
	if err != nil && err != io.EOF {
		return nil, badYAML(err)
	}
	if next.Line > 0 {
		return nil, bad(next.Line, "a mapping is one document of YAML, and here another begins")
	}
	if len(doc.Content) == 0 {
		return nil, bad(1, "it is empty; it begins with kith: 1")
	}
	m := &Mapping{zone: time.UTC}
	if err := m.read(doc.Content[0]); err != nil {
		return nil, err
	}
	m.checkKeys(&doc)
	return m, nil
}

var fromOutside = regexp.MustCompile(`(?i)\benv *\( *'([^']+)' *\)`)

// checkKeys notes a few digits of what each key of the environment does, which
// tell one key from another and not what it is.
func (m *Mapping) checkKeys(n *yaml.Node) {
	for _, found := range fromOutside.FindAllStringSubmatch(n.Value, -1) {
		if m.keys == nil {
			m.keys = map[string]string{}
		}
		h := hmac.New(sha256.New, []byte(os.Getenv(found[1])))
		h.Write([]byte("kith check of a key"))
		m.keys[found[1]] = hex.EncodeToString(h.Sum(nil)[:4])
	}
	for _, c := range n.Content {
		m.checkKeys(c)
	}
}

// bad is an error of the mapping's text.
func bad(line int, why string, args ...any) error {
	return &kith.Error{Op: "source.Parse", On: "mapping line " + strconv.Itoa(line), Kind: kith.ErrInvalid, Err: fmt.Errorf(why, args...)}
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// badYAML puts an error of the YAML library in our words, with its line.
func badYAML(err error) error {
	line, why := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(why); m != nil {
		line, _ = strconv.Atoi(m[1])
		why = m[2]
	}
	for _, sign := range [...]string{"cannot start any token", "did not find expected", "unknown anchor", "mapping values are not allowed"} {
		if strings.Contains(why, sign) {
			return bad(line, `YAML: %s; a value that begins with a quote, a backtick or a bracket, or that has ": " or " #" in it, is written "{…}", as is one with a comma inside {} or []`, why)
		}
	}
	return bad(line, "YAML: %s", why)
}

// comma tells what became of an expression whose comma YAML took for the end of a value.
func comma(key string) string {
	if strings.HasSuffix(key, ")") && strings.Count(key, "(") < strings.Count(key, ")") {
		return `; inside {} and [] a comma ends a value: an expression with one is written "{…}", or on a line of its own`
	}
	return ""
}

// badExpr gives an error of an expression its line.
func badExpr(n *yaml.Node, err error) error {
	var s *syntax
	if errors.As(err, &s) {
		return bad(n.Line, "%q, %v", short(n.Value), s)
	}
	return bad(n.Line, "%v", err)
}

// short cuts a text of the mapping for a message.
func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// pair is a key with its value.
type pair struct {
	key   string
	line  int
	value *yaml.Node
}

// pairs gives the members of a block, which may only have the keys named.
func pairs(n *yaml.Node, what string, keys ...string) ([]pair, error) {
	if n.Kind != yaml.MappingNode {
		return nil, bad(n.Line, "%s is a block of key: value%s", what, allowed(keys))
	}
	out := make([]pair, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			return nil, bad(k.Line, "a key is a word")
		case v.Kind == yaml.AliasNode || v.Anchor != "" || k.Tag == "!!merge":
			return nil, bad(k.Line, "anchors and aliases (&, *, <<) mean nothing in a mapping; text that begins so is written in quotes")
		case len(keys) > 0 && !slices.Contains(keys, k.Value):
			return nil, bad(k.Line, "%q means nothing in %s%s%s", short(k.Value), what, allowed(keys), comma(k.Value))
		case slices.ContainsFunc(out, func(p pair) bool { return p.key == k.Value }):
			return nil, bad(k.Line, "%q stands there twice%s", short(k.Value), comma(k.Value))
		}
		out = append(out, pair{k.Value, k.Line, v})
	}
	return out, nil
}

func allowed(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return "; there may be " + strings.Join(keys, ", ")
}

// scalar gives a plain value.
func scalar(p pair) (string, error) {
	if p.value.Kind != yaml.ScalarNode || p.value.Tag == "!!null" {
		return "", bad(p.line, "%s needs one value", p.key)
	}
	return p.value.Value, nil
}

// scalars gives one value or a list of them.
func scalars(p pair) ([]string, error) {
	if p.value.Kind != yaml.SequenceNode {
		s, err := scalar(p)
		return []string{s}, err
	}
	var out []string
	for _, n := range p.value.Content {
		s, err := scalar(pair{p.key, n.Line, n})
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (m *Mapping) read(top *yaml.Node) error {
	ps, err := pairs(top, "a mapping", "kith", "source", "format", "time", "id", "person", "except", "rows")
	if err != nil {
		return err
	}
	version := false
	readers := map[string]func(pair) error{
		"kith": func(p pair) error {
			if version = p.value.Value == "1"; !version {
				return bad(p.line, "this reads version 1: kith: 1")
			}
			return nil
		},
		"source": func(p pair) (err error) { m.source, err = scalar(p); return err },
		"format": m.readFormat, "time": m.readTime, "id": m.readID, "person": m.readPerson,
		"except": func(p pair) (err error) { m.except, err = condition(p); return err },
		"rows":   m.readRows,
	}
	for _, p := range ps {
		if err := readers[p.key](p); err != nil {
			return err
		}
	}
	switch {
	case !version:
		return bad(top.Line, "kith: 1 is missing: the version of the language")
	case m.format.kind == "":
		return bad(top.Line, "format is missing: %s", strings.Join(formats, ", "))
	case len(m.people) == 0:
		return bad(top.Line, "person is missing: who a row is about, such as person: {user_id: customer_id}")
	case len(m.rules) == 0:
		return bad(top.Line, "rows is missing: what becomes of the rows, such as rows: [{track: Order Completed}]")
	}
	return nil
}

var formats = []string{"csv", "ndjson", "json", "parquet", "log"}

// encodings are the words for them.
var encodings = []string{"utf-8", "latin-1", "windows-1252", "utf-16"}

func (m *Mapping) readFormat(p pair) error {
	if p.value.Kind == yaml.ScalarNode {
		return m.format.setKind(p)
	}
	ps, err := pairs(p.value, "format", "type", "delimiter", "encoding", "columns", "empty")
	if err != nil {
		return err
	}
	for _, p := range ps {
		switch p.key {
		case "type":
			err = m.format.setKind(p)
		case "delimiter":
			err = m.format.setDelimiter(p)
		case "encoding":
			if m.format.encoding, err = scalar(p); err == nil && !slices.Contains(encodings, m.format.encoding) {
				err = bad(p.line, "encoding is one of %s", strings.Join(encodings, ", "))
			}
		case "columns":
			if m.format.columns, err = scalars(p); err == nil && twice(m.format.columns) {
				err = bad(p.line, "columns have names, and no two have the same")
			}
		case "empty":
			m.format.empty, err = scalars(p)
		}
		if err != nil {
			return err
		}
	}
	if f := m.format; f.kind != "csv" && (f.delimiter != 0 || f.columns != nil) {
		return bad(p.line, "delimiter and columns are for csv")
	}
	return nil
}

func twice(names []string) bool {
	for i, name := range names {
		if name == "" || slices.Contains(names[:i], name) {
			return true
		}
	}
	return false
}

func (f *format) setKind(p pair) (err error) {
	if f.kind, err = scalar(p); err == nil && !slices.Contains(formats, f.kind) {
		err = bad(p.line, "format is one of %s", strings.Join(formats, ", "))
	}
	return err
}

func (f *format) setDelimiter(p pair) error {
	s, err := scalar(p)
	if err != nil {
		return err
	}
	if s == "tab" || s == `\t` {
		s = "\t"
	}
	if len(s) != 1 || !strings.Contains(delimiters, s) {
		return bad(p.line, "delimiter is one of , ; | tab, in quotes")
	}
	f.delimiter = s[0]
	return nil
}

// condition reads a condition, in quotes or not.
func condition(p pair) (*expr, error) {
	s, err := scalar(p)
	if err != nil {
		return nil, err
	}
	e, err := parseCond(s)
	if err != nil {
		return nil, badExpr(p.value, err)
	}
	return e, nil
}

// valueOf reads a value: an expression, or, in quotes, a text with {…} in it.
func valueOf(n *yaml.Node) (e *expr, err error) {
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null":
		return nil, bad(n.Line, `a value is needed: a column, an expression, or a "text" in quotes`)
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		e, err = parseTemplate(n.Value)
	default:
		e, err = parseExpr(n.Value)
	}
	if err != nil {
		return nil, badExpr(n, err)
	}
	return e, nil
}

// nameOf reads a name: a text with {…} in it, in quotes or not.
func nameOf(p pair) (*expr, error) {
	s, err := scalar(p)
	if err != nil {
		return nil, err
	}
	e, err := parseTemplate(s)
	if err != nil {
		return nil, badExpr(p.value, err)
	}
	if e.op == "constant" && e.value.kind == nothing {
		return nil, bad(p.line, "%s needs a name", p.key)
	}
	return e, nil
}

func (m *Mapping) readID(p pair) error {
	nodes := []*yaml.Node{p.value}
	if p.value.Kind == yaml.SequenceNode {
		nodes = p.value.Content
	}
	for _, n := range nodes {
		e, err := valueOf(n)
		if err != nil {
			return err
		}
		m.id = append(m.id, e)
	}
	for _, e := range m.id {
		if e.column() != "" {
			return nil
		}
	}
	return bad(p.line, "an id is made of columns: with a constant one, all rows after the first would be repeats")
}

func (m *Mapping) readTime(p pair) (err error) {
	m.time = &when{reading: reading{layouts: []layout{{iso}}}}
	if p.value.Kind == yaml.ScalarNode {
		m.time.value, err = valueOf(p.value)
		return err
	}
	ps, err := pairs(p.value, "time", "column", "layout", "zone")
	if err != nil {
		return err
	}
	for _, p := range ps {
		switch p.key {
		case "column":
			err = m.time.readColumns(p)
		case "layout":
			err = m.time.readLayouts(p)
		case "zone":
			var name string
			if name, err = scalar(p); err == nil {
				if m.zone, err = parseZone(name); err != nil {
					err = bad(p.line, "%v", err)
				}
			}
		}
		if err != nil {
			return err
		}
	}
	if m.time.value == nil {
		return bad(p.line, "time needs column: the column, or the list of columns, that says when")
	}
	return nil
}

// readColumns joins several columns with a blank.
func (w *when) readColumns(p pair) (err error) {
	if p.value.Kind != yaml.SequenceNode {
		w.value, err = valueOf(p.value)
		return err
	}
	join := &expr{op: "template"}
	for i, n := range p.value.Content {
		e, err := valueOf(n)
		if err != nil {
			return err
		}
		if i > 0 {
			join.args = append(join.args, &expr{op: "constant", value: textOf([]byte(" "))})
		}
		join.args = append(join.args, e)
	}
	if len(join.args) == 0 {
		return bad(p.line, "column is a column or a list of columns")
	}
	w.value = join
	return nil
}

func (w *when) readLayouts(p pair) error {
	names, err := scalars(p)
	if err != nil {
		return err
	}
	w.layouts = nil
	for _, name := range names {
		l, err := parseLayout(name)
		if err != nil {
			return bad(p.line, "%v", err)
		}
		w.layouts = append(w.layouts, l)
	}
	return nil
}
