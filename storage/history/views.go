package history

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// prepare makes the views that a statement mentions, of one version. They are
// temporary and belong to the connection, so that two statements at once see two
// versions.
func (a *asker) prepare(ctx context.Context, w *wants, parts []part) error {
	s := a.s
	s.owner = s.view.Owner()
	s.members, s.listed, s.failed = map[string][]uint64{}, map[string][]uint64{}, nil
	s.parts = make(map[uint64]*part, len(parts))
	for i := range parts {
		s.parts[uint64(parts[i].ID)] = &parts[i]
	}
	var script strings.Builder
	if w.every || w.names["events"] || w.names["all_events"] {
		sch, has := s.h.schema(parts)
		for _, view := range []string{"events", "all_events"} {
			if w.every || w.names[view] {
				eventsView(&script, view, s.id, s.view.Seq(), parts, has, sch, w)
			}
		}
	}
	for _, t := range s.view.Tables() {
		if w.every || w.names[fold(t.Name())] || t.Name() == "profiles" && w.names["segment"] {
			fmt.Fprintf(&script, "CREATE OR REPLACE TEMP VIEW %s AS SELECT * FROM kith_table(%d::UBIGINT, %s);", ident(t.Name()), s.id, quote(t.Name()))
		}
	}
	if w.names["in_segment"] || w.names["segment"] {
		fmt.Fprintf(&script, "CREATE OR REPLACE TEMP MACRO in_segment(segment, id) AS kith_in_segment(%d::UBIGINT, segment, id::UINTEGER);", s.id)
	}
	if w.names["in_list"] {
		fmt.Fprintf(&script, "CREATE OR REPLACE TEMP MACRO in_list(list, id) AS kith_in_list(%d::UBIGINT, list, id::UINTEGER);", s.id)
	}
	if w.names["segment"] {
		script.WriteString("CREATE OR REPLACE TEMP MACRO segment(name) AS TABLE SELECT * FROM profiles WHERE in_segment(name, id);")
	}
	w.clock(&script, s.view.Now())
	if script.Len() == 0 {
		return nil
	}
	_, err := a.Conn.ExecContext(ctx, strings.TrimSuffix(script.String(), ";"), nil)
	return err
}

// schema names the leaves of all parts, and tells for each part which paths it has.
func (h *History) schema(parts []part) (*schema, []map[string]bool) {
	sum, cols := map[string]*counts{}, map[string]byte{}
	has := make([]map[string]bool, len(parts))
	h.shape.RLock()
	defer h.shape.RUnlock()
	for i := range parts {
		p := &parts[i]
		has[i] = make(map[string]bool, len(p.sum))
		for path, c := range p.sum {
			has[i][path] = true
			if sum[path] == nil {
				sum[path] = &counts{}
			}
			sum[path].add(c)
		}
		for _, c := range p.cols {
			cols[c.Path] = c.Type // the newest part decides
		}
	}
	return newSchema(sum, cols, &h.ids), has
}

const fixedSelect = "seq, fragment, kind, name, ts, %s AS received_at, %s AS sent_at, %s AS original_ts, source, load, coalesce(mid_text, mid::VARCHAR) AS message_id"

const kindCase = "CASE kind WHEN 1 THEN 'identify' WHEN 2 THEN 'track' WHEN 3 THEN 'page' WHEN 4 THEN 'screen' WHEN 5 THEN 'group' WHEN 6 THEN 'alias' END AS kind"

// flagged are the flags of a row in words; NULL when it has none. The bit of a
// clamped time is no flag in this sense: such an event counts.
const flagged = "nullif(concat_ws(',', CASE WHEN flags & 2 > 0 THEN 'bot' END, CASE WHEN flags & 4 > 0 THEN 'test' END, CASE WHEN flags & 8 > 0 THEN 'outlier' END, CASE WHEN flags & 16 > 0 THEN 'impossible' END, CASE WHEN flags & 32 > 0 THEN 'near_duplicate' END), '') AS flags"

