package engine

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

const cards = `kith: 1
source: till
format: csv
time: {column: at}
person: {user_id: customer, email: mail, external: {card: card}}
rows:
  - track: Seen
`

// cardRows gives rows that each name some of a customer, a mail and a card.
func cardRows(rows ...string) string {
	var b strings.Builder
	b.WriteString("at,customer,mail,card\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "2024-05-06T07:00:00Z,%s\n", row)
	}
	return b.String()
}

// What is foretold over the socket is what is foretold alone, and then comes.
func TestForetellOverTheSocket(t *testing.T) {
	e, c := connected(t)
	o := &LoadOptions{Name: "cards.csv", Mapping: []byte(cards)}
	if _, err := c.LoadRows(t.Context(), rowsBy(t, cards, strings.NewReader(cardRows("u1,ada@example.org,", "u2,,k2", "u3,,k3", ",cleo@example.org,k4"))), o); err != nil {
		t.Fatal(err)
	}
	text := cardRows("u1,,k2", ",cleo@example.org,", "u9,ivy@example.org,k9", "u9,,k3", "u1,ada@example.org,k4", ",,", "u5,,")
	in := func() Rows { return rowsBy(t, cards, strings.NewReader(text)) }
	alone, err1 := e.Foretell(t.Context(), in(), o)
	over, err2 := c.Foretell(t.Context(), in(), o)
	if err := errors.Join(err1, err2); err != nil || !reflect.DeepEqual(alone, over) {
		t.Fatalf("alone %+v, and over the socket %+v, %v", alone, over, err)
	}
	if alone.Merged != 1 || len(alone.Merges) != 1 || alone.Merges[0].Line != 6 || alone.Rows != 7 || alone.Identifiers != 4 {
		t.Errorf("foretold %+v, want that the row of line 6 makes one of two", alone)
	}
	if _, err := c.Foretell(t.Context(), rowsBy(t, cards, breaking(text, len(text)/2)), o); !errors.Is(err, errStop) {
		t.Errorf("a broken input = %v, want %v", err, errStop)
	}
	before := queried(t, e, "SELECT public_id FROM profiles ORDER BY ALL")
	r, err := c.LoadRows(t.Context(), in(), o)
	if err != nil || r.Tally != over.Tally || r.Rejected != 1 {
		t.Errorf("the load = %+v, %v, want %+v", r, err, over.Tally)
	}
	for _, m := range over.Merges {
		a, err1 := e.Profile(t.Context(), kith.Identifier{Space: "id", Value: m.A})
		b, err2 := e.Profile(t.Context(), kith.Identifier{Space: "id", Value: m.B})
		if err1 != nil || err2 != nil || a.ID != b.ID || !strings.Contains(before, m.A) || !strings.Contains(before, m.B) {
			t.Errorf("%+v: %v and %v, %v, %v", m, a, b, err1, err2)
		}
	}
	proven(t, e)
}

// Others load, ask and are told what would come at the same time.
func TestForetellWhileOthersLoad(t *testing.T) {
	e, c := connected(t)
	e.lim.replay = 4000 // checkpoints are written in between
	text, want, _ := csv(30_000)
	o := &LoadOptions{Name: "orders.csv", Mapping: []byte(orders)}
	done := make(chan error, 1)
	go func() {
		r, err := c.LoadRows(t.Context(), rowsOf(t, strings.NewReader(text)), o)
		if err == nil && r.Tally != want {
			err = fmt.Errorf("the load = %+v, want %+v", r.Tally, want)
		}
		done <- err
	}()
	for running := true; running; {
		f, err := e.Foretell(t.Context(), rowsOf(t, strings.NewReader(text)), o)
		if err != nil || f.Received != want.Received || f.Accepted+f.Duplicate != want.Accepted || f.People < f.Known {
			t.Fatalf("Foretell = %+v, %v", f, err)
		}
		queried(t, e, "SELECT count(*) FROM profiles")
		select {
		case err := <-done:
			if running = false; err != nil {
				t.Error(err)
			}
		default:
		}
	}
	f, err := c.Foretell(t.Context(), rowsOf(t, strings.NewReader(text)), o)
	if err != nil || f.Accepted != 0 || f.Duplicate != want.Accepted || f.Identifiers != 0 || len(f.Decisions) != 0 {
		t.Errorf("once more: %+v, %v, want duplicates alone", f, err)
	}
	proven(t, e)
}
