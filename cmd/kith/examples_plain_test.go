package main

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The programs that SQL's answers are compared with. They read the files with
// the standard library alone, and know nothing of mappings.

// unpacked reads a file of the shared data.
func unpacked(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(there(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(text), "\ufeff")
}

// sheet reads CSV, and gives each row by the names of its columns.
func sheet(t *testing.T, name string, comma rune) (rows []map[string]string) {
	t.Helper()
	r := csv.NewReader(strings.NewReader(unpacked(t, name)))
	r.Comma = comma
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range all[1:] {
		row := make(map[string]string, len(cells))
		for i, cell := range cells {
			row[all[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// tallied is what is counted of one line of an answer.
type tallied struct {
	n, m, k int
	sums    [2]big.Rat
	set     map[string]bool
}

// groups are lines of an answer by their key.
type groups map[string]*tallied

func (g groups) of(key string) *tallied {
	if g[key] == nil {
		g[key] = &tallied{set: map[string]bool{}}
	}
	return g[key]
}

// add adds a number, and nothing where there are blanks.
func (g *tallied) add(t *testing.T, i int, number string) {
	t.Helper()
	if number = strings.TrimSpace(number); number == "" {
		return
	}
	x, ok := new(big.Rat).SetString(number)
	if !ok {
		t.Fatal("a cell is no number")
	}
	g.sums[i].Add(&g.sums[i], x)
}

// lines writes the groups in the order of their keys.
func (g groups) lines(write func(key string, g *tallied) string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(g)) {
		b.WriteString(write(key, g[key]) + "\n")
	}
	return b.String()
}

func plainTelco(t *testing.T) string {
	g := groups{}
	for _, r := range sheet(t, "telco_churn/Telco-Customer-Churn.csv", ',') {
		if r["SeniorCitizen"] == "1" {
			continue
		}
		c := g.of(r["Contract"])
		c.n++
		if r["Churn"] == "Yes" {
			c.m++
		}
		c.add(t, 0, r["MonthlyCharges"])
		c.add(t, 1, r["TotalCharges"])
	}
	return g.lines(func(key string, c *tallied) string {
		return fmt.Sprintf("%s,%d,%d,%s,%s", key, c.n, c.m, c.sums[0].FloatString(9), c.sums[1].FloatString(9))
	})
}

func plainBank(t *testing.T) string {
	g := groups{}
	for _, r := range sheet(t, "bank_marketing/bank-additional.csv", ';') {
		m := g.of(r["month"])
		m.n++
		if r["y"] == "yes" {
			m.m++
		}
		if r["pdays"] != "999" {
			m.k++
		}
		m.add(t, 0, r["duration"])
		if r["job"] != "unknown" {
			m.set[r["job"]] = true
		}
	}
	return g.lines(func(key string, m *tallied) string {
		return fmt.Sprintf("%s,%d,%d,%s,%d,%d", key, m.n, m.m, m.sums[0].FloatString(9), m.k, len(m.set))
	})
}

var (
	logLine = regexp.MustCompile(`^(\S+) \S+ \S+ \[[^]]+\] "GET ([^ "?]+)[^"]*" (200|304) (\d+|-) "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)+)"`)
	robots  = []string{"bot", "crawl", "spider", "slurp", "feed", "monitor"}
	assets  = []string{"css", "js", "png", "jpg", "jpeg", "gif", "ico", "svg", "ttf", "woff", "eot", "txt", "xml"}
)

func plainWeblogs(t *testing.T) string {
	g := groups{}
	for line := range strings.Lines(unpacked(t, "weblogs/apache_logs")) {
		m := logLine.FindStringSubmatch(line)
		if m == nil || m[5] == "-" {
			continue
		}
		agent, path := strings.ToLower(m[5]), strings.ToLower(m[2])
		has := func(word string) bool { return strings.Contains(agent, word) }
		ends := func(word string) bool { return strings.HasSuffix(path, "."+word) }
		if slices.ContainsFunc(robots, has) || slices.ContainsFunc(assets, ends) {
			continue
		}
		p := g.of(m[2])
		p.n++
		p.set[m[1]+"\x00"+m[5]] = true
		p.add(t, 0, strings.TrimSuffix(m[4], "-"))
	}
	order := slices.SortedFunc(maps.Keys(g), func(a, b string) int { return cmp.Or(g[b].n-g[a].n, cmp.Compare(a, b)) })
	var b strings.Builder
	for _, path := range order[:10] {
		p := g[path]
		fmt.Fprintf(&b, "%s,%d,%d,%s\n", path, p.n, len(p.set), p.sums[0].FloatString(9))
	}
	return b.String()
}

func plainJourney(t *testing.T) string {
	column := func(file, key, value string) map[string]string {
		out := map[string]string{}
		for _, r := range sheet(t, "completejourney/"+file, ',') {
			out[r[key]] = r[value]
		}
		return out
	}
	kind := column("campaign_descriptions.csv", "campaign_id", "campaign_type")
	department := column("products.csv.gz", "product_id", "department")
	kids := column("demographics.csv", "household_id", "kids_count")
	redeemed := column("coupon_redemptions.csv", "household_id", "household_id")
	sent, named := map[string]bool{}, len(sheet(t, "completejourney/coupon_redemptions.csv", ','))
	for _, r := range sheet(t, "completejourney/campaigns.csv", ',') {
		if named++; kind[r["campaign_id"]] == "Type A" {
			sent[r["household_id"]] = true
		}
	}
	g := groups{}
	for _, r := range sheet(t, "completejourney/transactions_sample.csv.gz", ',') {
		house := r["household_id"]
		in, known := department[r["product_id"]]
		if !sent[house] || redeemed[house] == "" || !known {
			continue
		}
		d := g.of(cmp.Or(kids[house], "?") + "," + in)
		d.n++
		d.add(t, 0, r["sales_value"])
	}
	return g.lines(func(key string, d *tallied) string {
		return fmt.Sprintf("%s,%d,%s,%d", key, d.n, d.sums[0].FloatString(9), named)
	})
}

func plainUsers(t *testing.T) string {
	var users []struct {
		ID, Gender, Persona, Email string
		Addresses                  []struct{ State string }
		Age                        json.Number
		Platforms                  map[string]struct {
			Anonymous   string `json:"anonymous_id"`
			Advertising string `json:"advertising_id"`
		}
	}
	if err := json.Unmarshal([]byte(unpacked(t, "retail_demo_store/users.json.gz")), &users); err != nil {
		t.Fatal(err)
	}
	g, mail := groups{}, map[string]bool{}
	for _, u := range users {
		first := !mail[u.Email] // two users with one address: it stays with the first
		mail[u.Email] = true
		if u.Gender != "F" || !strings.HasPrefix(u.Persona, "furniture") || u.Addresses[0].State < "M" {
			continue
		}
		tell := func(space, value string) {
			if value != "" {
				g.of(space).n++
				g.of(space).set[u.ID] = true
				g.of(space).add(t, 0, u.Age.String())
			}
		}
		tell("user_id", u.ID)
		if first {
			tell("email", u.Email)
		}
		for _, p := range u.Platforms {
			tell("anonymous_id", p.Anonymous)
			tell("device_id", p.Advertising)
		}
	}
	return g.lines(func(key string, s *tallied) string {
		return fmt.Sprintf("%s,%d,%d,%s", key, s.n, len(s.set), s.sums[0].FloatString(9))
	})
}

func plainCRM(t *testing.T) string {
	g := groups{}
	sheet := func(name string) []map[string]string { return sheet(t, "crm_seeds/"+name, ',') }
	tell := func(source, who string) *tallied {
		s := g.of(source)
		s.n++
		s.set[who] = true
		return s
	}
	into := map[string]string{} // whom a contact of HubSpot was merged into
	for _, r := range sheet("hubspot/contact_data.csv") {
		for _, old := range strings.Split(r["property_hs_merged_object_ids"], ";") {
			into[old] = r["id"]
		}
	}
	for _, r := range sheet("hubspot/contact_data.csv") {
		tell("hubspot", cmp.Or(into[r["id"]], r["id"]))
	}
	for _, r := range sheet("hubspot/email_event_data.csv") {
		if r["filtered_event"] == "true" {
			continue
		}
		if s := tell("hubspot-email", r["recipient"]); r["type"] == "OPEN" {
			s.m++
		}
	}
	for _, r := range sheet("shopify/shopify_customer_data.csv") {
		tell("shopify", r["id"])
	}
	for _, r := range sheet("shopify/shopify_order_data.csv") {
		if s := tell("shopify", r["customer_id"]); r["currency"] == "GBP" {
			s.add(t, 0, r["total_price"])
		}
	}
	for _, r := range sheet("salesforce/sf_contact_data.csv") {
		if s := tell("salesforce", r["id"]); r["account_id"] != "" {
			s.n++ // the account is a group
		}
	}
	return g.lines(func(key string, s *tallied) string {
		return fmt.Sprintf("%s,%d,%d,%d,%s", key, s.n, len(s.set), s.m, s.sums[0].FloatString(9))
	})
}
