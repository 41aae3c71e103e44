package main

import (
	"fmt"
	"io"
	"os"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

// rulesCmd is `kith rules`.
type rulesCmd struct {
	Show rulesShow `cmd:"" help:"Write the rules in force, as JSON."`
	Diff rulesDiff `cmd:"" help:"Say how the rules of a file differ from those in force."`
	Set  rulesSet  `cmd:"" help:"Put the rules of a file into force for events to come."`
}

type rulesShow struct {
	Dir  string `arg:"" help:"The platform's directory."`
	JSON bool   `name:"json" help:"Write JSON, as always."`
}

// Run writes the rules in force.
func (c *rulesShow) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		r, err := p.Rules(a.ctx)
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(r.Format())
		return err
	})
}

type rulesDiff struct {
	Dir  string `arg:"" help:"The platform's directory."`
	File string `arg:"" help:"File of rules; '-' is standard input."`
	JSON bool   `name:"json" help:"Write the differences as JSON."`
}

// Run says how a file differs.
func (c *rulesDiff) Run(a *app) error {
	r, err := a.readRules(c.File)
	if err != nil {
		return err
	}
	return a.with(c.Dir, false, func(p platform) error {
		old, err := p.Rules(a.ctx)
		if err != nil {
			return err
		}
		diff := identity.Diff(old, r)
		if c.JSON {
			return writeJSON(a.stdout, append([]string{}, diff...))
		}
		for _, line := range diff {
			if _, err := fmt.Fprintln(a.stdout, line); err != nil {
				return err
			}
		}
		return nil
	})
}

type rulesSet struct {
	Dir  string `arg:"" help:"The platform's directory."`
	File string `arg:"" help:"File of rules; '-' is standard input."`
}

// Run puts other rules into force.
func (c *rulesSet) Run(a *app) error {
	r, err := a.readRules(c.File)
	if err != nil {
		return err
	}
	return a.with(c.Dir, false, func(p platform) error {
		old, err := p.Rules(a.ctx)
		if err != nil {
			return err
		}
		diff := identity.Diff(old, r)
		if len(diff) == 0 {
			fmt.Fprintf(a.stderr, "nothing differs: version %d stays\n", old.Version)
			return nil
		}
		if err := p.SetRules(a.ctx, r); err != nil {
			return err
		}
		if r, err = p.Rules(a.ctx); err != nil {
			return err
		}
		for _, line := range diff {
			fmt.Fprintln(a.stderr, line)
		}
		fmt.Fprintf(a.stderr, "version %d is in force for what comes; decisions that were taken stand\n", r.Version)
		return nil
	})
}

// readRules reads a file of rules.
func (a *app) readRules(name string) (identity.Rules, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(a.stdin)
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return identity.Rules{}, plain(err)
	}
	r, err := identity.Parse(text)
	return r, next(err, kith.ErrInvalid, "to begin with those in force: kith rules show DIR > FILE")
}
