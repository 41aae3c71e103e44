package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/ristretto/v2/z"

	"github.com/kithdb/kith"
)

// Store is the Badger store of one directory. One goroutine writes (Update);
// any number read, each from a Snapshot.
type Store struct {
	db     *badger.DB
	counts [len(prefixes)]atomic.Int64 // records under each prefix, as of the last commit
	mu     sync.Mutex                  // one commit and its sync at a time: Sync reaches only the newest of Badger's logs
	nosync bool
	memory bool
	logged atomic.Int64             // bytes of log written since it was opened
	latest atomic.Pointer[Snapshot] // as of the last commit; nil: closed
	spare  *z.AllocatorPool
	rested int64 // bytes committed since spare was emptied; guarded by mu
}

// Config says how a store is opened.
type Config struct {
	Dir      string // empty: in memory
	ReadOnly bool
	Memtable int64 // bytes; 0: 64 MB
	NoSync   bool  // Commit returns before the disk has it
}

// OpenStore opens the Badger store. It takes no lock of its own: the engine
// holds the directory's.
func OpenStore(c Config) (s *Store, err error) {
	defer recoverCorrupt("storage.Open", &err)
	o := badger.DefaultOptions(c.Dir)
	if c.Dir == "" {
		o = o.WithInMemory(true)
	} else if err := prepare(c); err != nil {
		return nil, err
	}
	o.Logger = nil
	o.MetricsEnabled = false
	o.DetectConflicts = false
	o.NumVersionsToKeep = 1
	o.Compression = options.None
	o.BlockCacheSize = 0
	o.BaseTableSize = 32 << 20
	o.ValueThreshold = 1 << 20
	o.ValueLogFileSize = 64 << 20
	o.NumCompactors = 2
	o.NumMemtables = 1      // beside the one that is written: each is asked for an absent key, and takes its size in memory
	o.BlockSize = 256 << 10 // a larger value takes three times its size while its table is built
	o.CompactL0OnClose = false
	o.BypassLockGuard = true
	o.ReadOnly = c.ReadOnly
	if c.Memtable > 0 {
		o.MemTableSize = c.Memtable
		o.BaseTableSize = c.Memtable / 4 // a compaction builds several at once, each in twice its size of memory
		o.ValueThreshold = min(o.ValueThreshold, c.Memtable/10)
	}
	// A first level as large as what is merged into it at once: with Badger's 10 MB every byte passes
	// through three levels instead of two (4 million events: tables of 2,138 MB written, with this 1,548).
	o.BaseLevelSize = 4 * o.MemTableSize
	db, err := badger.Open(o)
	if err != nil {
		return nil, &kith.Error{Op: "storage.Open", Kind: kith.ErrCorrupt, Err: err}
	}
	s = &Store{db: db, nosync: c.NoSync || c.Dir == "", memory: c.Dir == "", spare: spareOf(db)}
	s.renew()
	return s, nil
}

// spareOf finds where Badger keeps the memory of tables that it has built, for
// the next ones: up to eight pieces, of which each is in time as large as the
// largest table ever took, which is several memtables. Badger shows the pool to
// nobody and lets go of it only where no table is built for seconds. nil: this
// Badger has none.
func spareOf(db *badger.DB) *z.AllocatorPool {
	v := reflect.ValueOf(db).Elem().FieldByName("allocPool")
	if !v.IsValid() || v.Type() != reflect.TypeFor[*z.AllocatorPool]() {
		return nil
	}
	return (*z.AllocatorPool)(v.UnsafePointer())
}

// rest lets go of the memory of tables that are built, about once a memtable; mu is held.
func (s *Store) rest(written int64) {
	if s.rested += written; s.spare == nil || s.rested < s.db.Opts().MemTableSize/2 {
		return
	}
	s.rested = 0
	for range 8 {
		s.spare.Get(1, "spare").Release() // where the pool is empty this is a new one, of 512 bytes
	}
}

// prepare makes the store's folder, or looks whether the one there is as it was closed.
func prepare(c Config) error {
	if c.ReadOnly {
		if sealed, err := checkSeal(c.Dir); err != nil || !sealed {
			return errors.Join(err, ErrUnclean)
		}
		return nil
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("make the store's folder: %w", err)
	}
	sealed, err := checkSeal(c.Dir)
	if err == nil && sealed {
		err = breakSeal(c.Dir)
	}
	return errors.Join(err, removeUnborn(c.Dir))
}

