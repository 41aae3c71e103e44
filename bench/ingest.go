package bench

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/kithdb/kith/bench/peer"
	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/engine"
)

// ingest measures lines of exactly 768 bytes, all of them right: warm, that is
// about few people, and cold, each about another one, beside DuckDB's own
// read_json into a typed table of the same file. They take turns; the best counts.
func (r *run) ingest(ctx context.Context) error {
	if err := r.trackFiles(); err != nil {
		return err
	}
	var warm, cold, bare, bareCold timing
	for i := range r.Repeat {
		for _, m := range []struct {
			best *timing
			name string
			f    func(context.Context, string) (timing, error)
			file string
		}{
			{&warm, "kith, warm", r.trackKith, warmFile}, {&bare, "DuckDB, warm", r.trackPeer, warmFile},
			{&cold, "kith, cold", r.trackKith, coldFile}, {&bareCold, "DuckDB, cold", r.trackPeer, coldFile},
		} {
			t, err := m.f(ctx, m.file)
			if err != nil {
				return err
			}
			r.say("ingest %d of %d: %s: %.0f events/s, %.2f µs/event (load average %s)", i+1, r.Repeat, m.name, t.rate(), t.each(), loadAverage())
			m.best.keep(t)
		}
	}
	r.noteRate("warm lines (20,000 people), durable and in history", warm, bare.rate(), "peer: DuckDB's read_json into a typed table of the same file, CHECKPOINTed").ratioAtLeast(0.8)
	r.noteRate("warm lines, acknowledged", timing{n: warm.n, took: warm.acked}, bare.rate(), "")
	r.noteRate("cold lines, each by another person", cold, warm.rate(), "peer: the warm rate").ratioAtLeast(0.5)
	r.noteRate("cold lines beside DuckDB", cold, bareCold.rate(), "")
	for _, t := range []struct {
		name       string
		kith, bare timing
	}{{"processor time, warm", warm, bare}, {"processor time, cold", cold, bareCold}} {
		r.report.add(Figure{Part: "ingest", Name: t.name, Value: t.kith.each(), Unit: "µs/event", Peer: t.bare.each(), Ratio: t.kith.each() / t.bare.each()})
	}
	r.report.add(Figure{Part: "ingest", Name: "bytes on disk an event, warm", Value: warm.disk, Unit: "B", Peer: bare.disk, Ratio: warm.disk / bare.disk})
	return r.ingestStages(ctx)
}

func (r *run) noteRate(name string, t timing, peer float64, note string) *Figure {
	return r.report.add(Figure{Part: "ingest", Name: name, Value: t.rate(), Unit: "events/s", Peer: peer, Ratio: t.rate() / peer, Note: note})
}

// timing is how long so many lines took.
type timing struct {
	n, accepted int
	took, acked time.Duration
	cpu         time.Duration
	disk        float64 // bytes a line
}

func (t timing) rate() float64 { return float64(t.n) / t.took.Seconds() }
func (t timing) each() float64 { return t.cpu.Seconds() * 1e6 / float64(t.n) }

// keep keeps the faster of two.
func (t *timing) keep(o timing) {
	if t.n == 0 || o.took < t.took {
		*t = o
	}
}

// trackFiles writes the two files of lines, where they are not there.
func (r *run) trackFiles() error {
	for _, f := range []struct {
		name      string
		n, people int
	}{{warmFile, r.warm, warmPeople}, {coldFile, r.cold, r.cold}} {
		if st, err := os.Stat(r.path(f.name)); err == nil && st.Size() == int64(f.n)*(world.TrackSize+1) {
			continue
		}
		r.say("ingest: write %d lines to a file", f.n)
		err := writeTo(r.path(f.name), func(w io.Writer) error {
			for line := range world.Track(trackSeed, f.n, f.people) {
				if err := writeLine(w, line); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const trackSeed = 7

func writeLine(w io.Writer, line []byte) error {
	if _, err := w.Write(line); err != nil {
		return err
	}
	_, err := w.Write(newline)
	return err
}

var newline = []byte{'\n'}

// trackKith is fileKith of lines that are all right.
func (r *run) trackKith(ctx context.Context, file string) (timing, error) {
	t, err := r.fileKith(ctx, file)
	if err == nil && t.accepted != t.n {
		err = errDiffers("accepted lines", t.accepted, t.n)
	}
	return t, err
}

// fileKith loads a file into a fresh directory until SQL sees every line.
func (r *run) fileKith(ctx context.Context, file string) (t timing, err error) {
	dir := r.path(trackDir)
	if err := os.RemoveAll(dir); err != nil {
		return t, err
	}
	f, err := os.Open(r.path(file))
	if err != nil {
		return t, err
	}
	defer f.Close()
	e, err := engine.Open(dir, nil)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	begin, cpu := time.Now(), cpuTime()
	rep, err := e.Load(ctx, f, nil)
	if err != nil {
		return t, err
	}
	t.acked = time.Since(begin)
	if err := count(ctx, e, rep.Accepted); err != nil {
		return t, err
	}
	t.n, t.accepted, t.took, t.cpu = rep.Received, rep.Accepted, time.Since(begin), cpuTime()-cpu
	if err := e.Close(); err != nil {
		return t, err
	}
	bytes, err := diskUse(dir)
	t.disk = float64(bytes) / float64(t.n)
	return t, err
}

// trackPeer lets DuckDB read the file into a typed table.
func (r *run) trackPeer(ctx context.Context, file string) (timing, error) {
	return r.filePeer(ctx, file, (*peer.DB).Track)
}

// filePeer lets DuckDB read the file into a table of a fresh database.
func (r *run) filePeer(ctx context.Context, file string, read func(*peer.DB, context.Context, string) (int64, error)) (t timing, err error) {
	db, err := peer.Open(r.path("peer.duckdb"), threads())
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	begin, cpu := time.Now(), cpuTime()
	n, err := read(db, ctx, r.path(file))
	t.n, t.took, t.cpu = int(n), time.Since(begin), cpuTime()-cpu
	if err != nil {
		return t, err
	}
	size, err := db.Size()
	t.disk = float64(size) / float64(n)
	return t, err
}

// ingestStages tells where the processor time of the lines goes.
func (r *run) ingestStages(ctx context.Context) error {
	for _, f := range []struct{ file, name string }{{warmFile, "warm"}, {coldFile, "cold"}} {
		if err := r.noteStages("ingest", f.name, func() (timing, error) { return r.trackKith(ctx, f.file) }); err != nil {
			return err
		}
	}
	return os.RemoveAll(r.path(trackDir))
}

// noteStages runs f once more, adds its processor time by stage to a part, and leaves the profile.
func (r *run) noteStages(part, title string, f func() (timing, error)) error {
	var t timing
	sums, err := profile(r.path(title+".pprof"), func() (err error) { t, err = f(); return err })
	if err != nil {
		return err
	}
	var names []string
	all := time.Duration(0)
	for name, d := range sums {
		names = append(names, name)
		all += d
	}
	slices.SortFunc(names, func(a, b string) int { return int(sums[b] - sums[a]) })
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(t.n) }
	r.report.add(Figure{Part: part, Name: title + ": all stages", Value: each(all), Unit: "µs/event",
		Note: "processor time of one more run, by a CPU profile of 100 samples a second; the peer is all of it"})
	for _, name := range names {
		r.report.add(Figure{Part: part, Name: title + ": " + name, Value: each(sums[name]), Unit: "µs/event", Peer: each(all), Ratio: sums[name].Seconds() / all.Seconds()})
	}
	return nil
}
