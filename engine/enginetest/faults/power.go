//go:build linux

package faults

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/kithdb/kith"
)

// PowerFS is a file system that forgets on Cut what was not synced: bytes, by
// fsync or msync of the file; names (creates, renames, unlinks), by fsync of
// their directory. It is served by a process of its own, so that a test may
// map its files without waiting for itself.
type PowerFS struct {
	Dir string // where it is mounted

	mu   sync.Mutex // one order at a time
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	done bool
}

// PowerOptions says how a PowerFS forgets.
type PowerOptions struct {
	// Names: the fsync of a file keeps its name too, as ext4, xfs and btrfs do.
	// Without it only the fsync of the directory does, as POSIX has it. Badger
	// needs it: it does not sync the directory after it has made a table.
	Names bool
}

const serveEnv = "KITH_FAULTS_SERVE"

// order is what the serving process is told, reply what it answers.
type order struct {
	Op   string // mount, cut, stats, end
	Dir  string `json:",omitempty"`
	Back string `json:",omitempty"`
	PowerOptions
	Loss Loss
	Seed uint64
}

type reply struct {
	Err     string
	Missing bool
	Stats   Stats
}

// Mount mounts a new, empty PowerFS for a test and unmounts it at the end. The
// test is skipped where that is not possible (see Need).
func Mount(t testing.TB, o *PowerOptions) *PowerFS {
	t.Helper()
	dir := t.TempDir()
	p, err := StartPower(filepath.Join(dir, "mnt"), filepath.Join(dir, "back"), o)
	Need(t, err)
	t.Cleanup(func() {
		if err := p.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// StartPower mounts a new, empty PowerFS at dir; back, which must be empty, holds its bytes.
func StartPower(dir, back string, o *PowerOptions) (*PowerFS, error) {
	for _, d := range []string{dir, back} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return nil, missing("Mount", "/dev/fuse", err)
	}
	f.Close() // it was opened to see whether that is allowed
	if o == nil {
		o = &PowerOptions{}
	}
	p := &PowerFS{Dir: dir, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), serveEnv+"=1")
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := p.tell(order{Op: "mount", Dir: dir, Back: back, PowerOptions: *o}); err != nil {
		return nil, errors.Join(err, p.end())
	}
	return p, nil
}

// Cut cuts the power: programs that have files open get errors, what was not
// synced is gone, and the file system is there again, empty of programs. End the
// programs that use it first if they should not notice.
func (p *PowerFS) Cut(loss Loss, seed uint64) error {
	_, err := p.tell(order{Op: "cut", Loss: loss, Seed: seed})
	return err
}

// Stats tells what the file system was asked for.
func (p *PowerFS) Stats() (Stats, error) {
	r, err := p.tell(order{Op: "stats"})
	return r.Stats, err
}

// Unmount ends the file system and its process.
func (p *PowerFS) Unmount() error {
	_, err := p.tell(order{Op: "end"})
	return errors.Join(err, p.end())
}

func (p *PowerFS) end() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return nil
	}
	p.done = true
	err := p.in.Close()
	return errors.Join(err, p.cmd.Wait())
}

func (p *PowerFS) tell(o order) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var r reply
	if p.done {
		return r, &kith.Error{Op: "faults.PowerFS", On: o.Op, Kind: kith.ErrClosed}
	}
	if err := json.NewEncoder(p.in).Encode(o); err != nil {
		return r, fmt.Errorf("ask the file system to %s: %w", o.Op, err)
	}
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	switch {
	case err != nil:
		return r, fmt.Errorf("answer of the file system to %s: %w", o.Op, err)
	case r.Missing:
		return r, missing("Mount", "the right to mount", errors.New(r.Err))
	case r.Err != "":
		return r, fmt.Errorf("%s: %s", o.Op, r.Err)
	}
	return r, nil
}

// A test binary that was started to serve a PowerFS does that and nothing else.
func init() {
	if os.Getenv(serveEnv) == "" {
		return
	}
	serve(os.Stdin, os.Stdout)
	os.Exit(0)
}

// server is the other side of a PowerFS.
type server struct {
	d    *disk
	dir  string
	fuse *fuse.Server
}

// serve carries out orders until the other side goes away, and unmounts.
func serve(in io.Reader, out io.Writer) {
	s := &server{}
	defer s.unmount()
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if dec.Decode(&o) != nil {
			return
		}
		var r reply
		if err := s.obey(o); err != nil {
			r.Err, r.Missing = err.Error(), errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)
		}
		if s.d != nil {
			s.d.mu.Lock()
			r.Stats = s.d.stats
			s.d.mu.Unlock()
		}
		if enc.Encode(r) != nil {
			return
		}
	}
}

func (s *server) obey(o order) error {
	switch o.Op {
	case "mount":
		s.d, s.dir = newDisk(o.Back, o.Names), o.Dir
		return s.mount()
	case "cut":
		s.unmount()
		s.d.dead = false
		if err := s.d.cut(o.Loss, o.Seed); err != nil {
			return err
		}
		return s.mount()
	case "end":
		s.unmount()
	}
	return nil
}

func (s *server) mount() error {
	var err error
	s.fuse, err = fs.Mount(s.dir, &node{d: s.d, in: s.d.root}, &fs.Options{
		RootStableAttr: &fs.StableAttr{Ino: s.d.root.no, Mode: syscall.S_IFDIR},
		MountOptions: fuse.MountOptions{
			DirectMountStrict: true, FsName: "kith-power", Name: "power", DisableXAttrs: true,
			ExplicitDataCacheControl: true, MaxWrite: 1 << 20,
		},
	})
	return err
}

// unmount takes the file system away from everyone at once: the kernel ends all
// requests with an error and throws unwritten pages away.
func (s *server) unmount() {
	if s.fuse == nil {
		return
	}
	s.d.mu.Lock()
	s.d.dead = true
	s.d.mu.Unlock()
	if err := syscall.Unmount(s.dir, syscall.MNT_FORCE|syscall.MNT_DETACH); err != nil {
		fmt.Fprintln(os.Stderr, "unmount of the power-cut file system:", err)
		return
	}
	s.fuse.Wait()
	s.fuse = nil
}
