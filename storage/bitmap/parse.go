package bitmap

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/kithdb/kith"
)

// ParseSet reads what AppendTo wrote, all of b, and keeps nothing of b. Bytes
// that are not exactly a set are ErrCorrupt. They are looked through before
// the library sees them: its own check takes time that grows with the square
// of the runs, and it takes memory for what is claimed.
func ParseSet(b []byte) (*Set, error) {
	if err := check(b); err != nil {
		return nil, &kith.Error{Op: "bitmap.ParseSet", Kind: kith.ErrCorrupt, Err: err}
	}
	s := &Set{}
	if err := s.r.UnmarshalBinary(b); err != nil {
		return nil, &kith.Error{Op: "bitmap.ParseSet", Kind: kith.ErrCorrupt, Err: err}
	}
	return s, nil
}

var (
	errShort = errors.New("bytes end early")
	errForm  = errors.New("not the form of a set")
	errOrder = errors.New("rows are not in order")
	errCount = errors.New("rows are not as many as counted")
)

const (
	plainCookie = 12346 // no runs; then the number of containers
	runCookie   = 12347 // low half; the high half is the number of containers less one
)

// check walks the portable roaring form: cookie, which containers are runs,
// (key, rows-1) pairs, offsets, containers.
func check(b []byte) error {
	if len(b) < 8 {
		return errShort
	}
	le := binary.LittleEndian
	cookie, n, runs, at := le.Uint32(b), 0, []byte(nil), 8
	switch {
	case cookie == plainCookie:
		n = int(min(le.Uint32(b[4:]), 1<<16+1))
	case cookie&0xffff == runCookie:
		n = int(cookie>>16) + 1
		at = 4 + (n+7)/8
		if len(b) < at {
			return errShort
		}
		runs = b[4:at]
	default:
		return errForm
	}
	if n > 1<<16 {
		return errForm
	}
	head := at
	at += 4 * n
	if runs == nil || n >= 4 {
		at += 4 * n // offsets; they say nothing new, so they are held to what they must be
	}
	if len(b) < at {
		return errShort
	}
	offsets := b[head+4*n : at]
	for i := range n {
		key, rows := le.Uint16(b[head+4*i:]), int(le.Uint16(b[head+4*i+2:]))+1
		if i > 0 && key <= le.Uint16(b[head+4*i-4:]) {
			return errOrder
		}
		if len(offsets) > 0 && le.Uint32(offsets[4*i:]) != uint32(at) {
			return errForm
		}
		size, err := checkContainer(b[at:], rows, runs != nil && runs[i/8]>>(i%8)&1 == 1)
		if err != nil {
			return err
		}
		at += size
	}
	if at != len(b) {
		return errForm
	}
	return nil
}

// checkContainer gives the length of the container of so many rows at the start of b.
func checkContainer(b []byte, rows int, run bool) (int, error) {
	switch {
	case run:
		return checkRuns(b, rows)
	case rows > 4096:
		return checkBits(b, rows)
	}
	if len(b) < 2*rows {
		return 0, errShort
	}
	last := -1
	for i := range rows {
		v := int(binary.LittleEndian.Uint16(b[2*i:]))
		if v <= last {
			return 0, errOrder
		}
		last = v
	}
	return 2 * rows, nil
}

func checkBits(b []byte, rows int) (int, error) {
	if len(b) < 8192 {
		return 0, errShort
	}
	n := 0
	for i := 0; i < 8192; i += 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b[i:]))
	}
	if n != rows {
		return 0, errCount
	}
	return 8192, nil
}

func checkRuns(b []byte, rows int) (int, error) {
	if len(b) < 2 {
		return 0, errShort
	}
	size := 2 + 4*int(binary.LittleEndian.Uint16(b))
	if len(b) < size {
		return 0, errShort
	}
	last, n := -2, 0 // runs do not touch, or they would be one
	for i := 2; i < size; i += 4 {
		first := int(binary.LittleEndian.Uint16(b[i:]))
		more := int(binary.LittleEndian.Uint16(b[i+2:]))
		if first <= last+1 || first+more > 0xffff {
			return 0, errOrder
		}
		last, n = first+more, n+more+1
	}
	if n != rows {
		return 0, errCount
	}
	return size, nil
}
