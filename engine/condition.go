package engine

import (
	"fmt"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/history"
)

func init() { history.FoldText = query.Fold }

// catalog says what the names of a condition mean in one version: what SQL
// sees under them (docs/sql.md). It is a query.Catalog.
type catalog struct {
	traits   map[string]history.Field                // by path
	leaves   map[string]map[history.FieldType]string // by path: columns of events that read it as a type
	tables   map[string][]history.Field
	lists    listNames
	segments func(name string) (query.Cond, error)
}

// catalog gives that of a view.
func (w *view) catalog() *catalog {
	c := &catalog{traits: map[string]history.Field{}, leaves: w.e.hist.Readings(), tables: map[string][]history.Field{}, lists: w.v.lists}
	fields := w.profiles().Fields()
	for i, col := range w.e.traits.all()[:len(fields)-fixedColumns] {
		c.traits[col.path] = fields[fixedColumns+i]
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

var fieldTypeOf = map[query.Type]history.FieldType{query.Text: history.String, query.Number: history.Decimal, query.Bool: history.Bool}

// Trait implements query.Catalog.
func (c *catalog) Trait(path string, as query.Type) (string, bool) {
	f, ok := c.traits[path]
	return query.Ident(f.Name), ok && readings[f.Type] == as
}

// Field implements query.Catalog.
func (c *catalog) Field(path string, as query.Type) (string, bool) {
	name, ok := c.leaves[path][fieldTypeOf[as]]
	return name, ok
}

// Cell implements query.Catalog.
func (c *catalog) Cell(table, column string, as query.Type) (string, error) {
	fields, ok := c.tables[strings.ToLower(table)]
	if !ok {
		return "", &kith.Error{Op: "engine.Segment", On: "table " + table, Kind: kith.ErrNotFound}
	}
	for _, f := range fields {
		if strings.EqualFold(f.Name, column) {
			if readings[f.Type] != as {
				return "NULL", nil
			}
			return "t." + query.Ident(f.Name), nil
		}
	}
	return "", &kith.Error{Op: "engine.Segment", On: fmt.Sprintf("column %s of table %s", column, table), Kind: kith.ErrNotFound}
}

// Segment implements query.Catalog.
func (c *catalog) Segment(name string) (query.Cond, error) { return c.segments(name) }

// List implements query.Catalog.
func (c *catalog) List(name string) error { return c.lists.has(name) }
