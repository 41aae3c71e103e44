package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shop makes n track events of about 768 bytes of JSON, with some 25 leaves.
func shop(d *dictionary, n int) []Row {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]Row, n)
	names := []string{"Product Viewed", "Product Added", "Order Completed", "Cart Viewed", "Search Performed"}
	cats := []string{"shoes", "shirts", "garden", "books", "phones"}
	for i := range rows {
		p := r.IntN(20000)
		at := int64(1.7e15) + int64(i)*1e5
		rows[i] = Row{Seq: uint64(i + 1), Fragment: uint32(float64(len(rows)/10) * r.Float64() * r.Float64()), Kind: 2, Name: names[r.IntN(5)],
			Time: at, Received: at + r.Int64N(1e6), Sent: at + r.Int64N(1e5), Original: at, Source: "web",
			MessageID: fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Uint64N(1<<48)),
			Cells: d.cells(
				"properties.product_id", fmt.Sprintf(`"sku-%d"`, p), "properties.category", `"`+cats[p%5]+`"`, "properties.name", fmt.Sprintf(`"Product with a name %d"`, p),
				"properties.price", fmt.Sprintf("%d.%02d", p%500, p%100), "properties.quantity", fmt.Sprint(1+r.IntN(4)), "properties.currency", `"EUR"`,
				"properties.coupon", `"SUMMER"`, "properties.position", fmt.Sprint(r.IntN(40)), "properties.variant", fmt.Sprintf(`"v%d"`, r.IntN(9)), "properties.brand", fmt.Sprintf(`"Brand %d"`, p%100),
				"context.library.name", `"analytics.js"`, "context.library.version", `"2.11.1"`, "context.locale", `"fr-FR"`, "context.page.path", fmt.Sprintf(`"/products/%s/%d"`, cats[p%5], p),
				"context.page.url", fmt.Sprintf(`"https://shop.example.com/products/%s/%d"`, cats[p%5], p), "context.page.title", fmt.Sprintf(`"Product with a name %d"`, p), "context.page.referrer", `"https://www.google.com/"`,
				"context.userAgent", fmt.Sprintf(`"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_%d) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/12%d.0.0.0 Safari/537.36"`, r.IntN(7), r.IntN(9)),
				"context.screen.width", "1440", "context.screen.height", "900", "context.timezone", `"Europe/Paris"`, "context.campaign.source", `"newsletter"`, "context.campaign.medium", `"email"`,
				"context.ip", fmt.Sprintf(`"10.%d.%d.0"`, r.IntN(256), r.IntN(256)), "context.session", fmt.Sprint(at/1e9))}
	}
	return rows
}

// spent gives the processor time of the process.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend appends two groups of rows in two transactions.
func BenchmarkAppend(b *testing.B) {
	d := &dictionary{}
	const n = 491_520
	rows := shop(d, n)
	var text, leaves int
	for _, r := range rows[:1000] {
		text += len(r.Cells)
		EachCell(r.Cells, func(uint32, []byte) bool { leaves++; return true })
	}
	b.Logf("%d bytes of cells, %d leaves a row", text/1000, leaves/1000)
	var cpu time.Duration
	var size int64
	for b.Loop() {
		k := &disk{dir: b.TempDir()}
		h := open(b, k.options(d))
		start := spent()
		for i := 0; i < n; i += 245_760 {
			if err := h.Append(rows[i:min(n, i+245_760)]); err != nil {
				b.Fatal(err)
			}
		}
		cpu += spent() - start
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(k.dir, "*"))
		size = 0
		for _, f := range files {
			if fi, err := os.Stat(f); err == nil {
				size += fi.Size()
			}
		}
	}
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N*n), "cpu-ns/row")
	b.ReportMetric(float64(size)/n, "B/row")
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkAppendFew appends ten rows, durably: what a quiet second costs.
func BenchmarkAppendFew(b *testing.B) {
	d := &dictionary{}
	k := &disk{dir: b.TempDir()}
	h := open(b, k.options(d))
	defer h.Close()
	rows := shop(d, 10)
	for b.Loop() {
		if err := h.Append(rows); err != nil {
			b.Fatal(err)
		}
		for i := range rows {
			rows[i].Seq += 10
		}
	}
}

