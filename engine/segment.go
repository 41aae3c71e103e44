package engine

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// Segment is a named condition over people.
type Segment struct {
	Name     string    `json:"name"`
	Version  uint32    `json:"version"`           // counts up with each definition of the name
	Text     string    `json:"text"`              // the condition, in one form
	At       time.Time `json:"at"`                // when this version was defined
	Seq      kith.Seq  `json:"seq"`               // of the record that defined it
	State    string    `json:"state"`             // live: its members are kept current; building: they are being found, and questions are answered on demand
	Progress Progress  `json:"progress,omitzero"` // while it is being built

	number uint32
}

var errName = errors.New(query.NameForm)

// Define makes a segment, or gives it another condition; docs/segments.md is
// the language. A definition that says the same as the one in force is no new
// version. ErrInvalid says what is wrong with the text, and where; ErrNotFound
// which segment, list or table it asks for in vain. A segment may not use
// itself, and the error says by which way it would.
func (e *Engine) Define(ctx context.Context, name, text string) (Segment, error) {
	if !query.IsName(name) {
		return Segment{}, &kith.Error{Op: "engine.Define", On: "name", Kind: kith.ErrInvalid, Err: errName}
	}
	c, err := query.Parse(text)
	if err != nil {
		return Segment{}, &kith.Error{Op: "engine.Define", On: name, Err: err}
	}
	if err := e.definable(ctx, "engine.Define", name, c); err != nil {
		return Segment{}, placed(err, text)
	}
	if _, err := query.Compile(c); err != nil {
		return Segment{}, &kith.Error{Op: "engine.Define", On: name, Kind: kith.ErrUnsupported, Err: err}
	}
	seg := Segment{Name: name, Text: query.Print(c)}
	var s *liveSegment
	err = e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		all, err := e.definitions(tx)
		if err != nil {
			return err
		}
		old := all[name]
		if old.Text == seg.Text {
			seg = old
			return errSame
		}
		if err := usesItself("engine.Define", name, c, all); err != nil { // others may have been defined meanwhile
			return err
		}
		for _, list := range query.Lists(c) { // one may have been dropped meanwhile
			if err := e.static.now.has(list); err != nil {
				return err
			}
		}
		seg.Version, seg.Seq, seg.At, seg.number = old.Version+1, seq, time.UnixMicro(at).UTC(), old.number
		if old.Version == 0 {
			seg.number = uint32(len(all))
		}
		sealed, err := e.keys.Seal(nobody, uint64(seq), sealSegment, []byte(seg.Text), nil)
		if err != nil {
			return err
		}
		return tx.PutSegment(&storage.SegmentRecord{Name: name, Version: seg.Version, Seq: seq, At: at, Sealed: sealed})
	}, func() { s = e.takeUp(seg) })
	if errors.Is(err, errSame) {
		return seg, nil
	}
	if err != nil || s == nil {
		return seg, err
	}
	return s.wait(ctx)
}

// begin takes the instant from the clock where nothing is kept yet: it may have
// been set back since.
func (l *live) begin() {
	if len(l.segs) == 0 {
		l.now = l.clocked(l.e.o.now())
	}
}

// takeUp lets a definition that was just stored be kept current.
func (e *Engine) takeUp(seg Segment) *liveSegment {
	l := e.line.live
	if l == nil {
		return nil
	}
	l.begin()
	s, err := l.define(seg, kith.ByDefinition)
	if err != nil {
		e.line.stop(err) // it was compiled before it was stored
	}
	return s
}

// wait waits until a segment is built.
func (s *liveSegment) wait(ctx context.Context) (Segment, error) {
	seg := s.Segment
	seg.State = "building"
	select {
	case <-ctx.Done():
		return seg, ctx.Err()
	case <-s.built:
	}
	if s.err == nil {
		seg.State = "live"
	}
	return seg, s.err
}

var errSame = errors.New("the definition is in force already")

// segmentsOf gives, for each segment, those that it uses.
func segmentsOf(all map[string]Segment) (map[string][]string, error) {
	uses := map[string][]string{}
	for name, s := range all {
		if s.Text == "" {
			continue
		}
		c, err := query.Parse(s.Text)
		if err != nil {
			return nil, err
		}
		uses[name] = query.Segments(c)
	}
	return uses, nil
}

// usesItself refuses a condition by which a segment would use itself. Computed
// traits use no segments, so the way never leads through one.
func usesItself(op, name string, c query.Cond, all map[string]Segment) error {
	uses, err := segmentsOf(all)
	if err != nil {
		return err
	}
	uses[name] = query.Segments(c)
	if path := circle(uses, name); path != nil {
		return &kith.Error{Op: op, On: "segment " + name, Kind: kith.ErrInvalid, Err: errors.New("it uses itself: " + strings.Join(path, " > "))}
	}
	return nil
}

