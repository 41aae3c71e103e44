package clean

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/kithdb/kith"
)

func TestLeaves(t *testing.T) {
	tests := []struct {
		line          string
		cells, secret map[string]string
	}{
		{`{"type":"track","event":"e","userId":"u1","properties":{"total": 12.50,"a":{"b":{"c":{"d":{"e":1, "f" : [ 2 ]}}}},"tags":[ 1 , "x" ],"none":null,"empty":{ },"x.y":"é"}}`,
			map[string]string{"properties.total": "12.50", "properties.a.b.c.d": `{"e":1,"f":[2]}`, "properties.tags": `[1,"x"]`, "properties.none": "null", "properties.empty": "{}", `properties.x\.y`: `"é"`},
			map[string]string{}},
		{`{"type":"track","event":"e","userId":"u1","name":"n","extra":{"k":true},"writeKey":"w","…more":1}`,
			map[string]string{"name": `"n"`, "extra.k": "true", "writeKey": `"w"`, `\…more`: "1"},
			map[string]string{}},
		{`{"type":"page","userId":"user-1","properties":{"by":"user-1","by2":"\u0075ser-1","n":1,"note":"mail ada@example.org","list":[{"who":"user-1"}],"free":[{"who":"user-2"}],"in":[{"email":1}]}}`,
			map[string]string{"properties.n": "1", "properties.free": `[{"who":"user-2"}]`},
			map[string]string{"properties.by": `"user-1"`, "properties.by2": `"\u0075ser-1"`, "properties.note": `"mail ada@example.org"`, "properties.list": `[{"who":"user-1"}]`, "properties.in": `[{"email":1}]`}},
		{`{"type":"page","userId":"26","properties":{"campaign_id":"26","store":26,"list":["26"],"email":"26"}}`, // a short one may be anything
			map[string]string{"properties.campaign_id": `"26"`, "properties.store": "26", "properties.list": `["26"]`},
			map[string]string{"properties.email": `"26"`}},
		{`{"type":"page","userId":"12345","anonymousId":"234567","properties":{"a":"12345","b":12345,"c":"234567","d":234567}}`,
			map[string]string{"properties.a": `"12345"`, "properties.b": "12345"},
			map[string]string{"properties.c": `"234567"`, "properties.d": "234567"}},
		{`{"type":"page","userId":"u1","properties":{"ada@example.org":1,"bob@example.org":{"x":{"y":2}},"list":[{"c@example.org":[]}]}}`,
			map[string]string{},
			map[string]string{`…moreproperties.ada@example\.org`: "1", `…moreproperties.bob@example\.org`: `{"x":{"y":2}}`, "properties.list": `[{"c@example.org":[]}]`}},
		{`{"type":"page","userId":" u1 ","anonymousId":"null","context":{"ip":"203.0.113.77"}}`,
			map[string]string{"context.ip": `"203.0.113.0"`},
			map[string]string{"userId": `" u1 "`, "anonymousId": `"null"`}},
		{`{"type":"page","userId":5,"context":{"ip":"2001:db8:1:2:3::4"}}`,
			map[string]string{"context.ip": `"2001:db8:1::"`},
			map[string]string{"userId": `5`}},
		{`{"type":"page","userId":"u1","context":{"ip":"::ffff:203.0.113.77"}}`, map[string]string{"context.ip": `"203.0.113.0"`}, map[string]string{}},
		{`{"type":"page","userId":"u1","context":{"ip":"203.0.113"}}`, map[string]string{}, map[string]string{"context.ip": `"203.0.113"`}},
		{`{"type":"page","userId":"u1","context":{"ip":"203.0.113.256"}}`, map[string]string{}, map[string]string{"context.ip": `"203.0.113.256"`}},
		{`{"type":"group","userId":"u1","groupId":"g1","traits":{"email":"info@example.org"}}`, map[string]string{"groupId": `"g1"`}, map[string]string{"traits.email": `"info@example.org"`}},
		{`{"type":"alias","userId":"u1","previousId":"a1"}`, map[string]string{}, map[string]string{"previousId": `"a1"`, "anonymousId": "null"}},
	}
	c := New(testConfig())
	for _, test := range tests {
		it := one(t, c, test.line)
		cells, secret := leavesOf(t, c.cfg.Paths, it.Cells), leavesOf(t, c.cfg.Paths, it.Secret)
		if it.Code != "" || !maps.Equal(cells, test.cells) || !maps.Equal(secret, test.secret) {
			t.Errorf("%s %s\n%v\n%v", test.line, it.Code, cells, secret)
		}
	}
}

