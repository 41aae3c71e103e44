package identity_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kithdb/kith/identity"
)

func normal(m *identity.Matcher, space, value string) string {
	norm, ok := m.Normalise(m.Space(space), []byte(value), nil)
	if !ok {
		return "-"
	}
	return string(norm)
}

func TestNormalise(t *testing.T) {
	r := identity.Default()
	r.Country = "FR"
	r.Spaces[3].Form = "lower"
	r.Spaces[4].Form = ""
	m := compile(t, r)
	for _, c := range []struct{ space, value, want string }{
		{"user_id", "AbC 1", "AbC 1"},
		{"user_id", " \t97\u200b\ufeff", "97"},
		{"user_id", "\xff", "-"},
		{"user_id", strings.Repeat("x", 1025), "-"},
		{"user_id", "\x00", "-"},
		{"device_id", "AB-é-Ǆ", "ab-é-dž"},
		{"anonymous_id", " a ", " a "},
		{"seen", " X ", "X"},
		{"email", "Ada@Example.ORG", "ada@example.org"},
		{"email", " ada@example.org\n", "ada@example.org"},
		{"email", "ÀDA@Straße.example", "àda@strasse.example"},
		{"email", "A\u0300da@x.org", "àda@x.org"},
		{"email", "ａｄａ＠ｘ．org", "ada@x.org"},
		{"email", "ada", "-"}, {"email", "@x.org", "-"}, {"email", "ada@", "-"}, {"email", "ada b@x.org", "-"},
		{"email", "n/a", "-"},
		{"phone", "06 12 34 56 78", "+33612345678"},
		{"phone", "+33 (0)6 12 34 56 78", "+33612345678"},
		{"phone", "0033612345678", "+33612345678"},
		{"phone", "+1 (202) 555-0123", "+12025550123"},
		{"phone", "+1 202 555 0123 ext. 45", "+12025550123;ext=45"},
		{"phone", "+12025550123;ext=45", "+12025550123;ext=45"},
		{"phone", "12", "-"}, {"phone", "no phone", "-"}, {"phone", "0000000000", "-"},
		{"phone", strings.Repeat("1", 65), "-"},
		{"", "x", "-"},
	} {
		if got := normal(m, c.space, c.value); got != c.want {
			t.Errorf("Normalise(%s, %q) = %q, want %q", c.space, c.value, got, c.want)
		}
	}
	none := compile(t, identity.Default())
	if got := normal(none, "phone", "06 12 34 56 78"); got != "-" {
		t.Errorf("without a country: %q", got)
	}
	if got := normal(none, "phone", "+33612345678"); got != "+33612345678" {
		t.Errorf("without a country: %q", got)
	}
}

// What is written for one number anywhere in the world is its own normal form.
func TestPhonesAreTheirOwnNormalForm(t *testing.T) {
	r := seed(t)
	n := 0
	for _, country := range []string{"", "FR", "US", "IT", "AR", "MX", "BR", "CI", "KZ", "AU", "HU", "CX"} {
		rules := identity.Default()
		rules.Country = country
		m := compile(t, rules)
		for range 1500 {
			v := []string{"", "+", "+", "00", "0", "(0)"}[r.IntN(6)]
			for range 6 + r.IntN(9) {
				v += string("0123456789 -/"[r.IntN(13)])
			}
			v += []string{"", "", "", "x12", " ext. 0", ";ext=7", "#9"}[r.IntN(7)]
			norm := normal(m, "phone", v)
			if norm == "-" {
				continue
			}
			n++
			if again := normal(m, "phone", norm); again != norm {
				t.Errorf("%s: %q gives %q, which gives %q", country, v, norm, again)
			}
		}
	}
	t.Logf("%d numbers", n)
}

func TestBlockedValues(t *testing.T) {
	m := compile(t, identity.Default())
	words := []string{
		"", " ", "0", "000", "-", "0-0", "00000000-0000-0000-0000-000000000000", "-1", "null", "nil", "none", "undefined",
		"nan", "true", "false", "anonymous", "guest", "id", "distinctid", "distinct_id", "not_authenticated", "email",
		"[object object]", `""`, `''`, `"`, "'", "\u200b", "\tnull ", "ＮＵＬＬ",
	}
	for _, space := range []string{"user_id", "email", "phone", "device_id", "anonymous_id", "seen"} {
		for _, w := range words {
			for _, v := range []string{w, strings.ToUpper(w), strings.ToTitle(w), strings.ToLower(w), " " + w + " "} {
				if got := normal(m, space, v); got != "-" {
					t.Errorf("Normalise(%s, %q) = %q", space, v, got)
				}
			}
		}
	}
	for _, v := range []string{"1", "-2", "nulls", "0a", "ids", "true1", "guest@x.org"} {
		if got := normal(m, "user_id", v); got != v {
			t.Errorf("Normalise(user_id, %q) = %q", v, got)
		}
	}
	m = compile(t, rich())
	for space, values := range map[string][]string{
		"email":        {"info@shop.example", "INFO@Shop.example "},
		"anonymous_id": {"test-12", " test-9", `"x`},
	} {
		for _, v := range values {
			if got := normal(m, space, v); got != "-" {
				t.Errorf("Normalise(%s, %q) = %q", space, v, got)
			}
		}
	}
	if normal(m, "anonymous_id", "test-x") == "-" || normal(m, "user_id", "test-12") == "-" {
		t.Error("a pattern blocks too much")
	}
}

func TestNormaliseDoesNotAllocate(t *testing.T) {
	m := compile(t, identity.Default())
	dst := make([]byte, 0, 128)
	for space, v := range map[string]string{
		"user_id": "user-123456", "anonymous_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "email": "Ada@Example.org", "device_id": "d1",
	} {
		i, value := m.Space(space), []byte(v)
		if n := testing.AllocsPerRun(100, func() { m.Normalise(i, value, dst) }); n != 0 {
			t.Errorf("%s: %v allocations", space, n)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	r := identity.Default()
	r.Country = "FR"
	r.Spaces[3].Form = "lower"
	m := compile(f, r)
	for _, v := range []string{"Ada@Example.org", "+33 (0)6 12 34 56 78", "ÀẞΣς@x", "0", " null ", "1 ext 5", "\u1e9e\u0345"} {
		for s := range 5 {
			f.Add(s, []byte(v))
		}
	}
	f.Fuzz(func(t *testing.T, space int, value []byte) {
		norm, ok := m.Normalise(space, value, nil)
		if !ok {
			return
		}
		if len(norm) == 0 || !utf8.Valid(norm) {
			t.Fatalf("norm = %q", norm)
		}
		again, ok := m.Normalise(space, norm, nil)
		if !ok || !bytes.Equal(again, norm) {
			t.Fatalf("space %d: %q gives %q, which gives %q, %v", space, value, norm, again, ok)
		}
	})
}

func BenchmarkNormalise(b *testing.B) {
	r := identity.Default()
	r.Country = "FR"
	m := compile(b, r)
	dst := make([]byte, 0, 128)
	for _, c := range []struct{ name, space, value string }{
		{"user_id", "user_id", "user-123456"},
		{"uuid", "anonymous_id", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
		{"email", "email", "ada.lovelace@example.org"},
		{"email-unicode", "email", "àda@straße.example"},
		{"phone", "phone", "06 12 34 56 78"},
	} {
		i, v := m.Space(c.space), []byte(c.value)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Normalise(i, v, dst)
			}
		})
	}
}
