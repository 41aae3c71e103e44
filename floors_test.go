package kith_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kithdb/kith"

// floors says for each folder what of this module it may import. A folder
// stands for those below it that have no line of their own.
var floors = map[string][]string{
	".":                        {},
	"storage/bitmap":           {"."},
	"identity":                 {"."},
	"query":                    {".", "storage/bitmap"},
	"storage":                  {".", "storage/bitmap"},
	"storage/history":          {"."},
	"engine/clean":             {".", "identity"},
	"engine/source":            {".", "identity"},
	"engine/enginetest/faults": {"."},
	"engine/enginetest":        {".", "engine", "identity", "query", "engine/enginetest/faults"},
	"engine":                   {".", "storage/bitmap", "identity", "query", "storage", "storage/history", "engine/clean"},
	"bench/world":              {"."},
	"bench/peer":               {},
	"bench":                    {".", "engine", "engine/source", "bench/world", "bench/peer", "identity"},
	"cmd":                      {".", "engine", "engine/source", "identity", "bench", "bench/world"},
}

// homes says which folder alone may import an outside library. DuckDB has a
// second one, bench/peer: the benchmark measures Kith beside DuckDB alone, and
// that must not go through any code of ours (see second).
var homes = map[string]string{
	"github.com/dgraph-io/badger":    "storage",
	"github.com/dgraph-io/ristretto": "storage",
	"github.com/duckdb/duckdb-go":    "storage/history",
	"github.com/xwb1989/sqlparser":   "query",
	"github.com/RoaringBitmap":       "storage/bitmap",
	"github.com/nyaruka":             "identity",
	"github.com/mileusna":            "identity",
	"github.com/alecthomas/kong":     "cmd",
	"github.com/hanwen/go-fuse":      "engine/enginetest/faults",
	"github.com/jedib0t/go-pretty":   "cmd",
	"github.com/vbauerster/mpb":      "cmd",
	"github.com/parquet-go":          "engine/source",
	"go.yaml.in/yaml":                "engine/source",
}

// second says which other folder may import a library, and nothing of ours.
var second = map[string]string{"github.com/duckdb/duckdb-go": "bench/peer"}

func TestFloors(t *testing.T) {
	eachImport(t, func(dir, file, path string) {
		rest, ours := strings.CutPrefix(path, module)
		if !ours {
			return
		}
		to := strings.TrimPrefix(rest, "/")
		if to == "" {
			to = "."
		}
		floor := floorOf(dir)
		if to == dir || floor == "" || strings.HasSuffix(file, "_test.go") && !strings.HasPrefix(dir, "storage") && dir != "identity" {
			return // a test on an upper floor may look down as it needs
		}
		for _, may := range floors[floor] {
			if to == may || may != "." && may == floorOf(to) && strings.HasPrefix(to, may+"/") {
				return
			}
		}
		t.Errorf("%s imports %s, but %s may only stand on %v: say what you need in a small interface of your own (docs/architecture.md)",
			filepath.Join(dir, file), to, floor, floors[floor])
	})
}

func TestOneLibraryOneHome(t *testing.T) {
	eachImport(t, func(dir, file, path string) {
		for lib, home := range homes {
			if strings.HasPrefix(path, lib) && floorOf(dir) != home && dir != second[lib] && !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s imports %s, whose one home is %s", filepath.Join(dir, file), path, home)
			}
		}
	})
}

// floorOf gives the longest folder in floors that dir is, or stands under.
func floorOf(dir string) string {
	for d := dir; ; d = filepath.Dir(d) {
		if _, ok := floors[d]; ok {
			return d
		}
		if d == "." || d == "/" {
			return ""
		}
	}
}

// eachImport calls f for every import of every Go file of the module.
func eachImport(t *testing.T, f func(dir, file, path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "docs" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range parsed.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			f(filepath.Dir(path), filepath.Base(path), p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