// DropSegment takes a segment away. One that others use is ErrDenied, and the
// error names them. Its versions stay in the log, and one that is defined under its name later counts on.
func (e *Engine) DropSegment(ctx context.Context, name string) error {
	var gone Segment
	var s *liveSegment
	err := e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		all, err := e.definitions(tx)
		if err != nil {
			return err
		}
		old, ok := all[name]
		if !ok || old.Text == "" {
			return noSegment("engine.DropSegment", name)
		}
		uses, err := segmentsOf(all)
		if err != nil {
			return err
		}
		var users []string
		for _, s := range sortedKeys(uses) {
			if slices.Contains(uses[s], name) {
				users = append(users, s)
			}
		}
		if len(users) > 0 {
			return &kith.Error{Op: "engine.DropSegment", On: "segment " + name, Kind: kith.ErrDenied, Err: errors.New("segments use it: " + strings.Join(users, ", "))}
		}
		gone = Segment{Name: name, Version: old.Version + 1, Seq: seq, At: time.UnixMicro(at).UTC(), number: old.number}
		return tx.PutSegment(&storage.SegmentRecord{Name: name, Version: gone.Version, Seq: seq, At: at})
	}, func() { s = e.takeUp(gone) })
	if err != nil || s == nil {
		return err
	}
	_, err = s.wait(ctx)
	return err
}

func noSegment(op, name string) error { return nothingCalled(op, "segment", name) }

// nothingCalled says that there is no segment or list of a name. A text that is
// no name is not shown: it may be a person's.
func nothingCalled(op, what, name string) error {
	if !query.IsName(name) {
		return &kith.Error{Op: op, On: what, Kind: kith.ErrNotFound, Err: errName}
	}
	return &kith.Error{Op: op, On: what + " " + name, Kind: kith.ErrNotFound}
}

// segmentReader reads versions of segments, in a snapshot or a transaction.
type segmentReader interface {
	Segments(f func(*storage.SegmentRecord) error) error
}

// definitions gives the newest version of each segment; of one that was dropped
// the Text is empty.
func (e *Engine) definitions(r segmentReader) (map[string]Segment, error) {
	all := map[string]Segment{}
	err := r.Segments(func(rec *storage.SegmentRecord) error {
		s := Segment{Name: rec.Name, Version: rec.Version, Seq: rec.Seq, At: time.UnixMicro(rec.At).UTC(), number: uint32(len(all))}
		if old, ok := all[rec.Name]; ok {
			s.number = old.number
		}
		if rec.Sealed != nil {
			text, err := e.keys.Open(nobody, uint64(rec.Seq), sealSegment, rec.Sealed, nil)
			if err != nil {
				return err
			}
			s.Text = string(text)
		}
		all[rec.Name] = s
		return nil
	})
	return all, err
}

