package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/enginetest/faults"
)

const (
	flipMake = "KITH_FLIP_MAKE" // where the undamaged copy is to be made
	flipDir  = "KITH_FLIP_DIR"  // of the undamaged copy and of what it answers
	flipFrom = "KITH_FLIP_FROM" // seed of the first flip
	flipTo   = "KITH_FLIP_TO"   // and of the first that is not done any more
)

// kinds are the kinds of file of a directory.
var kinds = []string{
	"badger/*.sst", "history/*.duckdb", "badger/MANIFEST", "keys/*", "badger/*.sst",
	"history/*.duckdb", "badger/*.vlog", "badger/*.mem", "badger/*.sst", "FORMAT",
	"history/*.wal", "badger/KEYREGISTRY", "badger/DISCARD", "**", "live",
}

// A flipped byte in any file is reported when the directory is opened or
// checked, or it changes no answer. Nothing crashes.
func TestFlipIsReportedOrHarmless(t *testing.T) {
	if faults.Child() {
		if dir := os.Getenv(flipMake); dir != "" {
			makeDamageable(t, dir)
			return
		}
		flips(t)
		return
	}
	t.Parallel()
	base, probes := t.TempDir(), 40
	if proving() {
		probes = 500
	}
	if d := faults.Start(t, "TestFlipIsReportedOrHarmless", flipMake+"="+filepath.Join(base, "good")).Wait(); d.Code != 0 {
		t.Fatalf("the undamaged copy: %s", d.Output)
	}
	if problems := writeAnswers(t, base, probes); len(problems) > 0 {
		t.Fatalf("the undamaged copy: %s", problems)
	}
	outcomes := map[string]int{}
	rounds(t, 2, 25, func(t *testing.T, _ int, seed uint64) { damage(t, base, seed*flipsEach, outcomes) })
	t.Logf("flips: %v", outcomes)
}

// flipsEach is how many flips are done in one round, by one process if none ends it.
const flipsEach = 20

// damage does a round of flips.
func damage(t *testing.T, base string, from uint64, outcomes map[string]int) {
	t.Helper()
	for to := from + flipsEach; from < to; {
		v := faults.Start(t, "TestFlipIsReportedOrHarmless", flipDir+"="+base,
			flipFrom+"="+strconv.FormatUint(from, 10), flipTo+"="+strconv.FormatUint(to, 10))
		d := v.Wait()
		for _, line := range d.Acks {
			outcome, rest, _ := strings.Cut(line, ": ")
			outcomes[outcome]++
			t.Log(line)
			if outcome == "WRONG" {
				t.Errorf("a flip changed an answer and nobody said so: %s", rest)
			}
		}
		from += uint64(len(d.Acks))
		if from < to {
			t.Errorf("flip %d ended the process:\n%s", from, d.Output)
			from++
		}
	}
}

