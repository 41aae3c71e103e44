package engine

import (
	"context"
	"errors"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/bitmap"
)

// Verification says whether the members of a segment that are kept are those
// for whom DuckDB finds its condition true, at one number and one instant.
type Verification struct {
	Segment string   `json:"segment"`
	Version uint32   `json:"version"`
	At      kith.Seq `json:"at"`
	Kept    int      `json:"kept"`
	Found   int      `json:"found"`
	Missing int      `json:"missing"` // found and not kept
	Extra   int      `json:"extra"`   // kept and not found
}

// Same tells whether both ways gave the same people.
func (v *Verification) Same() bool { return v.Missing == 0 && v.Extra == 0 }

// Verify compares the members of a segment that are kept current with what
// DuckDB finds for its condition. It is ErrUnsupported while the segment is being built.
func (e *Engine) Verify(ctx context.Context, name string) (Verification, error) {
	const op = "engine.Verify"
	if err := e.current(ctx); err != nil {
		return Verification{}, err
	}
	a, err := e.inquiry(nil)
	if err != nil {
		return Verification{}, err
	}
	defer a.close()
	s, ok := a.all[name]
	if !ok || s.Text == "" {
		return Verification{}, noSegment(op, name)
	}
	if !a.v.live[name].ready {
		return Verification{}, &kith.Error{Op: op, On: name, Kind: kith.ErrUnsupported, Err: errors.New("it is being built: ask again when it is live")}
	}
	return a.verify(ctx, op, &s)
}

// verify compares the members that are kept of a segment with what DuckDB finds.
func (a *inquiry) verify(ctx context.Context, op string, s *Segment) (Verification, error) {
	c, err := query.Parse(s.Text)
	if err != nil {
		return Verification{}, err
	}
	a.written = a.traits // so that what is kept of them is no part of the proof
	q, err := a.render(ctx, op, c)
	if err != nil {
		return Verification{}, err
	}
	found, err := a.run(ctx, q, nil)
	if err != nil {
		return Verification{}, err
	}
	kept, err := a.v.members.Set(a.v.pin, s.number)
	if err != nil {
		return Verification{}, err
	}
	return Verification{
		Segment: s.Name, Version: s.Version, At: a.v.seq, Kept: kept.Len(), Found: found.Len(),
		Missing: bitmap.AndNot(found, kept).Len(), Extra: bitmap.AndNot(kept, found).Len(),
	}, nil
}
