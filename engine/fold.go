package engine

import (
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// The dictionaries and indexes of the state that are not trait columns.
const (
	dictNames = 1 // event names, with their kind before them
	mostDays  = 4096
)

// folder folds events into the state: counts, days, places, traits. It is the
// same live and when the log is replayed.
type folder struct {
	e     *Engine
	names *storage.Dict
	days  []*storage.Days
	class map[uint32]pathClass // of the traits that were told
}

// pathClass is what the name of a trait says of its class, if anything.
type pathClass struct {
	class   kith.Class
	decided bool
}

func newFolder(e *Engine) (*folder, error) {
	names, err := e.state.Dict(dictNames)
	return &folder{e: e, names: names, class: map[uint32]pathClass{}}, err
}

// fold tells the state about one event. secret are its identifying leaves, told its traits.
func (t *turn) fold(ev *storage.Event, secret []byte, told []news) error {
	if t.dry { // what people are by is in the graph: of the rest only how much they have said is asked
		_, err := t.l.fold.hear(t, ev, told)
		return err
	}
	return t.l.fold.event(t, ev, t.l.head.Events-1, secret, told)
}

// event folds one event, whose place in history is ordinal.
func (f *folder) event(t *turn, ev *storage.Event, ordinal uint64, secret []byte, told []news) error {
	day := dayOf(ev.Time)
	if flags := kith.Flags(ev.Flags); flags.Anomalous() { // nothing follows but where it stands
		f.e.places.Add(ev.Fragment, ordinal, storage.Aside|uint32(flags), day)
		return nil
	}
	p := f.e.people
	who := p.Owner(ev.Fragment)
	live := t.l.live
	if live != nil && !p.Count.Has(uint32(who)) {
		live.moved(ev.Fragment, kith.ByEvent, ev.Seq)
	}
	p.Warm(who, ev.Fragment)
	var name uint32
	var err error
	f.e.state.Do(func() {
		p.Did(who, ev.Fragment, ev.Time)
		name, err = f.name(ev.Kind, ev.Name)
		if err == nil && name < mostDays {
			var days *storage.Days
			if days, err = f.daysOf(name); err == nil {
				days.Add(day, uint32(who), 1)
			}
		}
	})
	if err != nil {
		return err
	}
	f.e.places.Add(ev.Fragment, ordinal, name, day)
	if live != nil {
		live.happened(ev, secret)
	}
	return f.tell(t, ev, who, told)
}

// dayOf gives the UTC day of an instant, counted from 1970.
func dayOf(us int64) int32 {
	const day = int64(24 * time.Hour / time.Microsecond)
	d := us / day
	if us%day < 0 {
		d--
	}
	return int32(d)
}

// name gives the number of an event's name. Names of two kinds are two names.
func (f *folder) name(kind kith.Kind, name string) (uint32, error) {
	var buf [128]byte
	text := append(append(buf[:0], byte('0'+kind)), name...)
	code, ok := f.names.Code(string(text))
	if !ok {
		code, _ = f.names.Code(string(text[:64]))
	}
	return code, nil
}

func (f *folder) daysOf(name uint32) (*storage.Days, error) {
	for int(name) >= len(f.days) {
		d, err := f.e.state.Days(uint32(len(f.days)))
		if err != nil {
			return nil, err
		}
		f.days = append(f.days, d)
	}
	return f.days[name], nil
}

// Joined moves what one profile counted by day and said about its traits to
// another: the graph has joined them.
func (t *turn) Joined(stay, gone kith.ProfileID, moved []kith.FragmentID) error {
	if !t.replay && kith.FragmentID(gone) >= t.unseen {
		return nil // identifiers that this event is the first to have: nothing was counted or said
	}
	f := t.l.fold
	if t.l.live != nil {
		t.l.live.moved(kith.FragmentID(stay), kith.ByMerge, t.graph.Cause)
		t.l.live.moved(kith.FragmentID(gone), kith.ByMerge, t.graph.Cause)
	}
	if err := f.moveDays(uint32(gone), uint32(stay), moved); err != nil {
		return err
	}
	if err := f.clearTraits(gone); err != nil {
		return err
	}
	return t.showAll(stay)
}

// moveDays moves the day counts of some fragments' events from one row to another.
func (f *folder) moveDays(from, to uint32, moved []kith.FragmentID) error {
	type at struct {
		name uint32
		day  int32
	}
	counts := map[at]uint32{}
	for _, frag := range moved {
		places, err := f.e.places.Own(frag)
		if err != nil {
			return err
		}
		for _, p := range places {
			if p.Name < mostDays {
				counts[at{p.Name, p.Day}]++
			}
		}
	}
	var err error
	f.e.state.Do(func() {
		for a, n := range counts {
			var days *storage.Days
			if days, err = f.daysOf(a.name); err != nil {
				return
			}
			days.Sub(a.day, from, n)
			days.Add(a.day, to, n)
		}
	})
	return err
}

// Parted tells the parts of a profile again what their fragments counted and said.
func (t *turn) Parted(changes []storage.Assignment) error {
	f := t.l.fold
	old := changes[0].Profile
	for _, c := range changes {
		old = min(old, c.Profile)
	}
	f.e.state.Do(func() { f.e.people.Clear(old) })
	if err := f.clearTraits(old); err != nil {
		return err
	}
	parts := map[kith.ProfileID]bool{}
	for _, c := range changes {
		if t.l.live != nil {
			t.l.live.moved(c.Fragment, kith.ByCut, t.graph.Cause)
		}
		parts[c.Profile] = true
		f.e.state.Do(func() { f.e.people.Recount(c.Profile, c.Fragment) })
		if c.Profile != old {
			if err := f.moveDays(uint32(old), uint32(c.Profile), []kith.FragmentID{c.Fragment}); err != nil {
				return err
			}
		}
	}
	for who := range parts {
		if err := t.showAll(who); err != nil {
			return err
		}
	}
	return nil
}
