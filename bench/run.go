package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/engine"
)

// Options say what is measured.
type Options struct {
	Size    string            // S, M or L; empty: S
	Dir     string            // where files are put; empty: a directory of its own, removed at the end
	Keep    bool              // leave the files; a later run with the same Dir uses the loaded world again
	Parts   []string          // of Parts; empty: all
	Repeat  int               // how often what is compared is repeated, the best counts; 0: 3
	Memory  int64             // engine.Options.Memory of what is asked of the loaded world; 0: the default
	Command string            // as it is noted in the report
	Say     func(text string) // is told what is being done; nil: nobody is
}

// Parts are what a run measures, in this order.
var Parts = []string{"load", "questions", "segments", "peers", "live", "people", "open", "memory", "ingest", "first", "rows"}

// scale is how much is done at a size.
type scale struct {
	warm, cold, firsts          int // lines; each cold one is about another person; firsts are of size M
	lookups, timelines, singles int
	retail                      int // made rows; 0: Online Retail, or as many
}

// warmPeople is how many people the warm lines are about.
const warmPeople = 20_000

var scales = map[string]scale{
	"S": {1_000_000, 1_000_000, 2_000_000, 10_000, 1_000, 300, 0},
	"M": {2_000_000, 1_000_000, 2_000_000, 20_000, 2_000, 500, 0},
	"L": {2_000_000, 1_000_000, 2_000_000, 20_000, 2_000, 500, 0},
}

// run is a run in progress.
type run struct {
	Options
	scale
	world  world.World
	large  world.World // the first lines of this one are loaded
	report *Report
	own    bool // the directory is ours to remove
}

// Run measures, and gives what it found; after an error, what it had found by then.
func Run(ctx context.Context, o Options) (*Report, error) {
	r := &run{Options: o}
	if r.Size == "" {
		r.Size = "S"
	}
	var err error
	if r.world, err = world.Size(r.Size); err != nil {
		return nil, err
	}
	if r.large, err = world.Size("M"); err != nil {
		return nil, err
	}
	for _, p := range r.Parts {
		if !slices.Contains(Parts, p) {
			return nil, &kith.Error{Op: "bench", On: fmt.Sprintf("part %q, there are %s", p, strings.Join(Parts, ", ")), Kind: kith.ErrInvalid}
		}
	}
	if r.Repeat <= 0 {
		r.Repeat = 3
	}
	r.scale = scales[r.Size]
	err = r.all(ctx)
	return r.report, err
}

// all measures the parts that are wanted, in their order.
func (r *run) all(ctx context.Context) (err error) {
	r.report = &Report{Size: r.Size, Command: r.Command, Began: time.Now().UTC().Truncate(time.Second), Machine: machine()}
	if err := r.room(); err != nil {
		return err
	}
	defer func() {
		if !r.Keep {
			err = errors.Join(err, r.clear())
		}
		r.report.Machine.LoadEnd = loadAverage()
		r.report.Took = time.Since(r.report.Began).Truncate(time.Second).String()
	}()
	parts := []func(context.Context) error{r.load, r.questions, r.segments, r.peers, r.live, r.people, r.open, r.memory, r.ingest, r.first, r.rows} // as Parts
	for i, p := range Parts {
		if len(r.Parts) > 0 && !slices.Contains(r.Parts, p) {
			continue
		}
		if err := parts[i](ctx); err != nil {
			return fmt.Errorf("measure %s: %w", p, err)
		}
	}
	return nil
}

// room makes the directory.
func (r *run) room() (err error) {
	if r.Dir == "" {
		r.own = true
		r.Dir, err = os.MkdirTemp("", "kith-bench-")
		return err
	}
	return os.MkdirAll(r.Dir, 0o755)
}

// clear removes what this run may have made.
func (r *run) clear() error {
	if r.own {
		return os.RemoveAll(r.Dir)
	}
	var errs []error
	for _, name := range []string{worldFile, worldDir, smallDir, trackDir, warmFile, coldFile, firstFile, rowsFile} {
		errs = append(errs, os.RemoveAll(r.path(name)))
	}
	return errors.Join(errs...)
}

// Names in the directory.
const (
	worldFile = "world.ndjson"
	worldDir  = "world.kith"
	smallDir  = "small.kith" // the world again, with little memory
	trackDir  = "track.kith"
	warmFile  = "warm.ndjson"
	coldFile  = "cold.ndjson"
	firstFile = "first.ndjson"
	rowsFile  = "rows.csv"
)

func (r *run) path(name string) string { return filepath.Join(r.Dir, name) }

func (r *run) say(format string, args ...any) {
	if r.Say != nil {
		r.Say(fmt.Sprintf(format, args...))
	}
}

// threads is how many Kith and its peer may use.
func threads() int { return runtime.GOMAXPROCS(0) }

// loaded opens the directory with the world in it, and loads it first where it is not there.
func (r *run) loaded(ctx context.Context) (*engine.Engine, error) {
	if _, err := os.Stat(filepath.Join(r.path(worldDir), "FORMAT")); err != nil {
		if err := r.load(ctx); err != nil {
			return nil, err
		}
	}
	return engine.Open(r.path(worldDir), &engine.Options{Memory: r.Memory})
}
