package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// sheet is a reference table as text: cells between commas, the first line names
// the columns.
type sheet struct {
	lines []string
	line  int64
}

func sheetOf(text string) *sheet {
	return &sheet{strings.Split(strings.TrimSuffix(text, "\n"), "\n"), 1}
}

func (s *sheet) Columns() []string { return strings.Split(s.lines[0], ",") }

func (s *sheet) Next() ([]string, int64, error) {
	if s.line == int64(len(s.lines)) {
		return nil, 0, io.EOF
	}
	s.line++
	return strings.Split(s.lines[s.line-1], ","), s.line, nil
}

// tabled is what tables are loaded through: the engine, or a client of it.
type tabled interface {
	LoadTable(context.Context, string, TableRows, *TableOptions) (TableVersion, error)
	Tables(context.Context) ([]Table, error)
}

const (
	products = "sku,name,price,active\nX1,Lamp,12.50,true\nX2,Desk,199,false\n"
	dearer   = "sku,name,price\nX1,Lamp,13.25\nX3,Shelf,49\n"
)

// bySKU says what the key of products is.
var bySKU = &TableOptions{Name: "products.csv", Key: []string{"sku"}}

// tableLoaded loads a table, which must work.
func tableLoaded(t *testing.T, p tabled, name, text string, o *TableOptions) TableVersion {
	t.Helper()
	v, err := p.LoadTable(t.Context(), name, sheetOf(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// tablesOf gives the reference tables, with every version.
func tablesOf(t *testing.T, p tabled) []Table {
	t.Helper()
	all, err := p.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// answers makes the test fail when SQL gives something else.
func answers(t *testing.T, e *Engine, q, want string) {
	t.Helper()
	if got := queried(t, e, q); got != want {
		t.Errorf("%s\ngot\n%swant\n%s", q, got, want)
	}
}

// Each column is read as one type, and SQL says the same of it.
func TestTableTypesAreWhatEveryValueReadsAs(t *testing.T) {
	number, text, instant, fact := "DECIMAL(38,9)", "VARCHAR", "TIMESTAMP", "BOOLEAN"
	for _, f := range []struct {
		cells      []string // "" is no value
		want, read string   // the first cell as SQL gives it
	}{
		{[]string{"12.50", "-3", "0", "0.000000001"}, number, "12.500000000"},
		{[]string{"99999999999999999999999999999.999999999", ""}, number, "99999999999999999999999999999.999999999"},
		{[]string{"0.0000000001"}, text, "0.0000000001"}, // ten places would be cut
		{[]string{"100000000000000000000000000000"}, text, "100000000000000000000000000000"},
		{[]string{"0012", "7"}, text, "0012"},
		{[]string{"7", "-07"}, text, "7"},
		{[]string{"1e5"}, text, "1e5"},
		{[]string{"+5"}, text, "+5"},
		{[]string{" 5"}, text, " 5"},
		{[]string{"5", "n/a"}, text, "5"},
		{[]string{"true", "FALSE", "False"}, fact, "true"},
		{[]string{"true", "0"}, text, "true"},
		{[]string{"yes", "no"}, text, "yes"},
		{[]string{"2024-03-01", "2024-03-01T10:00:00.000001Z"}, instant, "2024-03-01 00:00:00"},
		{[]string{"2024-05-17T10:30:00+02:00"}, instant, "2024-05-17 08:30:00"},
		{[]string{"2024-05-17 10:30"}, instant, "2024-05-17 10:30:00"},
		{[]string{"2024-05-17T10:30:00.0000001Z"}, text, "2024-05-17T10:30:00.0000001Z"}, // beyond microseconds
		{[]string{"2024-02-30"}, text, "2024-02-30"},
		{[]string{"20240301"}, number, "20240301.000000000"},
		{[]string{"2024-03-01", "5"}, text, "2024-03-01"},
		{[]string{"", ""}, text, "<nil>"},
	} {
		t.Run(fmt.Sprint(f.cells), func(t *testing.T) {
			e := open(t, "")
			file := "n,v\n"
			for i, cell := range f.cells {
				file += fmt.Sprintf("%d,%s\n", i, cell)
			}
			v := tableLoaded(t, e, "things", file, nil)
			if got := v.Columns[1]; got != (TableColumn{"v", f.want}) {
				t.Errorf("the column is %v, want %s", got, f.want)
			}
			answers(t, e, "SELECT typeof(v), v::VARCHAR FROM things WHERE n = 0", f.want+"|"+f.read+"\n")
			empty := strings.Count(file, ",\n")
			answers(t, e, "SELECT count(*), count(v) FROM things", fmt.Sprintf("%d|%d\n", len(f.cells), len(f.cells)-empty))
		})
	}
}

func TestTableTypesThatAreAskedFor(t *testing.T) {
	e := open(t, "")
	v := tableLoaded(t, e, "things", "a,b\n1,2\n", &TableOptions{Types: map[string]string{"A": "text"}})
	if want := []TableColumn{{"a", "VARCHAR"}, {"b", "DECIMAL(38,9)"}}; !reflect.DeepEqual(v.Columns, want) {
		t.Errorf("columns are %v, want %v", v.Columns, want)
	}
	refusedTable(t, e, "things", "a\n1\nsecret\n", &TableOptions{Types: map[string]string{"a": "number"}}, "line 3", `"a"`)
	refusedTable(t, e, "things", "a\n1\n", &TableOptions{Types: map[string]string{"a": "money"}}, "text, number, time or boolean")
	refusedTable(t, e, "things", "a\n1\n", &TableOptions{Types: map[string]string{"z": "text"}}, `no column "z"`)
}

// refusedTable makes the test fail unless a load is refused, in these words, and changes nothing.
func refusedTable(t *testing.T, e *Engine, name, text string, o *TableOptions, words ...string) {
	t.Helper()
	before := tablesOf(t, e)
	_, err := e.LoadTable(t.Context(), name, sheetOf(text), o)
	if !errors.Is(err, kith.ErrInvalid) {
		t.Fatalf("%q: %v, want invalid", text, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("%q has a value in it", err)
	}
	if after := tablesOf(t, e); !reflect.DeepEqual(after, before) {
		t.Errorf("it changed %v to %v", before, after)
	}
	snap := e.store.Snapshot()
	defer snap.Release()
	chunks := 0
	if err := snap.ChunkKeys(func(uint32, uint32) error { chunks++; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, tab := range before {
		for range tab.Versions {
			chunks-- // each of these few rows
		}
	}
	if chunks != 0 {
		t.Errorf("it left %d chunks", chunks)
	}
}

func TestTableRefusesKeysThatTellNoRowsApart(t *testing.T) {
	e := open(t, t.TempDir())
	tableLoaded(t, e, "products", products, bySKU)
	refusedTable(t, e, "products", "sku,a\nsecret,1\nS2,2\nsecret,3\nS2,4\n", bySKU, "lines 2 and 4", "lines 3 and 5")
	refusedTable(t, e, "products", "sku,a\nS1,1\n,2\nS3,1\n,2\n", bySKU, "line 3", "line 5", `"sku" is empty`)
	refusedTable(t, e, "products", "a,b\n1,2\n", bySKU, `no column "sku"`)
	refusedTable(t, e, "products", "sku,SKU\n1,2\n", bySKU, "column 2", "column 1")
	refusedTable(t, e, "products", "sku,\n1,2\n", bySKU, "column 2 has no name")
	refusedTable(t, e, "products", "sku,a\n1.0,1\n1,2\n1.00,3\n", bySKU, "lines 2 and 3", "lines 2 and 4") // one number
	refusedTable(t, e, "products", "sku,a\nX,\xff\n", bySKU, "line 2", `"a"`, "UTF-8")
	answers(t, e, "SELECT sku, price::VARCHAR FROM products ORDER BY 1", "X1|12.500000000\nX2|199.000000000\n")

	// As texts they are three, and two columns together may tell apart what one does not.
	tableLoaded(t, e, "products", "sku,a\n1.0,1\n1,2\nA,3\n", bySKU)
	two := &TableOptions{Key: []string{"sku", "shop"}}
	tableLoaded(t, e, "costs", "sku,shop\na,bc\nab,c\na,b\n", two)
	refusedTable(t, e, "costs", "sku,shop\na,bc\nab,c\na,bc\n", two, "lines 2 and 4")
	healthy(t, e)
}

func TestTableNamesThatAreTaken(t *testing.T) {
	e := open(t, "")
	for _, name := range []string{"events", "Profiles", "segments", "select", "kith_x", "duckdb_tables", "1st", "a b", "a-b", "é", "", strings.Repeat("a", 64)} {
		refusedTable(t, e, name, products, nil)
	}
	tableLoaded(t, e, "Products", products, nil)
	answers(t, e, "SELECT count(*) FROM products", "2\n")
}

func TestTableUnloadGivesTheFormerBack(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	e := open(t, dir)
	const all = "SELECT * REPLACE (price::VARCHAR AS price) FROM products ORDER BY sku"
	first := tableLoaded(t, e, "products", products, bySKU)
	before := queried(t, e, all)
	second := tableLoaded(t, e, "products", dearer, bySKU)
	answers(t, e, all, "X1|Lamp|13.250000000\nX3|Shelf|49.000000000\n")
	if got := tablesOf(t, e); len(got) != 1 || len(got[0].Versions) != 2 || got[0].Load != second.Load {
		t.Errorf("tables are %+v", got)
	}
	if _, err := e.Unload(ctx, second.Load, &UnloadOptions{DryRun: true}); err != nil {
		t.Error(err)
	}
	answers(t, e, "SELECT count(*) FROM products WHERE sku = 'X3'", "1\n")
	if _, err := e.Unload(ctx, second.Load, nil); err != nil {
		t.Fatal(err)
	}
	answers(t, e, all, before)
	for _, dry := range []bool{true, false} {
		if _, err := e.Unload(ctx, second.Load, &UnloadOptions{DryRun: dry}); !errors.Is(err, kith.ErrNotFound) {
			t.Errorf("again, dry %v: %v, want not found", dry, err)
		}
	}
	healthy(t, e)

	// Of an earlier version nothing is seen in SQL; of the only one the table goes.
	third := tableLoaded(t, e, "products", dearer, bySKU)
	if _, err := e.Unload(ctx, first.Load, nil); err != nil {
		t.Fatal(err)
	}
	answers(t, e, "SELECT count(*) FROM products WHERE sku = 'X3'", "1\n")
	if _, err := e.Unload(ctx, third.Load, nil); err != nil {
		t.Fatal(err)
	}
	gone(t, e)
}

// gone makes the test fail unless there is no table, and no row of one, any more.
func gone(t *testing.T, e *Engine) {
	t.Helper()
	if got := tablesOf(t, e); len(got) > 0 {
		t.Errorf("there is %v", got)
	}
	if _, err := e.SQL(t.Context(), "SELECT * FROM products"); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("SQL: %v, want invalid", err)
	}
	snap := e.store.Snapshot()
	defer snap.Release()
	if err := snap.ChunkKeys(func(uint32, uint32) error { return errors.New("there are rows of it") }); err != nil {
		t.Error(err)
	}
	healthy(t, e)
}

func TestTableDrop(t *testing.T) {
	e := open(t, t.TempDir())
	tableLoaded(t, e, "products", products, bySKU)
	v := tableLoaded(t, e, "products", dearer, bySKU)
	if err := e.DropTable(t.Context(), "PRODUCTS"); err != nil {
		t.Fatal(err)
	}
	gone(t, e)
	if err := e.DropTable(t.Context(), "products"); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("again: %v, want not found", err)
	}
	if next := tableLoaded(t, e, "products", products, bySKU); next.Load <= v.Load {
		t.Errorf("load %d comes after %d", next.Load, v.Load)
	}
	healthy(t, e)
}

// What events and the table say together stays through a restart, and a backup.
func TestTableJoinsEventsThroughRestartAndBackup(t *testing.T) {
	const join = `SELECT e.name, e.properties.sku, p.name, p.price::VARCHAR FROM events e
		JOIN products p ON p.sku = e.properties.sku ORDER BY e.seq`
	const want = "Product Viewed|X1|Lamp|13.250000000\n"
	dir := t.TempDir()
	e, err := Open(dir, &Options{NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), strings.NewReader(shop), nil); err != nil {
		t.Fatal(err)
	}
	tableLoaded(t, e, "products", products, bySKU)
	tableLoaded(t, e, "products", dearer, bySKU)
	answers(t, e, join, want)
	tables := tablesOf(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	same := func(e *Engine) {
		t.Helper()
		answers(t, e, join, want)
		if got := tablesOf(t, e); !reflect.DeepEqual(got, tables) {
			t.Errorf("tables are %+v, want %+v", got, tables)
		}
		if r := healthy(t, e); r.Checked["table rows"] != 4 {
			t.Errorf("%d rows of tables were checked, want 4", r.Checked["table rows"])
		}
	}
	e = open(t, dir)
	same(e)
	backup, keys := filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "k")
	if err := errors.Join(e.BackupKeys(t.Context(), keys), e.Backup(t.Context(), backup)); err != nil {
		t.Fatal(err)
	}
	x := restored(t, backup, keys)
	same(x)
	tableLoaded(t, x, "products", products, bySKU) // its content is one of its own
	healthy(t, x)
}

// A table without rows keeps its content's number: what is loaded after a
// restart has another.
func TestTableWithoutRowsThroughRestart(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	tableLoaded(t, e, "products", "sku,name\n", bySKU)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir)
	tableLoaded(t, e, "products", products, bySKU)
	tableLoaded(t, e, "stores", "id\n1\n", nil)
	healthy(t, e)
}

// A table of several chunks comes out whole, through the engine and a client alike.
func TestTableOfManyChunks(t *testing.T) {
	e, c := dialled(t)
	var b strings.Builder
	b.WriteString("n,word\n")
	const n = 20_000
	for i := range n {
		fmt.Fprintf(&b, "%d,%s\n", i, strings.Repeat("x", i%60))
	}
	for _, p := range []tabled{e, c} {
		v := tableLoaded(t, p, "numbers", b.String(), &TableOptions{Key: []string{"n"}})
		if v.Rows != n {
			t.Errorf("%d rows, want %d", v.Rows, n)
		}
		answers(t, e, "SELECT count(*), count(DISTINCT n), sum(n)::BIGINT, sum(n % 60 = length(coalesce(word, '')))::BIGINT FROM numbers",
			fmt.Sprintf("%d|%[1]d|%d|%[1]d\n", n, n*(n-1)/2))
	}
	_, err := c.LoadTable(t.Context(), "numbers", sheetOf(b.String()+"7,again\n"), &TableOptions{Key: []string{"n"}})
	if !errors.Is(err, kith.ErrInvalid) || !strings.Contains(err.Error(), fmt.Sprintf("lines 9 and %d", n+2)) {
		t.Errorf("a key twice, chunks apart: %v", err)
	}
	if here, there := tablesOf(t, e), tablesOf(t, c); len(here) != 1 || len(here[0].Versions) != 2 || !reflect.DeepEqual(here, there) {
		t.Errorf("the engine has %v, the client %v", here, there)
	}
	healthy(t, e)
}

// tornSheet gives some rows, and then an error.
type tornSheet struct {
	*sheet
	left int
}

func (b *tornSheet) Next() ([]string, int64, error) {
	if b.left--; b.left < 0 {
		return nil, 0, io.ErrUnexpectedEOF
	}
	return b.sheet.Next()
}

func TestTableWhoseFileBreaksOffChangesNothing(t *testing.T) {
	e := open(t, t.TempDir())
	tableLoaded(t, e, "products", products, bySKU)
	before := tablesOf(t, e)
	if _, err := e.LoadTable(t.Context(), "products", &tornSheet{sheetOf(dearer), 1}, bySKU); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want the error of the file", err)
	}
	if after := tablesOf(t, e); !reflect.DeepEqual(after, before) {
		t.Errorf("it changed %v to %v", before, after)
	}
	healthy(t, e)
}

func TestTableDamageIsNamed(t *testing.T) {
	for _, f := range []struct {
		name string
		do   func(tx *storage.Tx, v *storage.TableVersion) error
		want string
	}{
		{"another letter in a chunk", func(tx *storage.Tx, v *storage.TableVersion) error {
			c, err := tx.TableChunk(v.Content, 0)
			if err != nil {
				return err
			}
			p := []byte(strings.Replace(string(c.Bytes), "Lamp", "Lump", 1))
			return errors.Join(tx.DropChunk(v.Content, 0), tx.PutChunk(v.Content, 0, p))
		}, "rows are not those that were loaded"},
		{"a chunk that is gone", func(tx *storage.Tx, v *storage.TableVersion) error {
			return tx.DropChunk(v.Content, 0)
		}, "chunks"},
		{"a version that counts other rows", func(tx *storage.Tx, v *storage.TableVersion) error {
			other := *v
			other.Rows++
			return errors.Join(tx.DropTable(&storage.TableLoss{Table: v.Table, Seq: v.Seq, Loads: []uint32{v.Load}}), tx.PutTable(&other))
		}, "load is another"},
	} {
		t.Run(f.name, func(t *testing.T) {
			e := open(t, "")
			v := tableLoaded(t, e, "products", products, bySKU)
			tamper(t, e, func(tx *storage.Tx) error { return f.do(tx, e.tables.now[0]) })
			r, err := e.Check(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			where := fmt.Sprintf("table products, load %d", v.Load)
			for _, p := range r.Problems {
				if text := fmt.Sprint(p); p.What == "table" && strings.Contains(text, where) && strings.Contains(text, f.want) {
					return
				}
			}
			t.Errorf("check does not name it: %v", r.Problems)
		})
	}
}

func TestTableNeedsADirectoryThatMayBeWritten(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(dir, &Options{NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	tableLoaded(t, e, "products", products, bySKU)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if e, err = Open(dir, &Options{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	answers(t, e, "SELECT count(*) FROM products", "2\n")
	if _, err := e.LoadTable(t.Context(), "products", sheetOf(dearer), nil); !errors.Is(err, kith.ErrClosed) {
		t.Errorf("%v, want closed", err)
	}
}

// Keys that stand twice are those that a map finds, in a table of many chunks
// where most rows have the key of another.
func TestTableKeysThatStandTwiceAreThoseOfAMap(t *testing.T) {
	const rows = 30_000
	var text strings.Builder
	text.WriteString("key,note\n")
	first, want, n := map[int]int{}, []string{}, 0
	for i := range rows {
		k := i * i % 7919 // prime: most keys come back, in no order
		fmt.Fprintf(&text, "%d,%s\n", k, strings.Repeat("x", 40))
		line, ok := first[k]
		switch {
		case !ok:
			first[k] = i + 2
		case len(want) < mostFaults:
			want = append(want, fmt.Sprintf("lines %d and %d have the same key", line, i+2))
			fallthrough
		default:
			n++
		}
	}
	e := open(t, t.TempDir())
	_, err := e.LoadTable(t.Context(), "p", sheetOf(text.String()), &TableOptions{Key: []string{"key"}})
	end := fmt.Sprintf("%s; and %d more", strings.Join(want, "; "), n-mostFaults)
	if !errors.Is(err, kith.ErrInvalid) || !strings.HasSuffix(err.Error(), end) {
		t.Errorf("got %v\nwant it to end with %s", err, end)
	}
	if got := tablesOf(t, e); len(got) != 0 {
		t.Errorf("%d tables, want none", len(got))
	}
}
