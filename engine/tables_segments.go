package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
	"github.com/kithdb/kith/storage/history"
)

var errBuilding = errors.New("it is being built: ask again when it is live")

// Members gives who is in a segment, for in_segment in SQL.
func (w *view) Members(segment string) ([]uint64, error) {
	set, err := w.kept(segment)
	if err != nil {
		return nil, err
	}
	return set.Dense(w.fragmentBlocks()), nil
}

// OnList gives who is on a static list, for in_list in SQL.
func (w *view) OnList(list string) ([]uint64, error) {
	k := w.v.lists[list]
	if k == nil {
		return nil, noList("engine.SQL", list)
	}
	set, err := w.v.onList(w.e, k)
	if err != nil {
		return nil, err
	}
	return set.Dense(w.fragmentBlocks()), nil
}

// lists has one row for each static list.
func (w *view) lists() history.Table {
	fields := []history.Field{
		{Name: "name", Type: history.String}, {Name: "version", Type: history.UInt}, {Name: "entries", Type: history.UBigInt},
		{Name: "waiting", Type: history.UBigInt}, {Name: "members", Type: history.UBigInt}, {Name: "imported_at", Type: history.Timestamp}, {Name: "seq", Type: history.UBigInt},
	}
	return rowTable("lists", fields, one, 16, func(_ int, r *records) error {
		for _, name := range sortedKeys(w.v.lists) {
			l, err := w.e.listOf(w.v, w.v.lists[name])
			if err != nil {
				return err
			}
			r.add(l.Name, l.Version, uint64(l.Entries), uint64(l.Waiting), uint64(l.Members), l.At.UnixMicro(), uint64(l.Seq))
		}
		return nil
	})
}

// kept gives the members of a segment as of the view's version.
func (w *view) kept(segment string) (*bitmap.Set, error) {
	k, ok := w.v.live[segment]
	switch {
	case !query.IsName(segment):
		return nil, noSegment("engine.SQL", segment)
	case w.v.members == nil:
		return nil, &kith.Error{Op: "engine.SQL", On: "segment " + segment, Kind: kith.ErrUnsupported, Err: errors.New("members are kept only where the platform is open for writing: kith segment count and members answer here, too")}
	case ok && k.ready:
		return w.v.members.Set(w.v.pin, k.number)
	case ok:
		return nil, &kith.Error{Op: "engine.SQL", On: "segment " + segment, Kind: kith.ErrUnsupported, Err: errBuilding}
	}
	return nil, noSegment("engine.SQL", segment)
}

// defined gives the segments that there are, by name.
func (w *view) defined() ([]Segment, error) {
	all, err := w.e.definitions(w.v.snap)
	if err != nil {
		return nil, err
	}
	var out []Segment
	for _, name := range sortedKeys(all) {
		if s := all[name]; s.Text != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

// segments has one row for each segment.
func (w *view) segments() history.Table {
	fields := []history.Field{
		{Name: "name", Type: history.String}, {Name: "version", Type: history.UInt}, {Name: "text", Type: history.String},
		{Name: "state", Type: history.String}, {Name: "progress", Type: history.String},
		{Name: "members", Type: history.UBigInt}, {Name: "defined_at", Type: history.Timestamp}, {Name: "seq", Type: history.UBigInt},
	}
	return rowTable("segments", fields, one, 16, func(_ int, r *records) error {
		list, err := w.defined()
		if err != nil {
			return err
		}
		for _, s := range list {
			state, members := "building", any(nil)
			if w.v.live[s.Name].ready {
				set, err := w.kept(s.Name)
				if err != nil {
					return err
				}
				state, members = "live", uint64(set.Len())
			}
			r.add(s.Name, s.Version, s.Text, state, text(w.v.live[s.Name].far().String()), members, s.At.UnixMicro(), uint64(s.Seq))
		}
		return nil
	})
}

// members has one row for each person in each segment.
func (w *view) members() history.Table {
	fields := []history.Field{{Name: "segment", Type: history.String}, {Name: "profile_id", Type: history.UInt}}
	list := sync.OnceValues(w.defined) // only a statement that asks for the table opens them
	t := rowTable("members", fields, nil, int64(w.v.fragments), func(block int, r *records) error {
		all, err := list()
		if err != nil {
			return err
		}
		per := w.fragmentBlocks()
		s := all[block/per]
		set, err := w.kept(s.Name)
		if err != nil {
			return err
		}
		from := uint32(block%per) << 16
		for row := range set.From(from) {
			if row>>16 != from>>16 {
				break
			}
			r.add(s.Name, row)
		}
		return nil
	})
	t.blocks = func() int {
		all, err := list()
		if err != nil {
			return 1 // whose reading gives the error
		}
		return len(all) * w.fragmentBlocks()
	}
	return t
}

// changes has one row for each time that somebody entered or left a segment.
func (w *view) changes() history.Table {
	fields := []history.Field{
		{Name: "seq", Type: history.UBigInt}, {Name: "segment", Type: history.String}, {Name: "version", Type: history.UInt},
		{Name: "profile_id", Type: history.UInt}, {Name: "entered", Type: history.Bool}, {Name: "cause", Type: history.String},
		{Name: "of", Type: history.UBigInt}, {Name: "moved_at", Type: history.Timestamp},
	}
	const group = 64
	keys := sync.OnceValues(w.v.snap.ChangeKeys)
	names := sync.OnceValues(func() (map[uint32]string, error) {
		all, err := w.e.definitions(w.v.snap)
		names := map[uint32]string{}
		for _, s := range all {
			names[s.number] = s.Name
		}
		return names, err
	})
	t := rowTable("changes", fields, nil, int64(w.v.fragments), func(block int, r *records) error {
		chunks, err := keys()
		if err != nil {
			return err
		}
		name, err := names()
		if err != nil {
			return err
		}
		for _, key := range chunks[block*group : min((block+1)*group, len(chunks))] {
			err := w.v.snap.ChangesOf(key, func(c *storage.Change) error {
				of := any(nil)
				if c.Of != 0 {
					of = uint64(c.Of)
				}
				r.add(uint64(c.Seq), name[c.Segment], c.Version, uint32(c.Profile), c.Entered, c.Cause.String(), of, c.At)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	t.blocks = func() int {
		chunks, err := keys()
		if err != nil {
			return 1 // whose reading gives the error
		}
		return (len(chunks) + group - 1) / group
	}
	return t
}

// History gives the versions of a segment's definition, the oldest first; of one
// that says that it was dropped the Text is empty.
func (e *Engine) History(_ context.Context, name string) ([]Segment, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	var out []Segment
	err = v.snap.Segments(func(rec *storage.SegmentRecord) error {
		if rec.Name != name {
			return nil
		}
		s := Segment{Name: name, Version: rec.Version, Seq: rec.Seq, At: time.UnixMicro(rec.At).UTC(), State: "past"}
		if rec.Sealed != nil {
			text, err := e.keys.Open(nobody, uint64(rec.Seq), sealSegment, rec.Sealed, nil)
			if err != nil {
				return err
			}
			s.Text = string(text)
		}
		out = append(out, s)
		return nil
	})
	if err == nil && len(out) == 0 {
		err = noSegment("engine.History", name)
	}
	return slices.Clip(out), err
}
