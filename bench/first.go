package bench

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/kithdb/kith/bench/peer"
)

// first measures the first lines of the large world, of every kind and some of
// them wrong, beside DuckDB's own read_json into a table of the types that it
// finds in them. They take turns; the best counts.
func (r *run) first(ctx context.Context) error {
	if err := r.firstFile(); err != nil {
		return err
	}
	defer os.Remove(r.path(firstFile)) // it can be made again
	columns, err := r.firstTypes(ctx)
	if err != nil {
		return err
	}
	read := func(db *peer.DB, ctx context.Context, file string) (int64, error) {
		return db.Typed(ctx, file, columns)
	}
	var ours, bare timing
	for i := range r.Repeat {
		a, err := r.fileKith(ctx, firstFile)
		if err != nil {
			return err
		}
		b, err := r.filePeer(ctx, firstFile, read)
		if err != nil {
			return err
		}
		r.say("first %d of %d: kith %.0f lines/s, DuckDB %.0f (load average %s)", i+1, r.Repeat, a.rate(), b.rate(), loadAverage())
		ours.keep(a)
		bare.keep(b)
	}
	r.report.add(Figure{Part: "first", Name: "the large world's first lines, durable and in history", Value: ours.rate(), Unit: "events/s", Peer: bare.rate(), Ratio: ours.rate() / bare.rate(),
		Note: "of " + show(float64(ours.n)/1e6, "million") + " lines; peer: DuckDB's read_json into a table of the types that it found before, a CHECKPOINT after it; lines that are no JSON are left out there"}).ratioAtLeast(0.8)
	r.report.add(Figure{Part: "first", Name: "processor time", Value: ours.each(), Unit: "µs/event", Peer: bare.each(), Ratio: ours.each() / bare.each()})
	r.report.add(Figure{Part: "first", Name: "bytes on disk a line", Value: ours.disk, Unit: "B", Peer: bare.disk, Ratio: ours.disk / bare.disk})
	return nil
}

// firstTypes asks DuckDB for the types of the lines.
func (r *run) firstTypes(ctx context.Context) (columns string, err error) {
	db, err := peer.Open(r.path("peer.duckdb"), threads())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Types(ctx, r.path(firstFile))
}

// firstFile writes the first lines of the large world, where they are not there.
func (r *run) firstFile() error {
	if _, err := os.Stat(r.path(firstFile)); err == nil {
		return nil
	}
	r.say("first: write %d lines to a file", r.firsts)
	return writeTo(r.path(firstFile), func(w io.Writer) error {
		n := 0
		for line := range r.large.Lines() {
			if n++; n > r.firsts {
				break
			}
			if err := writeLine(w, line); err != nil {
				return err
			}
		}
		return nil
	})
}
