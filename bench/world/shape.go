package world

import "sort"

const (
	hourLen   = int64(3_600_000)         // milliseconds
	dayLen    = 24 * hourLen             //
	startAt   = int64(1_719_792_000_000) // 2024-07-01T00:00:00Z
	worldDays = 730                      // the last is 2026-06-30
	hours     = worldDays * 24
	endAt     = startAt + worldDays*dayLen
	longest   = 60 // lines of the longest ordinary session
)

// How busy the hours of a day (UTC), the days of a week (from Monday, as
// 2024-07-01 is one) and the months of a year (from July) are.
var (
	byHour  = [24]uint64{12, 8, 6, 6, 8, 14, 25, 40, 55, 62, 65, 66, 70, 68, 64, 62, 64, 70, 78, 84, 80, 62, 40, 22}
	byDay   = [7]uint64{96, 100, 101, 100, 104, 112, 92}
	byMonth = [12]uint64{88, 82, 95, 100, 128, 140, 92, 90, 96, 98, 100, 96}
)

// shape says how many sessions begin in each hour, whose they are and how long
// they are, each as a formula that can be asked forwards and backwards.
type shape struct {
	seed   uint64
	cum    [hours + 1]uint64 // how busy it was before an hour began
	groups []group           // the first is Ada

	total   uint64     // sessions, without Ada's
	lengths [64]uint64 // the lengths of every 64 sessions, in an order of their own
	blocks  uint64     // whole groups of 64 sessions; the sessions after them have length 1
	extra   uint64     // lines that are still missing: spread evenly
	longest uint64     // lines of the longest session
}

// group is people who come equally often in the same span of time. They come
// in rounds: in each everyone comes once, in an order of that round.
type group struct {
	no       uint64
	first, n uint64 // people
	rounds   uint64
	from, to int    // hours
	before   uint64 // sessions of the groups before it
	seed     uint64
}

// habit is a share of the people, in thousandths, and how often they come.
type habit struct{ share, rounds uint64 }

var (
	busy   = []habit{{600, 1}, {220, 2}, {110, 5}, {50, 12}, {15, 40}, {5, 100}}
	quiet  = []habit{{850, 1}, {100, 2}, {40, 5}, {10, 10}}
	rare   = []habit{{1000, 1}}
	cohort = [8][2]int{{0, 730}, {0, 300}, {60, 730}, {120, 420}, {200, 730}, {300, 730}, {420, 730}, {550, 730}} // days
)

// newShape lays the world out.
func newShape(w World) *shape {
	s := &shape{seed: w.Seed}
	for h := range hours {
		day := h / 24
		v := byHour[h%24] * byDay[day%7] * byMonth[day%365*12/365] * uint64(600+400*day/worldDays)
		if h >= hours-2 {
			v = 0 // so that no session goes beyond the last day
		}
		s.cum[h+1] = s.cum[h] + v
	}
	s.addGroup(group{first: 0, n: 1, rounds: uint64(len(adaVisits)), to: hours})
	s.total = 0 // Ada's lengths are fixed
	s.settle(w)
	s.measure(uint64(w.Events - adaLines))
	return s
}

// settle divides the people into groups.
func (s *shape) settle(w World) {
	each := uint64(w.Events / w.People)
	habits, often := busy, max(1, each/20)
	if each < 16 {
		habits = quiet
	}
	if each < 4 {
		habits = rare
	}
	left, first := uint64(w.People-1), uint64(1)
	all := left
	for _, h := range habits[1:] {
		n := all * h.share / 1000
		for i, c := range cohort {
			part := n*uint64(i+1)/8 - n*uint64(i)/8
			s.addGroup(group{first: first, n: part, rounds: h.rounds * often, from: c[0] * 24, to: c[1] * 24})
			first += part
			left -= part
		}
	}
	s.addGroup(group{first: first, n: left, rounds: habits[0].rounds * often, to: hours})
}

func (s *shape) addGroup(g group) {
	if g.n == 0 {
		return
	}
	g.no, g.before, g.seed = uint64(len(s.groups)), s.total, s.seed
	s.total += g.n * g.rounds
	s.groups = append(s.groups, g)
}

// measure chooses the lengths of the sessions so that they make exactly lines.
func (s *shape) measure(lines uint64) {
	var tail [64]uint64 // a few long ones, many short ones
	sum := uint64(0)
	for i := range tail {
		tail[i] = 512 / uint64(64-i)
		sum += tail[i]
	}
	mean := share(lines, 64, s.total) - 64
	block := uint64(0)
	for i := range tail {
		s.lengths[i] = min(1+mean*tail[i]/sum, longest)
		block += s.lengths[i]
	}
	s.blocks = s.total / 64
	s.extra = lines - s.blocks*block - s.total%64
	s.longest = s.lengths[63] + s.extra/s.total + 1
}

// length gives the lines of the g-th session of all but Ada's.
func (s *shape) length(g uint64) uint64 {
	n := uint64(1)
	if b := g / 64; b < s.blocks {
		n = s.lengths[(g*37+hash(s.seed, aboutLength, b, 0))%64]
	}
	return n + share(s.extra, g+1, s.total) - share(s.extra, g, s.total)
}

// begun gives how many sessions of the group begin before the hour.
func (s *shape) begun(g *group, hour int) uint64 {
	if hour <= g.from {
		return 0
	}
	hour = min(hour, g.to)
	base := s.cum[g.from]
	return share(g.n*g.rounds, s.cum[hour]-base, s.cum[g.to]-base)
}

// hourOf gives the hour in which the x-th session of the group begins.
func (s *shape) hourOf(g *group, x uint64) int {
	return g.from + sort.Search(g.to-g.from, func(i int) bool { return s.begun(g, g.from+i+1) > x })
}

// groupOf gives the group of a person.
func (s *shape) groupOf(person uint64) *group {
	i := sort.Search(len(s.groups), func(i int) bool { return s.groups[i].first > person })
	return &s.groups[i-1]
}

func (g *group) order(round uint64) perm {
	return newPerm(g.n, hash(g.seed, aboutPerm, g.no, round))
}

// visitor gives whose the x-th session of the group is, and which of that person's.
func (g *group) visitor(x uint64) (person, round uint64) {
	round = x / g.n
	return g.first + g.order(round).at(x%g.n), round
}

// visit is the other way round.
func (g *group) visit(person, round uint64) uint64 {
	return round*g.n + g.order(round).of(person-g.first)
}
