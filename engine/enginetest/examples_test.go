package enginetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/source"
)

// example is a data set of somebody else's, the mappings of docs/examples for
// it, and a question whose answer another program knows.
type example struct {
	name  string
	files [][2]string // of the shared data, and the mapping
	query string
	want  func(t *testing.T) string
}

var examples = []example{
	{"telco", [][2]string{{"telco_churn/Telco-Customer-Churn.csv", "telco/map.yaml"}},
		"SELECT count(*) FILTER (churned AND contract = 'Month-to-month'), count(charged), sum(monthly) FROM profiles",
		func(t *testing.T) string {
			churned, charged, monthly := 0, 0, new(big.Rat)
			for _, r := range table(t, "telco_churn/Telco-Customer-Churn.csv", ',') {
				if r["Churn"] == "Yes" && r["Contract"] == "Month-to-month" {
					churned++
				}
				if strings.TrimSpace(r["TotalCharges"]) != "" {
					charged++
				}
				monthly.Add(monthly, rat(t, r["MonthlyCharges"]))
			}
			return fmt.Sprintf("%d | %d | %s", churned, charged, plainSum(monthly))
		}},
	{"bank", [][2]string{{"bank_marketing/bank-additional.csv", "bank/map.yaml"}},
		"SELECT job, count(*), count(*) FILTER (properties.subscribed) FROM events JOIN profiles p ON p.id = profile_id WHERE age >= 60 AND job IS NOT NULL GROUP BY job ORDER BY job LIMIT 1",
		func(t *testing.T) string {
			n, subscribed := 0, 0
			for _, r := range table(t, "bank_marketing/bank-additional.csv", ';') {
				if r["job"] == "admin." && rat(t, r["age"]).Cmp(big.NewRat(60, 1)) >= 0 {
					n++
					if r["y"] == "yes" {
						subscribed++
					}
				}
			}
			return fmt.Sprintf("admin. | %d | %d", n, subscribed)
		}},
	{"weblogs", [][2]string{{"weblogs/apache_logs", "weblogs/map.yaml"}},
		"SELECT count(*), sum(properties.bytes), count(DISTINCT profile_id) FROM events WHERE kind = 'page'",
		func(t *testing.T) string {
			line := regexp.MustCompile(`^(\S+) \S+ \S+ \[[^\]]+\] "GET (\S+) [^"]*" (\d+) (\S+) "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)"`)
			machine := regexp.MustCompile(`(?i)bot|crawl|spider|slurp|feed|monitor`)
			n, sum, who := 0, new(big.Rat), map[string]bool{}
			for _, l := range strings.Split(string(shared(t, "weblogs/apache_logs")), "\n") {
				m := line.FindStringSubmatch(l)
				if m == nil || m[3] != "200" && m[3] != "304" || machine.MatchString(m[5]) || m[5] == "-" || m[5] == "" {
					continue
				}
				n++
				who[m[1]+" "+m[5]] = true
				if m[4] != "-" {
					sum.Add(sum, rat(t, m[4]))
				}
			}
			return fmt.Sprintf("%d | %s | %d", n, plainSum(sum), len(who))
		}},
	{"complete journey", [][2]string{
		{"completejourney/transactions_sample.csv.gz", "complete-journey/transactions.yaml"}, {"completejourney/demographics.csv", "complete-journey/households.yaml"},
		{"completejourney/campaigns.csv", "complete-journey/campaigns.yaml"}, {"completejourney/coupon_redemptions.csv", "complete-journey/redemptions.yaml"}},
		`SELECT count(*), count(DISTINCT profile_id), sum(properties.total) FROM events JOIN profiles p ON p.id = profile_id JOIN products ON product_id = properties.product_id
			WHERE name = 'Product Purchased' AND department = 'GROCERY' AND age_band = '65+' AND EXISTS (FROM events c WHERE c.profile_id = p.id AND c.name = 'Coupon Redeemed')`,
		func(t *testing.T) string {
			grocery, old, redeemed := map[string]bool{}, map[string]bool{}, map[string]bool{}
			for _, r := range table(t, "completejourney/products.csv.gz", ',') {
				grocery[r["product_id"]] = r["department"] == "GROCERY"
			}
			for _, r := range table(t, "completejourney/demographics.csv", ',') {
				old[r["household_id"]] = r["age"] == "65+"
			}
			for _, r := range table(t, "completejourney/coupon_redemptions.csv", ',') {
				redeemed[r["household_id"]] = true
			}
			n, who, sum := 0, map[string]bool{}, new(big.Rat)
			for _, r := range table(t, "completejourney/transactions_sample.csv.gz", ',') {
				if h := r["household_id"]; grocery[r["product_id"]] && old[h] && redeemed[h] {
					n++
					who[h] = true
					sum.Add(sum, rat(t, r["sales_value"]))
				}
			}
			return fmt.Sprintf("%d | %d | %s", n, len(who), plainSum(sum))
		}},
	{"retail demo", [][2]string{{"retail_demo_store/users.json.gz", "retail-demo/map.yaml"}},
		"SELECT count(*) FILTER (space = 'user_id'), count(*) FILTER (space = 'anonymous_id'), count(DISTINCT profile_id) FROM identifiers WHERE NOT shared",
		func(t *testing.T) string {
			var users []struct {
				ID        string
				Platforms map[string]struct {
					AnonymousID string `json:"anonymous_id"`
				}
			}
			if err := json.Unmarshal(unpacked(t, "retail_demo_store/users.json.gz"), &users); err != nil {
				t.Fatal(err)
			}
			devices := map[string]bool{}
			for _, u := range users {
				for _, p := range u.Platforms {
					devices[p.AnonymousID] = true
				}
			}
			return fmt.Sprintf("%d | %d | %d", len(users), len(devices), len(users))
		}},
	{"hubspot", [][2]string{{"crm_seeds/hubspot/contact_data.csv", "hubspot/contacts.yaml"}, {"crm_seeds/hubspot/email_event_data.csv", "hubspot/emails.yaml"}},
		"SELECT (SELECT count(*) FROM profiles WHERE company = 'SampleCompany'), count(*), count(DISTINCT profile_id) FROM events WHERE name = 'Email Open'",
		func(t *testing.T) string {
			company, opened, who := 0, 0, map[string]bool{}
			for _, r := range table(t, "crm_seeds/hubspot/contact_data.csv", ',') {
				if r["property_company"] == "SampleCompany" && r["_fivetran_deleted"] == "FALSE" {
					company++
				}
			}
			for _, r := range table(t, "crm_seeds/hubspot/email_event_data.csv", ',') {
				if r["type"] == "OPEN" && r["filtered_event"] != "true" {
					opened++
					who[r["recipient"]] = true
				}
			}
			return fmt.Sprintf("%d | %d | %d", company, opened, len(who))
		}},
	{"shopify", [][2]string{{"crm_seeds/shopify/shopify_customer_data.csv", "shopify/customers.yaml"}, {"crm_seeds/shopify/shopify_order_data.csv", "shopify/orders.yaml"}},
		"SELECT count(*), sum(properties.total), count(DISTINCT profile_id) FROM events JOIN profiles p ON p.id = profile_id WHERE name = 'Order Completed' AND state IS NOT NULL",
		func(t *testing.T) string {
			customer, n, who, sum := map[string]bool{}, 0, map[string]bool{}, new(big.Rat)
			for _, r := range table(t, "crm_seeds/shopify/shopify_customer_data.csv", ',') {
				customer[r["email"]] = true
			}
			for _, r := range table(t, "crm_seeds/shopify/shopify_order_data.csv", ',') {
				if customer[r["email"]] && !strings.EqualFold(r["test"], "true") { // one address is of several customer numbers
					n++
					who[r["email"]] = true
					sum.Add(sum, rat(t, r["total_price"]))
				}
			}
			return fmt.Sprintf("%d | %s | %d", n, plainSum(sum), len(who))
		}},
	{"salesforce", [][2]string{{"crm_seeds/salesforce/sf_contact_data.csv", "salesforce/contacts.yaml"}},
		"SELECT count(*), count(lead_source), count(country) FROM profiles",
		func(t *testing.T) string {
			n, lead, country := 0, 0, 0
			for _, r := range table(t, "crm_seeds/salesforce/sf_contact_data.csv", ',') {
				n++
				if r["lead_source"] != "" {
					lead++
				}
				if r["mailing_country_code"] != "" {
					country++
				}
			}
			return fmt.Sprintf("%d | %d | %d", n, lead, country)
		}},
}

