// Package source reads other people's files through a mapping: rows of CSV, JSON, Parquet and web logs become calls of the Segment specification.
//
// docs/mapping.md is the language. A Mapping is a value without effects; an
// Input reads one file in pieces of whole rows, and makes calls of a piece
// wherever it is, now or later, on as many cores as there are.
package source
