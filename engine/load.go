package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/kithdb/kith"
)

// LoadOptions say how a file or feed is brought in; nil is the same as the zero value.
type LoadOptions struct {
	Name     string           // what it is called in the list of loads, such as a file's name
	Source   string           // of its events; empty: "load"
	Progress func(read int64) // called now and then with the bytes read so far; nil: nobody asks
	Keep     int              // how many of the first refusals the report shows; 0: 10

	Size      int64  // of the input, where it is known: it helps to tell inputs apart; 0: it is not
	Mapping   []byte // of LoadRows: the mapping's text, at most 64 KiB, kept with the load
	MaxErrors int    // stop when so many items were rejected; 0: never
}

// LoadReport says what became of the items of a load.
type LoadReport struct {
	kith.Tally
	Load     uint32  // its number; every event of it carries it
	Rows     int64   // of LoadRows: the rows that were read
	Excepted int64   // of LoadRows: those of them that the mapping leaves out on purpose
	Earlier  int64   // items of the same input that an earlier call, which did not end, had stored
	First    []Issue // the first items that were refused in this call
}

// Issue is one item that was not accepted: its line in the input, and why.
type Issue struct {
	Line int64
	kith.Result
}

// ErrTooMany ends a load in which more was rejected than LoadOptions.MaxErrors allows.
var ErrTooMany = errors.New("too much of it was rejected")

// mostMapping bounds the text of a mapping: it stands in the load's record.
const mostMapping = 64 << 10

// Load brings in lines of the specification: a call, a batch object or an array
// of calls on each. Cleaning runs on several cores, storing in the line, in the
// order of the input. What was stored before an error stays, under the load's number.
//
// A load that did not end, because of an error or because its process did, goes
// on when the same input comes again under the same name and source: it keeps
// its number, and comes to what it would have come to without a break. Where what
// comes is not what was taken before, that is ErrChanged.
func (e *Engine) Load(ctx context.Context, r io.Reader, o *LoadOptions) (LoadReport, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	return e.load(ctx, newLines(r, o.Progress), o, nil)
}

// LoadRows brings in the rows of somebody's file through a mapping, as Load
// does. The rows themselves are kept, sealed, so that a better mapping can be
// applied to them; rows of which the mapping makes no call are rejected items.
func (e *Engine) LoadRows(ctx context.Context, rows Rows, o *LoadOptions) (LoadReport, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	if err := o.mapped(); err != nil {
		return LoadReport{}, err
	}
	return e.load(ctx, &mapped{Rows: rows, progress: o.Progress}, o, append([]byte{}, rows.Head()...))
}

// mapped tells what is wrong with the options of a load through a mapping.
func (o *LoadOptions) mapped() error {
	if len(o.Mapping) == 0 || len(o.Mapping) > mostMapping {
		return &kith.Error{Op: "engine.LoadRows", On: "LoadOptions.Mapping", Kind: kith.ErrInvalid,
			Err: fmt.Errorf("it has %d bytes: give the text of the mapping, at most %d", len(o.Mapping), mostMapping)}
	}
	return nil
}

// load carries an input through cleaning and the line. head is that of rows, and nil of lines.
func (e *Engine) load(ctx context.Context, in input, o *LoadOptions, head []byte) (LoadReport, error) {
	from := lead(in)
	s, err := e.beginLoad(o, from.first, head)
	if err != nil {
		return LoadReport{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	order, ended := chunksOf(ctx, from, e.lim.threads, func(c *chunk) { e.cleanChunk(in, c, s) })
	st := &storing{e: e, s: s, keep: o.Keep, stop: cancel}
	if st.keep <= 0 {
		st.keep = 10
	}
	st.run(ctx, order)
	read := ended()
	if err = errors.Join(st.err, read); err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = s.input.end()
	}
	if errors.Is(err, ErrChanged) {
		err = errors.Join(err, e.disown(s))
	}
	err = errors.Join(err, e.endLoad(s, err == nil), s.equals.close())
	st.report.Load, st.report.Earlier = s.rec.ID, s.skip
	st.report.Tally, st.report.Rows, st.report.Excepted = s.stored.Tally, s.stored.Rows, s.stored.Excepted
	return st.report, err
}

// cleanChunk makes items of a chunk.
func (e *Engine) cleanChunk(in input, c *chunk, s *session) {
	cl := e.cleaner() // anew for each chunk: the rules may have changed
	defer e.cleaners.Put(cl)
	b := batchPool.Get().(*batch)
	c.own = b
	now := e.o.now().UnixMicro()
	n := 0
	in.items(c, func(line int64, call []byte) {
		if n++; n&yieldMask == yieldMask {
			runtime.Gosched()
		}
		cl.Line(call, now)
		for it := cl.Next(); it != nil; it = cl.Next() {
			cl.add(b, it, line)
		}
	}, func(line int64, code, path string, row []byte) {
		b.items = append(b.items, item{code: code, path: path, line: line, raw: row})
	})
	c.call = &call{items: b.items, rules: cl.rules, load: s, bytes: b.size()}
}

// storing sends cleaned chunks through the line, in the order of the input.
type storing struct {
	e       *Engine
	s       *session
	keep    int
	stop    func()
	report  LoadReport
	err     error
	waiting []*chunk
}

func (st *storing) run(ctx context.Context, order <-chan *chunk) {
	for c := range order {
		<-c.done
		if c.err != nil {
			st.fail(c.err)
		}
		sent, err := st.send(ctx, c)
		if !sent {
			st.fail(err)
			c.free()
			continue
		}
		st.waiting = append(st.waiting, c)
		if len(st.waiting) > 8 {
			st.settle(st.waiting[0])
			st.waiting = st.waiting[1:]
		}
	}
	for _, c := range st.waiting {
		st.settle(c)
	}
}

// send puts what is left to be stored of a chunk into the queue, and tells whether something was.
func (st *storing) send(ctx context.Context, c *chunk) (bool, error) {
	if st.err != nil {
		return false, nil
	}
	if left, err := st.s.take(c); err != nil || !left {
		return false, err
	}
	if err := st.e.follow.wait(ctx, st.e.lim.queue); err != nil {
		return false, err
	}
	err := st.e.line.q.put(ctx, c.call)
	return err == nil, err
}

func (st *storing) fail(err error) {
	if st.err == nil && err != nil {
		st.err = err
		st.stop()
	}
}

// settle waits for a call and reports what became of it.
func (st *storing) settle(ch *chunk) {
	c := ch.call
	<-c.done
	for i, res := range c.results {
		if res.Code != "" && len(st.report.First) < st.keep {
			st.report.First = append(st.report.First, Issue{c.items[i].line, res})
		}
	}
	switch {
	case c.err != nil:
		st.fail(c.err)
	case st.s.over.Load():
		st.fail(ErrTooMany)
	}
	ch.free()
}

// inLine carries f out in the line, between two turns.
func (e *Engine) inLine(f func() error) error {
	c := &call{run: func() error {
		if e.line.failed != nil {
			return e.line.failed
		}
		return f()
	}}
	if err := e.line.q.put(context.Background(), c); err != nil {
		return err
	}
	<-c.done
	return c.err
}
