package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// anyTimes gives four times as devices and servers make them: near to each other
// or not, whole milliseconds or not, absent, and as far away as numbers go.
func anyTimes(r *rand.Rand) (ts int64, t [timeKinds]int64) {
	span := []int64{2, 1000, 200_000, 131_072_000, 2e9, 1e15}
	some := func() int64 {
		d := r.Int64N(2*span[r.IntN(len(span))]) - span[0]
		if r.IntN(2) == 0 {
			d = d / 1000 * 1000
		}
		return d - r.Int64N(2)*2*d
	}
	ts = 1.7e15 + some()
	received := ts + some()
	original := ts + some()
	t = [timeKinds]int64{received, original + received - ts, original}
	if r.IntN(4) == 0 {
		t[timeSent] += some()
	}
	edges := []int64{NoTime, NoTime, NoTime + 1, math.MaxInt64, 0, -1, 131_072_000 + ts, 131_071_000 + ts, ts - 131_072_000}
	for k := range t {
		if r.IntN(6) == 0 {
			t[k] = edges[r.IntN(len(edges))]
		}
	}
	if r.IntN(20) == 0 {
		ts = edges[r.IntN(len(edges))]
	}
	return ts, t
}

func TestTimesComeBackExactly(t *testing.T) {
	r := seeded(t)
	for range 200_000 {
		ts, want := anyTimes(r)
		g := gaps(ts, &want)
		if got := times(ts, &g); got != want {
			t.Fatalf("ts %d: got %v, want %v", ts, got, want)
		}
		for k := range g {
			if !g[k].isFar && (g[k].near >= nearTime<<11 || g[k].near <= -nearTime<<11) {
				t.Fatalf("%d is near", g[k].near)
			}
		}
	}
}

func TestSQLSeesTheTimesThatWereAppended(t *testing.T) {
	r := seeded(t)
	d := &dictionary{}
	k := &disk{dir: t.TempDir()}
	h := open(t, k.options(d))
	defer h.Close()
	rows := anyRows(r, d, 0, 5000)
	for i := range rows {
		rows[i].Time = 1.7e15 + r.Int64N(1e12)
		for _, at := range []*int64{&rows[i].Received, &rows[i].Sent, &rows[i].Original} {
			if *at = NoTime; r.IntN(10) > 0 {
				*at = rows[i].Time + r.Int64N(1e6)*[]int64{1, 1000, 100_000}[r.IntN(3)]
			}
		}
	}
	if err := h.Append(rows); err != nil {
		t.Fatal(err)
	}
	answer, err := h.SQL(t.Context(), &version{paths: d, seq: ^uint64(0)}, "SELECT ts, received_at, sent_at, original_ts FROM events ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	for i := range rows {
		if !answer.Next() {
			t.Fatal("too few rows")
		}
		var got [4]sqlTime
		if err := answer.Scan(&got[0], &got[1], &got[2], &got[3]); err != nil {
			t.Fatal(err)
		}
		want := [4]sqlTime{sqlTime(rows[i].Time), sqlTime(rows[i].Received), sqlTime(rows[i].Sent), sqlTime(rows[i].Original)}
		if got != want {
			t.Fatalf("row %d: got %v, want %v", i, got, want)
		}
	}
}

// sqlTime is a column of SQL that is a time or NULL.
type sqlTime int64

func (s *sqlTime) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s = NoTime
	case time.Time:
		*s = sqlTime(v.UnixMicro())
	default:
		return fmt.Errorf("%T is no time", v)
	}
	return nil
}
