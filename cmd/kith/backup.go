package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// backupCmd is `kith backup`.
type backupCmd struct {
	Dir  string `arg:"" help:"The platform's directory; it may be in use."`
	Dest string `arg:"" help:"Where the copy goes. What a copy there has already is not copied again."`
	Keys bool   `help:"Copy the keys alone, in place of the last copy. Keep them apart from the data."`
}

// Run copies the data, or the keys, never both.
func (c *backupCmd) Run(a *app) error {
	dest, err := filepath.Abs(c.Dest) // another process may have to find it
	if err != nil {
		return err
	}
	began := time.Now()
	return a.with(c.Dir, false, func(p platform) error {
		if c.Keys {
			if err := p.BackupKeys(a.ctx, dest); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "the keys are in %s; who has them and the data can read everything\n", c.Dest)
			return nil
		}
		if err := p.Backup(a.ctx, dest); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "the data is in %s, in %s; it cannot be read without the keys: kith backup %s DEST --keys\n", c.Dest, took(time.Since(began)), c.Dir)
		return nil
	})
}

// restoreCmd is `kith restore`.
type restoreCmd struct {
	Dir    string `arg:"" help:"The directory to make; it must not be there."`
	Backup string `arg:"" help:"A copy that kith backup made."`
	Keys   string `required:"" placeholder:"DIR" help:"A copy that kith backup --keys made, as new as the data or newer."`
}

// Run makes a directory from a copy of the data and one of the keys.
func (c *restoreCmd) Run(a *app) error {
	key, err := a.key()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.Dir); err == nil {
		return next(&kith.Error{Op: "restore", On: c.Dir, Kind: kith.ErrExists, Err: errors.New("the directory is there")}, kith.ErrExists, "name another")
	}
	began := time.Now()
	if err := engine.Restore(a.ctx, c.Backup, c.Keys, c.Dir, key); err != nil {
		return next(err, kith.ErrDenied, "give the key that the directory was made with: --key-file FILE")
	}
	fmt.Fprintf(a.stderr, "%s is made, in %s; to prove it: kith check %s\n", c.Dir, took(time.Since(began)), c.Dir)
	return nil
}
