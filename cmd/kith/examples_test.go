package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/source"
)

// data is where the public data sets stand, beside the tree.
const data = "../../../shared/data/"

// example is a data set with its mappings in docs/examples.
type example struct {
	name   string
	files  []exampleFile
	tables []exampleTable
	ask    string                    // a question in SQL
	want   func(t *testing.T) string // the same answer from a program that knows nothing of Kith
}

type exampleFile struct {
	mapping, file            string
	rows, excepted, rejected int64
	calls                    int // accepted
}

type exampleTable struct{ name, file, key string }

var examples = []example{
	{
		name:  "telco-churn",
		files: []exampleFile{{mapping: "map", file: "telco_churn/Telco-Customer-Churn.csv", rows: 7043, calls: 7043}},
		ask: `SELECT contract, count(*), count(*) FILTER (churned), sum(monthly)::VARCHAR, sum(charged)::VARCHAR
			FROM profiles WHERE NOT senior GROUP BY 1 ORDER BY 1`,
		want: plainTelco,
	},
	{
		name:  "bank-marketing",
		files: []exampleFile{{mapping: "map", file: "bank_marketing/bank-additional.csv", rows: 4119, calls: 4119}},
		ask: `SELECT e.properties.month, count(*), count(*) FILTER (e.properties.subscribed), sum(e.properties.seconds)::VARCHAR,
				count(e.properties.days_since_last), count(DISTINCT p.job)
			FROM events e JOIN profiles p ON p.id = e.profile_id GROUP BY 1 ORDER BY 1`,
		want: plainBank,
	},
	{
		name:  "weblogs",
		files: []exampleFile{{mapping: "map", file: "weblogs/apache_logs", rows: 10000, excepted: 7890, rejected: 1, calls: 2109}},
		ask: `SELECT name, count(*), count(DISTINCT profile_id), sum(properties.bytes)::VARCHAR FROM events
			WHERE kind = 'page' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10`,
		want: plainWeblogs,
	},
	{
		name: "complete-journey",
		files: []exampleFile{
			{mapping: "transactions", file: "completejourney/transactions_sample.csv.gz", rows: 75000, calls: 75000},
			{mapping: "households", file: "completejourney/demographics.csv", rows: 801, calls: 801},
			{mapping: "campaigns", file: "completejourney/campaigns.csv", rows: 6589, calls: 6589},
			{mapping: "redemptions", file: "completejourney/coupon_redemptions.csv", rows: 2102, calls: 2102},
		},
		tables: []exampleTable{
			{"products", "completejourney/products.csv.gz", "product_id"},
			{"campaigns", "completejourney/campaign_descriptions.csv", "campaign_id"},
		},
		// What those who were sent a campaign of type A and redeemed a coupon bought, by department and children at home.
		// The last column: how many calls name a campaign.
		ask: `SELECT coalesce(h.kids, '?'), p.department, count(*), sum(e.properties.total)::VARCHAR,
				(SELECT count(properties.campaign_id) FROM events) FROM events e
			JOIN products p ON p.product_id = e.properties.product_id JOIN profiles h ON h.id = e.profile_id
			WHERE e.name = 'Product Purchased'
				AND e.profile_id IN (SELECT s.profile_id FROM events s JOIN campaigns c ON c.campaign_id = s.properties.campaign_id
					WHERE s.name = 'Campaign Sent' AND c.campaign_type = 'Type A')
				AND e.profile_id IN (SELECT profile_id FROM events WHERE name = 'Coupon Redeemed')
			GROUP BY 1, 2 ORDER BY 1, 2`,
		want: plainJourney,
	},
	{
		name:  "retail-demo-store",
		files: []exampleFile{{mapping: "map", file: "retail_demo_store/users.json.gz", rows: 5250, calls: 5250}},
		ask: `SELECT i.space, count(*), count(DISTINCT i.profile_id), sum(p.age)::VARCHAR FROM identifiers i
			JOIN profiles p ON p.id = i.profile_id WHERE p.gender = 'F' AND p.persona LIKE 'furniture%' AND p.state >= 'M' GROUP BY 1 ORDER BY 1`,
		want: plainUsers,
	},
	{
		name: "crm",
		files: []exampleFile{
			{mapping: "hubspot-contacts", file: "crm_seeds/hubspot/contact_data.csv", rows: 22, calls: 22},
			{mapping: "hubspot-emails", file: "crm_seeds/hubspot/email_event_data.csv", rows: 100, excepted: 3, calls: 97},
			{mapping: "shopify-customers", file: "crm_seeds/shopify/shopify_customer_data.csv", rows: 4, calls: 4},
			{mapping: "shopify-orders", file: "crm_seeds/shopify/shopify_order_data.csv", rows: 8, calls: 8},
			{mapping: "salesforce-contacts", file: "crm_seeds/salesforce/sf_contact_data.csv", rows: 4, calls: 7},
		},
		ask: `SELECT source, count(*), count(DISTINCT profile_id), count(*) FILTER (name = 'Email Opened'),
				(coalesce(sum(properties.total) FILTER (properties.currency = 'GBP'), 0))::VARCHAR
			FROM events GROUP BY 1 ORDER BY 1`,
		want: plainCRM,
	},
}

