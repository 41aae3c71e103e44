package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// segmentCmd is `kith segment`.
type segmentCmd struct {
	Create    segmentCreate    `cmd:"" help:"Define a segment, or give it another condition."`
	Count     segmentCount     `cmd:"" help:"Count the people for whom a condition is true: the name of a segment, or any condition."`
	Members   segmentMembers   `cmd:"" help:"List them."`
	Export    segmentExport    `cmd:"" help:"Write their profile ids as a portable roaring bitmap."`
	Overlap   segmentOverlap   `cmd:"" help:"Count for each two of several conditions for whom both are true."`
	Union     segmentUnion     `cmd:"" help:"Count the people whom several conditions reach together, and those whom each alone does."`
	Waterfall segmentWaterfall `cmd:"" help:"Count each person once, in the first of several conditions that is true."`
	Explain   segmentExplain   `cmd:"" help:"Say how a condition is answered, and whom missing values leave out."`
	Why       segmentWhy       `cmd:"" help:"Say why a person is in a segment or not, and when that can change."`
	Verify    segmentVerify    `cmd:"" help:"Compare the members that are kept with what DuckDB finds."`
	Changes   segmentChanges   `cmd:"" help:"List who entered and left."`
	History   segmentHistory   `cmd:"" help:"List the versions of a segment's definition, or its days."`
	List      segmentList      `cmd:"" help:"List the segments."`
	Drop      segmentDrop      `cmd:"" help:"Take a segment away."`
}

// at is the instant that was asked for, or the standing clock's.
func (a *app) at() *engine.AskOptions { return &engine.AskOptions{Now: a.Now.Time} }

type segmentCreate struct {
	Dir       string `arg:"" help:"The platform's directory."`
	Name      string `arg:"" help:"Name of the segment."`
	Condition string `arg:"" help:"What stands after WHERE: docs/segments.md."`
	JSON      bool   `name:"json" help:"Write what was defined as JSON."`
	shown     string // the text that the condition stands in
}

// Run defines a segment.
func (c *segmentCreate) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		shown := a.building(p)
		s, err := p.Define(a.ctx, c.Name, c.Condition)
		shown()
		if err != nil {
			return pointed(cmp.Or(c.shown, c.Condition), err)
		}
		x, err := p.Explain(a.ctx, c.Name, a.at())
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, s)
		}
		fmt.Fprintf(a.stderr, "%s: version %d, %s of %s\n", s.Name, s.Version, plurals(x.True, "member", "members"), plurals(x.True+x.False+x.Unknown, "person", "people"))
		a.leftOut(x)
		return nil
	})
}

const (
	unread = "there is no %s: nobody says it"
	opened = "some values of %s are sealed: they are opened one by one, wherever the condition is asked of DuckDB"
)

// leftOut says whom missing values leave out, what nobody has, and what is opened.
func (a *app) leftOut(x engine.Explanation) {
	if x.Unknown > 0 {
		fmt.Fprintf(a.stderr, "for %s it is neither true nor false: a value is missing\n", plurals(x.Unknown, "person", "people"))
	}
	for _, name := range x.Absent {
		fmt.Fprintf(a.stderr, unread+"\n", name)
	}
	for _, name := range x.Sealed {
		fmt.Fprintf(a.stderr, opened+"\n", name)
	}
}

func plurals(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return group(int64(n)) + " " + many
}

// pointed shows the line of a condition that an error is about, and the place.
func pointed(condition string, err error) error {
	var e *engine.ConditionError
	if !errors.As(err, &e) {
		return err
	}
	line := strings.Split(condition, "\n")[e.Line-1]
	return fmt.Errorf("%w\n  %s\n  %s^", err, strings.ReplaceAll(line, "\t", " "), strings.Repeat(" ", e.Column-1))
}

// sampling are the flags of a sample.
type sampling struct {
	Sample int   `placeholder:"N" help:"So many of them, drawn at random by their public ids. Default: all."`
	Seed   int64 `placeholder:"N" help:"With another seed others are drawn. Default: 0."`
}

func (s *sampling) of(a *app) *engine.AskOptions {
	o := a.at()
	o.Sample, o.Seed = s.Sample, s.Seed
	return o
}

type segmentMembers struct {
	Dir       string   `arg:"" help:"The platform's directory."`
	Condition string   `arg:"" help:"Name of a segment, or a condition."`
	Columns   []string `placeholder:"NAME" help:"Columns of profiles, with commas. Default: public_id, first_seen, last_seen."`
	sampling  `embed:""`
	output    `embed:""`
}

// Run lists people.
func (c *segmentMembers) Run(a *app) error {
	format, err := c.format(a)
	if err != nil {
		return err
	}
	return a.with(c.Dir, false, func(p platform) error {
		rows, err := p.People(a.ctx, c.Condition, c.Columns, c.of(a))
		if err != nil {
			return pointed(c.Condition, err)
		}
		err = c.write(a, format, rows)
		return errors.Join(err, rows.Close())
	})
}

type segmentExport struct {
	Dir       string `arg:"" help:"The platform's directory."`
	Condition string `arg:"" help:"Name of a segment, or a condition."`
	Out       string `short:"o" required:"" placeholder:"FILE" help:"Write to a file, which appears when it is whole; '-': standard output."`
	sampling  `embed:""`
}