// makeDamageable makes a directory that has every kind of file.
func makeDamageable(t *testing.T, dir string) {
	t.Helper()
	engine.PartRows = 1200
	for part := range 3 {
		e, err := engine.Open(dir, quiet(nil))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for s := range 3 {
			for n := 1; n <= 500; n++ {
				lines = append(lines, message(fmt.Sprintf("p%ds%d", part, s), n))
			}
		}
		lines = append(lines, `{"type":"track"}`, lines[0], strings.Replace(lines[1], `"total":`, `"sum":`, 1), `{"type":"identify","userId":"u1","traits":{"name":"N1"}}`)
		Lines(t, e, lines...)
		if part == 0 { // the file live
			if _, err := e.Define(context.Background(), "buyers", "(SELECT sum(properties.total) FROM events) > 400"); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// flips is the process that damages, opens, checks and asks.
func flips(t *testing.T) {
	base := os.Getenv(flipDir)
	from, err1 := strconv.ParseUint(os.Getenv(flipFrom), 10, 64)
	to, err2 := strconv.ParseUint(os.Getenv(flipTo), 10, 64)
	text, err3 := os.ReadFile(filepath.Join(base, "answers"))
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	var want []string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for s := from; s < to; s++ {
		late := time.AfterFunc(2*time.Minute, func() { panic("a flip took longer than two minutes") })
		dir := filepath.Join(t.TempDir(), "kith")
		Copy(t, filepath.Join(base, "good"), dir)
		f := flip(t, dir, s)
		outcome := outcomeOf(dir, want)
		late.Stop()
		if err := faults.Ack(fmt.Sprintf("%s (%v)", strings.ReplaceAll(outcome, "\n", " "), f)); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func flip(t *testing.T, dir string, s uint64) *faults.Flipped {
	t.Helper()
	for i := range uint64(len(kinds)) {
		f, err := faults.Flip(dir, kinds[(s+i)%uint64(len(kinds))], s)
		if err == nil {
			return f
		}
	}
	t.Fatal("nothing to flip")
	return nil
}

// outcomeOf says what a damaged directory does.
func outcomeOf(dir string, want []string) string {
	e, err := engine.Open(dir, quiet(nil))
	if err != nil {
		return "open reports: " + err.Error()
	}
	defer e.Close() // of a damaged directory it may say anything
	problems, err := Problems(e)
	if err != nil {
		return "check fails: " + err.Error()
	}
	if len(problems) > 0 {
		return "check reports: " + problems[0]
	}
	got, err := answers(e, len(want))
	if err != nil {
		return "an answer is an error: " + err.Error()
	}
	for i := range want {
		if got[i] != want[i] {
			return fmt.Sprintf("WRONG: answer %d is %.300s, was %.300s", i, got[i], want[i])
		}
	}
	return "harmless: nothing changed"
}

// writeAnswers keeps what the undamaged directory answers, and gives what check says of it.
func writeAnswers(t *testing.T, base string, n int) []string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "asked")
	Copy(t, filepath.Join(base, "good"), dir)
	e, err := engine.Open(dir, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() // its error would come from the checks again
	problems, err := Problems(e)
	if err != nil {
		t.Fatal(err)
	}
	list, err := answers(e, n)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(list)
	if err == nil {
		err = os.WriteFile(filepath.Join(base, "answers"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

// questions are asked in SQL; the rest of the probes are about people.
var questions = []string{
	"SELECT count(*), count(DISTINCT message_id), sum(seq) FROM events",
	"SELECT name, kind, count(*), sum(properties.total), min(ts), max(ts) FROM events GROUP BY ALL ORDER BY ALL",
	"SELECT sum(hash(original::VARCHAR)) FROM events",
	"SELECT plan, count(*), sum(score) FROM profiles GROUP BY ALL ORDER BY ALL",
	"SELECT count(*), count(DISTINCT email), count(DISTINCT public_id), sum(hash(public_id)), min(first_seen), max(last_seen) FROM profiles",
	"SELECT space, count(*), sum(hash(value)), sum(profile_id), sum(fragment) FROM identifiers GROUP BY ALL ORDER BY ALL",
	"SELECT kind, rule, space, count(*), sum(cause), sum(fragment) FROM decisions GROUP BY ALL ORDER BY ALL",
	"SELECT count(*), sum(survivor), sum(absorbed) FROM merges",
	"SELECT verdict, reason, count(*), sum(hash(original)), sum(repeats) FROM rejects GROUP BY ALL ORDER BY ALL",
	"SELECT load, received, accepted, duplicate, rejected FROM loads ORDER BY load",
	"SELECT * FROM sources ORDER BY ALL",
	"SELECT segment, count(*), sum(profile_id) FROM members GROUP BY ALL ORDER BY ALL",
	"SELECT profile_id, count(*) AS n FROM events GROUP BY ALL ORDER BY n DESC, profile_id LIMIT 20",
}

// answers gives the answers of n fixed probes.
func answers(e *engine.Engine, n int) ([]string, error) {
	var out []string
	for _, q := range questions {
		rows, err := Rows(e, q)
		if err != nil {
			return nil, err
		}
		out = append(out, strings.Join(rows, "\n"))
	}
	for i := len(out); i < n; i++ {
		id := kith.Identifier{Space: "user_id", Value: fmt.Sprintf("u%d", i*37%997)}
		if i%3 == 0 {
			id = kith.Identifier{Space: "anonymous_id", Value: fmt.Sprintf("ap%ds%d%d", i%3, i/3%3, i*104729*5%1499)}
		}
		text, err := about(e, id)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return slices.Clip(out), nil
}

// about gives everything that can be asked about a person, as text.
func about(e *engine.Engine, id kith.Identifier) (string, error) {
	p, err := e.Profile(context.Background(), id)
	if missing(err) {
		return "not found", nil
	}
	if err != nil {
		return "", err
	}
	events, err := e.Timeline(context.Background(), id, 50)
	if err != nil {
		return "", err
	}
	p.At = 0
	text, err := json.Marshal([]any{p, events})
	return string(text), err
}
