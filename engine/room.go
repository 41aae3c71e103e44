package engine

import (
	"errors"
	"fmt"
	"os"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// Badger writes through mapped files and dies of a full disk, so writing stops
// while there is still room for what it and history (history.Room) may have to write at once.
const (
	reserve = 192 << 20 // two memtables with their logs, and a value log file
	ballast = 32 << 20  // a file to give away, so that a full disk can still be opened and tidied
)

var errFull = errors.New("the disk is nearly full: what is stored can be read, make room to write again")

// room tells whether the disk has room to write. It looks at most every few turns.
func (e *Engine) room() error {
	if e.o.ReadOnly {
		return &kith.Error{Op: "engine.write", Kind: kith.ErrClosed, Err: errors.New("opened to read only")}
	}
	if e.dir == "" {
		return nil
	}
	if e.turns++; e.full == nil && e.turns%8 != 1 {
		return nil
	}
	free, err := storage.DiskFree(e.dir)
	if err != nil {
		return fmt.Errorf("ask for free disk: %w", err)
	}
	e.full = nil
	if free < reserve+e.follow.waiting()+e.hist.Room() {
		e.full = &kith.Error{Op: "engine.write", Kind: kith.ErrClosed, Err: errFull}
	}
	return e.full
}

// dropBallast gives the ballast away when the disk is so full that opening,
// which writes a little, might not succeed.
func (e *Engine) dropBallast() error {
	free, err := storage.DiskFree(e.dir)
	if err != nil || free >= ballast {
		return err
	}
	if err := os.Remove(e.path("ballast")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// keepBallast makes the file that is given away when the disk is full.
func (e *Engine) keepBallast() error {
	if e.dir == "" || e.o.ReadOnly {
		return nil
	}
	if st, err := os.Stat(e.path("ballast")); err == nil && st.Size() >= ballast {
		return nil
	}
	free, err := storage.DiskFree(e.dir)
	if err != nil || free < reserve+4*ballast {
		return err
	}
	f, err := os.OpenFile(e.path("ballast"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(storage.Allocate(f, ballast), f.Close())
}
