package engine

import (
	"context"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// Stats says what is in a platform and what it takes. All counts are as of At.
type Stats struct {
	Dir       string                `json:"dir"`
	At        kith.Seq              `json:"at"`
	Events    uint64                `json:"events"`
	Profiles  int                   `json:"profiles"`
	Known     int                   `json:"known"`
	Fragments uint32                `json:"identifiers"`
	Tally     kith.Tally            `json:"tally"`
	Sources   map[string]kith.Tally `json:"sources"`
	Decisions int64                 `json:"decision_chunks"`
	Parts     int                   `json:"parts"`
	First     time.Time             `json:"first_event"`
	Last      time.Time             `json:"last_event"`
	Bytes     int64                 `json:"bytes"` // of the directory, allocated
	History   int64                 `json:"history_bytes"`
	Store     int64                 `json:"store_bytes"`
	Waiting   int64                 `json:"waiting_bytes"` // not yet in history
	Rules     uint32                `json:"rules_version"`
	Keyed     bool                  `json:"keyed"` // the master key comes from outside
	Writable  bool                  `json:"writable"`
	State     storage.StateStats    `json:"state"`
}

// Stats counts.
func (e *Engine) Stats(ctx context.Context) (Stats, error) {
	v, err := e.acquire()
	if err != nil {
		return Stats{}, err
	}
	defer e.release(v)
	s := Stats{
		Dir: e.dir, At: v.seq, Events: v.events, Fragments: v.fragments - 1, Sources: v.tallies, Rules: v.rules,
		Decisions: e.store.Count('d'), Parts: len(e.hist.Manifest().Parts), Waiting: e.follow.waiting(),
		Keyed: e.keys.Keyed(), State: e.state.Stats(), Writable: e.writable.Load(),
	}
	for _, t := range v.tallies {
		s.Tally.Add(t)
	}
	unloads, err := v.snap.Unloads()
	if err != nil {
		return s, err
	}
	for _, u := range unloads {
		s.Fragments -= u.Fragments
	}
	if err := e.countPeople(ctx, v, &s); err != nil {
		return s, err
	}
	if e.dir == "" {
		return s, nil
	}
	if s.Bytes, err = storage.DiskUse(e.dir); err != nil {
		return s, err
	}
	s.Store = e.store.Size()
	s.History, err = storage.DiskUse(e.path("history"))
	return s, err
}

// countPeople counts profiles, and finds the first and the last event.
func (e *Engine) countPeople(ctx context.Context, v *version, s *Stats) error {
	p := &profileTable{e: e, v: v}
	first, last := int64(storage.NoTime), int64(storage.NoTime)
	for k := 0; k<<16 < int(v.fragments); k++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := p.read(k, []int{2, 3, 4})
		if err != nil {
			return err
		}
		for w, has := range b.Keep {
			for ; has != 0; has &= has - 1 {
				i := w<<6 | trailing(has)
				s.Profiles++
				if b.Cols[2].Bool[i] {
					s.Known++
				}
				if null := b.Cols[0].Null; null != nil && null[w]>>(i&63)&1 == 1 {
					continue
				}
				if us := b.Cols[0].I64[i]; first == storage.NoTime || us < first {
					first = us
				}
				last = max(last, b.Cols[1].I64[i])
			}
		}
	}
	s.First, s.Last = instant(first), instant(last)
	return nil
}
