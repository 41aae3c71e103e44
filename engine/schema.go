package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/history"
)

// Schema says what is said about people: each event, each property, each trait.
// All of it is as of one number. Flagged events are left out.
type Schema struct {
	At      kith.Seq       `json:"at"`
	Now     time.Time      `json:"now"` // what freshness is measured from
	Events  []EventSchema  `json:"events"`
	Context []Property     `json:"context"` // of all events together
	Traits  []Property     `json:"traits"`  // of people
	Sources []SourceSchema `json:"sources"`
}

// EventSchema is one name of a kind of call.
type EventSchema struct {
	Kind       string     `json:"kind"`
	Name       string     `json:"name"` // empty for identify, group and alias
	Count      int64      `json:"count"`
	First      time.Time  `json:"first"`
	Last       time.Time  `json:"last"`
	Properties []Property `json:"properties"` // what such events say, but for their context
}

// SourceSchema is how fresh a source is, by the times of its events.
type SourceSchema struct {
	Source   string    `json:"source"`
	Events   int64     `json:"events"`
	Last     time.Time `json:"last"`          // of the newest event
	Received time.Time `json:"last_received"` // when the last came in
	Day      int64     `json:"last_day"`      // events of the 24 hours before now
	Week     int64     `json:"last_7_days"`
}

// Property is a leaf of events, or a trait of people. Of identifying ones
// nothing is said but that they are there; of descriptive ones no range, and
// values that at least fewest have.
type Property struct {
	Path      string       `json:"path"`
	Class     kith.Class   `json:"class"`
	Type      string       `json:"type"`               // of its column (docs/sql.md); sealed: none
	Filled    int64        `json:"filled"`             // that have a value of that type
	Total     int64        `json:"total"`              // of so many; of an identifying one neither is counted
	Conflicts int64        `json:"conflicts"`          // that have a value of another type, flagged events counted, too
	Distinct  int64        `json:"distinct"`           // different values, about
	Computed  bool         `json:"computed,omitempty"` // a computed trait
	Min       string       `json:"min,omitempty"`
	Max       string       `json:"max,omitempty"` // of a text that looks like no time: its length in characters
	Lengths   bool         `json:"lengths,omitempty"`
	Top       []ValueCount `json:"top,omitempty"`
}

// ValueCount is a value, and how many have it.
type ValueCount struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// SchemaOptions say what is looked at; nil is the same as the zero value.
type SchemaOptions struct {
	Event    string                               `json:"event"` // only events of this name
	Top      int                                  `json:"top"`   // so many of the values that most have; 0: 5, less than 0: none
	Progress func(done, total int64, what string) `json:"-"`     // called now and then; nil: nobody asks
}

// What is shown of values.
const (
	fewest       = 5      // who must share a descriptive value for it to be shown
	mostDistinct = 10_000 // values beyond which no list of the top ones is made
)

// Schema looks at everything that events and people say.
func (e *Engine) Schema(ctx context.Context, o *SchemaOptions) (*Schema, error) {
	if o == nil {
		o = &SchemaOptions{}
	}
	if err := e.current(ctx); err != nil { // computed traits are among it
		return nil, err
	}
	a, err := e.inquiry(nil)
	if err != nil {
		return nil, err
	}
	defer a.close()
	if err := a.history(ctx); err != nil {
		return nil, err
	}
	s := &surveying{inquiry: a, o: o, leaves: e.hist.Leaves(), top: o.Top, out: &Schema{At: a.v.seq, Now: a.now, Context: []Property{}, Traits: []Property{}, Sources: []SourceSchema{}, Events: []EventSchema{}}}
	if s.top == 0 {
		s.top = 5
	}
	for _, step := range []func(context.Context) error{s.names, s.sources, s.people, s.each} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s.out, nil
}

// surveying is one Schema in the making.
type surveying struct {
	*inquiry
	o   *SchemaOptions
	top int
	out *Schema

	leaves map[string]history.Leaf

	total     int64            // all events
	conflicts map[string]int64 // by event and path, and by path alone
	paths     map[string][]string
}

// ask calls f for each row of a statement.
func (s *surveying) ask(ctx context.Context, text string, into []any, f func()) error {
	rows, err := s.rows(ctx, query.SQL{Text: text}, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		f()
	}
	return rows.Err()
}

