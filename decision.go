package kith

import "time"

// DecisionKind is what identity resolution concluded.
type DecisionKind uint8

// The kinds of decision. The numbers are stored and never change.
const (
	Link   DecisionKind = iota + 1 // the two fragments are one person
	Refuse                         // the two fragments stay apart
	Leave                          // fragment A is shared: it leaves its profile and stands alone
	Number                         // an identifier was seen first and got fragment A
	Cut                            // a person took a link back
)

var decisionNames = [...]string{"", "link", "refuse", "leave", "number", "cut"}

// String gives the word for the kind.
func (k DecisionKind) String() string {
	if int(k) < len(decisionNames) {
		return decisionNames[k]
	}
	return ""
}

// Decision is one conclusion of identity resolution. It is taken once and
// stands in the log; a rebuild replays it.
type Decision struct {
	Seq     Seq
	Kind    DecisionKind
	A, B    FragmentID // of a Leave or Number, B is NoFragment
	Rule    string     // same_event, alias, unique, limit, shared
	Space   string     // the identifier space the rule spoke about, where it did
	Version uint32     // of the rules
	Cause   Seq        // the event
	At      time.Time  // the instant at which it was known
}
