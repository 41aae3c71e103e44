package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// backupName is the file that makes a folder a backup.
const backupName = "BACKUP"

// backupNote is what it holds.
type backupNote struct {
	Version int      `json:"version"` // 1
	Seq     kith.Seq `json:"seq"`     // the last number that is in it
	Serial  uint64   `json:"serial"`  // of the keys: those it is restored with must be as new
	Secret  uint32   `json:"secret"`  // id of the token secret
	Keys    string   `json:"keys"`    // a print of that secret, so that other keys are noticed
	At      int64    `json:"at"`      // instant, microseconds
}

// backupTries is how often the live part is copied before the line has to wait for it.
const backupTries = 4

// Backup copies the platform into the folder dest while it goes on. The copy is
// of one instant, durable and whole when Backup returns; until then it stands in
// dest.tmp. Where dest is an earlier backup of the same platform it is replaced
// at once when the new one is whole; parts of history that it has to the byte
// are taken over instead of copied. Any other dest must not be there. The copy has no keys, so nothing personal in it can be read:
// see BackupKeys.
func (e *Engine) Backup(ctx context.Context, dest string) error {
	v, err := e.backup(ctx, dest)
	if v != nil {
		e.release(v)
	}
	return err
}

// backup is Backup, and gives the version that was copied.
func (e *Engine) backup(ctx context.Context, dest string) (*version, error) {
	if e.dir == "" {
		return nil, &kith.Error{Op: "engine.Backup", Kind: kith.ErrUnsupported, Err: errors.New("the platform is in memory")}
	}
	tmp := dest + ".tmp"
	if _, err := os.Lstat(tmp); !errors.Is(err, os.ErrNotExist) {
		return nil, &kith.Error{Op: "engine.Backup", On: tmp, Kind: kith.ErrExists, Err: err}
	}
	b := &backup{e: e, dir: tmp, have: map[uint32]history.Part{}}
	if err := b.earlier(dest); err != nil {
		return nil, err
	}
	v, err := b.make(ctx)
	if err == nil && b.old == "" {
		if err = os.Rename(tmp, dest); err == nil {
			err = syncDir(filepath.Dir(dest))
		}
	} else if err == nil {
		err = swap(tmp, dest)
	}
	if b.made && (err != nil || b.old != "") {
		err = errors.Join(err, os.RemoveAll(tmp)) // what was begun, or the earlier backup
	}
	return v, err
}

// earlier finds out whether dest is a backup that this one may replace.
func (b *backup) earlier(dest string) error {
	if _, err := os.Lstat(dest); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	note, err := readNote(dest)
	if err != nil {
		return &kith.Error{Op: "engine.Backup", On: dest, Kind: kith.ErrExists, Err: errors.New("it is there, and is not a backup that can be gone on with")}
	}
	id, secret := b.e.keys.Secret()
	if note.Secret != id || note.Keys != secretPrint(secret) {
		return &kith.Error{Op: "engine.Backup", On: dest, Kind: kith.ErrExists, Err: errors.New("it is a backup of another platform")}
	}
	v, err := b.e.acquire()
	if err != nil {
		return err
	}
	defer b.e.release(v)
	if note.Seq > v.seq {
		return &kith.Error{Op: "engine.Backup", On: dest, Kind: kith.ErrExists, Err: errors.New("it is newer than the platform")}
	}
	b.old = dest
	return nil
}

// inherit takes a sealed part over from the earlier backup, where that has it to
// the byte. The number of a part does not tell: a platform that was restored
// gives the numbers after the backup again.
func (b *backup) inherit(ctx context.Context, p history.Part) (bool, error) {
	if b.old == "" || !p.Sealed {
		return false, nil
	}
	name := filepath.Join("history", filepath.Base(b.file(p.ID)))
	same, err := sameBytes(ctx, b.e.path(name), filepath.Join(b.old, name))
	if err != nil || !same {
		return false, err
	}
	return os.Link(filepath.Join(b.old, name), b.file(p.ID)) == nil, nil // a file system without links: it is copied
}

