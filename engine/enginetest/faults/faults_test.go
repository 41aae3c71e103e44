//go:build linux

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

func TestASmallDiskIsFullAndGetsSpaceAgain(t *testing.T) {
	if !Namespace(t) {
		return
	}
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			s := SmallDisk(t, kind, 16<<20)
			try(t, s.Hog(1<<20))
			path := filepath.Join(s.Dir, "a")
			if err := os.WriteFile(path, make([]byte, 4<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("4 MB on a disk with 1 MB: %v", err)
			}
			try(t, s.Relieve())
			try(t, s.Relieve()) // nothing to give back
			try(t, os.WriteFile(path, make([]byte, 4<<20), 0o600))
			free, err := s.Free()
			try(t, err)
			if free > 12<<20 {
				t.Errorf("free = %d, of 16 MB with a file of 4 MB", free)
			}
			err = s.Grow(32 << 20)
			if kind == "ext4" && !errors.Is(err, kith.ErrUnsupported) || kind == "tmpfs" && err != nil {
				t.Errorf("Grow: %v", err)
			}
		})
	}
}

func TestAFlippedByteCanBePutBack(t *testing.T) {
	dir := t.TempDir()
	try(t, os.Mkdir(filepath.Join(dir, "b"), 0o700))
	sparse := append(append(make([]byte, 1<<20), "content"...), make([]byte, 1<<20)...)
	files := map[string][]byte{"b/1.sst": sparse, "b/2.sst": []byte("x"), "b/MANIFEST": []byte("m"), "empty": nil}
	for name, b := range files {
		try(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	inContent := 0
	for seed := range uint64(50) {
		f, err := Flip(dir, "b/*.sst", seed)
		try(t, err)
		changed := 0
		for name, want := range files {
			got, err := os.ReadFile(filepath.Join(dir, name))
			try(t, err)
			for i := range got {
				if got[i] != want[i] {
					changed++
					if name != f.Path || int64(i) != f.Offset || got[i] != f.Now || want[i] != f.Was {
						t.Errorf("seed %d: %s, but %s differs at %d", seed, f, name, i)
					}
				}
			}
		}
		if changed != 1 {
			t.Errorf("seed %d: %d bytes changed, want 1", seed, changed)
		}
		if d := f.Offset - 1<<20; d > -4096 && d < 8192 {
			inContent++
		}
		try(t, f.Undo())
		if got, err := os.ReadFile(filepath.Join(dir, f.Path)); err != nil || !bytes.Equal(got, files[f.Path]) {
			t.Errorf("seed %d: not as before after Undo, %v", seed, err)
		}
	}
	if inContent == 0 {
		t.Error("50 flips, all of them in a file's zeros")
	}
	if _, err := Flip(dir, "*.duckdb", 1); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("Flip of nothing: %v", err)
	}
}

// The victim of the tests below: it appends to a file, one line for each number,
// and acknowledges it.
func victim(t *testing.T) {
	f, err := os.OpenFile(os.Getenv("FAULTS_FILE"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	try(t, err)
	for i := range 1_000_000 {
		Point("before")
		_, err := fmt.Fprintln(f, i)
		try(t, err)
		Point("after")
		try(t, Ack(strconv.Itoa(i)))
	}
}

func TestAVictimIsKilledAtSomeTime(t *testing.T) {
	if Child() {
		victim(t)
		return
	}
	file := filepath.Join(t.TempDir(), "f")
	v := Start(t, "TestAVictimIsKilledAtSomeTime", "FAULTS_FILE="+file)
	if got, want := v.Acked(10), 10; got < want {
		t.Fatalf("acknowledged = %d, want %d", got, want)
	}
	d := v.KillAfter(20 * time.Millisecond)
	lines := strings.Split(strings.TrimSpace(there(t, file)), "\n")
	if !d.Killed || len(lines) < len(d.Acks) || len(lines) > len(d.Acks)+1 {
		t.Errorf("killed %v, %d acknowledged, %d written", d.Killed, len(d.Acks), len(lines))
	}
	for i, a := range d.Acks {
		if a != strconv.Itoa(i) {
			t.Fatalf("acknowledgement %d is %q", i, a)
		}
	}
	if got := strings.Join(d.Points, " "); got != "before after" {
		t.Errorf("points = %q", got)
	}
}

func TestAVictimIsKilledAtAPoint(t *testing.T) {
	if Child() {
		victim(t)
		return
	}
	for _, c := range []struct {
		point          string
		count          int
		acked, written int
	}{{"before", 1, 0, 0}, {"before", 7, 6, 6}, {"after", 7, 6, 7}} {
		file := filepath.Join(t.TempDir(), "f")
		d := Start(t, "TestAVictimIsKilledAtAPoint", "FAULTS_FILE="+file, CrashAt(c.point, c.count)).Wait()
		if got := strings.Count(there(t, file), "\n"); !d.Killed || len(d.Acks) != c.acked || got != c.written {
			t.Errorf("at %s %d: killed %v, %d acknowledged, %d written, want %d and %d", c.point, c.count, d.Killed, len(d.Acks), got, c.acked, c.written)
		}
	}
}

func TestAVictimThatEndsByItself(t *testing.T) {
	if Child() {
		try(t, Ack("=@odd"))
		t.Fatal("of sorrow")
	}
	d := Start(t, "TestAVictimThatEndsByItself").Wait()
	if d.Killed || d.Code != 1 || !strings.Contains(d.Output, "of sorrow") || len(d.Acks) != 1 || d.Acks[0] != "=@odd" {
		t.Errorf("%+v", d)
	}
}

// skipper is a test that remembers how it ended.
type skipper struct {
	testing.TB
	how string
}

func (s *skipper) Helper()        {}
func (s *skipper) Skip(a ...any)  { s.how = "skip: " + fmt.Sprint(a...) }
func (s *skipper) Fatal(a ...any) { s.how = "fatal: " + fmt.Sprint(a...) }

func TestWhatIsMissingIsNamed(t *testing.T) {
	err := missing("Mount", "/dev/fuse", os.ErrNotExist)
	for _, c := range []struct {
		ci   string
		err  error
		want string
	}{
		{"", nil, ""},
		{"", err, "skip: faults.Mount: /dev/fuse: unsupported: file does not exist"},
		{"1", err, "fatal: faults.Mount: /dev/fuse: unsupported: file does not exist"},
		{"", os.ErrClosed, "fatal: file already closed"},
	} {
		t.Setenv("KITH_CI_FAULTS", c.ci)
		s := &skipper{}
		Need(s, c.err)
		if got := s.how; got != c.want {
			t.Errorf("KITH_CI_FAULTS=%s: %q, want %q", c.ci, got, c.want)
		}
	}
}
