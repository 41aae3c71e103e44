package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

type segmentWhy struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Name string `arg:"" help:"Name of the segment."`
	Who  string `arg:"" help:"An identifier as space=value, such as email=ada@example.org; id=… takes a public id."`
	JSON bool   `name:"json" help:"Write JSON."`
}

// Run says why.
func (c *segmentWhy) Run(a *app) error {
	space, value, ok := strings.Cut(c.Who, "=")
	if !ok {
		return wrong("kith segment why --help", "write the identifier as space=value, such as email=ada@example.org")
	}
	return a.with(c.Dir, false, func(p platform) error {
		r, err := p.Why(a.ctx, c.Name, kith.Identifier{Space: space, Value: value})
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, r)
		}
		return writeReason(a.stdout, r)
	})
}

func writeReason(w io.Writer, r engine.Reason) error {
	var b strings.Builder
	is := "is not in"
	if r.Member {
		is = "is in"
	}
	fmt.Fprintf(&b, "profile %d %s %s (version %d), as of %s\n", r.Profile, is, r.Segment, r.Version, r.Now.Format(time.RFC3339))
	if !r.Since.IsZero() {
		fmt.Fprintf(&b, "since %s, by %s", r.Since.Format(time.RFC3339), r.Cause)
		if r.Of != 0 {
			fmt.Fprintf(&b, " (number %d)", r.Of)
		}
		b.WriteByte('\n')
	}
	for _, p := range r.Parts {
		fmt.Fprintf(&b, "  %-7s  %s\n", p.Is, p.Text)
		if p.Events > 0 {
			fmt.Fprintf(&b, "           of %s, the newest %s; %s now\n", plurals(p.Events, "event", "events"), p.Newest.Format(time.RFC3339), counted(p.Counting))
		}
		for _, ev := range p.Evidence {
			fmt.Fprintf(&b, "           %d  %s  %s\n", ev.Seq, ev.Time.Format(time.RFC3339Nano), strings.TrimRight(cmp.Or(ev.Name, ev.Kind.String())+"  "+ev.Message, " "))
		}
		if p.Account > 0 {
			fmt.Fprintf(&b, "           of %s in the account, %d counted\n", plurals(p.Account, "person", "people"), p.Counted)
		}
		if !p.Next.IsZero() {
			fmt.Fprintf(&b, "           may change without an event at %s\n", p.Next.Format(time.RFC3339Nano))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func counted(n int) string {
	if n == 1 {
		return "1 counts"
	}
	return group(int64(n)) + " count"
}

type segmentVerify struct {
	Dir   string   `arg:"" help:"The platform's directory."`
	Names []string `arg:"" optional:"" help:"Names of segments. Default: all."`
	JSON  bool     `name:"json" help:"Write JSON."`
}

var errNotKept = errors.New("the members that are kept are not those whom DuckDB finds")

// Run verifies segments.
func (c *segmentVerify) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		names := c.Names
		if len(names) == 0 {
			all, err := p.Segments(a.ctx)
			if err != nil {
				return err
			}
			for _, s := range all {
				names = append(names, s.Name)
			}
		}
		out, same := []engine.Verification{}, true
		for _, name := range names {
			v, err := p.Verify(a.ctx, name)
			if err != nil {
				return err
			}
			out, same = append(out, v), same && v.Same()
			if !c.JSON {
				fmt.Fprintf(a.stdout, "%s version %d: %s, DuckDB finds %s; missing %d, too many %d\n", v.Segment, v.Version, plurals(v.Kept, "member", "members"), group(int64(v.Found)), v.Missing, v.Extra)
			}
		}
		if c.JSON {
			if err := writeJSON(a.stdout, out); err != nil {
				return err
			}
		}
		if !same {
			return &kith.Error{Op: "kith segment verify", Kind: kith.ErrCorrupt, Err: errNotKept}
		}
		return nil
	})
}

type segmentHistory struct {
	Dir   string `arg:"" help:"The platform's directory."`
	Name  string `arg:"" help:"Name of the segment."`
	Daily bool   `help:"List its days instead: the size, who entered and left, and the part of it that did."`
	JSON  bool   `name:"json" help:"Write JSON."`
}

// Run lists versions.
func (c *segmentHistory) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		if c.Daily {
			days, err := p.Daily(a.ctx, c.Name)
			if err != nil {
				return err
			}
			return writeDays(a, days, c.JSON)
		}
		all, err := p.History(a.ctx, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(a.stdout, all)
		}
		for _, s := range all {
			text := s.Text
			if text == "" {
				text = "dropped"
			}
			fmt.Fprintf(a.stdout, "version %d  %s\n  %s\n", s.Version, s.At.Format(time.RFC3339), text)
		}
		return nil
	})
}

type segmentChanges struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Name string `arg:"" optional:"" help:"Name of the segment. Default: all."`
	From uint64 `placeholder:"N" help:"Begin with the change of this number."`
	JSON bool   `name:"json" help:"Write JSON, a change a line."`
}

// Run lists changes.
func (c *segmentChanges) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		return writeChanges(a.stdout, c.JSON, p.Changes(c.Name, kith.Seq(c.From)))
	})
}

type watchCmd struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Name string `arg:"" optional:"" help:"Name of the segment. Default: all."`
	From uint64 `placeholder:"N" help:"Begin with the change of this number. Default: the first."`
	JSON bool   `name:"json" help:"Write JSON, a change a line."`
}

// Run shows changes until it is interrupted.
func (c *watchCmd) Run(a *app) error {
	return a.with(c.Dir, false, func(p platform) error {
		return writeChanges(a.stdout, c.JSON, p.Watch(a.ctx, c.Name, kith.Seq(c.From)))
	})
}

func writeChanges(w io.Writer, asJSON bool, list iter.Seq2[kith.Change, error]) error {
	for c, err := range list {
		if err != nil {
			return err
		}
		if asJSON {
			line, err := json.Marshal(c)
			if err == nil {
				_, err = fmt.Fprintf(w, "%s\n", line)
			}
			if err != nil {
				return err
			}
			continue
		}
		what := "left"
		if c.Entered {
			what = "entered"
		}
		of := ""
		if c.Of != 0 {
			of = fmt.Sprintf(" %d", c.Of)
		}
		if _, err := fmt.Fprintf(w, "%d  %s  profile %d %s %s (version %d), by %s%s\n", c.Seq, c.At.Format(time.RFC3339Nano), c.Profile, what, c.Segment, c.Version, c.Cause, of); err != nil {
			return err
		}
	}
	return nil
}
