package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// dictionary is a PathSet for tests.
type dictionary struct {
	mu     sync.Mutex
	paths  []string
	ids    map[string]uint32
	sealed map[uint32]bool
}

func (d *dictionary) Path(id uint32) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.paths[id]
}

func (d *dictionary) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.paths)
}

func (d *dictionary) Sealed(id uint32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sealed[id]
}

func (d *dictionary) id(path string) uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, ok := d.ids[path]
	if !ok {
		if d.ids == nil {
			d.ids = map[string]uint32{}
		}
		id = uint32(len(d.paths))
		d.ids[path] = id
		d.paths = append(d.paths, path)
	}
	return id
}

// cells makes Cells of pairs of path and JSON text.
func (d *dictionary) cells(pairs ...string) []byte {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		b = AppendCell(b, d.id(pairs[i]), []byte(pairs[i+1]))
	}
	return b
}

// disk is the engine's side of a history: the manifest it keeps.
type disk struct {
	dir string
	man Manifest
}

func (d *disk) options(paths PathSet) Options {
	return Options{Dir: d.dir, Threads: 2, Paths: paths, Manifest: d.man, Save: func(m Manifest) error {
		d.man = m
		return nil
	}}
}

func open(t testing.TB, o Options) *History {
	t.Helper()
	h, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// version is a View for tests. Its fragments have themselves as owners but for
// those in owner.
type version struct {
	seq      uint64
	owner    [][]uint32
	tables   []Table
	unseal   func(fragment uint32, seq uint64, sealed []byte) ([]byte, error)
	who      func(fragment uint32) (string, string, error)
	paths    PathSet // of Original
	now      int64
	released atomic.Int32
}

func (v *version) Seq() uint64       { return v.seq }
func (v *version) Now() int64        { return v.now }
func (v *version) Owner() [][]uint32 { return v.owner }
func (v *version) Tables() []Table   { return v.tables }
func (v *version) Release()          { v.released.Add(1) }

// Members implements View.
func (v *version) Members(string) ([]uint64, error) { return nil, nil }
func (v *version) OnList(string) ([]uint64, error)  { return nil, nil }
func (v *version) Unseal(f uint32, seq uint64, sealed []byte) ([]byte, error) {
	if v.unseal == nil {
		return nil, errors.New("sealed")
	}
	return v.unseal(f, seq, sealed)
}

// Leaf implements View: what is Sealed is cells, and nothing is Said.
func (v *version) Leaf(dst []byte, r *Row, path uint32) (out []byte, there bool, err error) {
	cells, err := v.Unseal(r.Fragment, r.Seq, r.Sealed)
	EachCell(cells, func(p uint32, text []byte) bool {
		if there = p == path; there {
			dst = append(dst, text...)
		}
		return !there
	})
	return dst, there, err
}

func (v *version) Identifier(f uint32) (string, string, error) {
	if v.who == nil {
		return "anonymous_id", "a" + strconv.Itoa(int(f)), nil
	}
	return v.who(f)
}

// selves gives n fragments each its own profile.
func selves(n int) [][]uint32 {
	var blocks [][]uint32
	for i := 0; i < n; i += 1 << 16 {
		b := make([]uint32, min(1<<16, n-i))
		for j := range b {
			b[j] = uint32(i + j)
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// ask gives the answer to a query as text, a row a line.
func ask(t testing.TB, h *History, v View, query string, args ...any) string {
	t.Helper()
	s, err := tryAsk(h, v, query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return s
}

func tryAsk(h *History, v View, query string, args ...any) (string, error) {
	if v, ok := v.(*version); ok && v.paths == nil {
		v.paths = h.o.Paths
	}
	rows, err := h.SQL(context.Background(), v, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return "", err
	}
	out := ""
	for rows.Next() {
		vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			return "", err
		}
		for i, v := range vals {
			if i > 0 {
				out += " "
			}
			out += fmt.Sprint(v)
		}
		out += "\n"
	}
	return out, rows.Err()
}

// seeded gives a random source and prints its seed when the test fails.
func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 1))
}