// names finds the events and which leaves they have.
func (s *surveying) names(ctx context.Context) error {
	var ev EventSchema
	err := s.ask(ctx, "SELECT kind, name, count(*), min(ts), max(ts) FROM events GROUP BY ALL ORDER BY 3 DESC, 1, 2", []any{&ev.Kind, &ev.Name, &ev.Count, &ev.First, &ev.Last}, func() {
		s.total += ev.Count
		if s.o.Event == "" || ev.Name == s.o.Event || ev.Name == "" && ev.Kind == s.o.Event {
			s.out.Events = append(s.out.Events, ev)
		}
	})
	if err != nil {
		return err
	}
	s.conflicts, s.paths = map[string]int64{}, map[string][]string{}
	var event, path string
	var filled, conflicts int64
	return s.ask(ctx, "SELECT event, name, filled, conflicts FROM columns WHERE relation = 'events' ORDER BY ALL", []any{&event, &path, &filled, &conflicts}, func() {
		s.conflicts[event+"\x00"+path] += conflicts
		s.conflicts[path] += conflicts
		s.paths[event] = append(s.paths[event], path)
	})
}

// sources asks how fresh each is.
func (s *surveying) sources(ctx context.Context) error {
	if s.o.Event != "" {
		return nil
	}
	now := s.now.Format("TIMESTAMP '2006-01-02 15:04:05.999999'")
	var src SourceSchema
	return s.ask(ctx, fmt.Sprintf(`SELECT source, count(*), max(ts), max(received_at), count(*) FILTER (ts > %[1]s - INTERVAL 1 DAY AND ts <= %[1]s), count(*) FILTER (ts > %[1]s - INTERVAL 7 DAY AND ts <= %[1]s)
		FROM events GROUP BY source ORDER BY 2 DESC, 1`, now), []any{&src.Source, &src.Events, &src.Last, &src.Received, &src.Day, &src.Week}, func() {
		s.out.Sources = append(s.out.Sources, src)
	})
}

// people looks at the traits.
func (s *surveying) people(ctx context.Context) (err error) {
	if s.o.Event != "" {
		return nil
	}
	var todo []seen
	for _, c := range s.v.columns(s.e) {
		f := s.cat.traits[c.path]
		class, _ := s.e.classes.PathClass("traits." + c.path)
		p := Property{Path: c.path, Class: cmp.Or(c.class, class, kith.Other), Type: typeNames[c.kind]}
		_, p.Computed = s.v.shown[c.path]
		if c.kind == typeSealed { // who has one is known by nobody but the documents: see Profile
			p.Class = kith.Identifying
		}
		todo = append(todo, seen{p, query.Ident(f.Name), f.Type})
	}
	var total int64
	if err := s.ask(ctx, "SELECT count(*) FROM profiles", []any{&total}, func() {}); err != nil {
		return err
	}
	s.out.Traits, err = s.look(ctx, "FROM profiles", total, todo)
	return err
}

// seen is a property, and the expression and type that SQL has for it.
type seen struct {
	Property
	expr string
	typ  history.FieldType
}

// each looks at the leaves of each event, and at the context of all.
func (s *surveying) each(ctx context.Context) (err error) {
	context := map[string]bool{}
	for i := range s.out.Events {
		ev := &s.out.Events[i]
		s.step(i, cmp.Or(ev.Name, ev.Kind))
		key := cmp.Or(ev.Name, ev.Kind)
		var todo []seen
		for _, path := range s.paths[key] {
			if strings.HasPrefix(path, "context.") {
				context[path] = true
				continue
			}
			if p, ok := s.leaf(path, s.conflicts[key+"\x00"+path]); ok {
				todo = append(todo, p)
			}
		}
		from := fmt.Sprintf("FROM events e WHERE e.kind = %s AND e.name = %s", literal(ev.Kind), literal(ev.Name))
		if ev.Properties, err = s.look(ctx, from, ev.Count, todo); err != nil {
			return err
		}
	}
	s.step(len(s.out.Events), "context")
	if s.o.Event != "" {
		return nil
	}
	var todo []seen
	for _, path := range sortedKeys(context) {
		if p, ok := s.leaf(path, s.conflicts[path]); ok {
			todo = append(todo, p)
		}
	}
	s.out.Context, err = s.look(ctx, "FROM events e WHERE TRUE", s.total, todo)
	return err
}

func (s *surveying) step(i int, what string) {
	if s.o.Progress != nil {
		s.o.Progress(int64(i), int64(len(s.out.Events)+1), what)
	}
}

