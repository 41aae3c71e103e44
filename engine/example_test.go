package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

func Example() {
	ctx := context.Background()
	e, err := engine.Open("", nil) // "" lives in memory; a path is a directory that this process owns
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()

	report, err := e.Ingest(ctx,
		kith.Event{Kind: kith.Track, Name: "Product Viewed", AnonymousID: "a-77",
			Properties: json.RawMessage(`{"sku":"tea"}`)},
		kith.Event{Kind: kith.Identify, AnonymousID: "a-77", UserID: "u1",
			Traits: json.RawMessage(`{"email":"Ada@Example.org","country":"FR"}`)},
		kith.Event{Kind: kith.Track, Name: "Order Completed", UserID: "u1",
			Properties: json.RawMessage(`{"total":40.50}`)},
	)
	if err != nil { // what was accepted is durable when Ingest returns
		log.Fatal(err)
	}
	fmt.Println(report.Accepted, "accepted")

	p, err := e.Profile(ctx, kith.Identifier{Space: "email", Value: "ada@example.org"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Events, "events of one person, known by", len(p.Links), "identifiers")

	rows, err := e.SQL(ctx, `SELECT p.country, count(*), sum(e.properties.total)::DOUBLE
		FROM events e JOIN profiles p ON p.id = e.profile_id GROUP BY ALL`)
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var country string
		var n int
		var total float64
		if err := rows.Scan(&country, &n, &total); err != nil {
			log.Fatal(err)
		}
		fmt.Println(country, n, total)
	}
	if err := rows.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 3 accepted
	// 3 events of one person, known by 3 identifiers
	// FR 3 40.5
}

// TestReadmeShowsTheExample keeps the README's embedding snippet what is compiled and run above.
func TestReadmeShowsTheExample(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "func Example() {\n")
	body, rest, _ := strings.Cut(body, "\t// Output:\n")
	output, _, _ := strings.Cut(rest, "\n}")
	for _, want := range []string{
		"```go" + strings.ReplaceAll("\n"+body, "\n\t", "\n") + "```",
		"```\n" + strings.ReplaceAll(output, "\t// ", "") + "\n```",
	} {
		if !strings.Contains(string(readme), want) {
			t.Errorf("README.md does not have this part of the example as it is here:\n%s", want)
		}
	}
}
