package engine

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/identity"
)

// judges are rules that cost less and more.
var judges = []struct {
	name string
	list []identity.Anomaly
}{
	{"none", nil},
	{"bots", []identity.Anomaly{{Kind: "bot"}}},
	{"recommended", identity.Recommended()},
}

// spent gives the processor time of this process: on a machine that others use,
// too, the clock on the wall says little.
func spent(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func openedBy(b *testing.B, dir string, rules *identity.Rules) *Engine {
	b.Helper()
	e, err := Open(dir, &Options{Rules: rules, NoSync: true, NoSocket: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	return e
}

// warmLines are lines of a world.
func warmLines(n int) [][]byte {
	var lines [][]byte
	for line := range (world.World{People: n / 20, Events: n, Seed: 3}).Lines() {
		lines = append(lines, bytes.Clone(line))
	}
	return lines
}

// BenchmarkClean cleans lines of a world and lets the rules look at them.
func BenchmarkClean(b *testing.B) {
	lines := warmLines(20_000)
	for _, j := range judges {
		b.Run(j.name, func(b *testing.B) {
			rules := identity.Default()
			rules.Anomalies = j.list
			e := openedBy(b, "", &rules)
			c, own, i := e.cleaner(), &batch{}, 0
			b.ReportAllocs()
			began := spent(b)
			for b.Loop() {
				c.Line(lines[i%len(lines)], 1_782_000_000_000_000)
				for it := c.Next(); it != nil; it = c.Next() {
					c.add(own, it, 1)
				}
				if i++; i%1000 == 0 {
					own.reset()
				}
			}
			b.ReportMetric(float64(spent(b)-began)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkWarm takes in events of identifiers that are known, through the line.
func BenchmarkWarm(b *testing.B) {
	for _, j := range judges {
		b.Run(j.name, func(b *testing.B) {
			rules := identity.Default()
			rules.Anomalies = j.list
			e := openedBy(b, b.TempDir(), &rules)
			n, began := 0, spent(b)
			for b.Loop() {
				var text bytes.Buffer
				for range 20_000 {
					n++
					fmt.Fprintf(&text, `{"type":"track","event":"Product Viewed","messageId":"m%d","userId":"u%d","anonymousId":"a%d","timestamp":"2026-01-0%dT00:00:%02dZ","context":{"userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0","page":{"path":"/p","title":"P"}},"properties":{"sku":"s%d","price":12.5,"currency":"EUR"}}`+"\n",
						n, n%1000, n%1000, 1+n/1000%9, n%60, n%97)
				}
				if _, err := e.Load(context.Background(), &text, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(spent(b)-began)/float64(n), "cpu-ns/event")
		})
	}
}