// Each example comes to what another program counts, loaded once and again.
func TestExamplesOfMappings(t *testing.T) {
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) {
			e := Memory(t, &engine.Options{Zone: time.UTC})
			if x.name == "complete journey" {
				if _, err := e.LoadTable(context.Background(), "products", &csvRows{in: csv.NewReader(bytes.NewReader(unpacked(t, "completejourney/products.csv.gz")))}, &engine.TableOptions{Key: []string{"product_id"}}); err != nil {
					t.Fatal(err)
				}
			}
			for round := range 2 {
				for _, f := range x.files {
					r := mapped(t, e, f[0], f[1])
					if most := map[bool]int{false: r.Received, true: 0}[round > 0]; r.Accepted > most || round == 0 && r.Accepted < r.Received-1 {
						t.Errorf("%s, round %d: %+v", f[0], round, r)
					}
				}
			}
			if got, want := SQL(t, e, x.query), x.want(t); len(got) != 1 || got[0] != want {
				t.Errorf("SQL says %v, the other program %v", got, want)
			}
		})
	}
}

// A mapping of an example has at most 30 lines.
func TestExamplesOfMappingsAreShort(t *testing.T) {
	files, err := filepath.Glob(Repository("docs/examples/*/*.yaml"))
	if err != nil || len(files) < 12 {
		t.Fatalf("%d mappings, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > 32 {
			t.Errorf("%s has %d lines", f, n)
		}
	}
}

