package history

import (
	"encoding/binary"
	"math"

	"github.com/kithdb/kith"
)

// NoTime stands for a time that is absent.
const NoTime = math.MinInt64

// Row is one accepted event as history keeps it. Times are microseconds since
// 1970 UTC, or NoTime.
type Row struct {
	Seq      uint64
	Fragment uint32
	Also     []uint32 // fragments of the event's other identifiers, strongest first
	Kind     uint8    // kith.Kind
	Flags    uint8    // kith.Flags
	Name     string

	Time, Received, Sent, Original int64

	Source    string
	Load      uint32
	MessageID string
	Cells     []byte // the leaves of the event; see AppendCell and EachCell
	Sealed    []byte // the identifying leaves, sealed by the engine; nil: none
	Said      []byte // those that identifiers of the event are, as the engine tells; nil: none
}

// PathSet is the engine's append-only dictionary of leaf paths. Its methods are
// called from several goroutines at once, and what Path(id) gives never changes.
// Sealed tells whether the leaf stands in Sealed or Said of some row; once it
// does it goes on to say so.
type PathSet interface {
	Path(id uint32) string
	Len() int
	Sealed(id uint32) bool
}

// AppendCell appends one leaf to cells: the number of its path and its JSON text.
func AppendCell(cells []byte, path uint32, text []byte) []byte {
	cells = binary.AppendUvarint(cells, uint64(path))
	cells = binary.AppendUvarint(cells, uint64(len(text)))
	return append(cells, text...)
}

// EachCell calls f for every leaf in cells, in order, until f gives false. The
// text is a part of cells. It reports false when cells are not well formed.
func EachCell(cells []byte, f func(path uint32, text []byte) bool) bool {
	for len(cells) > 0 {
		path, text, rest, ok := nextCell(cells)
		if !ok {
			return false
		}
		if !f(path, text) {
			return true
		}
		cells = rest
	}
	return true
}

// nextCell cuts the first leaf off cells.
func nextCell(cells []byte) (path uint32, text, rest []byte, ok bool) {
	var p, n uint64
	i := 1
	if p = uint64(cells[0]); p >= 0x80 { // most numbers are one byte
		if p, i = binary.Uvarint(cells); i <= 0 || p > math.MaxUint32 {
			return 0, nil, nil, false
		}
	}
	cells = cells[i:]
	if len(cells) == 0 {
		return 0, nil, nil, false
	}
	i = 1
	if n = uint64(cells[0]); n >= 0x80 {
		if n, i = binary.Uvarint(cells); i <= 0 {
			return 0, nil, nil, false
		}
	}
	cells = cells[i:]
	if n > uint64(len(cells)) {
		return 0, nil, nil, false
	}
	return uint32(p), cells[:n], cells[n:], true
}

// fail makes the error of this package: on names a position or a part, never a person.
func fail(op, on string, kind, err error) error {
	return &kith.Error{Op: "history." + op, On: on, Kind: kind, Err: err}
}
