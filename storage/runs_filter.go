package storage

import (
	"encoding/binary"
	"math/bits"
)

const (
	filterRows  = 32      // rows a line: 16 bits each
	filterPiece = 1 << 13 // lines in one stored value: 512 KB
	filterHead  = 8
)

// filterLine is one cache line of a blocked Bloom filter: a key sets one bit in each word.
type filterLine [8]uint64

// runFilter says of most absent keys that they are absent: about 1 in 1,000 gets through.
// A key's line is its place in the order of keys, so that a filter is written while the
// sorted run is, piece by piece. Pieces are loaded when they are first asked for.
type runFilter struct {
	lines  uint64
	pieces [][]filterLine
}

func newFilter(lines uint32) runFilter {
	return runFilter{uint64(lines), make([][]filterLine, (int(lines)+filterPiece-1)/filterPiece)}
}

// filterHash spreads a key over the eight words of its line, six bits a word, from bit 16 up.
func filterHash(key uint64) uint64 { return (key ^ key>>29) * 0xD6E8FEB86659FD93 }

// line gives the number of the key's line.
func (f *runFilter) line(key uint64) uint64 {
	hi, _ := bits.Mul64(key, f.lines)
	return hi
}

// has says whether a key with this hash may be there. It reads all eight words without a
// branch, so that the processor can look at the next run meanwhile.
func (l *filterLine) has(h uint64) bool {
	x := l[0] >> (h >> 16 & 63) & (l[1] >> (h >> 22 & 63)) & (l[2] >> (h >> 28 & 63)) & (l[3] >> (h >> 34 & 63))
	y := l[4] >> (h >> 40 & 63) & (l[5] >> (h >> 46 & 63)) & (l[6] >> (h >> 52 & 63)) & (l[7] >> (h >> 58 & 63))
	return x&y&1 == 1
}

func (l *filterLine) add(h uint64) {
	for i := range l {
		l[i] |= 1 << (h >> (16 + 6*i) & 63)
	}
}

// size gives how many lines piece i has.
func (f *runFilter) size(i int) int { return min(filterPiece, int(f.lines)-i*filterPiece) }

// encodeFilter writes one piece: version, lines u32, the words.
func encodeFilter(lines []filterLine) []byte {
	out := make([]byte, filterHead, filterHead+len(lines)*64)
	out[0] = runVersion
	binary.LittleEndian.PutUint32(out[4:], uint32(len(lines)))
	for i := range lines {
		for _, w := range lines[i] {
			out = binary.LittleEndian.AppendUint64(out, w)
		}
	}
	return out
}

// openFilter reads a piece that must have n lines.
func openFilter(data []byte, n int) ([]filterLine, bool) {
	if len(data) != filterHead+n*64 || data[0] != runVersion || binary.LittleEndian.Uint32(data[4:]) != uint32(n) {
		return nil, false
	}
	lines := make([]filterLine, n)
	for i := range lines {
		part := data[filterHead+i*64:][:64]
		for j := range lines[i] {
			lines[i][j] = binary.LittleEndian.Uint64(part[j*8:])
		}
	}
	return lines, true
}
