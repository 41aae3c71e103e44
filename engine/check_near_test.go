package engine

import (
	"bytes"
	"context"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// flaggedWorld opens a platform with a small world in it, some of whose events
// are flagged.
func flaggedWorld(t *testing.T, dir string) *Engine {
	t.Helper()
	rules := identity.Default()
	rules.Anomalies = []identity.Anomaly{{Kind: "bot"}, {Kind: "impossible", Before: "2020-01-01"}, {Kind: "near_duplicate", Within: 2}}
	e, err := Open(dir, &Options{NoSocket: true, Memory: 256 << 20, Rules: &rules})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() }) // of one that was closed: nothing
	var text bytes.Buffer
	for line := range (world.World{People: 300, Events: 4000, Seed: 5}).Odd() {
		text.Write(append(bytes.Clone(line), '\n'))
	}
	r, err := e.Load(context.Background(), &text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Flagged; f.Bot == 0 || f.Impossible == 0 || f.NearDuplicate == 0 || f.Events > f.Bot+f.Impossible+f.NearDuplicate {
		t.Fatalf("flagged: %+v", f)
	}
	return e
}

func TestCheckProvesFlags(t *testing.T) {
	dir := t.TempDir()
	e := flaggedWorld(t, dir)
	for range 2 { // from the log, and from a checkpoint
		if r := healthy(t, e); r.Checked["flagged"] == 0 || r.Checked["near-duplicates"] == 0 {
			t.Errorf("flags were not checked: %v", r.Checked)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e = open(t, dir)
	}
}

func TestCheckNamesDamagedFlags(t *testing.T) {
	for _, f := range []struct {
		name string
		do   func(t *testing.T, e *Engine)
		want []string
	}{
		{"a flagged event that is counted", func(t *testing.T, e *Engine) {
			f, ok, err := e.tokens.Find(e.secret.Token("anonymous_id", []byte("crawler-7")))
			if err != nil || !ok {
				t.Fatal("there is no crawler-7", err)
			}
			damage(t, e, func() error { e.people.Count.SetU32(uint32(f), 1); return nil })
		}, []string{"count", "profile", "first", "last", "head"}},
		{"a tally", func(t *testing.T, e *Engine) {
			tamper(t, e, func(*storage.Tx) error {
				n := e.line.head.Tallies["load"]
				n.Flagged.Bot++
				e.line.head.Tallies["load"] = n
				return nil
			})
		}, []string{"tally"}},
		{"the rules by which it was decided", func(t *testing.T, e *Engine) {
			tamper(t, e, func(tx *storage.Tx) error {
				rec, err := tx.Rules(1)
				if err != nil {
					return err
				}
				rec.Text = bytes.Replace(rec.Text, []byte(`"within": 2`), []byte(`"within": 1`), 1)
				return tx.PutRules(rec)
			})
		}, []string{"near-duplicate", "prefix v", "store", "records"}},
		{"the index", func(t *testing.T, e *Engine) { replaced(t, e, []byte("a"), 1) }, []string{"near-duplicate", "near-duplicates"}},
	} {
		t.Run(f.name, func(t *testing.T) {
			dir := t.TempDir()
			e := flaggedWorld(t, dir)
			if err := e.Close(); err != nil { // only a checkpoint has an index on disk
				t.Fatal(err)
			}
			e = open(t, dir)
			f.do(t, e)
			named(t, e, f.want...)
		})
	}
}

// What clients of the socket get is what the engine gives.
func TestFlaggedOverTheSocket(t *testing.T) {
	e, c := dialled(t)
	rules := e.Rules()
	rules.Anomalies = []identity.Anomaly{{Kind: "bot"}}
	if err := c.SetRules(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
	line := `{"type":"track","event":"Fetch","messageId":"f1","anonymousId":"crawler-1","timestamp":"2026-01-01T00:00:00Z","context":{"userAgent":"curl/8.5.0"}}`
	r, err := c.Load(t.Context(), bytes.NewReader([]byte(line)), nil)
	if err != nil || r.Flagged.Bot != 1 {
		t.Fatalf("%v, flagged %+v", err, r.Flagged)
	}
	got, err := c.Flagged(t.Context(), kith.Identifier{Space: "anonymous_id", Value: "crawler-1"}, 5)
	if err != nil || len(got) != 1 || got[0].Flags != kith.Bot || got[0].Name != "Fetch" {
		t.Errorf("%v, %+v", err, got)
	}
}
