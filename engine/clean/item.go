package clean

import (
	"math"

	"github.com/kithdb/kith"
)

// NoTime is the time that is absent.
const NoTime = math.MinInt64

// The codes with which an item is refused.
const (
	BadJSON         = "bad_json"         // not JSON (RFC 8259); Item.At has the byte
	BadUTF8         = "bad_utf8"         // bytes that are not UTF-8, or half a surrogate pair
	BadNumber       = "bad_number"       // NaN, Infinity, -, leading zeros, a lone point
	TooLarge        = "too_large"        // more bytes than Config.Limit
	TooDeep         = "too_deep"         // nested deeper than 200
	NulInKey        = "nul_in_key"       // a key with \u0000
	DuplicateKey    = "duplicate_key"    // the same key twice in one object
	NotAnObject     = "not_an_object"    // an item that is JSON and no object
	MissingType     = "missing_type"     // no type
	UnknownType     = "unknown_type"     // a type that is none of the six calls
	MissingEvent    = "missing_event"    // a track without event
	MissingGroup    = "missing_group"    // a group without groupId
	MissingPrevious = "missing_previous" // an alias without previousId
	NoIdentity      = "no_identity"      // no identifier at all; an alias without userId
	BlockedID       = "blocked_id"       // identifiers, but every one is blocked or unusable
	TooManyIDs      = "too_many_ids"     // more than 64 identifiers
	BadID           = "bad_id"           // an identifier that is neither string nor integer
	BadTimestamp    = "bad_timestamp"    // a time of unknown form, or without a zone
	BadField        = "bad_field"        // a field of the specification with another JSON type
)

// Item is one call that was cleaned, or refused: then Code is set, and only
// Code, Path, At and Raw mean something. All slices belong to the Cleaner.
type Item struct {
	Code string // why it is refused; empty: it is not
	Path string // where in the item, such as "$.traits.age"; a key that looks like a person's value is shown as "…"
	At   int    // the byte of the line at which a refused item was found wrong
	Raw  []byte // the item's own bytes

	Kind        kith.Kind
	Name        []byte // of a track, page or screen
	MessageID   []byte
	NoID        bool // there is no message id: see Derive
	UserID      []byte
	AnonymousID []byte
	PreviousID  []byte
	GroupID     []byte
	Claims      []Claim // strongest first, each once; never empty

	Time     int64 // µs since 1970: when it happened, as far as can be known
	Received int64 // when it came in
	Sent     int64 // by the client's clock; NoTime: absent
	Original int64 // when it happened by the client's clock; NoTime: it did not say, or said no other than Time
	Stamped  bool  // the item said when it happened; always, unless Original is NoTime and Time is Received
	Clamped  bool  // it said a time more than an hour ahead of its receipt, which stands in for it

	Cells  []byte // the leaves that may stand in the clear: see EachCell
	Secret []byte // the leaves that are identifying, in the same form

	Traits []Trait     // what is said about the person: traits of an identify, context.traits of any call
	Leaves []TraitLeaf // the scalars inside Traits that are not identifying

	IDPrint  uint64 // keyed fingerprint of MessageID; 0 when NoID
	PayPrint uint64 // keyed fingerprint of the payload: see print.go

	second uint64 // an independent fingerprint of the payload, for Derive
}

// Claim is one identifier of an event.
type Claim struct {
	Space    int
	Norm     []byte // as it is compared
	Value    []byte // as it was spelled, unescaped
	Previous bool   // the previousId of an alias
}

// Trait is one member of traits.
type Trait struct {
	Path  uint32     // of "traits.NAME"; More when the dictionary is full
	Name  string     // the member's key
	Raw   []byte     // its JSON text, without white space
	Class kith.Class // the strongest of its leaves
}

// TraitLeaf is a scalar inside a trait: for columns.
type TraitLeaf struct {
	Path uint32 // of "traits.…", also where it came by context.traits
	Raw  []byte // its JSON text
}
