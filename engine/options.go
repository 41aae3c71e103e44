package engine

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/kithdb/kith/identity"
)

// Options say how a platform is opened. The zero value is right for most; nil is the same.
//
// Memory bounds what no file stands behind, as far as shares can: Go's collector
// may let a load take up to twice of what the engine holds on the heap, unless
// the process has a memory limit of its own (docs/memory.md).
type Options struct {
	Now      func() time.Time // the only clock; nil: the wall
	Key      []byte           // master key, 32 bytes; nil: keys/master, made when absent
	Rules    *identity.Rules  // of a new directory; in an old one they must equal the stored rules; nil: as stored
	ReadOnly bool             // change no byte of the directory: it must have been closed; several may read it, none may own it
	Memory   int64            // bytes for blocks, caches, buffers and DuckDB together, at least 256 MiB; 0: see DefaultMemory
	Threads  int              // for cleaning and queries; 0: one a core
	NoSync   bool             // acknowledge before the disk has it: a power cut may lose the last commits, a killed process does not
	NoSocket bool             // do not listen on kith.sock
	KeepIP   bool             // keep context.ip whole, sealed, instead of cutting it to its network
	Zone     *time.Location   // of timestamps that name none; nil: they are refused
	Log      *slog.Logger     // nil: nothing is logged
}

// limits are what the options come to on this machine: docs/memory.md has the
// measurements that the shares stand on. What lives on Go's heap takes up to
// twice its size before it is collected, so its shares come to less than half
// of what is there beside DuckDB.
type limits struct {
	threads  int
	duckdb   int64  // bytes for DuckDB
	state    int64  // bytes for column blocks and bitmaps
	memtable int64  // bytes of one of Badger's; it takes up to six of them
	piece    int64  // bytes that upkeep writes at once
	queue    int64  // bytes of events that wait for the line, and again for history
	keys     int64  // bytes for opened keys
	runs     int64  // bytes for opened blocks of message ids, and of tokens, and of places
	docs     int64  // bytes for opened trait documents
	tables   int64  // bytes for opened columns of reference tables
	recent   int64  // bytes for the events of days that windows cut, and for roll-ups of days
	caches   int    // entries of the caches of identifiers and of pairs
	replay   uint64 // a checkpoint begins when so many events would have to be told again; each takes about 100 bytes until then
}

// The least and the most memory that the shares are made for.
const (
	leastMemory = 256 << 20
	mostDefault = 2 << 30
)

// DefaultMemory is what Options.Memory is where nobody says: a quarter of the
// machine's, at most 2 GiB. More makes nothing faster until the columns of
// millions of people have to fit.
func DefaultMemory() int64 { return max(min(physicalMemory()/4, mostDefault), leastMemory) }

func (o *Options) limits() limits {
	memory := o.Memory
	if memory <= 0 {
		memory = DefaultMemory()
	}
	memory = max(memory, leastMemory)
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	// A transaction may have 15 % of a memtable. The largest unit has 1.05 MB,
	// and comes after up to a piece of others: see storage.Tx.
	memtable := min(max(memory/32, 12<<20), 64<<20)
	return limits{
		threads:  threads,
		duckdb:   max(memory*3/8, 128<<20),
		state:    memory * 3 / 16,
		memtable: memtable,
		piece:    min(memtable/24, 2<<20),
		queue:    min(max(memory/20, 8<<20), 256<<20),
		keys:     min(memory/32, 256<<20),
		runs:     memory / 128,
		docs:     min(memory/32, 256<<20),
		tables:   min(memory/32, 256<<20),
		recent:   min(memory/64, 128<<20),
		caches:   int(min(memory/2048, 1<<20)),
		replay:   uint64(min(max(memory/2048, 100_000), 1_000_000)),
	}
}

func (o *Options) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}
