package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/source"
)

const orders = `kith: 1
source: shop
format: csv
time: {column: at}
person:
  user_id: customer
except: kind = 'test'
rows:
  - when: kind = 'order'
    track: Order Completed
    properties: {total: number(total)}
`

// csv writes n rows: every tenth is a test, every 25th of the others has no number, and rows come in equal pairs.
func csv(n int) (text string, want kith.Tally, excepted int64) {
	var b strings.Builder
	b.WriteString("at,customer,kind,total\n")
	for i := range n {
		kind, total := "order", fmt.Sprint(i/2%100)+".50"
		if i%10 == 9 {
			kind = "test"
			excepted++
		} else if i%25 == 3 {
			total = "much"
			want.Count(kith.Rejected)
		} else {
			want.Count(kith.Accepted)
		}
		fmt.Fprintf(&b, "2024-05-06T07:%02d:00Z,c%d,%s,%s\n", i/1000%60, i/2%700, kind, total)
	}
	return b.String(), want, excepted
}

// long makes each row of csv as long as four, in a column that no rule takes: an
// input is cut by its bytes, and what the rows come to costs the time.
func long(text string) string {
	return strings.ReplaceAll(text, "\n", ","+strings.Repeat("x", 120)+"\n")
}

func rowsOf(t testing.TB, text io.Reader) *source.Input { return rowsBy(t, orders, text) }

