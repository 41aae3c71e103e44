package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/history"
)

func init() {
	history.FoldText, history.Weight, history.Bucket = query.Fold, query.Weight, query.BucketOf
	number := func(n [2]uint64) query.Dec { return query.Dec{Lo: n[0], Hi: int64(n[1])} }
	words := func(d query.Dec, ok bool) ([2]uint64, bool) { return [2]uint64{d.Lo, uint64(d.Hi)}, ok }
	history.Sum = func(whole, rest [2]uint64) ([2]uint64, bool) { return words(query.SumOf(number(whole), number(rest))) }
	history.Average = func(whole, rest [2]uint64, n uint64) ([2]uint64, bool) {
		return words(query.AverageOf(number(whole), number(rest), n))
	}
	history.Calculate = func(op byte, a, b [2]uint64) ([2]uint64, bool) {
		return words(query.Calculate(query.Func(string(rune(op))), number(a), number(b)))
	}
	history.HasText = query.HasText
	history.Zone = func(name string) (local, utc func(int64) int64, ok bool) {
		z, err := query.ZoneOf(name)
		if err != nil {
			return nil, nil, false
		}
		return z.Local, z.Instant, true
	}
	history.HasNumber = func(array string, item [2]uint64) (bool, bool) { return query.HasNumber(array, number(item)) }
	history.Distance = func(of [4][2]uint64) ([2]uint64, bool) {
		return words(query.DistanceOf(number(of[0]), number(of[1]), number(of[2]), number(of[3])))
	}
}

// catalog says what the names of a condition mean in one version: what SQL
// sees under them (docs/sql.md). It is a query.Catalog.
type catalog struct {
	traits   map[string]history.Field                         // by path
	leaves   map[string]map[history.FieldType]history.Reading // by path: columns of events that read it as a type
	tables   map[string][]history.Field
	lists    listNames
	segments func(name string) (query.Cond, error)
	computed map[string]query.Value // computed traits that are written out
	sealed   map[string]bool        // traits that have no column, by path
	clear    bool                   // what is sealed is missing: what is asked for stands in the clear
}

// catalog gives that of a view.
func (w *view) catalog() *catalog {
	c := &catalog{traits: map[string]history.Field{}, sealed: map[string]bool{}, leaves: w.e.hist.Readings(), tables: map[string][]history.Field{}, lists: w.v.lists}
	columns := w.v.columns(w.e)
	for i, f := range profileFields(columns)[fixedColumns:] {
		c.traits[columns[i].path] = f
		c.sealed[columns[i].path] = columns[i].kind == typeSealed
	}
	for _, t := range w.references() {
		c.tables[strings.ToLower(t.Name())] = t.Fields()
	}
	return c
}

// readings are what the types of SQL are read as.
var readings = map[history.FieldType]query.Type{
	history.String: query.Text, history.Decimal: query.Number, history.Bool: query.Bool, history.Timestamp: query.Time,
}

var fieldTypeOf = map[query.Type]history.FieldType{query.Text: history.String, query.Number: history.Decimal, query.Bool: history.Bool, query.List: history.JSON}

// Trait implements query.Catalog.
func (c *catalog) Trait(path string, as query.Type) (string, bool) {
	f, ok := c.traits[path]
	return query.Ident(f.Name), ok && readings[f.Type] == as && !(c.clear && c.sealed[path])
}

// Computed implements query.Catalog.
func (c *catalog) Computed(path string) (query.Value, query.Catalog, bool) {
	def, ok := c.computed[path]
	if !ok {
		return nil, nil, false
	}
	in := *c
	in.clear = true
	return def, &in, true
}

// Field implements query.Catalog.
func (c *catalog) Field(path string, as query.Type) (string, bool) {
	r, ok := c.leaves[path][fieldTypeOf[as]]
	if c.clear {
		return r.Clear, ok
	}
	return r.Name, ok
}

// opens tells whether some event has a leaf sealed, so that it is opened value by value.
func (c *catalog) opens(path string) bool {
	r := c.leaves[path][history.String]
	return r.Name != r.Clear
}

// Cell implements query.Catalog.
func (c *catalog) Cell(table, column string, as query.Type) (string, error) {
	fields, ok := c.tables[strings.ToLower(table)]
	if !ok {
		return "", &kith.Error{Op: "engine.Segment", On: "table " + table, Kind: kith.ErrNotFound, Err: errors.New("kith table list shows those that there are")}
	}
	var has []string
	for _, f := range fields {
		has = append(has, f.Name)
		if strings.EqualFold(f.Name, column) {
			if readings[f.Type] != as {
				return "NULL", nil
			}
			return "t." + query.Ident(f.Name), nil
		}
	}
	return "", &kith.Error{Op: "engine.Segment", On: fmt.Sprintf("column %s of table %s", column, table), Kind: kith.ErrNotFound, Err: errors.New("its columns are " + strings.Join(has, ", "))}
}

// Segment implements query.Catalog.
func (c *catalog) Segment(name string) (query.Cond, error) { return c.segments(name) }

// List implements query.Catalog.
func (c *catalog) List(name string) error { return c.lists.has(name) }
