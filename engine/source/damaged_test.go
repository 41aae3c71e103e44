package source

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// parquetFile is a small file with columns of every kind that is read.
func parquetFile(tb testing.TB, options ...parquet.WriterOption) []byte {
	tb.Helper()
	type line struct {
		ID    int64    `parquet:"id"`
		X     string   `parquet:"x,dict"`
		Total int64    `parquet:"total,decimal(2:18)"`
		At    int64    `parquet:"at,timestamp(millisecond)"`
		Tags  []string `parquet:"tags,list"`
		Maybe *float64 `parquet:"maybe,optional,snappy"`
	}
	rows := make([]line, 200)
	for i := range rows {
		rows[i] = line{int64(i), strconv.Itoa(i % 7), int64(-i), 1714983300000 + int64(i), []string{"a", "b"}[:i%3], nil}
	}
	var file bytes.Buffer
	if err := parquet.Write(&file, rows, options...); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

// A damaged Parquet file is an error or other rows: no panic, no hang, and no
// more memory than a file of its size may ask for.
func TestDamagedParquet(t *testing.T) {
	m, err := Parse([]byte("kith: 1\nformat: parquet\nperson: {user_id: id}\nrows:\n  - track: E\n    properties: all\n"))
	if err != nil {
		t.Fatal(err)
	}
	n := 2000
	if s := os.Getenv("KITH_DAMAGES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	r, broken := rand.New(rand.NewPCG(7, 7)), 0
	var before, after runtime.MemStats
	whole := [][]byte{parquetFile(t), parquetFile(t, parquet.Compression(&parquet.Zstd), parquet.DataPageVersion(1))}
	for i := range n {
		file := bytes.Clone(whole[i%2])
		for range 1 + r.IntN(6) {
			at := r.IntN(len(file))
			if r.IntN(2) == 0 {
				at = len(file) - 1 - r.IntN(min(len(file), 900)) // the footer
			}
			file[at] = byte(r.Uint32())
		}
		runtime.ReadMemStats(&before)
		began := time.Now()
		in, err := m.Open("damaged", bytes.NewReader(file))
		if err == nil {
			for {
				piece, line, e := in.Next()
				if err = e; e != nil {
					break
				}
				in.Map(piece, line, func(int64, []byte) {}, func(int64, string, string, []byte) {})
			}
			in.Close()
		}
		if err != nil && err != io.EOF {
			broken++
		}
		runtime.ReadMemStats(&after)
		if took := time.Since(began); took > 5*time.Second || after.TotalAlloc-before.TotalAlloc > 256<<20 {
			t.Errorf("damage %d: %v and %d MB: %v", i, took, (after.TotalAlloc-before.TotalAlloc)>>20, err)
		}
	}
	if broken < n/4 {
		t.Errorf("%d of %d damages were found", broken, n)
	}
}
