package enginetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/query"
)

// born is a person of whom a birthday is known and nothing else.
type born struct {
	query.Person
	text string
}

// Trait implements query.Person.
func (b born) Trait(_ string, as query.Type) (query.Datum, bool) {
	return query.Datum{As: query.Text, Text: b.text}, as == query.Text
}

// Ages and added months are DuckDB's, at the ends of months and in leap years, too.
func TestCalendarIsDuckDBs(t *testing.T) {
	r := dice(seed(t), "calendar")
	years := &query.Call{Fn: query.Years, Args: []query.Value{&query.Trait{Path: "born", As: query.Time}}}
	p, err := query.Compile(&query.Compare{Op: query.More, L: &query.Top{Percent: "1", Of: years}, R: query.Literal{As: query.Number, Text: "0"}})
	if err != nil {
		t.Fatal(err)
	}
	const form = "2006-01-02 15:04:05.999999"
	var values, want []string
	for range 2000 {
		from := time.Date(1896+r.IntN(130), time.Month(1+r.IntN(12)), 27+r.IntN(5), one(r, 0, 12, 23), 0, 0, one(r, 0, 0, 1000), time.UTC)
		if r.IntN(4) == 0 {
			from = time.Date(1896+4*r.IntN(32), 2, 29, one(r, 0, 12), 0, 0, 0, time.UTC)
		}
		months := r.IntN(1200) - 200
		now := later(from, int64(one(r, months, 12*(months/12))), time.Duration(r.IntN(3)-1)*one(r, time.Microsecond, 24*time.Hour))
		age := "NULL"
		if d, ok, _ := p.TopValue(0, born{text: from.Format(form)}, now.UnixMicro()); ok {
			age = d.Num.String()
		}
		values = append(values, fmt.Sprintf("(%d, TIMESTAMP '%s', TIMESTAMP '%s', %d)", len(values), from.Format(form), now.Format(form), months))
		want = append(want, age+" | "+show(query.Add(from, int64(months), 0)))
	}
	got := SQL(t, Memory(t, nil), "SELECT CASE WHEN a <= b THEN date_sub('year', a, b) END, a + to_months(k) FROM (VALUES "+strings.Join(values, ", ")+") v(n, a, b, k) ORDER BY n")
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: DuckDB gives %s, we %s", values[i], got[i], want[i])
		}
	}
}
