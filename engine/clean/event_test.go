package clean

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

func TestAnEventIsItsLine(t *testing.T) {
	at := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.FixedZone("", 3600))
	events := []kith.Event{
		{Kind: kith.Track, Name: `Order "Completed"`, MessageID: "m\n1", UserID: "ü1", Properties: json.RawMessage(` {"total":1,"tags":[1]}`)},
		{Kind: kith.Identify, UserID: "u", AnonymousID: "a", Timestamp: at, Traits: json.RawMessage(`{"email":"ada@example.org"}`), Context: json.RawMessage(`{"ip":"203.0.113.9"}`)},
		{Kind: kith.Page, Name: "Home", AnonymousID: "a", OriginalTimestamp: at, SentAt: at.Add(time.Second), ReceivedAt: at.Add(time.Minute)},
		{Kind: kith.Alias, UserID: "u", PreviousID: "a"},
		{Kind: kith.Group, UserID: "u", GroupID: "g"},
		{Kind: kith.Track, UserID: "u"},
		{Kind: kith.Page},
		{UserID: "u"},
	}
	c := New(testConfig())
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got := copied(c.Event(&e, testNow))
		want := one(t, c, string(text))
		if got.Code != want.Code && e.Kind != 0 || got.PayPrint != want.PayPrint || got.IDPrint != want.IDPrint || got.Time != want.Time || got.Received != want.Received || got.Original != want.Original {
			t.Errorf("%s: %s %d, want %s %d", text, got.Code, got.Time, want.Code, want.Time)
		}
	}
	for _, props := range []string{`{"a":1},"userId":"v"`, `{`, `{"a":NaN}`, `17`, `{"a":1}}`, `"`} {
		if it := c.Event(&kith.Event{Kind: kith.Page, UserID: "u", Properties: json.RawMessage(props)}, testNow); it.Code == "" || it.Path == "" {
			t.Errorf("%s: %q at %q, want it refused", props, it.Code, it.Path)
		}
	}
	if c.Next() != nil {
		t.Error("an Event leaves items behind")
	}
	e := &events[0]
	if n := testing.AllocsPerRun(100, func() { c.Event(e, testNow) }); n != 0 {
		t.Errorf("%.1f allocations, want none", n)
	}
}
