package engine

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// liveEvent is an event of the log as a leaf looks at it.
type liveEvent struct {
	l      *live
	ev     *storage.Event
	secret []byte // what identifies a person, as cells
	clear  bool   // and is missing: what the leaf is asked for stands in the clear
}

// Field implements query.Event.
func (e *liveEvent) Field(path string, as query.Type) (query.Datum, bool) {
	text := ""
	switch path {
	case "name":
		text = e.ev.Name
	case "kind":
		text = e.ev.Kind.String()
	case "source":
		text = e.l.e.sources.at(int(e.ev.Source))
	case "message_id":
		text = strings.Clone(e.ev.Message) // it stands in the arena of a batch
	case "ts":
		return query.Datum{As: query.Time, Time: e.ev.Time}, true
	case "received_at":
		return query.Datum{As: query.Time, Time: e.ev.Received}, e.ev.Received != storage.NoTime
	default:
		if path == "group_id" {
			path = history.GroupID
		}
		id, ok := e.l.paths[path]
		if !ok {
			id = e.l.e.paths.ID(path)
			e.l.paths[path] = id
		}
		if raw := cell(e.ev.Cells, id); raw != nil || e.clear {
			return datum(raw, as)
		}
		d, ok := datum(cell(e.secret, id), as)
		d.Secret = true
		return d, ok
	}
	return query.Datum{As: query.Text, Text: text}, true
}

// Veil implements query.Event.
func (e *liveEvent) Veil(d query.Datum) query.Datum { return e.l.veil.hide(d) }

// cell gives the text of a leaf; nil: there is none.
func cell(cells []byte, path uint32) (text []byte) {
	history.EachCell(cells, func(p uint32, value []byte) bool {
		if p == path {
			text = value
		}
		return p != path
	})
	return text
}

// datum reads a value of JSON as a type. What has another type is missing.
func datum(raw []byte, as query.Type) (query.Datum, bool) {
	if len(raw) == 0 {
		return query.Datum{}, false
	}
	switch kind := kindOf(raw); {
	case as == query.List:
		return query.Datum{As: as, Text: string(raw)}, raw[0] == '['
	case kind == typeText && (as == query.Text || as == query.Time):
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return query.Datum{}, false
		}
		return readText(text, as)
	case kind == typeNumber && as == query.Number:
		lo, hi, ok := history.ParseDecimal(raw)
		return query.Datum{As: as, Num: query.Dec{Lo: lo, Hi: int64(hi)}}, ok
	case kind == typeFact && as == query.Bool:
		return query.Datum{As: as, Bool: raw[0] == 't'}, true
	}
	return query.Datum{}, false
}

// readText gives a text, or the time that it says.
func readText(text string, as query.Type) (query.Datum, bool) {
	if as == query.Text || as == query.List {
		return query.Datum{As: as, Text: text}, true
	}
	t, ok := query.ParseTime(text)
	return query.Datum{As: as, Time: t.UnixMicro()}, ok
}

// livePerson is a person as a program of a segment asks about one.
type livePerson struct {
	l      *live
	row    uint32
	seg    *liveSegment
	frags  []kith.FragmentID
	exists bool
	docs   []*document
	opened bool
	err    error
	rooms  [][]query.Match // for what several fragments have of a leaf
}

// begin makes the person ready for the questions of a segment.
func (p *livePerson) begin(s *liveSegment) error {
	p.seg = s
	if p.frags != nil {
		return nil
	}
	people := p.l.e.people
	who := kith.ProfileID(p.row)
	var err error
	if p.frags, err = people.Fragments(nil, kith.FragmentID(p.row)); err != nil {
		return err
	}
	if people.Owner(kith.FragmentID(p.row)) != who {
		return nil
	}
	p.exists, err = people.Exists(nil, who)
	return err
}

// Matches implements query.Person.
func (p *livePerson) Matches(leaf int) []query.Match {
	of := p.seg.leaves[leaf].of
	if len(p.frags) == 1 {
		return of[uint32(p.frags[0])]
	}
	for len(p.rooms) <= leaf {
		p.rooms = append(p.rooms, nil)
	}
	room := p.rooms[leaf][:0]
	for _, f := range p.frags {
		room = append(room, of[uint32(f)]...)
	}
	p.rooms[leaf] = room
	return room
}

