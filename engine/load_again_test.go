package engine

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

// A table in a file counts as a map does.
func TestEqualRowsAreCountedInAFileAsInMemory(t *testing.T) {
	defer func(n int) { mostEquals = n }(mostEquals)
	mostEquals = 100
	q := equals{dir: t.TempDir()}
	defer q.close()
	r, want := rand.New(rand.NewPCG(1, 2)), map[uint64]uint64{}
	for i := range 60_000 {
		print := mixed(r.Uint64N(20_000))
		if i%7 == 0 {
			print >>= 40 // all of them begin on one page
		}
		got, err := q.count(print)
		if err != nil {
			t.Fatal(err)
		}
		if got != want[print] {
			t.Fatalf("row %d came %d times before, want %d", i, got, want[print])
		}
		want[print]++
	}
	if q.table == nil || q.rows != len(want) || q.bits < 14 {
		t.Errorf("%d rows in a table of %d bits, want %d", q.rows, q.bits, len(want))
	}
}

func mixed(n uint64) uint64 { n *= 0x9E3779B97F4A7C15; return n ^ n>>29 }

// Equal rows are told apart where they are counted in a file, too.
func TestManyRowsWithoutIdsComeToTheSame(t *testing.T) {
	defer func(n int) { mostEquals = n }(mostEquals)
	text, want, _ := csv(40_000)
	for _, most := range []int{1 << 19, 50} {
		mostEquals = most
		e := opened(t)
		o := &LoadOptions{Name: "orders.csv", Mapping: []byte(orders)}
		if _, err := e.LoadRows(t.Context(), rowsOf(t, breaking(text, len(text)*3/4)), o); !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		r, err := e.LoadRows(t.Context(), rowsOf(t, strings.NewReader(text)), o)
		if err != nil || r.Tally != want || r.Earlier == 0 {
			t.Errorf("up to %d in memory: %+v, %v, want %+v", most, r, err, want)
		}
		o.Name = "again.csv"
		if r, err := e.LoadRows(t.Context(), rowsOf(t, strings.NewReader(text)), o); err != nil || r.Accepted != 0 || r.Duplicate != want.Accepted {
			t.Errorf("up to %d in memory, again: %+v, %v", most, r, err)
		}
		proven(t, e)
	}
}

// A load that did not end goes on only with what it had begun with: of an input
// with the same beginning and another middle nothing is left out.
func TestAnotherTailIsAnotherLoad(t *testing.T) {
	text, want, _ := csv(15_000)
	text = long(text)
	cut := len(text) * 4 / 5
	late := strings.LastIndex(text[:cut-300<<10], ",order,") // in what was taken, behind the first MiB
	for name, second := range map[string]string{
		"another middle":        text[:late] + ",other," + text[late+7:],
		"one row less":          text[:late] + text[late+strings.IndexByte(text[late:], '\n')+1:],
		"it ends before":        text[:late+strings.IndexByte(text[late:], '\n')+1],
		"another tail is right": text[:cut+100<<10] + "2024-05-06T07:00:00Z,last,order,1,\n",
	} {
		t.Run(name, func(t *testing.T) {
			e := opened(t)
			load := func(text string, size int) (LoadReport, error) {
				return e.LoadRows(t.Context(), rowsOf(t, breaking(text, size)), &LoadOptions{Name: "-", Mapping: []byte(orders)})
			}
			first, err := load(text, cut)
			if !errors.Is(err, errStop) || first.Accepted == 0 {
				t.Fatalf("%+v, %v", first, err)
			}
			whole := func(text string) (LoadReport, error) {
				return e.LoadRows(t.Context(), rowsOf(t, strings.NewReader(text)), &LoadOptions{Name: "-", Mapping: []byte(orders)})
			}
			r, err := whole(second)
			if name == "another tail is right" {
				if err != nil || r.Load != first.Load {
					t.Errorf("a tail that nothing was taken of = %+v, %v, want load %d to go on", r, err, first.Load)
				}
				return
			}
			if !errors.Is(err, ErrChanged) || !errors.Is(err, kith.ErrInvalid) || r.Load != first.Load || r.Tally != first.Tally {
				t.Fatalf("another input = %+v, %v, want %v and nothing stored", r, err, ErrChanged)
			}
			proven(t, e)
			r, err = whole(second)
			if err != nil || r.Load == first.Load || r.Earlier != 0 {
				t.Errorf("and again = %+v, %v, want a load of its own", r, err)
			}
			alone := opened(t)
			o, err := alone.LoadRows(t.Context(), rowsOf(t, strings.NewReader(second)), &LoadOptions{Name: "-", Mapping: []byte(orders)})
			if err != nil || o.Received != r.Received || o.Rejected != r.Rejected || o.Rows != r.Rows || o.Accepted != r.Accepted+r.Duplicate {
				t.Errorf("it comes to %+v beside the other, %+v alone, %v", r, o, err)
			}
			if back, err := whole(text); err != nil || back.Received != want.Received || back.Earlier != 0 {
				t.Errorf("the first input = %+v, %v, want a load of its own", back, err)
			}
			proven(t, e)
		})
	}
}

