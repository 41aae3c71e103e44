package storage

import (
	"os"

	"golang.org/x/sys/unix"
)

// allocated gives the bytes that a file takes on disk; 0 where it is gone.
func allocated(path string) (int64, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if err == unix.ENOENT {
		return 0, nil
	}
	return st.Blocks * 512, err
}

// DiskFree gives the bytes that an ordinary user may still write on the disk that holds path.
func DiskFree(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Allocate makes the file take n bytes on disk.
func Allocate(f *os.File, n int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, n)
	if err == unix.EOPNOTSUPP {
		return nil // the file system cannot promise space: there is then nothing to give away
	}
	return err
}