// Run exports people.
func (c *segmentExport) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		b, err := p.Export(a.ctx, c.Condition, c.of(a))
		if err != nil {
			return pointed(c.Condition, err)
		}
		if c.Out == "-" {
			_, err = a.stdout.Write(b)
			return err
		}
		return whole(c.Out, func(f *os.File) error {
			_, err := f.Write(b)
			return err
		})
	})
}

type segmentOverlap struct {
	Dir        string   `arg:"" help:"The platform's directory."`
	Conditions []string `arg:"" help:"Names of segments, or conditions."`
	JSON       bool     `name:"json" help:"Write the counts as JSON."`
}

// Run counts pairs.
func (c *segmentOverlap) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		counts, err := p.Overlap(a.ctx, c.Conditions, a.at())
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, counts)
		}
		w := formats["table"](a, a.stdout)
		if _, ok := terminal(a.stdout); !ok {
			w = formats["csv"](a, a.stdout)
		}
		head := []engine.Column{{Name: "and"}}
		for _, name := range c.Conditions {
			head = append(head, engine.Column{Name: name})
		}
		if err := w.head(head); err != nil {
			return err
		}
		for i, name := range c.Conditions {
			row := [][]byte{[]byte(strconv.Quote(name))}
			for _, n := range counts[i] {
				row = append(row, []byte(strconv.Itoa(n)))
			}
			if err := w.row(row); err != nil {
				return err
			}
		}
		return w.end()
	})
}

type segmentWaterfall struct {
	Dir        string   `arg:"" help:"The platform's directory."`
	Conditions []string `arg:"" help:"Names of segments, or conditions, the first that counts first."`
	JSON       bool     `name:"json" help:"Write the counts as JSON."`
}

// Run counts people once.
func (c *segmentWaterfall) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		counts, err := p.Waterfall(a.ctx, c.Conditions, a.at())
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, counts)
		}
		sum := 0
		for i, n := range counts {
			sum += n
			fmt.Fprintf(a.stdout, "%11s  %s\n", group(int64(n)), c.Conditions[i])
		}
		fmt.Fprintf(a.stdout, "%11s  together\n", group(int64(sum)))
		return nil
	})
}

type segmentExplain struct {
	Dir       string `arg:"" help:"The platform's directory."`
	Condition string `arg:"" help:"Name of a segment, or a condition."`
	JSON      bool   `name:"json" help:"Write it as JSON, with the condition's form for programs."`
	shown     string // the text that the condition stands in
}

// Run explains a condition.
func (c *segmentExplain) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		x, err := p.Explain(a.ctx, c.Condition, a.at())
		if err != nil {
			return pointed(cmp.Or(c.shown, c.Condition), err)
		}
		if c.JSON {
			return writeJSON(a.stdout, x)
		}
		fmt.Fprintf(a.stdout, "%s\n\nnow      %s\ntrue     %s\nfalse    %s\nneither  %s   a value is missing\n\nanswered in this order:\n\n",
			x.Text, x.Now.Format("2006-01-02 15:04:05.999999 UTC"), group(int64(x.True)), group(int64(x.False)), group(int64(x.Unknown)))
		for _, line := range steps(x.Steps) {
			fmt.Fprintf(a.stdout, "%s\n", line)
		}
		fmt.Fprintf(a.stdout, "\nas one statement for DuckDB:\n\n%s\n", x.SQL)
		for _, name := range x.Absent {
			fmt.Fprintf(a.stdout, "\n"+unread+"\n", name)
		}
		for _, name := range x.Sealed {
			fmt.Fprintf(a.stdout, "\n"+opened+"\n", name)
		}
		return nil
	})
}

// steps writes how a condition was answered, a line for each part: of how many
// people it was asked, for how many of them it is true, in what time, by what.
func steps(list []engine.Step) []string {
	rows, widths := [][]string{{"asked", "true", "took", "by", ""}}, [4]int{}
	for _, s := range list {
		asked, found, took := "all", group(int64(s.People)), s.Took.Round(time.Microsecond).String()
		switch {
		case s.Way == engine.NotNeeded:
			asked, found, took = "0", "", ""
		case s.Asked >= 0:
			asked = group(int64(s.Asked))
		}
		way := s.Way
		if s.Opened > 0 {
			way += ", " + plurals(s.Opened, "sealed event", "sealed events") + " opened"
		}
		rows = append(rows, []string{asked, found, took, way, s.Part})
	}
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var out []string
	for _, row := range rows {
		line := ""
		for i, w := range widths[:3] {
			line += strings.Repeat(" ", w-utf8.RuneCountInString(row[i])) + row[i] + "  "
		}
		out = append(out, strings.TrimRight(line+row[3]+strings.Repeat(" ", widths[3]-len(row[3]))+"  "+row[4], " "))
	}
	return out
}

type segmentList struct {
	Dir  string `arg:"" help:"The platform's directory."`
	JSON bool   `name:"json" help:"Write the list as JSON."`
}

// Run lists the segments.
func (c *segmentList) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		all, err := p.Segments(a.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, all)
		}
		for _, s := range all {
			n, err := p.Count(a.ctx, s.Name, a.at())
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s  version %d  %s%s\n  %s\n", s.Name, s.Version, plurals(n, "member", "members"), unbuilt(p, s.Progress), s.Text)
		}
		return nil
	})
}

type segmentDrop struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Name string `arg:"" help:"Name of the segment."`

	lenient bool // one that is not there is no error
}

// Run drops a segment.
func (c *segmentDrop) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		err := p.DropSegment(a.ctx, c.Name)
		if c.lenient && errors.Is(err, kith.ErrNotFound) {
			return nil
		}
		return err
	})
}
