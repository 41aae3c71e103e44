package bench

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// stage is a piece of the work, known by the functions that do it.
type stage struct {
	name  string
	whole bool // a function anywhere on the stack decides; otherwise the one nearest to the top
	funcs []string
}

// stages are what the time of a load is divided into.
var stages = []stage{
	{"checkpoints", true, []string{"engine.(*Engine).upkeep", "engine.(*Engine).keep"}},
	{"history: rows, commit, checkpoint", true, []string{"engine.(*follower).run"}},
	{"history: DuckDB's own threads", true, []string{"runtime._ExternalCode"}},
	{"sealing", false, []string{"storage.(*Keyring)"}},
	{"message ids", false, []string{"storage.(*Mids)", "clean.(*Cleaner).IDPrint"}},
	{"decisions", false, []string{"engine.(*turn).resolve", "engine.(*turn).settled", "identity.(*Matcher).Resolve"}},
	{"tokens and normalising", false, []string{"identity.(*Secret)", "identity.(*Matcher).Normalise"}},
	{"identifiers to fragments", false, []string{"engine.(*turn).number"}},
	{"log", false, []string{"storage.(*Blob)", "engine.(*turn).record", "storage.(*Tx).PutLog", "engine.(*turn).endBlob"}},
	{"fold", false, []string{"engine.(*turn).fold"}},
	{"commit", false, []string{"engine.(*turn).commit", "engine.(*turn).put", "engine.(*Engine).publish"}},
	{"line, other", true, []string{"engine.(*line).run"}},
	{"cleaning", false, []string{"engine.(*mapped).items.func"}}, // of what a mapping makes, which calls it
	{"mapping", false, []string{"source.(*Input).Map"}},
	{"packing of rows to be kept", true, []string{"storage.PackPiece"}},
	{"equal rows", true, []string{"engine.(*session).take"}},
	{"cleaning", true, []string{"engine.(*Engine).cleanChunk"}},
	{"reading", true, []string{"engine.chunksOf", "engine.(*Engine).load", "engine.(*Engine).Load"}},
	{"closing", true, []string{"engine.(*Engine).close"}},
	{"Badger in the background", true, []string{"badger/v4"}},
	{"garbage collection", true, []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcDrain", "runtime.gcStart"}},
	{"scheduler", true, []string{"runtime.mcall", "runtime.mstart", "runtime.schedule", "runtime.findRunnable", "runtime.sysmon"}},
}

// other is the stage of what no stage knows.
const other = "other"

// profile measures the processor time of f by stage, and leaves the profile at path.
func profile(path string, f func() error) (map[string]time.Duration, error) {
	var buf bytes.Buffer
	if err := pprof.StartCPUProfile(&buf); err != nil {
		return nil, err
	}
	err := f()
	pprof.StopCPUProfile()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		return nil, err
	}
	return group(&buf)
}

// group adds up the samples of a CPU profile by stage.
func group(r io.Reader) (map[string]time.Duration, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	p, err := parseSamples(data)
	if err != nil {
		return nil, err
	}
	sums := map[string]time.Duration{}
	for _, s := range p.samples {
		var stack []string
		for _, l := range s.locations {
			for _, f := range p.locations[l] {
				stack = append(stack, p.strings[p.functions[f]])
			}
		}
		sums[stageOf(stack)] += time.Duration(s.value)
	}
	return sums, nil
}

// stageOf gives the stage of a stack, top first.
func stageOf(stack []string) string {
	in := func(s *stage, f string) bool {
		return slices.ContainsFunc(s.funcs, func(part string) bool { return strings.Contains(f, part) })
	}
	for i := range stages[:3] {
		if slices.ContainsFunc(stack, func(f string) bool { return in(&stages[i], f) }) {
			return stages[i].name
		}
	}
	for _, f := range stack {
		for i := range stages {
			if s := &stages[i]; !s.whole && in(s, f) {
				return s.name
			}
		}
	}
	for i := range stages {
		if slices.ContainsFunc(stack, func(f string) bool { return in(&stages[i], f) }) {
			return stages[i].name
		}
	}
	return other
}

// samples is what is wanted of a profile in pprof's format.
type samples struct {
	samples   []sample
	locations map[uint64][]uint64 // location → functions, innermost first
	functions map[uint64]uint64   // function → index of its name
	strings   []string
}

type sample struct {
	locations []uint64 // top of the stack first
	value     uint64   // nanoseconds
}

// parseSamples reads the fields of profile.proto that it needs, and skips the rest.
func parseSamples(data []byte) (*samples, error) {
	p := &samples{locations: map[uint64][]uint64{}, functions: map[uint64]uint64{}}
	err := eachField(data, func(n int, v uint64, b []byte) error {
		switch n {
		case 2:
			return p.sample(b)
		case 4:
			return p.location(b)
		case 5:
			var id, name uint64
			err := eachField(b, func(n int, v uint64, _ []byte) error {
				switch n {
				case 1:
					id = v
				case 2:
					name = v
				}
				return nil
			})
			p.functions[id] = name
			return err
		case 6:
			p.strings = append(p.strings, string(b))
		}
		return nil
	})
	for _, name := range p.functions {
		if name >= uint64(len(p.strings)) {
			return nil, errProfile
		}
	}
	if len(p.strings) == 0 {
		return nil, errProfile
	}
	return p, err
}

func (p *samples) sample(b []byte) error {
	var s sample
	values := []uint64{}
	err := eachField(b, func(n int, v uint64, b []byte) error {
		to := &s.locations
		switch n {
		case 1:
		case 2:
			to = &values
		default:
			return nil
		}
		if b == nil {
			*to = append(*to, v)
			return nil
		}
		for len(b) > 0 { // packed
			v, k := varint(b)
			if k == 0 {
				return errProfile
			}
			*to, b = append(*to, v), b[k:]
		}
		return nil
	})
	if len(values) < 2 {
		return errProfile
	}
	s.value = values[1] // after the count
	p.samples = append(p.samples, s)
	return err
}

func (p *samples) location(b []byte) error {
	var id uint64
	var funcs []uint64
	err := eachField(b, func(n int, v uint64, line []byte) error {
		switch n {
		case 1:
			id = v
		case 4:
			return eachField(line, func(n int, v uint64, _ []byte) error {
				if n == 1 {
					funcs = append(funcs, v)
				}
				return nil
			})
		}
		return nil
	})
	p.locations[id] = funcs
	return err
}

var errProfile = errors.New("the CPU profile cannot be read")

// eachField calls f for the fields of a protobuf message: v of a number, b of bytes.
func eachField(data []byte, f func(n int, v uint64, b []byte) error) error {
	for len(data) > 0 {
		key, k := varint(data)
		if k == 0 {
			return errProfile
		}
		data = data[k:]
		v, k := varint(data)
		if k == 0 {
			return errProfile
		}
		data = data[k:]
		var b []byte
		switch key & 7 {
		case 0:
		case 2:
			if v > uint64(len(data)) {
				return errProfile
			}
			b, data = data[:v:v], data[v:]
		default:
			return errProfile
		}
		if err := f(int(key>>3), v, b); err != nil {
			return err
		}
	}
	return nil
}

// varint gives a number and its length; 0 where there is none.
func varint(b []byte) (v uint64, n int) {
	for i := range min(len(b), 10) {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
