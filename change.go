package kith

import "time"

// Change says that one person entered or left one segment. Applied from the
// first on, changes give every membership at every number.
type Change struct {
	Seq     Seq       `json:"seq"`     // its number
	Segment string    `json:"segment"` // the name
	Version uint32    `json:"version"` // of the segment's definition
	Profile ProfileID `json:"profile"` // as the person was numbered then: a merge makes the absorbed number leave
	Entered bool      `json:"entered"` // else left
	Cause   Cause     `json:"cause"`
	Of      Seq       `json:"of,omitempty"` // the record that caused it, such as an event; 0: none did
	At      time.Time `json:"at"`           // the instant from which on it is so
}

// Cause is what made a person enter or leave a segment.
type Cause uint8

// The causes. The numbers are stored and never change.
const (
	ByEvent      Cause = iota + 1 // an event of the person; Of is its number
	ByClock                       // time passed
	ByMerge                       // two people turned out to be one
	ByCut                         // one person turned out to be several
	ByDefinition                  // the segment was defined, defined otherwise, or dropped
	ByTable                       // a reference table was loaded, or a static list imported; then Of is its number
	ByRank                        // others moved the threshold of a rank, or what an account counts
	ByUnload                      // a load was taken back
	ByLate                        // an event of the person that came in after one that happened later; Of is its number
)

var causeNames = [...]string{"", "event", "clock", "merge", "cut", "definition", "table", "rank", "unload", "late"}

// String gives the cause's word.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return ""
}

// MarshalText gives the cause's word.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the cause's word.
func (c *Cause) UnmarshalText(text []byte) error {
	return parseWord(causeNames[:], text, (*uint8)(c))
}
