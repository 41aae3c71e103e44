package source

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spaces are the identifiers that have a place of their own in a call.
var spaces = []string{"user_id", "anonymous_id", "email", "phone", "device_id"}

func (m *Mapping) readPerson(p pair) error {
	ps, err := pairs(p.value, "person", append(slices.Clone(spaces), "external")...)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if p.key != "external" {
			if err := m.readIdent(p, false); err != nil {
				return err
			}
			continue
		}
		others, err := pairs(p.value, "external")
		if err != nil {
			return err
		}
		for _, o := range others {
			if slices.Contains(spaces, o.key) {
				return bad(o.line, "%s stands in person, not in external", o.key)
			}
			if err := m.readIdent(o, true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Mapping) readIdent(p pair, external bool) error {
	id := ident{space: p.key, external: external, line: p.line}
	nodes := []*yaml.Node{p.value}
	if p.value.Kind == yaml.SequenceNode {
		nodes = p.value.Content
	}
	for _, n := range nodes {
		c, err := readChoice(n)
		if err != nil {
			return err
		}
		if c.value.column() == "" {
			return bad(n.Line, `%s: %q is the same in every row, and would make all of them one person; a column is written without quotes, or "{column}"`, p.key, short(n.Value))
		}
		id.values = append(id.values, c)
	}
	if len(id.values) == 0 || len(id.values) > 16 {
		return bad(p.line, "%s is one value, or a list of up to 16", p.key)
	}
	m.people = append(m.people, id)
	return nil
}

// readChoice reads a value, or a block with value and when.
func readChoice(n *yaml.Node) (c choice, err error) {
	if n.Kind != yaml.MappingNode {
		c.value, err = valueOf(n)
		return c, err
	}
	ps, err := pairs(n, "an identifier", "value", "when")
	if err != nil {
		return c, err
	}
	for _, p := range ps {
		if p.key == "value" {
			c.value, err = valueOf(p.value)
		} else {
			c.when, err = condition(p)
		}
		if err != nil {
			return c, err
		}
	}
	if c.value == nil {
		return c, bad(n.Line, "value is missing")
	}
	return c, nil
}

func (m *Mapping) readRows(p pair) error {
	if p.value.Kind != yaml.SequenceNode || len(p.value.Content) == 0 {
		return bad(p.line, "rows is a list; each part of it begins with -")
	}
	for _, n := range p.value.Content {
		r, err := readRule(n)
		if err != nil {
			return err
		}
		if k := len(m.rules); k > 0 && m.rules[k-1].when == nil {
			return bad(n.Line, "the part above has no when and takes every row: nothing reaches this one")
		}
		m.rules = append(m.rules, r)
	}
	return nil
}

// kinds are the calls; of identify and page, the value may be left out.
var kinds = []string{"track", "identify", "page", "screen", "group", "alias"}

var callKeys = append(slices.Clone(kinds), "when", "properties", "traits", "context")

func readRule(n *yaml.Node) (rule, error) {
	c, also, err := readCall(n, append(slices.Clone(callKeys), "also")...)
	if err != nil {
		return rule{}, err
	}
	r := rule{when: c.when, calls: []call{c}}
	r.calls[0].when = nil // the rule's
	if also == nil {
		return r, nil
	}
	if also.Kind != yaml.SequenceNode {
		return r, bad(also.Line, "also is a list of further calls; each begins with -")
	}
	for _, n := range also.Content {
		c, _, err := readCall(n, callKeys...)
		if err != nil {
			return r, err
		}
		if r.calls = append(r.calls, c); len(r.calls) > 16 {
			return r, bad(n.Line, "a row makes at most 16 calls")
		}
	}
	return r, nil
}

// readCall reads one call.
func readCall(n *yaml.Node, keys ...string) (c call, also *yaml.Node, err error) {
	if n.Kind == yaml.ScalarNode && n.Value == "identify" {
		return call{kind: "identify"}, nil, nil
	}
	ps, err := pairs(n, "a part of rows", keys...)
	if err != nil {
		return c, nil, err
	}
	for _, p := range ps {
		switch p.key {
		case "when":
			c.when, err = condition(p)
		case "also":
			also = p.value
		case "properties":
			c.properties, err = readObject(p)
		case "traits":
			c.traits, err = readObject(p)
		case "context":
			c.context, err = readObject(p)
		default:
			if c.kind != "" {
				return c, nil, bad(p.line, "%s and %s in one part: a second call of the same row stands in also", c.kind, p.key)
			}
			err = c.readKind(p)
		}
		if err != nil {
			return c, nil, err
		}
	}
	switch {
	case c.kind == "":
		return c, nil, bad(n.Line, "which call it is is missing: one of %s", strings.Join(kinds, ", "))
	case c.properties != nil && (c.kind == "identify" || c.kind == "group" || c.kind == "alias"):
		return c, nil, bad(n.Line, "%s has traits, not properties", c.kind)
	}
	return c, also, nil
}

func (c *call) readKind(p pair) (err error) {
	c.kind = p.key
	none := p.value.Tag == "!!null"
	switch p.key {
	case "identify":
		if !none {
			err = bad(p.value.Line, "identify has no value of its own; traits stands in the next line")
		}
	case "group":
		c.group, err = valueOf(p.value)
	case "alias":
		c.previous, err = valueOf(p.value)
	case "track":
		c.name, err = nameOf(p)
	default:
		if !none {
			c.name, err = nameOf(p)
		}
	}
	return err
}

// The bounds of what a call is built from.
const (
	deepestTree = 20
	mostNodes   = 4000
)

// readObject reads a block of members, a list of columns, or the word all.
func readObject(p pair) (*tree, error) {
	left := mostNodes
	t := &tree{key: p.key}
	switch {
	case p.value.Kind == yaml.ScalarNode && p.value.Value == "all":
		t.all = true
		return t, nil
	case p.value.Kind == yaml.MappingNode:
		return t, t.readMembers(p, 0, &left)
	case p.value.Kind != yaml.SequenceNode:
		return nil, bad(p.line, "%s is a block of name: value, a list of columns, or all", p.key)
	}
	for _, n := range p.value.Content {
		if n.Kind == yaml.MappingNode {
			if err := t.readMembers(pair{p.key, n.Line, n}, 0, &left); err != nil {
				return nil, err
			}
			continue
		}
		if n.Kind != yaml.ScalarNode {
			return nil, bad(n.Line, "in a list stand columns and name: value")
		}
		if n.Value == "all" {
			t.all = true
			continue
		}
		e, err := parseExpr(n.Value)
		if err != nil || e.op != "column" {
			e = &expr{op: "column", name: n.Value}
		}
		if t.has(e.name) {
			return nil, bad(n.Line, "%q stands there twice", short(e.name))
		}
		t.nodes = append(t.nodes, &tree{key: e.name, value: e})
	}
	return t, nil
}

func (t *tree) readMembers(p pair, depth int, left *int) error {
	ps, err := pairs(p.value, p.key)
	if err != nil {
		return err
	}
	for _, m := range ps {
		if slices.ContainsFunc(t.nodes, func(n *tree) bool { return n.key == m.key }) {
			return bad(m.line, "%q stands there twice", short(m.key))
		}
		n, err := readNode(m, depth+1, left)
		if err != nil {
			return err
		}
		t.nodes = append(t.nodes, n)
	}
	return nil
}

func readNode(p pair, depth int, left *int) (*tree, error) {
	if *left--; *left < 0 || depth > deepestTree {
		return nil, bad(p.line, "more than %d members, or nested deeper than %d", mostNodes, deepestTree)
	}
	t := &tree{key: p.key}
	switch p.value.Kind {
	case yaml.MappingNode:
		return t, t.readMembers(p, depth, left)
	case yaml.SequenceNode:
		t.list = true
		for _, n := range p.value.Content {
			node, err := readNode(pair{"", n.Line, n}, depth+1, left)
			if err != nil {
				return nil, err
			}
			t.nodes = append(t.nodes, node)
		}
		return t, nil
	}
	var err error
	t.value, err = valueOf(p.value)
	return t, err
}
