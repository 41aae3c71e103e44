package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// Engine is one open customer data platform. Its methods may be called from
// any goroutine.
type Engine struct {
	dir string // empty: in memory
	o   Options
	lim limits
	log *slog.Logger

	lock   *os.File
	store  *storage.Store
	keys   *storage.Keyring
	state  *storage.State
	people *storage.People
	mids   *storage.Mids
	nears  *storage.Mids // where near-duplicates would find what they repeat
	places *storage.Places
	tokens *storage.Tokens
	words  *storage.Words // what people are found by; nil: an old directory, open for reading only
	hist   *history.History

	secret   *identity.Secret
	matcher  atomic.Pointer[identity.Matcher]
	classes  *identity.Classes
	paths    *clean.Paths
	sealed   *names // paths of which some event has a leaf sealed, behind that of none
	sources  *names
	spaces   *names
	traits   traits
	cleaners sync.Pool // of *pooled

	rulesMu  sync.Mutex
	weakBy   map[uint32]map[string]bool // guarded by rulesMu: the weak spaces of each version that was asked for
	rules    identity.Rules             // guarded by rulesMu
	writable atomic.Bool

	turns int   // the line's: see room
	full  error // the line's: the disk is nearly full

	pathsStored int // the line's
	checkpoint  storage.CheckpointRecord
	keeper      keeper // the line's: checkpoints and sweeping
	clock       clock
	tables      references
	static      staticLists
	recent      recentDays
	rollups     rollups

	builder  builder // of segments
	saved    uint64  // the checkpoint that the file live, if there is one, is true of
	line     *line
	hidden   map[string]keeping // computed traits of a directory that is opened read-only
	follow   *follower
	versions versions
	ended    chan struct{} // closed when the line has ended
	closing  sync.Once
	closed   error
	socket   *socket
}

// Open opens the platform in dir, and makes one where there is none. An empty
// dir is a platform in memory, gone with Close. A directory belongs to one
// process at a time: ErrLocked names the one that has it.
func Open(dir string, o *Options) (*Engine, error) {
	e := &Engine{dir: dir, ended: make(chan struct{})}
	if o != nil {
		e.o = *o
	}
	e.lim, e.log = e.o.limits(), e.o.Log
	if err := e.open(); err != nil {
		e.abandon()
		return nil, err
	}
	start := e.startLive
	if e.o.ReadOnly {
		start = e.hideComputed
	}
	if err := start(); err != nil {
		e.abandon()
		return nil, err
	}
	go e.line.run()
	go e.follow.run()
	if err := e.listen(); err != nil {
		e.Close() // the error that counts is the first
		return nil, err
	}
	return e, nil
}

// open opens the rooms, bottom up, and replays what they missed.
func (e *Engine) open() error {
	fresh, err := e.claim() // lock and format
	if err != nil {
		return err
	}
	if e.store, err = storage.OpenStore(storage.Config{Dir: e.path("badger"), ReadOnly: e.o.ReadOnly, Memtable: e.lim.memtable, NoSync: e.o.NoSync}); err != nil {
		return err
	}
	if e.keys, err = storage.OpenKeyring(e.path("keys"), e.o.Key, fresh, e.store.Get); err != nil {
		return err
	}
	e.keys.Limit(e.lim.keys)
	_, key := e.keys.Secret()
	secret := identity.Secret(key)
	e.secret = &secret
	e.classes = identity.NewClasses(nil)
	head, err := e.openNames() // dictionaries, rules
	if err != nil {
		return err
	}
	if !fresh && head.Seq == 0 {
		return &kith.Error{Op: "engine.Open", On: "the log", Kind: kith.ErrCorrupt, Err: errors.New("it is empty, in a directory that is complete")}
	}
	if err := e.openState(); err != nil { // columns, ids, places, as of the checkpoint
		return err
	}
	if err := e.openHistory(); err != nil {
		return err
	}
	if err := e.replay(head); err != nil { // what came after the checkpoint
		return err
	}
	if err := e.makeWords(); err != nil { // where an older version has made none
		return err
	}
	if err := e.makeSealed(); err != nil { // likewise
		return err
	}
	if err := e.openClock(); err != nil {
		return err
	}
	if err := e.keepBallast(); err != nil {
		return err
	}
	e.writable.Store(!e.o.ReadOnly)
	if fresh {
		return e.born()
	}
	return nil
}

// path gives the path of something in the directory; empty in memory.
func (e *Engine) path(name string) string {
	if e.dir == "" {
		return ""
	}
	return filepath.Join(e.dir, name)
}

// format is what the file FORMAT holds. Another first line means another format.
const format = "kith 1\n"

// claim takes the directory and tells whether it is new.
func (e *Engine) claim() (fresh bool, err error) {
	if e.dir == "" {
		return true, nil
	}
	if e.o.ReadOnly {
		return false, e.look()
	}
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return false, fmt.Errorf("make the directory: %w", err)
	}
	if _, err = e.fresh(); err != nil { // before a file is put into a directory that is not ours
		return false, err
	}
	afterLook()
	if e.lock, err = lock(e.dir); err != nil {
		return false, err
	}
	if fresh, err = e.fresh(); err != nil { // its owner may have made it meanwhile
		return false, err
	}
	if err := e.dropBallast(); err != nil {
		return false, err
	}
	if err := os.RemoveAll(e.path("tmp")); err != nil { // what a killed process spilled
		return false, fmt.Errorf("clear the temporary files: %w", err)
	}
	return fresh, os.MkdirAll(e.path("tmp"), 0o700)
}

