package identity

import (
	"os"
	"strings"
	"testing"
)

// The rules that docs/anomalies.md shows can be set as they stand there.
func TestDocumentedAnomalies(t *testing.T) {
	page, err := os.ReadFile("../docs/anomalies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```json\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("the page shows no rules")
	}
	r, err := Parse([]byte(`{"spaces": [{"name": "user_id"}],` + text + `}`))
	if err != nil || len(r.Anomalies) != 8 {
		t.Errorf("%d rules, %v", len(r.Anomalies), err)
	}
}
