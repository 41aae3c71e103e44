package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// recent is how many events of the timeline a profile shows.
const recent = 10

// Profile gives the person that an identifier points at, as of the last commit.
// The space "id" takes the public id of a profile or of any of its fragments:
// it resolves for ever. Unknown is ErrNotFound.
func (e *Engine) Profile(ctx context.Context, id kith.Identifier) (*kith.Profile, error) {
	v, err := e.acquire()
	if err == nil {
		v, err = e.opened(ctx, v)
	}
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	who, err := e.resolveID(v, id)
	if err != nil {
		return nil, err
	}
	p, err := e.describe(v, who)
	if err != nil {
		return nil, err
	}
	if p.Links, err = e.links(v, who); err != nil {
		return nil, err
	}
	if err := e.timeline(ctx, v, p, recent); err != nil {
		return nil, err
	}
	return p, nil
}

// Flagged gives the newest n events that point at the same person as an
// identifier and stand outside of profiles and counts, newest first, with their
// flags. It knows them of identifiers that nothing else is known of, too.
func (e *Engine) Flagged(ctx context.Context, id kith.Identifier, n int) ([]kith.Happening, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	who, err := e.ownerOf(v, id)
	if err != nil {
		return nil, err
	}
	frags, err := e.people.Fragments(v.pin, kith.FragmentID(who))
	if err != nil {
		return nil, err
	}
	places, err := e.placesOf(v, frags)
	if err != nil {
		return nil, err
	}
	_, flagged := apart(places)
	out, err := e.happenings(ctx, latest(flagged, n))
	return out[:min(n, len(out))], err
}

// apart divides places into those of events that count and of those that were flagged.
func apart(places []storage.Place) (count, flagged []storage.Place) {
	for _, p := range places {
		if p.Name&storage.Aside != 0 {
			flagged = append(flagged, p)
		} else {
			count = append(count, p)
		}
	}
	return count, flagged
}

// Lookup is Profile without identifiers and timeline: traits, counts and times
// only. It reads no history, and is what a service asks for on each request.
func (e *Engine) Lookup(id kith.Identifier) (*kith.Profile, error) {
	v, err := e.acquire()
	if err == nil {
		v, err = e.told(v)
	}
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	who, err := e.resolveID(v, id)
	if err != nil {
		return nil, err
	}
	return e.describe(v, who)
}

// Timeline gives the newest n events of the person that an identifier points
// at, newest first, without those that were flagged. The whole of an event is SQL's: events.original, by seq.
func (e *Engine) Timeline(ctx context.Context, id kith.Identifier, n int) ([]kith.Happening, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	who, err := e.resolveID(v, id)
	if err != nil {
		return nil, err
	}
	places, err := e.counting(v, who)
	if err != nil {
		return nil, err
	}
	out, err := e.happenings(ctx, latest(places, n))
	return out[:min(n, len(out))], err
}

// counting gives the places of the events of a person that are not flagged, in order of arrival.
func (e *Engine) counting(v *version, who kith.ProfileID) ([]storage.Place, error) {
	frags, err := e.people.Fragments(v.pin, kith.FragmentID(who))
	if err != nil {
		return nil, err
	}
	places, err := e.placesOf(v, frags)
	if err != nil {
		return nil, err
	}
	places, _ = apart(places)
	return places, nil
}

