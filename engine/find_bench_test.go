package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// crowd makes people whose names are as frequent as real ones, about: the k-th
// name of a list is as frequent as 1/(k+20). Every person is made from its number.
type crowd struct {
	first, last []string
	domains     []string
}

func newCrowd() *crowd {
	r := rand.New(rand.NewPCG(1, 2))
	parts := strings.Fields("a an ar bel ber bo ca chi da del den di el em fa fer ga gon ha hu i ja jo ka ko la le li lo lov lu ma mar me mi mo na ni no o pe ra re ri ro sa se shi si so ta te ti to tra va ve vi wa we wil xa ya zo")
	name := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		return b.String()
	}
	c := &crowd{first: []string{"ada", "maria", "john", "anna", "james"}, last: []string{"smith", "lovelace", "garcia", "mueller", "jones"}}
	for len(c.first) < 20_000 {
		c.first = append(c.first, name(2+r.IntN(2)))
	}
	for len(c.last) < 150_000 {
		c.last = append(c.last, name(2+r.IntN(3)))
	}
	for i := range 20_000 {
		c.domains = append(c.domains, name(2+i%3)+[]string{".com", ".org", ".net", ".de"}[i%4])
	}
	return c
}

// frequent picks from a list as names are picked.
func frequent(r *rand.Rand, list []string) string {
	n := float64(len(list))
	return list[min(int(20*math.Pow((n+20)/20, r.Float64())-20), len(list)-1)]
}

// person gives the i-th person.
func (c *crowd) person(i int) (first, last, mail, phone string) {
	r := rand.New(rand.NewPCG(uint64(i), 3))
	first, last = frequent(r, c.first), frequent(r, c.last)
	mail = []string{first + "." + last, first[:1] + last, last, first}[r.IntN(4)] + []string{"", strconv.Itoa(r.IntN(1000)), strconv.Itoa(i)}[r.IntN(3)]
	return first, last, fmt.Sprintf("%s%d@%s", mail, i%977, frequent(r, c.domains)), fmt.Sprintf("+4917%09d", r.IntN(1e9))
}

// lines writes an identify call for each of the people.
func (c *crowd) lines(w io.Writer, people int) error {
	b := bufio.NewWriterSize(w, 1<<20)
	for i := range people {
		first, last, mail, phone := c.person(i)
		fmt.Fprintf(b, `{"type":"identify","messageId":"p%d","userId":"cust-%d","timestamp":"2026-01-%02dT10:00:00Z","traits":{"email":"%s","firstName":"%s","lastName":"%s"`, i, i, 1+i%28, mail, first, last)
		if i%2 == 0 {
			fmt.Fprintf(b, `,"phone":"%s"`, phone)
		}
		b.WriteString("}}\n")
	}
	return b.Flush()
}

// questions are what is typed, by kind.
func (c *crowd) questions(people int) map[string]func(r *rand.Rand) string {
	cut := func(s string, n int) string { return s[:min(n, len(s))] }
	wrong := func(r *rand.Rand, s string) string {
		for len(s) < 4 {
			s += "e"
		}
		i := r.IntN(len(s) - 1)
		return []string{s[:i] + s[i+1:], s[:i] + "x" + s[i:], s[:i] + "q" + s[i+1:], s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]}[r.IntN(4)]
	}
	of := func(f func(r *rand.Rand, first, last, mail, phone string) string) func(r *rand.Rand) string {
		return func(r *rand.Rand) string {
			first, last, mail, phone := c.person(r.IntN(people))
			return f(r, first, last, mail, phone)
		}
	}
	return map[string]func(r *rand.Rand) string{
		"ada lov":     func(*rand.Rand) string { return "ada lov" },
		"three+three": of(func(_ *rand.Rand, first, last, _, _ string) string { return cut(first, 3) + " " + cut(last, 3) }),
		"whole name":  of(func(_ *rand.Rand, first, last, _, _ string) string { return first + " " + last }),
		"wrong name":  of(func(r *rand.Rand, first, last, _, _ string) string { return first + " " + wrong(r, last) }),
		"wrong last":  of(func(r *rand.Rand, _, last, _, _ string) string { return wrong(r, last) }),
		"both wrong":  of(func(r *rand.Rand, first, last, _, _ string) string { return wrong(r, first) + " " + wrong(r, last) }),
		"last name":   of(func(_ *rand.Rand, _, last, _, _ string) string { return last }),
		"two letters": of(func(_ *rand.Rand, _, last, _, _ string) string { return cut(last, 2) }),
		"mail":        of(func(_ *rand.Rand, _, _, mail, _ string) string { return cut(mail, 9) }),
		"whole mail":  of(func(_ *rand.Rand, _, _, mail, _ string) string { return mail }),
		"last digits": of(func(_ *rand.Rand, _, _, _, phone string) string { return phone[len(phone)-6:] }),
		"nobody":      of(func(r *rand.Rand, first, _, _, _ string) string { return cut(first, 3) + " qzxjv" }),
	}
}

