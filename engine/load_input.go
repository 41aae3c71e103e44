package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// Rows is an input cut into pieces of whole rows, and the mapping that makes
// calls of the specification of them. The same input gives the same pieces.
type Rows interface {
	// Next gives whole rows, some 256 KiB of text, and the number of their first
	// line; io.EOF after the last. One goroutine calls it.
	Next() (piece []byte, line int64, err error)
	// Map calls item for each call that the rows make, a JSON object, and refuse
	// for each row that makes none. Several goroutines call it at once. It tells
	// how many rows there were, and how many of them were left out on purpose.
	// What item and refuse get is valid until they return.
	Map(piece []byte, line int64, item func(line int64, call []byte), refuse func(line int64, code, path string, row []byte)) (rows, excepted int)
	// Head gives what must be known to map the kept pieces again.
	Head() []byte
}

// input is what a load reads: lines of the specification, or rows.
type input interface {
	// next gives the next chunk; io.EOF after the last.
	next() (*chunk, error)
	// items takes a chunk apart. Several goroutines do it at once. What take and
	// refuse get lives as long as the chunk.
	items(c *chunk, take func(line int64, call []byte), refuse func(line int64, code, path string, row []byte))
}

// chunkBytes is how much input is cleaned at once.
const chunkBytes = 256 << 10

// mostLine bounds a line of input; a longer one is refused by itself.
const mostLine = 16 << 20

// chunk is a piece of input that ends with a line, or a row.
type chunk struct {
	data []byte
	line int64 // number of its first line
	call *call
	own  *batch
	done chan struct{}

	rows, excepted int64    // of a mapping
	packed         [][]byte // its rows, to be kept
	made           []byte   // what came, or goes, over the socket of its items
	err            error    // it cannot be taken apart
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
	if data := c.data; c.packed == nil { // rows came in memory of the reader's choice
		chunkPool.Put(&data)
	}
	c.own, c.data, c.call, c.packed, c.made = nil, nil, nil, nil, nil
}

// counts gives the rows of the chunk, and those of them that were left out.
func (c *chunk) counts() [2]int64 { return [2]int64{c.rows, c.excepted} }

// lines is an input of lines of the specification.
type lines struct {
	in       *bufio.Reader
	rest     []byte
	line     int64
	read     int64
	progress func(read int64)
	ended    bool
}

func newLines(r io.Reader, progress func(int64)) *lines {
	return &lines{in: bufio.NewReaderSize(r, chunkBytes), line: 1, progress: progress}
}

func (l *lines) next() (*chunk, error) {
	for !l.ended {
		data := chunkBuffer(len(l.rest) + chunkBytes)
		n := copy(data, l.rest)
		m, err := fill(l.in, data[n:])
		l.read += int64(m)
		if l.progress != nil {
			l.progress(l.read)
		}
		l.ended = err == io.EOF
		if err != nil && !l.ended {
			return nil, &kith.Error{Op: "engine.Load", Kind: kith.ErrInvalid, Err: err}
		}
		data = data[:n+m]
		cut := len(data)
		if !l.ended {
			cut = bytes.LastIndexByte(data, '\n') + 1
		}
		if cut == 0 && len(data) < mostLine {
			l.rest = data
			continue
		}
		if cut == 0 {
			return nil, &kith.Error{Op: "engine.Load", Kind: kith.ErrInvalid, Err: errors.New("a line is longer than 16 MiB")}
		}
		l.rest = append([]byte{}, data[cut:]...)
		c := &chunk{data: data[:cut], line: l.line, done: make(chan struct{})}
		l.line += int64(bytes.Count(c.data, []byte{'\n'}))
		return c, nil
	}
	return nil, io.EOF
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

func (l *lines) items(c *chunk, take func(int64, []byte), _ func(int64, string, string, []byte)) {
	n := c.line
	for data := c.data; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		take(n, bytes.TrimSuffix(line, []byte{'\r'}))
	}
}

// mapped is an input of rows and their mapping.
type mapped struct {
	Rows
	read     int64
	progress func(read int64)
}

func (m *mapped) next() (*chunk, error) {
	data, line, err := m.Next()
	if err != nil {
		if err != io.EOF && !errors.As(err, new(*kith.Error)) {
			err = &kith.Error{Op: "engine.LoadRows", Kind: kith.ErrInvalid, Err: err}
		}
		return nil, err
	}
	if m.read += int64(len(data)); m.progress != nil {
		m.progress(m.read)
	}
	return &chunk{data: data, line: line, done: make(chan struct{})}, nil
}

func (m *mapped) items(c *chunk, take func(int64, []byte), refuse func(int64, string, string, []byte)) {
	rows, excepted := m.Map(c.data, c.line,
		func(line int64, call []byte) { take(line, c.own.keep(call)) },
		func(line int64, code, path string, row []byte) { refuse(line, code, path, c.own.keep(row)) })
	c.rows, c.excepted = int64(rows), int64(excepted)
	c.packed = storage.PackPiece(c.data)
}

// led is an input of which the beginning was read.
type led struct {
	input
	first []*chunk
	err   error // that came after it
}

// lead reads as much of an input as tells it from others.
func lead(in input) *led {
	l := &led{input: in}
	for n := 0; n < leadBytes && l.err == nil; {
		var c *chunk
		if c, l.err = in.next(); l.err == nil {
			l.first, n = append(l.first, c), n+len(c.data)
		}
	}
	return l
}

const leadBytes = 1 << 20

func (l *led) next() (*chunk, error) {
	switch {
	case len(l.first) > 0:
		c := l.first[0]
		l.first = l.first[1:]
		return c, nil
	case l.err != nil:
		return nil, l.err
	}
	return l.input.next()
}

// chunksOf gives the chunks of an input in order, while work is done on them on
// as many goroutines as threads says. ended waits for all and gives the error of reading.
func chunksOf(ctx context.Context, in input, threads int, work func(*chunk)) (order <-chan *chunk, ended func() error) {
	todo := make(chan *chunk, threads)
	out := make(chan *chunk, 4*threads)
	var read error
	var all sync.WaitGroup
	all.Go(func() {
		defer close(out)
		defer close(todo)
		for {
			c, err := in.next()
			if err != nil {
				if err != io.EOF {
					read = err
				}
				return
			}
			select {
			case out <- c:
			case <-ctx.Done():
				return
			}
			todo <- c
		}
	})
	for range threads {
		all.Go(func() {
			for c := range todo {
				work(c)
				close(c.done)
			}
		})
	}
	return out, func() error {
		all.Wait()
		return read
	}
}
