package kith

import (
	"errors"
	"strings"
)

// The eight kinds of error. A caller that wants to act on an error asks with
// errors.Is for one of these; everything else is in the text.
var (
	// ErrInvalid is returned when what was given cannot be used: a malformed event, an unknown option.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound is returned when nothing has the name or identifier that was asked for.
	ErrNotFound = errors.New("not found")
	// ErrExists is returned when a thing of that name is there already.
	ErrExists = errors.New("exists")
	// ErrDenied is returned when the caller may not see or do what was asked for.
	ErrDenied = errors.New("denied")
	// ErrUnsupported is returned when a request is well formed and cannot be answered exactly.
	ErrUnsupported = errors.New("unsupported")
	// ErrClosed is returned when the engine is closed, or takes no more writes.
	ErrClosed = errors.New("closed")
	// ErrLocked is returned when another process owns the directory.
	ErrLocked = errors.New("locked")
	// ErrCorrupt is returned when stored bytes are not what was written.
	ErrCorrupt = errors.New("corrupt")
)

// Error says which operation failed, on what, and of which kind it is.
// On names positions and definitions, never a person.
type Error struct {
	Op   string // the operation, such as "engine.Ingest"
	On   string // what it was done to, such as "event 3" or "rules line 7"; may be empty
	Kind error  // one of the eight kinds
	Err  error  // the cause; may be nil
}

// Error gives "operation: on: kind: cause", leaving out what is empty.
func (e *Error) Error() string {
	parts := make([]string, 0, 4)
	for _, s := range []string{e.Op, e.On} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Kind != nil {
		parts = append(parts, e.Kind.Error())
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the kind and the cause, so that errors.Is finds both.
func (e *Error) Unwrap() []error {
	errs := make([]error, 0, 2)
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