// BenchmarkFind measures how long a find takes, among KITH_FIND_PEOPLE people
// (20,000 where nobody says), in KITH_FIND_DIR, which is kept and used again
// when it is given, with KITH_FIND_MEMORY bytes (2 GiB).
func BenchmarkFind(b *testing.B) {
	people, memory := 20_000, int64(2<<30)
	for name, into := range map[string]func(n int){
		"KITH_FIND_PEOPLE": func(n int) { people = n }, "KITH_FIND_MEMORY": func(n int) { memory = int64(n) },
	} {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			into(n)
		}
	}
	dir := os.Getenv("KITH_FIND_DIR")
	if dir == "" {
		dir = filepath.Join(b.TempDir(), "kith")
	}
	c, o := newCrowd(), &Options{Memory: memory, NoSocket: true}
	e, err := Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	if s, err := e.Stats(context.Background()); err != nil || s.Events < uint64(people) {
		began := time.Now()
		in, out := io.Pipe()
		go func() { out.CloseWithError(c.lines(out, people)) }()
		if _, err := e.Load(context.Background(), in, nil); err != nil {
			b.Fatal(err)
		}
		b.Logf("%d people in %v", people, time.Since(began).Round(time.Second))
		if err := e.Close(); err != nil { // so that all stands in runs, as it does after a while
			b.Fatal(err)
		}
		if e, err = Open(dir, o); err != nil {
			b.Fatal(err)
		}
	}
	defer e.Close()
	rows, bytes, err := e.words.Stored()
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d words on disk, %.1f a person, in %.1f bytes a person", rows, float64(rows)/float64(people), float64(bytes)/float64(people))
	questions := c.questions(people)
	for _, kind := range slices.Sorted(maps.Keys(questions)) {
		b.Run(strings.ReplaceAll(kind, " ", "_"), func(b *testing.B) {
			r := rand.New(rand.NewPCG(7, 7))
			var took, busy []time.Duration // by the clock; and of the processor, which others who use it leave alone
			found, partial := 0, 0
			for b.Loop() {
				typed := questions[kind](r)
				began, worked := time.Now(), processor(b)
				got, err := e.Find(context.Background(), typed, nil)
				took, busy = append(took, time.Since(began)), append(busy, processor(b)-worked)
				if err != nil {
					b.Fatal(err)
				}
				found += len(got.People)
				if got.Partial {
					partial++
				}
			}
			for what, list := range map[string][]time.Duration{"ms": took, "cpu-ms": busy} {
				slices.Sort(list)
				for _, p := range []int{50, 99} {
					b.ReportMetric(float64(list[len(list)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-%s", p, what))
				}
			}
			b.ReportMetric(float64(found)/float64(len(took)), "found")
			b.ReportMetric(float64(partial)/float64(len(took)), "partial")
		})
	}
}

// processor gives the time that this process has worked.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFindIngest measures what the index of words costs: new people with
// names, e-mails and phones, and then events of them that tell no trait, with the
// index and without. The processor's time counts, with a last checkpoint.
func BenchmarkFindIngest(b *testing.B) {
	const people = 50_000
	c := newCrowd()
	var who, did strings.Builder
	if err := c.lines(&who, people); err != nil {
		b.Fatal(err)
	}
	for i := range 2 * people {
		fmt.Fprintf(&did, `{"type":"track","event":"Order Completed","messageId":"t%d","userId":"cust-%d","timestamp":"2026-02-01T10:00:00Z","properties":{"total":%d}}`+"\n", i, i*7919%people, i%100)
	}
	for _, with := range []bool{true, false} {
		b.Run(map[bool]string{true: "with", false: "without"}[with], func(b *testing.B) {
			var told, done time.Duration
			for b.Loop() {
				e, err := Open(filepath.Join(b.TempDir(), "kith"), &Options{Memory: 1 << 30, NoSocket: true})
				if err != nil {
					b.Fatal(err)
				}
				if !with {
					e.line.words = nil
				}
				for _, part := range []struct {
					text string
					sum  *time.Duration
				}{{who.String(), &told}, {did.String(), &done}} {
					worked := processor(b)
					if _, err := e.Load(context.Background(), strings.NewReader(part.text), nil); err != nil {
						b.Fatal(err)
					}
					if err := e.inLine(e.settle); err != nil {
						b.Fatal(err)
					}
					*part.sum += processor(b) - worked
				}
				if err := e.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(told.Nanoseconds())/float64(b.N)/people, "ns/person")
			b.ReportMetric(float64(done.Nanoseconds())/float64(b.N)/(2*people), "ns/event")
		})
	}
}
