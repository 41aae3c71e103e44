package bitmap

import "math/bits"

// Op is a comparison of a row's number with a constant.
type Op uint8

// The comparisons.
const (
	Less Op = iota
	LessEqual
	Equal
	NotEqual
	GreaterEqual
	Greater
)

// Planes holds the numbers of one block of 65,536 rows by binary digit, so
// that a comparison looks at 64 rows at once and only at the digits that
// differ. Numbers are kept as their distance from the smallest one of the
// block, which keeps the order of signed numbers. Planes never change.
type Planes struct {
	low, high int64
	width     int      // digits of high-low
	has       []uint64 // the rows that have a number; 1,024 words
	digits    []uint64 // width words for each word of has, lowest digit first
}

// NewPlanes makes planes of the numbers vals, 65,536 or fewer, of the rows
// whose bit in has is set; the others have none. It keeps neither slice.
func NewPlanes(has []uint64, vals []int64) *Planes {
	p := &Planes{has: make([]uint64, 1024)}
	copy(p.has, has[:min(len(has), (len(vals)+63)/64)])
	if r := len(vals) % 64; r != 0 && len(has) > len(vals)/64 {
		p.has[len(vals)/64] &= 1<<r - 1
	}
	first := true
	for w, x := range p.has {
		for ; x != 0; x &= x - 1 {
			v := vals[w*64+bits.TrailingZeros64(x)]
			if first {
				p.low, p.high, first = v, v, false
			}
			p.low, p.high = min(p.low, v), max(p.high, v)
		}
	}
	p.width = bits.Len64(uint64(p.high) - uint64(p.low))
	p.digits = make([]uint64, 1024*p.width)
	var m [64]uint64
	for w, x := range p.has {
		if x == 0 || p.width == 0 {
			continue
		}
		clear(m[:])
		for ; x != 0; x &= x - 1 {
			i := bits.TrailingZeros64(x)
			m[i] = uint64(vals[w*64+i]) - uint64(p.low)
		}
		transpose(&m)
		copy(p.digits[w*p.width:], m[:p.width])
	}
	return p
}

// transpose turns 64 numbers into 64 words of one digit each: bit i of word k
// becomes bit k of word i.
func transpose(m *[64]uint64) {
	mask := uint64(0x00000000ffffffff)
	for j := 32; j != 0; j >>= 1 {
		for k := 0; k < 64; k = (k + j + 1) &^ j {
			t := (m[k]>>j ^ m[k+j]) & mask
			m[k] ^= t << j
			m[k+j] ^= t
		}
		mask ^= mask << (j >> 1)
	}
}

// Compare sets in dst, 1,024 words, the bits of the rows whose number stands
// so to v and whose bit in within is set (nil = all), and clears the others.
// Rows without a number are in no answer, not even of NotEqual.
func (p *Planes) Compare(op Op, v int64, within, dst []uint64) {
	if v < p.low || v > p.high {
		p.outside(op, v < p.low, within, dst)
		return
	}
	c, how := uint64(v)-uint64(p.low), picks[op]
	for w := range 1024 {
		all := p.has[w]
		if within != nil {
			all &= within[w]
		}
		less, same := uint64(0), all
		d := p.digits[w*p.width : (w+1)*p.width]
		for k := len(d) - 1; k >= 0 && same != 0; k-- {
			ones := -(c >> k & 1) // all ones or all zeros
			less |= same & ones &^ d[k]
			same &^= ones ^ d[k]
		}
		dst[w] = how.of(all, less, same)
	}
}

// outside answers where v is below (or above) every number.
func (p *Planes) outside(op Op, below bool, within, dst []uint64) {
	how := picks[op]
	for w := range 1024 {
		all := p.has[w]
		if within != nil {
			all &= within[w]
		}
		less := all
		if below {
			less = 0
		}
		dst[w] = how.of(all, less, 0)
	}
}

// pick puts the answer together: less, same, both or neither, or the rest of all.
type pick struct{ less, same, rest uint64 }

var picks = [...]pick{
	Less:         {less: ^uint64(0)},
	LessEqual:    {less: ^uint64(0), same: ^uint64(0)},
	Equal:        {same: ^uint64(0)},
	NotEqual:     {same: ^uint64(0), rest: ^uint64(0)},
	GreaterEqual: {less: ^uint64(0), rest: ^uint64(0)},
	Greater:      {less: ^uint64(0), same: ^uint64(0), rest: ^uint64(0)},
}

func (p pick) of(all, less, same uint64) uint64 {
	return less&p.less | same&p.same ^ all&p.rest
}

// Size is the memory that the planes take, in bytes.
func (p *Planes) Size() int { return 64 + 8*(len(p.has)+len(p.digits)) }
