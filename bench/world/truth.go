package world

import "context"

// Truth is what is so in a world, counted while its lines are planned, without
// writing or reading one. Money is in cents.
type Truth struct {
	Lines      int
	Accepted   int
	Duplicates int            // of these Synthetic have another payload
	Synthetic  int            //
	Rejects    map[string]int // by the names in wrong.go
	Clamped    int            // accepted, with a time in the future
	Late       int            // accepted more than an hour after they happened

	Calls   map[string]int   // accepted, by call: track, page …
	Events  map[string]int   // accepted, by name of a track event
	Orders  int              // accepted Order Completed
	Revenue map[string]int64 // the sum of their totals, by currency

	People   int // persons, all of whom have an accepted event
	Known    int // of these said who they are: profiles with a user id or an e-mail address
	Shared   int // tablets of several known people: profiles of their own
	Profiles int // what remains when the default rules have been applied to all lines
}

// Truth counts. It takes a fraction of the time that writing takes.
func (w World) Truth(ctx context.Context) (Truth, error) {
	t := Truth{
		Rejects: map[string]int{}, Calls: map[string]int{}, Events: map[string]int{}, Revenue: map[string]int64{},
		People: w.People,
	}
	if err := w.Check(); err != nil {
		return t, err
	}
	c := counter{}
	m := newMaker(w)
	for m.hour = 0; m.hour < hours; m.hour++ {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		m.fill()
		for i := range m.now {
			c.count(m, &m.now[i])
			m.drop(m.now[i].v)
		}
		m.now, m.next = m.next, m.now[:0]
	}
	c.into(&t)
	err := t.countPeople(ctx, m.shape)
	return t, err
}

// counter counts by number, Truth names the counts.
type counter struct {
	fates   [int(wrong) + len(wrongs)]int
	steps   [steps]int
	late    int
	revenue map[string]int64
}

func (c *counter) count(m *maker, ev *event) {
	c.fates[ev.fate]++
	if ev.fate > clamped {
		return
	}
	c.steps[ev.step]++
	since := ev.sent - ev.at // as the device's own clock says
	if ev.step.server() {
		since = ev.recv - ev.at
	}
	if since > hourLen && ev.fate == plain {
		c.late++
	}
	if ev.step == stepOrder {
		if c.revenue == nil {
			c.revenue = map[string]int64{}
		}
		c.revenue[ev.v.p.country.currency] += int64(ev.v.bill(m.shelf, ev.items).total)
	}
}

func (c *counter) into(t *Truth) {
	t.Clamped, t.Synthetic, t.Late = c.fates[clamped], c.fates[synthetic], c.late
	t.Accepted = c.fates[plain] + c.fates[clamped]
	t.Duplicates = c.fates[repeated] + c.fates[synthetic]
	t.Lines = t.Accepted + t.Duplicates
	for i, w := range wrongs {
		t.Rejects[w.code] = c.fates[int(wrong)+i]
		t.Lines += c.fates[int(wrong)+i]
	}
	for i, n := range c.steps {
		s := stepNames[i]
		if n == 0 {
			continue
		}
		t.Calls[s.call] += n
		if s.call == "track" {
			t.Events[s.name] = n
		}
	}
	t.Orders = c.steps[stepOrder]
	for cur, cents := range c.revenue {
		t.Revenue[cur] = cents
	}
}

// countPeople counts persons and what their devices become, household by household.
func (t *Truth) countPeople(ctx context.Context, s *shape) error {
	for home := uint64(0); home*3 < uint64(t.People); home++ {
		if home%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		users, stranger := 0, false // who said who they are on the tablet; whether it was used by nobody known
		for no := home * 3; no < min(home*3+3, uint64(t.People)); no++ {
			u, st := t.countPerson(s, no)
			users, stranger = users+u, stranger || st
		}
		if users > 1 && stranger {
			t.Shared++
		}
		if users != 1 && stranger {
			t.Profiles++
		}
	}
	return nil
}

// countPerson counts one person and the own devices that stay strangers. It gives
// 1 if the person said on the tablet who it is, and whether the tablet has lines without a user id.
func (t *Truth) countPerson(s *shape, no uint64) (user int, stranger bool) {
	g := s.groupOf(no)
	p := s.person(no, g)
	if p.manner != never {
		t.Known++
		t.Profiles++
	}
	var used, linked [4]bool
	for round := range g.rounds {
		v := session{p: p, round: round, rng: dice(hash(s.seed, aboutSession, no, round))}
		v.rng.roll(uint64(hourLen)) // as open does
		device := uint64(0)
		if no == 0 {
			v.state, device = adaVisits[round].state, adaVisits[round].device
		} else {
			device = s.place(&v)
		}
		if v.mail && s.length(g.before+g.visit(no, round)) <= 2 {
			continue // the server's lines alone
		}
		if !v.shared {
			used[device] = true
			linked[device] = linked[device] || v.state != anonymous
			continue
		}
		if v.state != anonymous {
			user = 1
		}
		long := v.state == login && s.length(g.before+g.visit(no, round)) > 1
		stranger = stranger || v.state == anonymous || long
	}
	for k := range used {
		if used[k] && !linked[k] {
			t.Profiles++
		}
	}
	return user, stranger
}
