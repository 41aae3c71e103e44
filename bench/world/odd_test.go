package world

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The lines between the world's own do not change those, are the same each
// time, and are whole: each is JSON with a message id of its own.
func TestOdd(t *testing.T) {
	w := World{People: 100, Events: 20_000, Seed: 7}
	var own, first, second bytes.Buffer
	for line := range w.Lines() {
		own.Write(line)
	}
	kinds := map[string]int{}
	ids := map[string]bool{}
	var plain bytes.Buffer
	for line, label := range w.Odd() {
		first.Write(line)
		if label == "" {
			plain.Write(line)
			continue
		}
		kinds[label]++
		var ev struct{ MessageID string }
		if err := json.Unmarshal(line, &ev); err != nil || ids[ev.MessageID] || ev.MessageID == "" {
			t.Fatalf("%s: %v, id %q", label, err, ev.MessageID)
		}
		ids[ev.MessageID] = true
	}
	for line := range w.Odd() {
		second.Write(line)
	}
	if !bytes.Equal(plain.Bytes(), own.Bytes()) {
		t.Error("the world's own lines are others")
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the second time gives other lines")
	}
	for _, k := range []string{"bot", "test", "outlier", "impossible", "near_duplicate"} {
		if kinds[k] == 0 {
			t.Errorf("no line is %s", k)
		}
	}
}
