// Package history keeps what happened in columns, in DuckDB parts, and answers SQL about it.
package history

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith"
)

// Options say how history is opened. Only Paths is needed in memory; a directory
// needs Save, too.
type Options struct {
	Dir      string   // where the parts are; empty: one live part in memory, never sealed
	Temp     string   // where DuckDB may spill; empty: Dir/tmp
	Memory   int64    // bytes DuckDB may use; 0: 1 GiB
	Spill    int64    // bytes DuckDB may spill; 0: 16 GiB
	Threads  int      // of DuckDB; 0: one for each processor
	PartRows int      // rows after which the live part is sealed; 0: 4 Mi
	Files    bool     // SQL may read and write files
	ReadOnly bool     // nothing is written: no appends, no spilling, no file touched
	Paths    PathSet  // the engine's dictionary of leaf paths
	Manifest Manifest // what Save was last given; the zero value: nothing
	// Save makes the manifest durable. History relies on it only after it returned
	// nil. It is called inside Append and must not call history.
	Save func(Manifest) error
	Free func() (int64, error) // bytes of disk that are free; nil: enough
}

// History is the parts and the one DuckDB instance they are attached to. One
// goroutine at a time appends; all the rest may be called from many.
type History struct {
	o         Options
	watermark atomic.Uint64
	broken    atomic.Bool // DuckDB has said that the instance is of no use any more

	mu sync.Mutex // guards c, w, the counts of the live part, and who may change the shape
	c  *conn
	w  *writer

	// use is held for reading by whoever has a statement over the parts: none of
	// them is detached meanwhile. It is only ever tried for writing.
	use sync.RWMutex

	shape    sync.RWMutex // guards what follows
	parts    []*part
	manifest Manifest
	pending  []*part // sealed and still attached for writing, or rewritten and still attached
	db       *sql.DB
	in       *instance
	idle     []*conn // for Scan and At
	closed   bool

	ids     names   // path -> number
	variety variety // of the first rows of the live part; guarded by mu
}

// Open opens the parts of the manifest and removes what is not in it.
func Open(o Options) (*History, error) {
	if o.Paths == nil || o.Dir != "" && o.Save == nil {
		return nil, fail("Open", "", kith.ErrInvalid, errors.New("options without Paths or Save"))
	}
	if o.PartRows <= 0 {
		o.PartRows = 4 << 20
	}
	if o.Dir == "" || o.Save == nil {
		o.Save = func(Manifest) error { return nil }
	}
	h := &History{o: o, manifest: o.Manifest, ids: names{of: map[string]uint32{}, paths: o.Paths}}
	h.manifest.Next = max(h.manifest.Next, 1)
	if err := h.open(); err != nil {
		h.shut()
		return nil, err
	}
	return h, nil
}

// open makes a DuckDB instance and attaches the parts to it. The caller holds
// both locks, or is alone.
func (h *History) open() (err error) {
	settings, err := h.settings()
	if err == nil {
		h.in, err = start(settings)
	}
	if err == nil {
		h.c, err = h.in.dial()
	}
	if err != nil {
		return fail("Open", "", kith.ErrInvalid, err)
	}
	h.parts, h.pending = nil, nil
	if h.o.Dir != "" {
		if !h.o.ReadOnly {
			if err := h.sweep(); err != nil {
				return fail("Open", "", kith.ErrCorrupt, err)
			}
		}
		for _, p := range h.manifest.Parts {
			q, err := h.attachPart(h.c, p)
			if err != nil {
				return err
			}
			h.parts = append(h.parts, q)
		}
	}
	if err := h.lock(); err != nil {
		return fail("Open", "", kith.ErrInvalid, err)
	}
	h.db = sql.OpenDB(&connector{h: h, in: h.in})
	h.db.SetMaxIdleConns(8)
	if p := h.live(); p != nil && !h.o.ReadOnly {
		h.w = h.newWriter(p)
	}
	return nil
}

// settings chooses the settings of the instance.
func (h *History) settings() (url.Values, error) {
	memory, spill, temp := h.o.Memory, h.o.Spill, h.o.Temp
	if memory <= 0 {
		memory = 1 << 30
	}
	if spill <= 0 {
		spill = 16 << 30
	}
	if h.o.Dir != "" && !h.o.ReadOnly {
		if err := os.MkdirAll(h.o.Dir, 0o700); err != nil {
			return nil, err
		}
		if temp == "" {
			temp = filepath.Join(h.o.Dir, "tmp")
		}
	}
	set := url.Values{}
	set.Set("memory_limit", fmt.Sprintf("%d B", memory))
	set.Set("max_temp_directory_size", fmt.Sprintf("%d B", spill))
	set.Set("temp_directory", temp)
	// What spills may be opened personal values. Without an extension DuckDB has
	// no random numbers good enough to call it secure, and wants that said.
	set.Set("temp_file_encryption", "true")
	set.Set("force_mbedtls_unsafe", "true")
	set.Set("allocator_background_threads", "true") // else what is freed stays with the process: 180 MB after a flush of 80,000 rows
	set.Set("checkpoint_threshold", "1TB")          // checkpoints are ours: see drain
	for _, off := range []string{"autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions", "allow_persistent_secrets"} {
		set.Set(off, "false")
	}
	if h.o.Threads > 0 {
		set.Set("threads", strconv.Itoa(h.o.Threads))
	}
	return set, nil
}