// longOrders gives rows as csv does, and 10 MB of rows that are left out: they
// are still on their way over a socket when a load ends early.
func longOrders(n int) (text string, want kith.Tally) {
	text, want, _ = csv(n)
	return long(text) + strings.Repeat("2024-05-06T07:00:00Z,c1,test,"+strings.Repeat("x", 4000)+",\n", 2500), want
}

// An input that breaks off, and another that comes in its place, are told over
// the socket as they are told alone.
func TestBrokenInputsOverTheSocket(t *testing.T) {
	rows, rowsWant := longOrders(15_000)
	plain, plainWant := plainLines(15_000)
	for _, mappedToo := range []bool{true, false} {
		t.Run(fmt.Sprint("mapped=", mappedToo), func(t *testing.T) {
			e, c := connected(t)
			alone := opened(t)
			text, want, o := plain, plainWant, &LoadOptions{Name: "-"}
			load := func(r io.Reader) (LoadReport, error) { return c.Load(t.Context(), r, o) }
			direct := func(r io.Reader) (LoadReport, error) { return alone.Load(t.Context(), r, o) }
			if mappedToo {
				text, want, o.Mapping = rows, rowsWant, []byte(orders)
				load = func(r io.Reader) (LoadReport, error) { return c.LoadRows(t.Context(), rowsOf(t, r), o) }
				direct = func(r io.Reader) (LoadReport, error) { return alone.LoadRows(t.Context(), rowsOf(t, r), o) }
			}
			const cut = 2200 << 10
			late := strings.LastIndex(text[:1600<<10], "2024-05-06") // behind what tells inputs apart
			other := text[:late] + "2023" + text[late+4:]
			first, err := load(breaking(text, cut))
			told, direrr := direct(breaking(text, cut))
			if !errors.Is(err, errStop) || !errors.Is(direrr, errStop) || first.Accepted == 0 || first.Load == 0 || first.Tally != told.Tally || first.Rows != told.Rows {
				t.Fatalf("a broken input = %+v, %v, and alone %+v, %v", first, err, told, direrr)
			}
			r, err := load(strings.NewReader(other))
			if !errors.Is(err, ErrChanged) || r.Load != first.Load || r.Tally != first.Tally {
				t.Fatalf("another input = %+v, %v, want %v and %+v as it was", r, err, ErrChanged, first.Tally)
			}
			r, err = load(strings.NewReader(other))
			if err != nil || r.Load == first.Load || r.Earlier != 0 || r.Received != want.Received || r.Rejected != want.Rejected {
				t.Errorf("and again = %+v, %v, want a load of its own with %+v", r, err, want)
			}
			proven(t, e)
		})
	}
}

// A load in which too much is rejected ends with that over the socket, too, and
// goes on when more is allowed.
func TestTooMuchRejectedOverTheSocket(t *testing.T) {
	e, c := connected(t)
	text, want := longOrders(10_000)
	load := func(most int) (LoadReport, error) {
		return c.LoadRows(t.Context(), rowsOf(t, strings.NewReader(text)), &LoadOptions{Name: "orders.csv", Mapping: []byte(orders), MaxErrors: most})
	}
	first, err := load(7)
	if !errors.Is(err, ErrTooMany) || first.Rejected != 7 {
		t.Fatalf("the load = %+v, %v, want it to stop at the seventh", first.Tally, err)
	}
	r, err := load(0)
	if err != nil || r.Load != first.Load || r.Tally != want || r.Earlier != int64(first.Received) {
		t.Errorf("the rest = %+v, %v, want load %d to go on to %+v", r, err, first.Load, want)
	}
	proven(t, e)
}