// mapped loads a file through a mapping.
func mapped(t *testing.T, e *engine.Engine, file, mapping string) kith.Tally {
	t.Helper()
	text, err := os.ReadFile(Repository("docs/examples/" + mapping))
	if err != nil {
		t.Fatal(err)
	}
	m, err := source.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", mapping, err)
	}
	in, err := m.Open(filepath.Base(file), bytes.NewReader(unpacked(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := e.LoadRows(context.Background(), in, &engine.LoadOptions{Name: filepath.Base(file), Mapping: text})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r.Tally
}

// unpacked is shared without gzip.
func unpacked(t *testing.T, name string) []byte {
	t.Helper()
	data := shared(t, name)
	if !strings.HasSuffix(name, ".gz") {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil {
		data, err = io.ReadAll(z)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// table reads a CSV whole, with the standard library alone.
func table(t *testing.T, name string, comma rune) []map[string]string {
	t.Helper()
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(unpacked(t, name), []byte("\ufeff"))))
	in.Comma = comma
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		r := map[string]string{}
		for i, cell := range row {
			r[rows[0][i]] = cell
		}
		out = append(out, r)
	}
	return out
}

func rat(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(strings.TrimSpace(s))
	if !ok {
		t.Fatal("no number where there must be one")
	}
	return r
}

// plainSum is a sum as SQL gives it.
func plainSum(r *big.Rat) string {
	return strings.TrimSuffix(strings.TrimRight(r.FloatString(9), "0"), ".")
}

// csvRows are the rows of a table.
type csvRows struct {
	in   *csv.Reader
	head []string
	line int64
}

func (c *csvRows) Columns() []string {
	if c.head == nil {
		c.head, _ = c.in.Read() // an error comes again with the first row
		c.line = 1
	}
	return c.head
}

func (c *csvRows) Next() ([]string, int64, error) {
	c.line++
	row, err := c.in.Read()
	return row, c.line, err
}
