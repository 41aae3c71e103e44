package enginetest

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/query"
)

// DuckDB on the rendered SQL gives what a walk over everybody's events gives, and
// what a compiled condition gives person by person: for the condition, its
// negation and what is neither, which part everybody. KITH_CONDITIONS says how
// many are asked where it is not a proof: CI asks 10,000.
func TestThreeWaysOneAnswer(t *testing.T) {
	const each = 100 // conditions a world
	worlds, long := 2, 10_000
	if text := os.Getenv("KITH_CONDITIONS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		worlds = (n + each - 1) / each
	}
	var mu sync.Mutex
	spread, asked := [12]int{}, 0
	t.Cleanup(func() {
		t.Logf("%d conditions; members in tenths of everybody, none first: %v", asked, spread)
		if some := asked - spread[0] - spread[10]; asked >= 100 && some*3 < asked {
			t.Errorf("%d of %d conditions are about some and not all: the test asks too little", some, asked)
		}
	})
	for _, side := range []string{"left", "right"} { // one a core
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			rounds(t, (worlds+1)/2, long/2, func(t *testing.T, _ int, seed uint64) {
				members, everybody := interview(t, dice(seed, side), each)
				mu.Lock()
				defer mu.Unlock()
				asked += len(members)
				for _, n := range members {
					spread[(n*10+everybody-1)/max(everybody, 1)]++
				}
			})
		})
	}
}

// interview makes a world and asks so many conditions in it; it gives how many people
// each is true for, and how many there are.
func interview(t *testing.T, r *rand.Rand, conditions int) (members []int, everybody int) {
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	e := Memory(t, &engine.Options{Zone: time.UTC, Threads: 1})
	if err := e.SetClock(now.Format(time.RFC3339)); err != nil {
		t.Fatal(err)
	}
	Lines(t, e, crowd(r, 60+r.IntN(200), now)...)
	s := newSlow(t, e, now)
	surround(t, r, e, s)
	for len(members) < conditions && !t.Failed() {
		text := condition(r)
		s.now = now
		switch r.IntN(6) {
		case 0, 1: // another instant: of the past, or of days to come
			s.now = now.Add(time.Duration(r.IntN(200*24)-100*24)*time.Hour + time.Duration(r.IntN(3))*time.Second)
		case 2:
			s.now = turned(r, now.AddDate(0, 0, -100), now.AddDate(0, 0, 100))
		}
		members = append(members, concur(t, e, s, text))
	}
	return members, len(s.souls)
}

// concur asks the three ways, and gives how many people the condition is true for.
func concur(t *testing.T, e *engine.Engine, s *slow, text string) int {
	c, err := query.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	ctx := context.Background()
	o := &engine.AskOptions{Now: s.now}
	x, err := e.Explain(ctx, text, o)
	if err != nil {
		t.Fatalf("%s: %v\n%s", text, err, x.SQL)
	}
	got := []kith.ProfileID{}
	seq, err := e.Members(ctx, text, o)
	if err != nil {
		t.Fatal(err)
	}
	for id := range seq {
		got = append(got, id)
	}
	if whole := wholly(t, e, x); !slices.Equal(got, whole) {
		t.Errorf("%s\nthe plan gives %v\nDuckDB alone   %v\n%s\n%v", text, got, whole, x.SQL, x.Steps)
	}
	want := s.members(c, yes)
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%s\nthe plan gives %v\nthe walk       %v\n%v", text, got, want, x.Steps)
	}
	if f, u := len(s.members(c, no)), len(s.members(c, maybe)); x.True != len(got) || x.False != f || x.Unknown != u {
		t.Errorf("%s\nExplain counts %d, %d, %d; the walk %d, %d, %d", text, x.True, x.False, x.Unknown, len(want), f, u)
	}
	l := newLive(t, s, c)
	sets := l.sets()
	for i, where := range []truth{no, maybe, yes} {
		if want := s.members(c, where); !slices.Equal(sets[i], want) {
			t.Errorf("at %s: %s\ncompiled, it is %d for %v\nthe walk gives      %v", s.now, text, i, sets[i], want)
		}
	}
	switch from := s.now.AddDate(0, -1, 0); len(text) % 6 { // now and then: it takes as long as all the rest
	case 0:
		l.history(t, e, nil)
	case 1:
		l.history(t, e, &from)
	}
	return len(got)
}

// wholly gives what DuckDB answers to the whole condition as one statement.
func wholly(t *testing.T, e *engine.Engine, x engine.Explanation) []kith.ProfileID {
	rows, err := e.SQL(context.Background(), "SELECT id FROM ("+x.SQL+") ORDER BY 1", x.Args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", x.Text, err, x.SQL)
	}
	defer rows.Close()
	out := []kith.ProfileID{}
	for rows.Next() {
		var id kith.ProfileID
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		out = append(out, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
