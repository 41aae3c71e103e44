package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// LoadOptions say how a file or feed is brought in; nil is the same as the zero value.
type LoadOptions struct {
	Name     string           // what it is called in the list of loads, such as a file's name
	Source   string           // of its events; empty: "load"
	Progress func(read int64) // called now and then with the bytes read so far; nil: nobody asks
	Keep     int              // how many of the first refusals the report shows; 0: 10
}

// LoadReport says what became of the items of a load.
type LoadReport struct {
	kith.Tally
	Load  uint32  // its number; every event of it carries it
	First []Issue // the first items that were refused
}

// Issue is one item that was not accepted: its line in the input, and why.
type Issue struct {
	Line int64
	kith.Result
}

// session is what a load is while it runs.
type session struct {
	id     uint32
	source string
	tally  kith.Tally        // the line's
	rows   map[uint64]uint64 // the line's: how often a row without message id was seen
}

// equal gives how many rows equal to this one the input had before.
func (s *session) equal(print uint64) uint64 {
	if s.rows == nil {
		s.rows = map[uint64]uint64{}
	}
	n := s.rows[print]
	s.rows[print]++
	return n
}

// chunkBytes is how much input is cleaned at once.
const chunkBytes = 256 << 10

// mostLine bounds a line of input; a longer one is refused by itself.
const mostLine = 16 << 20

// chunk is a piece of input that ends with a line.
type chunk struct {
	data []byte
	line int64 // number of its first line
	call *call
	own  *batch
	done chan struct{}
}

// chunks and batches are used again: a load has the same few all the time.
var (
	chunkPool sync.Pool // of []byte
	batchPool = sync.Pool{New: func() any { return &batch{} }}
)

func chunkBuffer(n int) []byte {
	if b, ok := chunkPool.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, n+chunkBytes/4)
}

// free gives a chunk's memory back. The line is done with it.
func (c *chunk) free() {
	c.own.reset()
	batchPool.Put(c.own)
	data := c.data
	chunkPool.Put(&data)
	c.own, c.data, c.call = nil, nil, nil
}

// Load brings in lines of the specification: a call, a batch object or an array
// of calls on each. Cleaning runs on several cores, storing in the line, in the
// order of the input. What was stored before an error stays, under the load's number.
func (e *Engine) Load(ctx context.Context, r io.Reader, o *LoadOptions) (LoadReport, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	s, err := e.beginLoad(o)
	if err != nil {
		return LoadReport{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := make(chan *chunk, e.lim.threads)
	order := make(chan *chunk, 4*e.lim.threads)
	var read error
	go func() {
		defer close(order)
		defer close(work)
		read = split(ctx, r, o.Progress, func(c *chunk) bool {
			select {
			case order <- c:
			case <-ctx.Done():
				return false
			}
			work <- c
			return true
		})
	}()
	var cleaners sync.WaitGroup
	for range e.lim.threads {
		cleaners.Go(func() { e.cleanChunks(work, s) })
	}
	report, err := e.storeChunks(ctx, cancel, order, s, o.Keep)
	cleaners.Wait()
	if err = errors.Join(err, read); err == nil {
		err = ctx.Err()
	}
	report.Load = s.id
	return report, errors.Join(err, e.endLoad(s))
}

// beginLoad gives the load its number.
func (e *Engine) beginLoad(o *LoadOptions) (*session, error) {
	s := &session{source: o.Source}
	if s.source == "" {
		s.source = "load"
	}
	return s, e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		s.id = e.line.head.Loads
		e.line.head.Loads++
		return tx.PutLoad(&storage.Load{ID: s.id, Seq: seq, Name: o.Name, Source: s.source, At: at})
	}, func() { e.line.sessions[s.id] = s })
}

// endLoad notes what became of the load.
func (e *Engine) endLoad(s *session) error {
	return e.metaThen(func(tx *storage.Tx, _ kith.Seq, at int64) error {
		return tx.EndLoad(s.id, at, s.tally)
	}, func() { delete(e.line.sessions, s.id) })
}

// split cuts the input at line ends and hands the chunks on, until more says no.
func split(ctx context.Context, r io.Reader, progress func(int64), more func(*chunk) bool) error {
	in := bufio.NewReaderSize(r, chunkBytes)
	line, read := int64(1), int64(0)
	var rest []byte
	for ctx.Err() == nil {
		data := chunkBuffer(len(rest) + chunkBytes)
		n := copy(data, rest)
		m, err := fill(in, data[n:])
		read += int64(m)
		if progress != nil {
			progress(read)
		}
		end := err == io.EOF
		if err != nil && !end {
			return &kith.Error{Op: "engine.Load", Kind: kith.ErrInvalid, Err: err}
		}
		data = data[:n+m]
		cut := len(data)
		if !end {
			cut = bytes.LastIndexByte(data, '\n') + 1
		}
		if cut == 0 && len(data) < mostLine {
			rest = data
			continue
		}
		if cut == 0 {
			return &kith.Error{Op: "engine.Load", Kind: kith.ErrInvalid, Err: errors.New("a line is longer than 16 MiB")}
		}
		rest = append([]byte{}, data[cut:]...)
		c := &chunk{data: data[:cut], line: line, done: make(chan struct{})}
		line += int64(bytes.Count(c.data, []byte{'\n'}))
		if !more(c) || end {
			return nil
		}
	}
	return nil
}

// fill reads until p is full. Only the reader's own end is io.EOF: a compressed
// file that is cut off ends with another error.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// cleanChunks cleans chunks until there are no more.
func (e *Engine) cleanChunks(work <-chan *chunk, s *session) {
	for c := range work {
		cl := e.cleaner() // anew for each chunk: the rules may have changed
		b := batchPool.Get().(*batch)
		now := e.o.now().UnixMicro()
		n := c.line
		for data := c.data; len(data) > 0; n++ {
			line, rest, _ := bytes.Cut(data, []byte{'\n'})
			data = rest
			if n&yieldMask == yieldMask {
				runtime.Gosched()
			}
			cl.Line(bytes.TrimSuffix(line, []byte{'\r'}), now)
			for it := cl.Next(); it != nil; it = cl.Next() {
				cl.add(b, it, n)
			}
		}
		e.cleaners.Put(cl)
		c.own = b
		c.call = &call{items: b.items, rules: cl.rules, load: s, bytes: b.size()}
		close(c.done)
	}
}

// storeChunks sends cleaned chunks through the line in the order of the input.
func (e *Engine) storeChunks(ctx context.Context, cancel func(), order <-chan *chunk, s *session, keep int) (LoadReport, error) {
	if keep <= 0 {
		keep = 10
	}
	var r LoadReport
	var first error
	var waiting []*chunk
	settle := func(ch *chunk) {
		c := ch.call
		<-c.done
		for i, res := range c.results {
			r.Of(res)
			if res.Code != "" && len(r.First) < keep {
				r.First = append(r.First, Issue{c.items[i].line, res})
			}
		}
		if c.err != nil && first == nil {
			first = c.err
			cancel()
		}
		ch.free()
	}
	for c := range order {
		<-c.done
		if first != nil || len(c.call.items) == 0 {
			c.free()
			continue
		}
		err := e.follow.wait(ctx, e.lim.queue)
		if err == nil {
			err = e.line.q.put(ctx, c.call)
		}
		if err != nil {
			first = err
			cancel()
			continue
		}
		waiting = append(waiting, c)
		if len(waiting) > 8 {
			settle(waiting[0])
			waiting = waiting[1:]
		}
	}
	for _, c := range waiting {
		settle(c)
	}
	return r, first
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
