package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// Restore makes the directory dir, which is absent or empty, from a backup and
// a copy of the keys. The keys must be of the same platform and at least as new
// as the backup. key is the master key, nil where the keys have it. The copy is
// made in dir.tmp; what stands in dir afterwards is whole and durable, and the
// backup is as it was.
func Restore(ctx context.Context, backup, keys, dir string, key []byte) error {
	note, err := readNote(backup)
	if err != nil {
		return err
	}
	if err := absent(dir); err != nil {
		return err
	}
	if err := note.fit(keys, key); err != nil {
		return err
	}
	tmp := dir + ".tmp"
	if _, err := os.Lstat(tmp); !errors.Is(err, os.ErrNotExist) {
		return &kith.Error{Op: "engine.Restore", On: tmp, Kind: kith.ErrExists, Err: err}
	}
	err = copyTree(ctx, backup, tmp)
	if err == nil {
		err = copyKeys(ctx, keys, filepath.Join(tmp, "keys"))
	}
	if err == nil {
		err = syncTree(tmp)
	}
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		return errors.Join(restoreError(dir, nil, err), os.RemoveAll(tmp))
	}
	return syncDir(filepath.Dir(dir))
}

func restoreError(on string, kind, err error) error {
	return &kith.Error{Op: "engine.Restore", On: on, Kind: kind, Err: err}
}

// readNote reads what a backup says about itself.
func readNote(backup string) (*backupNote, error) {
	text, err := os.ReadFile(filepath.Join(backup, "FORMAT"))
	if err == nil && string(text) != format {
		return nil, restoreError(backup, kith.ErrUnsupported, errors.New("the backup has a format that this version does not know"))
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(filepath.Join(backup, backupName))
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, restoreError(backup, kith.ErrInvalid, errors.New("it is not a backup"))
	}
	if err != nil {
		return nil, restoreError(backup, nil, err)
	}
	note := &backupNote{}
	if err := json.Unmarshal(data, note); err != nil {
		return nil, restoreError(backup, kith.ErrCorrupt, errors.New("the file BACKUP is not what was written"))
	}
	if note.Version != 1 {
		return nil, restoreError(backup, kith.ErrUnsupported, fmt.Errorf("the backup has version %d", note.Version))
	}
	return note, nil
}

// absent refuses a directory in which there is something.
func absent(dir string) error {
	files, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return restoreError(dir, kith.ErrInvalid, err)
	case len(files) > 0:
		return restoreError(dir, kith.ErrExists, errors.New("the directory is not empty"))
	}
	return nil
}

// fit refuses keys that cannot open the backup, or that are older than it: what
// was erased since would be readable again.
func (n *backupNote) fit(keys string, key []byte) error {
	nothing := func([]byte) ([]byte, error) { return nil, nil }
	ring, err := storage.OpenKeyring(keys, key, false, nothing) // verifies the ledger of erasures, too
	if err != nil {
		return err
	}
	secret, ok := ring.SecretOf(n.Secret)
	switch {
	case !ok || secretPrint(secret) != n.Keys:
		return restoreError("keys", kith.ErrInvalid, errors.New("they are of another platform than the backup"))
	case ring.Serial() < n.Serial:
		return restoreError("keys", kith.ErrInvalid, fmt.Errorf("they are older (%d) than the backup (%d): give a later copy of the keys", ring.Serial(), n.Serial))
	}
	return nil
}

// copyTree copies a backup into the new folder to, without the note that makes it one.
func copyTree(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Mkdir(filepath.Join(to, name), 0o700)
		case name == backupName || !d.Type().IsRegular():
			return nil
		}
		return copyFile(path, filepath.Join(to, name))
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}

// swap puts the folder tmp in the place of dest, at once, and dest, if there is one, in the place of tmp.
func swap(tmp, dest string) error {
	err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, dest, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOENT) {
		err = os.Rename(tmp, dest)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that cannot exchange
		if err = os.Rename(dest, dest+".old"); err == nil {
			err = errors.Join(os.Rename(tmp, dest), os.RemoveAll(dest+".old"))
		}
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(dest))
}