// Public implements query.Person.
func (p *livePerson) Public() string {
	id, err := p.l.e.publicAt(nil, kith.ProfileID(p.row))
	if err != nil {
		p.err = err
	}
	return id
}

// Member implements query.Person.
func (p *livePerson) Member(segment string) bool {
	n, ok := p.l.numbers[segment]
	return ok && p.l.members.Has(n, p.row)
}

// OnList implements query.Person.
func (p *livePerson) OnList(list string) bool {
	k := p.l.e.static.now[list]
	return k != nil && slices.ContainsFunc(p.frags, func(f kith.FragmentID) bool { return k.frags.Has(uint32(f)) })
}

// Top implements query.Person.
func (p *livePerson) Top(i int) (query.Datum, bool) { return p.seg.ranks[i].threshold() }

// Peers implements query.Person.
func (p *livePerson) Peers(i int, account string) int64 { return p.seg.accounts[i].count(account) }

// Listed implements query.Person.
func (p *livePerson) Listed(i int, v query.Datum) bool {
	return p.seg.listed(i).has(v)
}

// Unveil implements query.Person.
func (p *livePerson) Unveil(d query.Datum) query.Datum { return p.l.veil.show(d) }

// traitPath gives the path of a trait as a program names it: one that is named
// like a fixed column stands behind traits.
func traitPath(path string) string {
	switch path {
	case "traits.first_seen", "traits.last_seen", "traits.known":
		return path[len("traits."):]
	}
	return path
}

// Trait implements query.Person.
func (p *livePerson) Trait(path string, as query.Type) (query.Datum, bool) {
	people := p.l.e.people
	switch path {
	case "first_seen", "last_seen":
		col := people.First
		if path == "last_seen" {
			col = people.Last
		}
		at, ok := col.I64(p.row)
		return query.Datum{As: query.Time, Time: at}, ok && as == query.Time
	case "known":
		marks, err := people.Marks(nil, kith.FragmentID(p.row))
		if err != nil {
			p.err = err
		}
		return query.Datum{As: query.Bool, Bool: marks.Known}, as == query.Bool
	}
	c := p.l.e.traits.by[traitPath(path)]
	if s := p.l.computed[path]; s != nil && s.col != nil {
		c = s.col
	}
	switch {
	case c == nil:
		return query.Datum{}, false
	case c.kind == typeSealed && p.seg.trait: // it would stand in the clear
		return query.Datum{}, false
	case c.kind == typeSealed && (as == query.Text || as == query.Time):
		return p.sealed(c, as)
	case c.kind == typeTime && as == query.Time:
		at, ok := c.col.I64(p.row)
		return query.Datum{As: as, Time: at}, ok
	case c.kind == typeText && (as == query.Text || as == query.Time):
		code, ok := c.col.U32(p.row)
		if !ok {
			return query.Datum{}, false
		}
		return readText(c.dict.Text(code), as)
	case c.kind == typeNumber && as == query.Number:
		v, ok := c.col.Get(p.row)
		return query.Datum{As: as, Num: query.Dec{Lo: v.Lo, Hi: int64(v.Hi)}}, ok
	case c.kind == typeFact && as == query.Bool:
		v, ok := c.col.Get(p.row)
		return query.Datum{As: as, Bool: v.Lo != 0}, ok
	}
	return query.Datum{}, false
}

// sealed reads a trait that has no column from the documents.
func (p *livePerson) sealed(c *column, as query.Type) (query.Datum, bool) {
	if !p.opened {
		p.opened = true
		if p.docs, p.err = p.l.turn.documents(kith.ProfileID(p.row)); p.err != nil {
			return query.Datum{}, false
		}
	}
	var best *storage.Write
	for _, d := range p.docs {
		if ts := d.Get(c.top); ts != nil && (best == nil || ts.Last.Compare(best) > 0) {
			best = &ts.Last
		}
	}
	if best == nil {
		return query.Datum{}, false
	}
	text, ok := leafText(best.Raw, c.path)
	if !ok {
		return query.Datum{}, false
	}
	return readText(text, as)
}