// lock makes our functions known and sets what SQL may do. Parts can still be attached afterwards.
func (h *History) lock() error {
	if err := registerFunctions(h.c); err != nil {
		return err
	}
	script := "SET GLOBAL TimeZone='UTC';"
	if !h.o.Files {
		if h.o.Dir != "" {
			dir, err := filepath.Abs(h.o.Dir)
			if err != nil {
				return err
			}
			script += "SET GLOBAL allowed_directories=[" + quote(dir+"/") + "," + quote(h.o.Dir+"/") + "];"
		}
		script += "SET GLOBAL enable_external_access=false;"
	}
	return h.c.exec(script + "SET GLOBAL lock_configuration=true")
}

// live gives the part that takes appends; nil: there is none yet.
func (h *History) live() *part {
	if len(h.parts) == 0 {
		return nil
	}
	return h.parts[len(h.parts)-1]
}

// Watermark gives the highest sequence number that history has for ever. It is 0
// before the first row.
func (h *History) Watermark() uint64 { return h.watermark.Load() }

// Rows gives how many rows history has: the ordinal of the next one.
func (h *History) Rows() uint64 {
	h.shape.RLock()
	defer h.shape.RUnlock()
	if p := h.live(); p != nil {
		return p.First + p.Rows
	}
	return 0
}

// Manifest gives the parts as they are now.
func (h *History) Manifest() Manifest {
	h.shape.RLock()
	defer h.shape.RUnlock()
	m := h.manifest
	m.Parts = append([]Part(nil), m.Parts...)
	return m
}

// snapshot gives the parts as they are now. The caller holds h.use or h.mu, so
// that they stay attached. The counts may be read only under h.mu.
func (h *History) snapshot() []part {
	h.shape.RLock()
	defer h.shape.RUnlock()
	parts := make([]part, len(h.parts))
	for i, p := range h.parts {
		parts[i] = *p
	}
	return parts
}

// ready reports whether history can be used, and opens DuckDB again when it has
// given up. The caller holds h.mu.
func (h *History) ready(op string) error {
	h.shape.Lock()
	defer h.shape.Unlock()
	if h.closed {
		return fail(op, "", kith.ErrClosed, nil)
	}
	if !h.broken.Load() {
		return nil
	}
	h.shutLocked()
	if err := h.open(); err != nil {
		return err
	}
	h.broken.Store(false)
	return nil
}

// usable is ready for those who only read.
func (h *History) usable(op string) error {
	h.shape.RLock()
	closed := h.closed
	h.shape.RUnlock()
	if closed {
		return fail(op, "", kith.ErrClosed, nil)
	}
	if h.broken.Load() {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.ready(op)
	}
	return nil
}

// spoilt notes whether err has made the instance useless, and gives err back
// with its kind.
func (h *History) spoilt(op, on string, err error) error {
	if err == nil {
		return nil
	}
	if fatal(err) {
		h.broken.Store(true)
		return fail(op, on, kith.ErrClosed, fmt.Errorf("DuckDB gave up, the next call opens it again: %w", err))
	}
	return fail(op, on, nil, err)
}

// Close writes the live part's log into its file and lets everything go. Rows of
// SQL that are still open keep the instance in memory, not the files' content.
func (h *History) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shape.Lock()
	defer h.shape.Unlock()
	if h.closed {
		return fail("Close", "", kith.ErrClosed, nil)
	}
	h.closed = true
	var err error
	if p := h.live(); p != nil && h.o.Dir != "" && !h.o.ReadOnly && !h.broken.Load() {
		var ok bool
		if ok, err = h.roomy(p); ok { // else its log stays, and is told again by the next to open
			err = h.c.exec("CHECKPOINT " + p.alias())
		}
	}
	h.shutLocked()
	if err != nil {
		return fail("Close", "", nil, err)
	}
	return nil
}

func (h *History) shut() {
	h.shape.Lock()
	defer h.shape.Unlock()
	h.shutLocked()
}

func (h *History) shutLocked() {
	if h.w != nil {
		h.w.close()
		h.w = nil
	}
	if h.db != nil {
		h.db.Close() // nothing is written through it
		h.db = nil
	}
	for _, c := range h.idle {
		c.close()
	}
	h.idle = nil
	if h.c != nil {
		for _, p := range h.parts {
			if h.c.exec("DETACH "+p.alias()) != nil {
				break // the instance goes with its last connection
			}
		}
		h.c.close()
		h.c = nil
	}
	if h.in != nil {
		h.in.duck.Close() // nothing is written by it
		h.in = nil
	}
}

// borrow gives a connection for reading, and give takes it back.
func (h *History) borrow() (*conn, error) {
	h.shape.Lock()
	defer h.shape.Unlock()
	if n := len(h.idle); n > 0 {
		c := h.idle[n-1]
		h.idle = h.idle[:n-1]
		return c, nil
	}
	if h.closed {
		return nil, kith.ErrClosed
	}
	return h.in.dial()
}

func (h *History) give(c *conn) {
	h.shape.Lock()
	defer h.shape.Unlock()
	if h.closed || c.of != h.in || len(h.idle) >= 8 {
		c.close()
		return
	}
	h.idle = append(h.idle, c)
}
