package storage

import (
	"encoding/binary"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"

	"github.com/dgraph-io/ristretto/v2/z"
)

// Badger keeps the memory of eight tables that it has built, each in time as
// large as the largest: several memtables each.
func TestStoreLetsGoOfTheMemoryOfBuiltTables(t *testing.T) {
	if testing.Short() {
		t.Skip("Badger's own list of its builders is read while they work: not under the race detector")
	}
	const memtable = 12 << 20
	s, err := OpenStore(Config{Dir: t.TempDir(), Memtable: memtable, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.spare == nil {
		t.Fatal("this Badger keeps the memory of built tables elsewhere: see spareOf")
	}
	r := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, 200<<10)
	held := 0
	for i := range uint64(1000) { // 200 MB
		for j := 0; j < len(value); j += 8 {
			binary.LittleEndian.PutUint64(value[j:], r.Uint64())
		}
		tx := s.Update()
		if err := tx.Put(binary.BigEndian.AppendUint64([]byte{keyLog}, r.Uint64()), value); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if i >= 500 {
			held += builders(t)
		}
	}
	if mean := held / 500; mean > 7*memtable {
		t.Errorf("tables in the making, and built ones, hold %d MB on average, with memtables of %d MB", mean>>20, memtable>>20)
	}
}

// builders gives the bytes that Badger's tables in the making hold.
func builders(t *testing.T) int {
	t.Helper()
	sum := 0.0
	for _, m := range regexp.MustCompile(`Size: ([0-9.]+) ([KM]?i?B)`).FindAllStringSubmatch(z.Allocators(), -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n * map[string]float64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}[m[2]]
	}
	return int(sum)
}
