package clean

import (
	"strings"
	"testing"
)

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

const call = `"type":"track","event":"e","userId":"u1"`

var verdicts = []struct{ line, code, path string }{
	{`{` + call + `}`, "", ""},
	{"\xEF\xBB\xBF {" + call + "} \r", "", ""},
	{`{"type":"identify","anonymousId":"a1"}`, "", ""},
	{`{"type":"identify","userId":17}`, "", ""},
	{`{"type":"identify","traits":{"email":"ada@example.org"}}`, "", ""},
	{`{"type":"page","context":{"device":{"id":"d1"}}}`, "", ""},
	{`{"type":"page","context":{"externalIds":[{"id":"x","type":"crm"}]}}`, "", ""},
	{`{` + call + `,"properties":{"n":12345678901234567890123}}`, "", ""},
	{`{` + call + `,"properties":{"d":` + deep(198) + `}}`, "", ""},
	{`{` + call + `,"properties":{"s":"\ud83d\ude00 \u0000 é"}}`, "", ""},
	{`{` + call + `,"properties":null,"context":null,"traits":null}`, "", ""},

	{`hello`, BadJSON, ""},
	{`{`, BadJSON, ""},
	{`{` + call, BadJSON, ""},
	{`{` + call + `,}`, BadJSON, ""},
	{`{` + call + `} x`, BadJSON, ""},
	{`{` + call + `,"a" 1}`, BadJSON, ""},
	{`{` + call + `,"a":tru}`, BadJSON, "$.a"},
	{`{` + call + `,"a":"` + "\n" + `"}`, BadJSON, "$.a"},
	{`{` + call + `,"a":"\x"}`, BadJSON, "$.a"},
	{`{` + call + `,"a":[1,2,{"b":,}]}`, BadJSON, "$.a[2].b"},
	{`{` + call + `,"a":"` + "\xff" + `"}`, BadUTF8, "$.a"},
	{`{` + call + `,"a":"\ud83d"}`, BadUTF8, "$.a"},
	{`{` + call + `,"a":"\ude00\ud83d"}`, BadUTF8, "$.a"},
	{`{` + call + `,"properties":{"n":NaN}}`, BadNumber, "$.properties.n"},
	{`{` + call + `,"properties":{"n":-Infinity}}`, BadNumber, "$.properties.n"},
	{`{` + call + `,"properties":{"n":[1,-]}}`, BadNumber, "$.properties.n[1]"},
	{`{` + call + `,"properties":{"n":01}}`, BadNumber, "$.properties.n"},
	{`{` + call + `,"properties":{"n":1.}}`, BadNumber, "$.properties.n"},
	{`{` + call + `,"properties":{"n":.5}}`, BadNumber, "$.properties.n"},
	{`{` + call + `,"properties":{"n":+1}}`, BadNumber, "$.properties.n"},
	{`{` + call + `,"properties":{"n":1e}}`, BadNumber, "$.properties.n"},
	{`{` + call + `,"a":"` + strings.Repeat("x", 33000) + `"}`, TooLarge, ""},
	{`{` + call + `,"d":` + deep(200) + `}`, TooDeep, "$.d" + strings.Repeat("[0]", 15) + "…"},
	{`{` + call + `,"a":{"x\u0000y":1}}`, NulInKey, "$.a"},
	{`{` + call + `,"a":{"x":1,"y":2,"x":3}}`, DuplicateKey, "$.a.x"},
	{`{` + call + `,"a":[{"x":1,"\u0078":3}]}`, DuplicateKey, "$.a[0].x"},
	{`{` + call + `,"userId":"u2"}`, DuplicateKey, "$.userId"},
	{`{` + call + `,"a":{"ada@example.org":nil}}`, BadJSON, "$.a.…"},
	{`{` + call + `,"a":{"x y":nil}}`, BadJSON, `$.a["x y"]`},

	{`17`, NotAnObject, ""},
	{`"x"`, NotAnObject, ""},
	{`null`, NotAnObject, ""},
	{`NaN`, BadNumber, ""},
	{`{}`, MissingType, "$.type"},
	{`{"type":null}`, MissingType, "$.type"},
	{`{"type":5}`, BadField, "$.type"},
	{`{"type":"Track"}`, UnknownType, "$.type"},
	{`{"type":"track","userId":"u"}`, MissingEvent, "$.event"},
	{`{"type":"track","userId":"u","event":""}`, MissingEvent, "$.event"},
	{`{"type":"track","userId":"u","event":7}`, BadField, "$.event"},
	{`{"type":"group","userId":"u"}`, MissingGroup, "$.groupId"},
	{`{"type":"group","userId":"u","groupId":""}`, MissingGroup, "$.groupId"},
	{`{"type":"group","groupId":"g","traits":{"email":"info@example.org"}}`, NoIdentity, ""},
	{`{"type":"alias","userId":"u"}`, MissingPrevious, "$.previousId"},
	{`{"type":"alias","previousId":"a"}`, NoIdentity, "$.userId"},
	{`{"type":"alias","previousId":"null","userId":"u"}`, BlockedID, "$.previousId"},
	{`{"type":"alias","previousId":"a","userId":"null"}`, BlockedID, "$.userId"},
	{`{"type":"identify"}`, NoIdentity, ""},
	{`{"type":"identify","userId":null,"anonymousId":""}`, NoIdentity, ""},
	{`{"type":"identify","userId":"null"}`, BlockedID, "$.userId"},
	{`{"type":"identify","traits":{"email":"undefined"}}`, BlockedID, "$.traits.email"},
	{`{"type":"identify","userId":1.5}`, BadID, "$.userId"},
	{`{"type":"identify","userId":{"a":1}}`, BadID, "$.userId"},
	{`{"type":"identify","anonymousId":true}`, BadID, "$.anonymousId"},
	{`{` + call + `,"messageId":{}}`, BadField, "$.messageId"},
	{`{` + call + `,"traits":"x"}`, BadField, "$.traits"},
	{`{` + call + `,"properties":[1]}`, BadField, "$.properties"},
	{`{` + call + `,"context":5}`, BadField, "$.context"},
	{`{` + call + `,"timestamp":"2024-05-06T07:08:09"}`, BadTimestamp, "$.timestamp"},
	{`{` + call + `,"sentAt":"yesterday"}`, BadTimestamp, "$.sentAt"},
	{`{` + call + `,"originalTimestamp":true}`, BadTimestamp, "$.originalTimestamp"},
	{`{"batch":5}`, BadField, "$.batch"},
	{`{"batch":[{]}`, BadJSON, "$.batch"},
	{`{"batch":[{}],"context":7}`, BadField, "$.context"},
	{`{"batch":[{}],"sentAt":"x"}`, BadTimestamp, "$.sentAt"},
	{`{"context":{"a":NaN},"batch":[{}]}`, BadNumber, "$.context.a"},
	{`{"type":"track","batch":[{"a":1} {"b":2}]}`, BadJSON, "$.batch"},
}

