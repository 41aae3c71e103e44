//go:build linux

package faults

import (
	"maps"
	"os"
	"slices"
	"syscall"
)

// Loss is what a power cut does to writes that were not synced.
type Loss uint8

const (
	// LoseAll forgets every write that was not synced.
	LoseAll Loss = iota
	// Tear keeps the first few such writes of each file, and of the last of these
	// the bytes before a 512-byte border.
	Tear
	// Scatter keeps or forgets each sector of 512 bytes, and the size, on its own.
	Scatter
)

// cut brings the disk to what a cut would leave. The choices of Tear and Scatter
// are made from the seed.
func (d *disk) cut(loss Loss, seed uint64) error {
	seen := map[*inode]bool{}
	if err := d.cutTree(d.root, loss, dice(seed), seen); err != nil {
		return err
	}
	entries, err := os.ReadDir(d.back)
	if err != nil {
		return err
	}
	alive := map[string]bool{}
	for in := range seen {
		alive[d.path(in)] = true
	}
	for _, e := range entries {
		if p := d.back + "/" + e.Name(); !alive[p] {
			if err := os.Remove(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// cutTree undoes what is below dir, in an order that depends on names alone.
func (d *disk) cutTree(dir *inode, loss Loss, seed dice, seen map[*inode]bool) error {
	for name, in := range dir.entries {
		if dir.synced[name] != in {
			d.stats.LostNames++
		}
	}
	for name := range dir.synced {
		if dir.entries[name] == nil {
			d.stats.LostNames++
		}
	}
	dir.entries = maps.Clone(dir.synced)
	for _, name := range slices.Sorted(maps.Keys(dir.entries)) {
		in := dir.entries[name]
		if seen[in] {
			in.links++
			continue
		}
		seen[in] = true
		in.links, in.up = 1, dir
		seed.next()
		if in.dir() {
			if err := d.cutTree(in, loss, seed, seen); err != nil {
				return err
			}
			continue
		}
		if err := d.cutFile(in, loss, seed); err != nil {
			return err
		}
	}
	return nil
}

// cutFile undoes the changes of one file, from the last to the first, sector by sector.
func (d *disk) cutFile(in *inode, loss Loss, seed dice) error {
	n := int64(len(in.undo))
	if n == 0 || in.mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil
	}
	f, err := d.open(in)
	if err != nil {
		return err
	}
	keep, sizeKeep := in.survivors(loss, seed)
	size, err := d.size(in)
	if err != nil {
		return err
	}
	for i := n - 1; i >= 0; i-- {
		c := &in.undo[i]
		if i >= sizeKeep {
			size = c.size
		}
		for _, old := range c.old {
			if err := putBack(f, old, i, keep); err != nil {
				return err
			}
		}
	}
	d.stats.LostWrites += int(n - sizeKeep)
	in.undo = nil
	return f.Truncate(size)
}

// survivors says of a sector how many of the changes, from the first on, survive,
// and the same of the file's size.
func (in *inode) survivors(loss Loss, seed dice) (keep func(sector int64) int64, size int64) {
	n := int64(len(in.undo))
	switch loss {
	case Tear:
		whole := seed.roll(n) // of these all bytes; of the next the first sectors
		torn := in.undo[whole]
		if len(torn.old) != 1 || len(torn.old[0].data) <= sector {
			return func(int64) int64 { return whole }, whole
		}
		c := torn.old[0]
		border := c.at/sector + 1 + seed.roll(int64(len(c.data))/sector)
		return func(s int64) int64 {
			if s < border {
				return whole + 1
			}
			return whole
		}, whole + 1
	case Scatter:
		return func(s int64) int64 {
			at := seed + dice(s)*0x2545f4914f6cdd1d
			return at.roll(n + 1)
		}, seed.roll(n + 1)
	}
	return func(int64) int64 { return 0 }, 0
}

// putBack undoes the i-th change in the sectors that it does not survive in.
func putBack(f *os.File, old chunk, i int64, keep func(sector int64) int64) error {
	for at, b := old.at, old.data; len(b) > 0; {
		n := min(int64(len(b)), sector-at%sector)
		if i >= keep(at/sector) {
			if _, err := f.WriteAt(b[:n], at); err != nil {
				return err
			}
		}
		at, b = at+n, b[n:]
	}
	return nil
}
