package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// The exit codes, as `kith --help` lists them. They never change.
const (
	exitDone        = 0
	exitInternal    = 1
	exitUsage       = 2
	exitRejects     = 10
	exitInterrupted = 130
)

// exits says which code each kind of error ends with.
var exits = []struct {
	kind error
	code int
	word string
}{
	{nil, exitDone, "done"},
	{errInternal, exitInternal, "internal"},
	{errUsage, exitUsage, "usage"},
	{context.Canceled, exitInterrupted, ""},
	{errRejects, exitRejects, ""},
	{engine.ErrTooMany, exitRejects, ""},
	{kith.ErrInvalid, 3, "invalid"},
	{kith.ErrNotFound, 4, "not found"},
	{kith.ErrExists, 5, "exists"},
	{kith.ErrDenied, 6, "denied"},
	{kith.ErrUnsupported, 7, "unsupported"},
	{kith.ErrLocked, 8, "locked"},
	{kith.ErrClosed, 8, "or closed"},
	{errDiffers, 9, ""},
	{kith.ErrCorrupt, 9, "corrupt or check differs"},
	{errRejects, exitRejects, "rejects under --strict or --max-errors"},
	{context.Canceled, exitInterrupted, "interrupted"},
}

var (
	errInternal = errors.New("internal")
	errUsage    = errors.New("usage")
	errRejects  = errors.New("something was rejected")
	errDiffers  = errors.New("check found a difference")
)

// codes lists the exit codes in words.
func codes() string {
	var out strings.Builder
	for i, x := range exits {
		switch {
		case x.word == "":
		case strings.HasPrefix(x.word, "or "):
			out.WriteString(" " + x.word)
		default:
			if i > 0 {
				out.WriteString(", ")
			}
			out.WriteString(strconv.Itoa(x.code) + " " + x.word)
		}
	}
	return out.String()
}

// codeOf gives the exit code of an error.
func codeOf(err error) int {
	if err == nil {
		return exitDone
	}
	for _, x := range exits {
		if x.kind != nil && errors.Is(err, x.kind) {
			return x.code
		}
	}
	return exitInternal
}

// usageError is a command line that cannot be understood.
type usageError struct {
	err  error
	next string
}

func (u *usageError) Error() string   { return u.err.Error() + "; see: " + u.next }
func (u *usageError) Unwrap() []error { return []error{u.err, errUsage} }

// wrong gives a usage error in words.
func wrong(next, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), next}
}

// hinted is an error and what to type next.
type hinted struct {
	err  error
	text string
}

func (h *hinted) Error() string { return h.text }
func (h *hinted) Unwrap() error { return h.err }

// instead gives an error other words; it keeps its kind.
func instead(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// next adds what to type next to an error of one kind.
func next(err, kind error, format string, args ...any) error {
	if !errors.Is(err, kind) {
		return err
	}
	return &hinted{err, err.Error() + "; " + fmt.Sprintf(format, args...)}
}

// complain says on stderr why a command ended, and gives its exit code.
func (a *app) complain(err error) int {
	code := codeOf(err)
	if a.ctx.Err() != nil && err != nil {
		code = exitInterrupted
	}
	switch code {
	case exitDone, exitRejects: // the summary has said it
		return code
	case exitInterrupted:
		fmt.Fprintln(a.stderr, "kith: interrupted")
		return code
	}
	lines := strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") // DuckDB points at what is wrong in a line of its own
	for i := range lines {
		lines[i] = tame(lines[i]) // names of a file's columns
	}
	fmt.Fprintln(a.stderr, "kith: "+strings.Join(lines, "\n"))
	return code
}
