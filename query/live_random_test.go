package query

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// chance gives random numbers, and prints their seed: KITH_SEED gives them again.
func chance(t *testing.T) *rand.Rand {
	seed := rand.Uint64() >> 1
	if s := os.Getenv("KITH_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("KITH_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// rounds is how often a random test tries.
func rounds(n int) int {
	if testing.Short() {
		return n / 10
	}
	if os.Getenv("KITH_PROVE") != "" {
		return n * 100
	}
	return n
}

func TestDec(t *testing.T) {
	r := chance(t)
	random := func() Dec {
		text := pick(r, "", "-") + fmt.Sprint(r.Uint64N(1<<uint(r.IntN(59)))) + pick(r, "", "00000000009", "00000000000")
		if r.IntN(2) == 0 {
			text += "." + fmt.Sprint(r.Uint64N(1e9))
		}
		d, ok := ParseDec(text)
		if want, _ := new(big.Rat).SetString(text); !ok || ratOf(d).Cmp(want) != 0 {
			t.Fatalf("ParseDec(%s) = %v, %t", text, ratOf(d), ok)
		}
		return d
	}
	for range rounds(20_000) {
		a, b := random(), random()
		if got, want := a.Cmp(b), ratOf(a).Cmp(ratOf(b)); got != want {
			t.Fatalf("%s compared with %s: %d, want %d", a, b, got, want)
		}
		if sum, ok := a.Add(b); !ok || ratOf(sum).Cmp(new(big.Rat).Add(ratOf(a), ratOf(b))) != 0 {
			t.Fatalf("%s + %s = %s, %t", a, b, sum, ok)
		}
		if again, ok := ParseDec(a.String()); !ok || again != a {
			t.Fatalf("%v is written %s", a, a)
		}
		calculated(t, a, b)
		summed(t, r)
		n := 1 + r.Uint64N(1<<uint(r.IntN(63)))
		q, rest := new(big.Int).QuoRem(whole(a), new(big.Int).SetUint64(n), new(big.Int))
		twice := rest.Abs(rest).Lsh(rest, 1)
		if c := twice.Cmp(new(big.Int).SetUint64(n)); c > 0 || c == 0 && q.Bit(0) == 1 {
			q.Add(q, big.NewInt(int64(1-2*(uint64(a.Hi)>>63))))
		}
		if got := whole(a.Quo(n)); got.Cmp(q) != 0 {
			t.Fatalf("%s / %d = %s, want %s", a, n, a.Quo(n), q)
		}
	}
	for text, ok := range map[string]bool{"1e3": true, "1.50": true, "-0": true, "1E-9": true, "0.0000000001": false, "123456789012345678901234567890": false, "12345678901234567890123456789.999999999": true, "": false, "1.": true, "x": false, "1.5x": false, "--1": false} {
		d, got := ParseDec(text)
		if canonical, err := decimal(text); got != ok || ok && (err != nil || d.String() != canonical) {
			t.Errorf("ParseDec(%q) = %s, %t; want %s, %t", text, d, got, canonical, ok)
		}
	}
	great, _ := ParseDec("99999999999999999999999999999.999999999")
	var sum total
	sum.add(great)
	sum.add(great)
	if _, ok := sum.sum(); ok {
		t.Error("twice the greatest number fits")
	}
	sum.add(great.negative())
	if d, ok := sum.sum(); !ok || d != great {
		t.Error("a sum whose parts do not fit is lost")
	}
}

// Conditions and people whose times meet: intervals are few, and all happens
// within some weeks around the end of February.
var spans = []string{"1 DAY", "36 HOUR", "3 DAY", "1 MONTH", "2 MONTH", "1 YEAR"}

func aSpan(r *rand.Rand) string { return pick(r, "- ", "+ ") + "INTERVAL " + pick(r, spans...) }

func aUnit(r *rand.Rand) string {
	return pick(r, "'hour'", "'day'", "'week'", "'week'", "'month'", "'month'", "'quarter'", "'year'")
}

// aLocal is a time, or what a clock shows then.
func aLocal(r *rand.Rand, t string) string {
	zone := "'" + pick(r, zoneNames...) + "'"
	return pick(r, "local_time("+t+", "+zone+")", "date(local_time("+t+", "+zone+"))", "date_trunc("+aUnit(r)+", "+t+")", "utc_time("+t+", "+zone+")", "date_trunc("+aUnit(r)+", local_time("+t+", "+zone+"))")
}

func anOp(r *rand.Rand) string { return pick(r, "=", "<>", "<", "<=", ">", ">=", "<=>") }

func aMoment(r *rand.Rand) string {
	zone := "'" + pick(r, zoneNames...) + "'"
	switch r.IntN(12) {
	case 0, 1:
		return "date_trunc(" + aUnit(r) + ", now()" + pick(r, "", " "+aSpan(r)) + ")" + pick(r, "", " "+aSpan(r))
	case 2:
		return "local_time(now(), " + zone + ")" + pick(r, "", " "+aSpan(r))
	case 3:
		return pick(r, "date(", "date_trunc("+aUnit(r)+", ") + "local_time(" + pick(r, "now()", "now() "+aSpan(r)) + ", " + zone + "))"
	case 4:
		return "utc_time(" + pick(r, "date(", "date_trunc("+aUnit(r)+", ") + "local_time(now(), " + zone + ")) " + pick(r, "", aSpan(r)) + ", " + zone + ")"
	}
	return pick(r, "now()", "current_date", "now() "+aSpan(r), "current_date "+aSpan(r), "date(now() "+aSpan(r)+")")
}

func aPersonLeaf(r *rand.Rand) string {
	switch r.IntN(20) {
	case 17, 18:
		if r.IntN(4) == 0 {
			return aLocal(r, "coalesce(time(born), "+aMoment(r)+")") + " " + anOp(r) + " " + pick(r, "last_seen", "DATE '2026-03-29'")
		}
		return aLocal(r, pick(r, "time(born)", "last_seen", "last_seen "+aSpan(r))) + " " + anOp(r) + " " + pick(r, aMoment(r), "last_seen", "DATE '2026-03-29'")
	case 19:
		return pick(r, "hour", "day", "dayofweek", "month") + "(" + aLocal(r, pick(r, "last_seen", "now()", "born")) + ") " + pick(r, anOp(r)+" "+pick(r, "0", "2", "3", "12", "29"), "IN (0, 6)")
	case 14:
		return pick(r, "", "next_") + "anniversary(" + pick(r, "time(born)", "time(born) "+aSpan(r), "last_seen") + ") " + pick(r, "", aSpan(r)+" ") + anOp(r) + " " + aMoment(r)
	case 15:
		return pick(r, "month", "day", "dayofweek", "hour", "year") + "(" + pick(r, "born", "last_seen", aMoment(r), aMoment(r)) + ") " + anOp(r) + " " + pick(r, "0", "2", "3", "12", "28", "2026")
	case 16:
		return pick(r, "anniversary(born) IS NULL", "day(anniversary(born)) = 28", "hour(now()) IN (0, 12)", "bucket('a', 3) = age(born)", "distance_km(n, 0, age(born), 0) < 200", "month(born) = month(current_date) AND day(born) = day(current_date)", "year(next_anniversary(born)) = year(now() "+aSpan(r)+")")
	case 11:
		return "days_between(" + pick(r, "born, "+aMoment(r), aMoment(r)+", born", "last_seen, "+aMoment(r), "born, last_seen") + ") " + anOp(r) + " " + pick(r, "0", "1", "-1", "30")
	case 12:
		return "tier(number(n) " + pick(r, "+ ", "- ", "* ", "/ ") + pick(r, "2", "0", "number(n)", "age(born)") + ", 'a', 1, 'b', 2.5, 'c') " + anOp(r) + " 'b'"
	case 13:
		return "(SELECT " + pick(r, "most_frequent(properties.sku)", "least_frequent(name)", "most_frequent(lower(name))", "unique_list(properties.sku)", "counts(name)") + " FROM events WHERE " + aMix(r, 1, anEventLeaf) + pick(r, ") IS NULL", ") = 'A'", `) = '["A"]'`, `) = '{"A":2}'`)
	case 0:
		return "plan " + anOp(r) + " 'pro'"
	case 1:
		return "number(n) " + anOp(r) + " 2"
	case 2:
		return "age(born) " + anOp(r) + " " + pick(r, "0", "1", "2")
	case 3:
		return pick(r, "time(born)", "time(born) "+aSpan(r), "date(time(born))", "last_seen") + " " + anOp(r) + " " + aMoment(r)
	case 4:
		return "coalesce(time(born), " + aMoment(r) + ") " + aSpan(r) + " " + anOp(r) + " " + pick(r, "last_seen", "DATE '2026-02-28'")
	case 5:
		return "date(now() " + aSpan(r) + ") IN (DATE '2026-02-28', DATE '2026-03-02')"
	case 6:
		return "age(born) IS NULL"
	case 7:
		return pick(r, "in_segment('a')", "in_list('l')")
	case 8:
		return "(SELECT count(*) FROM events) >= top_percent(50, (SELECT count(*) FROM events))"
	case 9:
		return "plan IN (SELECT sku FROM products)"
	}
	return anAggregate(r)
}

func anEventLeaf(r *rand.Rand) string {
	switch r.IntN(16) {
	case 13, 14:
		return aLocal(r, pick(r, "ts", "properties.due", "ts "+aSpan(r))) + " " + anOp(r) + " " + aMoment(r)
	case 15:
		return pick(r, "hour", "day", "dayofweek") + "(" + aLocal(r, pick(r, "ts", "properties.due")) + ") " + anOp(r) + " " + pick(r, "0", "2", "3", "29")
	case 12:
		return pick(r, "has(properties.tags, 'a')", "hour(ts) "+anOp(r)+" 12", "dayofweek(ts) IN (0, 6)", "month(properties.due) "+anOp(r)+" month(now())", "anniversary(properties.due) "+anOp(r)+" current_date", "next_anniversary(properties.due) "+anOp(r)+" ts")
	case 11:
		return "days_between(" + pick(r, "ts, "+aMoment(r), aMoment(r)+", ts", "properties.due, now()", "ts, profiles.born") + ") " + anOp(r) + " " + pick(r, "0", "1", "3", "-2")
	case 7, 8:
		return aNear(r, 1)
	case 0, 1:
		return "name " + anOp(r) + " 'A'"
	case 2:
		return "properties.n " + anOp(r) + " 1"
	case 3:
		return "ts " + anOp(r) + " " + pick(r, "time(profiles.born)", "profiles.last_seen", "time(profiles.traits.last_seen)") + " " + aSpan(r)
	case 4:
		return pick(r, "ts", "date(ts)", "time(properties.due)") + " " + aSpan(r) + " " + anOp(r) + " " + aMoment(r)
	case 5:
		return "age(properties.due) " + anOp(r) + " 0"
	case 6:
		return "properties.sku IN (SELECT sku FROM products)"
	}
	return "ts " + anOp(r) + " " + aMoment(r)
}

// aNear asks for another event, which may be asked for others.
func aNear(r *rand.Rand, depth int) string {
	where := aMix(r, 1, func(r *rand.Rand) string {
		switch r.IntN(6) {
		case 0:
			return "text(properties.sku) " + anOp(r) + " outer.properties.sku"
		case 1:
			return "outer.properties.n " + anOp(r) + " 1"
		case 2:
			return "ts " + anOp(r) + " outer.ts " + aSpan(r)
		case 3:
			if depth > 0 {
				return aNear(r, depth-1)
			}
			return pick(r, "outer.name = name", "outer.outer.name <> name")
		case 4:
			return "ts " + anOp(r) + " " + aMoment(r)
		}
		return "name " + anOp(r) + " 'A'"
	})
	if depth > 0 {
		where = strings.ReplaceAll(where, "outer.outer", "outer")
	}
	gaps := ""
	for range r.IntN(3) {
		gaps += ", INTERVAL " + pick(r, spans...)
	}
	return pick(r, "", "NOT ") + pick(r, "followed_by(", "preceded_by(") + where + gaps + ")"
}

func anAggregate(r *rand.Rand) string {
	from := " FROM events"
	if r.IntN(5) > 0 {
		from += " WHERE " + aMix(r, 1, anEventLeaf)
	}
	switch r.IntN(11) {
	case 9:
		return "(SELECT active_periods(INTERVAL " + pick(r, "1 DAY", "3 DAY", "1 WEEK", "1 MONTH") + ", " + pick(r, "1", "2", "3", "5") + ", " + pick(r, "1", "2") + ", " + pick(r, "current_date", "current_date + INTERVAL 1 DAY", "date_trunc('month', now())", "date_trunc('week', now() - INTERVAL 1 DAY)") +
			pick(r, "", ", '"+pick(r, zoneNames...)+"'", ", '"+pick(r, zoneNames...)+"'") + ")" + from + ") " + anOp(r) + " " + pick(r, "0", "1", "2", "3")
	case 10:
		return "(SELECT count(DISTINCT " + aLocal(r, "ts") + ")" + from + ") " + anOp(r) + " " + pick(r, "1", "2", "3")
	case 7:
		return "(SELECT share(" + pick(r, "properties.sku", "name", "lower(properties.sku)") + ", 'a'" + pick(r, "", ", INTERVAL "+pick(r, "1 DAY", "36 HOUR", "30 DAY")) + ")" + from + ")" + pick(r, " "+anOp(r)+" "+pick(r, "0", "0.5", "0.333333333", "1"), " IS NULL")
	case 6:
		return "(SELECT active_periods(INTERVAL " + pick(r, spans...) + ", " + pick(r, "1", "2", "3") + pick(r, "", ", 2", ", 1, current_date") + ")" + from + ") " + anOp(r) + " " + pick(r, "0", "1", "2")
	case 5:
		return "(SELECT " + aNear(r, 1) + from + " ORDER BY ts" + pick(r, "", " DESC") + " LIMIT 1)" + pick(r, "", " = FALSE", " IS NULL", " IS NOT TRUE")
	case 0:
		return pick(r, "", "NOT ") + "EXISTS (SELECT 1" + from + ")"
	case 1:
		return "(SELECT " + pick(r, "count(*)", "count(properties.sku)", "count(DISTINCT date(ts))", "count(DISTINCT number(properties.n))") + from + ") " + anOp(r) + " " + pick(r, "0", "1", "2", "3")
	case 2:
		return "(SELECT " + pick(r, "sum", "avg", "min", "max") + "(properties.n)" + from + ") " + anOp(r) + " " + pick(r, "1", "1.5", "2", "3")
	case 3:
		return "(SELECT " + pick(r, "min", "max") + "(ts)" + from + ") " + aSpan(r) + " " + anOp(r) + " " + aMoment(r)
	case 4:
		return "(SELECT max(age(properties.due))" + from + ") " + anOp(r) + " 0"
	}
	return "(SELECT properties.sku" + from + " ORDER BY ts" + pick(r, "", " DESC") + " LIMIT 1" + pick(r, "", " OFFSET 1") + ")" + pick(r, " = 'a'", " IS NULL", " <=> 'b'")
}

func aMix(r *rand.Rand, depth int, leaf func(*rand.Rand) string) string {
	if depth == 0 || r.IntN(3) == 0 {
		return leaf(r)
	}
	return pick(r, "", "NOT ") + "(" + aMix(r, depth-1, leaf) + pick(r, " AND ", " OR ") + aMix(r, depth-1, leaf) + ")"
}

// aTime is a time within some weeks around the end of February.
func aTime(r *rand.Rand) int64 {
	if r.IntN(4) == 0 { // within hours of a change of clocks
		return micros(pick(r, "2026-03-29T01:00:00", "2026-03-08T07:00:00", "2026-04-04T15:00:00")) + (r.Int64N(12)-6)*hour/2 + pick[int64](r, 0, -1, 1)
	}
	return micros("2026-01-28") + r.Int64N(70)*day + pick[int64](r, 0, 0, 1, -1, 6*3600*second, 12*3600*second, day-1)
}

func aPerson(r *rand.Rand) *somebody {
	text := func(at int64) string { return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.999999Z") }
	s := &somebody{traits: said{"plan": say(pick(r, "pro", "free")), "n": say(r.IntN(4)), "last_seen": {As: Time, Time: aTime(r)}}, tops: []Datum{say(2)}, listed: []string{"a", "pro"}}
	if r.IntN(2) == 0 {
		s.lists = []string{"l"}
	}
	if r.IntN(4) > 0 {
		s.traits["born"] = say(text(addMonths(aTime(r), -12*int64(r.IntN(3)))))
	}
	if r.IntN(2) == 0 {
		s.members = []string{"a"}
	}
	for i := range r.IntN(6) {
		at := aTime(r)
		ev := said{"name": say(pick(r, "A", "B")), "ts": {As: Time, Time: at}, "received_at": {As: Time, Time: at}, "message_id": say(fmt.Sprint(i))}
		if r.IntN(4) > 0 {
			ev["properties.n"] = say(r.IntN(3))
		}
		if r.IntN(4) > 0 {
			ev["properties.sku"] = say(pick(r, "a", "b"))
		}
		if r.IntN(2) == 0 {
			ev["properties.tags"] = Datum{As: List, Text: pick(r, `["a"]`, `["b", 1]`)}
		}
		if r.IntN(2) == 0 {
			ev["properties.due"] = say(text(aTime(r)))
		}
		s.events = append(s.events, ev)
	}
	return s
}

// times gives all times that a person has.
func (s *somebody) times() []int64 {
	var out []int64
	for _, f := range append([]said{s.traits}, s.events...) {
		for _, d := range f {
			if t, ok := readTime(d.Text); ok && d.As == Text {
				out = append(out, t)
			} else if d.As == Time {
				out = append(out, d.Time)
			}
		}
	}
	return out
}

// aheads are by how much the clocks of the zones are ahead.
var aheads = []int64{0, hour, 2 * hour, -4 * hour, -5 * hour, 11 * hour / 2, 21 * hour / 2, 11 * hour}

// moments gives instants at which something can change for a person, those
// beside them, and some of no meaning, in order.
func moments(r *rand.Rand, s *somebody, from, to int64) []int64 {
	var base []int64
	for _, x := range s.times() {
		if r.IntN(4) == 0 { // whole days after it, and before
			for n := x + (from-x)/day*day; n < to; n += day {
				base = append(base, n)
			}
		}
		for _, ahead := range aheads { // what the clocks of the zones show
			base = append(base, x-ahead, x+ahead, x-clockOf(x)-ahead, x-clockOf(x)+day-ahead)
		}
		for _, t := range []int64{x, x - clockOf(x)} {
			for _, span := range []int64{0, day, day * 3 / 2, 3 * day} {
				base = append(base, t+span, t-span)
			}
			for _, months := range []int64{1, 2, 12, 24, 36} {
				for d := range int64(4) { // where the end of a month cuts
					base = append(base, addMonths(t, months)+d*day, addMonths(t, -months)+d*day)
				}
			}
			base = append(base, addMonths(t, 1)+day*3/2, addMonths(t-day*3/2, 1), addMonths(t, -1)-day*3/2)
		}
	}
	for n := from - clockOf(from); n < to; n += day / 2 {
		for _, ahead := range aheads {
			base = append(base, n-ahead)
		}
	}
	for _, c := range changes {
		for h := int64(-4); h <= 4; h++ {
			base = append(base, micros(c)+h*hour/2)
		}
	}
	var out []int64
	for _, n := range base {
		for i := int64(-1); i <= 1; i++ {
			if n+i >= from && n+i < to {
				out = append(out, n+i)
			}
		}
	}
	for range 100 {
		out = append(out, from+r.Int64N(to-from))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// The text of a condition is in its one form: read and written again it is the same.
func TestOneForm(t *testing.T) {
	r := chance(t)
	for range rounds(5000) {
		text := aMix(r, 3, aPersonLeaf)
		c, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, c := range []Cond{c, Simplify(c)} {
			if err := again(c); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
	}
}

// Between an instant and the next that Eval gives for it the answer stays; and
// what Expires says can go makes no difference from then on.
func TestNextIsNeverLate(t *testing.T) {
	r := chance(t)
	from, to := micros("2026-01-20"), micros("2026-04-20")
	changes, steps, both := 0, 0, 0
	for range rounds(400) {
		text := aMix(r, 2, aPersonLeaf)
		p := compiled(t, text)
		for range 4 {
			s := aPerson(r)
			s.meet(p, 0)
			less := *s
			all := moments(r, s, from, to)
			forgot := all[r.IntN(len(all))]
			less.meet(p, forgot)
			answer, next := p.Eval(s, from)
			began := changes
			for _, n := range all {
				for next <= n {
					a, then := p.Eval(s, next)
					if steps++; a != answer {
						changes++
					}
					if then <= next {
						t.Fatalf("%s: after %s comes %s", text, clock(next), clock(then))
					}
					answer, next = a, then
				}
				got, _ := p.Eval(s, n)
				if got != answer {
					t.Fatalf("%s\nis %d at %s, and was to stay %d until %s\n%+v", text, got, clock(n), answer, clock(next), s)
				}
				if n >= forgot {
					if got, _ := p.Eval(&less, n); got != answer {
						t.Fatalf("%s\nis %d at %s without what expired at %s, %d with it\n%+v", text, got, clock(n), clock(forgot), answer, s)
					}
				}
			}
			if changes > began {
				both++
			}
		}
	}
	t.Logf("%d of %d people change; %d changes, found by %d steps", both, rounds(400)*4, changes, steps)
	if both < rounds(400)/2 {
		t.Errorf("only %d of %d people change", both, rounds(400)*4)
	}
}
