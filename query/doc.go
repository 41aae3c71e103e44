// Package query turns the text of a segment, a SQL condition over a person and
// that person's events, into a tree of its own, and that tree into whatever
// answers it: text again, JSON, SQL for DuckDB, and a Program, which answers for
// one person at one instant and says when that can change by the clock alone.
//
// It is pure: it knows no disk, clock or database. What the names of a condition
// mean in a directory, a Catalog says. docs/segments.md is the language.
package query