func rowsBy(t testing.TB, mapping string, text io.Reader) *source.Input {
	t.Helper()
	m, err := source.Parse([]byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Open("orders.csv", text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

func TestRowsComeInThroughAMapping(t *testing.T) {
	e := opened(t)
	text, want, excepted := csv(30_000)
	o := &LoadOptions{Name: "orders.csv", Source: "shop", Mapping: []byte(orders), Size: int64(len(text))}
	r, err := e.LoadRows(t.Context(), rowsOf(t, strings.NewReader(text)), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Tally != want || r.Rows != 30_000 || r.Excepted != excepted {
		t.Errorf("report = %+v, want %+v of 30,000 rows, %d left out", r, want, excepted)
	}
	if len(r.First) != 10 || r.First[0].Line != 5 || r.First[0].Code == "" {
		t.Errorf("first refusals = %+v, want ten from line 5 on", r.First)
	}
	got := queried(t, e, "SELECT line, reason <> '', original FROM rejects ORDER BY seq LIMIT 1")
	if got != "5|true|2024-05-06T07:00:00Z,c1,order,much\n" {
		t.Errorf("first reject = %q, want the raw row", got)
	}
	k, err := e.Kept(r.Load)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	err = k.Pieces(func(line int64, piece []byte) error {
		if n := int64(strings.Count(kept.String(), "\n")) + 2; n != line {
			t.Errorf("a piece begins in line %d, want %d", line, n)
		}
		kept.Write(piece)
		return nil
	})
	if _, rows, _ := strings.Cut(text, "\n"); err != nil || kept.String() != rows || string(k.Mapping) != orders {
		t.Errorf("%d bytes are kept of %d, %v", kept.Len(), len(rows), err)
	}
	again, err := e.LoadRows(t.Context(), rowsOf(t, strings.NewReader(text)), o)
	if err != nil || again.Load == r.Load || again.Duplicate != want.Accepted || again.Accepted != 0 {
		t.Errorf("the same again = %+v, %v", again, err)
	}
	proven(t, e)
}

// proven lets the check prove the engine.
func proven(t *testing.T, e *Engine) {
	t.Helper()
	c, err := e.Check(t.Context(), nil)
	if err != nil || len(c.Problems) > 0 {
		t.Errorf("check: %v, %v", c.Problems, err)
	}
}

// opened gives an engine on the disk.
func opened(t *testing.T) *Engine {
	t.Helper()
	e, err := Open(t.TempDir(), &Options{NoSync: true, NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

var errStop = errors.New("no more")

// breaking gives some of a text, and then an error.
func breaking(text string, n int) io.Reader {
	return io.MultiReader(strings.NewReader(text[:min(n, len(text))]), &failing{})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errStop }

func TestALoadThatDidNotEndGoesOn(t *testing.T) {
	text, want, excepted := csv(15_000)
	for _, mappedToo := range []bool{true, false} {
		t.Run(fmt.Sprint("mapped=", mappedToo), func(t *testing.T) {
			e := opened(t)
			input, want := long(text), want
			if !mappedToo {
				input, want = plainLines(15_000)
			}
			load := func(r io.Reader, name string) (LoadReport, error) {
				o := &LoadOptions{Name: name, Source: "shop", Mapping: []byte(orders)}
				if mappedToo {
					return e.LoadRows(t.Context(), rowsOf(t, r), o)
				}
				return e.Load(t.Context(), r, o)
			}
			var first LoadReport
			earlier := int64(0)
			for i, part := range []int{65, 80, 95} {
				r, err := load(breaking(input, len(input)*part/100), "orders.csv")
				if !errors.Is(err, errStop) {
					t.Fatalf("a broken input ended with %v", err)
				}
				if i == 0 {
					first = r
				}
				if r.Load != first.Load || r.Earlier != earlier || int64(r.Received) <= earlier {
					t.Errorf("call %d: load %d with %d earlier of %d, want load %d with %d", i, r.Load, r.Earlier, r.Received, first.Load, earlier)
				}
				earlier = int64(r.Received)
				proven(t, e)
			}
			r, err := load(strings.NewReader(input), "orders.csv")
			if err != nil || r.Load != first.Load || r.Tally != want {
				t.Errorf("the whole = %+v, %v, want %+v in load %d", r, err, want, first.Load)
			}
			if mappedToo && (r.Rows != 15_000 || r.Excepted != excepted) {
				t.Errorf("%d rows, %d left out", r.Rows, r.Excepted)
			}
			if next, err := load(strings.NewReader(input), "orders.csv"); err != nil || next.Load == r.Load || next.Accepted != 0 {
				t.Errorf("once more = %+v, %v, want another load that adds nothing", next, err)
			}
			proven(t, e)
		})
	}
}

// plainLines writes calls without message ids, in equal pairs, one in 50 without an identifier,
// and much space in each: an input is cut by its bytes.
func plainLines(n int) (string, kith.Tally) {
	var b strings.Builder
	var want kith.Tally
	for i := range n {
		who := fmt.Sprintf(`,"userId":"c%d"`, i/2%700)
		if i%50 == 0 {
			who = ""
			want.Count(kith.Rejected)
		} else {
			want.Count(kith.Accepted)
		}
		fmt.Fprintf(&b, `{%300s"type":"track","event":"e","timestamp":"2024-05-06T07:%02d:00Z","properties":{"n":%d}%s}`+"\n", "", i/1000%60, i/2%100, who)
	}
	return b.String(), want
}

func TestALoadStopsWhereTooMuchIsRejected(t *testing.T) {
	e := opened(t)
	text, want, _ := csv(30_000)
	load := func(most int) (LoadReport, error) {
		return e.LoadRows(context.Background(), rowsOf(t, strings.NewReader(text)), &LoadOptions{Name: "orders.csv", Mapping: []byte(orders), MaxErrors: most})
	}
	r, err := load(7)
	if !errors.Is(err, ErrTooMany) || r.Rejected != 7 {
		t.Errorf("the load = %+v, %v, want it to stop at the seventh", r.Tally, err)
	}
	proven(t, e)
	whole, err := load(0)
	if err != nil || whole.Load != r.Load || whole.Tally != want || whole.Earlier != int64(r.Received) {
		t.Errorf("the rest = %+v, %v, want load %d to go on to %+v", whole, err, r.Load, want)
	}
	proven(t, e)
}
