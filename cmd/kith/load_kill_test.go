package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/enginetest/faults"
)

// What a victim of this file is told by its environment.
const (
	victimArgs   = "KITH_VICTIM_ARGS"   // a command line, as JSON
	victimServes = "KITH_VICTIM_SERVES" // or the directory that it owns
)

// victim carries out a command line, or owns a directory for others, until it is killed.
func victim(t *testing.T) {
	engine.Point = faults.Point
	if dir := os.Getenv(victimServes); dir != "" {
		if _, err := engine.Open(dir, nil); err != nil {
			t.Fatal(err)
		}
		if err := faults.Ack("serves"); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	var args []string
	if err := json.Unmarshal([]byte(os.Getenv(victimArgs)), &args); err != nil {
		t.Fatal(err)
	}
	if err := faults.Ack("begins"); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), args, strings.NewReader(""), os.Stdout, os.Stderr); code != 0 {
		t.Fatalf("kith %s: exit %d", args[0], code)
	}
}

func startVictim(t *testing.T, args []string, env ...string) *faults.Victim {
	t.Helper()
	text, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	return faults.Start(t, t.Name(), append(env, victimArgs+"="+string(text))...)
}

// killSeed gives the seed of a random test: KITH_SEED, or another each time.
func killSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano()) % 1_000_000_000
	if n, err := strconv.ParseUint(os.Getenv("KITH_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("KITH_SEED=%d", seed)
	return seed
}

// command gives the command line that loads the file.
func (f *faulty) command(dir, errs string) []string {
	return []string{"load", dir, f.path, "--map", f.mapping, "--errors", errs, "--json"}
}

// whole compares what came of a load with what is known of its file.
func (f *faulty) whole(t *testing.T, r result, again bool) loaded {
	t.Helper()
	var got loaded
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != 0 {
		t.Fatalf("exit %d: %s%s", r.code, r.out, r.err)
	}
	in, synthetic := f.in, len(f.faults)-f.rejected
	want := loaded{Load: got.Load, Rows: int64(f.rows), Excepted: int64(f.left)}
	want.Received, want.Accepted, want.Duplicate, want.Rejected = in+len(f.faults), in, synthetic, f.rejected
	if again {
		want.Accepted, want.Duplicate = 0, in+synthetic
	}
	if got.Tally != want.Tally || got.Rows != want.Rows || got.Excepted != want.Excepted {
		t.Errorf("the load = %+v of %d rows, %d left out; want %+v of %d, %d", got.Tally, got.Rows, got.Excepted, want.Tally, want.Rows, want.Excepted)
	}
	return got
}

// stored asks SQL for what there should be.
func (f *faulty) stored(t *testing.T, dir string) {
	t.Helper()
	const query = `SELECT count(*), count(DISTINCT message_id), count(DISTINCT properties."order"), (sum(properties.total) * 100)::HUGEINT,
		(sum(properties.total * properties."order") * 100)::HUGEINT FROM events WHERE name = 'Order Completed'`
	got := must(t, "sql", dir, query, "--format", "csv")
	_, got, _ = strings.Cut(strings.TrimSpace(got), "\n")
	if want := fmt.Sprintf("%d,%d,%d,%d,%d", f.in, f.in, f.in, f.total, f.check); got != want {
		t.Errorf("stored: %s, want %s", got, want)
	}
	if r := typed(t, "", "check", dir); r.code != 0 {
		t.Errorf("check: exit %d: %s%s", r.code, r.out, r.err)
	}
}

// Rows with faults of every kind come in, and each fault is in the error file
// with its line and reason, once; killed again and again, the same command comes
// to the same. KITH_PROVE=1 loads a million rows and kills ten times.
func TestKilledLoadsAccountForEveryRow(t *testing.T) {
	if faults.Child() {
		victim(t)
		return
	}
	n, kills, turns := 22_000, 3, 2 // some eleven commits, of which the kills pass at most nine
	if os.Getenv("KITH_PROVE") == "1" {
		n, kills, turns = 1_000_000, 10, 80
	}
	seed := killSeed(t)
	r, f := rand.New(rand.NewPCG(seed, 4)), writeFaulty(t, seed, n)
	base := t.TempDir()
	dir, errs := filepath.Join(base, "shop.kith"), filepath.Join(base, "faults.csv")
	for i, points := 0, []string{"before-commit", "after-commit", "published"}; i < kills; i++ {
		began := time.Now()
		d := startVictim(t, f.command(dir, errs), faults.CrashAt(points[i%len(points)], 2+r.IntN(turns))).Wait()
		if !d.Killed {
			t.Fatalf("not killed, ended with %d:\n%s", d.Code, d.Output)
		}
		t.Logf("killed at %s after %v", points[i%len(points)], time.Since(began).Round(time.Millisecond))
	}
	began := time.Now()
	got := f.whole(t, typed(t, "", f.command(dir, errs)...), false)
	t.Logf("the last call found %d of %d items stored, and took %v", got.Earlier, got.Received, time.Since(began).Round(time.Millisecond))
	if got.Load != 1 || got.Earlier == 0 {
		t.Errorf("load %d went on behind %d items, want load 1 to go on", got.Load, got.Earlier)
	}
	rows := f.same(t, errs)
	again := f.whole(t, typed(t, "", f.command(dir, errs)...), true)
	if again.Load != 2 {
		t.Errorf("the second load is load %d, want 2", again.Load)
	}
	if !slices.Equal(f.same(t, errs), rows) {
		t.Error("the error file of the second load has other rows")
	}
	f.stored(t, dir)
}

// Beside a process that owns the directory a load comes to the same, also where
// who loads is killed, and where the owner is.
func TestKilledLoadsBesideAService(t *testing.T) {
	if faults.Child() {
		victim(t)
		return
	}
	seed := killSeed(t)
	r, f := rand.New(rand.NewPCG(seed, 5)), writeFaulty(t, seed, 14_000)
	base := t.TempDir()
	dir, errs := filepath.Join(base, "shop.kith"), filepath.Join(base, "faults.csv")
	f.whole(t, typed(t, "", f.command(filepath.Join(base, "alone.kith"), errs)...), false)
	want := f.same(t, errs)

	text, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	f.path = filepath.Join(base, "pipe.csv") // so that who loads can be held where it is, and killed there
	if err := syscall.Mkfifo(f.path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, part := range []int{35 + r.IntN(10), 55 + r.IntN(10)} {
		e, err := engine.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		before := received(t, e)
		v := startVictim(t, f.command(dir, errs))
		pipe := f.open(t, text[:len(text)*part/100])
		for end := time.Now().Add(2 * time.Minute); received(t, e) == before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nothing comes in")
			}
		}
		if d := v.Kill(); !d.Killed {
			t.Fatalf("not killed, ended with %d:\n%s", d.Code, d.Output)
		}
		if err := errors.Join(pipe.Close(), e.Close()); err != nil { // what it had sent is stored
			t.Fatal(err)
		}
	}
	for range 2 {
		owner := faults.Start(t, t.Name(), victimServes+"="+dir, faults.CrashAt("published", 1))
		owner.Acked(1)
		go f.feed(text)
		r := typed(t, "", f.command(dir, errs)...)
		if d := owner.Wait(); !d.Killed || r.code == 0 {
			t.Fatalf("killed %v, and the load ended with %d: %s%s", d.Killed, r.code, r.err, d.Output)
		}
	}
	e, err := engine.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	go f.feed(text)
	got := f.whole(t, typed(t, "", f.command(dir, errs)...), false)
	if got.Load != 1 || got.Earlier == 0 || got.Earlier == int64(got.Received) {
		t.Errorf("load %d went on behind %d of %d items, want load 1 to go on", got.Load, got.Earlier, got.Received)
	}
	if !slices.Equal(f.same(t, errs), want) {
		t.Error("the error file has other rows than that of a load alone")
	}
	go f.feed(text)
	f.whole(t, typed(t, "", f.command(dir, errs)...), true)
	if !slices.Equal(f.same(t, errs), want) {
		t.Error("the error file of the second load has other rows than that of a load alone")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	f.stored(t, dir)
}

// open writes some of the file into the pipe, and leaves it open.
func (f *faulty) open(t *testing.T, text []byte) *os.File {
	t.Helper()
	pipe, err := os.OpenFile(f.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.Write(text); err != nil {
		t.Fatal(err)
	}
	return pipe
}

// feed writes the file into the pipe. Who reads may end before.
func (f *faulty) feed(text []byte) {
	if pipe, err := os.OpenFile(f.path, os.O_WRONLY, 0); err == nil {
		pipe.Write(text) // an error says that the reader is gone, which it tells itself
		pipe.Close()
	}
}

// received tells how many items have come in.
func received(t *testing.T, e *engine.Engine) int {
	t.Helper()
	s, err := e.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Tally.Received
}

// A file that is another than the one that a load had begun with, behind its
// first megabyte, is loaded anew, and of standard input that is said.
func TestAnotherFileOfTheSameNameIsLoadedAnew(t *testing.T) {
	if faults.Child() {
		victim(t)
		return
	}
	f := writeFaulty(t, 11, 14_000)
	base := t.TempDir()
	dir, errs := filepath.Join(base, "shop.kith"), filepath.Join(base, "faults.csv")
	d := startVictim(t, f.command(dir, errs), faults.CrashAt("published", 6)).Wait()
	if !d.Killed {
		t.Fatalf("not killed, ended with %d:\n%s", d.Code, d.Output)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), "\n3001,2024") // among what was taken, and behind the first megabyte
	edited := string(text[:at]) + "\n3001,2023" + string(text[at+10:])
	if err := os.WriteFile(f.path, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	r := typed(t, "", f.command(dir, errs)...)
	var got loaded
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || got.Load != 2 || got.Earlier != 0 || got.Rows != int64(f.rows) {
		t.Errorf("an edited file: exit %d, %+v, %v", r.code, got, err)
	}
	if !strings.Contains(r.err, "orders.csv: not the file of which load 1 had taken some") {
		t.Errorf("nothing is said of it: %q", r.err)
	}
	stdin := func(text string, more ...string) result {
		return typed(t, text, append([]string{"load", dir, "-", "--map", f.mapping}, more...)...)
	}
	if r := stdin(string(text), "--max-errors", "100"); r.code != exitRejects {
		t.Fatalf("standard input: exit %d: %s", r.code, r.err)
	}
	if r := stdin(edited); r.code != 3 || !strings.Contains(r.err, "load 3 stays as it is; the same command takes this input as a load of its own") {
		t.Errorf("another standard input: exit %d: %s", r.code, r.err)
	}
	if r := stdin(edited); r.code != 0 || !strings.Contains(r.err, "load 4, ") {
		t.Errorf("and again: exit %d: %s", r.code, r.err)
	}
	if r := typed(t, "", "check", dir); r.code != 0 {
		t.Errorf("check: exit %d: %s%s", r.code, r.out, r.err)
	}
}
