package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"

	"github.com/kithdb/kith/engine/source"
)

// mapCmd is `kith map`.
type mapCmd struct {
	File string `arg:"" help:"The file that a mapping is proposed for: CSV, JSON, Parquet or an access log, plain, gzip or zstd; '-' is standard input."`
}

// Run writes the proposal to standard output.
func (c *mapCmd) Run(a *app) error {
	name := filepath.Base(c.File)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return plain(err)
		}
		defer f.Close() // it was only read
		magic := make([]byte, 4)
		if _, err := io.ReadFull(f, magic); err == nil && bytes.Equal(magic, []byte("PAR1")) {
			return c.propose(a, name, f)
		}
	}
	in, err := a.openInput(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	if c.File == "-" {
		name = "standard input"
	}
	return c.propose(a, name, in)
}

func (c *mapCmd) propose(a *app, name string, r io.Reader) error {
	text, err := source.Propose(name, r)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}
