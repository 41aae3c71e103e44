package identity_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

func TestClassesByName(t *testing.T) {
	const i, d, o = kith.Identifying, kith.Descriptive, kith.Other
	var c identity.Classes
	for path, want := range map[string]kith.Class{
		"traits.email": i, "traits.first_name": i, "traits.lastName": i, "traits.phone": i, "traits.name": i, "traits.id": i,
		"context.traits.name": i, "context.traits.email": i, "traits.address.street": i, "traits.address": i, "traits.avatar": i,
		"traits.username": i, "traits.Home Phone": i, "context.ip": i, "context.device.id": i, "context.device.name": i,
		"context.device.token": i, "context.device.advertisingId": i, "context.externalIds": i, "userId": i, "anonymousId": i,
		"properties.billing_email": i, "properties.customerEmail": i, "properties.shipping_address.name": i,
		"properties.user.login": i, "properties.sender.id": i, "properties.comment": i, "properties.message": i,
		"properties.recipient_first_name": i, "properties.EMAIL": i, "properties.user_id": i, `properties.a\.b.phone`: i,
		"properties.card_number": i, "traits.description": i,
		"traits.country": d, "traits.address.city": d, "traits.gender": d, "traits.birthday": d, "traits.age": d, "traits.company": d,
		"traits.title": d, "traits.company.name": d, "context.location.city": d, "traits.dateOfBirth": d, "traits.address.postalCode": d,
		"traits.address.state": d, "traits.state": d,
		"properties.name": o, "properties.title": o, "context.page.title": o, "context.campaign.name": o, "context.app.name": o,
		"context.library.name": o, "properties.product_name": o, "properties.id": o, "properties.order_id": o, "properties.sku": o,
		"properties.repository.name": o, "properties.has_email": o, "properties.email_opened": o, "properties.iPhone": o,
		"properties.headphone": o, "context.userAgentData.mobile": o, "properties.category": o, "context.page.url": o,
		"properties.hostname": o, "properties.state": o, "properties.file_name": o, "context.os.name": o, "properties.revenue": o,
		"properties.description": o, "": o, ".": o, `\`: o,
	} {
		if got := c.Of(path, []byte(`"x"`)); got != want {
			t.Errorf("Of(%s) = %v, want %v", path, got, want)
		}
	}
}

func TestDeclaredClassesDecide(t *testing.T) {
	declared := map[string]kith.Class{"traits.email": kith.Other, "properties.form": kith.Identifying, "properties.form.plan": kith.Descriptive}
	c := identity.NewClasses(declared)
	clear(declared)
	for path, want := range map[string]kith.Class{
		"traits.email": kith.Other, "properties.form": kith.Identifying, "properties.form.q1.a": kith.Identifying,
		"properties.form.plan": kith.Descriptive, "properties.formal": kith.Other, "traits.phone": kith.Identifying,
	} {
		if got := c.Of(path, []byte(`"x"`)); got != want {
			t.Errorf("Of(%s) = %v, want %v", path, got, want)
		}
	}
	if got := c.Of("traits.email", []byte(`"ada@example.org"`)); got != kith.Other {
		t.Errorf("a declared path was judged by shape: %v", got)
	}
}

var personal = []string{
	"ada@example.org", "Ada.Lovelace+news@mail.example.co.uk", "write to ada@example.org, please", "<ada@example.org>",
	"mailto:ada@example.org?subject=x", "https://x.org/u?email=ada@example.org&x=1", "https://x.org/u?email=ada%40example.org",
	"https://x.org/?next=%2Fu%3Fe%3Dada%2540example.org", "https://ada:pw@host.example.org/", "àda@exämple.org", "ада@пример.рф", "ada@xn--e1afmkfd.xn--p1ai",
	"x@163.com", "ada@example.org.", "@@ada@example.org", "100% ada@example.org",
	"+33612345678", "+33 6 12 34 56 78", "+1 (202) 555-0123", "+49-30-901820", "(+44) 20 7946 0958", "tel:+12025550123", " +33 6 12 34 56 78 ",
	"+1 202 555 0123 ext. 5", "+33.6.12.34.56.78", "+1-202-555-0123x12",
	"4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "6011111111111117", "3530111333300000", "30569309025904",
	"2223003122003222",
	"DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "fr1420041010050500013m02606", "NO9386011117947", "MT84MALT011000012345MTLCAST001S",
}

var ordinary = []string{
	"", "a", "Order Completed", "ORD-2024-000123", "450001234567", "1234567890123456", "4111111111111112", "#10024", "INV/2024/00017",
	"2024-01-31", "2024-01-31T12:34:56Z", "2024-01-31T12:34:56.789+02:00", "31/01/2024", "20240131123456", "1706704496", "1706704496789", "+02:00", "+0530",
	"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "12345678-1234-1234-1234-123456789012", "507f1f77bcf86cd799439011",
	"https://shop.example.org/p/4111?x=1&y=2#z", "https://medium.com/@ada.lovelace/post", "/img/icon@2x.png", "logo@3x.svg", "lodash@4.17.21", "pkg@1.0.0-beta.rc",
	"@handle", "@scope/name", "me @ home", "5 @ 3.50", "ada@localhost", "user@host", "a@b", "50%", "100%40", "x%40y", "%40",
	"19.99", "1,299.00", "+12.50", "-12.50", "+1234567.89", "+10%", "€ 1.299,00", "USD 1299.00", "12 x 34", "+1", "+123456789012345678",
	"10.0.0.1", "1.2.3.4", "v1.22.333", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "fr-FR", "Europe/Paris", "#ff00aa",
	"SKU-12345", "AB12CD34EF56GH78", "DE89370400440532013001", "DE8937040044053201300", "ZZ89370400440532013000", "GB82 WEST",
	"4111 1111  1111 1111", "4111-1111-1111-1111-", "9780306406157", "358240051111110", "00000000000000", "3.14159265358979", "48.8566, 2.3522",
	"Sofa \"Oslo\" 3-seat", "line\none", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "tel:", "tel:+", "+", "(+", "t", "aaaa", "AB12",
}

func TestShape(t *testing.T) {
	check := func(text string, want bool) {
		t.Helper()
		if got := identity.Shape([]byte(text)); got != want {
			t.Errorf("Shape(%s) = %v, want %v", text, got, want)
		}
	}
	for want, values := range map[bool][]string{true: personal, false: ordinary} {
		for _, v := range values {
			quoted, _ := json.Marshal(v) // a string can always be written
			check(string(quoted), want)
			var all strings.Builder
			for _, c := range v {
				if c < 0x10000 {
					fmt.Fprintf(&all, `\u%04x`, c)
				} else {
					all.WriteRune(c)
				}
			}
			check(`"`+all.String()+`"`, want)
			check(fmt.Sprintf(`[{"a":%s,"b":"\"x\\"},12]`, quoted), want)
			check(fmt.Sprintf(`["say \"hi\"",%s]`, quoted), want)
			if !strings.HasPrefix(v, " ") {
				check(string(quoted[:1])+" "+string(quoted[1:]), want)
			}
		}
	}
	for text, want := range map[string]bool{
		"4111111111111111": true, "4111111111111112": false, "1706704496789": false, "true": false, "null": false, "12.5": false,
		"[]": false, "{}": false, `[4,"`: false, "": false, `"`: false, `""`: false, `{"ada@example.org":1}`: true,
	} {
		check(text, want)
	}
}

func TestShapeDoesNotAllocate(t *testing.T) {
	for _, v := range append(personal, ordinary...) {
		text := []byte(`"` + v + `"`)
		if n := testing.AllocsPerRun(20, func() { identity.Shape(text) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func FuzzShape(f *testing.F) {
	for _, v := range append(personal, ordinary...) {
		quoted, _ := json.Marshal(v) // a string can always be written
		f.Add(quoted, "traits."+v)
		f.Add([]byte(v), v)
	}
	f.Fuzz(func(t *testing.T, value []byte, path string) {
		var c identity.Classes
		shaped := identity.Shape(value)
		if class := c.Of(path, value); class < kith.Other || class > kith.Identifying {
			t.Fatalf("class %d", class)
		}
		var s string
		if json.Unmarshal(value, &s) != nil || !json.Valid(value) || value[0] != '"' {
			return
		}
		again, _ := json.Marshal(s) // a string can always be written
		if !strings.ContainsRune(s, '\ufffd') && identity.Shape(again) != shaped {
			t.Fatalf("Shape(%s) = %v, spelled %s it is %v", value, shaped, again, !shaped)
		}
	})
}

func BenchmarkShape(b *testing.B) {
	for _, v := range []string{
		"Order Completed", "paid", "2024-01-31T12:34:56Z", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "ORD-2024-000123",
		"https://shop.example.org/products/sofa-oslo?utm_source=news", "ada@example.org", "+33612345678", "4111111111111111",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
	} {
		text := []byte(`"` + v + `"`)
		b.Run(v[:min(len(v), 16)], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				identity.Shape(text)
			}
		})
	}
}

func BenchmarkPathClass(b *testing.B) {
	c := identity.NewClasses(map[string]kith.Class{"traits.plan": kith.Other})
	for b.Loop() {
		c.PathClass("properties.shipping_address.city")
	}
}
