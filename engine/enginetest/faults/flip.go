package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/kithdb/kith"
)

// Flipped is one byte of a file that is not what was written.
type Flipped struct {
	Path     string // below the directory, with slashes
	Offset   int64
	Was, Now byte
	file     string
}

// Flip changes one byte in one of the files below dir whose path fits the pattern
// (path.Match, such as "badger/*.sst"; "**" fits every file). File, byte and
// value are chosen from the seed, larger files more often; where there is
// something else, it does not choose a byte in the middle of zeros that a file
// was only stretched with.
func Flip(dir, pattern string, seed uint64) (*Flipped, error) {
	files, err := matching(dir, pattern)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for _, f := range files {
		total += f.size
	}
	if total == 0 {
		return nil, &kith.Error{Op: "faults.Flip", On: "a file like " + pattern, Kind: kith.ErrNotFound}
	}
	d := dice(seed)
	var last *Flipped
	for range 64 {
		at := d.roll(total)
		i := 0
		for ; at >= files[i].size; i++ {
			at -= files[i].size
		}
		f := &Flipped{Path: files[i].path, Offset: at, file: filepath.Join(dir, files[i].path)}
		blank, err := f.look()
		if err != nil {
			return nil, err
		}
		if last = f; !blank {
			break
		}
	}
	last.Now = last.Was ^ byte(1+d.roll(255))
	return last, last.write(last.Now)
}

// Undo writes the byte that was there.
func (f *Flipped) Undo() error { return f.write(f.Was) }

// String says what was done, for the log of a test.
func (f *Flipped) String() string {
	return fmt.Sprintf("%s byte %d: %#02x to %#02x", f.Path, f.Offset, f.Was, f.Now)
}

// look reads the byte, and tells whether the 4 KB around it are all zero.
func (f *Flipped) look() (blank bool, err error) {
	r, err := os.Open(f.file)
	if err != nil {
		return false, err
	}
	defer r.Close()
	page := make([]byte, 4096)
	start := f.Offset &^ 4095
	n, err := r.ReadAt(page, start)
	if int64(n) <= f.Offset-start {
		return false, err
	}
	f.Was = page[f.Offset-start]
	for _, c := range page[:n] {
		if c != 0 {
			return false, nil
		}
	}
	return true, nil
}

func (f *Flipped) write(b byte) error {
	w, err := os.OpenFile(f.file, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("flip a byte of a file that is read-only: %w", err)
	}
	if err != nil {
		return err
	}
	_, err = w.WriteAt([]byte{b}, f.Offset)
	return errors.Join(err, w.Close())
}

type candidate struct {
	path string
	size int64
}

// matching lists the ordinary files that fit, by name.
func matching(dir, pattern string) ([]candidate, error) {
	var files []candidate
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		fits := pattern == "**"
		if !fits {
			if fits, err = path.Match(pattern, rel); err != nil || !fits {
				return err
			}
		}
		st, err := e.Info()
		if err == nil && st.Size() > 0 {
			files = append(files, candidate{rel, st.Size()})
		}
		return err
	})
	return files, err
}
