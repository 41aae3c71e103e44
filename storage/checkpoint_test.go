package storage

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

// storedBench gives what a State of a few turns stores.
func storedBench(t *testing.T, r *rand.Rand) map[UnitKey][]byte {
	t.Helper()
	b, err := openBench(map[UnitKey][]byte{}, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	m := newStateModel()
	turnOf(b.s, 1, func() {
		for range 30000 {
			b.step(r, m)
		}
	})
	units, _ := b.s.Freeze().Next(1<<40, time.Hour)
	b.put(units)
	return b.store
}

func TestDamagedUnitsAreRefused(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed ", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	store := storedBench(t, r)
	keys := slices.Collect(maps.Keys(store))
	refused := 0
	for range 3000 {
		k := keys[r.IntN(len(keys))]
		data := slices.Clone(store[k])
		switch r.IntN(4) {
		case 0:
			data = data[:r.IntN(len(data))]
		case 1:
			data = append(data, byte(r.Uint32()))
		case 2:
			data[r.IntN(min(len(data), 24))] = byte(r.Uint32())
		default:
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
		if err := readAll(store, k, data); err != nil {
			refused++
			if !errors.Is(err, kith.ErrCorrupt) {
				t.Fatal(err)
			}
		}
	}
	if refused < 1000 { // a flip in a value is not for us to see: the envelope has a checksum
		t.Errorf("%d of 3000 were refused", refused)
	}
}

// readAll opens the store with other bytes for one unit and reads that unit.
func readAll(store map[UnitKey][]byte, k UnitKey, data []byte) error {
	damaged := maps.Clone(store)
	damaged[k] = data
	b, err := openBench(damaged, 1<<40)
	if err != nil {
		return err
	}
	p := b.s.Pin()
	defer p.Release()
	switch k.Family {
	case familyColumn:
		_, _, err = b.cols[k.ID].At(p, uint32(k.Part/2)<<16)
	case familyValues:
		_, err = b.values.Set(p, uint32(k.Part>>32))
	case familyDays:
		_, err = b.days.Counts(p, int32(uint32(k.Part>>32)^1<<31))
	}
	return err
}

func TestAWideBlockIsStoredInTwo(t *testing.T) {
	store := map[UnitKey][]byte{}
	b, err := openBench(store, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	c := b.cols[3]
	write := func(v func(row uint32) Cell) {
		turnOf(b.s, 1, func() {
			for row := range uint32(blockRows) {
				c.Set(row, v(row))
			}
		})
		ck := b.s.Freeze()
		units, _ := ck.Next(1<<40, time.Hour)
		b.put(units)
		ck.Done()
	}
	wide := func(row uint32) Cell { return Cell{uint64(row), uint64(row)} }
	write(wide)
	if n := len(store); n != 3 {
		t.Fatalf("%d units, want 3", n)
	}
	again, err := openBench(store, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	for row := range uint32(blockRows) {
		if got, ok := again.cols[3].Get(row); !ok || got != wide(row) {
			t.Fatalf("row %d is %v", row, got)
		}
	}
	for k := range store {
		if k.Family == familyColumn && k.Part == 1 {
			if err := readAll(store, k, []byte{1, 2, 3}); !errors.Is(err, kith.ErrCorrupt) {
				t.Errorf("error = %v, want %v", err, kith.ErrCorrupt)
			}
		}
	}
}

func BenchmarkStoredBlock(b *testing.B) {
	s := openState(b, 1<<40)
	c := stateColumn(b, s, 1, ColumnSpec{Width: 8})
	turnOf(s, 1, func() {
		for row := range uint32(blockRows) {
			c.SetI64(row, 1.7e15+rand.Int64N(8e12)) // times within three months
		}
	})
	data := c.slot(0).encode()
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			c.slot(0).encode()
		}
		b.ReportMetric(float64(len(data))/blockRows, "bytes/row")
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.parse(0, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
