package enginetest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// live answers conditions by a query.Program, one person at a time: what the
// events of each left in the leaves is made as it would be when they come in.
type live struct {
	s    *slow
	p    *query.Program
	tops []query.Datum // thresholds; As is Untold where nobody has the value
	all  []*creature
	in   map[string][]kith.ProfileID // members of segments that it asks for
}

// creature is a person as a Program sees one.
type creature struct {
	l       *live
	o       *soul
	matches [][]query.Match
}

// newLive makes everybody ready for a condition.
func newLive(t testing.TB, s *slow, c query.Cond) *live {
	t.Helper()
	p, err := query.Compile(c)
	if err != nil {
		t.Fatalf("%s: %v", query.Print(c), err)
	}
	l := &live{s: s, p: p, in: map[string][]kith.ProfileID{}}
	for _, name := range p.Segments() {
		l.in[name] = newLive(t, s, s.segments[name]).sets()[query.Yes]
	}
	for _, o := range s.souls {
		who := &creature{l: l, o: o, matches: make([][]query.Match, len(p.Leaves()))}
		for i, leaf := range p.Leaves() {
			names, all := leaf.Names()
			for k := range o.events {
				d := &o.events[k]
				m, ok := leaf.Match(happening{s, d})
				if ok && !all && !slices.Contains(names, d.fields["name"].(string)) {
					t.Errorf("%s: an event named %v matches, and Names gives %q", leaf.Key, d.fields["name"], names)
				}
				if before, some := leaf.Expires(s.now.UnixMicro()); ok && (!some || m.TS >= before) {
					who.matches[i] = append(who.matches[i], m)
				}
			}
		}
		l.all = append(l.all, who)
	}
	for i, top := range p.Tops() {
		l.tops = append(l.tops, l.threshold(i, top))
	}
	return l
}

// threshold ranks everybody.
func (l *live) threshold(i int, top *query.Top) query.Datum {
	var all []query.Dec
	for _, who := range l.all {
		if d, ok, _ := l.p.TopValue(i, who, l.s.now.UnixMicro()); ok {
			all = append(all, d.Num)
		}
	}
	slices.SortFunc(all, func(a, b query.Dec) int { return b.Cmp(a) })
	percent, _ := query.ParseDec(top.Percent)
	for n, d := range all { // the last of those of whom less than the share stand above
		if above, of := query.DecOf(int64(n)*100), timesOf(percent, len(all)); above.Cmp(of) >= 0 {
			return query.Datum{As: query.Number, Num: all[n-1]}
		} else if n == len(all)-1 {
			return query.Datum{As: query.Number, Num: d}
		}
	}
	return query.Datum{}
}

func timesOf(d query.Dec, n int) query.Dec {
	var sum query.Dec
	for range n {
		sum, _ = sum.Add(d)
	}
	return sum
}

// sets gives the people for whom a condition is no, neither and yes.
func (l *live) sets() (sets [3][]kith.ProfileID) {
	for _, who := range l.all {
		a, _ := l.p.Eval(who, l.s.now.UnixMicro())
		sets[a] = append(sets[a], who.o.id)
	}
	return sets
}

// Trait implements query.Person.
func (w *creature) Trait(path string, as query.Type) (query.Datum, bool) {
	switch path {
	case "first_seen":
		return datumOf(w.o.first, query.Time, as)
	case "last_seen":
		return datumOf(w.o.last, query.Time, as)
	case "known":
		return datumOf(w.o.known, query.Bool, as)
	}
	if array, ok := w.o.traits[path+"[]"].(string); ok && w.l.s.whole["profiles."+path] && as == query.Text {
		return query.Datum{As: as, Text: array}, true
	}
	return datumOf(w.o.traits[path], w.l.s.types["profiles."+path], as)
}

// Matches implements query.Person.
func (w *creature) Matches(leaf int) []query.Match { return w.matches[leaf] }

// Public implements query.Person.
func (w *creature) Public() string { return w.o.public }

// Member implements query.Person.
func (w *creature) Member(segment string) bool { return slices.Contains(w.l.in[segment], w.o.id) }

// OnList implements query.Person.
func (w *creature) OnList(list string) bool {
	for id := range w.o.ids {
		if w.l.s.lists[list][id] {
			return true
		}
	}
	return false
}

// Top implements query.Person.
func (w *creature) Top(i int) (query.Datum, bool) {
	return w.l.tops[i], w.l.tops[i].As != query.Untold
}

// Peers implements query.Person.
func (w *creature) Peers(i int, account string) (n int64) {
	for _, other := range w.l.all {
		key, has, counts, _ := w.l.p.Seat(i, other, w.l.s.now.UnixMicro())
		if has && counts && key == account {
			n++
		}
	}
	return n
}

// Listed implements query.Person.
func (w *creature) Listed(i int, v query.Datum) bool {
	if v.As == query.Text {
		return w.l.s.stands(v.Text, w.l.p.Tables()[i])
	}
	n, _ := new(big.Rat).SetString(v.Num.String())
	return w.l.s.stands(n, w.l.p.Tables()[i])
}

// happening is an event as a leaf sees one.
type happening struct {
	s *slow
	d *deed
}

