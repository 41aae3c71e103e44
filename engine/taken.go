package engine

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"hash"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// ErrChanged ends a load that was to go on with one that did not end, where what
// comes is another input than that one had begun with: nothing of this one is
// stored, and the next call begins a load of its own. What both have in common is
// known by its message ids.
var ErrChanged error = &kith.Error{Kind: kith.ErrInvalid, Err: errors.New("the input is not the one of which some was taken before")}

// passing is an input on its way by: how far it was read, and a keyed print of
// all that. It compares what an earlier session of the load took before anything
// behind that is stored, so that rows of one input are never left out because
// those of another are there.
type passing struct {
	print hash.Hash
	bytes int64
	want  []byte // what the print is after so many bytes; nil: nobody knows
	after int64
}

// newPassing begins to look at the input of a load, which the record says how far was taken.
func (e *Engine) newPassing(l *storage.Load) *passing {
	h := hmac.New(sha256.New, e.secret[:])
	h.Write([]byte("kith taken of load\x00"))
	return &passing{print: h, want: l.Print, after: l.Taken}
}

// meet looks at the next chunk, and notes in its call how far it is.
func (p *passing) meet(c *chunk) error {
	data := c.data
	if left := p.after - p.bytes; p.want != nil && left <= int64(len(data)) {
		p.add(data[:left])
		data = data[left:]
		if !bytes.Equal(p.sum(), p.want) {
			return errChanged()
		}
		p.want = nil
	}
	p.add(data)
	c.call.taken, c.call.print = p.bytes, p.sum()
	return nil
}

// end tells whether an input that has ended had all that was taken of it before.
func (p *passing) end() error {
	if p.want != nil {
		return errChanged()
	}
	return nil
}

func (p *passing) add(data []byte) {
	p.print.Write(data)
	p.bytes += int64(len(data))
}

func (p *passing) sum() []byte { return p.print.Sum(nil)[:16] }

func errChanged() error {
	return &kith.Error{Op: "engine.Load", Err: ErrChanged}
}

// disown lets nobody go on with the load any more. What it has stays, under its number.
func (e *Engine) disown(s *session) error {
	if err := e.inLine(func() error { s.rec.Content = nil; return nil }); err != nil {
		return err
	}
	c := &call{load: s} // a turn with nothing in it but the load's record
	if err := e.line.q.put(context.Background(), c); err != nil {
		return err
	}
	<-c.done
	return c.err
}
