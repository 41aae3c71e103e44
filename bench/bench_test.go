package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/engine"
)

// A whole run on a very small world: every part measures something, the answers
// of Kith and of DuckDB alone are equal, and nothing is left behind.
func TestARunMeasuresEveryPart(t *testing.T) {
	r := &run{
		Options: Options{Size: "tiny", Dir: t.TempDir(), Repeat: 1, Parts: slices.DeleteFunc(slices.Clone(Parts), func(p string) bool { return p == "peers" })}, // no servers
		scale:   scale{warm: 2000, cold: 2000, firsts: 2000, lookups: 20, timelines: 5, singles: 5, retail: 3000},
		world:   world.World{People: 300, Events: 6000, Seed: 3},
		large:   world.World{People: 500, Events: 9000, Seed: 4},
	}
	if err := r.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range Parts {
		if len(r.report.of(p)) == 0 && p != "peers" {
			t.Errorf("part %s measured nothing", p)
		}
	}
	var b bytes.Buffer
	if err := r.report.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"live profiles by country and plan", "load average", "warm: all stages", "rows through a mapping"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table does not speak of %q:\n%s", want, b.String())
		}
	}
	if n, err := diskUse(r.Dir); err != nil || n > 1<<20 {
		t.Errorf("%d bytes are left behind (%v)", n, err)
	}
}

func TestDifferentAnswersAreToldApart(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []string
		want bool
	}{
		{"equal answers are equal", []string{"a | 1", "b | 2"}, []string{"a | 1", "b | 2"}, true},
		{"one value differs", []string{"a | 1", "b | 2"}, []string{"a | 1", "b | 3"}, false},
		{"one row is missing", []string{"a | 1", "b | 2"}, []string{"a | 1"}, false},
	} {
		if got := same(c.name, c.a, c.b) == nil; got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAStackHasOneStage(t *testing.T) {
	const e = "github.com/kithdb/kith/"
	for _, c := range []struct{ stack, want string }{
		{"crypto/aes.x|" + e + "storage.(*Keyring).Seal|" + e + "engine.(*turn).give|" + e + "engine.(*turn).number|" + e + "engine.(*line).run", "sealing"},
		{"x|" + e + "engine.(*turn).number|" + e + "engine.(*turn).apply|" + e + "engine.(*line).run", "identifiers to fragments"},
		{"x|" + e + "storage.(*Mids).Flush|" + e + "engine.(*Engine).keep|" + e + "engine.(*Engine).upkeep|" + e + "engine.(*line).run", "checkpoints"},
		{"runtime.cgocall|" + e + "engine.(*follower).run", "history: rows, commit, checkpoint"},
		{"runtime.gcDrain|runtime.gcBgMarkWorker", "garbage collection"},
		{"main.main", other},
	} {
		if got := stageOf(strings.Split(c.stack, "|")); got != c.want {
			t.Errorf("stageOf(%s) = %s, want %s", c.stack, got, c.want)
		}
	}
}

func TestAProfileAddsUp(t *testing.T) {
	sums, err := profile(t.TempDir()+"/p", func() error {
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			compute()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if sums[other] < 10*time.Millisecond {
		t.Errorf("300 ms of sums have %v in the profile", sums[other])
	}
}

func TestABrokenProfileIsAnError(t *testing.T) {
	for _, data := range []string{"\x12\xff", "\x12\x05\x0a", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x0b", "\x2a\x02\x10\x07\x32\x00"} {
		if _, err := parseSamples([]byte(data)); err == nil {
			t.Errorf("parseSamples(%q) gave no error", data)
		}
	}
}

// memory gives a platform in memory with n warm lines in it.
func memory(b *testing.B, n int) *engine.Engine {
	b.Helper()
	e, err := engine.Open("", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	if _, err := e.Load(context.Background(), lines(1, n), nil); err != nil {
		b.Fatal(err)
	}
	return e
}

// lines gives n warm lines to read.
func lines(seed uint64, n int) io.Reader {
	var b bytes.Buffer
	for l := range world.Track(seed, n, 500) {
		b.Write(append(l, '\n'))
	}
	return &b
}

func BenchmarkLoad(b *testing.B) {
	const n = 20_000
	e := memory(b, n)
	seed := uint64(2)
	for b.Loop() {
		b.StopTimer()
		in := lines(seed, n)
		seed++
		b.StartTimer()
		if _, err := e.Load(context.Background(), in, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}

func BenchmarkLookup(b *testing.B) {
	e := memory(b, 20_000)
	ids, err := someone(context.Background(), e, 300)
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		if _, err := e.Lookup(ids[i%len(ids)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkTimeline(b *testing.B) {
	e := memory(b, 20_000)
	ids, err := someone(context.Background(), e, 300)
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		if _, err := e.Timeline(context.Background(), ids[i%len(ids)], 20); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkIngestOne(b *testing.B) {
	e := memory(b, 1000)
	i := 0
	for b.Loop() {
		i++
		ev := kith.Event{Kind: kith.Track, Name: "Product Viewed", UserID: fmt.Sprint("u", i%100), MessageID: fmt.Sprint("m", i)}
		if _, err := e.Ingest(context.Background(), ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuestions(b *testing.B) {
	e, err := engine.Open("", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	in, out := io.Pipe()
	go func() {
		out.CloseWithError(world.World{People: 2000, Events: 40_000, Seed: 1}.Write(context.Background(), out, nil))
	}()
	if _, err := e.Load(context.Background(), in, nil); err != nil {
		b.Fatal(err)
	}
	for _, q := range questions {
		b.Run(strings.ReplaceAll(q.name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				if _, err := answer(e.SQL(context.Background(), q.text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The mapping of the rows is the one that people are shown.
func TestRowsAreMappedAsTheExampleIs(t *testing.T) {
	text, err := os.ReadFile("../docs/examples/online-retail/map.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := regexp.MustCompile(`(?m)(^#.*\n|  #.*$)`).ReplaceAllString(string(text), ""); got != retailMap {
		t.Errorf("the example is\n%s\nwhat is measured is\n%s", got, retailMap)
	}
}
