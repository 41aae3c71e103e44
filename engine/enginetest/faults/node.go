//go:build linux

package faults

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node shows an inode of a disk to the kernel. It has no file handles, so the
// kernel can pass nothing through: every write, of a mapped page too, comes here.
type node struct {
	fs.Inode
	d  *disk
	in *inode
}

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMknoder   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeLinker    = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeAllocater = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

// child gives the node of an inode below n, with what the kernel wants to know.
func (n *node) child(ctx context.Context, in *inode, out *fuse.EntryOut) *fs.Inode {
	n.d.attr(in, &out.Attr)
	return n.NewInode(ctx, &node{d: n.d, in: in}, fs.StableAttr{Mode: in.mode & syscall.S_IFMT, Ino: in.no})
}

func (d *disk) attr(in *inode, out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink, out.Blksize = in.no, in.mode, uint32(max(in.links, 1)), 4096
	out.SetTimes(&in.changed, &in.changed, &in.changed)
	if in.mode&syscall.S_IFMT == syscall.S_IFREG {
		if size, err := d.size(in); err == nil {
			out.Size, out.Blocks = uint64(size), uint64(size+511)/512
		}
	}
}

// Lookup finds a name.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	in := n.in.entries[name]
	if in == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, in, out), 0
}

// Getattr tells size, mode and times.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	n.d.attr(n.in, &out.Attr)
	return 0
}

// Setattr truncates, and changes the mode, which a cut does not undo.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		if err := n.d.truncate(n.in, int64(size)); err != nil {
			return fs.ToErrno(err)
		}
	}
	if mode, ok := in.GetMode(); ok {
		n.in.mode = n.in.mode&syscall.S_IFMT | mode&0o7777
	}
	if at, ok := in.GetMTime(); ok {
		n.in.changed = at
	}
	n.d.attr(n.in, &out.Attr)
	return 0
}

// Open allows everything. Pages stay cached: nobody else changes the files.
func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Create makes a file.
func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	i, errno := n.make(ctx, name, syscall.S_IFREG|mode&0o7777, out)
	return i, nil, fuse.FOPEN_KEEP_CACHE, errno
}

// Mknod makes a file or the place of a socket.
func (n *node) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, mode, out)
}

// Mkdir makes a directory.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, syscall.S_IFDIR|mode&0o7777, out)
}

func (n *node) make(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if n.d.dead {
		return nil, syscall.EIO
	}
	if n.in.entries[name] != nil {
		return nil, syscall.EEXIST
	}
	in := n.d.newInode(mode)
	n.d.put(n.in, name, in)
	return n.child(ctx, in, out), 0
}

// Unlink takes a file's name away.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	return n.remove(name)
}

// Rmdir takes an empty directory's name away.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if in := n.in.entries[name]; in != nil && len(in.entries) > 0 {
		return syscall.ENOTEMPTY
	}
	return n.remove(name)
}

func (n *node) remove(name string) syscall.Errno {
	switch {
	case n.d.dead:
		return syscall.EIO
	case n.in.entries[name] == nil:
		return syscall.ENOENT
	}
	n.d.put(n.in, name, nil)
	return 0
}

// Link gives a file a second name.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if n.d.dead {
		return nil, syscall.EIO
	}
	in := target.(*node).in
	n.d.put(n.in, name, in)
	return n.child(ctx, in, out), 0
}

// Rename moves a name. Within one directory it survives a cut whole or not at
// all; between two, each has to be synced.
func (n *node) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	in, dir := n.in.entries[name], to.(*node).in
	old := dir.entries[newName]
	switch {
	case n.d.dead:
		return syscall.EIO
	case in == nil:
		return syscall.ENOENT
	case flags&^1 != 0: // all but RENAME_NOREPLACE
		return syscall.EINVAL
	case flags == 1 && old != nil:
		return syscall.EEXIST
	case old != nil && len(old.entries) > 0:
		return syscall.ENOTEMPTY
	case old == in:
		return 0
	}
	n.d.put(dir, newName, in)
	n.d.put(n.in, name, nil)
	return 0
}

// Readdir lists a directory.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	var list []fuse.DirEntry
	for name, in := range n.in.entries {
		list = append(list, fuse.DirEntry{Name: name, Ino: in.no, Mode: in.mode})
	}
	return fs.NewListDirStream(list), 0
}

// Read reads.
func (n *node) Read(_ context.Context, _ fs.FileHandle, b []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	n.d.mu.Lock()
	f, err := n.d.open(n.in)
	n.d.mu.Unlock()
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	k, err := f.ReadAt(b, at)
	if k == 0 && err != nil && err.Error() != "EOF" {
		return nil, fs.ToErrno(err)
	}
	return fuse.ReadResultData(b[:k]), 0
}

// Write writes; Fsync makes permanent what was written.
func (n *node) Write(_ context.Context, _ fs.FileHandle, b []byte, at int64) (uint32, syscall.Errno) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if err := n.d.write(n.in, b, at); err != nil {
		return 0, fs.ToErrno(err)
	}
	return uint32(len(b)), 0
}

// Fsync syncs a file, or the names in a directory.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	return fs.ToErrno(n.d.sync(n.in))
}

// Allocate stretches a file; it digs no holes.
func (n *node) Allocate(_ context.Context, _ fs.FileHandle, at, size uint64, mode uint32) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if mode != 0 {
		return syscall.EOPNOTSUPP
	}
	now, err := n.d.size(n.in)
	if err != nil {
		return fs.ToErrno(err)
	}
	return fs.ToErrno(n.d.truncate(n.in, max(now, int64(at+size))))
}

// Statfs tells about the disk that holds the bytes.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	var st syscall.Statfs_t
	if err := syscall.Statfs(n.d.back, &st); err != nil {
		return fs.ToErrno(err)
	}
	out.FromStatfsT(&st)
	return 0
}
