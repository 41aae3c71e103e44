package clean

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

func TestThePayloadPrint(t *testing.T) {
	c := New(testConfig())
	print := func(s string) uint64 {
		it := one(t, c, s)
		if it.Code != "" {
			t.Fatalf("%s: %s %s", s, it.Code, it.Path)
		}
		return it.PayPrint
	}
	base := print(`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[1,{"c":1,"d":2}],"e":{}}}`)
	same := []string{
		` { "properties" : {"e":{ }, "b":[1, {"d":2,"c":1}],"a":"x\/\u0079"},"event":"\u0065","timestamp":"2024-01-01T01:00:00+01:00","userId":"u","type":"track"}`,
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[1,{"c":1,"d":2}],"e":{}},"messageId":"m","sentAt":"2024-05-06T07:08:09Z","receivedAt":"2024-05-06T07:08:10Z"}`,
		`{"type":"track","event":"e","userId":"u","originalTimestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[1,{"c":1,"d":2}],"e":{}},"traits":null,"context":{}}`,
	}
	for _, s := range same {
		if print(s) != base {
			t.Errorf("%s: another print", s)
		}
	}
	other := []string{
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[{"c":1,"d":2},1],"e":{}}}`,
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[1,{"c":2,"d":1}],"e":{}}}`,
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[1.0,{"c":1,"d":2}],"e":{}}}`,
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":["1",{"c":1,"d":2}],"e":{}}}`,
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[1,{"c":1,"d":2}]}}`,
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:01Z","properties":{"a":"x/y","b":[1,{"c":1,"d":2}],"e":{}}}`,
		`{"type":"track","event":"f","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[1,{"c":1,"d":2}],"e":{}}}`,
		`{"type":"track","event":"e","anonymousId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":"x/y","b":[1,{"c":1,"d":2}],"e":{}}}`,
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","traits":{"a":"x/y","b":[1,{"c":1,"d":2}],"e":{}}}`,
		`{"type":"track","event":"e","userId":"u","timestamp":"2024-01-01T00:00:00Z","properties":{"a":{"a":"x/y"},"b":[1,{"c":1,"d":2}],"e":{}}}`,
	}
	seen := map[uint64]string{base: "base"}
	for _, s := range other {
		p := print(s)
		if was, twice := seen[p]; twice {
			t.Errorf("%s has the print of %s", s, was)
		}
		seen[p] = s
	}
}

func TestDerivedMessageIDs(t *testing.T) {
	c := New(testConfig())
	ids := map[string]bool{}
	for _, s := range []string{`{"type":"page","userId":"u","timestamp":1}`, `{"type":"page","userId":"u","timestamp":2}`, `{"type":"page","userId":"v","timestamp":1}`,
		`{"type":"page","userId":"u"}`, `{"type":"page","userId":"u","receivedAt":1304665690123}`} {
		it := one(t, c, s)
		again := one(t, New(c.cfg), " "+s)
		own, other := it.Derivation(), again.Derivation()
		if !it.NoID || it.IDPrint != 0 || own.Derive("f", 0) != other.Derive("f", 0) {
			t.Errorf("%s: not derived from the content", s)
		}
		for _, id := range []string{own.Derive("f", 0), own.Derive("f", 1), own.Derive("g", 0)} {
			if ids[id] || len(id) != 32 {
				t.Errorf("%s: %s stands twice", s, id)
			}
			ids[id] = true
		}
	}
}

