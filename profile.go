package kith

import (
	"encoding/json"
	"log/slog"
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

// Profile is one person: the fragments that are linked, and the fold of what they said.
type Profile struct {
	ID        ProfileID // dense, valid inside one directory
	Public    string    // stable, derived from the fragment seen first in event time
	FirstSeen time.Time
	LastSeen  time.Time
	Known     bool // has an identifier other than anonymous and device ids
	Events    uint64
	Traits    []Trait  // by name
	Links     []Linked // the identifiers, in the order of their fragments' numbers
	Activity  []Activity
	Recent    []Happening // newest first
	At        Seq         // the number at which all of this was true
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
	Name     string
	Class    Class
	Value    json.RawMessage
	Time     time.Time
	Source   string
	Previous *Said
}

// Said is an earlier value of a trait.
type Said struct {
	Value  json.RawMessage
	Time   time.Time
	Source string
}

// Linked is one identifier of a profile, and the decision that linked it.
type Linked struct {
	Identifier
	Fragment FragmentID
	With     FragmentID // the fragment it was linked with; NoFragment: none
	Rule     string     // such as "same_event"; empty: no link was needed
	Cause    Seq        // the event that caused the link
	At       time.Time  // when the decision was taken
}

// Activity is how often a person did one thing.
type Activity struct {
	Name        string
	Kind        Kind
	Count       uint64
	First, Last time.Time
}

// Happening is one event of a person's timeline.
type Happening struct {
	Seq      Seq
	Kind     Kind
	Name     string
	Time     time.Time
	Source   string
	Original json.RawMessage // the whole event; nil unless asked for
}