// removeUnborn removes log files of no size: a power cut can leave their names
// without any bytes, nothing in them was ever synced, and Badger would not open.
func removeUnborn(dir string) error {
	for _, pattern := range []string{"*.mem", "*.vlog"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fmt.Errorf("look for log files: %w", err)
		}
		for _, f := range files {
			st, err := os.Stat(f)
			if err == nil && st.Size() == 0 {
				err = os.Remove(f)
			}
			if err != nil {
				return fmt.Errorf("clear an empty log file: %w", err)
			}
		}
	}
	return nil
}

// Close flushes and closes the store.
func (s *Store) Close() error {
	dir := s.db.Opts().Dir
	if last := s.latest.Swap(nil); last != nil {
		last.Release()
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	if s.memory || s.db.Opts().ReadOnly {
		return nil
	}
	return seal(dir)
}

// Compact closes the store in such a way that little of what is dead by now
// stays on disk: the log, which is deleted when history and a checkpoint have
// it. Nothing may use the store afterwards but Close.
//
// Badger merges what stands in its first level only when enough tables do, and
// Flatten leaves them where there is no other level. So the store is closed,
// which writes the last memtable, and opened once more with options under which
// one table is enough.
func (s *Store) Compact() (err error) {
	if s.memory || s.logged.Load() < compactFrom {
		return nil
	}
	defer recoverCorrupt("storage.Compact", &err)
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	o := s.db.Opts()
	o.NumLevelZeroTables = 1
	o.CompactL0OnClose = true
	db, err := badger.Open(o)
	if err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	s.db = db
	if err := s.db.Flatten(2); err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	s.logged.Store(0)
	return nil
}

// compactFrom is how many bytes of log must have been written for Compact to be worth its while.
const compactFrom = 16 << 20

// Sync makes what was committed so far survive a power cut.
func (s *Store) Sync() error {
	if s.memory {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.Sync()
}

// Verify reads every table and compares Badger's own checksums.
func (s *Store) Verify() (err error) {
	defer recoverCorrupt("storage.Verify", &err)
	if err := s.db.VerifyChecksum(); err != nil {
		return &kith.Error{Op: "storage.Verify", Kind: kith.ErrCorrupt, Err: err}
	}
	return nil
}

// Size gives the bytes that the store's files take on disk, by allocated blocks.
func (s *Store) Size() int64 {
	if s.memory {
		return 0
	}
	n, err := DiskUse(s.db.Opts().Dir)
	if err != nil {
		return 0 // a file vanished between listing and looking: the next call counts right
	}
	return n
}

// Count gives the number of records under a key prefix, as of the last commit.
func (s *Store) Count(prefix byte) int64 { return s.counts[slot(prefix)].Load() }

// Counts gives the records under each prefix, in the order that SetCounts takes.
func (s *Store) Counts() []int64 {
	out := make([]int64, len(prefixes))
	for i := range out {
		out[i] = s.counts[i].Load()
	}
	return out
}

// SetCounts says how many records there are, as the last commit stored it.
func (s *Store) SetCounts(n []int64) {
	for i := range min(len(n), len(prefixes)) {
		s.counts[i].Store(n[i])
	}
}

func slot(prefix byte) int {
	for i := range len(prefixes) {
		if prefixes[i] == prefix {
			return i
		}
	}
	panic("unreachable: key prefix " + string(prefix))
}

// recoverCorrupt turns a panic of Badger's reader, which is how it meets
// damaged tables, into ErrCorrupt.
func recoverCorrupt(op string, err *error) {
	if r := recover(); r != nil {
		*err = &kith.Error{Op: op, Kind: kith.ErrCorrupt, Err: fmt.Errorf("reader stopped: %v", r)}
	}
}

// Reader is a view of the store to read from.
type Reader struct{ txn *badger.Txn }

// Get gives a copy of the payload under key, or nil where there is none.
func (r *Reader) Get(key []byte) (payload []byte, err error) {
	defer recoverCorrupt("storage.Get", &err)
	item, err := r.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read key %c: %w", key[0], err)
	}
	err = item.Value(func(v []byte) error {
		p, err := unpack(key, v)
		switch {
		case err != nil:
		case v[0] == formS2: // unpacked into memory of its own
			payload = p
		default:
			payload = append([]byte{}, p...)
		}
		return err
	})
	return payload, err
}

// Scan calls f for each key with the prefix, in order. Key and payload are
// valid until f returns.
func (r *Reader) Scan(prefix []byte, f func(key, payload []byte) error) error {
	return r.ScanFrom(prefix, prefix, f)
}

// ErrStop ends a scan without an error.
var ErrStop = errors.New("stop")

// ScanFrom is Scan from the first key at or after start.
func (r *Reader) ScanFrom(prefix, start []byte, f func(key, payload []byte) error) (err error) {
	defer recoverCorrupt("storage.Scan", &err)
	o := badger.DefaultIteratorOptions
	o.Prefix = prefix
	o.PrefetchValues = false // values stand beside their keys: there is nothing to fetch ahead
	it := r.txn.NewIterator(o)
	defer it.Close()
	for it.Seek(start); it.Valid(); it.Next() {
		item := it.Item()
		err := item.Value(func(v []byte) error {
			p, err := unpack(item.Key(), v)
			if err != nil {
				return err
			}
			return f(item.Key(), p)
		})
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Keys calls f for each key with the prefix, in order, without reading values.
func (r *Reader) Keys(prefix []byte, f func(key []byte) error) error {
	return r.KeysFrom(prefix, prefix, f)
}

// KeysFrom is Keys from the first key at or after start.
func (r *Reader) KeysFrom(prefix, start []byte, f func(key []byte) error) (err error) {
	defer recoverCorrupt("storage.Keys", &err)
	o := badger.DefaultIteratorOptions
	o.Prefix = prefix
	o.PrefetchValues = false
	it := r.txn.NewIterator(o)
	defer it.Close()
	for it.Seek(start); it.Valid(); it.Next() {
		if err := f(it.Item().Key()); err != nil {
			if errors.Is(err, ErrStop) {
				return nil
			}
			return err
		}
	}
	return nil
}

// Snapshot is the store as it was after the last commit before it was taken. It
// sees no later commit. All who take one between two commits share it: beginning
// a transaction of Badger's waits for the commit that is under way, and readers
// must not.
type Snapshot struct {
	Reader
	refs atomic.Int64 // one is the store's, while there is no newer one; 0: it is gone
}

// Snapshot takes one. It must be released, once.
func (s *Store) Snapshot() *Snapshot {
	for {
		snap := s.latest.Load()
		if snap == nil { // closed: Badger says so to who reads
			snap = &Snapshot{Reader: Reader{s.db.NewTransaction(false)}}
			snap.refs.Store(1)
			return snap
		}
		if snap.hold() {
			return snap
		}
	}
}

// hold reports false when the snapshot went meanwhile, because there is a newer one.
func (s *Snapshot) hold() bool {
	for {
		n := s.refs.Load()
		if n == 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release ends the snapshot.
func (s *Snapshot) Release() {
	if s.refs.Add(-1) == 0 {
		s.txn.Discard()
	}
}

// renew lets who takes a snapshot from now on see what was committed.
func (s *Store) renew() {
	snap := &Snapshot{Reader: Reader{s.db.NewTransaction(false)}}
	snap.refs.Store(1)
	if old := s.latest.Swap(snap); old != nil {
		old.Release()
	}
}

// Get gives a copy of the payload under key as of the last commit, or nil where there is none.
func (s *Store) Get(key []byte) ([]byte, error) {
	snap := s.Snapshot()
	defer snap.Release()
	return snap.Get(key)
}

// DiskUse gives the bytes that the files under dir take on disk, by allocated
// blocks: Badger's files look larger than they are.
func DiskUse(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := allocated(path)
		n += b
		return err
	})
	return n, err
}

// Copy copies every live record into dst, which must be empty, and syncs it.
func (s *Snapshot) Copy(ctx context.Context, dst *Store) error {
	w := dst.db.NewWriteBatch()
	defer w.Cancel()
	o := badger.DefaultIteratorOptions
	it := s.txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		item := it.Item()
		v, err := item.ValueCopy(nil)
		if err != nil {
			return fmt.Errorf("copy key %c: %w", item.Key()[0], err)
		}
		if _, err := unpack(item.Key(), v); err != nil {
			return err
		}
		if err := w.Set(item.KeyCopy(nil), v); err != nil {
			return fmt.Errorf("copy key %c: %w", item.Key()[0], err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("copy the store: %w", err)
	}
	dst.renew()
	return dst.db.Sync()
}
