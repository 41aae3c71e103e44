//go:build linux

package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// save writes a file and syncs what the letters of how say: f the file, d its directory.
func save(t *testing.T, path, text, how string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	try(t, err)
	defer f.Close()
	_, err = f.WriteString(text)
	try(t, err)
	if strings.Contains(how, "f") {
		try(t, f.Sync())
	}
	if strings.Contains(how, "d") {
		syncDir(t, filepath.Dir(path))
	}
}

func syncDir(t *testing.T, dir string) {
	t.Helper()
	d, err := os.Open(dir)
	try(t, err)
	defer d.Close()
	try(t, d.Sync())
}

// there says what is in a file: "-" if it is not there.
func there(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "-"
	}
	try(t, err)
	return string(b)
}

// cuts are things to do, and what a cut leaves of them.
var cuts = []struct {
	name string
	do   func(t *testing.T, dir string)
	want map[string]string // strict
	ext4 map[string]string // with Names; nil: the same
}{
	{"a file that was synced with its directory", func(t *testing.T, d string) { save(t, d+"/a", "1", "fd") },
		map[string]string{"a": "1"}, nil},
	{"a name that was not", func(t *testing.T, d string) { save(t, d+"/a", "1", "f") },
		map[string]string{"a": "-"}, map[string]string{"a": "1"}},
	{"bytes that were not", func(t *testing.T, d string) { save(t, d+"/a", "1", "d") },
		map[string]string{"a": ""}, nil},
	{"the second write", func(t *testing.T, d string) { save(t, d+"/a", "first", "fd"); save(t, d+"/a", "two", "") },
		map[string]string{"a": "first"}, nil},
	{"a replacement without any sync", func(t *testing.T, d string) {
		save(t, d+"/a", "old", "fd")
		save(t, d+"/a.tmp", "new", "f")
		try(t, os.Rename(d+"/a.tmp", d+"/a"))
	}, map[string]string{"a": "old", "a.tmp": "-"}, map[string]string{"a": "old", "a.tmp": "new"}},
	{"a replacement as it should be", func(t *testing.T, d string) {
		save(t, d+"/a", "old", "fd")
		save(t, d+"/a.tmp", "new", "f")
		try(t, os.Rename(d+"/a.tmp", d+"/a"))
		syncDir(t, d)
	}, map[string]string{"a": "new", "a.tmp": "-"}, nil},
	{"a name taken away, not synced", func(t *testing.T, d string) { save(t, d+"/a", "1", "fd"); try(t, os.Remove(d+"/a")) },
		map[string]string{"a": "1"}, nil},
	{"a name taken away, synced", func(t *testing.T, d string) {
		save(t, d+"/a", "1", "fd")
		try(t, os.Remove(d+"/a"))
		syncDir(t, d)
	}, map[string]string{"a": "-"}, nil},
	{"a file in a directory that has no name yet", func(t *testing.T, d string) {
		try(t, os.Mkdir(d+"/sub", 0o700))
		save(t, d+"/sub/a", "1", "fd")
	}, map[string]string{"sub/a": "-"}, map[string]string{"sub/a": "1"}},
	{"a truncation", func(t *testing.T, d string) {
		save(t, d+"/a", strings.Repeat("x", 70_000), "fd")
		try(t, os.Truncate(d+"/a", 10))
		try(t, os.Truncate(d+"/a", 20))
	}, map[string]string{"a": strings.Repeat("x", 70_000)}, nil},
}

func TestAPowerCutForgetsWhatWasNotSynced(t *testing.T) {
	if !Namespace(t) {
		return
	}
	for _, c := range cuts {
		for _, names := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, names %v", c.name, names), func(t *testing.T) {
				p := Mount(t, &PowerOptions{Names: names})
				c.do(t, p.Dir)
				try(t, p.Cut(LoseAll, 1))
				want := c.want
				if names && c.ext4 != nil {
					want = c.ext4
				}
				for path, w := range want {
					if got := there(t, filepath.Join(p.Dir, path)); got != w {
						t.Errorf("%s = %.40q, want %.40q", path, got, w)
					}
				}
			})
		}
	}
}

func TestATornWriteEndsAtASector(t *testing.T) {
	if !Namespace(t) {
		return
	}
	p := Mount(t, nil)
	ends := map[int]bool{}
	for seed := range uint64(12) {
		path := filepath.Join(p.Dir, "a")
		save(t, path, strings.Repeat("o", 4096), "fd")
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		try(t, err)
		for i, at := range []int64{0, 1024} { // 2 writes of 1,024 bytes
			_, err = f.WriteAt([]byte(strings.Repeat(strconv.Itoa(i), 1024)), at)
			try(t, err)
		}
		try(t, f.Close())
		try(t, p.Cut(Tear, seed))
		got := there(t, path)
		kept := strings.IndexByte(got, 'o')
		ends[kept] = true
		if want := strings.Repeat("0", min(kept, 1024)) + strings.Repeat("1", max(0, kept-1024)) + strings.Repeat("o", 4096-kept); got != want || kept%sector != 0 {
			t.Fatalf("seed %d: %d bytes survive, not a prefix that ends at a sector", seed, kept)
		}
	}
	if len(ends) < 3 {
		t.Errorf("12 seeds tear at %v alone", ends)
	}
}

