package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// Evidence is an event on which a part of a condition stands, as it can be
// looked up: nothing of what it says.
type Evidence struct {
	Seq      kith.Seq  `json:"seq"`
	Kind     kith.Kind `json:"kind"`
	Name     string    `json:"name"`
	Time     time.Time `json:"time"`
	Received time.Time `json:"received_at,omitzero"`
	Source   string    `json:"source"`
	Load     uint32    `json:"load,omitempty"` // 0: it came in without a load
	Message  string    `json:"message_id,omitempty"`
}

// mostEvidence is how many events of a sub-select are named.
const mostEvidence = 5

// witness says which events are sought: the newest that count in a sub-select of
// a part, and all of the instant of the last of them.
type witness struct {
	part    int
	leaf    *query.Leaf
	matches []query.Match // the newest first
}

// newestCounting gives the newest matches that count in a leaf of a part, and
// how many count.
func newestCounting(prog *query.Program, leaf int, p *livePerson, now int64) ([]query.Match, int) {
	all := p.Matches(leaf)
	var out []query.Match
	for _, i := range prog.Counting(leaf, p, now) {
		out = append(out, all[i])
	}
	slices.SortFunc(out, func(a, b query.Match) int { return cmp.Compare(b.TS, a.TS) })
	to := min(len(out), mostEvidence)
	for to > 0 && to < len(out) && out[to].TS == out[to-1].TS {
		to++
	}
	return out[:to], len(out)
}

// evidence finds the events that are sought among those of a person, and puts
// them into the parts.
func (e *Engine) evidence(ctx context.Context, v *version, who uint32, list []witness, parts []ReasonPart) error {
	if len(list) == 0 {
		return nil
	}
	if err := e.follow.catchUp(ctx, v.seq); err != nil {
		return err
	}
	rows, err := e.rowsAt(ctx, v, who, list)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b history.Row) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Seq, a.Seq))
	})
	seen := &rowEvent{liveEvent: liveEvent{l: &live{e: e, paths: map[string]uint32{}}}}
	for _, w := range list {
		for i, named := 0, 0; i < len(rows) && named < mostEvidence; i++ {
			if seen.is(&rows[i]); w.takes(seen) {
				parts[w.part].add(evidenceOf(&rows[i]))
				named++
			}
		}
	}
	for i := range parts {
		slices.SortStableFunc(parts[i].Evidence, func(a, b Evidence) int {
			return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.Seq, a.Seq))
		})
	}
	return nil
}

// rowsAt gives the events of a person, whole, at the instants of what is sought.
// What is whole is dear: the others are left out by a glance.
func (e *Engine) rowsAt(ctx context.Context, v *version, who uint32, list []witness) ([]history.Row, error) {
	times, days := map[int64]bool{}, map[int32]bool{}
	for _, w := range list {
		for _, m := range w.matches {
			times[m.TS], days[dayOf(m.TS)] = true, true
		}
	}
	places, err := e.counting(v, kith.ProfileID(who))
	if err != nil {
		return nil, err
	}
	places = slices.DeleteFunc(places, func(p storage.Place) bool { return !days[p.Day] })
	ordinals := ordinalsOf(places)
	rows, err := e.hist.Glance(ctx, ordinals)
	if err != nil {
		return nil, err
	}
	var some []uint64
	for i := range rows {
		if times[rows[i].Time] {
			some = append(some, ordinals[i])
		}
	}
	return e.hist.At(ctx, some)
}

// takes tells whether an event is one of those that are sought, and takes it off.
func (w *witness) takes(ev query.Event) bool {
	m, ok := w.leaf.Match(ev)
	if !ok {
		return false
	}
	i := slices.IndexFunc(w.matches, func(o query.Match) bool {
		return o.TS == m.TS && (!w.leaf.Ordered || o.Message == m.Message && o.Received == m.Received) && slices.Equal(o.Vals, m.Vals)
	})
	if i < 0 {
		return false
	}
	w.matches = slices.Delete(w.matches, i, i+1)
	return true
}

// add names an event once.
func (r *ReasonPart) add(ev Evidence) {
	if !slices.Contains(r.Evidence, ev) {
		r.Evidence = append(r.Evidence, ev)
	}
}

func evidenceOf(r *history.Row) Evidence {
	return Evidence{
		Seq: kith.Seq(r.Seq), Kind: kith.Kind(r.Kind), Name: r.Name, Time: instant(r.Time), Received: instant(r.Received),
		Source: r.Source, Load: r.Load, Message: r.MessageID,
	}
}

// rowEvent is an event of history as a leaf looks at it.
type rowEvent struct {
	liveEvent
	source string
}

// is makes it another event.
func (e *rowEvent) is(r *history.Row) {
	e.source = r.Source
	e.ev = &storage.Event{Name: r.Name, Kind: kith.Kind(r.Kind), Message: r.MessageID, Time: r.Time, Received: r.Received, Cells: r.Cells}
}

// Field implements query.Event.
func (e *rowEvent) Field(path string, as query.Type) (query.Datum, bool) {
	if path == "source" {
		return query.Datum{As: query.Text, Text: e.source}, true
	}
	return e.liveEvent.Field(path, as)
}
