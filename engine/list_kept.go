package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// staticLists is what the engine knows of its static lists. What is kept of a
// list is tokens; which fragments have them is found when the directory is
// opened, and then with each identifier that is numbered. A merge or a cut moves
// nothing here: a person is on a list if one of the fragments is.
type staticLists struct {
	now      listNames         // the line's; the map never changes, it is only replaced
	came     []arrival         // the line's: in this turn
	noted    int               // the line's: of them, that segments know of
	versions map[string]uint32 // the line's: the last of each name
	anew     uint64            // the line's: how often fragments were found anew, see openLists
	next     atomic.Uint32     // the next content
	mu       sync.Mutex
	orphan   []content // guarded by mu: of a killed import
}

// keptList is a list as of one version of the platform. Who reads one changes nothing.
type keptList struct {
	name     string
	version  uint32
	seq      kith.Seq
	at       int64
	contents []content // that the versions in force have
	entries  int
	frags    *bitmap.Set             // fragments on it
	waiting  map[kith.Token]struct{} // the line's: tokens that no fragment has yet
}

// listNames are the static lists of a version, by name.
type listNames map[string]*keptList

// has tells whether there is a list of that name.
func (l listNames) has(name string) error {
	if l[name] == nil {
		return noList("engine.Segment", name)
	}
	return nil
}

// content is what one import handed over.
type content struct{ number, chunks uint32 }

// arrival is an identifier that waited on a list and has a fragment now.
type arrival struct {
	list string
	f    kith.FragmentID
}

// openContents finds what a killed import left.
func (e *Engine) openContents(snap *storage.Snapshot) error {
	used, last := map[uint32]bool{}, uint32(0)
	err := eachInForce(snap, func(rec *storage.ListRecord) error {
		used[rec.Content] = true
		return nil
	})
	if err != nil {
		return err
	}
	left := map[uint32]uint32{}
	err = snap.ListChunkKeys(func(content, _ uint32) error {
		last = max(last, content)
		if !used[content] {
			left[content]++ // the first ones: dropContents begins with the last
		}
		return nil
	})
	for number, chunks := range left {
		e.static.orphan = append(e.static.orphan, content{number, chunks})
	}
	e.static.next.Store(last)
	return err
}

// eachInForce calls f for the versions that what is on lists comes from: of each
// the last that replaced it, and those after it.
func eachInForce(r interface {
	Lists(func(*storage.ListRecord) error) error
}, f func(*storage.ListRecord) error) error {
	by := map[string][]*storage.ListRecord{}
	err := r.Lists(func(rec *storage.ListRecord) error {
		switch rec.Mode {
		case storage.ListDrop:
			delete(by, rec.Name)
		case storage.ListReplace:
			by[rec.Name] = []*storage.ListRecord{rec}
		default:
			by[rec.Name] = append(by[rec.Name], rec)
		}
		return nil
	})
	for _, name := range sortedKeys(by) {
		for _, rec := range by[name] {
			if err == nil {
				err = f(rec)
			}
		}
	}
	return err
}

// openLists finds who is on which list: when the directory is opened, and when an
// unload has made everything anew.
func (e *Engine) openLists() error {
	snap := e.store.Snapshot()
	defer snap.Release()
	s := &e.static
	s.now, s.came, s.noted, s.versions = listNames{}, nil, 0, map[string]uint32{}
	s.anew++
	if err := snap.Lists(func(rec *storage.ListRecord) error { s.versions[rec.Name] = rec.Version; return nil }); err != nil {
		return err
	}
	return eachInForce(snap, func(rec *storage.ListRecord) error {
		h := newHanded()
		err := snap.ListTokens(rec, func(t kith.Token) error {
			f, ok, err := e.tokens.Find(t)
			h.add(t, f, ok)
			return err
		})
		s.now[rec.Name] = s.now[rec.Name].with(rec, h)
		return err
	})
}

// handed is what an import hands over, as far as it is known.
type handed struct {
	frags   *bitmap.Set
	waiting map[kith.Token]struct{}
}

func newHanded() *handed { return &handed{&bitmap.Set{}, map[kith.Token]struct{}{}} }

func (h *handed) add(t kith.Token, f kith.FragmentID, known bool) {
	if known {
		h.frags.Add(uint32(f))
	} else {
		h.waiting[t] = struct{}{}
	}
}

