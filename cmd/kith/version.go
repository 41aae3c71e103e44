package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker in a release: -X main.version=v1.2.3.
var version = ""

// versionCmd is `kith version`.
type versionCmd struct {
	JSON bool `name:"json" help:"Write JSON."`
}

// Run prints the version, and what the binary is made of.
func (c *versionCmd) Run(a *app) error {
	v, commit := version, ""
	deps := map[string]string{}
	if b, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = b.Main.Version
		}
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value[:min(12, len(s.Value))]
			}
		}
		for _, d := range b.Deps {
			deps[d.Path] = d.Version
		}
	}
	if v == "" {
		v = "(devel)"
	}
	duck, badger := deps["github.com/duckdb/duckdb-go/v2"], deps["github.com/dgraph-io/badger/v4"]
	if c.JSON {
		return writeJSON(a.stdout, map[string]string{"version": v, "commit": commit, "go": runtime.Version(), "duckdb_go": duck, "badger": badger, "format": "1"})
	}
	_, err := fmt.Fprintf(a.stdout, "kith %s, directory format 1, %s, duckdb-go %s, badger %s\n", v, runtime.Version(), duck, badger)
	return err
}
