package source

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// proposed are files of the shared data, and lines that a proposal has.
var proposed = map[string][]string{
	"onlineretail/online_retail.csv.gz":             {"time: {column: InvoiceDate, zone: UTC}", "user_id: CustomerID", "track: Product Purchased", "number(UnitPrice)", "country(Country)", "online-retail-{InvoiceNo}"},
	"completejourney/transactions_sample.csv.gz":    {"user_id: household_id", "column: transaction_timestamp", "number(sales_value)"},
	"completejourney/demographics.csv":              {"user_id: household_id", "identify:"},
	"completejourney/coupon_redemptions.csv":        {"column: redemption_date", "Coupon Redeemed"},
	"small_crm/jaffle_classic/raw_customers.csv":    {"user_id: id", "identify:"},
	"small_crm/jaffle_classic/raw_orders.csv":       {"user_id: user_id", "column: order_date"},
	"crm_seeds/hubspot/contact_data.csv":            {"user_id: id"},
	"crm_seeds/salesforce/sf_contact_data.csv":      {"user_id: id"},
	"crm_seeds/shopify/shopify_customer_data.csv":   {"user_id: id", "column: created_at"},
	"crm_seeds/shopify/shopify_order_data.csv":      {"user_id: customer_id", "column: created_at"},
	"telco_churn/Telco-Customer-Churn.csv":          {"user_id: customerID", "identify:", "number(MonthlyCharges)"},
	"cdnow/CDNOW_sample.txt":                        {"columns: [column_1]", "seems to be data"},
	"bank_marketing/bank-additional.csv":            {`delimiter: ";"`, "line()", "number(age)", "emp_var_rate"},
	"weblogs/apache_logs":                           {"format: log", "page:"},
	"retail_demo_store/users.json.gz":               {"format: json", "user_id: id", "email: try(email(email))", "platforms.ios.anonymous_id"},
	"senzing_customers/customers.csv":               nil,
	"online_shoppers/online_shoppers_intention.csv": nil,
	"febrl/dataset1.csv":                            nil,
	"splink/fake_1000.csv":                          nil,
	"snowplow_web/source/snowplow_web_events.csv":   nil,
	"crm_seeds/klaviyo/event.csv":                   nil,
	"github_webhooks/payloads.jsonl":                {"format: ndjson"},
}

// A proposal can be read, and the file comes in through it.
func TestPropose(t *testing.T) {
	for name, want := range proposed {
		t.Run(name, func(t *testing.T) {
			text, err := Propose(filepath.Base(name), openData(t, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range want {
				if !bytes.Contains(text, []byte(part)) {
					t.Errorf("the proposal lacks %q", part)
				}
			}
			m, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			rows, items, refused := tally(t, m, openData(t, name))
			bad := 0
			for _, n := range refused {
				bad += n
			}
			if least := rows * 9 / 10; rows == 0 || items < least && (m.format.kind != "ndjson" || items < rows/2) {
				t.Errorf("%d calls of %d rows, refused %v", items, rows, refused)
			}
			if testing.Verbose() || t.Failed() {
				t.Logf("%d rows, %d calls, refused %v\n%s", rows, items, refused, text)
			}
		})
	}
}

// Of a file without names of columns no value comes into the proposal, and no row is lost.
func TestProposeWithoutHeader(t *testing.T) {
	for _, file := range []string{
		"7;Ada;ada@example.org;3\n8;Bob;bob@example.org;4\n",
		"7;Ada;2024-05-06 10:15:00;3\n8;Bob;2024-05-07 10:15:00;4\n",
		"7;8;9\n1;2;3\n",
	} {
		text, err := Propose("people.csv", strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"Ada", "ada@", "10:15", "{7}", "`7`"} {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%q stands in\n%s", word, text)
			}
		}
		m, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if rows, items, refused := tally(t, m, strings.NewReader(file)); rows != 2 || items != 2 {
			t.Errorf("%d rows, %d calls, refused %v of %q", rows, items, refused, file)
		}
	}
	for _, names := range []string{"id,null,~,yes,Null", "id,---,a: b,# c", "id,a\tb,<<,*x,\"\"\"{y}\"\"\""} {
		if _, err := Propose("f.csv", strings.NewReader(names+"\n1,2,3,4,5\n1,2,3,4\n")); err != nil {
			t.Errorf("%s: %v", names, err)
		}
	}
	wide := "id" + strings.Repeat(",x", 4500) + "\n1" + strings.Repeat(",2", 4500) + "\n"
	if text, err := Propose("f.csv", strings.NewReader(wide)); err != nil || !bytes.Contains(text, []byte(" columns more are left out; to have every")) {
		t.Errorf("many columns: %v\n%.200s", err, text)
	}
	if text, err := Propose("f.csv", strings.NewReader("id,2023,2024\na,5,6\n")); err != nil || !bytes.Contains(text, []byte("`2023`")) {
		t.Errorf("years as names: %v\n%s", err, text)
	}
}

// tally maps a whole input, and checks that each row is accounted for.
func tally(t testing.TB, m *Mapping, r io.Reader) (rows, items int, refused map[string]int) {
	t.Helper()
	in, err := m.Open("file", r)
	if err != nil {
		t.Fatal(err)
	}
	refused = make(map[string]int)
	taken, bad, left := map[int64]bool{}, 0, 0
	for {
		piece, line, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n, e := in.Map(piece, line, func(line int64, call []byte) {
			items++
			taken[line] = true
		}, func(_ int64, code, path string, _ []byte) {
			bad++
			refused[strings.TrimSpace(code+" "+path)]++
		})
		rows, left = rows+n, left+e
	}
	if rows != len(taken)+bad+left {
		t.Errorf("%d rows are not %d taken, %d refused and %d left out", rows, len(taken), bad, left)
	}
	return rows, items, refused
}
