package kith

import (
	"encoding/json"
	"log/slog"
	"slices"
	"time"
)

// Class is how much a value tells about who a person is.
type Class uint8

// The three classes. The numbers are stored and never change.
const (
	Other       Class = iota + 1 // free: stored in the clear
	Descriptive                  // says what a person is like: columns and bitmaps, never in a key
	Identifying                  // says who a person is: sealed under the key of the fragment that said it
)

var classNames = [...]string{"", "other", "descriptive", "identifying"}

// String gives the class's word.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return ""
}

// MarshalText gives the class's word.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the class's word.
func (c *Class) UnmarshalText(text []byte) error {
	return parseWord(classNames[:], text, (*uint8)(c))
}

// MarshalText gives the specification's word for the call.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the specification's word for the call.
func (k *Kind) UnmarshalText(text []byte) error {
	return parseWord(kindNames[:], text, (*uint8)(k))
}

// parseWord gives the number of a word; an unknown word is ErrInvalid.
func parseWord(names []string, text []byte, n *uint8) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return &Error{Op: "kith", On: "a word of JSON", Kind: ErrInvalid}
	}
	*n = uint8(i)
	return nil
}

// Profile is one person: the fragments that are linked, and the fold of what they said.
type Profile struct {
	ID        ProfileID   `json:"id"`        // dense, valid inside one directory
	Public    string      `json:"public_id"` // stable, derived from the fragment seen first in event time
	FirstSeen time.Time   `json:"first_seen,omitzero"`
	LastSeen  time.Time   `json:"last_seen,omitzero"`
	Known     bool        `json:"known"` // has an identifier other than anonymous and device ids
	Events    uint64      `json:"events"`
	Traits    []Trait     `json:"traits"`             // by name
	Computed  []Computed  `json:"computed,omitempty"` // computed traits, by name
	Links     []Linked    `json:"identifiers"`        // the identifiers, in the order of their fragments' numbers
	Flagged   Flagged     `json:"flagged,omitzero"`   // events that stand outside of everything else here
	Activity  []Activity  `json:"activity"`
	Recent    []Happening `json:"recent"` // newest first
	At        Seq         `json:"at"`     // the number at which all of this was true
}

// String gives the public id and hides the rest.
func (p *Profile) String() string { return "profile " + p.Public }

// GoString hides the profile from %#v.
func (p *Profile) GoString() string { return "kith.Profile{" + p.Public + "}" }

// LogValue hides the profile from slog.
func (p *Profile) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Trait is a named value of a profile: the last write in event time, and the
// last write before it that said something else.
type Trait struct {
	Name     string          `json:"name"`
	Class    Class           `json:"class"`
	Value    json.RawMessage `json:"value"`
	Time     time.Time       `json:"time,omitzero"`
	Source   string          `json:"source"`
	Previous *Said           `json:"previous,omitempty"`
}

// Computed is the value of a computed trait: nobody said it, it is worked out.
type Computed struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// Said is an earlier value of a trait.
type Said struct {
	Value  json.RawMessage `json:"value"`
	Time   time.Time       `json:"time,omitzero"`
	Source string          `json:"source"`
}

// Linked is one identifier of a profile, and the decision that linked it.
type Linked struct {
	Identifier
	Fragment FragmentID `json:"fragment"`
	With     FragmentID `json:"with"`            // the fragment it was linked with; NoFragment: none
	Rule     string     `json:"rule,omitempty"`  // such as "same_event"; empty: no link was needed
	Cause    Seq        `json:"cause,omitempty"` // the event that caused the link
	At       time.Time  `json:"at,omitzero"`     // when the decision was taken
}

// MarshalJSON writes the identifier beside the decision. With is left out where
// there is none, so a reader finds none by the empty rule.
func (l Linked) MarshalJSON() ([]byte, error) {
	type link struct {
		Space    string      `json:"space"`
		Value    string      `json:"value"`
		Fragment FragmentID  `json:"fragment"`
		With     *FragmentID `json:"with,omitempty"`
		Rule     string      `json:"rule,omitempty"`
		Cause    Seq         `json:"cause,omitempty"`
		At       time.Time   `json:"at,omitzero"`
	}
	out := link{Space: l.Space, Value: l.Value, Fragment: l.Fragment, Rule: l.Rule, Cause: l.Cause, At: l.At}
	if l.With != NoFragment {
		out.With = &l.With
	}
	return json.Marshal(out)
}

// Activity is how often a person did one thing.
type Activity struct {
	Name  string    `json:"name"`
	Kind  Kind      `json:"kind"`
	Count uint64    `json:"count"`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// Happening is one event of a person's timeline.
type Happening struct {
	Seq    Seq       `json:"seq"`
	Kind   Kind      `json:"kind"`
	Name   string    `json:"name"`
	Time   time.Time `json:"time,omitzero"`
	Source string    `json:"source"`
	Flags  Flags     `json:"flags,omitzero"` // why it stands outside of the counts; only where flagged events were asked for
}
