package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// A load through a mapping over the socket: who asks maps, the owner stores.
// The body is the text of the mapping and the head of the rows, then frames, then
// an empty frame. Each of them is a text: its length as a uvarint, and so many bytes.
//
// A frame has a piece and what the mapping made of it: line, rows and rows left
// out as uvarints, and the piece as a text; then for each call 1, its line and its
// text, and for each row that makes none 2, its line, code, path and the row.
const (
	frameCall   = 1
	frameRefuse = 2
	mostFrame   = 256 << 20
)

// asked gives the options as they stand in an address.
func (o *LoadOptions) asked() string {
	return url.Values{
		"name": {o.Name}, "source": {o.Source}, "keep": {strconv.Itoa(o.Keep)},
		"size": {strconv.FormatInt(o.Size, 10)}, "most": {strconv.Itoa(o.MaxErrors)},
	}.Encode()
}

// loadOptions reads them. A number that is none is 0, the default.
func loadOptions(q url.Values) *LoadOptions {
	o := &LoadOptions{Name: q.Get("name"), Source: q.Get("source")}
	o.Keep, _ = strconv.Atoi(q.Get("keep"))
	o.Size, _ = strconv.ParseInt(q.Get("size"), 10, 64)
	o.MaxErrors, _ = strconv.Atoi(q.Get("most"))
	return o
}

func (e *Engine) serveLoad(w http.ResponseWriter, r *http.Request) error {
	report, err := e.Load(r.Context(), whole{r}, loadOptions(r.URL.Query()))
	send(w, report.wire(), err)
	return nil
}

func (e *Engine) serveLoadRows(w http.ResponseWriter, r *http.Request) error {
	in, o, err := framedRows(r)
	if err != nil {
		return err
	}
	report, err := e.load(r.Context(), in, o, in.head)
	send(w, report.wire(), err)
	return nil
}

func (e *Engine) serveForetell(w http.ResponseWriter, r *http.Request) error {
	in, o, err := framedRows(r)
	if err != nil {
		return err
	}
	out, err := e.foretell(r.Context(), in, o)
	send(w, out, err)
	return nil
}

// framedRows reads the beginning of a request with rows.
func framedRows(r *http.Request) (in *framed, o *LoadOptions, err error) {
	in, o = &framed{in: bufio.NewReaderSize(whole{r}, chunkBytes)}, loadOptions(r.URL.Query())
	if o.Mapping, err = in.text(mostMapping); err != nil {
		return nil, nil, err
	}
	if in.head, err = in.text(chunkBytes); err != nil {
		return nil, nil, err
	}
	return in, o, o.mapped()
}

// framed is an input that came over the socket.
type framed struct {
	in   *bufio.Reader
	head []byte
}

var errFrame = &kith.Error{Op: "kith.sock", On: "load", Kind: kith.ErrInvalid, Err: errors.New("not the rows that are expected here")}

// text reads a text of at most so many bytes.
func (f *framed) text(most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(f.in)
	if err == nil && n > most {
		return nil, errFrame
	}
	p := make([]byte, n)
	if err == nil {
		_, err = io.ReadFull(f.in, p)
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errPart
	}
	if err != nil {
		return nil, &kith.Error{Op: "engine.LoadRows", Kind: kith.ErrInvalid, Err: err}
	}
	return p, nil
}

func (f *framed) next() (*chunk, error) {
	frame, err := f.text(mostFrame)
	if err != nil {
		return nil, err
	}
	if len(frame) == 0 {
		return nil, io.EOF
	}
	d := frameReader{p: frame}
	c := &chunk{done: make(chan struct{}), line: int64(d.uvarint()), rows: int64(d.uvarint()), excepted: int64(d.uvarint())}
	if c.data, c.made = d.text(), d.p; d.bad {
		return nil, errFrame
	}
	return c, nil
}

func (f *framed) items(c *chunk, take func(int64, []byte), refuse func(int64, string, string, []byte)) {
	c.packed = storage.PackPiece(c.data)
	for d := (frameReader{p: c.made}); len(d.p) > 0; {
		kind, line := d.uvarint(), int64(d.uvarint())
		switch {
		case kind == frameCall:
			if call := d.text(); !d.bad {
				take(line, call)
			}
		case kind == frameRefuse:
			code, path, row := d.text(), d.text(), d.text()
			if d.bad = d.bad || len(code) == 0; !d.bad {
				refuse(line, string(code), string(path), row)
			}
		default:
			d.bad = true
		}
		if d.bad {
			c.err = errFrame
			return
		}
	}
}

// frameReader reads a frame. Once something is not there, bad is true and nothing more is.
type frameReader struct {
	p   []byte
	bad bool
}

func (d *frameReader) uvarint() uint64 {
	n, size := binary.Uvarint(d.p)
	if size <= 0 {
		d.p, d.bad = nil, true
		return 0
	}
	d.p = d.p[size:]
	return n
}

func (d *frameReader) text() []byte {
	n := d.uvarint()
	if n > uint64(len(d.p)) {
		d.p, d.bad = nil, true
		return nil
	}
	t := d.p[:n:n]
	d.p = d.p[n:]
	return t
}

var errPart = errors.New("whoever sent the load ended before it was whole")

// brokenInput is the trailer that says that what a load was read from broke off.
const brokenInput = "Kith-Broken"

// whole is the body of a request; one that is cut off, or of which who sends it
// says so, does not look like one that ends.
type whole struct{ r *http.Request }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.r.Body.Read(p)
	if err == io.ErrUnexpectedEOF || err == io.EOF && w.r.Trailer.Get(brokenInput) != "" {
		err = errPart
	}
	return n, err
}
