package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/source"
)

// remapCmd is `kith remap`.
type remapCmd struct {
	Dir  string `arg:"" help:"The platform's directory."`
	Load uint32 `arg:"" help:"Number of a load through a mapping: kith loads lists them."`
	Map  string `required:"" placeholder:"FILE" help:"The mapping that makes events of its rows from now on."`
	JSON bool   `name:"json" help:"Write the summary of the new load as JSON to standard output."`
}

var errOwned = errors.New("another process owns the directory: end it, then remap")

// Run loads the rows that are kept of a load through another mapping, and then
// takes the old load back. What both make of a row passes to the new one; where
// this is cut short the rows are in one of the two, and the same command goes on.
func (c *remapCmd) Run(a *app) error {
	text, err := os.ReadFile(c.Map)
	if err != nil {
		return plain(err)
	}
	m, err := source.Parse(text)
	if err != nil {
		return err
	}
	return a.with(c.Dir, false, func(p platform) error {
		d, ok := p.(*direct)
		if !ok {
			return &kith.Error{Kind: kith.ErrUnsupported, Err: errOwned}
		}
		out, err := c.again(a, d, m, text)
		if err != nil {
			return err
		}
		began := time.Now()
		r, err := p.Unload(a.ctx, c.Load, &engine.UnloadOptions{Progress: a.steps()})
		if err != nil {
			return fmt.Errorf("the rows are load %d, and load %d is still there, too: %w", out.Load, c.Load, err)
		}
		if !c.JSON {
			fmt.Fprintln(a.stderr, (&unloadCmd{}).summary(r, time.Since(began)))
		}
		return nil
	})
}

// again brings the rows of the load in through the new mapping.
func (c *remapCmd) again(a *app, d *direct, m *source.Mapping, text []byte) (loaded, error) {
	kept, err := d.Kept(c.Load)
	if err != nil {
		return loaded{}, err
	}
	m = ofLoad(m, kept)
	in, err := m.Reopen(kept.Head)
	if err != nil {
		return loaded{}, err
	}
	defer in.Close() // nothing was opened
	next, stop := iter.Pull2(pieces(kept))
	defer stop()
	began := time.Now()
	bar := a.progress(kept.Name, 0, func() int64 { return 0 }, func() int64 { return 0 })
	report, err := d.LoadRows(a.ctx, &keptRows{in, next}, &engine.LoadOptions{
		Name: kept.Name, Source: m.Source(), Mapping: text, Progress: bar.at,
	})
	bar.end()
	l := &loadCmd{Dir: c.Dir, Show: 10, JSON: c.JSON, parsed: m}
	return l.told(a, kept.Name, report, time.Since(began), err)
}

// ofLoad gives the mapping the source of the load, where that was not the one
// that its mapping names: it was given beside it.
func ofLoad(m *source.Mapping, kept *engine.Kept) *source.Mapping {
	if old, err := source.Parse(kept.Mapping); err == nil && cmp.Or(old.Source(), "load") == kept.Source {
		return m
	}
	return m.As(kept.Source)
}

// keptRows is rows that were kept, through another mapping.
type keptRows struct {
	*source.Input
	next func() (keptPiece, error, bool)
}

func (k *keptRows) Next() ([]byte, int64, error) {
	p, err, ok := k.next()
	if !ok {
		return nil, 0, io.EOF
	}
	return p.data, p.line, err
}

// keptPiece is some of the rows that were kept.
type keptPiece struct {
	data []byte
	line int64
}

// pieces gives what is kept of a load, in order.
func pieces(k *engine.Kept) iter.Seq2[keptPiece, error] {
	return func(yield func(keptPiece, error) bool) {
		stopped := errors.New("stop")
		err := k.Pieces(func(line int64, data []byte) error {
			if !yield(keptPiece{bytes.Clone(data), line}, nil) {
				return stopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) {
			yield(keptPiece{}, err)
		}
	}
}