// with gives a list after one more import; nil is a list that there is not. What
// it had waiting goes over to the new one.
func (k *keptList) with(rec *storage.ListRecord, h *handed) *keptList {
	out := &keptList{name: rec.Name, version: rec.Version, seq: rec.Seq, at: rec.At, frags: h.frags, waiting: h.waiting}
	switch {
	case k == nil || rec.Mode == storage.ListReplace:
	case rec.Mode == storage.ListAdd:
		out.frags, out.waiting, out.contents = bitmap.Or(k.frags, h.frags), k.waiting, k.contents
		maps.Copy(out.waiting, h.waiting)
	default:
		out.frags, out.waiting, out.contents = bitmap.AndNot(k.frags, h.frags), k.waiting, k.contents
		for t := range h.waiting {
			delete(out.waiting, t)
		}
	}
	out.contents = append(slices.Clip(out.contents), content{rec.Content, rec.Chunks})
	out.entries = out.frags.Len() + len(out.waiting)
	return out
}

// put makes a list the one of its name; nil: there is none any more. It is called in the line.
func (s *staticLists) put(name string, k *keptList) {
	s.now = maps.Clone(s.now)
	if s.now == nil {
		s.now = listNames{}
	}
	if k == nil {
		s.versions[name]++
		delete(s.now, name)
		return
	}
	s.versions[name], s.now[name] = k.version, k
}

// numbered puts an identifier that gets its fragment onto the lists that it waited on.
func (s *staticLists) numbered(t kith.Token, f kith.FragmentID) {
	for name, k := range s.now {
		if _, ok := k.waiting[t]; ok {
			delete(k.waiting, t)
			s.came = append(s.came, arrival{name, f})
		}
	}
}

// arrived notes that somebody is on a list by an event. The line calls it when the event is folded.
func (t *turn) arrived(of kith.Seq) {
	s := &t.l.e.static
	for _, a := range s.came[s.noted:] {
		if l := t.l.live; l != nil {
			for _, u := range l.onLists[a.list] {
				l.touch(a.f, u, kith.ByEvent, of)
			}
		}
	}
	s.noted = len(s.came)
}

// settle puts those who came in a turn onto their lists.
func (s *staticLists) settle() {
	if len(s.came) == 0 {
		return
	}
	more := map[string][]uint32{}
	for _, a := range s.came {
		more[a.list] = append(more[a.list], uint32(a.f))
	}
	s.came, s.noted = s.came[:0], 0
	s.now = maps.Clone(s.now)
	for name, frags := range more {
		k := *s.now[name]
		k.frags = bitmap.Or(k.frags, bitmap.Of(frags...))
		s.now[name] = &k
	}
}

// onList gives the people of a list. Nobody changes the set.
func (v *version) onList(e *Engine, k *keptList) (*bitmap.Set, error) {
	words := make([]uint64, int(v.fragments>>16+1)<<10)
	var owners *storage.Image
	block := uint32(0)
	for f := range k.frags.All() {
		if f >= v.fragments {
			break // it came later than the version
		}
		if owners == nil || f>>16 != block {
			var err error
			if owners, err = e.people.Owners(v.pin, int(f>>16)); err != nil {
				return nil, err
			}
			block = f >> 16
		}
		who := owners.U32[f&0xffff]
		words[who>>6] |= 1 << (who & 63)
	}
	all, err := v.everybody(e)
	if err != nil {
		return nil, err
	}
	return bitmap.And(bitmap.FromWords(words), all), nil
}

// ofList gives those of some people who are on a list, one by one.
func (v *version) ofList(e *Engine, k *keptList, within *bitmap.Set) (*bitmap.Set, error) {
	out := &bitmap.Set{}
	for who := range within.All() {
		frags, err := e.people.Fragments(v.pin, kith.FragmentID(who))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(frags, func(f kith.FragmentID) bool { return k.frags.Has(uint32(f)) }) {
			out.Add(who)
		}
	}
	return out, nil
}

// sweepContents deletes what a killed import left.
func (e *Engine) sweepContents(ctx context.Context) error {
	s := &e.static
	s.mu.Lock()
	orphan := s.orphan
	s.orphan = nil
	s.mu.Unlock()
	return e.dropContents(ctx, orphan)
}

// dropContents deletes what counts no more, the last chunk of each first: cut
// short, the next opening finds the rest.
func (e *Engine) dropContents(ctx context.Context, gone []content) error {
	for _, c := range gone {
		for c.chunks > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := e.aside(func(tx *storage.Tx) error {
				for range min(c.chunks, 1000) {
					c.chunks--
					if err := tx.DropListChunk(c.number, c.chunks); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
