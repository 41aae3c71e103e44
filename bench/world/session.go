package world

// state is what a session says about whose it is.
type state uint8

const (
	anonymous state = iota // only the device is known
	login                  // begins anonymous, then says who it is
	known                  // every line has the user id
)

// session is one visit: whose, where from, how long. It is worked out from its
// person and round; its lines share what is rendered once into who and about.
type session struct {
	p      person
	round  uint64
	lines  uint64
	number uint64 // unique in the world
	rng    dice
	begin  int64 // when its first line comes in
	late   int64 // how much earlier it happened
	skew   int64 // how much the device's clock is ahead
	state  state
	device uint64 // seed of the device
	kind   *platform
	shared bool
	mail   bool // begins with an e-mail that is opened
	buyer  bool
	coupon bool
	cart   [4]item
	items  uint8

	left     int // lines that are not written yet
	rendered bool
	about    []byte // the part of context that all lines share
	anon     [36]byte
}

// item is so many of one product in a cart.
type item struct {
	product uint16
	count   uint8
}

// open works out everything about a session but its lines.
func (m *maker) open(v *session, g *group, x uint64) {
	s := m.shape
	no, round := g.visitor(x)
	*v = session{p: s.person(no, g), round: round, about: v.about[:0]}
	v.rng = dice(hash(s.seed, aboutSession, no, round))
	v.begin = startAt + int64(s.hourOf(g, x))*hourLen + int64(v.rng.roll(uint64(hourLen)))
	if no == 0 {
		v.number = round
		m.openAda(v)
		return
	}
	v.number = uint64(len(adaVisits)) + g.before + x
	v.lines = s.length(g.before + x)
	s.place(v)
	d := &v.rng
	v.buyer, v.coupon = d.odds(24), d.odds(18)
	if v.kind.app && !v.mail && d.odds(8) {
		v.late = lateness(d)
		if startAt+v.late > v.begin {
			v.late = 0
		}
	}
	if k := dice(hash(s.seed, aboutDevice, v.device, 9)); k.odds(3) {
		v.skew = clockError(&k)
	}
}

// place decides the state and the device of a session, and gives which of the
// person's own devices it is. It is all that the count of profiles depends on.
func (s *shape) place(v *session) (own uint64) {
	p, d := &v.p, &v.rng
	v.state = anonymous
	if p.manner != never && v.round == p.login {
		v.state = login
	}
	if p.manner != never && v.round > p.login {
		switch r := d.roll(100); {
		case r < 30 || p.manner == byMail:
			v.state = login
		case r < 88:
			v.state = known
		}
	}
	v.mail = v.state == known && d.odds(14)
	home, shares := s.household(p.no)
	if shares && p.manner != byMail && !v.mail && d.odds(35) {
		v.shared, v.device, v.kind = true, hash(s.seed, aboutTablet, home, 2), &tablet
		return 0
	}
	if d.odds(35) {
		own = d.roll(p.devices)
	}
	v.device = s.private(p, own)
	v.kind = pickPlatform(v.device)
	return own
}

func (m *maker) openAda(v *session) {
	a := adaVisits[v.round]
	v.lines, v.state = a.lines, a.state
	v.buyer = a.lines >= adaBuys
	v.device = m.shape.private(&v.p, a.device)
	v.kind = &platforms[1]
	if a.device == 1 {
		v.kind = &platforms[iosApp]
	}
}

func pickPlatform(device uint64) *platform {
	d := dice(device)
	r := d.roll(100)
	for i := range platforms {
		if r < platforms[i].weight {
			return &platforms[i]
		}
		r -= platforms[i].weight
	}
	panic("unreachable: the weights make 100")
}

// lateness is how long a device was away from the net: often hours, at most 40 days.
func lateness(d *dice) int64 {
	switch r := d.roll(100); {
	case r < 60:
		return hourLen + int64(d.roll(uint64(11*hourLen)))
	case r < 90:
		return int64(d.roll(uint64(5*dayLen))) + hourLen
	}
	return int64(d.roll(uint64(40*dayLen - 2*hourLen)))
}

// clockError is by how much a clock is wrong: mostly whole hours, sometimes minutes or days.
func clockError(d *dice) int64 {
	sign := int64(d.roll(2))*2 - 1
	switch r := d.roll(10); {
	case r < 6:
		return sign * (1 + int64(d.roll(9))) * hourLen
	case r < 9:
		return sign * int64(60_000+d.roll(3_000_000))
	}
	return sign * int64(d.roll(uint64(400*dayLen)))
}