// Every mapping in docs/examples takes its whole file, a second load adds
// nothing, and SQL's answer is that of a plain program.
func TestExamples(t *testing.T) {
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) {
			e, err := engine.Open(t.TempDir(), &engine.Options{NoSync: true, NoSocket: true})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			for _, f := range x.files {
				f.load(t, e, x.name)
			}
			for _, f := range x.tables {
				f.load(t, e)
			}
			if got, want := asked(t, e, x.ask), x.want(t); got != want {
				t.Errorf("SQL says\n%s\nand the plain program\n%s", got, want)
			}
			if len(x.tables) > 0 {
				return // the large one: a check of it would take longer than all else
			}
			if c, err := e.Check(t.Context(), nil); err != nil || len(c.Problems) > 0 {
				t.Errorf("check: %v, %v", c.Problems, err)
			}
		})
	}
}

// load brings the file in, twice where it is small, and looks at the counts.
func (f *exampleFile) load(t *testing.T, e *engine.Engine, name string) {
	t.Helper()
	mapping := filepath.Join("../../docs/examples", name, f.mapping+".yaml")
	text, err := os.ReadFile(mapping)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte{'\n'}); n > 30 {
		t.Errorf("%s has %d lines", mapping, n)
	}
	want := kith.Tally{Received: f.calls + int(f.rejected), Accepted: f.calls, Rejected: int(f.rejected)}
	if got := f.once(t, e, text); got.Rows != f.rows || got.Excepted != f.excepted || got.Tally != want {
		t.Errorf("%s: %+v, want %+v of %d rows, %d left out", f.file, got, want, f.rows, f.excepted)
	}
	if f.rows > 20_000 {
		return
	}
	want.Accepted, want.Duplicate = 0, f.calls
	if again := f.once(t, e, text); again.Tally != want {
		t.Errorf("%s again: %+v", f.file, again)
	}
}

func (f *exampleFile) once(t *testing.T, e *engine.Engine, mapping []byte) engine.LoadReport {
	t.Helper()
	return f.read(t, e, mapping, unpacked(t, f.file))
}

// read brings a text in as the file.
func (f *exampleFile) read(t *testing.T, e *engine.Engine, mapping []byte, text string) engine.LoadReport {
	t.Helper()
	m, err := source.Parse(mapping)
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Open(f.file, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	report, err := e.LoadRows(t.Context(), in, &engine.LoadOptions{Name: filepath.Base(f.file), Source: m.Source(), Mapping: mapping})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (f *exampleTable) load(t *testing.T, e *engine.Engine) {
	t.Helper()
	rows, err := openRows(strings.NewReader(unpacked(t, f.file)))
	if err != nil {
		t.Fatal(err)
	}
	o := &engine.TableOptions{Key: []string{f.key}, Types: map[string]string{f.key: "text"}}
	if _, err := e.LoadTable(t.Context(), f.name, rows, o); err != nil {
		t.Fatal(err)
	}
}

// asked gives an answer as lines with commas.
func asked(t *testing.T, e *engine.Engine, q string) string {
	t.Helper()
	rows, err := e.SQL(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	cells := make([]any, len(columns))
	for i := range cells {
		cells[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(cells...); err != nil {
			t.Fatal(err)
		}
		for i, c := range cells {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprint(&b, *c.(*any))
		}
		b.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// there gives the path of a file of the shared data; without it the test is skipped.
func there(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(data, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not on this machine", path)
	}
	return path
}
