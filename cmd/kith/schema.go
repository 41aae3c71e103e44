package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// schemaCmd is `kith schema`.
type schemaCmd struct {
	Dir   string `arg:"" help:"The platform's directory."`
	Event string `placeholder:"NAME" help:"Only events of this name."`
	Top   int    `default:"5" help:"How many of the values that most have; 0: none."`
	JSON  bool   `name:"json" help:"Write JSON."`
}

// Run says what there is.
func (c *schemaCmd) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		o := &engine.SchemaOptions{Event: c.Event, Top: c.Top, Progress: a.steps()}
		if c.Top == 0 {
			o.Top = -1
		}
		s, err := p.Schema(a.ctx, o)
		if err != nil {
			return err
		}
		if c.Event != "" && len(s.Events) == 0 {
			return instead(&kith.Error{Kind: kith.ErrNotFound}, "there are no events of that name; which there are: kith schema %s --top 0", c.Dir)
		}
		if c.JSON {
			return writeJSON(a.stdout, s)
		}
		return showSchema(a.stdout, s)
	})
}

// showSchema writes it for people to read.
func showSchema(w io.Writer, s *engine.Schema) error {
	section := func(title string, list []engine.Property) error {
		if len(list) == 0 {
			return nil
		}
		if _, err := fmt.Fprintln(w, title); err != nil {
			return err
		}
		var rows [][]string
		for i := range list {
			rows = append(rows, propertyRow(&list[i]))
		}
		if err := lined(w, "  ", rows); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w)
		return err
	}
	for i := range s.Events {
		ev := &s.Events[i]
		title := ev.Kind
		if ev.Name != "" {
			title += " " + tame(ev.Name)
		}
		title += fmt.Sprintf(": %s, %s to %s", plural(ev.Count, "event"), when(ev.First), when(ev.Last))
		if len(ev.Properties) == 0 {
			title += "\n"
		}
		if _, err := fmt.Fprint(w, title); err != nil {
			return err
		}
		if err := section("", ev.Properties); err != nil {
			return err
		}
	}
	if err := section("context of all events", s.Context); err != nil {
		return err
	}
	if err := section("traits of people", s.Traits); err != nil {
		return err
	}
	var rows [][]string
	for _, src := range s.Sources {
		rows = append(rows, []string{tame(src.Source), plural(src.Events, "event"), "newest " + when(src.Last), "received " + when(src.Received),
			fmt.Sprintf("%s in a day, %s in 7", group(src.Day), group(src.Week))})
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w, "sources, as of "+when(s.Now)); err != nil {
		return err
	}
	return lined(w, "  ", rows)
}

// propertyRow is one line about a property.
func propertyRow(p *engine.Property) []string {
	typ := map[string]string{"VARCHAR": "text", "DECIMAL(38,9)": "number", "BOOLEAN": "boolean", "JSON": "list", "TIMESTAMP": "time"}[p.Type]
	row := []string{tame(p.Path), cmp.Or(typ, p.Type)}
	if p.Class == kith.Identifying {
		return append(row, "", "", p.Class.String()+": no values are shown", "")
	}
	row = append(row, percent(p.Filled, p.Total), "~"+group(p.Distinct)+" values")
	var more []string
	switch {
	case p.Lengths:
		more = append(more, p.Min+" to "+p.Max+" long")
	case p.Min != "":
		more = append(more, p.Min+" to "+p.Max)
	case p.Class == kith.Descriptive:
		more = append(more, p.Class.String())
	}
	if p.Computed {
		more = append(more, "computed")
	}
	if p.Conflicts > 0 {
		more = append(more, group(p.Conflicts)+" of another type")
	}
	row = append(row, strings.Join(more, ", "))
	var tops []string
	for _, v := range p.Top {
		text := []rune(tame(v.Value))
		if len(text) > 24 {
			text = append(text[:23], '…')
		}
		tops = append(tops, string(text)+" "+percent(v.Count, p.Filled))
	}
	return append(row, strings.Join(tops, ", "))
}

func percent(n, of int64) string {
	part := float64(n) * 100 / float64(max(of, 1))
	switch {
	case n == of:
		return "100%"
	case n == 0:
		return "0%"
	case part > 99.5:
		return ">99%"
	case part < 0.5:
		return fmt.Sprintf("%.2g%%", part)
	}
	return fmt.Sprintf("%.0f%%", part)
}
