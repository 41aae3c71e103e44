//go:build linux

package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Small is a file system that is soon full.
type Small struct {
	Dir  string // where it is mounted
	kind string
	hog  string
}

// SmallDisk mounts a file system of so many bytes, of the kind "tmpfs" or
// "ext4", and unmounts it when the test ends. Call Namespace first, so that
// nothing stays mounted if the test is killed.
func SmallDisk(t testing.TB, kind string, bytes int64) *Small {
	t.Helper()
	base := t.TempDir()
	s := &Small{Dir: filepath.Join(base, "disk"), kind: kind}
	s.hog = filepath.Join(s.Dir, ".hog")
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := s.mount(filepath.Join(base, "image"), bytes)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		err = missing("SmallDisk", "the right to mount "+kind, err)
	}
	Need(t, err)
	t.Cleanup(func() {
		if err := syscall.Unmount(s.Dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *Small) mount(image string, bytes int64) error {
	switch s.kind {
	case "tmpfs":
		return syscall.Mount("kith-small", s.Dir, "tmpfs", 0, "size="+strconv.FormatInt(bytes, 10))
	case "ext4":
		return s.mountImage(image, bytes)
	}
	return fmt.Errorf("no small disk of kind %q: tmpfs or ext4", s.kind)
}

// mountImage makes an ext4 in a file and mounts it through a loop device.
func (s *Small) mountImage(image string, bytes int64) error {
	for _, tool := range []string{"mkfs.ext4", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return missing("SmallDisk", tool, err)
		}
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, bytes); err != nil {
		return err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-m", "0", image).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	out, err := exec.Command("mount", "-o", "loop", image, s.Dir).CombinedOutput()
	if err != nil {
		return missing("SmallDisk", "a loop device and the right to mount it", errors.New(strings.TrimSpace(string(out))))
	}
	return nil
}

// Free tells how many bytes are left.
func (s *Small) Free() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.Dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Hog takes space until only so many bytes are left; Relieve gives it back.
func (s *Small) Hog(leave int64) error {
	free, err := s.Free()
	if err != nil || free <= leave {
		return err
	}
	f, err := os.OpenFile(s.hog, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return syscall.Fallocate(int(f.Fd()), 0, st.Size(), free-leave)
}

// Relieve gives back what Hog took.
func (s *Small) Relieve() error {
	if err := os.Remove(s.hog); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Grow makes a tmpfs larger.
func (s *Small) Grow(bytes int64) error {
	if s.kind != "tmpfs" {
		return missing("Small.Grow", "a tmpfs; an ext4 has a fixed size, use Hog and Relieve", nil)
	}
	return syscall.Mount("", s.Dir, "", syscall.MS_REMOUNT, "size="+strconv.FormatInt(bytes, 10))
}
