package bench

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/kithdb/kith/bench/peer"
	"github.com/kithdb/kith/engine"
	mapping "github.com/kithdb/kith/engine/source"
)

// retailFile is Online Retail, where this machine has it beside the tree.
const retailFile = "../shared/data/onlineretail/online_retail.csv.gz"

// retailMap is docs/examples/online-retail/map.yaml without its remarks.
const retailMap = `kith: 1
source: online-retail
format: csv
time: {column: InvoiceDate, zone: Europe/London}
person:
  user_id: CustomerID
  anonymous_id: {value: "invoice-{InvoiceNo}", when: empty(CustomerID)}
rows:
  - when: starts(InvoiceNo, 'C')
    track: Order Refunded
    properties:
      order_id: replace(InvoiceNo, 'C', '')
      sku: StockCode
      product: Description
      quantity: number(Quantity)
      price: number(UnitPrice)
      total: Quantity * UnitPrice
    traits: {country: try(country(Country))}
  - track: Product Purchased
    properties:
      order_id: InvoiceNo
      sku: StockCode
      product: Description
      quantity: number(Quantity)
      price: number(UnitPrice)
      total: Quantity * UnitPrice
    traits: {country: try(country(Country))}
`

// What both are asked of the rows, as text.
const (
	rowsKith = "SELECT count(*)::VARCHAR, sum(properties.quantity)::DECIMAL(38,3)::VARCHAR, sum(properties.total)::DECIMAL(38,3)::VARCHAR FROM events"
	rowsPeer = "SELECT count(*)::VARCHAR, sum(Quantity)::DECIMAL(38,3)::VARCHAR, sum(Quantity * UnitPrice)::DECIMAL(38,3)::VARCHAR FROM retail"
)

// rows measures the rows of somebody's file through a mapping: Online Retail,
// beside DuckDB's own read_csv into a typed table of the same file. They take
// turns; the best counts.
func (r *run) rows(ctx context.Context) error {
	what, err := r.rowsFile()
	if err != nil {
		return err
	}
	var ours, bare timing
	for i := range r.Repeat {
		a, got, err := r.rowsOfKith(ctx)
		if err != nil {
			return err
		}
		b, want, err := r.rowsOfPeer(ctx)
		if err != nil {
			return err
		}
		if err := same("count and sums of the rows", got, want); err != nil {
			return err
		}
		r.say("rows %d of %d: kith %.0f rows/s, %.2f µs each; DuckDB %.0f, %.2f (load average %s)", i+1, r.Repeat, a.rate(), a.each(), b.rate(), b.each(), loadAverage())
		ours.keep(a)
		bare.keep(b)
	}
	r.report.add(Figure{Part: "rows", Name: "rows through a mapping, durable and in history", Value: ours.rate(), Unit: "events/s", Peer: bare.rate(), Ratio: ours.rate() / bare.rate(),
		Note: fmt.Sprintf("%s, %d rows; peer: DuckDB's read_csv into a typed table of the same file, CHECKPOINTed", what, ours.n)}).ratioAtLeast(0.5)
	r.report.add(Figure{Part: "rows", Name: "acknowledged", Value: float64(ours.n) / ours.acked.Seconds(), Unit: "events/s", Peer: bare.rate(), Ratio: ours.took.Seconds() / ours.acked.Seconds() * ours.rate() / bare.rate()})
	r.report.add(Figure{Part: "rows", Name: "processor time", Value: ours.each(), Unit: "µs/event", Peer: bare.each(), Ratio: ours.each() / bare.each()})
	r.report.add(Figure{Part: "rows", Name: "bytes on disk a row", Value: ours.disk, Unit: "B", Peer: bare.disk, Ratio: ours.disk / bare.disk,
		Note: "the rows as they came in are kept, packed and sealed"})
	return r.rowsStages(ctx)
}

// rowsStages tells where the processor time of the rows goes.
func (r *run) rowsStages(ctx context.Context) error {
	err := r.noteStages("rows", "rows", func() (timing, error) {
		t, _, err := r.rowsOfKith(ctx)
		return t, err
	})
	return errors.Join(err, os.RemoveAll(r.path(trackDir)), os.Remove(r.path(rowsFile)))
}

