package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// UnloadOptions say how a load is taken back; nil is the same as the zero value.
type UnloadOptions struct {
	DryRun   bool                                 // only count what would go and pass: nothing is changed
	Progress func(done, total int64, what string) // called now and then; nil: nobody asks
	Wait     time.Duration                        // how long answers that are still being read are waited for; 0: 30 seconds
}

// UnloadReport says what became of the events of a load that was taken back.
type UnloadReport struct {
	Load      uint32 `json:"load"`
	Events    int    `json:"events"`    // that are gone
	Passed    int    `json:"passed"`    // that another load or request had repeated: they are its own now
	Accepted  int    `json:"accepted"`  // of other loads, which had the message id of one that is gone
	Refused   int    `json:"refused"`   // items of the load that had not been accepted, which are gone, too
	Reflagged int    `json:"reflagged"` // events of others of which another flag is true now: that they are near-duplicates, or are none
	Decisions int    `json:"decisions"` // that were taken again; 0 with DryRun
	Forgotten int    `json:"forgotten"` // decisions that are gone
	People    int    `json:"people"`    // by how many there are fewer; 0 with DryRun
}

// Unload takes a load back: afterwards everything is as if it had never been
// brought in. Its events, the items of it that were not accepted, and the
// identifiers that only it named are gone, and message ids are free again. An
// event that another load or request repeated stays, in its place, as that
// one's own; where another load had an event with a message id of the load and
// another content, which was kept among the rejects, that is accepted now, in
// its place. Decisions that the load's events had a part in are taken again, in
// the order of the log, by the rules of their time; so is whether others are
// near-duplicates, where it depended on an event that goes or comes.
//
// Meanwhile nothing is taken in, and reading goes on but for the last moment.
// It is all or nothing: an error before the switch, a crash, or the end of ctx
// leave everything as it was. A load that still runs is ErrDenied. A load of a
// reference table is a version of it: the one before is in force again.
func (e *Engine) Unload(ctx context.Context, load uint32, o *UnloadOptions) (UnloadReport, error) {
	if o == nil {
		o = &UnloadOptions{}
	}
	if table, err := e.tableOf(load); err != nil || table {
		switch {
		case err == nil && o.DryRun:
			err = e.admitTable(load)
		case err == nil:
			err = e.UnloadTable(ctx, load)
		}
		return UnloadReport{Load: load}, err
	}
	u := &unloading{e: e, o: o, report: UnloadReport{Load: load}}
	err := e.inLine(func() error {
		err := u.run(ctx, load)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	})
	return u.report, err
}

// tableOf tells whether a load brought a reference table in.
func (e *Engine) tableOf(load uint32) (bool, error) {
	snap := e.store.Snapshot()
	defer snap.Release()
	l, err := snap.Load(load)
	return l != nil && l.Table != "", err
}

// unloading is a load on its way out.
type unloading struct {
	e      *Engine
	o      *UnloadOptions
	load   *storage.Load
	v      *version // as of which
	report UnloadReport

	plan           // what goes, passes and comes
	again    again // the decisions that are taken again
	hist     *history.Recast
	x        *Engine // everything derived, made anew
	head     storage.Head
	next     kith.Seq // the last number given
	switched bool
}

// run takes the steps, in the line.
func (u *unloading) run(ctx context.Context, load uint32) error {
	e := u.e
	if err := u.admit(load); err != nil {
		return err
	}
	v, err := e.acquire()
	if err != nil {
		return err
	}
	u.v = v
	defer func() {
		if u.v != nil {
			e.release(u.v)
		}
	}()
	if err := e.follow.catchUp(ctx, v.seq); err != nil {
		return err
	}
	u.step(0, "find what goes")
	if err := u.find(ctx); err != nil { // rows, seconds, fragments, decisions
		u.unnumber()
		return err
	}
	if u.o.DryRun {
		u.unnumber()
		return nil
	}
	err = u.make(ctx) // beside what there is
	if err == nil {
		err = u.adopt(ctx) // and then in its place
	}
	switch {
	case err == nil:
	case u.switched:
		u.hist.Leave() // its files are history from the next opening on
	default:
		err = errors.Join(err, u.giveUp())
	}
	return err
}

// unnumber forgets the keys of identifiers that were numbered.
func (u *unloading) unnumber() {
	if len(u.numbered) > 0 {
		u.e.keys.Rollback()
	}
}

// admit tells whether the load can be taken back.
func (u *unloading) admit(load uint32) (err error) {
	e := u.e
	if e.o.ReadOnly {
		return &kith.Error{Op: "engine.Unload", Kind: kith.ErrClosed, Err: errors.New("the platform is open for reading only")}
	}
	if err := e.room(); err != nil {
		return err
	}
	if e.line.sessions[load] != nil {
		return &kith.Error{Op: "engine.Unload", On: on("load", load), Kind: kith.ErrDenied, Err: errors.New("it is still running")}
	}
	snap := e.store.Snapshot()
	defer snap.Release()
	if u.load, err = snap.Load(load); err == nil && u.load == nil {
		err = &kith.Error{Op: "engine.Unload", On: on("load", load), Kind: kith.ErrNotFound}
	}
	return err
}

// step tells whoever asks how far it is.
func (u *unloading) step(done int64, what string) {
	if u.o.Progress != nil {
		u.o.Progress(done, int64(u.e.line.head.Events), what)
	}
}

// make makes everything anew without the load: history in files of its own, and
// all that is derived in an engine of its own.
func (u *unloading) make(ctx context.Context) (err error) {
	e := u.e
	if err := e.settle(); err != nil { // so that the checkpoint has all there is
		return err
	}
	if err := e.forgetStaged(&e.line.head); err != nil { // of one that was cut short
		return err
	}
	u.step(0, "write history anew")
	if u.hist, err = e.hist.Recast(ctx, u.edit()); err != nil {
		return err
	}
	if u.x, err = e.blank(false); err != nil {
		return err
	}
	return u.tell(ctx)
}

// giveUp forgets what was made. Everything is as it was before.
func (u *unloading) giveUp() error {
	e := u.e
	var errs []error
	if u.hist != nil {
		errs = append(errs, u.hist.Drop())
	}
	if u.x != nil {
		u.x.remove()
	}
	u.unnumber()
	for _, r := range []interface{ Abort() }{e.mids, e.nears, e.places, e.tokens, e.words} {
		r.Abort() // runs that were written are litter
	}
	e.keeper.sweeping, e.keeper.sweep, e.keeper.cleaning = true, nil, true
	if err := errors.Join(append(errs, e.forgetStaged(&e.line.head))...); err != nil {
		err = fmt.Errorf("clear away an unload that failed: %w", err)
		e.line.stop(err)
		return err
	}
	return nil
}
