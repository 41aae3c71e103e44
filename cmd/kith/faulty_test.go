package main

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const faultyMap = `kith: 1
source: shop
format: csv
time: {column: at, layout: YYYY-MM-DD HH:mm:ss}
id: [order]
person:
  user_id: customer
  email: email(mail)
except: kind = 'test'
rows:
  - when: kind = 'order'
    track: "{name}"
    properties: {order: number(order), quantity: number(quantity), total: quantity * price, paid: bool(paid), note: note}
    traits: {country: country(country), phone: "{phone(phone, 'GB')}"}
`

// columns of a faulty file, in this order.
const (
	colOrder = iota
	colAt
	colCustomer
	colMail
	colPhone
	colCountry
	colKind
	colName
	colQuantity
	colPrice
	colPaid
	colNote
)

// faultKind is one way in which a row can be wrong, and what is said of it.
type faultKind struct {
	code, path string
	spoil      func(row []string) []string
	few        bool // it is large: there are three of it in a file
}

// put is a fault of one cell, written as it is.
func put(col int, cell string) func([]string) []string {
	return func(row []string) []string { row[col] = cell; return row }
}

// unknown takes all identifiers away, the phone too, which would be one, and gives another.
func unknown(id string) func([]string) []string {
	return func(row []string) []string { row[colCustomer], row[colMail], row[colPhone] = id, "", ""; return row }
}

// faultKinds are all that a reader of CSV, the mapping, and cleaning refuse.
var faultKinds = []faultKind{
	{"bad_columns", "11 of 12", func(row []string) []string { return row[1:] }, false},
	{"bad_columns", "13 of 12", put(colNote, "a,b"), false},
	{"bad_quotes", "", put(colNote, `"it begins and does not end`), false},
	{"bad_quotes", "", put(colNote, `"it ends" too early`), false},
	{"bad_utf8", "", put(colNote, "caf\xe9"), false},
	{"too_large", "", put(colNote, strings.Repeat("long ", 220_000)), true},
	{"bad_date", "at", put(colAt, "2024-02-30 10:00:00"), false},
	{"bad_email", "mail", put(colMail, "somebody at example.org"), false},
	{"bad_phone", "phone", put(colPhone, "12"), false},
	{"bad_country", "country", put(colCountry, "Nowhereland"), false},
	{"bad_number", "quantity", put(colQuantity, "many"), false},
	{"bad_number", "price", put(colPrice, "1.2.3"), false},
	{"bad_bool", "paid", put(colPaid, "perhaps"), false},
	{"bad_id", "order", put(colOrder, " "), false},
	{"no_identity", "", unknown(""), false},
	{"no_rule", "", put(colKind, "refund"), false},
	{"missing_event", "name", put(colName, ""), false},
	{"too_large", "", put(colNote, strings.Repeat("long ", 8_000)), true},
	{"blocked_id", "$.userId", unknown("null"), false},
	{"synthetic", "", nil, false}, // the id of the row before, and another content
}

// faulty is a file of rows with faults that are known.
type faulty struct {
	path, mapping string
	rows, in      int        // all rows, and those that are right
	left          int        // rows that are left out on purpose
	faults        [][]string // line, path, code, and the row
	rejected      int        // of the faults; the others are duplicates
	total, check  int64      // of the rows that are right: sum of the totals in cents, and of total × order

	out  strings.Builder
	line int
}

