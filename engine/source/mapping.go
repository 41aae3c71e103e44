package source

import (
	"time"
)

// Mapping says how the rows of somebody's file become calls. It does not
// change, and any number of goroutines use it.
type Mapping struct {
	source string
	format format
	time   *when
	zone   *time.Location
	id     []*expr
	people []ident
	except *expr
	rules  []rule
	keys   map[string]string // of the environment: see checkKeys
}

// Source gives the name of the source, "" where the mapping has none.
func (m *Mapping) Source() string { return m.source }

// As gives the mapping with another source, so that the ids of two shops'
// files, which one mapping is for, do not meet.
func (m *Mapping) As(source string) *Mapping {
	other := *m
	other.source = source
	return &other
}

// format says how the file is written.
type format struct {
	kind      string // csv, ndjson, json, parquet, log
	delimiter byte   // 0: guessed
	encoding  string // "": UTF-8, or what the byte order mark says
	columns   []string
	empty     []string // texts that stand for nothing
}

// when says when a row happened.
type when struct {
	value *expr
	reading
}

// ident is one identifier of a person.
type ident struct {
	space    string
	external bool
	values   []choice // the first that is there is the one; others are further ones
	line     int
}

// choice is a value that is there where a condition is true.
type choice struct {
	value *expr
	when  *expr // nil: always
}

// rule is what becomes of the rows that it is the first to match.
type rule struct {
	when  *expr // nil: always
	calls []call
}

// call is one call of the specification.
type call struct {
	when                        *expr // nil: always
	kind                        string
	name, group, previous       *expr
	properties, traits, context *tree
}

// tree is what an object or a list is built from: an expression, or members.
type tree struct {
	key    string
	value  *expr
	nodes  []*tree // of an object or a list
	list   bool
	all    bool   // of an object: every column under its own name
	others bool   // of a list: the identifiers without a place of their own
	prefix []byte // `"key":`, made by bind
}
