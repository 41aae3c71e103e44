package enginetest

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// Computed traits are what DuckDB works out from history and what a walk over
// everybody's events gives, after every batch of events, whatever the clock did
// meanwhile; and segments that use them are those with the values written out.
func TestComputedIsWorkedOut(t *testing.T) {
	start := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	values, there := 0, 0
	rounds(t, 3, 2_000, func(t *testing.T, _ int, seed uint64) {
		r := dice(seed, "computed")
		w := &valueWorld{liveWorld: liveWorld{dir: t.TempDir(), now: start}, values: map[string]string{}}
		w.open(t)
		w.clock(t)
		w.goods(t, r)
		w.list(t, r, "vip") // overValues asks for both
		w.list(t, r, "staff")
		for range 4 {
			w.value(t, r)
		}
		w.say(t, "some", "number(c0) > 2 OR vip") // overValues asks for both
		w.say(t, "more", "plan IN (SELECT sort FROM goods)")
		for i := range 3 {
			w.say(t, fmt.Sprintf("s%d", i), overValues(r))
		}
		lines := crowd(r, 100+r.IntN(160), start.Add(20*24*time.Hour))
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		for len(lines) > 0 && !t.Failed() {
			n := min(1+r.IntN(60), len(lines))
			w.happen(t, r)
			if r.IntN(3) == 0 {
				w.load(t, lines[:n])
			} else {
				Lines(t, w.e, lines[:n]...)
			}
			lines = lines[n:]
			if len(w.loads) > 0 && r.IntN(8) == 0 {
				w.unload(t, r)
			}
			w.compareBoth(t, &values, &there)
		}
		for range 3 {
			w.now = w.now.Add(time.Duration(r.IntN(40*24)) * time.Hour)
			w.clock(t)
			w.compareBoth(t, &values, &there)
		}
		w.rebuild(t)
		w.compareBoth(t, &values, &there)
	})
	t.Logf("%d values compared, %d of them there", values, there)
	if values > 1000 && (there*4 < values || there*20 > values*19) {
		t.Errorf("of %d values %d were there: the test asks too little", values, there)
	}
}

// valueWorld is a directory with computed traits, and what they are.
type valueWorld struct {
	liveWorld
	values map[string]string // by name
}

// happen lets something happen beside events.
func (w *valueWorld) happen(t *testing.T, r *rand.Rand) {
	t.Helper()
	switch r.IntN(12) {
	case 0, 1:
		w.value(t, r)
	case 2:
		w.say(t, fmt.Sprintf("s%d", r.IntN(5)), overValues(r))
	case 3:
		w.goods(t, r)
	case 4:
		w.reopen(t)
	case 5:
		w.drop(t, r)
	case 6, 7, 8:
		w.now = w.now.Add(time.Duration(r.IntN(6*24*60)) * time.Minute)
		w.clock(t)
	}
}

