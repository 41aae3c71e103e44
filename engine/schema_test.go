package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSchemaCountsWhatIsThere(t *testing.T) {
	e := open(t, "")
	var lines []string
	for i := range 40 {
		total := fmt.Sprint(i % 4)
		if i == 7 {
			total = `"many"`
		}
		lines = append(lines, fmt.Sprintf(`{"type":"track","event":"Buy","userId":"u%d","messageId":"m%d","timestamp":"2026-01-%02dT00:00:00Z","receivedAt":"2026-01-%02dT01:00:00Z","properties":{"total":%s,"size":"%s","nested":{"gift":%t},"email":"hidden%d@example.org"}}`,
			i%8, i, i%28+1, i%28+1, total, strings.Repeat("x", i%3+1), i%2 == 0, i))
	}
	for i := range 8 {
		lines = append(lines, fmt.Sprintf(`{"type":"identify","userId":"u%d","messageId":"i%d","timestamp":"2026-01-01T00:00:00Z","traits":{"plan":"pro","city":"%s","email":"hidden%d@example.org"}}`, i, i, []string{"Paris", "Rome"}[i/6], i))
	}
	if _, err := e.Load(context.Background(), strings.NewReader(strings.Join(lines, "\n")), &LoadOptions{Source: "shop"}); err != nil {
		t.Fatal(err)
	}
	if err := e.SetClock("2026-01-28T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	s, err := e.Schema(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	show := func(list []Property) string {
		var b strings.Builder
		for _, p := range list {
			fmt.Fprintf(&b, "%s %s %s %d/%d !%d ~%d [%s %s] %v\n", p.Path, p.Class, p.Type, p.Filled, p.Total, p.Conflicts, p.Distinct, p.Min, p.Max, p.Top)
		}
		return b.String()
	}
	if len(s.Events) != 2 || s.Events[0].Name != "Buy" || s.Events[0].Count != 40 || !s.Events[0].Last.Equal(time.Date(2026, 1, 28, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("events %+v", s.Events)
	}
	want := `properties.nested.gift other BOOLEAN 40/40 !0 ~2 [ ] [{false 20} {true 20}]
properties.size other VARCHAR 40/40 !0 ~3 [1 3] [{x 14} {xx 13} {xxx 13}]
properties.total other DECIMAL(38,9) 39/40 !1 ~4 [0 3] [{0 10} {1 10} {2 10} {3 9}]
`
	if got := show(s.Events[0].Properties); got != want {
		t.Errorf("Buy says\n%swant\n%s", got, want)
	}
	want = `plan other VARCHAR 8/8 !0 ~1 [3 3] [{pro 8}]
city descriptive VARCHAR 8/8 !0 ~2 [ ] [{Paris 6}]
email identifying sealed 0/0 !0 ~0 [ ] []
`
	if got := show(s.Traits); !sameLines(got, want) {
		t.Errorf("traits\n%swant\n%s", got, want)
	}
	if src := s.Sources[0]; len(s.Sources) != 1 || src.Source != "shop" || src.Events != 48 || src.Day != 1 || src.Week != 7 {
		t.Errorf("sources %+v", s.Sources)
	}
	text, err := json.Marshal(s)
	if err != nil || strings.Contains(string(text), "hidden") || strings.Contains(string(text), "Rome") {
		t.Errorf("it tells who: %s, %v", text, err)
	}
	if one, err := e.Schema(context.Background(), &SchemaOptions{Event: "identify", Top: -1}); err != nil || len(one.Events) != 1 || len(one.Traits) != 0 || len(one.Events[0].Properties) == 0 || one.Events[0].Properties[0].Top != nil {
		t.Errorf("of identify: %+v, %v", one, err)
	}
}

func sameLines(got, want string) bool {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(a) != len(b) {
		return false
	}
	for _, line := range a {
		if !strings.Contains("\n"+want, "\n"+line+"\n") && line != "" {
			return false
		}
	}
	return true
}