// Segments gives the segments that are defined, by name.
func (e *Engine) Segments(context.Context) ([]Segment, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	all, err := e.definitions(v.snap)
	if err != nil {
		return nil, err
	}
	out := []Segment{}
	for _, name := range sortedKeys(all) {
		if s := all[name]; s.Text != "" {
			s.State, s.Progress = "building", v.live[name].far()
			if v.live[name].ready {
				s.State = "live"
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// AskOptions say how people are asked for; nil is the same as the zero value.
type AskOptions struct {
	Now    time.Time // what now() means; zero: the standing clock
	Sample int       // of Members, People and Export: so many of them, drawn by their public ids; 0: all
	Seed   int64     // another one draws other people
}

// Count counts the people for whom a condition is true: the name of a segment,
// or the text of a condition. It is exact, as of the last commit when it was called.
func (e *Engine) Count(ctx context.Context, condition string, o *AskOptions) (int, error) {
	s, err := e.answer(ctx, "engine.Count", condition, o)
	if err != nil {
		return 0, err
	}
	return s.Len(), nil
}

// Members gives the people for whom a condition is true, as Count counts them,
// in the order of their ids.
func (e *Engine) Members(ctx context.Context, condition string, o *AskOptions) (iter.Seq[kith.ProfileID], error) {
	s, err := e.chosen(ctx, "engine.Members", condition, o)
	if err != nil {
		return nil, err
	}
	return func(yield func(kith.ProfileID) bool) {
		for id := range s.All() {
			if !yield(kith.ProfileID(id)) {
				return
			}
		}
	}, nil
}

// Export gives the people for whom a condition is true, as Count counts them, in
// the portable form of roaring bitmaps with 32 bits (github.com/RoaringBitmap/
// RoaringFormatSpec): their profile ids, as they are at that commit.
func (e *Engine) Export(ctx context.Context, condition string, o *AskOptions) ([]byte, error) {
	s, err := e.chosen(ctx, "engine.Export", condition, o)
	if err != nil {
		return nil, err
	}
	return s.AppendTo(nil), nil
}

// IsMember tells whether a condition is true for a person, by any identifier.
func (e *Engine) IsMember(ctx context.Context, condition string, id kith.Identifier, o *AskOptions) (bool, error) {
	if o == nil || o.Now.IsZero() {
		if is, ok, err := e.keptOf(condition, func(v *version) (kith.ProfileID, error) { return e.resolveID(v, id) }); ok || err != nil {
			return is, err
		}
	}
	p, err := e.Profile(ctx, id)
	if err != nil {
		return false, err
	}
	a, err := e.inquiry(o)
	if err != nil {
		return false, err
	}
	defer a.close()
	s, err := a.answer(ctx, "engine.IsMember", condition, bitmap.Of(uint32(p.ID)))
	if err != nil {
		return false, err
	}
	return s.Has(uint32(p.ID)), nil
}

// Overlap counts, for each pair of conditions, the people for whom both are
// true: out[i][j] of the i-th and j-th, out[i][i] of one alone.
func (e *Engine) Overlap(ctx context.Context, conditions []string, o *AskOptions) ([][]int, error) {
	a, err := e.inquiry(o)
	if err != nil {
		return nil, err
	}
	defer a.close()
	sets := make([]*bitmap.Set, len(conditions))
	for i, c := range conditions {
		if sets[i], err = a.answer(ctx, "engine.Overlap", c, nil); err != nil {
			return nil, err
		}
	}
	out := make([][]int, len(sets))
	for i, a := range sets {
		out[i] = make([]int, len(sets))
		for j, b := range sets {
			out[i][j] = a.AndLen(b)
		}
	}
	return out, nil
}

// Waterfall counts the people of each of some conditions who are in none before
// it: so each person counts once, and the sum is their union.
func (e *Engine) Waterfall(ctx context.Context, conditions []string, o *AskOptions) ([]int, error) {
	a, err := e.inquiry(o)
	if err != nil {
		return nil, err
	}
	defer a.close()
	out, before := make([]int, len(conditions)), bitmap.Of()
	for i, c := range conditions {
		s, err := a.answer(ctx, "engine.Waterfall", c, nil)
		if err != nil {
			return nil, err
		}
		out[i] = s.Len() - s.AndLen(before)
		before = bitmap.Or(before, s)
	}
	return out, nil
}

// Explanation says how a condition is answered.
type Explanation struct {
	Text    string    `json:"text"`  // the condition in one form
	Tree    string    `json:"tree"`  // its form for programs: JSON
	SQL     string    `json:"sql"`   // the same as one statement for DuckDB; its values are bound
	Args    []any     `json:"-"`     // the values for $1, $2 …: SQL answers the statement with them
	Steps   []Step    `json:"steps"` // how it was answered, in this order
	Now     time.Time `json:"now"`
	True    int       `json:"true"`    // people for whom it is true
	False   int       `json:"false"`   // and false
	Unknown int       `json:"unknown"` // and neither, because a value is missing
	Absent  []string  `json:"absent"`  // traits and properties that nobody has
	Sealed  []string  `json:"sealed"`  // those of which some are sealed: they are opened value by value
}

// Explain answers a condition and says how, and whom missing values leave out.
func (e *Engine) Explain(ctx context.Context, condition string, o *AskOptions) (Explanation, error) {
	const op = "engine.Explain"
	a, err := e.inquiry(o)
	if err != nil {
		return Explanation{}, err
	}
	defer a.close()
	c, err := a.condition(op, condition)
	if err != nil {
		return Explanation{}, err
	}
	if err := a.history(ctx); err != nil {
		return Explanation{}, err
	}
	out := Explanation{Text: query.Print(c), Tree: string(query.ToJSON(c)), Now: a.now}
	out.Absent, out.Sealed = a.names(c)
	q, err := a.render(ctx, op, c)
	if err != nil {
		return Explanation{}, placed(err, condition)
	}
	out.SQL, out.Args = q.Text, q.Args
	yes, steps, err := a.solve(ctx, op, c, nil)
	if err != nil {
		return Explanation{}, err
	}
	no, _, err := a.solve(ctx, op, query.Not{Cond: c}, nil)
	if err != nil {
		return Explanation{}, err
	}
	all, err := a.v.everybody(e)
	out.Steps, out.True, out.False = steps, yes.Len(), no.Len()
	if err == nil {
		out.Unknown = all.Len() - out.True - out.False
	}
	return out, err
}

// ConditionError says what in the text of a condition is not understood, and
// where: errors.As finds it in what Define, Count and the others return.
type ConditionError = query.Error
