package clean

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

func TestABadItemOfABatchIsRefusedAlone(t *testing.T) {
	line := `{"batch":[
		{"type":"identify","userId":"u1","traits":{"plan":"pro"}},
		{"type":"track","userId":"u1","event":"Signed Up"},
		{"type":"page","userId":"u1","name":"Home"},
		{"type":"screen","userId":"u1","name":"Start"},
		{"type":"group","userId":"u1","groupId":"g1"},
		{"type":"alias","userId":"u1","previousId":"a1"},
		{"type":"track","userId":"u1","event":"Bad","properties":{"n":NaN}},
		7,
		{"type":"page","anonymousId":"a1"}
	],"sentAt":"2024-05-06T07:08:10Z"}`
	var got []string
	for _, it := range cleaned(New(testConfig()), line) {
		got = append(got, it.Kind.String()+it.Code+it.Path)
		if it.Code == "" && it.Sent != testNow-1_000000 {
			t.Errorf("Sent = %d, want that of the batch", it.Sent)
		}
	}
	want := []string{"identify", "track", "page", "screen", "group", "alias", "bad_number$.properties.n", "not_an_object", "page"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestContextOfABatchIsMergedUnderThatOfAnItem(t *testing.T) {
	const under = `,"context":{"ip":"203.0.113.9","page":{"path":"/b","title":"B"},"tags":[1,2],"os":{"name":"x"}},"integrations":{"All":true}}`
	tests := []struct{ item, same string }{
		{`{"type":"page","userId":"u"}`,
			`{"type":"page","userId":"u","context":{"ip":"203.0.113.9","page":{"path":"/b","title":"B"},"tags":[1,2],"os":{"name":"x"}},"integrations":{"All":true}}`},
		{`{"type":"page","userId":"u","context":null}`,
			`{"type":"page","userId":"u","context":{"ip":"203.0.113.9","page":{"path":"/b","title":"B"},"tags":[1,2],"os":{"name":"x"}},"integrations":{"All":true}}`},
		{`{"type":"page","userId":"u","context":{"page":{"path":"/a","q":null},"tags":[3],"os":null},"integrations":{"All":false,"X":1}}`,
			`{"type":"page","userId":"u","context":{"ip":"203.0.113.9","page":{"path":"/a","title":"B","q":null},"tags":[3],"os":null},"integrations":{"All":false,"X":1}}`},
	}
	c := New(testConfig())
	for _, test := range tests {
		got, want := one(t, c, `{"batch":[`+test.item+`]`+under), one(t, c, test.same)
		if got.Code != "" || got.PayPrint != want.PayPrint {
			t.Errorf("%s: %s, leaves %v, want %v", test.item, got.Code, leavesOf(t, c.cfg.Paths, got.Cells), leavesOf(t, c.cfg.Paths, want.Cells))
		}
		if string(got.Raw) != test.item {
			t.Errorf("Raw = %s, want the item's own bytes", got.Raw)
		}
	}
}

func TestTheLimitIsThatOfAnItem(t *testing.T) {
	item := `{"type":"track","event":"e","userId":"u","a":"` + strings.Repeat("x", 20000) + `"}`
	huge := `{"type":"track","event":"e","userId":"u","a":"` + strings.Repeat("x", 40000) + `"}`
	for _, line := range []string{`{"batch":[` + item + `,` + huge + `,` + item + `]}`, `[` + item + `,` + huge + `,` + item + `]`} {
		items := cleaned(New(testConfig()), line)
		if len(items) != 3 || items[0].Code != "" || items[1].Code != TooLarge || items[2].Code != "" {
			t.Errorf("%d items", len(items))
		}
	}
}

func TestABatchInABatchIsRefused(t *testing.T) {
	items := cleaned(New(testConfig()), `[{"batch":[]},{"type":"page","userId":"u"}]`)
	if len(items) != 2 || items[0].Code != BadField || items[0].Path != "$.batch" || items[1].Kind != kith.Page {
		t.Errorf("got %+v", items)
	}
}
