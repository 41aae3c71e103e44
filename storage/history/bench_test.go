package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	s := &session{h: h, view: &version{}}
	var line []byte
	for i := range rows {
		if line, err = s.original(line[:0], &rows[i]); err != nil {
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
	_ = context.Background
}
