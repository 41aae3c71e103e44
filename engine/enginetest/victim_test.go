package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/enginetest/faults"
)

// What a victim is told by its environment.
const (
	victimDir   = "KITH_VICTIM_DIR"
	victimRound = "KITH_VICTIM_ROUND"
	victimMost  = "KITH_VICTIM_MOST" // batches of each stream before it closes; 0: no end
	victimParts = "KITH_VICTIM_PARTS"
	victimShare = "KITH_VICTIM_SHARE" // the share of the largest batches, as 1/n
)

// victim is the process that is killed: four streams take in events as fast as
// they can, in small, middle and large batches and in loads, and tell the parent
// of each that was acknowledged. Message n of a stream has the id "stream-n", n
// from 1 without gaps, so that the parent can say what may not be missing.
func victim(t *testing.T) {
	var armed atomic.Bool
	armed.Store(strings.HasSuffix(os.Getenv(victimRound), "3")) // else it is killed while events come in, not while segments are built
	engine.Point = func(name string) {
		if armed.Load() {
			faults.Point(name)
		}
	}
	engine.PartRows, _ = strconv.Atoi(os.Getenv(victimParts)) // absent: 0, history's own
	e, err := engine.Open(os.Getenv(victimDir), quiet(&engine.Options{Memory: 64 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	round := os.Getenv(victimRound)
	var chosen []string // some who are there, and some who come
	for i := range 300 {
		chosen = append(chosen, fmt.Sprintf("user_id=u%d", i*3), fmt.Sprintf("anonymous_id=ar%ss2%d", round, i*5))
	}
	if _, err := e.ImportList(t.Context(), "chosen", handing(chosen...), engine.ReplaceList); err != nil {
		t.Fatal(err)
	}
	if _, err := e.DefineTrait(t.Context(), "spent", "(SELECT sum(properties.total) FROM events WHERE name = 'Order Completed')"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"buyers", "silent", "top", "either", "spender", "chosen"} { // what others use first
		text := victimSegments[name]
		if _, err := e.Define(t.Context(), name, text); err != nil {
			t.Fatal(err)
		}
	}
	armed.Store(true)
	most, err := strconv.Atoi(os.Getenv(victimMost))
	if err != nil {
		t.Fatal(err)
	}
	var streams sync.WaitGroup
	errs := make([]error, 4)
	share, err := strconv.Atoi(os.Getenv(victimShare))
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{1, 50, 400 / share, 1500 / share} {
		send := ingest
		if i == 3 {
			send = load
		}
		streams.Go(func() { errs[i] = stream(e, fmt.Sprintf("r%ss%d", round, i), size, most, send) })
	}
	streams.Wait()
	if err := errors.Join(append(errs, e.Close())...); err != nil {
		t.Fatal(err)
	}
}

// victimSegments are kept current while the victim takes in events.
var victimSegments = map[string]string{
	"buyers":  "(SELECT count(*) FROM events WHERE name = 'Order Completed' AND properties.total >= 50) >= 3",
	"silent":  "NOT EXISTS (SELECT 1 FROM events WHERE name = 'Viewed') AND plan IN ('p1', 'p2')",
	"top":     "score >= top_percent(20, score)",
	"either":  "in_segment('buyers') OR in_segment('top')",
	"spender": "spent >= 500 OR spent >= top_percent(5, spent)",
	"chosen":  "in_list('chosen') AND NOT in_segment('top')",
	"among":   "(SELECT count(*) FROM profiles WHERE plan = outer.plan AND in_segment('buyers')) BETWEEN 1 AND 3",
}

// segmentsHold waits until the segments and computed traits are live, and compares each with what DuckDB finds.
func segmentsHold(t *testing.T, e *engine.Engine) {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		all, err := e.Segments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		building := slices.ContainsFunc(all, func(s engine.Segment) bool { return s.State != "live" })
		if building && time.Now().Before(until) {
			continue
		}
		for _, s := range all {
			v, err := e.Verify(t.Context(), s.Name)
			if err != nil || !v.Same() {
				t.Errorf("segment %s: %+v, %v", s.Name, v, err)
			}
		}
		traits, err := e.ComputedTraits(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range traits {
			v, err := e.VerifyTrait(t.Context(), c.Name)
			if err != nil || !v.Same() {
				t.Errorf("computed trait %s: %+v, %v", c.Name, v, err)
			}
		}
		return
	}
}

// stream takes in batches of one size.
func stream(e *engine.Engine, name string, size, most int, send func(*engine.Engine, []string) (kith.Tally, error)) error {
	n := 0
	for batch := 0; most == 0 || batch < most; batch++ {
		lines := make([]string, size)
		for i := range lines {
			n++
			lines[i] = message(name, n)
		}
		sum, err := send(e, lines)
		if err != nil {
			return err
		}
		if sum.Accepted != size {
			return fmt.Errorf("of %d events %d were accepted", size, sum.Accepted)
		}
		if err := faults.Ack(name + " " + strconv.Itoa(n)); err != nil {
			return err
		}
	}
	return nil
}

func ingest(e *engine.Engine, lines []string) (kith.Tally, error) {
	r, err := e.IngestJSON(context.Background(), "victim", []byte(`{"batch":[`+strings.Join(lines, ",")+`]}`))
	return r.Tally, err
}

func load(e *engine.Engine, lines []string) (kith.Tally, error) {
	r, err := e.Load(context.Background(), strings.NewReader(strings.Join(lines, "\n")), nil)
	return r.Tally, err
}

// message gives the n-th event of a stream: people with several devices, some
// of them shared, who say traits now and then.
func message(stream string, n int) string {
	user, device := (n*7919)%997, (n*104729)%1499
	at := start.AddDate(0, 0, n%27).Format("2006-01-02T15:04:05Z")
	head := fmt.Sprintf(`{"messageId":"%s-%d","timestamp":"%s",`, stream, n, at)
	switch {
	case n%5 == 0:
		return head + fmt.Sprintf(`"type":"track","event":"Viewed","anonymousId":"a%s%d","properties":{"page":%d}}`, stream, device, n%50)
	case n%11 == 0:
		return head + fmt.Sprintf(`"type":"identify","userId":"u%d","anonymousId":"a%s%d","traits":{"email":"p%d@example.org","plan":"p%d","score":%d}}`,
			user, stream, device, user, n%4, n)
	}
	return head + fmt.Sprintf(`"type":"track","event":"Order Completed","userId":"u%d","properties":{"total":%d.50,"note":"n%d"}}`, user, n%100, n)
}

// acked gives the last number of each stream that was acknowledged.
func acked(acks []string, into map[string]int) {
	for _, a := range acks {
		name, text, _ := strings.Cut(a, " ")
		n, _ := strconv.Atoi(text) // the victim wrote it so
		into[name] = max(into[name], n)
	}
}

// whole makes the test fail if anything that was acknowledged is missing or
// anything is there twice: each stream must be there from 1 on without a gap, at
// least to the last acknowledged number.
func whole(t *testing.T, e *engine.Engine, acks map[string]int) {
	t.Helper()
	found := map[string]bool{}
	for _, row := range SQL(t, e, `SELECT split_part(message_id, '-', 1) AS s, count(*), count(DISTINCT message_id),
		max(split_part(message_id, '-', 2)::BIGINT), min(split_part(message_id, '-', 2)::BIGINT) FROM events GROUP BY s`) {
		var name string
		var rows, distinct, top, low int
		if _, err := fmt.Sscanf(strings.ReplaceAll(row, " | ", " "), "%s %d %d %d %d", &name, &rows, &distinct, &top, &low); err != nil {
			t.Fatal(err)
		}
		found[name] = true
		if rows != distinct || rows != top || low != 1 || top < acks[name] {
			t.Errorf("stream %s: %d rows, %d different, from %d to %d, acknowledged up to %d", name, rows, distinct, low, top, acks[name])
		}
	}
	for name, n := range acks {
		if !found[name] && n > 0 {
			t.Errorf("stream %s is gone, acknowledged up to %d", name, n)
		}
	}
	agree(t, e)
}

// agree compares what profiles count with what history has, for some people,
// and the log with history.
func agree(t *testing.T, e *engine.Engine) {
	t.Helper()
	for _, row := range SQL(t, e, `SELECT i.value, count(*) FROM events JOIN identifiers i USING (profile_id)
		WHERE i.space = 'user_id' AND NOT i.shared GROUP BY i.value ORDER BY hash(i.value) LIMIT 40`) {
		user, count, _ := strings.Cut(row, " | ")
		p, err := e.Lookup(kith.Identifier{Space: "user_id", Value: user})
		if err != nil {
			t.Fatal(err)
		}
		if got := strconv.FormatUint(p.Events, 10); got != count {
			t.Errorf("a profile counts %s events, history has %s", got, count)
		}
	}
	s, err := e.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := SQL(t, e, "SELECT count(*) FROM events"); got[0] != strconv.FormatUint(s.Events, 10) {
		t.Errorf("the log has %d events, history %s", s.Events, got[0])
	}
}
