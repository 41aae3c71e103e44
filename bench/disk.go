package bench

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kithdb/kith"
	"golang.org/x/sys/unix"
)

// diskUse gives the bytes that a directory has on disk: the blocks, as Badger's
// files look larger than they are. The reserve for a full disk is not counted.
func diskUse(dir string) (int64, error) {
	var n int64
	err := files(dir, func(path string, st *syscall.Stat_t) error {
		if filepath.Base(path) != "ballast" {
			n += st.Blocks * 512
		}
		return nil
	})
	return n, err
}

// files calls f for every file below dir.
func files(dir string, f func(path string, st *syscall.Stat_t) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return f(path, info.Sys().(*syscall.Stat_t))
	})
}

// chill takes a directory out of the page cache, and says how.
func chill(dir string) (how string, err error) {
	syscall.Sync()
	err = files(dir, func(path string, _ *syscall.Stat_t) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
	if err != nil {
		return "", err
	}
	if os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0) == nil {
		return "the whole page cache was dropped", nil
	}
	return "its files were dropped from the page cache", nil
}

// errDiffers says that two answers that must be equal are not.
func errDiffers(what string, got, want any) error {
	return &kith.Error{Op: "bench", On: fmt.Sprintf("%s is %v, and must be %v", what, got, want), Kind: kith.ErrCorrupt}
}
