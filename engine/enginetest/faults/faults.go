// Package faults breaks things on purpose: power cuts, full disks, flipped bytes.
package faults

import (
	"errors"
	"os"
	"testing"

	"github.com/kithdb/kith"
)

// missing says what this machine lacks for a tool.
func missing(tool, what string, err error) error {
	return &kith.Error{Op: "faults." + tool, On: what, Kind: kith.ErrUnsupported, Err: err}
}

// Need ends the test if err is not nil: with a skip that names what this machine
// lacks, or, where KITH_CI_FAULTS=1 says that it lacks nothing, with a failure.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, kith.ErrUnsupported) && os.Getenv("KITH_CI_FAULTS") != "1":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// dice is a stream of numbers from a seed.
type dice uint64

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	x := uint64(*d)
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// roll gives a number below n.
func (d *dice) roll(n int64) int64 { return int64(d.next() % uint64(n)) }
