package main

import (
	"encoding/csv"
	"errors"
	"os"
	"strconv"

	"github.com/kithdb/kith"
)

// errorFile is what --errors asks for: everything of the loads that was not
// accepted, but for what was known already, as CSV. It holds rows as they came
// in: it is the operator's own file.
type errorFile struct {
	file    *os.File
	w       *csv.Writer
	several bool
}

// createErrors makes the file; nil where none was asked for.
func (c *loadCmd) createErrors() (*errorFile, error) {
	if c.Errors == "" {
		return nil, nil
	}
	if err := c.spare(c.Errors); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(c.Errors, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, plain(err)
	}
	e := &errorFile{file: f, w: csv.NewWriter(f), several: len(c.Files) > 1}
	head := []string{"line", "path", "reason", "row"}
	if e.several {
		head = append([]string{"file"}, head...)
	}
	return e, e.w.Write(head)
}

// spare refuses to write over what the load reads.
func (c *loadCmd) spare(name string) error {
	there, err := os.Stat(name)
	if err != nil {
		return nil // making it will tell
	}
	for _, read := range append([]string{c.Map}, c.Files...) {
		if r, err := os.Stat(read); err == nil && os.SameFile(there, r) {
			return &kith.Error{Op: "kith load", On: "--errors " + name, Kind: kith.ErrInvalid, Err: errors.New("the load reads that file, and would lose it")}
		}
	}
	return nil
}

// list writes what was not accepted of a load, in the order of its input. It
// reads it back from the platform, so that a load that was killed and went on has all.
func (e *errorFile) list(a *app, p platform, of loaded) error {
	if e == nil || of.Load == 0 {
		return nil
	}
	rows, err := p.SQL(a.ctx, "SELECT line, coalesce(path, ''), reason, coalesce(original, '') FROM rejects WHERE load = ? AND reason <> 'natural' ORDER BY seq", int64(of.Load))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var line int64
		var path, reason, row string
		if err := rows.Scan(&line, &path, &reason, &row); err != nil {
			return err
		}
		record := []string{strconv.FormatInt(line, 10), path, reason, row}
		if e.several {
			record = append([]string{of.File}, record...)
		}
		if err := e.w.Write(record); err != nil {
			return err
		}
	}
	return rows.Err()
}

// close ends the file.
func (e *errorFile) close() error {
	if e == nil {
		return nil
	}
	e.w.Flush()
	err := errors.Join(e.w.Error(), e.file.Close())
	if err != nil {
		return &kith.Error{Op: "write --errors", Kind: kith.ErrInvalid, Err: err}
	}
	return nil
}
