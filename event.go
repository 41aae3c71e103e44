package kith

import (
	"encoding/json"
	"log/slog"
	"time"
)

// Kind is which of the six calls of the Segment specification an event is.
type Kind uint8

// The six calls. The numbers are stored and never change.
const (
	Identify Kind = iota + 1
	Track
	Page
	Screen
	Group
	Alias
)

var kindNames = [...]string{"", "identify", "track", "page", "screen", "group", "alias"}

// String gives the specification's word for the call.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// ParseKind gives the call that the specification's word names.
func ParseKind(s string) (Kind, bool) {
	for k := Identify; k <= Alias; k++ {
		if kindNames[k] == s {
			return k, true
		}
	}
	return 0, false
}

// Event is something a source said about somebody. Traits, Properties and
// Context are JSON objects or nil. Zero times are absent; engine.Ingest fills
// them in the order that docs/events.md tells.
type Event struct {
	Kind        Kind
	Name        string // of a track, page or screen
	MessageID   string // the same id again is a duplicate; empty: derived from the content
	UserID      string
	AnonymousID string
	PreviousID  string // of an alias
	GroupID     string // of a group

	Timestamp         time.Time // when it happened, already corrected for the client's clock
	OriginalTimestamp time.Time // when it happened, by the client's clock
	SentAt            time.Time // when it was sent, by the client's clock
	ReceivedAt        time.Time // when it came in; zero: now

	Traits     json.RawMessage
	Properties json.RawMessage
	Context    json.RawMessage

	Source string // which door or file said it; empty: the call's default
}

// String names the call and hides everything that can hold a person.
func (e Event) String() string { return e.Kind.String() + " …" }

// GoString hides the event from %#v.
func (e Event) GoString() string { return "kith.Event{" + e.String() + "}" }

// LogValue hides the event from slog.
func (e Event) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalJSON gives the event as one line of the specification.
func (e Event) MarshalJSON() ([]byte, error) {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	line := struct {
		Type              string          `json:"type"`
		Event             string          `json:"event,omitempty"`
		Name              string          `json:"name,omitempty"`
		MessageID         string          `json:"messageId,omitempty"`
		UserID            string          `json:"userId,omitempty"`
		AnonymousID       string          `json:"anonymousId,omitempty"`
		PreviousID        string          `json:"previousId,omitempty"`
		GroupID           string          `json:"groupId,omitempty"`
		Timestamp         string          `json:"timestamp,omitempty"`
		OriginalTimestamp string          `json:"originalTimestamp,omitempty"`
		SentAt            string          `json:"sentAt,omitempty"`
		ReceivedAt        string          `json:"receivedAt,omitempty"`
		Traits            json.RawMessage `json:"traits,omitempty"`
		Properties        json.RawMessage `json:"properties,omitempty"`
		Context           json.RawMessage `json:"context,omitempty"`
	}{
		Type: e.Kind.String(), MessageID: e.MessageID,
		UserID: e.UserID, AnonymousID: e.AnonymousID, PreviousID: e.PreviousID, GroupID: e.GroupID,
		Timestamp: stamp(e.Timestamp), OriginalTimestamp: stamp(e.OriginalTimestamp),
		SentAt: stamp(e.SentAt), ReceivedAt: stamp(e.ReceivedAt),
		Traits: e.Traits, Properties: e.Properties, Context: e.Context,
	}
	if e.Kind == Track {
		line.Event = e.Name
	} else {
		line.Name = e.Name
	}
	return json.Marshal(line)
}
