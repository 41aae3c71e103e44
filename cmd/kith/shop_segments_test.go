package main

import (
	"cmp"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

// shopSegments are five that a shop would want of Online Retail.
var shopSegments = []struct{ name, text string }{
	{"loyal", "known AND (SELECT count(DISTINCT properties.order_id) FROM events WHERE name = 'Product Purchased' AND properties.total > 0 AND ts > now() - INTERVAL 90 DAY) >= 3"},
	{"lapsing", "known AND (SELECT max(ts) FROM events WHERE name = 'Product Purchased') BETWEEN now() - INTERVAL 180 DAY AND now() - INTERVAL 90 DAY"},
	{"once", "known AND (SELECT count(DISTINCT properties.order_id) FROM events WHERE name = 'Product Purchased' AND properties.total > 0) = 1 AND (SELECT max(ts) FROM events WHERE name = 'Product Purchased' AND properties.total > 0) < now() - INTERVAL 90 DAY"},
	{"bag_not_cake", "known AND EXISTS (SELECT 1 FROM events WHERE name = 'Product Purchased' AND properties.sku = '85099B' AND ts > now() - INTERVAL 30 DAY) AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Product Purchased' AND properties.sku = '22423' AND ts > now() - INTERVAL 30 DAY)"},
	{"top_tenth", "known AND (SELECT sum(properties.total) FROM events) >= top_percent(10, (SELECT sum(properties.total) FROM events))"},
}

// Five segments of a shop have the members that a plain program finds in the
// file, kept current over ten days in which nothing happens.
func TestShopSegments(t *testing.T) {
	e, err := engine.Open(t.TempDir(), &engine.Options{NoSync: true, NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	mapping, err := os.ReadFile("../../docs/examples/online-retail/map.yaml")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2011, 12, 10, 0, 0, 0, 0, time.UTC)
	if err := e.SetClock(now.Format(time.RFC3339)); err != nil {
		t.Fatal(err)
	}
	for _, s := range shopSegments[:3] { // before the events, the others after them
		if _, err := e.Define(t.Context(), s.name, s.text); err != nil {
			t.Fatal(err)
		}
	}
	f := exampleFile{file: "onlineretail/online_retail.csv.gz"}
	f.once(t, e, mapping)
	for _, s := range shopSegments[3:] {
		if _, err := e.Define(t.Context(), s.name, s.text); err != nil {
			t.Fatal(err)
		}
	}
	shop := plainShop(t)
	for range 3 {
		if err := e.SetClock(now.Format(time.RFC3339)); err != nil {
			t.Fatal(err)
		}
		want := shop.sizes(now)
		for _, s := range shopSegments {
			n, err := e.Count(t.Context(), s.name, nil)
			if err != nil || n != want[s.name] {
				t.Errorf("%s on %s: %d, %v; the plain program says %d", s.name, now.Format(time.DateOnly), n, err, want[s.name])
			}
			if v, err := e.Verify(t.Context(), s.name); err != nil || !v.Same() {
				t.Errorf("verify %s: %+v, %v", s.name, v, err)
			}
		}
		t.Logf("%s: %v", now.Format(time.DateOnly), want)
		now = now.AddDate(0, 0, 5).Add(7 * time.Hour)
	}
}

// shopper is a customer of the file, or the unknown one of an invoice.
type shopper struct {
	known  bool
	sum    big.Rat
	orders map[string]time.Time // newest line that cost something, by invoice
	lines  []shopLine           // that are no cancellations
}

type shopLine struct {
	sku string
	at  time.Time
}

type plainShoppers map[string]*shopper

// plainShop reads the file with the standard library alone.
func plainShop(t *testing.T) plainShoppers {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	out := plainShoppers{}
	for _, row := range sheet(t, "onlineretail/online_retail.csv.gz", ',') {
		who := cmp.Or(row["CustomerID"], "invoice-"+row["InvoiceNo"])
		s := out[who]
		if s == nil {
			s = &shopper{known: row["CustomerID"] != "", orders: map[string]time.Time{}}
			out[who] = s
		}
		at, err := time.ParseInLocation(time.DateTime, row["InvoiceDate"], london)
		if err != nil {
			t.Fatal(err)
		}
		quantity, _ := new(big.Rat).SetString(row["Quantity"])
		price, ok := new(big.Rat).SetString(row["UnitPrice"])
		if !ok {
			t.Fatal(row["UnitPrice"])
		}
		total := price.Mul(price, quantity)
		s.sum.Add(&s.sum, total)
		if strings.HasPrefix(row["InvoiceNo"], "C") {
			continue
		}
		s.lines = append(s.lines, shopLine{row["StockCode"], at})
		if total.Sign() > 0 && at.After(s.orders[row["InvoiceNo"]]) {
			s.orders[row["InvoiceNo"]] = at
		}
	}
	return out
}

// sizes counts the members of the five segments.
func (all plainShoppers) sizes(now time.Time) map[string]int {
	days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	sums := make([]*big.Rat, 0, len(all))
	for _, s := range all {
		sums = append(sums, &s.sum)
	}
	slices.SortFunc(sums, func(a, b *big.Rat) int { return b.Cmp(a) })
	top := sums[(len(sums)+9)/10-1]
	out := map[string]int{}
	for _, s := range all {
		if !s.known {
			continue
		}
		recent, newest, last, bag, cake := 0, time.Time{}, time.Time{}, false, false
		for _, at := range s.orders {
			if at.After(days(90)) {
				recent++
			}
			if at.After(newest) {
				newest = at
			}
		}
		for _, l := range s.lines {
			if l.at.After(last) {
				last = l.at
			}
			bag = bag || l.sku == "85099B" && l.at.After(days(30))
			cake = cake || l.sku == "22423" && l.at.After(days(30))
		}
		for name, is := range map[string]bool{
			"loyal":        recent >= 3,
			"lapsing":      len(s.lines) > 0 && !last.Before(days(180)) && !last.After(days(90)),
			"once":         len(s.orders) == 1 && newest.Before(days(90)),
			"bag_not_cake": bag && !cake,
			"top_tenth":    s.sum.Cmp(top) >= 0,
		} {
			if is {
				out[name]++
			}
		}
	}
	return out
}