// A load that did not end and was taken back does not go on, and one with
// another mapping is another load.
func TestALoadThatIsGoneOrMappedOtherwiseDoesNotGoOn(t *testing.T) {
	text, want, excepted := csv(15_000)
	text = long(text)
	e := opened(t)
	load := func(part int, mapping string) (LoadReport, error) {
		in := rowsBy(t, mapping, strings.NewReader(text))
		if part < 100 {
			in = rowsBy(t, mapping, breaking(text, len(text)*part/100))
		}
		return e.LoadRows(t.Context(), in, &LoadOptions{Name: "orders.csv", Mapping: []byte(mapping)})
	}
	first, err := load(70, orders)
	if !errors.Is(err, errStop) || first.Accepted == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := e.Unload(t.Context(), first.Load, nil); err != nil {
		t.Fatal(err)
	}
	proven(t, e)
	second, err := load(80, orders)
	if !errors.Is(err, errStop) || second.Load == first.Load || second.Earlier != 0 {
		t.Errorf("after it was taken back = %+v, %v, want a new load", second, err)
	}
	other := strings.Replace(orders, "total: number(total)", "total: number(total) * 2", 1)
	third, err := load(100, other)
	if err != nil || third.Load == second.Load || third.Earlier != 0 || third.Tally != want || third.Rows != 15_000 || third.Excepted != excepted {
		t.Errorf("with another mapping = %+v, %v, want a new load with %+v", third, err, want)
	}
	if got := queried(t, e, fmt.Sprintf("SELECT count(*) FROM events WHERE load = %d AND properties.total * 10 %% 10 <> 0", third.Load)); got != "0\n" {
		t.Errorf("%s events of the new load are of the old mapping", got)
	}
	last, err := load(100, orders)
	if err != nil || last.Load != second.Load || last.Tally != want || last.Earlier == 0 {
		t.Errorf("the first mapping again = %+v, %v, want load %d to end with %+v", last, err, second.Load, want)
	}
	proven(t, e)
}

// A last piece that was short is replaced whole by the one that comes in its
// place, over many parts and several turns.
func TestAShortLastPieceIsReplacedWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	b.WriteString("at,customer,kind,total\n")
	noise := make([]byte, 200<<10) // it does not pack: a row has two parts and more
	for i := range 60 {
		for j := range noise {
			noise[j] = byte(r.Uint32())
		}
		kind := "order"
		if i%3 == 0 {
			kind = base64.StdEncoding.EncodeToString(noise) // no rule takes it
		}
		fmt.Fprintf(&b, "2024-05-06T07:00:00Z,c%d,%s,%d\n", i, kind, i)
	}
	text := b.String()
	e := opened(t)
	load := func(n int) (LoadReport, error) {
		in := rowsOf(t, strings.NewReader(text))
		if n < len(text) {
			in = rowsOf(t, breaking(text, n))
		}
		return e.LoadRows(t.Context(), in, &LoadOptions{Name: "orders.csv", Mapping: []byte(orders)})
	}
	for n := 1100 << 10; n < len(text); n += 90<<10 + r.IntN(200<<10) {
		if r, err := load(n); !errors.Is(err, errStop) || r.Load != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		proven(t, e)
	}
	last, err := load(len(text))
	if err != nil || last.Load != 1 || last.Rows != 60 || last.Accepted != 40 || last.Rejected != 20 {
		t.Errorf("%+v, %v, want 40 of 60 rows in load 1", last, err)
	}
	proven(t, e)
	k, err := e.Kept(1)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	err = k.Pieces(func(line int64, piece []byte) error { kept.Write(piece); return nil })
	if _, rows, _ := strings.Cut(text, "\n"); err != nil || kept.String() != rows {
		t.Errorf("%d bytes are kept of %d, %v", kept.Len(), len(rows), err)
	}
}