// sameBytes tells whether two files hold the same; one that is not there holds nothing.
func sameBytes(ctx context.Context, one, other string) (bool, error) {
	a, err1 := os.Open(one)
	b, err2 := os.Open(other)
	defer a.Close() // they are only read; nil is allowed
	defer b.Close()
	if errors.Is(err1, os.ErrNotExist) || errors.Is(err2, os.ErrNotExist) {
		return false, nil
	}
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err1 := io.ReadFull(a, x)
		m, err2 := io.ReadFull(b, y)
		if n != m || !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		if err1 == io.EOF || err1 == io.ErrUnexpectedEOF {
			return err1 == err2, nil
		}
		if err := errors.Join(err1, err2, ctx.Err()); err != nil {
			return false, err
		}
	}
}

// backup is one under way.
//
// The store's snapshot and the copy of history cannot be taken at one instant
// without making the line wait for a file of hundreds of megabytes. So history
// is copied first and the snapshot taken after it: history is then behind the
// snapshot, and the log in the snapshot has what it lacks, as after a crash.
// That is so unless the log was trimmed or a part closed in between, which is
// seen when the snapshot is taken; then the live part is copied again, at last
// while the line waits.
type backup struct {
	e    *Engine
	dir  string
	old  string // an earlier backup, which this one replaces; empty: none
	made bool
	have map[uint32]history.Part // as they were when they were copied
	rows uint64                  // that history had before the live part was copied
	v    *version
	note backupNote
}

func (b *backup) make(ctx context.Context) (*version, error) {
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the backup's folder: %w", err)
	}
	b.made = true
	if err := os.Mkdir(filepath.Join(b.dir, "history"), 0o700); err != nil {
		return nil, fmt.Errorf("make the backup's folder: %w", err)
	}
	for try := 1; ; try++ {
		ok, err := b.attempt(ctx, try == backupTries)
		if err != nil {
			return b.v, err
		}
		if ok {
			break
		}
		if try == backupTries {
			return nil, &kith.Error{Op: "engine.Backup", Kind: kith.ErrCorrupt, Err: errors.New("history is not what its manifest says: kith check names what is wrong")}
		}
	}
	if err := b.store(ctx); err != nil {
		return b.v, err
	}
	return b.v, b.finish()
}

// attempt copies what it does not have of history, and then takes a version. It
// tells whether the two fit. With wait, the line waits for all of it.
func (b *backup) attempt(ctx context.Context, wait bool) (ok bool, err error) {
	if !wait {
		if err := b.history(ctx); err != nil {
			return false, err
		}
	}
	err = b.e.inLine(func() error {
		if wait {
			if err := b.e.follow.catchUp(ctx, b.e.line.head.Seq); err != nil {
				return err
			}
			if err := b.history(ctx); err != nil {
				return err
			}
		}
		b.e.publish(&b.e.line.head) // the manifest may have changed since the last commit
		v, err := b.e.acquire()
		if err != nil {
			return err
		}
		if ok, err = b.fits(v); !ok || err != nil {
			b.e.release(v)
			return err
		}
		b.v = v
		id, secret := b.e.keys.Secret()
		b.note = backupNote{1, v.seq, b.e.keys.Serial(), id, secretPrint(secret), v.at}
		return nil
	})
	return ok, err
}

// secretPrint tells token secrets apart and says nothing about them.
func secretPrint(secret [32]byte) string {
	sum := sha256.Sum256(append([]byte("kith backup of "), secret[:]...))
	return hex.EncodeToString(sum[:8])
}

// history copies the parts that are not copied yet, and the live one anew.
func (b *backup) history(ctx context.Context) error {
	for {
		man := b.e.hist.Manifest()
		b.rows = b.e.hist.Rows()
		again, err := b.parts(ctx, man)
		if err != nil || !again {
			return err
		}
	}
}