func TestKeepIPSealsTheWholeAddress(t *testing.T) {
	cfg := testConfig()
	cfg.KeepIP = true
	it := one(t, New(cfg), `{"type":"page","userId":"u1","context":{"ip":"203.0.113.77"}}`)
	if got := leavesOf(t, cfg.Paths, it.Secret)["context.ip"]; got != `"203.0.113.77"` || len(it.Cells) > 0 {
		t.Errorf("secret ip = %s, cells %v", got, leavesOf(t, cfg.Paths, it.Cells))
	}
}

func TestClaimsComeStrongestFirst(t *testing.T) {
	cfg := testConfig()
	c := New(cfg)
	tests := []struct{ line, want string }{
		{`{"type":"identify","anonymousId":"a","userId":"u","traits":{"phone":33123456789,"email":" A@Example.org"},"context":{"traits":{"email":"a@example.org"},"device":{"id":"d","advertisingId":"ad"},"externalIds":[{"id":"x","type":"crm"},{"id":7,"type":"email"},{"type":"crm"},{"id":"y","type":"cr\u006d"}]}}`,
			"user_id=u email=a@example.org phone=33123456789 crm=x email=7 crm=y device_id=d device_id=ad anonymous_id=a"},
		{`{"type":"track","event":"e","userId":"null","anonymousId":"a"}`, "anonymous_id=a"},
		{`{"type":"alias","userId":"u","previousId":"p","anonymousId":"a"}`, "user_id=u anonymous_id=p! anonymous_id=a"},
		{`{"type":"alias","userId":"u","previousId":"p","anonymousId":"p"}`, "user_id=u anonymous_id=p!"},
		{`{"type":"group","groupId":"g","anonymousId":"a","traits":{"email":"info@example.org"},"context":{"traits":{"email":"a@example.org"}}}`, "email=a@example.org anonymous_id=a"},
	}
	for _, test := range tests {
		it := one(t, c, test.line)
		var got []string
		for _, d := range it.Claims {
			for name, k := range cfg.IDs.(*fakeIDs).names {
				if k == d.Space {
					got = append(got, name+"="+string(d.Norm)+strings.Repeat("!", map[bool]int{true: 1}[d.Previous]))
				}
			}
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.line, got, test.want)
		}
	}
	many := strings.Repeat(`{"id":"%d","type":"crm"},`, 70)
	args := make([]any, 70)
	for k := range args {
		args[k] = k + 1
	}
	it := one(t, c, fmt.Sprintf(`{"type":"page","context":{"externalIds":[`+many+`1]}}`, args...))
	if it.Code != TooManyIDs || it.Path != "$.context.externalIds" {
		t.Errorf("70 identifiers: %q at %q", it.Code, it.Path)
	}
}

// backwards ranks the spaces by their name, the last first.
type backwards struct{ *fakeIDs }

func (f backwards) Stronger(a, b int) bool {
	var names [2]string
	for name, k := range f.names {
		if k == a {
			names[0] = name
		}
		if k == b {
			names[1] = name
		}
	}
	return names[0] > names[1]
}

