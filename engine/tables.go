package engine

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// Tables gives the tables that SQL sees beside events.
func (w *view) Tables() []history.Table {
	return append([]history.Table{
		w.profiles(), w.identifiers(), w.decisions("decisions"), w.decisions("merges"),
		w.rejects(), w.loads(), w.sources(), w.columns(),
		w.segments(), w.members(), w.changes(), w.lists(),
	}, w.references()...)
}

// table is a history.Table made of its parts.
type table struct {
	name   string
	fields []history.Field
	blocks func() int
	rows   int64
	read   func(block int, fields []int) (*history.Block, error)
}

func (t *table) Name() string            { return t.name }
func (t *table) Fields() []history.Field { return t.fields }
func (t *table) Blocks() int             { return t.blocks() }
func (t *table) Rows() int64             { return t.rows }

func (t *table) Read(block int, fields []int) (*history.Block, error) { return t.read(block, fields) }

// records is a table that is put together row by row.
type records struct {
	fields []history.Field
	cols   []history.Vector
	n      int
}

// add appends a row: values in the order of the fields, nil for none.
func (r *records) add(values ...any) {
	for i, v := range values {
		c := &r.cols[i]
		if v == nil {
			for len(c.Null) <= r.n>>6 {
				c.Null = append(c.Null, 0)
			}
			c.Null[r.n>>6] |= 1 << (r.n & 63)
		}
		switch r.fields[i].Type {
		case history.UInt:
			x, _ := v.(uint32) // nil: zero, and the null bit
			c.U32 = append(c.U32, x)
		case history.UBigInt:
			x, _ := v.(uint64)
			c.U64 = append(c.U64, x)
		case history.BigInt, history.Timestamp:
			x, _ := v.(int64)
			c.I64 = append(c.I64, x)
		case history.Bool:
			x, _ := v.(bool)
			c.Bool = append(c.Bool, x)
		default:
			x, _ := v.(string)
			c.Str = append(c.Str, x)
		}
	}
	r.n++
}

// block gives the rows, with the fields that are wanted.
func (r *records) block(fields []int) *history.Block {
	b := &history.Block{N: r.n}
	for _, f := range fields {
		c := r.cols[f]
		for c.Null != nil && len(c.Null) < (r.n+63)>>6 {
			c.Null = append(c.Null, 0)
		}
		b.Cols = append(b.Cols, c)
	}
	return b
}

// rowTable is a table whose blocks are put together row by row.
func rowTable(name string, fields []history.Field, blocks func() int, rows int64, fill func(block int, r *records) error) *table {
	return &table{name, fields, blocks, rows, func(block int, want []int) (*history.Block, error) {
		r := &records{fields: fields, cols: make([]history.Vector, len(fields))}
		if err := fill(block, r); err != nil {
			return nil, err
		}
		return r.block(want), nil
	}}
}

// one is the number of blocks of a small table.
func one() int { return 1 }

// fragmentBlocks gives the number of blocks of a table that has a row for each number.
func (w *view) fragmentBlocks() int { return int(w.v.fragments>>16) + 1 }

// identifiers has one row for each identifier that was ever seen.
func (w *view) identifiers() history.Table {
	fields := []history.Field{
		{Name: "space", Type: history.String}, {Name: "value", Type: history.String}, {Name: "fragment", Type: history.UInt},
		{Name: "profile_id", Type: history.UInt}, {Name: "shared", Type: history.Bool}, {Name: "seq", Type: history.UBigInt},
	}
	e, v := w.e, w.v
	return rowTable("identifiers", fields, w.fragmentBlocks, int64(v.fragments), func(block int, r *records) error {
		owners, err := e.people.Owners(v.pin, block)
		if err != nil {
			return err
		}
		marks, err := e.people.Spaces(v.pin, block)
		if err != nil {
			return err
		}
		return v.snap.Fragments(kith.FragmentID(block<<16), func(rec storage.FragmentRecord) error {
			f := uint32(rec.Fragment)
			if f>>16 < uint32(block) {
				return nil
			}
			if f>>16 > uint32(block) || f >= v.fragments {
				return storage.ErrStop
			}
			plain, err := storage.UnpackValue(e.keys.Open(rec.Fragment, uint64(rec.Seq), sealIdentity, rec.Sealed, nil))
			if err != nil {
				return err
			}
			m := storage.MarksOf(marks.U16[f&0xffff])
			r.add(e.spaces.at(int(m.Space)), string(plain), f, owners.U32[f&0xffff], m.Alone, uint64(rec.Seq))
			return nil
		})
	})
}

