package engine

import (
	"context"
	"time"

	"github.com/kithdb/kith"
)

// Day is what became of the members of a segment on one day, UTC.
type Day struct {
	Day     time.Time `json:"day"`     // its beginning
	Size    int       `json:"size"`    // members at its end
	Entered int       `json:"entered"` // times that somebody entered
	Left    int       `json:"left"`    // times that somebody left
}

// Volatility is the part of the members that changed: those who entered and left,
// over the size. False: nobody is in the segment.
func (d Day) Volatility() (float64, bool) {
	if d.Size == 0 {
		return 0, false
	}
	return float64(d.Entered+d.Left) / float64(d.Size), true
}

// Daily gives each day of a segment from its first change to that of the standing
// clock, over all versions of its definition. The day of a change is that of the
// instant from which on it is so. Where the clock was set back, Size is the sum of
// the changes up to the end of the day, whatever their order.
func (e *Engine) Daily(ctx context.Context, segment string) ([]Day, error) {
	if segment == "" {
		return nil, noSegment("engine.Daily", segment)
	}
	moved := map[time.Time]*Day{}
	var first, last time.Time
	for c, err := range e.Changes(segment, 0) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		at := c.At.Truncate(24 * time.Hour)
		d := moved[at]
		if d == nil {
			d = &Day{Day: at}
			moved[at] = d
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
		d.count(c)
	}
	if _, now, err := e.Clock(); err != nil {
		return nil, err
	} else if now = now.UTC().Truncate(24 * time.Hour); now.After(last) {
		last = now
	}
	out, size := []Day{}, 0
	for at := first; len(moved) > 0 && !at.After(last); at = at.AddDate(0, 0, 1) {
		d := Day{Day: at}
		if m := moved[at]; m != nil {
			d = *m
		}
		size += d.Entered - d.Left
		d.Size = size
		out = append(out, d)
	}
	return out, nil
}

func (d *Day) count(c kith.Change) {
	if c.Entered {
		d.Entered++
	} else {
		d.Left++
	}
}
