package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// findCmd is `kith find`.
type findCmd struct {
	Dir   string   `arg:"" help:"The platform's directory."`
	Typed []string `arg:"" help:"How the words begin, such as 'ada lov'. Case and accents make no difference, nor does one typing error in a word of four letters or more; digits find numbers that end so."`
	Limit int      `placeholder:"N" default:"20" help:"People at most, up to 1000."`
	JSON  bool     `name:"json" help:"Write JSON."`
}

// Run finds people.
func (c *findCmd) Run(a *app) error {
	if c.Limit < 1 || c.Limit > 1000 {
		return wrong("kith find --help", "the limit is from 1 to 1000")
	}
	return a.with(c.Dir, false, func(p platform) error {
		found, err := p.Find(a.ctx, strings.Join(c.Typed, " "), &engine.FindOptions{Limit: c.Limit})
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, found)
		}
		if found.Partial {
			fmt.Fprintln(a.stderr, "kith: very many seem to fit and not all were looked at; type more letters")
		}
		return showFound(a.stdout, found)
	})
}

// showFound writes a line for each person: who it is, and how to see more.
func showFound(w io.Writer, found kith.Found) error {
	if len(found.People) == 0 {
		_, err := fmt.Fprintln(w, "nobody")
		return err
	}
	var rows [][]string
	for _, p := range found.People {
		var values []string
		for _, v := range p.Values {
			values = append(values, tame(v.Name)+"="+tame(v.Value))
		}
		rows = append(rows, []string{"id=" + p.Public, p.Fit, when(p.LastSeen), strings.Join(values, ", ")})
	}
	return lined(w, "", rows)
}
