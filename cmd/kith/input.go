package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kithdb/kith"
)

// input is one file on its way in: opened, unpacked, counted. Reading runs
// ahead in a goroutine of its own, so that unpacking has a core to itself and
// an interrupt need not wait for a terminal or a pipe.
type input struct {
	name  string
	size  int64        // of the file, packed; 0: not known
	taken atomic.Int64 // bytes of the file read so far, packed
	lines atomic.Int64 // line ends that came out

	ctx    context.Context
	cancel func()
	pieces chan piece
	rest   []byte
	err    error
	file   io.Closer
}

// piece is some of the input.
type piece struct {
	data []byte
	err  error
}

// openInput opens a file, or stdin by the name '-'.
func (a *app) openInput(name string) (*input, error) {
	in := &input{name: name}
	raw := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, plain(err)
		}
		switch st, err := f.Stat(); {
		case err != nil:
			return nil, errors.Join(err, f.Close())
		case st.IsDir():
			return nil, errors.Join(&kith.Error{Op: "kith load", On: name, Kind: kith.ErrInvalid, Err: errors.New("it is a directory: name the files in it")}, f.Close())
		case st.Mode().IsRegular():
			in.size = st.Size()
		}
		raw, in.file = f, f
	}
	in.start(a.ctx, raw)
	return in, nil
}

// parquet gives the file itself, where it is one of Parquet: those are read from their end.
func (in *input) parquet() *os.File {
	f, ok := in.file.(*os.File)
	magic := make([]byte, 4)
	if !ok || in.size == 0 {
		return nil
	}
	if _, err := f.ReadAt(magic, 0); err != nil || string(magic) != "PAR1" {
		return nil
	}
	in.cancel()
	for range in.pieces {
		continue // until nobody else reads the file
	}
	return f
}

// start begins to read ahead.
func (in *input) start(ctx context.Context, raw io.Reader) {
	in.ctx, in.cancel = context.WithCancel(ctx)
	in.pieces = make(chan piece, 4)
	go func() {
		defer close(in.pieces)
		r, done, err := unpack(&tally{raw, &in.taken})
		if err != nil {
			in.pass(piece{err: sharp(err)})
			return
		}
		defer done()
		for {
			buf := make([]byte, 256<<10)
			n, err := io.ReadAtLeast(r, buf, 1)
			if n > 0 && !in.pass(piece{data: buf[:n]}) {
				return
			}
			if err != nil {
				in.pass(piece{err: sharp(err)})
				return
			}
		}
	}()
}

var errCutOff = errors.New("the packed file is cut off")

// sharp keeps the end of a file that was cut off apart from the short last read
// of a whole one: io has one word for both.
func sharp(err error) error {
	if err == io.ErrUnexpectedEOF {
		return errCutOff
	}
	return err
}

// pass hands a piece on, unless nobody wants it any more.
func (in *input) pass(p piece) bool {
	select {
	case in.pieces <- p:
		return true
	case <-in.ctx.Done():
		return false
	}
}

// Read gives what comes out, unpacked.
func (in *input) Read(p []byte) (int, error) {
	for len(in.rest) == 0 {
		if in.err != nil {
			return 0, in.err
		}
		select {
		case next, ok := <-in.pieces:
			if !ok {
				in.err = io.EOF
			} else {
				in.rest, in.err = next.data, next.err
			}
		case <-in.ctx.Done():
			in.err = in.ctx.Err()
		}
	}
	n := copy(p, in.rest)
	in.lines.Add(int64(bytes.Count(p[:n], []byte{'\n'})))
	in.rest = in.rest[n:]
	return n, nil
}

// Close lets the input go. A read of stdin that hangs is left to the end of the process.
func (in *input) Close() {
	in.cancel()
	if in.file != nil {
		in.file.Close() // it was only read
		for range in.pieces {
			continue // until the reader has ended
		}
	}
}

// unpack looks at the first bytes and unpacks gzip and zstd.
func unpack(raw io.Reader) (r io.Reader, done func(), err error) {
	in := bufio.NewReaderSize(raw, 256<<10)
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil // an error of its end was read before
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(512<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return in, func() {}, nil
}

// tally counts the bytes that are read.
type tally struct {
	r io.Reader
	n *atomic.Int64
}

func (t *tally) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n.Add(int64(n))
	return n, err
}