// writeFaulty writes n rows, one of each hundred with a fault, and some more that
// are left out on purpose. Rows have quotes, delimiters and line ends in them.
func writeFaulty(t *testing.T, seed uint64, n int) *faulty {
	t.Helper()
	r, dir := rand.New(rand.NewPCG(seed, 3)), t.TempDir()
	f := &faulty{path: filepath.Join(dir, "orders.csv"), mapping: filepath.Join(dir, "orders.yaml"), line: 2}
	f.out.WriteString("order,at,customer,mail,phone,country,kind,name,quantity,price,paid,note\n")
	bad, kinds := 0, 0
	for i := range n {
		if i%100 == 0 {
			bad = i + 1 + r.IntN(99)
		}
		row, cents := faultyRow(r, i)
		switch {
		case i == bad:
			for kinds++; faultKinds[kinds%len(faultKinds)].few && kinds >= 3*len(faultKinds); kinds++ {
			}
			row = f.spoil(&faultKinds[kinds%len(faultKinds)], row, i)
		default:
			f.in++
			f.total += cents
			f.check += cents * int64(i)
		}
		f.write(row)
		if i%80 == 0 && i != bad {
			f.left++
			f.write(put(colKind, "test")(row))
		}
	}
	for name, text := range map[string]string{f.path: f.out.String(), f.mapping: faultyMap} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.out.Reset()
	return f
}

// faultyRow gives the i-th row while it is right, and its total in cents.
func faultyRow(r *rand.Rand, i int) (row []string, cents int64) {
	who, quantity, price := r.IntN(9_000), 1+r.IntN(9), 1+r.IntN(100_000)
	mail, note := "", fmt.Sprintf("note %d", r.IntN(1000))
	if who%2 == 0 {
		mail = fmt.Sprintf("P%d@Example.org", who)
	}
	switch r.IntN(40) {
	case 0:
		note = "\"two\nlines\""
	case 1:
		note = "\"a \"\"quote\"\", and a comma\""
	case 2:
		note = ""
	}
	return []string{
		strconv.Itoa(i), fmt.Sprintf("2024-%02d-%02d %02d:%02d:%02d", 1+i%12, 1+i%28, i%24, i%60, i/60%60),
		fmt.Sprintf("c%d", who), mail, fmt.Sprintf("020 7946 %04d", who%1000), []string{"France", "DE", "United Kingdom"}[who%3], "order", "Order Completed",
		strconv.Itoa(quantity), fmt.Sprintf("%d.%02d", price/100, price%100), []string{"yes", "no"}[i%2], note,
	}, int64(quantity) * int64(price)
}

// spoil makes a row wrong, and notes what will be said of it.
func (f *faulty) spoil(k *faultKind, row []string, i int) []string {
	spoil := k.spoil
	if spoil == nil {
		spoil = put(colOrder, strconv.Itoa(i-1))
	} else {
		f.rejected++
	}
	row = spoil(row)
	text := strings.ToValidUTF8(strings.Join(row, ","), "\uFFFD")
	f.faults = append(f.faults, []string{strconv.Itoa(f.line), k.path, k.code, text[:min(len(text), 256<<10)]})
	return row
}

func (f *faulty) write(row []string) {
	for i, cell := range row {
		if i > 0 {
			f.out.WriteByte(',')
		}
		f.out.WriteString(cell)
		f.line += strings.Count(cell, "\n")
	}
	f.out.WriteByte('\n')
	f.rows, f.line = f.rows+1, f.line+1
}

// is compares a record of an error file with a fault. What was refused behind the
// mapping stands there as the call that the mapping made.
func (f *faulty) is(record, fault []string) bool {
	if strings.HasPrefix(record[3], `{"type":"track"`) {
		return slices.Equal(record[:3], fault[:3]) && slices.Contains([]string{"synthetic", "blocked_id", "too_large"}, record[2])
	}
	return slices.Equal(record, fault)
}

// same compares an error file with what is known, and gives its rows.
func (f *faulty) same(t *testing.T, file string) (rows []string) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	all, err := csv.NewReader(in).ReadAll()
	if err != nil || len(all) == 0 || !slices.Equal(all[0], []string{"line", "path", "reason", "row"}) {
		t.Fatalf("%s: %d records, %v", filepath.Base(file), len(all), err)
	}
	for i, record := range all[1:] {
		rows = append(rows, record[3])
		if i < len(f.faults) && !f.is(record, f.faults[i]) {
			t.Fatalf("fault %d is %.300q, want %.300q", i, record, f.faults[i])
		}
	}
	if len(rows) != len(f.faults) {
		t.Errorf("%d faults in the file, want %d", len(rows), len(f.faults))
	}
	return rows
}