func TestTheRulesMayRankTheSpaces(t *testing.T) {
	cfg := testConfig()
	cfg.IDs = backwards{cfg.IDs.(*fakeIDs)}
	it := one(t, New(cfg), `{"type":"identify","userId":"u","anonymousId":"a","traits":{"email":"e@x"},"context":{"device":{"id":"d"}}}`)
	var got []string
	for _, d := range it.Claims {
		got = append(got, string(d.Norm))
	}
	if want := []string{"u", "e@x", "d", "a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTraits(t *testing.T) {
	tests := []struct{ line, traits, leaves string }{
		{`{"type":"identify","userId":"user-1","traits":{"plan":"pro","email":"a@example.org","address":{ "city":"Lyon", "geo":{"x": 1}},"tags":[1, 2],"first":{"name":"user-1"},"gone":null}}`,
			`plan="pro" other; email="a@example.org" identifying; address={"city":"Lyon","geo":{"x":1}} descriptive; tags=[1,2] other; first={"name":"user-1"} identifying; gone=null other`,
			`traits.plan="pro" traits.address.city="Lyon" traits.address.geo.x=1 traits.gone=null`},
		{`{"type":"track","event":"e","userId":"u","traits":{"ignored":1},"context":{"traits":{"plan":"pro","address":{"city":"Lyon"}}}}`,
			`plan="pro" other; address={"city":"Lyon"} descriptive`, `traits.plan="pro" traits.address.city="Lyon"`},
		{`{"type":"group","groupId":"g","userId":"u","traits":{"employees":3}}`, ``, ``},
		{`{"type":"identify","userId":"u","context":{"traits":{"plan":"old","age":7}},"traits":{"plan":"pro"}}`, `age=7 descriptive; plan="pro" other`, `traits.age=7 traits.plan="pro"`},
	}
	c := New(testConfig())
	for _, test := range tests {
		for range 2 {
			it := one(t, c, test.line)
			var traits, leaves []string
			for _, d := range it.Traits {
				traits = append(traits, d.Name+"="+string(d.Raw)+" "+d.Class.String())
				if c.cfg.Paths.Path(d.Path) != "traits."+d.Name {
					t.Errorf("path of %s is %s", d.Name, c.cfg.Paths.Path(d.Path))
				}
			}
			for _, d := range it.Leaves {
				leaves = append(leaves, c.cfg.Paths.Path(d.Path)+"="+string(d.Raw))
			}
			if strings.Join(traits, "; ") != test.traits || strings.Join(leaves, " ") != test.leaves {
				t.Errorf("%s %s\n%s\n%s", test.line, it.Code, strings.Join(traits, "; "), strings.Join(leaves, " "))
			}
		}
	}
}

func TestTheDictionaryIsBounded(t *testing.T) {
	cfg := testConfig()
	var all sync.WaitGroup
	for g := range 2 {
		all.Go(func() {
			c := New(cfg)
			for k := 0; k < MaxPaths+1000; k += 100 {
				var b strings.Builder
				b.WriteString(`{"type":"page","userId":"u","properties":{"total":1`)
				for i := range 100 {
					fmt.Fprintf(&b, `,"k%d":%d`, k+i, g)
				}
				if it := one(t, c, b.String()+"}}"); it.Code != "" {
					t.Errorf("%s", it.Code)
				}
			}
		})
	}
	all.Wait()
	if cfg.Paths.Len() != MaxPaths {
		t.Errorf("%d paths, want %d", cfg.Paths.Len(), MaxPaths)
	}
	it := one(t, New(cfg), `{"type":"page","userId":"u","properties":{"total":1,"new":2,"other":[3 ,4],"secret":"x@y"}}`)
	got := leavesOf(t, cfg.Paths, it.Cells)
	maps.Copy(got, leavesOf(t, cfg.Paths, it.Secret))
	if want := map[string]string{"properties.total": "1", "…moreproperties.new": "2", "…moreproperties.other": "[3,4]", "…moreproperties.secret": `"x@y"`}; !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	known := make([]string, cfg.Paths.Len())
	for k := range known {
		known[k] = cfg.Paths.Path(uint32(k))
	}
	p, err := NewPaths(known)
	if err != nil || p.Len() != MaxPaths || p.ID("properties.total") != cfg.Paths.ID("properties.total") || p.ID("not there") != More || p.Path(MaxPaths) != "" {
		t.Errorf("the dictionary does not come back: %v", err)
	}
	for _, bad := range [][]string{{"x"}, {MorePath, "a", "a"}} {
		if _, err := NewPaths(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func TestPathsComeApart(t *testing.T) {
	for _, keys := range [][]string{{"a"}, {"a", "b.c", `d\e`, "", "é"}, {""}, {"", "x"}, {MorePath}, {"a", MorePath}} {
		var path []byte
		for k, key := range keys {
			path = appendKey(path, key, k == 0)
		}
		if got := Keys(string(path)); !reflect.DeepEqual(got, keys) || string(path) == MorePath {
			t.Errorf("%q: %q, want %q", path, got, keys)
		}
	}
}

func TestDamagedCellsAreAnError(t *testing.T) {
	cells := AppendCell(AppendCell(nil, 3, []byte("17")), 70000, []byte(`"x"`))
	for n := range cells {
		count := 0
		err := EachCell(cells[:n], func(uint32, []byte) bool { count++; return true })
		if n != 0 && n != 4 && err == nil || count > 1 {
			t.Errorf("%d bytes: %d cells, %v", n, count, err)
		}
	}
	if _, err := Original(nil, fixed{}, &Parts{Kind: kith.Page, Cells: []byte{1, 9}}); err == nil {
		t.Error("damaged cells make an event")
	}
}

type fixed struct{}

func (fixed) Path(uint32) string { return "a" }
