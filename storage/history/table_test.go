package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// fake is a Table of n rows in blocks of size.
type fake struct {
	name   string
	n      int
	size   int
	dict   []string
	keep   bool // every third row is missing
	offset int64
	broken bool
}

func (f *fake) Name() string { return f.name }
func (f *fake) Rows() int64  { return int64(f.n) }
func (f *fake) Blocks() int  { return (f.n + f.size - 1) / f.size }
func (f *fake) Fields() []Field {
	return []Field{{"id", UInt}, {"total", BigInt}, {"seen", Timestamp}, {"ltv", Decimal}, {"known", Bool}, {"country", String}, {"email", String}, {"doc", JSON}, {"big", UBigInt}}
}

func (f *fake) email(i int) string { return fmt.Sprintf("person-%d@example.org", i) }

func (f *fake) Read(block int, fields []int) (*Block, error) {
	if f.broken {
		panic("the table is broken")
	}
	from := block * f.size
	n := min(f.size, f.n-from)
	b := &Block{N: n, Cols: make([]Vector, len(fields))}
	if f.keep {
		b.Keep = make([]uint64, (n+63)/64)
		for i := range n {
			if (from+i)%3 != 0 {
				b.Keep[i>>6] |= 1 << (i & 63)
			}
		}
	}
	for c, field := range fields {
		v := &b.Cols[c]
		for i := from; i < from+n; i++ {
			switch field {
			case 0:
				v.U32 = append(v.U32, uint32(i))
			case 1, 2:
				v.I64 = append(v.I64, int64(i)%100+f.offset)
			case 3:
				v.Dec = append(v.Dec, [2]uint64{uint64(i) * 1e7, 0})
			case 4:
				v.Bool = append(v.Bool, i%2 == 0)
			case 5, 7:
				v.Codes, v.Dict = append(v.Codes, uint32(i%len(f.dict))), f.dict
				if field == 7 {
					v.Dict = []string{`{"a":1}`}
					v.Codes[i-from] = 0
				}
			case 6:
				v.Str = append(v.Str, f.email(i))
			case 8:
				v.U64 = append(v.U64, uint64(i))
			}
		}
		if field == 1 || field == 6 {
			v.Null = make([]uint64, (n+63)/64)
			for i := range n {
				if (from+i)%5 == 0 {
					v.Null[i>>6] |= 1 << (i & 63)
				}
			}
		}
	}
	return b, nil
}

func TestTablesOfTheEngineAnswerSQL(t *testing.T) {
	h := open(t, Options{Paths: &dictionary{}, Threads: 2})
	defer h.Close()
	f := &fake{name: "profiles", n: 200_003, size: 65_536, keep: true, dict: []string{"FR", "DE", "a country with a long name"}}
	v := &version{tables: []Table{f}}
	var rows, ids, total, known, long, longMails, mails int
	for i := range f.n {
		if i%3 == 0 {
			continue
		}
		rows++
		ids += i
		if i%5 != 0 {
			total += i % 100
			mails++
		}
		if i%2 == 0 {
			known++
		}
		if i%3 == 2 {
			long++
			if i%5 != 0 {
				longMails++
			}
		}
	}
	for _, c := range []struct{ query, want string }{
		{"SELECT count(*) FROM profiles", fmt.Sprintln(rows)},
		{"SELECT sum(id)::BIGINT, sum(total)::BIGINT, count(*) FILTER (known) FROM profiles", fmt.Sprintln(ids, total, known)},
		{"SELECT count(*), count(email) FROM profiles WHERE country = 'a country with a long name'", fmt.Sprintln(long, longMails)},
		{"SELECT id, seen, ltv::VARCHAR, country, email, doc->>'a', big FROM profiles WHERE id = 77777", "77777 1970-01-01 00:00:00.000077 +0000 UTC 777.770000000 a country with a long name person-77777@example.org 1 77777\n"},
		{"SELECT count(DISTINCT email) FROM profiles", fmt.Sprintln(mails)},
		{"SELECT p.id FROM profiles p JOIN profiles q ON p.id = q.big WHERE p.id < 6 ORDER BY 1", "1\n2\n4\n5\n"},
	} {
		if got := ask(t, h, v, c.query); got != c.want {
			t.Errorf("%s = %q, want %q", c.query, got, c.want)
		}
	}
	f.broken = true
	if _, err := tryAsk(h, v, "SELECT id FROM profiles"); err == nil {
		t.Error("a table that panics gave an answer")
	}
}

