package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/kithdb/kith"
)

// lock takes the directory for this process. The kernel drops the lock with
// the process, so one that died leaves nothing to clean up.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the directory: %w", err)
		}
		return nil, &kith.Error{Op: "engine.Open", On: dir, Kind: kith.ErrLocked, Err: fmt.Errorf("process %s owns it", owner(f))}
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, fmt.Errorf("write the lock: %w", err)
	}
	if _, err := f.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("write the lock: %w", err)
	}
	return f, nil
}

// lockShared takes the directory for reading, together with others, and
// changes nothing in it. Where there is no lock file nobody has ever owned it.
func lockShared(dir string) (*os.File, error) {
	f, err := os.Open(filepath.Join(dir, "LOCK"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the directory: %w", err)
		}
		return nil, &kith.Error{Op: "engine.Open", On: dir, Kind: kith.ErrLocked, Err: fmt.Errorf("process %s owns it", owner(f))}
	}
	return f, nil
}

// owner reads the process number in a lock file.
func owner(f *os.File) string {
	pid := make([]byte, 20)
	n, _ := f.ReadAt(pid, 0) // what could not be read is said to be unknown
	if pid = bytes.TrimSpace(pid[:n]); len(pid) > 0 {
		return string(pid)
	}
	return "unknown"
}

func physicalMemory() int64 {
	var si unix.Sysinfo_t
	if err := unix.Sysinfo(&si); err != nil {
		return 4 << 30
	}
	return int64(si.Totalram) * int64(si.Unit)
}
