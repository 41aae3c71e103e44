package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage/history"
)

// A leaf that an identifier of its event is, in the spelling that the fragment's
// record has, is not sealed again; in another spelling it is. Both come back to
// the letter: from the log, from history, and after a recovery.
func TestALeafThatIsAnIdentifierIsSealedOnce(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	lines := `{"type":"track","event":"A","messageId":"m1","context":{"device":{"id":"dev-1234-5678"}},"timestamp":"2026-01-01T00:00:00Z"}
{"type":"track","event":"A","messageId":"m2","userId":"u1","context":{"device":{"id":"dev-1234-5678"}},"timestamp":"2026-01-01T00:00:00Z"}
{"type":"identify","messageId":"m3","userId":"u1","traits":{"email":"Ada@Example.org"},"timestamp":"2026-01-01T00:00:00Z"}
{"type":"identify","messageId":"m4","userId":"u1","traits":{"email":"ada@example.org","first_name":"Ada"},"timestamp":"2026-01-01T00:00:01Z"}
{"type":"identify","messageId":"m5","userId":"u1","traits":{"email":"eve@example.org","first_name":"Eve"},"timestamp":"2026-01-01T00:00:02Z"}
`
	r, err := e.Load(context.Background(), strings.NewReader(lines), nil)
	if err != nil || r.Accepted != 5 {
		t.Fatal(r.Tally, err)
	}
	want := []struct {
		said, sealed bool
		has          string
	}{
		{true, false, `"device":{"id":"dev-1234-5678"}`}, {true, false, `"device":{"id":"dev-1234-5678"}`},
		{false, true, `"email":"Ada@Example.org"`}, {false, true, `"email":"ada@example.org"`}, {true, true, `"email":"eve@example.org"`},
	}
	look := func() {
		t.Helper()
		originals := strings.Split(queried(t, e, "SELECT original FROM events ORDER BY seq"), "\n")
		i := 0
		for row, err := range e.hist.Scan(context.Background(), 0, ^uint64(0)) {
			if err != nil {
				t.Fatal(err)
			}
			if said, sealed := row.Said != nil, row.Sealed != nil; said != want[i].said || sealed != want[i].sealed {
				t.Errorf("event %d: said %v, sealed %v; want %v, %v", i, said, sealed, want[i].said, want[i].sealed)
			}
			if !strings.Contains(originals[i], want[i].has) {
				t.Errorf("original %d = %s, want %s in it", i, originals[i], want[i].has)
			}
			i++
		}
		if i != len(want) {
			t.Errorf("%d rows, want %d", i, len(want))
		}
		if r, err := e.Check(context.Background(), nil); err != nil || len(r.Problems) > 0 {
			t.Error(r.Problems, err)
		}
	}
	look()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir)
	look()
}

func TestReferencesThatLeadNowhereAreCorrupt(t *testing.T) {
	for _, said := range [][]byte{{1}, {0x80}, {1, 1}, {1, 0, 2}} {
		row := history.Row{Said: said}
		if _, err := leaves(nil, &row, func(kith.FragmentID) ([]byte, error) { return nil, nil }); err == nil {
			t.Errorf("% x is taken", said)
		}
	}
}