// parts copies the parts of a manifest. again says that one is not there any more.
func (b *backup) parts(ctx context.Context, man history.Manifest) (again bool, err error) {
	named := map[uint32]bool{}
	for _, p := range man.Parts {
		named[p.ID] = true
		if old, ok := b.have[p.ID]; ok && old.Sealed {
			continue
		}
		to := b.file(p.ID)
		if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		if ok, err := b.inherit(ctx, p); err != nil {
			return false, err
		} else if ok {
			b.have[p.ID] = p
			continue
		}
		if err := b.e.hist.Copy(ctx, p.ID, to); errors.Is(err, kith.ErrNotFound) {
			return true, nil
		} else if err != nil {
			return false, err
		}
		b.have[p.ID] = p
	}
	for id := range b.have {
		if !named[id] {
			delete(b.have, id)
			if err := os.Remove(b.file(id)); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

func (b *backup) file(id uint32) string {
	return filepath.Join(b.dir, "history", fmt.Sprintf("%06d.duckdb", id))
}

// fits tells whether the parts that were copied are those of the version's
// manifest, and its log has every event that the copy may lack.
func (b *backup) fits(v *version) (bool, error) {
	var man history.Manifest
	if _, err := v.snap.Meta(storage.MetaManifest(), &man); err != nil {
		return false, err
	}
	if len(man.Parts) != len(b.have) {
		return false, nil
	}
	for _, p := range man.Parts {
		if old, ok := b.have[p.ID]; !ok || old.Sealed != p.Sealed {
			return false, nil
		}
	}
	first := v.events
	err := v.snap.Blobs(0, func(_ kith.Seq, blob []byte) error {
		h, err := storage.HeadOf(blob)
		if err != nil {
			return err
		}
		first = h.Ordinal
		return storage.ErrStop
	})
	return first <= b.rows, err
}

// store copies the version's store.
func (b *backup) store(ctx context.Context) error {
	dst, err := storage.OpenStore(storage.Config{Dir: filepath.Join(b.dir, "badger"), Memtable: b.e.lim.memtable})
	if err != nil {
		return err
	}
	return errors.Join(b.v.snap.Copy(ctx, dst), dst.Close())
}

// finish writes the small files and makes the folder durable.
func (b *backup) finish() error {
	note, err := json.Marshal(&b.note)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(b.dir, backupName), append(note, '\n')); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(b.dir, "FORMAT"), []byte(format)); err != nil {
		return err
	}
	return syncTree(b.dir)
}

// syncTree makes every file and folder below dir durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return syncDir(path)
	})
}

// keyFiles are the files that keys/ may have.
var keyFiles = []string{"master", "secret", "blocks", "ledger"}

// BackupKeys copies the keys into the folder dest, in the place of the last
// copy. Keep it apart from the backups: with it, and the master key where that
// was given from outside, they can be read; what was erased cannot, as soon as
// the last copy of the old keys is gone.
func (e *Engine) BackupKeys(ctx context.Context, dest string) error {
	if e.dir == "" {
		return &kith.Error{Op: "engine.BackupKeys", Kind: kith.ErrUnsupported, Err: errors.New("the platform is in memory")}
	}
	for _, path := range []string{dest, dest + ".tmp"} {
		if err := onlyKeys(path); err != nil {
			return err
		}
	}
	tmp := dest + ".tmp"
	err := os.RemoveAll(tmp)
	if err == nil {
		err = e.inLine(func() error { return copyKeys(ctx, e.path("keys"), tmp) })
	}
	if err == nil {
		err = swap(tmp, dest)
	}
	return errors.Join(err, os.RemoveAll(tmp))
}

// onlyKeys refuses a folder that holds anything but keys: it will be replaced.
func onlyKeys(path string) error {
	files, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	known := map[string]bool{}
	for _, name := range keyFiles {
		known[name], known[name+".tmp"], known[name+".new"] = true, true, true
	}
	for _, f := range files {
		if !known[f.Name()] && err == nil {
			err = errors.New("the folder holds other things than keys")
		}
	}
	if err != nil {
		return &kith.Error{Op: "engine.BackupKeys", On: path, Kind: kith.ErrInvalid, Err: err}
	}
	return nil
}

// copyKeys copies the files of keys/ into the new folder to.
func copyKeys(ctx context.Context, from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return fmt.Errorf("copy keys: %w", err)
	}
	for _, name := range keyFiles {
		data, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) && name == "master" { // it came from outside
			continue
		}
		if err == nil {
			err = writeFile(filepath.Join(to, name), data)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("copy keys: %w", err)
		}
	}
	return syncDir(to)
}