// literal writes a text as SQL; names of events are the user's own.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// leaf says what is known of a leaf beforehand.
func (s *surveying) leaf(path string, conflicts int64) (seen, bool) {
	l, ok := s.leaves[path]
	if !ok {
		return seen{}, false
	}
	class, _ := s.e.classes.PathClass(path)
	if class == 0 || path == "context.ip" && !s.e.o.KeepIP { // cut to its network
		class = kith.Other
	}
	words := map[history.FieldType]string{history.String: "VARCHAR", history.Decimal: "DECIMAL(38,9)", history.Bool: "BOOLEAN", history.JSON: "JSON"}
	return seen{Property{Path: path, Class: class, Type: words[l.Type], Conflicts: conflicts}, "e." + l.Name, l.Type}, true
}

// look asks for all properties of some rows at once, and then for the values
// that most of them have.
func (s *surveying) look(ctx context.Context, from string, total int64, todo []seen) ([]Property, error) {
	out := make([]Property, len(todo))
	var sums []string
	var into []any
	lows, highs := make([]*string, len(todo)), make([]*string, len(todo))
	for i := range todo {
		p := &todo[i]
		p.Total = total
		out[i] = p.Property
		if p.Class == kith.Identifying {
			out[i].Total = 0
			continue
		}
		lo, hi := "NULL::VARCHAR", "NULL::VARCHAR"
		switch {
		case p.Class == kith.Descriptive:
		case p.typ == history.Decimal || p.typ == history.Timestamp:
			lo, hi = "min("+p.expr+")::VARCHAR", "max("+p.expr+")::VARCHAR"
		case p.typ == history.String:
			out[i].Lengths = true
			lo, hi = "min(length("+p.expr+"))::VARCHAR", "max(length("+p.expr+"))::VARCHAR"
		}
		sums = append(sums, "count("+p.expr+")", "approx_count_distinct("+p.expr+")", lo, hi)
		into = append(into, &out[i].Filled, &out[i].Distinct, &lows[i], &highs[i])
	}
	if len(sums) == 0 {
		return out, nil
	}
	if err := s.ask(ctx, "SELECT "+strings.Join(sums, ", ")+" "+from, into, func() {}); err != nil {
		return nil, err
	}
	for i := range out {
		if lows[i] != nil && highs[i] != nil {
			out[i].Min, out[i].Max = decimalText(*lows[i]), decimalText(*highs[i])
		} else {
			out[i].Lengths = false
		}
	}
	if err := s.tops(ctx, from, todo, out); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(p Property) bool { // another kind of call of the same name has it
		return p.Class != kith.Identifying && p.Filled == 0 && p.Conflicts == 0
	}), nil
}

// decimalText takes the zeros after the point away.
func decimalText(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// tops asks for the values that most have, of properties that have few enough,
// in one pass: a list of values and counts for each.
func (s *surveying) tops(ctx context.Context, from string, todo []seen, out []Property) error {
	var wanted []string
	var which []int
	var into []any
	lists := make([]*string, len(out))
	for i := range out {
		p := &out[i]
		if s.top < 0 || p.Class == kith.Identifying || p.Filled == 0 || p.Distinct > mostDistinct || p.Distinct*2 > p.Filled && p.Distinct > 20 || todo[i].typ == history.JSON {
			continue
		}
		least := 1
		if p.Class == kith.Descriptive {
			least = fewest
		}
		which = append(which, i)
		into = append(into, &lists[i])
		wanted = append(wanted, fmt.Sprintf("list_slice(list_sort(list_transform(list_filter(map_entries(histogram(%s::VARCHAR)), lambda x: x.value >= %d), lambda x: {n: -(x.value::BIGINT), v: x.key})), 1, %d)::JSON::VARCHAR", todo[i].expr, least, s.top))
	}
	if len(wanted) == 0 {
		return nil
	}
	if err := s.ask(ctx, "SELECT "+strings.Join(wanted, ", ")+" "+from, into, func() {}); err != nil {
		return err
	}
	for _, i := range which {
		if lists[i] == nil {
			continue
		}
		var top []struct {
			N int64
			V string
		}
		if err := json.Unmarshal([]byte(*lists[i]), &top); err != nil {
			return err
		}
		for _, t := range top {
			if todo[i].typ == history.Decimal {
				t.V = decimalText(t.V)
			}
			out[i].Top = append(out[i].Top, ValueCount{t.V, -t.N})
		}
	}
	return nil
}
