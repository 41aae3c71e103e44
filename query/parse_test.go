package query

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/kithdb/kith"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// What becomes of each of 175 predicates as people write them for other
// systems: its tree as text, or the error.
func TestPredicates(t *testing.T) {
	in, err := os.ReadFile("testdata/predicates.txt")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimRight(string(in), "\n"), "\n") {
		c, err := Parse(line)
		if err != nil {
			fmt.Fprintf(&b, "%s\n    refused: %v\n", line, err)
			continue
		}
		fmt.Fprintf(&b, "%s\n    %s\n", line, Print(c))
	}
	golden(t, "testdata/predicates.golden", b.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./query -rewrite writes it anew):\n%s", file, got)
	}
}

// again gives an error if the text of a tree is not read as that tree.
func again(c Cond) error {
	text := Print(c)
	d, err := Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	if !reflect.DeepEqual(c, d) {
		return fmt.Errorf("%s is read as %s", text, Print(d))
	}
	return nil
}

func FuzzParse(f *testing.F) {
	in, err := os.ReadFile("testdata/predicates.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range strings.Split(string(in), "\n") {
		f.Add(line)
	}
	f.Add("(SELECT count(*) FROM events WHERE name = 'x' AND ts > now() - INTERVAL 30 DAY) >= 3")
	f.Add(`number("a.b") = number(traits."IN") AND (SELECT properties."x y" FROM events e ORDER BY e.ts DESC LIMIT 1 OFFSET 2) LIKE 'a!%' ESCAPE '!'`)
	f.Add("ltv >= top_percent(2.5, ltv) OR sku IN (SELECT sku FROM products WHERE category = 'a') AND NOT in_segment('x')")
	f.Add(`EXISTS (SELECT 1 FROM events WHERE ts > profiles.first_seen AND text(profiles."a b") = profiles.traits.known AND profiles.traits.traits.x = 'a') AND known`)
	f.Add("(a + b) * -2 / (c - (d - 1)) > days_between(now() - INTERVAL 1 MONTH, last_seen) AND tier(a * b * c, 'x', 1, 'y', 2.5, 'z') = 'y'")
	f.Add("(SELECT percentile(properties.total * 2, 99.5) FROM events) + (SELECT median(ltv) FROM events) / 3")
	f.Add("coalesce((SELECT most_frequent(properties.sku) FROM events), (SELECT least_frequent(name) FROM events WHERE days_between(ts, now()) < 7), text(plan))")
	f.Add("(SELECT unique_list(lower(properties.sku)) FROM events WHERE name = 'View') = '[]' OR (SELECT counts(name) FROM events) IS NULL")
	f.Add("(SELECT share(lower(properties.category), 'it''s', INTERVAL 36 HOUR) FROM events WHERE name = 'View') > (SELECT share(name, 'View') FROM events)")
	f.Add("anniversary(time(birthday)) + INTERVAL 1 YEAR < next_anniversary(last_seen) AND year(a.b) + month(now()) * day(current_date) > hour(last_seen) / dayofweek(date(x))")
	f.Add("distance_km(a.lat, a.lon, 48.8566, -2.3522) < 10 AND bucket(10) = 3 AND NOT (bucket('it''s', 2) IN (0))")
	f.Add("has(a.b, 'x') AND NOT has(tags, 5.50) OR EXISTS (SELECT 1 FROM events WHERE has(properties.tags, 'it''s') AND has(profiles.tags, -1) IS NOT TRUE)")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := ParseValue(text); err == nil {
			again, err := ParseValue(FormatValue(v))
			if err != nil || !reflect.DeepEqual(v, again) {
				t.Fatalf("%q is written as %s, and that is read as %v, %v", text, FormatValue(v), again, err)
			}
			if again, err = ValueFromJSON(ValueJSON(v)); err != nil || !reflect.DeepEqual(v, again) {
				t.Fatalf("%q: its JSON %s is read as %v, %v", text, ValueJSON(v), again, err)
			}
		}
		c, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, kith.ErrInvalid) || e.Pos < 0 || e.Pos > len(text) {
				t.Fatalf("%q gives %v", text, err)
			}
			return
		}
		for _, c := range []Cond{c, Simplify(c)} {
			if err := again(c); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			d, err := FromJSON(ToJSON(c))
			if err != nil || !reflect.DeepEqual(c, d) {
				t.Fatalf("%q: its JSON %s is read as %v, %v", text, ToJSON(c), d, err)
			}
		}
	})
}
