package enginetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// audience is some people with devices, addresses and a plan, in an order that a
// seed says.
func audience(t *testing.T, n int, seed uint64) *engine.Engine {
	t.Helper()
	e := Memory(t, &engine.Options{Zone: time.UTC})
	var lines []string
	for i := range n {
		who := fmt.Sprintf(`"userId":"u%d"`, i)
		if i%3 == 0 {
			who += fmt.Sprintf(`,"anonymousId":"a%d"`, i)
		}
		traits := fmt.Sprintf(`"plan":%q`, []string{"pro", "free"}[i%2])
		if i%5 == 0 {
			traits += fmt.Sprintf(`,"email":"u%d@example.org"`, i)
		}
		lines = append(lines, fmt.Sprintf(`{"type":"identify",%s,"messageId":"m%d","timestamp":"2026-01-01T00:00:00Z","traits":{%s}}`, who, i, traits))
	}
	lines = append(lines, `{"type":"page","anonymousId":"z","messageId":"z","timestamp":"2026-01-01T00:00:00Z"}`)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	Lines(t, e, lines...)
	return e
}

// drawn gives the public ids of a sample, by People.
func drawn(t *testing.T, e *engine.Engine, condition string, n int, seed int64) []string {
	t.Helper()
	rows, err := e.People(t.Context(), condition, []string{"public_id"}, &engine.AskOptions{Sample: n, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		out = append(out, id)
	}
	return out
}

// A sample is what SQL draws by the same hash; it is part of a greater one, and
// another seed draws others.
func TestSampleIsDrawnByPublicID(t *testing.T) {
	seed := rand.Uint64() >> 1
	t.Logf("seed %d", seed)
	e := audience(t, 400, seed)
	if _, err := e.Define(t.Context(), "pro", "plan = 'pro'"); err != nil {
		t.Fatal(err)
	}
	samples := map[int64][]string{}
	for _, condition := range []string{"pro", "plan = 'pro'"} { // kept, and on demand
		for _, s := range []int64{0, 7, -3} {
			got := drawn(t, e, condition, 40, s)
			want := SQL(t, e, "SELECT public_id FROM (SELECT public_id FROM profiles WHERE plan = 'pro' ORDER BY sha256(? || chr(0) || public_id) LIMIT 40) ORDER BY 1", fmt.Sprint(s))
			if !slices.Equal(got, want) {
				t.Errorf("seed %d of %s: %v, want %v", s, condition, got, want)
			}
			for _, id := range drawn(t, e, condition, 10, s) {
				if !slices.Contains(got, id) {
					t.Errorf("seed %d: %s is in the sample of 10, and not of 40", s, id)
				}
			}
			samples[s] = got
		}
	}
	if slices.Equal(samples[0], samples[7]) {
		t.Error("another seed draws the same")
	}
	if n := len(drawn(t, e, "pro", 4000, 1)); n != count(t, e, "pro") {
		t.Errorf("a sample of more than all has %d", n)
	}
	ids, err := e.Members(t.Context(), "pro", &engine.AskOptions{Sample: 40, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	var members []string
	for id := range ids {
		members = append(members, fmt.Sprint(id))
	}
	if want := SQL(t, e, "SELECT id FROM profiles WHERE public_id IN (SELECT unnest(string_split(?, ','))) ORDER BY id", strings.Join(samples[7], ",")); !slices.Equal(members, want) {
		t.Errorf("Members gives %v, want %v", members, want)
	}
	if _, err := e.People(t.Context(), "pro", nil, &engine.AskOptions{Sample: -1}); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("a sample of -1: %v", err)
	}
}

// Everybody is drawn as often as everybody else: of 200 people each is in a tenth
// of the samples of 20, but for chance.
func TestSampleIsUniform(t *testing.T) {
	e := audience(t, 200, 1)
	const rounds = 400
	n := map[string]int{}
	for seed := range int64(rounds) {
		for _, id := range drawn(t, e, "known", 20, seed) {
			n[id]++
		}
	}
	if len(n) != 200 {
		t.Fatalf("%d of 200 are ever drawn", len(n))
	}
	chi := 0.0
	for _, times := range n {
		d := float64(times) - rounds/10
		chi += d * d / (rounds / 10 * 0.9)
	}
	if chi < 130 || chi > 280 { // 199 degrees of freedom: beyond four standard deviations
		t.Errorf("chi square is %.0f", chi)
	}
}

// Reach counts people by the spaces of their identifiers, as SQL does.
func TestReachIsBySpace(t *testing.T) {
	e := audience(t, 60, 2)
	for _, condition := range []string{"plan = 'pro'", "TRUE", "FALSE"} {
		r, err := e.Reach(t.Context(), condition, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range r.Spaces {
			got = append(got, fmt.Sprint(s.Space, " | ", s.People))
		}
		want := SQL(t, e, "SELECT space, count(DISTINCT profile_id) FROM identifiers JOIN profiles ON id = profile_id WHERE "+condition+" GROUP BY 1 ORDER BY 1")
		if !slices.Equal(got, want) || r.People != count(t, e, condition) {
			t.Errorf("%s: %d people, %v, want %v", condition, r.People, got, want)
		}
	}
	u, err := e.Union(t.Context(), []string{"plan = 'pro'", "email IS NOT NULL", "NOT known"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := SQL(t, e, `SELECT count(*) FILTER (a + b + c > 0), count(*) FILTER (a = 1), count(*) FILTER (b = 1), count(*) FILTER (c = 1),
		count(*) FILTER (a = 1 AND b + c = 0), count(*) FILTER (b = 1 AND a + c = 0), count(*) FILTER (c = 1 AND a + b = 0)
		FROM (SELECT coalesce(plan = 'pro', FALSE)::INT AS a, (email IS NOT NULL)::INT AS b, (NOT known)::INT AS c FROM profiles)`)[0]
	if got := strings.Trim(strings.ReplaceAll(fmt.Sprint(u.People, u.Each, u.Only), " ", " | "), "[]"); strings.NewReplacer("[", "", "]", "").Replace(got) != want {
		t.Errorf("union %s, want %s", got, want)
	}
}

// The days of a segment are what SQL makes of its changes, and end with its size.
func TestDaysOfASegment(t *testing.T) {
	e := Memory(t, &engine.Options{Zone: time.UTC})
	r := rand.New(rand.NewPCG(3, 3))
	clock := func(at string) {
		t.Helper()
		if err := e.SetClock(at); err != nil {
			t.Fatal(err)
		}
	}
	clock("2026-01-01T00:00:00Z")
	if _, err := e.Define(t.Context(), "active", "EXISTS (SELECT 1 FROM events WHERE name = 'Visit' AND ts > now() - INTERVAL 36 HOUR)"); err != nil {
		t.Fatal(err)
	}
	if days, err := e.Daily(t.Context(), "active"); err != nil || len(days) != 0 {
		t.Errorf("nobody was ever in it: %v, %v", days, err)
	}
	for i := range 60 {
		day := 1 + i/6
		if day == 5 || day == 6 || day == 7 { // nobody comes
			continue
		}
		at := fmt.Sprintf("2026-01-%02dT%02d:00:00Z", day, 4*(i%6))
		clock(at)
		Lines(t, e, fmt.Sprintf(`{"type":"track","event":"Visit","userId":"u%d","messageId":"m%d","timestamp":%q}`, r.IntN(9), i, at))
	}
	clock("2026-01-14T12:00:00Z")
	days, err := e.Daily(t.Context(), "active")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, d := range days {
		if want := days[0].Day.AddDate(0, 0, i); !d.Day.Equal(want) {
			t.Errorf("day %d is %v", i, d.Day)
		}
		if d.Entered+d.Left > 0 {
			got = append(got, fmt.Sprint(d.Day.Format(time.DateOnly), " | ", d.Size, " | ", d.Entered, " | ", d.Left))
		} else if i > 0 && d.Size != days[i-1].Size {
			t.Errorf("nothing happens on %v, and the size changes", d.Day)
		}
	}
	want := SQL(t, e, `SELECT strftime(day, '%Y-%m-%d'), (sum(entered - "left") OVER (ORDER BY day))::BIGINT AS size, entered, "left" FROM (
		SELECT date_trunc('day', moved_at) AS day, count(*) FILTER (entered) AS entered, count(*) FILTER (NOT entered) AS "left"
		FROM changes WHERE segment = 'active' GROUP BY 1) ORDER BY day`)
	if !slices.Equal(got, want) || len(got) < 8 {
		t.Errorf("days %v, want %v", got, want)
	}
	last := days[len(days)-1]
	if last.Day.Format(time.DateOnly) != "2026-01-14" || last.Size != count(t, e, "active") {
		t.Errorf("the last day is %+v, and %d are in it", last, count(t, e, "active"))
	}
	for _, name := range []string{"", "nobody"} {
		if _, err := e.Daily(t.Context(), name); !errors.Is(err, kith.ErrNotFound) {
			t.Errorf("days of %q: %v", name, err)
		}
	}
}

func TestVolatilityOfADay(t *testing.T) {
	if v, ok := (engine.Day{Size: 4, Entered: 1, Left: 2}).Volatility(); v != 0.75 || !ok {
		t.Errorf("volatility %v %v", v, ok)
	}
	if _, ok := (engine.Day{Left: 2}).Volatility(); ok {
		t.Error("nobody is in it, and it has a volatility")
	}
}
