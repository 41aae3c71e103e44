package world

// manner is how a person lets himself be known.
type manner uint8

const (
	never    manner = iota // stays a stranger
	byMail                 // leaves an e-mail address, has no account
	byUserID               // has an account
)

// person is one of the people, worked out from a number.
type person struct {
	no     uint64
	seed   uint64
	visits uint64 // sessions in all
	manner manner
	login  uint64 // the session that says who it is, if manner is not never

	country    *country
	city       uint64
	first      name
	last       name
	host       string
	birth      [3]uint64
	phone      bool
	newsletter bool
	company    uint64 // 0: none
	subscribes bool
	leaves     bool // ends the subscription
	devices    uint64
}

// person works out the no-th person, who belongs to the group.
func (s *shape) person(no uint64, g *group) person {
	if no == 0 {
		return s.ada()
	}
	d := dice(hash(s.seed, aboutPerson, no, 0))
	p := person{no: no, seed: uint64(d), visits: g.rounds}
	switch r := d.roll(100); {
	case r < 8:
		p.manner = byMail
	case r < 68:
		p.manner = byUserID
	}
	if p.visits > 1 {
		p.login = min(d.roll(4), d.roll(4), p.visits-1)
	}
	p.country = pickCountry(d.roll(100))
	p.city = min(d.roll(uint64(len(p.country.cities))), d.roll(uint64(len(p.country.cities))))
	p.first, p.last = firstNames[d.roll(uint64(len(firstNames)))], lastNames[d.roll(uint64(len(lastNames)))]
	p.host = mailHosts[d.roll(uint64(len(mailHosts)))]
	p.birth = [3]uint64{1948 + d.roll(30) + d.roll(30), 1 + d.roll(12), 1 + d.roll(28)}
	p.phone, p.newsletter = d.odds(65), d.odds(40)
	if d.odds(8) {
		p.company = 1 + d.roll(p.no/50+1)
	}
	p.subscribes, p.leaves = d.odds(9), d.odds(35)
	p.devices = 1 + d.roll(2)*d.roll(3)
	return p
}

func pickCountry(r uint64) *country {
	for i := range countries {
		if r < countries[i].weight {
			return &countries[i]
		}
		r -= countries[i].weight
	}
	panic("unreachable: the weights make 100")
}

// Ada's sessions: how many lines each has, on which of her devices, and in which state.
var adaVisits = []struct {
	lines  uint64
	device uint64
	state  state
}{
	{6, 0, anonymous}, {12, 0, login}, {5, 1, anonymous}, {14, 1, login}, {9, 0, known}, {12, 1, known}, {4, 0, known}, {14, 0, known}, {8, 1, known},
}

const (
	adaLines  = 84 // the sum of the lines above
	adaBuys   = 12 // a session of at least so many lines ends with an order
	adaOrders = 4
)

func (s *shape) ada() person {
	return person{
		no: 0, seed: mix(s.seed), visits: uint64(len(adaVisits)), manner: byUserID, login: 1, country: &countries[3],
		first: name{"Ada", "ada"}, last: name{"Lovelace", "lovelace"}, birth: [3]uint64{1985, 12, 10},
		phone: true, newsletter: true, devices: 2,
	}
}

// appendUserID appends the person's user id: eight letters that do not tell the number.
func (p *person) appendUserID(b []byte) []byte {
	if p.no == 0 {
		return append(b, "ada"...)
	}
	return append36(append(b, "usr_"...), scatter(p.no), 8)
}

// appendMail appends the person's e-mail address. No two people have the same.
func (p *person) appendMail(b []byte) []byte {
	if p.no == 0 {
		return append(b, Ada...)
	}
	b = append(append(b, p.first.mail...), '.')
	b = append(append(b, p.last.mail...), '.')
	b = append36(b, scatter(p.no+1<<36), 8)
	return append(append(b, '@'), p.host...)
}

// appendPhone appends the person's telephone number. No two people have the same.
func (p *person) appendPhone(b []byte) []byte {
	v := (p.no*61_803_399 + 27_182_818) % 100_000_000
	b = append(b, p.country.phone...)
	if p.country.code != "US" {
		return appendN(b, v, 8)
	}
	b = append(b, areas[v/8_000_000]...)
	return appendN(b, 2_000_000+v%8_000_000, 7)
}

// scatter is a bijection on 40 bits, for ids that look random.
func scatter(x uint64) uint64 {
	const mask = 1<<40 - 1
	x = x * 0x9e3779b97b & mask
	x ^= x >> 21
	return x * 0x5851f42d4d & mask
}

// private gives the seed of the person's k-th own device.
func (s *shape) private(p *person, k uint64) uint64 { return hash(s.seed, aboutDevice, p.no, k) }

// household gives the number of the person's household, and whether it shares a tablet.
func (s *shape) household(no uint64) (home uint64, shares bool) {
	home = no / 3
	return home, home > 0 && dice(hash(s.seed, aboutTablet, home, 1)).once(8)
}

// once is odds on a dice that is thrown away.
func (d dice) once(k uint64) bool { return d.odds(k) }
