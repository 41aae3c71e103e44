package engine

import (
	"encoding/binary"
	"os"
	"syscall"

	"github.com/kithdb/kith"
)

// equals counts how often each row of an input came by, so that equal rows get
// message ids of their own and the same input again gets the same ones. Up to
// mostEquals different rows it is in memory; more are in a table that is mapped
// from a file without a name, whose pages the kernel writes out when it needs
// room. A process that ends leaves nothing of it: who goes on with a load counts again.
type equals struct {
	dir   string // where the file is made; empty: where the system has such files
	seen  map[uint64]uint64
	table []byte // places of print and count, little endian; a count of 0 is a free place
	bits  uint   // there are 1 << bits places
	rows  int    // places that are taken
}

const equalsPlace = 16

// mostEquals bounds the different rows of a load that are counted in memory, some 40 bytes each. Tests set it.
var mostEquals = 1 << 19

// count gives how many rows of the print came before, and counts this one.
func (q *equals) count(print uint64) (uint64, error) {
	if q.table == nil && len(q.seen) < mostEquals {
		if q.seen == nil {
			q.seen = map[uint64]uint64{}
		}
		n := q.seen[print]
		q.seen[print]++
		return n, nil
	}
	if err := q.room(); err != nil {
		return 0, &kith.Error{Op: "engine.Load", On: "temporary file", Kind: kith.ErrClosed, Err: err}
	}
	return q.add(print, 1), nil
}

// room sees to it that the table is there, and three quarters of it are taken at most.
func (q *equals) room() error {
	if q.table != nil && q.rows < 3<<q.bits/4 {
		return nil
	}
	old, bits := q.table, q.bits+1
	if old == nil {
		for bits = 8; 1<<bits < 2*len(q.seen); bits++ {
		}
	}
	table, err := q.create(equalsPlace << bits)
	if err != nil {
		return err
	}
	q.table, q.bits, q.rows = table, bits, 0
	for print, n := range q.seen {
		q.add(print, n)
	}
	q.seen = nil
	for p := old; len(p) > 0; p = p[equalsPlace:] {
		if n := binary.LittleEndian.Uint64(p[8:]); n > 0 {
			q.add(binary.LittleEndian.Uint64(p), n)
		}
	}
	return unmap(old)
}

// create maps a file that has no name any more. Its bytes are written first, so
// that a full disk is an error here and not a fault later.
func (q *equals) create(size int64) (table []byte, err error) {
	f, err := os.CreateTemp(q.dir, "equals-*.tmp")
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping stays
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	nothing := make([]byte, min(size, 1<<20))
	for at := int64(0); at < size; at += int64(len(nothing)) {
		if _, err := f.WriteAt(nothing, at); err != nil {
			return nil, err
		}
	}
	return syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}

// add adds n to what is counted of a print, and gives what was before.
func (q *equals) add(print, n uint64) uint64 {
	for i := print >> (64 - q.bits); ; i = (i + 1) & (1<<q.bits - 1) {
		p := q.table[i*equalsPlace : (i+1)*equalsPlace]
		before := binary.LittleEndian.Uint64(p[8:])
		if before > 0 && binary.LittleEndian.Uint64(p) != print {
			continue
		}
		if before == 0 {
			q.rows++
			binary.LittleEndian.PutUint64(p, print)
		}
		binary.LittleEndian.PutUint64(p[8:], before+n)
		return before
	}
}

// close lets the table go.
func (q *equals) close() error {
	table := q.table
	q.table = nil
	return unmap(table)
}

func unmap(table []byte) error {
	if table == nil {
		return nil
	}
	return syscall.Munmap(table)
}