// eventsView writes the view events: the rows of all parts up to seq that were
// not flagged; or all_events, which has the flagged ones, too. Of the
// fields of properties, context and traits it has those that the statement can
// look at: DuckDB would read all columns of a STRUCT where one field is asked for.
func eventsView(b *strings.Builder, view string, session, seq uint64, parts []part, has []map[string]bool, sch *schema, w *wants) {
	var fields []*field
	for _, f := range sch.fields {
		if w.field(f) {
			fields = append(fields, f)
		}
	}
	original := w.all || w.names["original"]
	fmt.Fprintf(b, "CREATE OR REPLACE TEMP VIEW %s AS SELECT seq, kith_owner(%d::UBIGINT, fragment) AS profile_id, fragment, %s, name, ts, received_at, sent_at, original_ts, source, load, message_id", view, session, kindCase)
	for _, root := range sch.roots {
		var pack strings.Builder
		if !root.pack(&pack, w.field) {
			pack.WriteString("struct_pack(_ := NULL::VARCHAR)")
		}
		b.WriteString(", " + pack.String() + " AS " + root.name)
	}
	if original {
		b.WriteString(", original")
	} else {
		b.WriteString(", NULL::VARCHAR AS original")
	}
	whole := view != "events"
	if whole {
		b.WriteString(", " + flagged)
	}
	read := sch.readings(func(name string) bool { return w.names[name] })
	for _, r := range read {
		b.WriteString(", " + ident(r.name))
	}
	b.WriteString(" FROM (")
	for i := range parts {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		parts[i].selectRows(b, session, seq, fields, read, has[i], original, whole)
	}
	if len(parts) == 0 { // nor is there a leaf
		b.WriteString("SELECT NULL::UBIGINT AS seq, NULL::UINTEGER AS fragment, NULL::UTINYINT AS kind, NULL::VARCHAR AS name, NULL::TIMESTAMP AS ts, NULL::TIMESTAMP AS received_at, NULL::TIMESTAMP AS sent_at, NULL::TIMESTAMP AS original_ts, NULL::VARCHAR AS source, NULL::UINTEGER AS load, NULL::VARCHAR AS message_id, NULL::UTINYINT AS flags, NULL::VARCHAR AS original WHERE false")
	}
	b.WriteString(");")
}

// selectRows writes the SELECT over one part.
func (p *part) selectRows(b *strings.Builder, session, seq uint64, fields []*field, read []typed, has map[string]bool, original, whole bool) {
	fmt.Fprintf(b, "SELECT "+fixedSelect, timeOf(session, timeReceived), timeOf(session, timeSent), timeOf(session, timeOriginal))
	if original {
		fmt.Fprintf(b, ", kith_original(%d::UBIGINT, %d::UBIGINT, %s) AS original", session, p.ID, p.columnList())
	}
	for _, f := range fields {
		b.WriteString(", " + p.expr(session, f, has) + " AS f" + strconv.Itoa(int(f.id)))
	}
	for i := range read {
		b.WriteString(", " + p.reading(session, &read[i], has) + " AS " + ident(read[i].name))
	}
	if whole {
		b.WriteString(", flags")
	}
	fmt.Fprintf(b, " FROM %s.main.events WHERE seq <= %d", p.alias(), seq)
	if !whole { // no bit above the lowest: of a row group without any DuckDB knows that it is true
		b.WriteString(" AND flags < 2")
	}
}

// timeOf gives one of the times that are kept as differences; see times.go.
func timeOf(session uint64, k int) string {
	return fmt.Sprintf("kith_time(%d::UBIGINT, %d::UTINYINT, ts, received, sent, original, received_far, sent_far, original_far)", session, k)
}

// expr gives a field of a part: its column, or the look into rest.
func (p *part) expr(session uint64, f *field, has map[string]bool) string {
	if c, ok := p.byPath[f.path]; ok && p.cols[c].Type == f.typ {
		return "c" + strconv.Itoa(c)
	}
	if !has[f.path] {
		return "NULL::" + sqlType(f.typ)
	}
	return look(session, f, "rest")
}

// reading gives a leaf as one type: where the row has it in the clear that, else
// what it has sealed. DuckDB opens it where nothing stands in the clear alone.
func (p *part) reading(session uint64, r *typed, has map[string]bool) string {
	clear := p.expr(session, &r.field, has)
	if !r.opens {
		return clear
	}
	opened := look(session, &r.field, fmt.Sprintf("kith_leaf(%d::UBIGINT, seq, fragment, also, sealed, said, %d::UINTEGER)", session, r.field.id))
	if !has[r.field.path] {
		return opened
	}
	return "coalesce(" + clear + ", " + opened + ")"
}

// look writes the look for a field into what has the form of rest.
func look(session uint64, f *field, rest string) string {
	fn := map[byte]string{typeString: "kith_text", typeNumber: "kith_number", typeBool: "kith_bool", typeJSON: "kith_json"}[f.typ]
	return fmt.Sprintf("%s(%d::UBIGINT, %s, %d::UINTEGER)", fn, session, rest, f.id)
}

// clocks are the functions of DuckDB that say what time it is, by the type they give.
var clocks = map[string]string{
	"now": "make_timestamptz(%d)", "get_current_timestamp": "make_timestamptz(%d)", "transaction_timestamp": "make_timestamptz(%d)",
	"today": "make_timestamp(%d)::DATE", "current_date": "make_timestamp(%d)::DATE",
	"current_localtimestamp": "make_timestamp(%d)", "localtimestamp": "make_timestamp(%d)",
}

// clock lets the functions that a statement names, and that ask for the time, give the view's.
func (w *wants) clock(b *strings.Builder, now int64) {
	for _, name := range slices.Sorted(maps.Keys(clocks)) {
		if w.every || w.names[name] || name == "get_current_timestamp" && w.names["current_timestamp"] {
			fmt.Fprintf(b, "CREATE OR REPLACE TEMP MACRO %s() AS "+clocks[name]+";", name, now)
		}
	}
}
