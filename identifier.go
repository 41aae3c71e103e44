package kith

import "log/slog"

// Identifier points at a person: a space such as "email" or "user_id", and a
// value in it. Values are normalised before they are compared. An Identifier
// hides its value when it is printed or logged.
type Identifier struct {
	Space string
	Value string
}

// String gives the space and hides the value.
func (id Identifier) String() string { return id.Space + "=…" }

// GoString hides the value from %#v.
func (id Identifier) GoString() string { return "kith.Identifier{" + id.String() + "}" }

// LogValue hides the value from slog.
func (id Identifier) LogValue() slog.Value { return slog.StringValue(id.String()) }

// Token is the keyed digest of a normalised identifier: equal for equal
// identifiers, and worth nothing without the directory's secret.
type Token [16]byte

// FragmentID is the dense number of a fragment: what is known through one
// identifier, the smallest piece that is never split. It is never reassigned.
type FragmentID uint32

// ProfileID is the dense number of a profile inside one directory: the smallest
// number of its fragments. Bitmaps use it; it means nothing in another directory.
type ProfileID uint32

// NoFragment is the number that no fragment has.
const NoFragment = ^FragmentID(0)

// Seq is the number of a record in the log: one sequence for events, decisions
// and everything else that is truth. The first record has number 1.
type Seq uint64