// BenchmarkAppendPeer lets DuckDB read the same events as JSON lines into a typed table.
func BenchmarkAppendPeer(b *testing.B) {
	d := &dictionary{}
	const n = 245_760
	rows := shop(d, n)
	dir := b.TempDir()
	h := open(b, Options{Paths: d, Files: true, Threads: 2})
	defer h.Close()
	f, err := os.Create(filepath.Join(dir, "peer.json"))
	if err != nil {
		b.Fatal(err)
	}
	v := &version{paths: d}
	var line []byte
	for i := range rows {
		if line, err = v.Original(line[:0], &rows[i]); err != nil {
			b.Fatal(err)
		}
		if _, err := f.Write(append(line, '\n')); err != nil {
			b.Fatal(err)
		}
	}
	at, _ := f.Seek(0, 1)
	b.Logf("%d bytes a line", at/n)
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	c := h.c
	if err := c.exec("ATTACH " + quote(filepath.Join(dir, "peer.duckdb")) + " AS peer (STORAGE_VERSION 'latest')"); err != nil {
		b.Fatal(err)
	}
	sql := "SELECT * FROM read_json(" + quote(filepath.Join(dir, "peer.json")) + ", format='newline_delimited', columns={type: 'VARCHAR', event: 'VARCHAR', messageId: 'UUID', anonymousId: 'VARCHAR', timestamp: 'TIMESTAMP', originalTimestamp: 'TIMESTAMP', sentAt: 'TIMESTAMP', receivedAt: 'TIMESTAMP', " +
		"properties: 'STRUCT(product_id VARCHAR, category VARCHAR, \"name\" VARCHAR, price DECIMAL(38,9), quantity DECIMAL(38,9), currency VARCHAR, coupon VARCHAR, \"position\" DECIMAL(38,9), variant VARCHAR, brand VARCHAR)', " +
		"context: 'STRUCT(library STRUCT(\"name\" VARCHAR, \"version\" VARCHAR), locale VARCHAR, page STRUCT(path VARCHAR, url VARCHAR, title VARCHAR, referrer VARCHAR), userAgent VARCHAR, screen STRUCT(width DECIMAL(38,9), height DECIMAL(38,9)), timezone VARCHAR, campaign STRUCT(source VARCHAR, medium VARCHAR), ip VARCHAR, session DECIMAL(38,9))'})"
	start := spent()
	for b.Loop() {
		if err := c.exec("CREATE OR REPLACE TABLE peer.t AS " + sql + "; CHECKPOINT peer"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((spent()-start).Nanoseconds())/float64(b.N*n), "cpu-ns/row")
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkTable asks a table of the engine, and a table of DuckDB with the same content.
func BenchmarkTable(b *testing.B) {
	const n = 4 << 20
	f := &still{n: n, dict: []string{"FR", "DE", "a country with a long name", "US"}}
	for i := range n {
		f.id, f.total = append(f.id, uint32(i)), append(f.total, int64(i*7919%100_000))
		f.code = append(f.code, uint32(i*31%4))
		f.ltv = append(f.ltv, [2]uint64{uint64(i%5000) * 1e9, 0})
	}
	h := open(b, Options{Paths: &dictionary{}, Threads: 2, Memory: 4 << 30})
	defer h.Close()
	v := &version{tables: []Table{f}}
	s := newSession(h)
	s.view = v
	defer s.forget()
	table := fmt.Sprintf("kith_table(%d::UBIGINT, 'profiles')", s.id)
	if err := h.c.exec("CREATE TABLE native AS FROM " + table); err != nil {
		b.Fatal(err)
	}
	for _, q := range []string{"SELECT count(*)::BIGINT FROM %s WHERE total > 90000", "SELECT sum(total)::BIGINT FROM %s", "SELECT count(*)::BIGINT FROM %s WHERE country = 'DE' AND total < 50000",
		"SELECT sum(c)::BIGINT FROM (SELECT country, count(*) c FROM %s GROUP BY country)", "SELECT count(*)::BIGINT FROM %s WHERE ltv >= 4000", "SELECT count(DISTINCT total)::BIGINT FROM %s"} {
		for _, from := range []string{"native", table} {
			b.Run(fmt.Sprintf(q, from[:5]), func(b *testing.B) {
				least := time.Hour
				for b.Loop() {
					start := time.Now()
					if _, err := h.c.ints(fmt.Sprintf(q, from)); err != nil {
						b.Fatal(err)
					}
					least = min(least, time.Since(start))
				}
				b.ReportMetric(float64(least.Microseconds())/1000, "least-ms")
			})
		}
	}
}

// still is a Table that costs nothing to read.
type still struct {
	n     int
	id    []uint32
	total []int64
	code  []uint32
	ltv   [][2]uint64
	dict  []string
}

func (f *still) Name() string { return "profiles" }
func (f *still) Rows() int64  { return int64(f.n) }
func (f *still) Blocks() int  { return f.n >> 16 }
func (f *still) Fields() []Field {
	return []Field{{"id", UInt}, {"total", BigInt}, {"country", String}, {"ltv", Decimal}}
}
func (f *still) Read(block int, fields []int) (*Block, error) {
	lo, hi := block<<16, (block+1)<<16
	b := &Block{N: 1 << 16}
	for _, field := range fields {
		b.Cols = append(b.Cols, []Vector{{U32: f.id[lo:hi]}, {I64: f.total[lo:hi]}, {Codes: f.code[lo:hi], Dict: f.dict}, {Dec: f.ltv[lo:hi]}}[field])
	}
	return b, nil
}

// BenchmarkAsk asks a history of some million rows in several parts.
func BenchmarkAsk(b *testing.B) {
	d := &dictionary{}
	k := &disk{dir: b.TempDir()}
	o := k.options(d)
	o.PartRows = 500_000
	h := open(b, o)
	defer h.Close()
	const n = 245_760
	rows := shop(d, n)
	total := 0
	for range 6 {
		if err := h.Append(rows); err != nil {
			b.Fatal(err)
		}
		total += n
		for i := range rows {
			rows[i].Seq += n
		}
	}
	v := &version{seq: uint64(total), owner: selves(n)}
	parts := h.snapshot()
	var bare []string
	for i := range parts {
		p := &parts[i]
		bare = append(bare, fmt.Sprintf("SELECT c%d AS price, c%d AS category, fragment, rest FROM %s.events", p.byPath["properties.price"], p.byPath["properties.category"], p.alias()))
	}
	all := "(" + strings.Join(bare, " UNION ALL ") + ")"
	least := func(b *testing.B, f func() error) {
		best := time.Hour
		for b.Loop() {
			start := time.Now()
			if err := f(); err != nil {
				b.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		b.ReportMetric(float64(best.Microseconds())/1000, "least-ms")
	}
	for _, q := range [][2]string{
		{"SELECT count(*), sum(properties.price) FROM events WHERE properties.price > 400", "SELECT count(*), sum(price) FROM " + all + " WHERE price > 400"},
		{"SELECT properties.category, sum(properties.price) FROM events GROUP BY ALL", "SELECT category, sum(price) FROM " + all + " GROUP BY ALL"},
		{"SELECT count(*) FROM events WHERE profile_id % 10 = 3", "SELECT count(*) FROM " + all + " WHERE fragment % 10 = 3"},
		{"SELECT original FROM events WHERE seq = 77", "SELECT 1"},
	} {
		for _, q := range q {
			b.Run(q[:min(len(q), 60)], func(b *testing.B) {
				least(b, func() error { _, err := tryAsk(h, v, q); return err })
			})
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range []func(context.Context, []uint64) ([]Row, error){h.At, h.Glance} {
		b.Run("20 rows", func(b *testing.B) {
			least(b, func() error {
				at := make([]uint64, 20)
				for i := range at {
					at[i] = r.Uint64N(uint64(total))
				}
				_, err := f(context.Background(), at)
				return err
			})
		})
	}
}
