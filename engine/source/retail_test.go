package source

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const data = "../../../shared/data/"

// openData opens a file of the shared data, unpacked.
func openData(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join(data, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not on this machine", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func retail(t testing.TB) *Mapping {
	t.Helper()
	text, err := os.ReadFile("../../docs/examples/online-retail/map.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The whole of Online Retail comes to the counts that are known of it.
func TestOnlineRetail(t *testing.T) {
	in, err := retail(t).Open("online_retail.csv", openData(t, "onlineretail/online_retail.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var total struct{ rows, items, known, refunds int }
	customers, buyers, unknown, sum := map[string]bool{}, map[string]bool{}, map[string]bool{}, new(big.Rat)
	item := func(line int64, call []byte) {
		var c struct {
			Event, UserID, AnonymousID string
			Properties                 struct{ Quantity, Price, Total json.Number }
		}
		if err := json.Unmarshal(call, &c); err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		total.items++
		if c.UserID == "" {
			unknown[c.AnonymousID] = true
			return
		}
		customers[c.UserID] = true
		q, _ := new(big.Rat).SetString(string(c.Properties.Quantity))
		p, _ := new(big.Rat).SetString(string(c.Properties.Price))
		line1, _ := new(big.Rat).SetString(string(c.Properties.Total))
		if c.Event == "Order Refunded" {
			total.refunds++
			return
		}
		if q.Sign() > 0 && p.Sign() > 0 {
			total.known++
			buyers[c.UserID] = true
			sum.Add(sum, line1)
		}
		if new(big.Rat).Mul(q, p).Cmp(line1) != 0 {
			t.Fatalf("line %d: quantity × price is not total", line)
		}
	}
	next := int64(2)
	for {
		piece, line, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line != next {
			t.Fatalf("a piece begins in line %d, want %d", line, next)
		}
		next += int64(strings.Count(string(piece), "\n"))
		rows, excepted := in.Map(piece, line, item, func(line int64, code, path string, _ []byte) { t.Fatalf("line %d: %s %s", line, code, path) })
		if total.rows += rows; excepted > 0 {
			t.Fatal("rows were left out")
		}
	}
	if total.rows != 541909 || total.items != 541909 {
		t.Errorf("%d rows, %d calls, want 541909 of both", total.rows, total.items)
	}
	if total.known != 397884 || len(buyers) != 4338 || len(customers) != 4372 {
		t.Errorf("%d purchase lines, %d buyers, %d customers; want 397884, 4338, 4372", total.known, len(buyers), len(customers))
	}
	if got := sum.FloatString(3); got != "8911407.904" {
		t.Errorf("sum %s, want 8911407.904", got)
	}
	t.Logf("%d unknown people, %d refunds of known customers", len(unknown), total.refunds)
}

func BenchmarkRetail(b *testing.B) {
	in, err := retail(b).Open("online_retail.csv", openData(b, "onlineretail/online_retail.csv.gz"))
	if err != nil {
		b.Fatal(err)
	}
	piece, line, err := in.Next()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(piece)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		rows, _ := in.Map(piece, line, func(int64, []byte) {}, func(int64, string, string, []byte) { b.Fatal() })
		n += rows
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