// placesOf gives the places of all events of some fragments, in order of arrival.
func (e *Engine) placesOf(v *version, frags []kith.FragmentID) ([]storage.Place, error) {
	var places []storage.Place
	for _, f := range frags {
		of, err := e.places.Of(f, v.events)
		if err != nil {
			return nil, err
		}
		places = append(places, of...)
	}
	slices.SortFunc(places, func(a, b storage.Place) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	return places, nil
}

// latest gives the places among which the newest n events are: those of the
// last days that hold n together, because a late event arrives after newer ones.
func latest(places []storage.Place, n int) []storage.Place {
	if len(places) <= n {
		return places
	}
	days := make([]int32, len(places))
	for i, p := range places {
		days[i] = p.Day
	}
	slices.Sort(days)
	from := days[len(days)-max(n, 1)]
	var out []storage.Place
	for _, p := range places {
		if p.Day >= from {
			out = append(out, p)
		}
	}
	return out
}

// resolveID finds the profile that an identifier points at.
func (e *Engine) resolveID(v *version, id kith.Identifier) (kith.ProfileID, error) {
	who, err := e.ownerOf(v, id)
	if err != nil {
		return 0, err
	}
	if is, err := e.people.Exists(v.pin, who); err != nil || !is {
		return 0, errors.Join(err, unknown(id))
	}
	return who, nil
}

func unknown(id kith.Identifier) error {
	return &kith.Error{Op: "engine.Profile", On: id.Space, Kind: kith.ErrNotFound}
}

// ownerOf finds the number that owns an identifier. It is a profile when there
// is an event that counts, or a link.
func (e *Engine) ownerOf(v *version, id kith.Identifier) (kith.ProfileID, error) {
	notFound := unknown(id)
	token, ok := e.tokenOf(id)
	if !ok {
		return 0, notFound
	}
	f, ok, err := e.tokens.Find(token)
	if err != nil {
		return 0, err
	}
	if !ok || uint32(f) >= v.fragments { // it may have been numbered after the version
		return 0, notFound
	}
	return e.people.OwnerAt(v.pin, f)
}

// publicSpace is the space of public ids, which no event has.
const publicSpace = "id"

// tokenOf gives the token of an identifier; false: it is none of its space.
func (e *Engine) tokenOf(id kith.Identifier) (kith.Token, bool) {
	if id.Space == publicSpace {
		return e.secret.PublicToken(id.Value)
	}
	m := e.matcher.Load()
	space, ok := m.Find(id.Space)
	if !ok {
		return kith.Token{}, false
	}
	norm, ok := m.Normalise(space, []byte(id.Value), nil)
	return e.secret.Token(id.Space, norm), ok
}

// public gives the public id of a profile: that of the fragment seen first in event time.
func (e *Engine) public(v *version, who kith.ProfileID) (string, error) {
	return e.publicAt(v.pin, who)
}

// publicAt is public as of a pin; nil: of the commit that is being made.
func (e *Engine) publicAt(pin *storage.Pin, who kith.ProfileID) (string, error) {
	head := kith.FragmentID(who)
	c, ok, err := e.people.Head.At(pin, uint32(who))
	if err != nil {
		return "", err
	}
	if ok {
		head = kith.FragmentID(c.Lo)
	}
	t, err := e.people.Token(pin, head)
	return e.secret.Public(t), err
}

// describe gives what the columns and documents say about a profile.
func (e *Engine) describe(v *version, who kith.ProfileID) (*kith.Profile, error) {
	row := uint32(who)
	p := &kith.Profile{ID: who, At: v.seq}
	var err error
	if p.Public, err = e.public(v, who); err != nil {
		return nil, err
	}
	marks, err := e.people.Marks(v.pin, kith.FragmentID(who))
	if err != nil {
		return nil, err
	}
	p.Known = marks.Known
	count, ok, err := e.people.Count.At(v.pin, row)
	if err != nil {
		return nil, err
	}
	if ok {
		first, _, err1 := e.people.First.At(v.pin, row)
		last, _, err2 := e.people.Last.At(v.pin, row)
		if err1 != nil || err2 != nil {
			return nil, errors.Join(err1, err2)
		}
		p.Events = count.Lo
		p.FirstSeen, p.LastSeen = instant(int64(first.Lo)), instant(int64(last.Lo))
	}
	doc, err := e.joined(v, kith.FragmentID(who))
	if err != nil {
		return nil, err
	}
	p.Traits = e.shown(doc)
	p.Computed, err = e.worked(v, who)
	return p, err
}

func instant(us int64) time.Time {
	if us == storage.NoTime {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// joined gives the trait document of the profile that has f.
func (e *Engine) joined(v *version, f kith.FragmentID) (*document, error) {
	frags, err := e.people.Fragments(v.pin, f)
	if err != nil {
		return nil, err
	}
	var docs []*document
	for _, f := range frags {
		marks, err := e.people.Marks(v.pin, f)
		if err != nil {
			return nil, err
		}
		if !marks.Told {
			continue
		}
		d, err := e.readDocument(&v.snap.Reader, f)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	if len(docs) == 0 {
		return &document{}, nil
	}
	return storage.Join(docs...), nil
}

// shown gives a document in words, by name; traits that were taken away are left out.
func (e *Engine) shown(doc *document) []kith.Trait {
	out := make([]kith.Trait, 0, len(doc.Traits))
	for _, t := range doc.Traits {
		if string(t.Last.Raw) == "null" {
			continue
		}
		k := kith.Trait{
			Name: strings.TrimPrefix(e.paths.Path(t.Path), "traits."), Class: t.Class,
			Value: json.RawMessage(t.Last.Raw), Time: instant(t.Last.Time), Source: e.sources.at(int(t.Last.Source)),
		}
		if t.Prev != nil {
			k.Previous = &kith.Said{Value: json.RawMessage(t.Prev.Raw), Time: instant(t.Prev.Time), Source: e.sources.at(int(t.Prev.Source))}
		}
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b kith.Trait) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// links gives the identifiers of a profile and how each was linked.
func (e *Engine) links(v *version, who kith.ProfileID) ([]kith.Linked, error) {
	frags, err := e.people.Fragments(v.pin, kith.FragmentID(who))
	if err != nil {
		return nil, err
	}
	slices.Sort(frags)
	out := make([]kith.Linked, len(frags))
	for i, f := range frags {
		id, err := e.identifier(v, f)
		if err != nil {
			return nil, err
		}
		out[i] = kith.Linked{Identifier: id, Fragment: f, With: kith.NoFragment}
	}
	for _, f := range frags {
		err := v.snap.Pairs(f, func(b kith.FragmentID, rec storage.PairRecord) error {
			i, ok := slices.BinarySearch(frags, b)
			if !ok || rec.Kind != kith.Link {
				return nil
			}
			j, _ := slices.BinarySearch(frags, f)
			linked(&out[i], f, rec)
			linked(&out[j], b, rec)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// linked notes the first link of an identifier.
func linked(l *kith.Linked, with kith.FragmentID, rec storage.PairRecord) {
	if l.With == kith.NoFragment || rec.Cause < l.Cause {
		l.With, l.Rule, l.Cause, l.At = with, rec.Rule, rec.Cause, instant(rec.At)
	}
}

// timeline fills in what the person did, and the newest n events.
func (e *Engine) timeline(ctx context.Context, v *version, p *kith.Profile, n int) error {
	frags, err := e.people.Fragments(v.pin, kith.FragmentID(p.ID))
	if err != nil {
		return err
	}
	places, err := e.placesOf(v, frags)
	if err != nil {
		return err
	}
	places, flagged := apart(places)
	for _, f := range flagged {
		p.Flagged.Count(kith.Flags(f.Name))
	}
	if p.Activity, err = e.activity(v, places); err != nil {
		return err
	}
	if p.Recent, err = e.happenings(ctx, latest(places, n)); err != nil {
		return err
	}
	p.Recent = p.Recent[:min(n, len(p.Recent))]
	return nil
}

// activity counts places by name; first and last are days.
func (e *Engine) activity(v *version, places []storage.Place) ([]kith.Activity, error) {
	by := map[uint32]*kith.Activity{}
	texts := e.line.fold.names.Texts(v.pin)
	for _, p := range places {
		day := time.Unix(int64(p.Day)*86400, 0).UTC()
		a := by[p.Name]
		if a == nil {
			a = &kith.Activity{First: day, Last: day}
			if int(p.Name) < len(texts) && texts[p.Name] != "" {
				a.Kind, a.Name = kith.Kind(texts[p.Name][0]-'0'), texts[p.Name][1:]
			}
			by[p.Name] = a
		}
		a.Count++
		if day.Before(a.First) {
			a.First = day
		}
		if day.After(a.Last) {
			a.Last = day
		}
	}
	out := make([]kith.Activity, 0, len(by))
	for _, a := range by {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b kith.Activity) int {
		if a.Count != b.Count {
			return cmp.Compare(b.Count, a.Count)
		}
		return strings.Compare(a.Kind.String()+a.Name, b.Kind.String()+b.Name)
	})
	return out, nil
}

// happenings reads the events at places, newest first.
func (e *Engine) happenings(ctx context.Context, places []storage.Place) ([]kith.Happening, error) {
	rows, err := e.rows(ctx, places)
	if err != nil {
		return nil, err
	}
	out := make([]kith.Happening, len(rows))
	for i := range rows {
		r := &rows[i]
		out[i] = kith.Happening{Seq: kith.Seq(r.Seq), Kind: kith.Kind(r.Kind), Name: r.Name, Time: instant(r.Time), Source: r.Source, Flags: kith.Flags(r.Flags) & kith.Anomalous}
	}
	slices.SortFunc(out, func(a, b kith.Happening) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.Seq, a.Seq))
	})
	return out, nil
}

// rows reads the fixed columns of the events at places: from the follower those that history has
// not got yet, from history the rest.
func (e *Engine) rows(ctx context.Context, places []storage.Place) ([]history.Row, error) {
	if len(places) == 0 {
		return nil, nil
	}
	var rows []history.Row
	rest, err := pick(e.follow.tail(), ordinalsOf(places), func(ev *storage.Event) error {
		rows = append(rows, e.follow.row(ev))
		return nil
	})
	if err != nil || len(rest) == 0 {
		return rows, err
	}
	old, err := e.hist.Glance(ctx, rest)
	return append(rows, old...), err
}

func ordinalsOf(places []storage.Place) []uint64 {
	out := make([]uint64, len(places))
	for i, p := range places {
		out[i] = p.Ordinal
	}
	return out
}

func trailing(w uint64) int { return bits.TrailingZeros64(w) }
