package storage

import (
	"math/rand/v2"
	"testing"
)

// Random rows of a million, one day, in turns of 2,000 events.
func BenchmarkDaysAdd(b *testing.B) {
	rows := make([]uint32, 1<<20)
	for i := range rows {
		rows[i] = rand.Uint32N(1 << 20)
	}
	n, day := 0, int32(0)
	s := openState(b, 1<<40)
	d, err := s.Days(1)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		turnOf(s, 1, func() {
			for range 2000 {
				d.Add(day, rows[n&(1<<20-1)], 1)
				n++
			}
		})
		if n%20000 == 0 { // 2 % of the people a day
			day++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/add")
}
