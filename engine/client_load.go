package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"

	"github.com/kithdb/kith"
)

// Load brings in lines of the specification, as Engine.Load does.
func (c *Client) Load(ctx context.Context, r io.Reader, o *LoadOptions) (LoadReport, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	body := &counting{r: r, progress: o.Progress, broken: http.Header{brokenInput: nil}}
	out, err := tell[loadReply](ctx, c, http.MethodPost, "/load?"+o.asked(), body)
	if broke := body.broke.Load(); broke != nil { // whoever sends may read on when the answer is there already
		err = &kith.Error{Op: "engine.Load", Kind: kith.ErrInvalid, Err: *broke} // the input, not the socket, is at fault
	}
	return out.report(), err
}

// LoadRows brings in rows through a mapping, as Engine.LoadRows does. They are
// mapped here; the owner keeps and stores them.
func (c *Client) LoadRows(ctx context.Context, rows Rows, o *LoadOptions) (LoadReport, error) {
	reply, err := sendMapped[loadReply](ctx, c, "/load/rows", rows, o)
	return reply.report(), err
}

// Foretell says what LoadRows would come to, as Engine.Foretell does.
func (c *Client) Foretell(ctx context.Context, rows Rows, o *LoadOptions) (Forecast, error) {
	return sendMapped[Forecast](ctx, c, "/load/foretell", rows, o)
}

// sendMapped maps rows, sends what comes of them, and reads a reply.
func sendMapped[T any](ctx context.Context, c *Client, path string, rows Rows, o *LoadOptions) (reply T, err error) {
	if o == nil {
		o = &LoadOptions{}
	}
	if err := o.mapped(); err != nil {
		return reply, err
	}
	feed, stop := context.WithCancel(ctx)
	defer stop()
	order, ended := chunksOf(feed, &mapped{Rows: rows, progress: o.Progress}, runtime.GOMAXPROCS(0), func(ch *chunk) { ch.frame(rows) })
	body, out := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := sendFrames(out, o.Mapping, rows.Head(), order)
		if err != nil { // nobody takes more
			stop()
			for range order {
			}
		}
		if read := ended(); read != nil {
			err = read // and without the last frame the owner knows that it is not whole
		} else if err == nil && feed.Err() == nil {
			_, err = out.Write([]byte{0})
		}
		out.Close() // the reader has gone if this fails
		sent <- err
	}()
	reply, err = tell[T](ctx, c, http.MethodPost, path+"?"+o.asked(), body)
	body.Close() // ends the sending; it may have ended
	if read := <-sent; read != nil && errors.As(read, new(*kith.Error)) {
		err = read // the input, not the socket, is at fault
	}
	return reply, err
}

// frame makes of a chunk what is sent of it.
func (c *chunk) frame(rows Rows) {
	var made []byte
	n, excepted := rows.Map(c.data, c.line,
		func(line int64, call []byte) {
			made = binary.AppendUvarint(append(made, frameCall), uint64(line))
			made = appendBytes(made, call)
		},
		func(line int64, code, path string, row []byte) {
			made = binary.AppendUvarint(append(made, frameRefuse), uint64(line))
			made = appendBytes(appendBytes(appendBytes(made, []byte(code)), []byte(path)), row)
		})
	head := binary.AppendUvarint(nil, uint64(c.line))
	head = binary.AppendUvarint(head, uint64(n))
	head = binary.AppendUvarint(head, uint64(excepted))
	head = binary.AppendUvarint(head, uint64(len(c.data)))
	size := len(head) + len(c.data) + len(made)
	c.made = binary.AppendUvarint(make([]byte, 0, size+binary.MaxVarintLen64), uint64(size))
	c.made = append(append(append(c.made, head...), c.data...), made...)
}

func appendBytes(p, b []byte) []byte { return append(binary.AppendUvarint(p, uint64(len(b))), b...) }

// sendFrames writes the body of a load, but its end.
func sendFrames(w io.Writer, mapping, head []byte, order <-chan *chunk) error {
	if _, err := w.Write(appendBytes(appendBytes(nil, mapping), head)); err != nil {
		return err
	}
	for c := range order {
		<-c.done
		if _, err := w.Write(c.made); err != nil {
			return err
		}
	}
	return nil
}

// counting tells how far a reader was read, and remembers why it ended. One that
// breaks off ends for who reads it, and says in a trailer that it did: so the
// owner can tell what was stored.
type counting struct {
	r        io.Reader
	n        int64
	broke    atomic.Pointer[error]
	broken   http.Header
	progress func(int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		broke := err
		c.broke.Store(&broke)
		err = io.EOF
		c.broken.Set(brokenInput, "yes")
	}
	if c.progress != nil {
		c.progress(c.n)
	}
	return n, err
}
