package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// traitCmd is `kith trait`.
type traitCmd struct {
	Create  traitCreate  `cmd:"" help:"Define a computed trait, or give it another value."`
	Verify  traitVerify  `cmd:"" help:"Compare the values that are kept with what DuckDB works out."`
	History traitHistory `cmd:"" help:"List the versions of a computed trait's definition."`
	List    traitList    `cmd:"" help:"List the computed traits."`
	Drop    traitDrop    `cmd:"" help:"Take a computed trait away, and its values."`
}

type traitCreate struct {
	Dir   string `arg:"" help:"The platform's directory."`
	Name  string `arg:"" help:"Name of the trait."`
	Value string `arg:"" help:"What it is: a value over a person and that person's events (docs/traits.md)."`
	JSON  bool   `name:"json" help:"Write what was defined as JSON."`
}

// Run defines a computed trait.
func (c *traitCreate) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		shown := a.building(p)
		t, err := p.DefineTrait(a.ctx, c.Name, c.Value)
		shown()
		if err != nil {
			return pointed(c.Value, err)
		}
		if c.JSON {
			return writeJSON(a.stdout, t)
		}
		some, err := having(a, p, t)
		if err == nil {
			_, err = fmt.Fprintf(a.stderr, "%s: version %d, %s, %s\n", t.Name, t.Version, t.Type, some)
		}
		return err
	})
}

// having says how many people have a value.
func having(a *app, p platform, t engine.ComputedTrait) (string, error) {
	n, err := p.Count(a.ctx, `"`+t.Name+`" IS NOT NULL`, a.at())
	if n == 1 {
		return "1 person has one", err
	}
	return plurals(n, "", "people have one"), err
}

type traitList struct {
	Dir  string `arg:"" help:"The platform's directory."`
	JSON bool   `name:"json" help:"Write the list as JSON."`
}

// Run lists computed traits.
func (c *traitList) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		all, err := p.ComputedTraits(a.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, all)
		}
		for _, t := range all {
			some, err := having(a, p, t)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s  version %d  %s  %s%s\n  %s\n", t.Name, t.Version, t.Type, some, unbuilt(p, t.Progress), t.Text)
		}
		return nil
	})
}

type traitVerify struct {
	Dir   string   `arg:"" help:"The platform's directory."`
	Names []string `arg:"" optional:"" help:"Names of computed traits. Default: all."`
	JSON  bool     `name:"json" help:"Write JSON."`
}

var errNotWorked = errors.New("the values that are kept are not those that DuckDB works out")

// Run verifies computed traits.
func (c *traitVerify) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		names := c.Names
		if len(names) == 0 {
			all, err := p.ComputedTraits(a.ctx)
			if err != nil {
				return err
			}
			for _, t := range all {
				names = append(names, t.Name)
			}
		}
		out, same := []engine.TraitVerification{}, true
		for _, name := range names {
			v, err := p.VerifyTrait(a.ctx, name)
			if err != nil {
				return err
			}
			out, same = append(out, v), same && v.Same()
			if !c.JSON {
				fmt.Fprintf(a.stdout, "%s version %d: %s, DuckDB finds %s; missing %d, too many %d, others %d\n", v.Trait, v.Version, plurals(v.Kept, "value", "values"), group(int64(v.Found)), v.Missing, v.Extra, v.Other)
			}
		}
		if c.JSON {
			if err := writeJSON(a.stdout, out); err != nil {
				return err
			}
		}
		if !same {
			return &kith.Error{Op: "kith trait verify", Kind: kith.ErrCorrupt, Err: errNotWorked}
		}
		return nil
	})
}

type traitHistory struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Name string `arg:"" help:"Name of the trait."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// Run lists versions.
func (c *traitHistory) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		all, err := p.TraitHistory(a.ctx, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, all)
		}
		for _, t := range all {
			text := t.Text
			if text == "" {
				text = "dropped"
			}
			fmt.Fprintf(a.stdout, "version %d  %s\n  %s\n", t.Version, t.At.Format(time.RFC3339), text)
		}
		return nil
	})
}

type traitDrop struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Name string `arg:"" help:"Name of the trait."`
}

// Run drops a computed trait.
func (c *traitDrop) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error { return p.DropTrait(a.ctx, c.Name) })
}
