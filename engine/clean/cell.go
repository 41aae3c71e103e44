package clean

import (
	"encoding/binary"
	"errors"

	"github.com/kithdb/kith"
)

// AppendCell appends one leaf: uvarint path id, uvarint length, JSON text.
func AppendCell(dst []byte, path uint32, text []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(path))
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// EachCell gives the leaves one by one; text is a part of cells. It ends with
// ErrCorrupt where cells are not what AppendCell wrote, and early when f says false.
func EachCell(cells []byte, f func(path uint32, text []byte) bool) error {
	for len(cells) > 0 {
		path, n := binary.Uvarint(cells)
		if n <= 0 || path > MaxPaths {
			return errCells
		}
		size, m := binary.Uvarint(cells[n:])
		if m <= 0 || size > uint64(len(cells)-n-m) {
			return errCells
		}
		from := n + m
		if !f(uint32(path), cells[from:from+int(size):from+int(size)]) {
			return nil
		}
		cells = cells[from+int(size):]
	}
	return nil
}

var errCells = &kith.Error{Op: "clean.EachCell", Kind: kith.ErrCorrupt, Err: errors.New("leaves cut short")}
