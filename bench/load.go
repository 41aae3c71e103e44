package bench

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// filed is the largest world that is written to a file first; larger ones are
// piped, and the processor time of making them is taken off.
const filed = 2_000_000

// load measures how the world comes into a fresh directory.
func (r *run) load(ctx context.Context) error {
	if err := os.RemoveAll(r.path(worldDir)); err != nil {
		return err
	}
	got, err := r.loadWorld(ctx, r.path(worldDir), 0)
	if err != nil {
		return err
	}
	r.say("load: %d events in %v", got.tally.Received, got.took.Round(time.Millisecond))
	r.noteLoad("load", got)
	return nil
}

// arrived is how a world came in.
type arrived struct {
	tally       kith.Tally
	took        time.Duration // until SQL saw everything
	cpu         time.Duration
	raw, disk   int64
	base        int64 // anonymous memory before
	anon, peak  int64 // most anonymous memory, and most of all
	closing     time.Duration
	profiles    int
	identifiers uint32
}

// noteLoad adds the figures of a load to a part.
func (r *run) noteLoad(part string, a arrived) {
	n := float64(a.tally.Received)
	r.report.add(Figure{Part: part, Name: "world, until SQL sees it all", Value: n / a.took.Seconds(), Unit: "events/s",
		Note: "of " + show(n/1e6, "million") + " lines"})
	r.report.add(Figure{Part: part, Name: "processor time", Value: a.cpu.Seconds() * 1e6 / n, Unit: "µs/event"})
	r.report.add(Figure{Part: part, Name: "peak memory, anonymous", Value: float64(a.anon), Unit: "bytes",
		Note: "the process had " + show(float64(a.base), "bytes") + " before"})
	r.report.add(Figure{Part: part, Name: "peak memory, with mapped files", Value: float64(a.peak), Unit: "bytes",
		Note: "the kernel takes what is mapped back when it needs it"})
	f := r.report.add(Figure{Part: part, Name: "directory / raw JSON", Value: float64(a.disk), Unit: "bytes", Peer: float64(a.raw), Ratio: float64(a.disk) / float64(a.raw)})
	f.ratioWithin(0.1)
	r.report.add(Figure{Part: part, Name: "close", Value: a.closing.Seconds(), Unit: "s"})
	r.report.add(Figure{Part: part, Name: "profiles", Value: float64(a.profiles)})
	r.report.add(Figure{Part: part, Name: "identifiers", Value: float64(a.identifiers)})
}

// loadWorld loads the world into a fresh directory, with so much memory.
func (r *run) loadWorld(ctx context.Context, dir string, memory int64) (a arrived, err error) {
	src, err := r.source(ctx)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	forgetPeak()
	a.base = anonymous()
	watch := watchAnonymous()
	defer watch.end()
	e, err := engine.Open(dir, &engine.Options{Memory: memory})
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	begin, cpu := time.Now(), cpuTime()
	rep, err := e.Load(ctx, src, nil)
	if err != nil {
		return a, err
	}
	if a.tally, err = rep.Tally, count(ctx, e, rep.Accepted); err != nil {
		return a, err
	}
	a.took, a.cpu = time.Since(begin), cpuTime()-cpu-src.cpu
	st, err := e.Stats(ctx)
	if err != nil {
		return a, err
	}
	a.raw, a.profiles, a.identifiers = src.bytes, st.Profiles, st.Fragments
	a.anon, a.peak = watch.end(), peak()
	begin = time.Now()
	if err := e.Close(); err != nil {
		return a, err
	}
	a.closing = time.Since(begin)
	a.disk, err = diskUse(dir)
	return a, err
}

// count asks SQL how many events there are, and compares.
func count(ctx context.Context, e *engine.Engine, want int) error {
	rows, err := e.SQL(ctx, "SELECT count(*) FROM events")
	if err != nil {
		return err
	}
	defer rows.Close()
	n := -1
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n != want {
		return errDiffers("count of events", n, want)
	}
	return nil
}

// source is a world to read.
type source struct {
	io.Reader
	bytes int64
	cpu   time.Duration // of making it, where it is made while it is read
	close func() error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.bytes += int64(n)
	return n, err
}

// source gives the world: from a file where it is small, else as it is made.
func (r *run) source(ctx context.Context) (*source, error) {
	if r.world.Events > filed {
		return r.pipe(ctx), nil
	}
	if _, err := os.Stat(r.path(worldFile)); errors.Is(err, os.ErrNotExist) {
		r.say("load: write %d lines to a file", r.world.Events)
		if err := writeTo(r.path(worldFile), func(w io.Writer) error { return r.world.Write(ctx, w, nil) }); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(r.path(worldFile))
	if err != nil {
		return nil, err
	}
	return &source{Reader: f, close: f.Close}, nil
}

// pipe gives the world as it is made. The maker has a thread of its own, so
// that its processor time is known.
func (r *run) pipe(ctx context.Context) *source {
	in, out := io.Pipe()
	s := &source{Reader: bufio.NewReaderSize(in, 1<<20)}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		before, last := threadTime(), int64(0)
		err := r.world.Write(ctx, out, func(n int64) {
			if n/1_000_000 != last {
				last = n / 1_000_000
				r.say("load: %d million lines", last)
			}
		})
		s.cpu = threadTime() - before
		out.CloseWithError(err) // nil is the end of the file
		done <- err
	}()
	s.close = func() error {
		in.Close() // where the load ended early, the maker ends too
		if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
			return err
		}
		return nil
	}
	return s
}

// writeTo writes a file whole: it is there when it is complete.
func writeTo(path string, f func(io.Writer) error) error {
	out, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	if err := errors.Join(f(w), w.Flush(), out.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