func TestVerdicts(t *testing.T) {
	c := New(testConfig())
	for _, test := range verdicts {
		for range 2 { // the second time all keys are expected
			it := one(t, c, test.line)
			if it.Code != test.code || it.Path != test.path {
				t.Errorf("%.80s: %q at %q, want %q at %q", test.line, it.Code, it.Path, test.code, test.path)
			}
		}
	}
}

func TestBlankLinesAndEmptyBatchesHaveNoItems(t *testing.T) {
	c := New(testConfig())
	for _, line := range []string{"", " \t\r\n", "\xEF\xBB\xBF", `{"batch":[]}`, `[]`, `{"sentAt":null,"batch":[ ]}`} {
		if got := len(cleaned(c, line)); got != 0 {
			t.Errorf("%q: %d items, want 0", line, got)
		}
	}
}

func TestOffsetIsThatOfTheLine(t *testing.T) {
	c := New(testConfig())
	for _, line := range []string{`{"a":?}`, ` {"a":?}`, "\xEF\xBB\xBF{\"a\":?}", `[{"a":?}]`, `{"batch":[{"type":"x"},{"a":?}]}`} {
		items := cleaned(c, line)
		it := items[len(items)-1]
		if want := strings.IndexByte(line, '?'); it.Code != BadJSON || it.At != want {
			t.Errorf("%s: %s at %d, want bad_json at %d", line, it.Code, it.At, want)
		}
	}
}