// Random writes, truncations and syncs: what a cut leaves is, sector by sector,
// something that stood there since the last sync.
func TestWhatACutLeavesStoodThereOnce(t *testing.T) {
	if !Namespace(t) {
		return
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	p := Mount(t, nil)
	for round := range 12 {
		loss := Loss(round % 3)
		path := filepath.Join(p.Dir, "a")
		save(t, path, strings.Repeat("s", 3000), "fd")
		images := []string{there(t, path)}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		try(t, err)
		for op := range 1 + rng.IntN(9) {
			switch rng.IntN(5) {
			case 0:
				try(t, f.Truncate(int64(rng.IntN(6000))))
			case 1:
				try(t, f.Sync())
				images = nil
			default:
				_, err := f.WriteAt([]byte(strings.Repeat(strconv.Itoa(op), 1+rng.IntN(2000))), int64(rng.IntN(4000)))
				try(t, err)
			}
			images = append(images, there(t, path))
		}
		try(t, f.Close())
		try(t, p.Cut(loss, rng.Uint64()))
		got := there(t, path)
		if loss == LoseAll && got != images[0] {
			t.Fatalf("round %d: not what was synced", round)
		}
		for at := 0; at < len(got); at += sector {
			if !stood(images, got, at) {
				t.Fatalf("round %d, loss %d: the sector at %d never stood there", round, loss, at)
			}
		}
	}
}

// stood says whether the sector of got stood in one of the images; beyond an image's end are zeros.
func stood(images []string, got string, at int) bool {
	end := min(at+sector, len(got))
	for _, im := range images {
		im += strings.Repeat("\x00", max(0, end-len(im)))
		if im[at:end] == got[at:end] {
			return true
		}
	}
	return false
}

func TestMappedWritesAreSeen(t *testing.T) {
	if !Namespace(t) {
		return
	}
	p := Mount(t, nil)
	path := filepath.Join(p.Dir, "a")
	save(t, path, strings.Repeat("o", 8192), "fd")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	try(t, err)
	m, err := syscall.Mmap(int(f.Fd()), 0, 8192, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	try(t, err)
	m[0] = '1'
	try(t, f.Sync()) // writes back and syncs the mapped pages, as msync does
	m[4096] = '2'    // never synced
	try(t, p.Cut(LoseAll, 1))
	if err := syscall.Munmap(m); err != nil {
		t.Error(err)
	}
	f.Close() // an error is right: the file system that it was in is gone
	if got, want := there(t, path), "1"+strings.Repeat("o", 8191); got != want {
		t.Errorf("mapped and synced %q, mapped and not synced %q", got[:2], got[4096:4098])
	}
}

func TestAnOpenFileFailsAfterACut(t *testing.T) {
	if !Namespace(t) {
		return
	}
	p := Mount(t, nil)
	f, err := os.Create(filepath.Join(p.Dir, "a"))
	try(t, err)
	defer f.Close()
	try(t, p.Cut(LoseAll, 1))
	if _, err := f.WriteString("x"); err == nil {
		t.Error("a file that was open before the cut can be written after it")
	}
	try(t, os.WriteFile(filepath.Join(p.Dir, "b"), nil, 0o600)) // the disk is there again
}

// The facts: Badger without SyncWrites loses what it acknowledged; db.Sync keeps it.
// Names, because Badger never syncs the directory after it has made a table: on a
// strict file system "file does not exist for table 1" is the end of it.
func TestBadgerKeepsWhatItSynced(t *testing.T) {
	if !Namespace(t) {
		return
	}
	if Child() {
		badgerWriter(t)
		return
	}
	for _, how := range []string{"nosync", "sync"} {
		t.Run(how, func(t *testing.T) {
			p := Mount(t, &PowerOptions{Names: true})
			v := Start(t, "TestBadgerKeepsWhatItSynced", "FAULTS_DIR="+p.Dir, "FAULTS_HOW="+how)
			v.Acked(200)
			d := v.Kill()
			if !d.Killed || len(d.Acks) < 200 {
				t.Fatalf("killed %v, %d acknowledged: %s", d.Killed, len(d.Acks), d.Output)
			}
			try(t, p.Cut(LoseAll, 1))
			st, err := p.Stats()
			try(t, err)
			v = Start(t, "TestBadgerKeepsWhatItSynced", "FAULTS_DIR="+p.Dir, "FAULTS_HOW=count")
			c := v.Wait()
			found := 0
			if len(c.Acks) == 1 {
				found, err = strconv.Atoi(c.Acks[0])
				try(t, err)
			} else if how == "sync" || !strings.Contains(c.Output, "Create a new file") { // which means: a memtable of size 0
				t.Fatalf("Badger does not open after the cut: %s", c.Output)
			}
			t.Logf("%s: %d acknowledged, %d found; %+v", how, len(d.Acks), found, st)
			if how == "sync" && found < len(d.Acks) {
				t.Errorf("%d acknowledged, %d found", len(d.Acks), found)
			}
			if how == "nosync" && found >= len(d.Acks) {
				t.Errorf("the file system forgets nothing: %d acknowledged, %d found", len(d.Acks), found)
			}
		})
	}
}

// badgerWriter is the victim: it commits one key after the other, or counts them.
func badgerWriter(t *testing.T) {
	how := os.Getenv("FAULTS_HOW")
	o := badger.DefaultOptions(os.Getenv("FAULTS_DIR")).WithLogger(nil).WithMemTableSize(8 << 20).WithValueLogFileSize(8 << 20).WithValueThreshold(1 << 10)
	db, err := badger.Open(o)
	try(t, err)
	if how == "count" {
		n := 0
		for ; ; n++ {
			err := db.View(func(tx *badger.Txn) error { _, err := tx.Get([]byte(strconv.Itoa(n))); return err })
			if errors.Is(err, badger.ErrKeyNotFound) {
				break
			}
			try(t, err)
		}
		try(t, Ack(strconv.Itoa(n)))
		return
	}
	for i := range 100_000 {
		try(t, db.Update(func(tx *badger.Txn) error { return tx.Set([]byte(strconv.Itoa(i)), []byte("value")) }))
		if how == "sync" {
			try(t, db.Sync())
		}
		try(t, Ack(strconv.Itoa(i)))
	}
}
