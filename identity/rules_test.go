package identity_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

func rich() identity.Rules {
	r := identity.Default()
	r.Version, r.Country = 7, "FR"
	r.Spaces[1].Blocked = []string{"Info@shop.example", "<none>"}
	r.Spaces[4].BlockedRE = []string{`^test-\d+$`, `^"`}
	r.Spaces[4].Per = "week"
	r.Spaces = slices.Insert(r.Spaces, 3, identity.Space{Name: "loyalty card é", Limit: 2})
	return r
}

func TestFormatParse(t *testing.T) {
	for _, r := range []identity.Rules{identity.Default(), rich()} {
		text := r.Format()
		got, err := identity.Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !reflect.DeepEqual(got, r) || !bytes.Equal(got.Format(), text) {
			t.Errorf("got %+v, want %+v", got, r)
		}
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%s", rich().Format())
}

func TestParseNamesTheLine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an unknown key", "{\n \"spaces\": [\n  {\"name\": \"a\",\n   \"limt\": 3}]}", `line 4: invalid: unknown key "limt"`},
		{"an unknown key above", "{\n\n \"spcaes\": []}", `line 3: invalid: unknown key "spcaes"`},
		{"a key twice", "{\"version\":1,\n\"version\":2}", `line 2: invalid: key "version" stands there twice`},
		{"a word that is none", "{\"spaces\":[\n{\"name\":\"a\",\"limit\":1,\n\"per\":\"fortnight\"}]}", "line 3: invalid: per is none of [day week month year]"},
		{"a string for a number", "{\"spaces\":[{\"name\":\"a\",\n\"limit\":\"5\"}]}", "line 2: invalid: limit is not a whole number"},
		{"a fraction", "{\"spaces\":[{\"name\":\"a\",\"limit\":1.5}]}", "line 1: invalid: limit is not a whole number"},
		{"a negative limit", "{\"spaces\":[{\"name\":\"a\",\"limit\":-1}]}", "line 1: invalid: limit is not"},
		{"a number for a fact", "{\"spaces\":[{\"name\":\"a\",\n\n\"weak\":1}]}", "line 3: invalid: weak is not true or false"},
		{"unique with a limit", "{\"spaces\":[\n{\"name\":\"a\",\n\"unique\":true,\"limit\":3}]}", `line 2: invalid: space "a": unique means a limit of 1`},
		{"unique and weak", "{\"spaces\":[{\"name\":\"a\",\"unique\":true,\"weak\":true}]}", "a weak space cannot be unique"},
		{"a window without a limit", "{\"spaces\":[{\"name\":\"a\",\"per\":\"day\"}]}", "per needs a limit"},
		{"a name twice", "{\"spaces\":[{\"name\":\"a\"},\n{\"name\":\"b\"},\n  {\"name\":\"a\"}]}", `line 3: invalid: space "a": the name stands there twice`},
		{"no name", "{\"spaces\":[{}]}", "name is not 1 to 64 bytes"},
		{"weak before strong", "{\"spaces\":[{\"name\":\"a\",\"weak\":true},\n{\"name\":\"b\"}]}", "line 2: invalid: space \"b\": weak spaces come after"},
		{"a bad pattern", "{\"spaces\":[\n{\"name\":\"a\",\"blocked_re\":[\"x\",\"ada(\"]}]}", "line 2: invalid: space \"a\": blocked_re 2: missing closing )"},
		{"a country that is none", "{\n\"country\":\"fr\",\"spaces\":[{\"name\":\"a\"}]}", "line 2: invalid: country is not two capital letters"},
		{"no spaces", "{}", "no spaces"},
		{"not an object", "[]", "line 1: invalid: the rules: not an object"},
		{"not JSON", "{\n\"version\": 1,\n oops}", "line 3: invalid: not JSON"},
		{"an early end", "{\n\"version\": 1,\n", "line 3: invalid: the text ends too early"},
		{"nothing", "", "line 1: invalid: the text ends too early"},
		{"more text", "{\"spaces\":[{\"name\":\"a\"}]}\n{}", "more text after the rules"},
	} {
		_, err := identity.Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, kith.ErrInvalid) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "ada") {
			t.Errorf("%s: the error shows a blocked value", c.name)
		}
	}
}