// decisions has one row for each link, refusal, leave and cut; merges has the
// links that made two profiles one.
func (w *view) decisions(name string) history.Table {
	fields := []history.Field{
		{Name: "seq", Type: history.UBigInt}, {Name: "known_at", Type: history.Timestamp}, {Name: "kind", Type: history.String},
		{Name: "fragment", Type: history.UInt}, {Name: "other", Type: history.UInt}, {Name: "rule", Type: history.String},
		{Name: "space", Type: history.String}, {Name: "rules_version", Type: history.UInt}, {Name: "cause", Type: history.UBigInt},
	}
	merges := name == "merges"
	if merges {
		fields = []history.Field{
			{Name: "seq", Type: history.UBigInt}, {Name: "known_at", Type: history.Timestamp}, {Name: "survivor", Type: history.UInt},
			{Name: "absorbed", Type: history.UInt}, {Name: "fragment", Type: history.UInt}, {Name: "other", Type: history.UInt},
			{Name: "rule", Type: history.String}, {Name: "cause", Type: history.UBigInt},
		}
	}
	const group = 64
	keys := sync.OnceValues(w.v.snap.DecisionKeys) // only a statement that asks for the table lists them
	t := rowTable(name, fields, nil, w.e.store.Count('d')*8, func(block int, r *records) error {
		chunks, err := keys()
		if err != nil {
			return err
		}
		for _, key := range chunks[block*group : min((block+1)*group, len(chunks))] {
			chunk, err := w.v.snap.Get(key)
			if err != nil {
				return err
			}
			err = storage.EachDecision(chunk, func(d *storage.Decision) error {
				switch {
				case !merges:
					r.add(uint64(d.Seq), d.At.UnixMicro(), d.Kind.String(), uint32(d.A), other(d.B), d.Rule, text(d.Space), d.Version, uint64(d.Cause))
				case d.Kind == kith.Link && len(d.Changes) > 0:
					c := d.Changes[0]
					r.add(uint64(d.Seq), d.At.UnixMicro(), uint32(c.Profile), uint32(c.Fragment), uint32(d.A), uint32(d.B), d.Rule, uint64(d.Cause))
				}
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

func other(f kith.FragmentID) any {
	if f == kith.NoFragment {
		return nil
	}
	return uint32(f)
}

// text gives nil for an empty string.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// rejects has one row for each item that was received and not accepted.
func (w *view) rejects() history.Table {
	fields := []history.Field{
		{Name: "seq", Type: history.UBigInt}, {Name: "known_at", Type: history.Timestamp}, {Name: "verdict", Type: history.String},
		{Name: "reason", Type: history.String}, {Name: "path", Type: history.String}, {Name: "byte", Type: history.BigInt},
		{Name: "source", Type: history.String}, {Name: "load", Type: history.UInt}, {Name: "line", Type: history.BigInt},
		{Name: "repeats", Type: history.UBigInt}, {Name: "original", Type: history.String},
	}
	e, v := w.e, w.v
	rows := e.store.Count('r')*25 + e.store.Count('x')*100
	return rowTable("rejects", fields, func() int { return 2 }, rows, func(block int, r *records) error {
		if block == 1 {
			return v.snap.Repeats(func(seq kith.Seq, d storage.Repeat) error {
				r.add(uint64(seq), nil, kith.Duplicate.String(), "natural", nil, nil, text(e.sources.at(int(d.Source)-1)), d.Load, d.Line, uint64(d.Of), nil)
				return nil
			})
		}
		return v.snap.Rejects(0, e.openReject, func(rec *storage.Reject) error {
			r.add(uint64(rec.Seq), rec.At, rec.Verdict.String(), rec.Code, text(rec.Path), rec.Offset, rec.Source, rec.Load, rec.Line,
				number(rec.Repeats), strings.ToValidUTF8(string(rec.Raw), "\uFFFD"))
			return nil
		})
	})
}

func number(s kith.Seq) any {
	if s == 0 {
		return nil
	}
	return uint64(s)
}

// loads has one row for each file or feed that was brought in.
func (w *view) loads() history.Table {
	fields := append([]history.Field{
		{Name: "load", Type: history.UInt}, {Name: "name", Type: history.String}, {Name: "source", Type: history.String},
		{Name: "began", Type: history.Timestamp}, {Name: "ended", Type: history.Timestamp},
		{Name: "mapped", Type: history.Bool}, {Name: "rows", Type: history.BigInt}, {Name: "excepted", Type: history.BigInt},
	}, tallyFields()...)
	fields = append(fields, history.Field{Name: "table_name", Type: history.String}, history.Field{Name: "table_rows", Type: history.BigInt})
	return rowTable("loads", fields, one, w.e.store.Count('o'), func(_ int, r *records) error {
		return w.v.snap.Loads(func(l *storage.Load) error {
			var ended, rows, excepted, tableRows any
			switch {
			case l.Mapping != nil:
				rows, excepted = l.Rows, l.Excepted
			case l.Table != "":
				tableRows = l.Rows
			}
			if l.Ended != 0 {
				ended = l.Ended
			}
			row := append([]any{l.ID, l.Name, l.Source, l.At, ended, l.Mapping != nil, rows, excepted}, tallyValues(l.Tally)...)
			r.add(append(row, text(l.Table), tableRows)...)
			return nil
		})
	})
}

// sources has one row for each source, with what became of its items.
func (w *view) sources() history.Table {
	fields := append([]history.Field{{Name: "source", Type: history.String}}, tallyFields()...)
	return rowTable("sources", fields, one, int64(len(w.v.tallies)), func(_ int, r *records) error {
		for _, name := range sortedKeys(w.v.tallies) {
			r.add(append([]any{name}, tallyValues(w.v.tallies[name])...)...)
		}
		return nil
	})
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func tallyFields() []history.Field {
	var out []history.Field
	for _, n := range []string{"received", "accepted", "duplicate", "rejected", "quarantined", "suppressed", "flagged"} {
		out = append(out, history.Field{Name: n, Type: history.BigInt})
	}
	return out
}

func tallyValues(t kith.Tally) []any {
	return []any{int64(t.Received), int64(t.Accepted), int64(t.Duplicate), int64(t.Rejected), int64(t.Quarantined), int64(t.Suppressed), int64(t.Flagged.Events)}
}

// columns has one row for each trait and each property, with its class, type, fill rate and conflicts.
func (w *view) columns() history.Table {
	fields := []history.Field{
		{Name: "relation", Type: history.String}, {Name: "event", Type: history.String}, {Name: "name", Type: history.String},
		{Name: "class", Type: history.String}, {Name: "type", Type: history.String}, {Name: "filled", Type: history.BigInt},
		{Name: "total", Type: history.BigInt}, {Name: "conflicts", Type: history.BigInt}, {Name: "computed", Type: history.Bool},
	}
	return rowTable("columns", fields, one, 100, func(_ int, r *records) error {
		for _, c := range w.v.columns(w.e) {
			class, _ := w.e.classes.PathClass("traits." + c.path)
			class = cmp.Or(c.class, class, kith.Other)
			_, computed := w.v.shown[c.path]
			r.add("profiles", nil, c.path, class.String(), typeNames[c.kind], nil, nil, nil, computed)
		}
		return w.eventColumns(r)
	})
}

var typeNames = map[byte]string{typeText: "VARCHAR", typeNumber: "DECIMAL(38,9)", typeFact: "BOOLEAN", typeSealed: "sealed", typeTime: "TIMESTAMP"}
