package enginetest

import (
	"context"
	"encoding/json"
	"io"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// What is around a person: all others, segments, and a reference table.

func (s *slow) top(x *query.Top) any {
	var values []any
	for _, o := range s.souls {
		if v := s.value(x.Of, o, nil); v != nil {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nil
	}
	slices.SortFunc(values, func(a, b any) int { return compare(b, a) })
	p, _ := new(big.Rat).SetString(x.Percent)
	p.Mul(p, big.NewRat(int64(len(values)), 100))
	n := new(big.Int).Div(p.Num(), p.Denom()).Int64()
	if !p.IsInt() {
		n++
	}
	return values[n-1]
}

// peers looks at everybody who says the same.
func (s *slow) peers(x *query.Peers, o *soul) any {
	n, own := int64(0), s.value(x.Key, o, nil)
	for _, other := range s.souls {
		if own != nil && s.value(x.Key, other, nil) == own && (x.Where == nil || s.cond(x.Where, other, nil) == yes) {
			n++
		}
	}
	return big.NewRat(n, 1)
}

// member walks the condition of another segment.
func (s *slow) member(x *query.Member, o *soul) truth {
	return either(s.cond(s.segments[x.Segment], o, nil) == yes)
}

// onList looks for each identifier of a person.
func (s *slow) onList(x *query.OnList, o *soul) truth {
	for id := range s.lists[x.List] {
		if o.ids[id] {
			return yes
		}
	}
	return no
}

// listed walks the rows of a table.
func (s *slow) listed(x *query.Listed, o *soul, d *deed) truth {
	v := s.value(x.V, o, d)
	if v == nil {
		return maybe
	}
	return either(s.stands(v, x))
}

func (s *slow) stands(v any, x *query.Listed) bool {
	for _, row := range s.tables[x.Table] {
		in := *s
		in.row, in.table = row, x.Table
		w := in.value(&query.Cell{Column: x.Column, As: x.V.Type()}, nil, nil)
		if w != nil && compare(v, w) == 0 && (x.Where == nil || in.cond(x.Where, nil, nil) == yes) {
			return true
		}
	}
	return false
}

func (s *slow) cell(x *query.Cell) any {
	return s.read(s.row[x.Column], s.types[s.table+"."+x.Column], x.As)
}

// sheet is a table as it is loaded.
type sheet struct {
	columns []string
	rows    [][]string
}

func (s *sheet) Columns() []string { return s.columns }

func (s *sheet) Next() (row []string, line int64, err error) {
	if len(s.rows) == 0 {
		return nil, 0, io.EOF
	}
	row, s.rows = s.rows[0], s.rows[1:]
	return row, 1, nil
}

// surround gives a world a table and segments, and the walk what it must know of them.
func surround(t testing.TB, r *rand.Rand, e *engine.Engine, s *slow) {
	t.Helper()
	ctx := context.Background()
	goods := &sheet{[]string{"sku", "price", "sort"}, [][]string{{"a", "1", "pro"}, {"b", "2.5", "free"}, {"d", "10.5", ""}, {"", "3", "größe"}, {"C", "", "pro"}}}
	s.tables, s.segments, s.lists = map[string][]map[string]any{}, map[string]query.Cond{}, map[string]onList{}
	for _, name := range []string{"vip", "staff"} {
		s.lists[name] = onList{}
		for range 1 + r.IntN(3) {
			s.lists[name].hand(t, r, e, name)
		}
	}
	for i, column := range goods.columns {
		s.types["goods."+column] = []query.Type{query.Text, query.Number, query.Text}[i]
	}
	for _, cells := range goods.rows {
		row := map[string]any{}
		for i, cell := range cells {
			switch {
			case cell == "":
			case i == 1:
				row["price"] = json.Number(cell)
			default:
				row[goods.columns[i]] = cell
			}
		}
		s.tables["goods"] = append(s.tables["goods"], row)
	}
	if _, err := e.LoadTable(ctx, "goods", goods, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"some", "more"} {
		text := mix(r, 1, func(r *rand.Rand) string {
			if r.IntN(2) == 0 {
				return aggregate(r)
			}
			return one(r, "plan = 'pro'", "vip", "ltv > 3", "plan IN (SELECT sort FROM goods)", "in_list('vip')")
		})
		if name == "more" {
			text = "in_segment('some') OR " + text
		}
		if _, err := e.Define(ctx, name, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var err error
		if s.segments[name], err = query.Parse(text); err != nil {
			t.Fatal(err)
		}
	}
}

// stock reads the rows of the table.
func (s *slow) stock(t testing.TB, e *engine.Engine) {
	t.Helper()
	s.tables["goods"] = nil
	columns := []string{"sku", "price", "sort"}
	for i, column := range columns {
		s.types["goods."+column] = []query.Type{query.Text, query.Number, query.Text}[i]
	}
	for _, line := range SQL(t, e, "SELECT coalesce(sku, ''), coalesce(price::VARCHAR, ''), coalesce(sort, '') FROM goods") {
		row := map[string]any{}
		for i, cell := range strings.Split(line, " | ") {
			switch {
			case cell == "":
			case i == 1:
				row["price"] = json.Number(cell)
			default:
				row[columns[i]] = cell
			}
		}
		s.tables["goods"] = append(s.tables["goods"], row)
	}
}

// fromGoods gives a list out of the table.
func fromGoods(r *rand.Rand, column string) string {
	return one(r, "IN", "NOT IN") + " (SELECT " + column + " FROM goods" + one(r, "", "", " WHERE price > 2", " WHERE sort = 'pro'", " WHERE sort IS NULL OR NOT (price < 2)", " WHERE price > 99") + ")"
}
