package engine

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/kithdb/kith/identity"
)

// Options say how a platform is opened. The zero value is right for most; nil is the same.
type Options struct {
	Now      func() time.Time // the only clock; nil: the wall
	Key      []byte           // master key, 32 bytes; nil: keys/master, made when absent
	Rules    *identity.Rules  // of a new directory; in an old one they must equal the stored rules; nil: as stored
	ReadOnly bool             // change no byte of the directory: it must have been closed; several may read it, none may own it
	Memory   int64            // bytes for blocks, caches and DuckDB together; 0: half of the machine's
	Threads  int              // for cleaning and queries; 0: one a core
	NoSync   bool             // acknowledge before the disk has it: a power cut may lose the last commits, a killed process does not
	NoSocket bool             // do not listen on kith.sock
	KeepIP   bool             // keep context.ip whole, sealed, instead of cutting it to its network
	Zone     *time.Location   // of timestamps that name none; nil: they are refused
	Log      *slog.Logger     // nil: nothing is logged
}

// limits are what the options come to on this machine.
type limits struct {
	threads int
	state   int64  // bytes for column blocks and bitmaps
	duckdb  int64  // bytes for DuckDB
	queue   int64  // bytes of events that wait for history
	caches  int    // entries of the identifier cache
	replay  uint64 // a checkpoint begins when so many events would have to be told again
}

func (o *Options) limits() limits {
	memory := o.Memory
	if memory <= 0 {
		memory = physicalMemory() / 2
	}
	memory = max(memory, 64<<20)
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return limits{
		threads: threads,
		state:   memory * 3 / 8,
		duckdb:  max(memory/2, 100<<20),
		queue:   min(max(memory/16, 8<<20), 256<<20),
		replay:  uint64(min(max(memory/1024, 100_000), 1_000_000)),
		caches:  int(min(max(memory/16/64, 1<<14), 1<<21)),
	}
}

func (o *Options) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}
