package storage

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var midCount = flag.Int("mid-count", 4_000_000, "old ids in the benchmarks of Mids; 50,000,000 is size L and takes 4 minutes")

// BenchmarkMids asks an index of -mid-count old ids, which were flushed 2 million at a time.
func BenchmarkMids(b *testing.B) {
	start := time.Now()
	m, shelf := fillMids(b, *midCount, min(2_000_000, *midCount/5))
	runs, rows := m.Runs()
	b.Logf("%d ids in %d runs, %.1f bytes each with the filter, filled in %v", rows, runs, float64(shelf.bytes())/float64(rows), time.Since(start))
	known := rand.New(rand.NewPCG(7, 7))
	fresh := rand.New(rand.NewPCG(8, 8))
	seq := rows
	b.Run("FindNew", func(b *testing.B) {
		for b.Loop() {
			if _, ok, err := m.Find(fresh.Uint64()); ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("FindOld", func(b *testing.B) {
		for b.Loop() {
			id := known.Uint64()
			known.Uint64()
			if _, ok, err := m.Find(id); !ok || err != nil {
				known = rand.New(rand.NewPCG(7, 7)) // all were asked for
			}
		}
	})
	b.Run("FindAllNew2000", func(b *testing.B) {
		ids, found := make([]uint64, 2000), make([]Mid, 2000)
		for b.Loop() {
			for i := range ids {
				ids[i] = fresh.Uint64()
			}
			if err := m.FindAll(ids, found); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/id")
	})
	b.Run("Add", func(b *testing.B) {
		for b.Loop() {
			if seq++; seq%2000 == 0 {
				m.Commit()
			}
			if m.Len() == 2_000_000 {
				m.table = newMidTable(m.table)
			}
			m.Add(fresh.Uint64(), seq, seq)
		}
	})
	b.Run("Turn", func(b *testing.B) { benchmarkTurn(b, m, fresh) })
}

// benchmarkTurn takes turns of 2,000 new ids: it finds all, then looks again and adds one by one.
func benchmarkTurn(b *testing.B, m *Mids, fresh *rand.Rand) {
	ids, found := make([]uint64, 2000), make([]Mid, 2000)
	for b.Loop() {
		for i := range ids {
			ids[i] = fresh.Uint64()
		}
		m.Begin()
		if err := m.FindAll(ids, found); err != nil {
			b.Fatal(err)
		}
		for _, id := range ids {
			if _, ok := m.Recent(id); !ok {
				m.Add(id, 1, 1)
			}
		}
		m.Commit()
		if m.Len() >= 2_000_000 {
			m.table = newMidTable(m.table)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/id")
}

// BenchmarkMidsFlush measures the writing of a frozen part, and of a merge, per id.
func BenchmarkMidsFlush(b *testing.B) {
	const n = 500_000
	dice := rand.New(rand.NewPCG(9, 9))
	shelf := newShelf()
	m, _ := OpenMids(shelf.load, nil)
	var flush, merge time.Duration
	rounds := 0
	for b.Loop() {
		for i := range uint64(n) {
			m.Add(dice.Uint64(), i, i+1)
		}
		m.Begin()
		start := time.Now()
		flushAll(b, m, shelf)
		flush += time.Since(start)
		rounds++
		if rounds%4 == 0 {
			start = time.Now()
			mergeAll(b, m, shelf)
			merge += time.Since(start)
			m, _ = OpenMids(shelf.load, nil)
			shelf.m = map[string][]byte{}
		}
	}
	b.ReportMetric(float64(flush.Nanoseconds())/float64(rounds)/n, "flush-ns/id")
	if rounds >= 4 {
		b.ReportMetric(float64(merge.Nanoseconds())/float64(rounds/4*4)/n, "merge-ns/id")
	}
}
