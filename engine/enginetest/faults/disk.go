//go:build linux

package faults

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const sector = 512

// disk is what a power-cut file system remembers: what programs see, and how to
// get back to what they have synced. The bytes of file n lie in the file n of a
// directory; names, and what would be undone, are in memory.
type disk struct {
	mu    sync.Mutex // guards all below, and every inode
	back  string
	names bool // Options.Names
	dead  bool // the power is off: nothing is read or written
	last  uint64
	root  *inode
	stats Stats
}

// Stats counts what a file system was asked for since it was mounted, and what
// the power cuts have undone.
type Stats struct {
	Writes, Syncs, DirSyncs int
	LostWrites, LostNames   int
}

// inode is a file or a directory.
type inode struct {
	no      uint64
	mode    uint32
	changed time.Time
	up      *inode // a directory's parent

	data    *os.File
	undo    []change
	entries map[string]*inode // as programs see it
	synced  map[string]*inode // as it was when the directory was synced last
	links   int               // names in entries
	kept    int               // names in synced
}

// change is how one write or truncation is undone.
type change struct {
	size int64 // of the file before it
	old  []chunk
}

type chunk struct {
	at   int64
	data []byte
}

func newDisk(back string, names bool) *disk {
	d := &disk{back: back, names: names}
	d.root = d.newInode(syscall.S_IFDIR | 0o755)
	d.root.links, d.root.kept = 1, 1
	return d
}

func (d *disk) newInode(mode uint32) *inode {
	d.last++
	in := &inode{no: d.last, mode: mode, changed: time.Now()}
	if in.dir() {
		in.entries, in.synced = map[string]*inode{}, map[string]*inode{}
	}
	return in
}

func (in *inode) dir() bool { return in.mode&syscall.S_IFMT == syscall.S_IFDIR }

// open gives the file that holds the bytes.
func (d *disk) open(in *inode) (*os.File, error) {
	if d.dead {
		return nil, syscall.EIO
	}
	if in.data != nil {
		return in.data, nil
	}
	f, err := os.OpenFile(d.path(in), os.O_RDWR|os.O_CREATE, 0o600)
	in.data = f
	return f, err
}

func (d *disk) path(in *inode) string { return filepath.Join(d.back, strconv.FormatUint(in.no, 10)) }

func (d *disk) size(in *inode) (int64, error) {
	f, err := d.open(in)
	if err != nil {
		return 0, err
	}
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// write writes and remembers what stood there.
func (d *disk) write(in *inode, b []byte, at int64) error {
	size, err := d.size(in)
	if err != nil {
		return err
	}
	old := make([]byte, len(b)) // beyond the end: zeros
	if _, err := in.data.ReadAt(old, at); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := in.data.WriteAt(b, at); err != nil {
		return err
	}
	in.undo = append(in.undo, change{size, []chunk{{at, old}}})
	in.changed = time.Now()
	d.stats.Writes++
	return nil
}

// truncate cuts or stretches a file and remembers what it cut off.
func (d *disk) truncate(in *inode, to int64) error {
	size, err := d.size(in)
	if err != nil || size == to {
		return err
	}
	c := change{size: size}
	buf := make([]byte, 1<<16)
	for at := to; at < size; at += int64(len(buf)) {
		n, err := in.data.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !zero(buf[:n]) {
			c.old = append(c.old, chunk{at, append([]byte(nil), buf[:n]...)})
		}
	}
	if err := in.data.Truncate(to); err != nil {
		return err
	}
	in.undo = append(in.undo, c)
	in.changed = time.Now()
	d.stats.Writes++
	return nil
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// sync makes what a file or directory is now what a cut leaves.
func (d *disk) sync(in *inode) error {
	if d.dead {
		return syscall.EIO
	}
	if in.dir() {
		d.stats.DirSyncs++
		d.keep(in)
		return nil
	}
	d.stats.Syncs++
	in.undo = nil
	if d.names {
		d.keepName(d.root, in)
	}
	return nil
}

// keep makes the names of a directory permanent.
func (d *disk) keep(dir *inode) {
	old := dir.synced
	dir.synced = maps.Clone(dir.entries)
	for _, in := range dir.synced {
		in.kept++
	}
	for _, in := range old {
		in.kept--
		d.reap(in)
	}
}

// keepName makes the names that a file has permanent, with those of the
// directories above it, and nothing else.
func (d *disk) keepName(dir, in *inode) bool {
	found := false
	for name, e := range dir.entries {
		if e != in && !(e.dir() && d.keepName(e, in)) {
			continue
		}
		found = true
		old := dir.synced[name]
		if old == e {
			continue
		}
		dir.synced[name] = e
		e.kept++
		if old != nil {
			old.kept--
			d.reap(old)
		}
	}
	return found
}

// reap forgets an inode that has no name in either tree. An open one keeps its
// bytes: data stays open.
func (d *disk) reap(in *inode) {
	if in.links > 0 || in.kept > 0 || in.dir() {
		return
	}
	in.undo = nil
	os.Remove(d.path(in)) // it need not exist
}

// put gives a name to an inode; a nil inode takes the name away.
func (d *disk) put(dir *inode, name string, in *inode) {
	old := dir.entries[name]
	if in == nil {
		delete(dir.entries, name)
	} else {
		dir.entries[name] = in
		in.links++
		in.up = dir
	}
	dir.changed = time.Now()
	if old != nil {
		old.links--
		d.reap(old)
	}
}