func TestDiff(t *testing.T) {
	if d := identity.Diff(rich(), rich()); d != nil {
		t.Errorf("Diff of equals = %q", d)
	}
	b := rich()
	b.Version, b.Country = 8, ""
	b.Blocked = append(b.Blocked[1:], "ada")
	b.Spaces[1].Limit = 3
	b.Spaces[1].Blocked = append(b.Spaces[1].Blocked, "ada@x.org")
	b.Spaces[4], b.Spaces[5] = b.Spaces[5], b.Spaces[4]
	b.Spaces[3].Name = "card"
	want := []string{
		`country: "FR" → ""`, "blocked: 1 put in, 1 taken out", "space loyalty card é: taken out",
		"space email: limit 5 → 3", "space email: blocked 1 put in, 0 taken out", "space card: put in",
		"order: [user_id email phone device_id anonymous_id] → [user_id email phone anonymous_id device_id]",
	}
	if got := identity.Diff(rich(), b); !slices.Equal(got, want) {
		t.Errorf("Diff = %q\nwant %q", got, want)
	}
}

func TestSpaces(t *testing.T) {
	m := compile(t, identity.Default())
	for i, name := range []string{"user_id", "email", "phone", "device_id", "anonymous_id"} {
		if got := m.Space(name); got != i || m.Name(i) != name {
			t.Errorf("Space(%s) = %d, want %d", name, got, i)
		}
	}
	z, a := m.Space("zeta"), m.Space("alpha")
	order := []int{0, 1, 2, a, z, 3, 4}
	for i := range order {
		for j := range order {
			if got := m.Stronger(order[i], order[j]); got != (i < j) {
				t.Errorf("Stronger(%s, %s) = %v", m.Name(order[i]), m.Name(order[j]), got)
			}
		}
	}
	if !m.Weak(3) || !m.Weak(4) || m.Weak(a) || m.Weak(0) {
		t.Error("Weak is wrong")
	}
	for _, bad := range []string{"", " x", "a\x00b", "a\nb", "\xff", strings.Repeat("x", 65)} {
		if got := m.Space(bad); got != -1 {
			t.Errorf("Space(%q) = %d, want -1", bad, got)
		}
	}
	// other rules, the indexes stay
	r := identity.Default()
	r.Spaces = append([]identity.Space{{Name: "crm", Unique: true}, {Name: "zeta", Limit: 2}}, r.Spaces...)
	next, err := r.Compile(m.Names()...)
	if err != nil {
		t.Fatal(err)
	}
	if next.Space("zeta") != z || next.Space("alpha") != a || next.Space("anonymous_id") != 4 || next.Space("crm") != 7 {
		t.Errorf("Names = %q", next.Names())
	}
	if !next.Stronger(next.Space("crm"), 0) || !next.Stronger(z, 0) || next.Stronger(a, 0) {
		t.Error("the order is not that of the rules")
	}
}

func TestSpacesHaveAnEnd(t *testing.T) {
	m := compile(t, identity.Default())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				m.Space(fmt.Sprint("s", (i+w*17)%100))
			}
		})
	}
	wg.Wait()
	names := m.Names()
	if len(names) >= identity.MaxSpaces {
		t.Errorf("%d spaces", len(names))
	}
	for i, n := range names {
		if m.Space(n) != i {
			t.Errorf("Space(%s) = %d, want %d", n, m.Space(n), i)
		}
	}
}

func compile(t testing.TB, r identity.Rules) *identity.Matcher {
	t.Helper()
	m, err := r.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func FuzzParse(f *testing.F) {
	f.Add(identity.Default().Format())
	f.Add(rich().Format())
	f.Add([]byte(`{"spaces":[{"name":"a","limit":1e3}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := identity.Parse(text)
		if err != nil {
			if !errors.Is(err, kith.ErrInvalid) || !strings.Contains(err.Error(), "rules line ") {
				t.Fatalf("error %v", err)
			}
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("parsed, and not valid: %v", err)
		}
		again, err := identity.Parse(r.Format())
		if err != nil || identity.Diff(r, again) != nil {
			t.Fatalf("Parse(Format) = %v, %v", err, identity.Diff(r, again))
		}
		if _, err := r.Compile(); err != nil {
			t.Fatal(err)
		}
	})
}
