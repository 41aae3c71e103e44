package clean

import (
	"encoding/json"
	"testing"

	"github.com/kithdb/kith"
)

// trackLine is a track line of 768 bytes as analytics.js sends it.
const trackLine = `{"type":"track","event":"Order Completed","messageId":"2f1e6c7a-90b4-4d3b-8a52-0c1d9e7f6b34","anonymousId":"8d3c1f0e-5b7a-4c69-9e21-a4b6d8f03c57","userId":"u_4711023","timestamp":"2024-05-06T07:08:09.123Z","sentAt":"2024-05-06T07:08:10.456Z","context":{"library":{"name":"analytics.js","version":"2.1.0"},"page":{"path":"/checkout","url":"https://shop.example.com/checkout","title":"Checkout"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/126.0","ip":"203.0.113.77","locale":"fr-FR","campaign":{"source":"mail","name":"spring"}},"properties":{"order_id":"50314b8e9bcf","total":127.5,"currency":"EUR","tax":12,"coupon":"hasbros-and-a-longer-code-for-the-spring-of-2024-fr","category":"games","quantity":3,"variant":"blue","brand":"Acme","shop":"lyon"}}`

func BenchmarkTrack(b *testing.B) {
	c := New(testConfig())
	line := []byte(trackLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		c.Line(line, testNow)
		if it := c.Next(); it == nil || it.Code != "" || it.Kind != kith.Track {
			b.Fatal(it)
		}
	}
}

// BenchmarkValid is the measure of the machine: the standard library's scanner alone.
func BenchmarkValid(b *testing.B) {
	line := []byte(trackLine)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if !json.Valid(line) {
			b.Fatal()
		}
	}
}