// rowsFile writes the file, where it is not there, and says which it is.
func (r *run) rowsFile() (what string, err error) {
	packed, err := os.Open(retailFile)
	if errors.Is(err, os.ErrNotExist) || r.retail > 0 {
		return "made rows of the shape of Online Retail", writeTo(r.path(rowsFile), func(w io.Writer) error { return writeRetail(w, max(r.retail, 541_909)) })
	}
	if err != nil {
		return "", err
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		return "", err
	}
	return "Online Retail", writeTo(r.path(rowsFile), func(w io.Writer) error { _, err := io.Copy(w, z); return err })
}

// writeRetail writes rows of the shape of Online Retail: invoices of some twenty
// lines, a quarter of the rows without a customer, some of them cancellations.
func writeRetail(w io.Writer, n int) error {
	r, begin := rand.New(rand.NewPCG(1, 2)), time.Date(2010, 12, 1, 8, 0, 0, 0, time.UTC)
	if _, err := io.WriteString(w, `"InvoiceNo","StockCode","Description","Quantity","InvoiceDate","UnitPrice","CustomerID","Country"`+"\n"); err != nil {
		return err
	}
	invoice, customer, sign, left := 536_364, "", "", 0
	for i := range n {
		if left--; left <= 0 {
			invoice, left, customer, sign = invoice+1, 1+r.IntN(40), "", ""
			if r.IntN(4) > 0 {
				customer = fmt.Sprint(12_346 + r.IntN(4372))
			}
			if r.IntN(50) == 0 {
				sign = "-"
			}
		}
		at, mark := begin.Add(time.Duration(i)*58*time.Second).Format("2006-01-02 15:04:00"), ""
		if sign != "" {
			mark = "C"
		}
		stock := r.IntN(4000)
		_, err := fmt.Fprintf(w, "\"%s%d\",\"%d\",\"SOMETHING NICE FOR THE HOUSE %d\",%s%d,%s,%d.%02d,%s,\"%s\"\n",
			mark, invoice, 20_000+stock, stock, sign, 1+r.IntN(24), at, stock%20, stock%100, customer, []string{"United Kingdom", "France", "Germany"}[invoice%100/98])
		if err != nil {
			return err
		}
	}
	return nil
}

// rowsOfKith loads the file into a fresh directory until SQL sees every row.
func (r *run) rowsOfKith(ctx context.Context) (t timing, got []string, err error) {
	dir := r.path(trackDir)
	if err := os.RemoveAll(dir); err != nil {
		return t, nil, err
	}
	f, err := os.Open(r.path(rowsFile))
	if err != nil {
		return t, nil, err
	}
	defer f.Close()
	e, err := engine.Open(dir, nil)
	if err != nil {
		return t, nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	begin, cpu := time.Now(), cpuTime()
	m, err := mapping.Parse([]byte(retailMap))
	if err != nil {
		return t, nil, err
	}
	in, err := m.Open(rowsFile, f)
	if err != nil {
		return t, nil, err
	}
	rep, err := e.LoadRows(ctx, in, &engine.LoadOptions{Name: rowsFile, Source: m.Source(), Mapping: []byte(retailMap)})
	if err != nil {
		return t, nil, err
	}
	t.acked = time.Since(begin)
	if err := count(ctx, e, int(rep.Rows)); err != nil {
		return t, nil, err
	}
	t.n, t.took, t.cpu = rep.Received, time.Since(begin), cpuTime()-cpu
	if got, err = answer(e.SQL(ctx, rowsKith)); err != nil {
		return t, nil, err
	}
	if err := e.Close(); err != nil {
		return t, nil, err
	}
	bytes, err := diskUse(dir)
	t.disk = float64(bytes) / float64(t.n)
	return t, got, err
}

// rowsOfPeer lets DuckDB read the file into a typed table of a fresh database.
func (r *run) rowsOfPeer(ctx context.Context) (t timing, got []string, err error) {
	db, err := peer.Open(r.path("peer.duckdb"), threads())
	if err != nil {
		return t, nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	begin, cpu := time.Now(), cpuTime()
	n, err := db.Retail(ctx, r.path(rowsFile))
	t.n, t.took, t.cpu = int(n), time.Since(begin), cpuTime()-cpu
	if err != nil {
		return t, nil, err
	}
	if got, err = answer(db.Query(ctx, rowsPeer)); err != nil {
		return t, nil, err
	}
	size, err := db.Size()
	t.disk = float64(size) / float64(n)
	return t, got, err
}