// value defines a computed trait, or one of them otherwise: c1 may use c0, and so on.
func (w *valueWorld) value(t *testing.T, r *rand.Rand) {
	t.Helper()
	n := r.IntN(5)
	name, text := fmt.Sprintf("c%d", n), workedOut(r)
	if n > 0 && r.IntN(3) == 0 {
		text = strings.ReplaceAll(uses(r), "c?", fmt.Sprintf("c%d", r.IntN(n)))
	}
	_, err := w.e.DefineTrait(t.Context(), name, text)
	if strings.Contains(text, "properties.comment") { // which says who somebody is, by its name
		if !errors.Is(err, kith.ErrDenied) {
			t.Fatalf("%s: %v, want that it is denied", text, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	w.values[name] = text
}

// drop drops one that nothing uses.
func (w *valueWorld) drop(t *testing.T, r *rand.Rand) {
	t.Helper()
	if len(w.values) == 0 {
		return
	}
	name := one(r, sortedNames(w.values)...)
	if err := w.e.DropTrait(t.Context(), name); err == nil {
		delete(w.values, name)
	} else if !strings.Contains(err.Error(), "it is used by") {
		t.Fatal(err)
	}
}

// rebuild makes everything anew from the log, and opens it.
func (w *valueWorld) rebuild(t *testing.T) {
	t.Helper()
	if made, err := w.e.Check(t.Context(), &engine.CheckOptions{Rebuild: true}); err != nil || !made.Same || len(made.Problems) > 0 {
		t.Errorf("made anew from the log it is another: %v, %v", made.Problems, err)
	}
	w.reopen(t)
}

// compareBoth compares all values, and all segments.
func (w *valueWorld) compareBoth(t *testing.T, values, there *int) {
	t.Helper()
	w.liveWorld.compare(t)
	for _, name := range sortedNames(w.texts) { // asked on demand, of the columns
		if kept, asked := ids(t, w.e, name, nil), ids(t, w.e, "("+w.texts[name]+")", nil); !slices.Equal(kept, asked) {
			t.Errorf("%s at %v: %s\nkept  %v\nasked %v", name, w.now, w.texts[name], kept, asked)
		}
	}
	s := newSlow(t, w.e, w.now)
	w.surround(t, s)
	for _, name := range sortedNames(w.values) {
		v, err := w.e.VerifyTrait(t.Context(), name)
		if err != nil || !v.Same() {
			t.Errorf("%s at %v: %s\n%+v, %v", name, w.now, w.values[name], v, err)
		}
		var want []string
		for _, o := range s.souls {
			want = append(want, fmt.Sprintf("%d | %s", o.id, worded(s.worked(name, o))))
			if !strings.HasSuffix(want[len(want)-1], "NULL") {
				*there++
			}
		}
		*values += len(want)
		if got := SQL(t, w.e, "SELECT id, "+name+" FROM profiles ORDER BY id"); !slices.Equal(got, want) {
			t.Errorf("%s at %v: %s\nkept %v\nwalk %v", name, w.now, w.values[name], got, want)
		}
	}
}

// surround tells the walk what it must know beside people.
func (w *valueWorld) surround(t *testing.T, s *slow) {
	t.Helper()
	s.computed, s.tables = map[string]query.Value{}, map[string][]map[string]any{}
	for name, text := range w.values {
		v, err := query.ParseValue(text)
		if err != nil {
			t.Fatal(err)
		}
		s.computed[name] = v
	}
	s.stock(t, w.e)
}

// worded is a value as SQL shows it.
func worded(v any) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case *big.Rat:
		s := x.FloatString(9)
		return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	case time.Time:
		return show(x)
	}
	return fmt.Sprint(v)
}

// workedOut gives what a computed trait may be.
func workedOut(r *rand.Rand) string {
	from := " FROM events" + where(r)
	switch r.IntN(23) {
	case 21:
		return "(SELECT " + one(r, "unique_list", "counts") + "(" + one(r, "properties.sku", "name", "coalesce(properties.sku, profiles.plan)") + ")" + from + ")"
	case 22:
		return one(r, local(r, one(r, "first_seen", "time(born)", "(SELECT min(ts)"+from+")")), "hour(local_time(now(), "+zone(r)+"))", "(SELECT count(*) FROM events WHERE "+local(r, "ts")+" >= "+moment(r)+")", "(SELECT active_periods(INTERVAL 1 DAY, 30, 1, current_date, "+zone(r)+")"+from+")")
	case 20:
		return "(SELECT has(properties.tags, " + one(r, "'a'", "5") + ")" + from + " ORDER BY ts DESC LIMIT 1)"
	case 19:
		return one(r, "bucket(10)", "bucket('x', 1000)", "bucket('y', 2) = 1", "distance_km(ltv, tier, 48.8566, 2.3522)", "(SELECT min(distance_km(properties.total, profiles.ltv, 1, 2))"+from+")")
	case 18:
		return one(r, "anniversary(born)", "next_anniversary(first_seen)", "year(born)", "hour(last_seen)", "dayofweek(now())", "month(anniversary(born))", "(SELECT most_frequent(name) FROM events WHERE dayofweek(ts) IN (0, 6))", "(SELECT avg(hour(ts))"+from+")")
	case 17:
		return "(SELECT " + share(r) + from + ")"
	case 12:
		return "(SELECT " + one(r, "most_frequent", "least_frequent") + "(" + one(r, word(r), "name") + ")" + from + ")"
	case 13:
		return "(SELECT " + one(r, "median(properties.total)", "percentile(properties.total, 90)") + from + ")"
	case 14:
		return calculation(r)
	case 15:
		return "tier(" + calculation(r) + ", 'low', 2, 'mid', 10, 'high')"
	case 16:
		return "days_between(" + one(r, "(SELECT max(ts)"+from+"), now()", "born, current_date", "first_seen, (SELECT min(ts)"+from+")") + ")"
	case 0:
		return "(SELECT " + one(r, "count(*)", "count(DISTINCT "+word(r)+")", "count(DISTINCT date(ts))", "count(number(properties.total))") + from + ")"
	case 1, 2:
		return "(SELECT " + one(r, "sum", "avg") + "(properties.total)" + from + ")"
	case 3:
		return "(SELECT " + one(r, "min", "max") + one(r, "(ts)", "(number(properties.total))", "(text("+word(r)+"))", "(time(properties.due))") + from + ")"
	case 4, 5:
		return one(r, "number", "text", "bool", "time") + "((SELECT properties." + one(r, "total", "gift", "sku", "via", "ref", "due") + from + " ORDER BY ts" + one(r, "", " DESC") + " LIMIT 1" + one(r, "", " OFFSET 1") + "))"
	case 6:
		return one(r, "number(coalesce(ltv, tier))", "text(coalesce(plan, address.city))", "time(born)", "last_seen", "first_seen + "+aSpan(r), "bool(vip)", "date(last_seen)")
	case 7:
		return one(r, "age(born)", "length(plan)", "lower(plan)", "coalesce(number(ltv), 0)")
	case 8:
		return one(r, "EXISTS", "NOT EXISTS") + " (SELECT 1" + from + ")"
	case 9:
		return "coalesce((SELECT sum(properties.total)" + from + "), (SELECT max(number(properties.total)) FROM events), 0)"
	case 10:
		return mix(r, 1, func(r *rand.Rand) string {
			return one(r, "plan = 'pro'", "number(ltv) > 3", "age(born) >= 26", "last_seen < now() - "+aSpan(r), "NOT bool(vip)", "plan IN (SELECT sort FROM goods)")
		}) + " AND TRUE"
	}
	return "(SELECT max(ts)" + from + ") + " + aSpan(r)
}

// uses gives what a computed trait may be that uses another.
func uses(r *rand.Rand) string {
	return one(r, "number(c?)", "coalesce(number(c?), 0)", "text(c?)", "lower(c?)", "time(c?)", "c? + "+aSpan(r), "bool(c?)", "c? IS NULL", "age(c?)", "c? * 2 - ltv", "tier(c?, 'a', 1, 'b')", "days_between(c?, now())",
		"number(c?) > 2", "time(c?) > now() - "+aSpan(r),
		"(SELECT count(*) FROM events WHERE number(properties.total) > profiles.c?)", "(SELECT sum(properties.total) FROM events WHERE ts >= time(profiles.c?))",
		"(SELECT max(ts) FROM events WHERE text(profiles.c?) IS NULL OR text(properties.sku) = profiles.c?)")
}

// overValues gives a condition over computed traits, and others.
func overValues(r *rand.Rand) string {
	return mix(r, 2, func(r *rand.Rand) string {
		c := fmt.Sprintf("c%d", r.IntN(5))
		switch r.IntN(9) {
		case 0:
			return condition(r)
		case 1, 2:
			return "number(" + c + ") " + op(r) + " " + number(r)
		case 3:
			return "text(" + c + ") " + op(r) + " " + one(r, "'a'", "'pro'", "'soon'")
		case 4:
			return "time(" + c + ") " + one(r, "<", ">=") + " now() - " + aSpan(r)
		case 5:
			return one(r, c+one(r, " IS NULL", " IS NOT NULL"), "has("+c+", "+one(r, "'a'", "'C'", "'Buy'")+")")
		case 6:
			return one(r, "bool("+c+")", c+" = TRUE", c+" IS NOT TRUE")
		case 7:
			return "number(" + c + ") " + one(r, ">=", "<") + " top_percent(" + one(r, "10", "50") + ", " + c + ")"
		}
		return "EXISTS (SELECT 1 FROM events WHERE " + one(r, "number(properties.total) >= profiles."+c, "ts > time(profiles."+c+") - "+aSpan(r), "text(properties.sku) = profiles."+c+" AND "+eventLeaf(r)) + ")"
	})
}
