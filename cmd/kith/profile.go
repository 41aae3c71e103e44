package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kithdb/kith"
	runewidth "github.com/mattn/go-runewidth"
)

// profileCmd is `kith profile`.
type profileCmd struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Who  string `arg:"" help:"An identifier as space=value, such as email=ada@example.org; id=… takes a public id."`
	JSON bool   `name:"json" help:"Write JSON."`

	Flagged bool `help:"Show the newest events that stand outside of all counts, too."`
}

// shownFlagged is how many flagged events are shown.
const shownFlagged = 10

// Run shows one person.
func (c *profileCmd) Run(a *app) error {
	space, value, ok := strings.Cut(c.Who, "=")
	if !ok || space == "" || value == "" {
		return wrong("kith profile --help", "write the identifier as space=value, such as email=ada@example.org")
	}
	return a.with(c.Dir, false, func(p platform) error {
		id := kith.Identifier{Space: space, Value: value}
		var flagged []kith.Happening
		if c.Flagged {
			var err error
			if flagged, err = p.Flagged(a.ctx, id, shownFlagged); err != nil && !errors.Is(err, kith.ErrNotFound) {
				return err
			}
		}
		who, err := p.Profile(a.ctx, id)
		if errors.Is(err, kith.ErrNotFound) && len(flagged) > 0 {
			who, err = &kith.Profile{}, nil // nothing else is known
		}
		if errors.Is(err, kith.ErrNotFound) {
			return instead(err, "nobody has this %s; what there is: kith sql %s \"SELECT space, count(*) FROM identifiers GROUP BY ALL\"", tame(space), c.Dir)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			if c.Flagged {
				return writeJSON(a.stdout, withFlagged{who, flagged})
			}
			return writeJSON(a.stdout, who)
		}
		return showProfile(a.stdout, who, flagged)
	})
}

// withFlagged is a person with flagged events, for programs.
type withFlagged struct {
	*kith.Profile
	Events []kith.Happening `json:"flagged_events"`
}

// wide gives the columns that text takes on a terminal.
func wide(s string) int { return runewidth.StringWidth(s) }

// showProfile writes a person for people to read.
func showProfile(w io.Writer, p *kith.Profile, flagged []kith.Happening) error {
	known := "anonymous"
	if p.Known {
		known = "known"
	}
	head := fmt.Sprintf("person %s\n  %s, %s, %s to %s\n", p.Public, known, plural(int64(p.Events), "event"), when(p.FirstSeen), when(p.LastSeen))
	if p.Public == "" {
		head = "no person: every event was flagged\n"
	}
	if p.Flagged.Events > 0 {
		head += fmt.Sprintf("  %s beside, flagged: %s\n", plural(int64(p.Flagged.Events), "event"), p.Flagged)
	}
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	for _, part := range []struct {
		title string
		rows  [][]string
	}{
		{"traits", traitRows(p)}, {"computed traits", computedRows(p)}, {"identifiers", linkRows(p)}, {"activity", activityRows(p)}, {"last events", eventRows(p.Recent)}, {"flagged events", eventRows(flagged)},
	} {
		if len(part.rows) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s\n", part.title); err != nil {
			return err
		}
		if err := lined(w, "  ", part.rows); err != nil {
			return err
		}
	}
	return nil
}

// said writes a value of a trait on one line.
func said(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return tame(s)
	}
	return tame(string(raw))
}

func computedRows(p *kith.Profile) [][]string {
	var rows [][]string
	for _, t := range p.Computed {
		rows = append(rows, []string{tame(t.Name), said(t.Value)})
	}
	return rows
}

func traitRows(p *kith.Profile) [][]string {
	var rows [][]string
	for _, t := range p.Traits {
		row := []string{tame(t.Name), said(t.Value), when(t.Time), tame(t.Source)}
		if t.Previous != nil {
			row = append(row, "before: "+said(t.Previous.Value)+", "+when(t.Previous.Time)+", "+tame(t.Previous.Source))
		}
		rows = append(rows, row)
	}
	return rows
}

func linkRows(p *kith.Profile) [][]string {
	names := map[kith.FragmentID]string{}
	for _, l := range p.Links {
		names[l.Fragment] = tame(l.Space)
	}
	var rows [][]string
	for _, l := range p.Links {
		row := []string{tame(l.Space), tame(l.Value)}
		if l.Rule != "" {
			with := names[l.With]
			if with == "" {
				with = fmt.Sprintf("fragment %d", l.With)
			}
			row = append(row, fmt.Sprintf("linked with %s by %s, event %d, %s", with, l.Rule, l.Cause, when(l.At)))
		}
		rows = append(rows, row)
	}
	return rows
}

func activityRows(p *kith.Profile) [][]string {
	var rows [][]string
	widest := 0
	for _, x := range p.Activity {
		widest = max(widest, len(group(int64(x.Count))))
	}
	for _, x := range p.Activity {
		count := fmt.Sprintf("%*s", widest, group(int64(x.Count)))
		rows = append(rows, []string{x.Kind.String(), tame(x.Name), count, day(x.First) + " to " + day(x.Last)})
	}
	return rows
}

func eventRows(events []kith.Happening) [][]string {
	var rows [][]string
	for _, h := range events {
		row := []string{when(h.Time), h.Kind.String(), tame(h.Name), tame(h.Source), fmt.Sprintf("seq %d", h.Seq)}
		if h.Flags != 0 {
			row = append(row, h.Flags.String())
		}
		rows = append(rows, row)
	}
	return rows
}