// What is stored gives the event back: cleaned again it is the same.
func TestOriginalGivesTheEventBack(t *testing.T) {
	w := newWorld(t)
	cfg := testConfig()
	c := New(cfg)
	n := 6000
	if testing.Short() {
		n /= 10
	}
	user, anonymous := cfg.IDs.Space("user_id"), cfg.IDs.Space("anonymous_id")
	for range n {
		members := w.call()
		text := line(members)
		it := one(t, c, text)
		if it.Code != "" {
			t.Fatalf("%s: %s at %s", text, it.Code, it.Path)
		}
		w.Shuffle(len(members), func(i, k int) { members[i], members[k] = members[k], members[i] })
		if other := one(t, c, line(members)); other.PayPrint != it.PayPrint || other.second != it.second {
			t.Fatalf("%s: the order of members changes the print", text)
		}
		p := Parts{Kind: it.Kind, Name: string(it.Name), MessageID: string(it.MessageID),
			Time: it.Time, Original: it.Original, Sent: it.Sent, Received: it.Received, Cells: it.Cells, Secret: it.Secret}
		for _, d := range it.Claims {
			if d.Space == user && p.UserID == "" {
				p.UserID = string(d.Norm)
			}
			if d.Space == anonymous && p.AnonymousID == "" {
				p.AnonymousID = string(d.Norm)
			}
		}
		built, err := Original(nil, cfg.Paths, &p)
		if err != nil || !json.Valid(built) {
			t.Fatalf("%s: %s %v", text, built, err)
		}
		again := one(t, c, string(built))
		if again.PayPrint != it.PayPrint || again.IDPrint != it.IDPrint {
			t.Fatalf("was   %s\nbuilt %s\n%s: another print", text, built, again.Code+again.Path)
		}
		if strings.Contains(text, `"timestamp"`) && strings.Contains(text, `"originalTimestamp"`) && !strings.Contains(text, `"receivedAt"`) {
			continue // now that there is a receivedAt, the clock's correction can be repeated
		}
		if again.Time != it.Time ||
			!maps.Equal(leavesOf(t, cfg.Paths, it.Cells), leavesOf(t, cfg.Paths, again.Cells)) ||
			!maps.Equal(leavesOf(t, cfg.Paths, it.Secret), leavesOf(t, cfg.Paths, again.Secret)) {
			t.Fatalf("was   %s\nbuilt %s\n%s %d %d\n%v\n%v\n%v\n%v", text, built, again.Code+again.Path, it.Time, again.Time,
				leavesOf(t, cfg.Paths, it.Cells), leavesOf(t, cfg.Paths, again.Cells), leavesOf(t, cfg.Paths, it.Secret), leavesOf(t, cfg.Paths, again.Secret))
		}
		whole(t, text, built)
	}
}

// whole compares, by encoding/json, what a line and its original say below
// properties, traits and other.
func whole(t *testing.T, text string, built []byte) {
	var was, is map[string]any
	if json.Unmarshal([]byte(text), &was) != nil || json.Unmarshal(built, &is) != nil {
		if strings.Contains(text, "e+9999") {
			return // no float64
		}
		t.Fatalf("%s or %s cannot be read", text, built)
	}
	for _, k := range []string{"properties", "traits", "other"} {
		a, _ := json.Marshal(was[k])
		b, _ := json.Marshal(is[k])
		if string(a) != string(b) && !(is[k] == nil && string(a) == "{}") {
			t.Fatalf("%s of %s is %s in %s", k, text, b, built)
		}
	}
}

func TestNothingIsAllocatedOnTheWarmPath(t *testing.T) {
	c := New(testConfig())
	lines := [][]byte{[]byte(trackLine), []byte(`{"type":"identify","userId":"u1","traits":{"email":"Ada@example.org","plan":"pro","address":{"city":"Lyon"},"tags":[ 1 , "\u00e9" ]},"context":{"ip":"2001:db8::1","externalIds":[{"id":"x","type":"crm"}]}}`)}
	run := func() {
		for _, b := range lines {
			c.Line(b, testNow)
			for it := c.Next(); it != nil; it = c.Next() {
				if it.Code != "" {
					t.Fatal(it.Code)
				}
			}
		}
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%.1f allocations, want none", n)
	}
}

func TestAPayloadSaysItsKind(t *testing.T) {
	c := New(testConfig())
	seen := map[uint64]kith.Kind{}
	for k := kith.Identify; k <= kith.Alias; k++ {
		it := one(t, c, `{"type":"`+k.String()+`","event":"e","userId":"u","previousId":"p","groupId":"g"}`)
		if was, twice := seen[it.PayPrint]; twice || it.Kind != k {
			t.Errorf("%s is like %s", k, was)
		}
		seen[it.PayPrint] = k
	}
}

func TestAForgetfulCleanerGivesTheSame(t *testing.T) {
	w, c := newWorld(t), New(testConfig())
	for range 300 {
		text := line(w.call())
		warm, again := one(t, c, text), one(t, c, text)
		c.trie.bytes = maxKeys + 1
		cold := one(t, c, text)
		if c.trie.bytes > maxKeys {
			t.Fatal("nothing was forgotten")
		}
		if !reflect.DeepEqual(warm, again) || !reflect.DeepEqual(warm, cold) {
			t.Fatalf("%s: not the same item", text)
		}
		if c.IDPrint(string(cold.MessageID)) != cold.IDPrint && !cold.NoID {
			t.Fatalf("%s: not the print of its id", text)
		}
	}
}
