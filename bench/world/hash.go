package world

import "math/bits"

// What a hash is about, so that two questions about one person are independent.
const (
	aboutPerson = iota + 1
	aboutDevice
	aboutTablet
	aboutSession
	aboutMessage
	aboutOrder
	aboutPerm
	aboutLength
	aboutProduct
	aboutTrack
	aboutCompany
)

// mix scatters 64 bits (splitmix64): a bijection whose bits look unrelated to x.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// hash is a number that depends on everything given and looks random.
func hash(seed, about, a, b uint64) uint64 {
	return mix(mix(mix(seed^about<<56)+a) + b)
}

// dice is a stream of numbers from one hash.
type dice uint64

// next gives 64 bits.
func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	return mix(uint64(*d))
}

// roll gives a number below n.
func (d *dice) roll(n uint64) uint64 {
	hi, _ := bits.Mul64(d.next(), n)
	return hi
}

// odds is true k times in 100.
func (d *dice) odds(k uint64) bool { return d.roll(100) < k }

// share gives x * a / b without overflow; a <= b.
func share(x, a, b uint64) uint64 {
	hi, lo := bits.Mul64(x, a)
	q, _ := bits.Div64(hi, lo, b)
	return q
}

// perm is a permutation of the numbers below n that can be asked both ways: a
// Feistel network on an even number of bits, walked until it lands below n.
type perm struct {
	n    uint64
	half uint
	key  uint64
}

func newPerm(n, key uint64) perm {
	half := uint(bits.Len64(n-1)+1) / 2
	return perm{n, max(half, 1), key}
}

// at gives the number that stands at place x.
func (p perm) at(x uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	for {
		l, r := x>>p.half, x&mask
		for i := range uint64(4) {
			l, r = r, l^(mix(p.key+i<<60+r)&mask)
		}
		if x = l<<p.half | r; x < p.n {
			return x
		}
	}
}

// of gives the place at which the number y stands.
func (p perm) of(y uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	for {
		l, r := y>>p.half, y&mask
		for i := uint64(4); i > 0; i-- {
			l, r = r^(mix(p.key+(i-1)<<60+l)&mask), l
		}
		if y = l<<p.half | r; y < p.n {
			return y
		}
	}
}