// afterLook is called before the lock is taken. Tests set it.
var afterLook = func() {}

// look claims the directory for reading alone, beside others who only read.
func (e *Engine) look() (err error) {
	if e.lock, err = lockShared(e.dir); err != nil {
		return err
	}
	fresh, err := e.fresh()
	if err == nil && fresh {
		err = &kith.Error{Op: "engine.Open", On: e.dir, Kind: kith.ErrNotFound, Err: errors.New("there is no platform to read")}
	}
	return err
}

// fresh tells whether the directory is still to be made one of Kith's.
func (e *Engine) fresh() (bool, error) {
	if _, err := os.Stat(e.path("BACKUP")); err == nil {
		return false, &kith.Error{Op: "engine.Open", On: e.dir, Kind: kith.ErrDenied, Err: errors.New("this is a backup: kith restore makes a directory of it")}
	}
	text, err := os.ReadFile(e.path("FORMAT"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return true, e.empty()
	case err != nil:
		return false, fmt.Errorf("read FORMAT: %w", err)
	case string(text) != format:
		return false, &kith.Error{Op: "engine.Open", On: e.dir, Kind: kith.ErrUnsupported, Err: errors.New("the directory has a format that this version does not know")}
	}
	return false, nil
}

// ours are the names that may stand in a directory whose making was interrupted.
var ours = map[string]bool{"LOCK": true, "kith.sock": true, "keys": true, "badger": true, "history": true, "tmp": true, "ballast": true, "FORMAT.new": true}

// empty refuses a directory that holds anything else.
func (e *Engine) empty() error {
	entries, err := os.ReadDir(e.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	for _, f := range entries {
		if !ours[f.Name()] {
			return &kith.Error{Op: "engine.Open", On: e.dir, Kind: kith.ErrInvalid, Err: errors.New("the directory is neither empty nor one of Kith's: name another")}
		}
	}
	return nil
}

// born marks a new directory as complete.
func (e *Engine) born() error {
	if e.dir == "" {
		return nil
	}
	return writeFile(e.path("FORMAT"), []byte(format))
}

// writeFile replaces a file whole: it has the old bytes or the new, after a power cut too.
func writeFile(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close takes no more events, finishes what waits, and closes the directory.
// It may be called more than once.
func (e *Engine) Close() error {
	e.closing.Do(func() { e.closed = e.close() })
	return e.closed
}

func (e *Engine) close() error {
	var errs []error
	errs = append(errs, e.deafen())
	e.builder.close()
	e.line.q.close()
	<-e.ended
	errs = append(errs, e.follow.close())
	settled := e.line.failed == nil && e.room() == nil
	if settled {
		errs = append(errs, e.settle()) // a last checkpoint, so that opening has nothing to replay
		if errors.Join(errs...) == nil {
			e.saveLive()
		}
	}
	e.unpublish()
	errs = append(errs, e.hist.Close())
	if settled && errors.Join(errs...) == nil {
		errs = append(errs, e.shrink())
	}
	errs = append(errs, e.store.Close())
	if e.lock != nil {
		errs = append(errs, e.lock.Close())
	}
	return errors.Join(errs...)
}

// abandon closes what was opened before open failed.
func (e *Engine) abandon() {
	e.unpublish()
	if e.hist != nil {
		e.hist.Close() // the error of open is the one that counts
	}
	if e.store != nil {
		e.store.Close() // likewise
	}
	if e.lock != nil {
		e.lock.Close() // likewise
	}
}

// pooled is a cleaner and the rules it knows.
type pooled struct {
	*clean.Cleaner
	rules *identity.Matcher
	judge *identity.Judge // by the same rules; nil: they have no anomalies
}

// add adds an item of the cleaner to a batch, with what the rules find in it.
func (c *pooled) add(b *batch, it *clean.Item, line int64) {
	b.add(it, line)
	if c.judge != nil {
		b.items[len(b.items)-1].mark(c.judge)
	}
}

// cleaner gives a cleaner for one goroutine; put it back into e.cleaners.
func (e *Engine) cleaner() *pooled {
	now := e.matcher.Load()
	if c, ok := e.cleaners.Get().(*pooled); ok && c.rules == now {
		return c
	}
	return &pooled{e.cleanerBy(now), now, e.newJudge(now)}
}

func (e *Engine) newCleaner() *clean.Cleaner { return e.cleanerBy(e.matcher.Load()) }

func (e *Engine) cleanerBy(m *identity.Matcher) *clean.Cleaner {
	return clean.New(clean.Config{
		Paths: e.paths, IDs: m, Classes: classifier{e.classes}, Secret: *e.secret, Zone: e.o.Zone, KeepIP: e.o.KeepIP,
	})
}

// classifier is identity's classes in clean's words.
type classifier struct{ *identity.Classes }

// Shape tells whether a value looks like one that identifies a person.
func (classifier) Shape(value []byte) bool { return identity.Shape(value) }