// Field implements query.Event.
func (h happening) Field(path string, as query.Type) (query.Datum, bool) {
	switch path {
	case "ts", "received_at":
		return datumOf(h.d.fields[path], query.Time, as)
	case "message_id":
		return datumOf(h.d.id, query.Text, as)
	case "name", "kind", "group_id":
		return datumOf(h.d.fields[path], query.Text, as)
	}
	if as == query.List {
		array, ok := h.d.fields[path+"[]"].(string)
		return query.Datum{As: as, Text: array, Secret: h.d.sealed[path+"[]"]}, ok
	}
	v := h.d.fields[path]
	d, ok := datumOf(v, typeOf(v), as)
	d.Secret = h.d.sealed[path]
	return d, ok
}

// Veil implements query.Event: JSON, as a text.
func (h happening) Veil(d query.Datum) query.Datum {
	text, err := json.Marshal(d)
	if err != nil {
		panic("unreachable: a datum is always JSON")
	}
	return query.Datum{As: d.As, Secret: true, Text: string(text)}
}

// Unveil implements query.Person.
func (w *creature) Unveil(d query.Datum) query.Datum { return unveiled(d) }

func unveiled(d query.Datum) query.Datum {
	if !d.Secret {
		return d
	}
	var out query.Datum
	if err := json.Unmarshal([]byte(d.Text), &out); err != nil {
		panic("unreachable: Veil made it")
	}
	return out
}

// datumOf gives a stored value as a type, if its column has that type.
func datumOf(v any, column, as query.Type) (query.Datum, bool) {
	if v == nil || column != as {
		return query.Datum{}, false
	}
	switch x := v.(type) {
	case string:
		return query.Datum{As: as, Text: x}, as == query.Text
	case bool:
		return query.Datum{As: as, Bool: x}, as == query.Bool
	case time.Time:
		return query.Datum{As: as, Time: x.UnixMicro()}, as == query.Time
	case json.Number:
		d, ok := query.ParseDec(string(x))
		return query.Datum{As: as, Num: d}, ok && as == query.Number
	}
	panic(fmt.Sprintf("unreachable: %T", v))
}

// history checks that what history has of each leaf is what its events left there.
func (l *live) history(t *testing.T, e *engine.Engine, since *time.Time) {
	t.Helper()
	for _, leaf := range l.p.Leaves() {
		q, err := query.RenderLeaf(leaf, since, columns(l.s.types))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, o := range l.s.souls {
			for i := range o.events {
				d := &o.events[i]
				if m, ok := leaf.Match(happening{l.s, d}); ok && (since == nil || !d.ts.Before(*since)) {
					row := fmt.Sprintf("%d | %s | %s | %s", o.id, show(d.ts), show(d.recv), d.id)
					if leaf.Ordered && (m.TS != d.ts.UnixMicro() || m.Received != d.recv.UnixMicro() || m.Message != d.id) {
						t.Errorf("%s: kept of %s is %d, %d, %s", leaf.Key, row, m.TS, m.Received, m.Message)
					}
					for _, v := range m.Vals {
						row += " | " + shown(unveiled(v))
					}
					want = append(want, row)
				}
			}
		}
		names := ""
		for i := range leaf.Values() {
			names += fmt.Sprintf(", v%d::VARCHAR", i)
		}
		text := "SELECT profile_id, ts, received_at, message_id" + names + " FROM (" + q.Text + ") x(fragment, ts, received_at, message_id" + strings.ReplaceAll(names, "::VARCHAR", "") + ") JOIN (SELECT DISTINCT fragment, profile_id FROM events) USING (fragment)"
		got := SQL(t, e, text, q.Args...)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s\nhistory has %q\nthe events   %q\n%s", leaf.Key, got, want, q.Text)
		}
	}
}

// shown gives a value as DuckDB does as text.
func shown(d query.Datum) string {
	switch d.As {
	case query.Text, query.List:
		return d.Text
	case query.Number:
		whole, frac, _ := strings.Cut(d.Num.String(), ".")
		return whole + "." + frac + strings.Repeat("0", 9-len(frac))
	case query.Bool:
		return fmt.Sprint(d.Bool)
	case query.Time:
		return time.UnixMicro(d.Time).UTC().Format("2006-01-02 15:04:05.999999")
	}
	return "NULL"
}

// columns is a catalog of the columns of events alone.
type columns map[string]query.Type

// Field implements query.Catalog.
func (c columns) Field(path string, as query.Type) (string, bool) {
	words := map[query.Type]string{query.Text: "text", query.Number: "number", query.Bool: "bool", query.List: "json"}
	return `"` + path + ":" + words[as] + `"`, c[path] != query.Untold
}

// Trait implements query.Catalog.
func (c columns) Trait(string, query.Type) (string, bool) {
	panic("unreachable: a leaf in history asks events alone")
}

// Cell implements query.Catalog.
func (c columns) Cell(string, string, query.Type) (string, error) {
	panic("unreachable: a leaf in history asks events alone")
}

// Segment implements query.Catalog.
func (c columns) Segment(string) (query.Cond, error) {
	panic("unreachable: a leaf in history asks events alone")
}

// List implements query.Catalog.
func (c columns) List(string) error { panic("unreachable: a leaf in history asks events alone") }

// Computed implements query.Catalog.
func (c columns) Computed(string) (query.Value, query.Catalog, bool) { return nil, nil, false }
