package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/identity"
)

// platform is what commands ask of a directory: an engine of our own, or the
// one of the process that owns it.
type platform interface {
	Load(ctx context.Context, r io.Reader, o *engine.LoadOptions) (engine.LoadReport, error)
	LoadRows(ctx context.Context, rows engine.Rows, o *engine.LoadOptions) (engine.LoadReport, error)
	Foretell(ctx context.Context, rows engine.Rows, o *engine.LoadOptions) (engine.Forecast, error)
	Unload(ctx context.Context, load uint32, o *engine.UnloadOptions) (engine.UnloadReport, error)
	LoadTable(ctx context.Context, name string, rows engine.TableRows, o *engine.TableOptions) (engine.TableVersion, error)
	Tables(ctx context.Context) ([]engine.Table, error)
	DropTable(ctx context.Context, name string) error
	Define(ctx context.Context, name, text string) (engine.Segment, error)
	DefineTrait(ctx context.Context, name, text string) (engine.ComputedTrait, error)
	DropTrait(ctx context.Context, name string) error
	ComputedTraits(ctx context.Context) ([]engine.ComputedTrait, error)
	TraitHistory(ctx context.Context, name string) ([]engine.ComputedTrait, error)
	VerifyTrait(ctx context.Context, name string) (engine.TraitVerification, error)
	DropSegment(ctx context.Context, name string) error
	Segments(ctx context.Context) ([]engine.Segment, error)
	Count(ctx context.Context, condition string, o *engine.AskOptions) (int, error)
	History(ctx context.Context, segment string) ([]engine.Segment, error)
	Verify(ctx context.Context, segment string) (engine.Verification, error)
	Why(ctx context.Context, segment string, id kith.Identifier) (engine.Reason, error)
	Watch(ctx context.Context, segment string, from kith.Seq) iter.Seq2[kith.Change, error]
	Changes(segment string, from kith.Seq) iter.Seq2[kith.Change, error]
	Export(ctx context.Context, condition string, o *engine.AskOptions) ([]byte, error)
	Overlap(ctx context.Context, conditions []string, o *engine.AskOptions) ([][]int, error)
	Waterfall(ctx context.Context, conditions []string, o *engine.AskOptions) ([]int, error)
	Union(ctx context.Context, conditions []string, o *engine.AskOptions) (engine.Union, error)
	Reach(ctx context.Context, condition string, o *engine.AskOptions) (engine.Reach, error)
	Daily(ctx context.Context, segment string) ([]engine.Day, error)
	Explain(ctx context.Context, condition string, o *engine.AskOptions) (engine.Explanation, error)
	People(ctx context.Context, condition string, columns []string, o *engine.AskOptions) (*sql.Rows, error)
	ImportList(ctx context.Context, name string, ids engine.Identifiers, mode engine.ListMode) (engine.ListReport, error)
	Lists(ctx context.Context) ([]engine.List, error)
	ListHistory(ctx context.Context, name string) ([]engine.ListVersion, error)
	DropList(ctx context.Context, name string) error
	Profile(ctx context.Context, id kith.Identifier) (*kith.Profile, error)
	Find(ctx context.Context, typed string, o *engine.FindOptions) (kith.Found, error)
	Flagged(ctx context.Context, id kith.Identifier, n int) ([]kith.Happening, error)
	SQL(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	Schema(ctx context.Context, o *engine.SchemaOptions) (*engine.Schema, error)
	Stats(ctx context.Context) (engine.Stats, error)
	Clock(ctx context.Context) (engine.ClockSetting, time.Time, error)
	SetClock(ctx context.Context, spec string) error
	Rules(ctx context.Context) (identity.Rules, error)
	SetRules(ctx context.Context, r identity.Rules) error
	Check(ctx context.Context, o *engine.CheckOptions) (engine.CheckReport, error)
	Backup(ctx context.Context, dest string) error
	BackupKeys(ctx context.Context, dest string) error
	Close() error
}

// direct is an engine of our own.
type direct struct {
	*engine.Engine
	a *app
}

// What follows changes what there is. Each waits until segments are kept current
// again after the opening, so that their changes say what moved people.

func (d *direct) Load(ctx context.Context, r io.Reader, o *engine.LoadOptions) (engine.LoadReport, error) {
	if err := d.WaitLive(ctx); err != nil {
		return engine.LoadReport{}, err
	}
	return d.Engine.Load(ctx, r, o)
}

func (d *direct) LoadRows(ctx context.Context, rows engine.Rows, o *engine.LoadOptions) (engine.LoadReport, error) {
	if err := d.WaitLive(ctx); err != nil {
		return engine.LoadReport{}, err
	}
	return d.Engine.LoadRows(ctx, rows, o)
}

func (d *direct) Unload(ctx context.Context, load uint32, o *engine.UnloadOptions) (engine.UnloadReport, error) {
	if err := d.WaitLive(ctx); err != nil {
		return engine.UnloadReport{}, err
	}
	r, err := d.Engine.Unload(ctx, load, o)
	return r, errors.Join(err, d.WaitLive(ctx)) // what the unload moved is found now, and not when the next opens
}

func (d *direct) LoadTable(ctx context.Context, name string, rows engine.TableRows, o *engine.TableOptions) (engine.TableVersion, error) {
	if err := d.WaitLive(ctx); err != nil {
		return engine.TableVersion{}, err
	}
	v, err := d.Engine.LoadTable(ctx, name, rows, o)
	return v, errors.Join(err, d.WaitLive(ctx))
}

func (d *direct) ImportList(ctx context.Context, name string, ids engine.Identifiers, mode engine.ListMode) (engine.ListReport, error) {
	if err := d.WaitLive(ctx); err != nil {
		return engine.ListReport{}, err
	}
	r, err := d.Engine.ImportList(ctx, name, ids, mode)
	return r, errors.Join(err, d.WaitLive(ctx))
}

func (d *direct) SetClock(ctx context.Context, spec string) error {
	if err := d.WaitLive(ctx); err != nil {
		return err
	}
	return errors.Join(d.Engine.SetClock(spec), d.WaitLive(ctx))
}

func (d *direct) Clock(context.Context) (engine.ClockSetting, time.Time, error) {
	return d.Engine.Clock()
}
func (d *direct) Rules(context.Context) (identity.Rules, error) { return d.Engine.Rules(), nil }
func (d *direct) SetRules(_ context.Context, r identity.Rules) error {
	return d.Engine.SetRules(r)
}

// Close closes the engine, after those who spoke with it meanwhile are done.
func (d *direct) Close() error {
	if n := d.Served(); n > 0 {
		fmt.Fprintf(d.a.stderr, "kith: done; waiting for %s on the same directory\n", plural(int64(n), "other command"))
	}
	if err := d.Linger(d.a.ctx); err != nil && d.a.ctx.Err() == nil {
		return errors.Join(err, d.Engine.Close())
	}
	return d.Engine.Close()
}

// patience is how long an owner that does not answer is waited for: it may be
// about to open or to close.
var patience = 3 * time.Second

// open opens a directory, or connects to the process that owns it. One that
// does not exist is made only for a command that brings something in.
func (a *app) open(dir string, fresh bool) (platform, error) {
	key, err := a.key()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "FORMAT")); errors.Is(err, os.ErrNotExist) && !fresh {
		return nil, instead(&kith.Error{Kind: kith.ErrNotFound}, "there is no platform at %s; to make one: kith load %s FILE", dir, dir)
	}
	limitHeap(int64(a.Memory))
	o := &engine.Options{Key: key, Memory: int64(a.Memory), Threads: a.Threads}
	if !a.Now.IsZero() {
		o.Now = func() time.Time { return a.Now.Time }
	}
	for began := time.Now(); ; {
		e, err := engine.Open(dir, o)
		if err == nil {
			return &direct{e, a}, nil
		}
		if !errors.Is(err, kith.ErrLocked) {
			return nil, next(err, kith.ErrDenied, "give the key that the directory was made with: --key-file FILE")
		}
		if c, err := engine.Dial(dir); err == nil {
			return a.beside(c)
		} else if time.Since(began) > patience {
			return nil, next(err, kith.ErrLocked, "end that process, or let it listen")
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-a.ctx.Done():
			return nil, a.ctx.Err()
		}
	}
}

// limitHeap makes Go's collector work harder where its heap would come to take
// all the memory that was given; DuckDB's is not in it. The engine leaves that to
// the process it is in, and here that is ours. GOMEMLIMIT goes first.
func limitHeap(memory int64) {
	if memory <= 0 {
		memory = engine.DefaultMemory()
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(max(memory, 256<<20))
	}
}

// beside is a client, unless something was asked for that only an owner can do.
func (a *app) beside(c *engine.Client) (platform, error) {
	if a.Now.IsZero() {
		return c, nil
	}
	err := c.Close()
	return nil, errors.Join(instead(&kith.Error{Kind: kith.ErrUnsupported}, "another process owns the directory, and its clock is not ours to turn; leave --now out"), err)
}

// with carries f out on a directory.
func (a *app) with(dir string, fresh bool, f func(p platform) error) error {
	p, err := a.open(dir, fresh)
	if err != nil {
		return err
	}
	err = f(p)
	if closed := p.Close(); err == nil {
		err = closed
	}
	return err
}

var _ platform = (*engine.Client)(nil)
