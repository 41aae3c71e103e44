package kith

import (
	"fmt"
	"log/slog"
	"time"
)

// Found is who fits what was typed, best first.
type Found struct {
	People  []Match `json:"people"`
	Partial bool    `json:"partial,omitempty"` // so many seemed to fit that not all were looked at: type more letters
}

// Match is one person who was found.
type Match struct {
	ID       ProfileID `json:"id"`
	Public   string    `json:"public_id"`
	Fit      string    `json:"fit"` // the worst of its words: exact, prefix or error
	LastSeen time.Time `json:"last_seen,omitzero"`
	Events   uint64    `json:"events"`
	Values   []Value   `json:"values"` // what fits, what names the person, and the identifiers
}

// Value is what a person says: a trait, or an identifier by its space.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Fits  bool   `json:"fits,omitempty"` // a word of what was typed
}

// String counts and hides who it is.
func (f Found) String() string { return fmt.Sprintf("%d people", len(f.People)) }

// GoString hides the people from %#v.
func (f Found) GoString() string { return "kith.Found{" + f.String() + "}" }

// LogValue hides the people from slog.
func (f Found) LogValue() slog.Value { return slog.StringValue(f.String()) }

// String gives the public id and hides the rest.
func (m Match) String() string { return "profile " + m.Public }

// GoString hides the person from %#v.
func (m Match) GoString() string { return "kith.Match{" + m.Public + "}" }

// LogValue hides the person from slog.
func (m Match) LogValue() slog.Value { return slog.StringValue(m.String()) }

// String gives the name and hides the value.
func (v Value) String() string { return v.Name + "=…" }

// GoString hides the value from %#v.
func (v Value) GoString() string { return "kith.Value{" + v.Name + "}" }

// LogValue hides the value from slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }
