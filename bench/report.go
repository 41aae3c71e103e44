package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Figure is one thing that was measured.
type Figure struct {
	Part  string  `json:"part"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Peer  float64 `json:"peer,omitempty"`  // of DuckDB alone, or of what the name says, in the same unit
	Ratio float64 `json:"ratio,omitempty"` // of the two, as the goal means it
	Goal  string  `json:"goal,omitempty"`
	Met   bool    `json:"met,omitempty"` // the goal, where there is one
	Note  string  `json:"note,omitempty"`
}

// Report is what one run measured.
type Report struct {
	Size    string    `json:"size"`
	Command string    `json:"command"`
	Began   time.Time `json:"began"`
	Took    string    `json:"took"`
	Machine Machine   `json:"machine"`
	Figures []Figure  `json:"figures"`
}

// add notes a figure.
func (r *Report) add(f Figure) *Figure {
	r.Figures = append(r.Figures, f)
	return &r.Figures[len(r.Figures)-1]
}

// of gives the figures of one part.
func (r *Report) of(part string) []Figure {
	var out []Figure
	for _, f := range r.Figures {
		if f.Part == part {
			out = append(out, f)
		}
	}
	return out
}

// within sets the goal that the value is at most limit.
func (f *Figure) within(limit float64) *Figure {
	f.Goal, f.Met = "<= "+show(limit, f.Unit), f.Value <= limit
	return f
}

// ratioWithin sets the goal that the ratio is at most limit.
func (f *Figure) ratioWithin(limit float64) *Figure {
	f.Goal, f.Met = "ratio <= "+short(limit), f.Ratio <= limit
	return f
}

// ratioAtLeast sets the goal that the ratio is at least limit.
func (f *Figure) ratioAtLeast(limit float64) *Figure {
	f.Goal, f.Met = "ratio >= "+short(limit), f.Ratio >= limit
	return f
}

// show gives a value with its unit, for people.
func show(v float64, unit string) string {
	switch unit {
	case "bytes":
		for _, u := range []string{"B", "kB", "MB"} {
			if v < 1000 {
				return short(v) + " " + u
			}
			v /= 1000
		}
		return short(v) + " GB"
	case "s": // seconds
		switch {
		case v < 1e-3:
			return short(v*1e6) + " µs"
		case v < 1:
			return short(v*1e3) + " ms"
		}
		return short(v) + " s"
	case "events/s":
		return strconv.FormatFloat(v/1000, 'f', 1, 64) + " k/s"
	case "":
		return short(v)
	}
	return short(v) + " " + unit
}

// short gives three digits.
func short(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// Write writes the table, with what it was measured on.
func (r *Report) Write(w io.Writer) error {
	_, err := io.WriteString(w, r.text(r.Figures))
	return err
}

func (r *Report) text(figures []Figure) string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "size %s · %s · %s · %d cores, %s · load average %s at the start, %s at the end · revision %s\n%s\n\n",
		r.Size, r.Began.Format(time.RFC3339), r.Took, m.Cores, m.Processor, m.LoadStart, m.LoadEnd, m.Revision, r.Command)
	table := [][]string{{"part", "what", "kith", "peer", "ratio", "goal", ""}}
	for _, f := range figures {
		row := []string{f.Part, f.Name, show(f.Value, f.Unit), "", "", f.Goal, ""}
		if f.Peer != 0 {
			row[3] = show(f.Peer, f.Unit)
		}
		if f.Ratio != 0 {
			row[4] = short(f.Ratio)
		}
		if f.Goal != "" && !f.Met {
			row[6] = "MISSED"
		}
		table = append(table, row)
	}
	widths := make([]int, len(table[0]))
	for _, row := range table {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range table {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i >= 2 && i <= 4 {
				line += pad + cell + "  "
			} else {
				line += cell + pad + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, f := range figures {
		if f.Note != "" {
			fmt.Fprintf(&b, "\n%s, %s: %s", f.Part, f.Name, f.Note)
		}
	}
	return b.String() + "\n"
}

// Save writes each part into files of its own in dir: <date>-<size>-<part>.json and .txt.
func (r *Report) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range Parts {
		figures := r.of(p)
		if len(figures) == 0 {
			continue
		}
		own := *r
		own.Figures = figures
		data, err := json.MarshalIndent(own, "", "  ")
		if err != nil {
			return err
		}
		base := filepath.Join(dir, r.Began.Format("2006-01-02")+"-"+r.Size+"-"+p)
		if err := os.WriteFile(base+".json", append(data, '\n'), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(base+".txt", []byte(r.text(figures)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
