package engine

import (
	"encoding/binary"
	"io"
	"os"

	"github.com/kithdb/kith"
)

// equals counts how often each row of an input came by, so that equal rows get
// message ids of their own and the same input again gets the same ones. Up to
// mostEquals different rows it is in memory; more are in a table in a file
// without a name, whose pages the kernel keeps or writes out as it has room. A
// process that ends leaves nothing of it: who goes on with a load counts again.
type equals struct {
	dir  string // where the file is made; empty: where the system has such files
	seen map[uint64]uint64
	file *os.File
	bits uint // the table has 1 << bits pages
	rows uint64
	page [equalsPage]byte
}

const (
	equalsEntry = 16               // print and count, little endian; a count of 0 is a free place
	equalsPage  = 16 * equalsEntry // places for 16 rows
	equalsFull  = 16 * 5 / 8       // rows a page at which the table grows
)

// mostEquals bounds the different rows of a load that are counted in memory, some 40 bytes each. Tests set it.
var mostEquals = 1 << 19

// count gives how many rows of the print came before, and counts this one.
func (q *equals) count(print uint64) (uint64, error) {
	if q.file == nil && len(q.seen) < mostEquals {
		if q.seen == nil {
			q.seen = map[uint64]uint64{}
		}
		n := q.seen[print]
		q.seen[print]++
		return n, nil
	}
	n, err := q.countStored(print)
	if err != nil {
		err = &kith.Error{Op: "engine.Load", On: "temporary file", Kind: kith.ErrClosed, Err: err}
	}
	return n, err
}

func (q *equals) countStored(print uint64) (uint64, error) {
	if q.file == nil {
		if err := q.spill(); err != nil {
			return 0, err
		}
	}
	if q.rows >= equalsFull<<q.bits {
		if err := q.grow(); err != nil {
			return 0, err
		}
	}
	return q.add(print, 1)
}

// spill moves what is in memory into a file.
func (q *equals) spill() (err error) {
	if q.file, err = q.create(); err != nil {
		return err
	}
	for q.bits = 1; equalsFull<<q.bits < 2*len(q.seen); q.bits++ {
	}
	for print, n := range q.seen {
		if _, err := q.add(print, n); err != nil {
			return err
		}
	}
	q.seen = nil
	return nil
}

// create makes a file that has no name any more.
func (q *equals) create() (*os.File, error) {
	f, err := os.CreateTemp(q.dir, "equals-*.tmp")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// grow makes a table of twice the pages.
func (q *equals) grow() error {
	old, pages := q.file, int64(1)<<q.bits
	defer old.Close() // nothing of it is wanted any more
	f, err := q.create()
	if err != nil {
		return err
	}
	q.file, q.rows = f, 0
	q.bits++
	var page [equalsPage]byte
	for i := range pages {
		if err := read(old, page[:], i); err != nil {
			return err
		}
		for p := page[:]; len(p) > 0; p = p[equalsEntry:] {
			if n := binary.LittleEndian.Uint64(p[8:]); n > 0 {
				if _, err := q.add(binary.LittleEndian.Uint64(p), n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// add adds n to what is counted of a print, and gives what was before.
func (q *equals) add(print, n uint64) (uint64, error) {
	for at := int64(print >> (64 - q.bits)); ; at = (at + 1) & (1<<q.bits - 1) {
		if err := read(q.file, q.page[:], at); err != nil {
			return 0, err
		}
		for i := 0; i < equalsPage; i += equalsEntry {
			p := q.page[i : i+equalsEntry]
			before := binary.LittleEndian.Uint64(p[8:])
			if before > 0 && binary.LittleEndian.Uint64(p) != print {
				continue
			}
			if before == 0 {
				q.rows++
			}
			binary.LittleEndian.PutUint64(p, print)
			binary.LittleEndian.PutUint64(p[8:], before+n)
			_, err := q.file.WriteAt(p, at*equalsPage+int64(i))
			return before, err
		}
	}
}

// read reads a page of the table. What was never written is free.
func read(f *os.File, page []byte, at int64) error {
	n, err := f.ReadAt(page, at*equalsPage)
	clear(page[n:])
	if err == io.EOF {
		return nil
	}
	return err
}

// close lets the file go.
func (q *equals) close() {
	if q.file != nil {
		q.file.Close() // nothing of it is wanted any more
	}
}
