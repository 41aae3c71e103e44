package engine

import (
	"math/bits"
	"sync"
)

// rows is a set of rows.
type rows []uint64

func (r rows) add(row uint32) {
	if int(row>>6) < len(r) {
		r[row>>6] |= 1 << (row & 63)
	}
}

func (r rows) has(row uint32) bool { return int(row>>6) < len(r) && r[row>>6]>>(row&63)&1 == 1 }

func (r rows) count() int {
	n := 0
	for _, w := range r {
		n += bits.OnesCount64(w)
	}
	return n
}

func (r rows) clean() { clear(r) }

// marks say which rows may fit a token, and how.
type marks struct{ any, plain, exact rows }

func newMarks(n int) marks { return marks{make(rows, n), make(rows, n), make(rows, n)} }

// add marks a row with a score, which is that of one token; a better one counts.
func (m *marks) add(row uint32, score int32) {
	m.any.add(row)
	switch score {
	case 0:
		m.exact.add(row)
	case 1:
		m.plain.add(row)
	}
}

// take calls f for each marked row, ascending, and takes the marks away.
func (m *marks) take(f func(row uint32, score int32)) {
	for i, w := range m.any {
		if w == 0 {
			continue
		}
		plain, exact := m.plain[i], m.exact[i]
		m.any[i], m.plain[i], m.exact[i] = 0, 0, 0
		for ; w != 0; w &= w - 1 {
			n, score := bits.TrailingZeros64(w), int32(oneError)
			switch {
			case exact>>n&1 == 1:
				score = 0
			case plain>>n&1 == 1:
				score = 1
			}
			f(uint32(i<<6+n), score)
		}
	}
}

// findRoom is what a find marks people in: a bit or three for each identifier
// there is. It is clean when a find begins, and after it.
type findRoom struct {
	said   marks // fragments that have a word
	who    marks // profiles that own them
	theirs rows  // all fragments of the candidates
}

// findRooms keeps rooms: to make and to clear them would take longer than many finds.
var findRooms sync.Pool

func roomFor(fragments uint32) *findRoom {
	n := int(fragments>>6 + 1)
	if r, ok := findRooms.Get().(*findRoom); ok && len(r.theirs) >= n {
		return r
	}
	n += n / 8 // there will be more people
	return &findRoom{newMarks(n), newMarks(n), make(rows, n)}
}