func TestProfileIsOwnerOfFragment(t *testing.T) {
	r := seeded(t)
	d := &dictionary{}
	h := open(t, Options{Paths: d, Threads: 2})
	defer h.Close()
	rows := anyRows(r, d, 0, 5000)
	for i := range rows {
		rows[i].Fragment = uint32(r.IntN(70_000))
	}
	if err := h.Append(rows); err != nil {
		t.Fatal(err)
	}
	owner := selves(70_000)
	for range 30_000 {
		a, b := uint32(r.IntN(70_000)), uint32(r.IntN(70_000))
		owner[a>>16][a&0xffff] = b
	}
	// two versions at once: each statement sees its own
	var wg sync.WaitGroup
	for i := range 4 {
		v := &version{seq: rows[len(rows)/(i+1)-1].Seq, owner: owner}
		if i%2 == 1 {
			v.owner = selves(70_000)
		}
		v.tables = []Table{&fake{name: "profiles", n: 100_000, size: 65_536, dict: []string{"x"}, offset: int64(i)}}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 10 {
				var want, n uint64
				for _, r := range rows {
					if r.Seq <= v.seq {
						want += uint64(v.owner[r.Fragment>>16][r.Fragment&0xffff])
						n++
					}
				}
				got, err := tryAsk(h, v, "SELECT count(*), sum(profile_id)::BIGINT, (SELECT min(total) FROM profiles) FROM events")
				if err != nil || got != fmt.Sprintln(n, want, v.tables[0].(*fake).offset+1) {
					t.Errorf("version %d = %q, %v, want %d %d", i, got, err, n, want)
				}
			}
		}()
	}
	wg.Wait()
}

func TestAStatementThatIsTooLarge(t *testing.T) {
	d := &dictionary{}
	h := open(t, Options{Paths: d, Threads: 2, Memory: 64 << 20})
	defer h.Close()
	v := &version{}
	_, err := tryAsk(h, v, "SELECT list(a.range || b.range) FROM range(3000) a, range(3000) b")
	t.Log(err)
	if err == nil {
		t.Error("memory has no limit")
	}
	ctx, stop := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer stop()
	_, err = h.SQL(ctx, v, "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = -1")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if v.released.Load() != 2 {
		t.Errorf("released %d times", v.released.Load())
	}
	ask(t, h, v, "SELECT 1")
}

func TestReadersWhilePartsAreSealed(t *testing.T) {
	r := seeded(t)
	d := &dictionary{}
	k := &disk{dir: t.TempDir()}
	o := k.options(d)
	o.PartRows = 500
	h := open(t, o)
	defer h.Close()
	var mu sync.Mutex
	var all []Row
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 3 {
		r := rand.New(rand.NewPCG(r.Uint64(), 1))
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				rows := all
				mu.Unlock()
				if len(rows) == 0 {
					continue
				}
				if i == 0 {
					at := uint64(r.IntN(len(rows)))
					got, err := h.At(context.Background(), []uint64{at})
					if err != nil || got[0].Seq != rows[at].Seq {
						t.Error("At", err)
						return
					}
					continue
				}
				v := &version{seq: rows[len(rows)-1].Seq, owner: selves(1000)}
				if got, err := tryAsk(h, v, "SELECT count(*), count(DISTINCT seq), count(properties.sku) > 0 FROM events"); err != nil || got != fmt.Sprintln(len(rows), len(rows), true) && len(rows) > 20 {
					t.Error("SQL", got, len(rows), err)
					return
				}
			}
		}()
	}
	seq := uint64(0)
	for range 60 {
		rows := anyRows(r, d, seq, 1+r.IntN(200))
		if err := h.Append(rows); err != nil {
			t.Error(err)
			break
		}
		seq = rows[len(rows)-1].Seq
		mu.Lock()
		all = append(all[:len(all):len(all)], rows...)
		mu.Unlock()
	}
	close(stop)
	wg.Wait()
	same(t, d, h, all)
	sane(t, h)
}
