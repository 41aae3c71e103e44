package source

import (
	"fmt"
	"slices"
)

// bind finds the columns that the mapping speaks of in the input.
func (in *Input) bind(m *Mapping) (err error) {
	in.paths = &member{cell: -1}
	list := func(es []*expr) (out []*expr, err error) {
		for _, e := range es {
			if e, err = e.bind(in.find); err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	}
	if in.id, err = list(m.id); err != nil {
		return fmt.Errorf("id: %w", err)
	}
	if in.except, err = m.except.bind(in.find); err != nil {
		return fmt.Errorf("except: %w", err)
	}
	if m.time != nil {
		w := *m.time
		if w.value, err = w.value.bind(in.find); err != nil {
			return fmt.Errorf("time: %w", err)
		}
		in.time = &w
	} else if in.format.kind == "log" {
		in.time = logTime(in)
	}
	if err := in.bindPeople(m); err != nil {
		return err
	}
	for i := range m.rules {
		r, err := in.bindRule(&m.rules[i])
		if err != nil {
			return fmt.Errorf("rows, part %d: %w", i+1, err)
		}
		in.rules = append(in.rules, r)
	}
	return nil
}

func (in *Input) bindPeople(m *Mapping) (err error) {
	for _, id := range m.people {
		id.values = slices.Clone(id.values)
		for k := range id.values {
			c := &id.values[k]
			if c.value, err = c.value.bind(in.find); err == nil {
				c.when, err = c.when.bind(in.find)
			}
			if err != nil {
				return fmt.Errorf("person, %s: %w", id.space, err)
			}
		}
		in.people = append(in.people, id)
	}
	return nil
}

func (in *Input) bindRule(m *rule) (r rule, err error) {
	if r.when, err = m.when.bind(in.find); err != nil {
		return r, err
	}
	for i := range m.calls {
		c, err := in.bindCall(m.calls[i])
		if err != nil {
			return r, err
		}
		r.calls = append(r.calls, c)
	}
	return r, nil
}

func (in *Input) bindCall(c call) (call, error) {
	for _, e := range [...]**expr{&c.when, &c.name, &c.group, &c.previous} {
		b, err := (*e).bind(in.find)
		if err != nil {
			return c, err
		}
		*e = b
	}
	for _, t := range [...]**tree{&c.properties, &c.traits, &c.context} {
		if *t == nil {
			continue
		}
		b, err := in.bindTree(*t)
		if err != nil {
			return c, err
		}
		*t = b
	}
	in.place(&c)
	return c, nil
}

// bindTree binds the values of a tree, and writes out its keys.
func (in *Input) bindTree(t *tree) (*tree, error) {
	b := &tree{key: t.key, list: t.list, all: t.all, prefix: prefixOf(t.key)}
	if t.value != nil {
		v, err := t.value.bind(in.find)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.key, err)
		}
		if v.op == "constant" && v.value.kind == text && in.known && slices.Contains(in.columns, string(v.value.text)) {
			return nil, fmt.Errorf("%s: %q in quotes is a text, and there is a column of that name; without quotes it is the column, and text('%s') is the text",
				t.key, v.value.text, v.value.text)
		}
		b.value = v
		return b, nil
	}
	for _, n := range t.nodes {
		c, err := in.bindTree(n)
		if err != nil {
			return nil, err
		}
		b.nodes = append(b.nodes, c)
	}
	if b.all && !in.json() {
		for i, name := range in.columns {
			if !b.has(name) {
				b.add(name, &expr{op: "column", name: name, cell: i, do: meanings["column"]})
			}
		}
	}
	return b, nil
}

func prefixOf(key string) []byte {
	if key == "" {
		return nil
	}
	return append(appendString(nil, []byte(key)), ':')
}

func (t *tree) has(key string) bool {
	return slices.ContainsFunc(t.nodes, func(n *tree) bool { return n.key == key })
}

func (t *tree) add(key string, e *expr) {
	t.nodes = append(t.nodes, &tree{key: key, value: e, prefix: prefixOf(key)})
}

// under gives the object of the name, made where it is not there.
func (t *tree) under(key string) *tree {
	for _, n := range t.nodes {
		if n.key == key && n.value == nil && !n.list {
			return n
		}
	}
	n := &tree{key: key, prefix: prefixOf(key)}
	t.nodes = append(t.nodes, n)
	return n
}

// place puts the identifiers where the specification has them. E-mail and phone
// of an identify are traits; of other calls, traits of the context, as are the
// traits that the mapping gives a track, page, screen or alias.
func (in *Input) place(c *call) {
	context := c.context
	if context == nil {
		context = &tree{key: "context", prefix: prefixOf("context")}
	}
	own := c.kind == "identify" || c.kind == "group"
	if c.traits != nil && !own {
		t := context.under("traits")
		t.nodes, t.all = append(t.nodes, c.traits.nodes...), c.traits.all
		c.traits = nil
	}
	if c.traits == nil && c.kind == "identify" {
		c.traits = &tree{key: "traits", prefix: prefixOf("traits")}
	}
	others := false
	for i, id := range in.people {
		e := &expr{op: "ident", cell: i, do: meanings["ident"]}
		others = others || id.external || len(id.values) > 1
		if id.external {
			continue
		}
		switch id.space {
		case "email", "phone":
			switch {
			case c.kind == "identify" && !c.traits.has(id.space) && !c.traits.all:
				c.traits.add(id.space, e)
			default:
				if t := context.under("traits"); !t.has(id.space) {
					t.add(id.space, e)
				}
			}
		case "device_id":
			if t := context.under("device"); !t.has("id") {
				t.add("id", e)
			}
		}
	}
	if others {
		context.nodes = append(context.nodes, &tree{key: "externalIds", prefix: prefixOf("externalIds"), list: true, others: true})
	}
	c.context = context
}
