package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/kithdb/kith/engine"
)

type segmentCount struct {
	Dir       string `arg:"" help:"The platform's directory."`
	Condition string `arg:"" help:"Name of a segment, or a condition."`
	Reach     bool   `help:"Say how many of them have an identifier of each space, such as an e-mail address."`
	JSON      bool   `name:"json" help:"Write JSON."`
}

// Run counts people.
func (c *segmentCount) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		if c.Reach {
			return c.reach(a, p)
		}
		n, err := p.Count(a.ctx, c.Condition, a.at())
		if err != nil {
			return pointed(c.Condition, err)
		}
		_, err = fmt.Fprintln(a.stdout, n) // which is JSON
		return err
	})
}

func (c *segmentCount) reach(a *app, p platform) error {
	r, err := p.Reach(a.ctx, c.Condition, a.at())
	if err != nil {
		return pointed(c.Condition, err)
	}
	if c.JSON {
		return writeJSON(a.stdout, r)
	}
	fmt.Fprintf(a.stdout, "%11s  people\n", group(int64(r.People)))
	for _, s := range r.Spaces {
		fmt.Fprintf(a.stdout, "%11s  have %s\n", group(int64(s.People)), s.Space)
	}
	return nil
}

type segmentUnion struct {
	Dir        string   `arg:"" help:"The platform's directory."`
	Conditions []string `arg:"" help:"Names of segments, or conditions."`
	JSON       bool     `name:"json" help:"Write the counts as JSON."`
}

// Run counts people of any.
func (c *segmentUnion) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		u, err := p.Union(a.ctx, c.Conditions, a.at())
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, u)
		}
		for i, name := range c.Conditions {
			fmt.Fprintf(a.stdout, "%11s  %s, %s in no other\n", group(int64(u.Each[i])), name, group(int64(u.Only[i])))
		}
		fmt.Fprintf(a.stdout, "%11s  together\n", group(int64(u.People)))
		return nil
	})
}

// dayLine is a day as it is written as JSON.
type dayLine struct {
	engine.Day
	Volatility *float64 `json:"volatility"`
}

// writeDays writes the days of a segment.
func writeDays(a *app, days []engine.Day, asJSON bool) error {
	lines := []dayLine{}
	for _, d := range days {
		line := dayLine{Day: d}
		if v, ok := d.Volatility(); ok {
			line.Volatility = &v
		}
		lines = append(lines, line)
	}
	if asJSON {
		return writeJSON(a.stdout, lines)
	}
	fmt.Fprintf(a.stdout, "%-10s %11s %11s %11s  %s\n", "day", "size", "entered", "left", "volatility")
	for _, d := range lines {
		volatility := "-"
		if d.Volatility != nil {
			volatility = strconv.FormatFloat(*d.Volatility, 'f', 4, 64)
		}
		_, err := fmt.Fprintf(a.stdout, "%-10s %11s %11s %11s  %s\n", d.Day.Day.Format(time.DateOnly), group(int64(d.Size)), group(int64(d.Entered)), group(int64(d.Left)), volatility)
		if err != nil {
			return err
		}
	}
	return nil
}
