package world

import "slices"

// maker walks through the hours of a world and holds the sessions that are
// open, a few thousand at most, whatever the world's size.
type maker struct {
	shape *shape
	shelf []product
	hour  int
	now   []event // lines that come in during this hour
	next  []event // lines that come in during the next one
	order []uint64
	free  []*session
	line  []byte
}

// event is one line to be.
type event struct {
	at, sent, recv int64 // when it happened, was sent and came in, by a true clock
	v              *session
	k              uint32 // the message id is the k-th of the session
	product        uint16
	items          uint8 // of the cart
	step           step
	fate           fate
}

// fate is what should become of a line.
type fate uint8

const (
	plain     fate = iota
	clamped        // accepted, though its time is in the future
	repeated       // a duplicate: message id and payload of a line before it
	synthetic      // a duplicate: the message id of a line before it, another payload
	wrong          // this and all above: rejected, for the reason wrongs[fate-wrong]
)

func newMaker(w World) *maker {
	return &maker{shape: newShape(w), shelf: newShelf(w.Seed)}
}

// walk gives every line to be in the order in which they come in, until f says stop.
func (w World) walk(f func(*maker, *event) bool) {
	m := newMaker(w)
	for m.hour = 0; m.hour < hours; m.hour++ {
		m.fill()
		m.order = m.order[:0]
		for i := range m.now {
			m.order = append(m.order, uint64(m.now[i].recv-startAt)<<26|uint64(i))
		}
		slices.Sort(m.order)
		for _, o := range m.order {
			ev := &m.now[o&(1<<26-1)]
			if !f(m, ev) {
				return
			}
			m.drop(ev.v)
		}
		m.now, m.next = m.next, m.now[:0]
	}
}

// fill opens the sessions that begin in this hour and plans their lines.
func (m *maker) fill() {
	for i := range m.shape.groups {
		g := &m.shape.groups[i]
		for x, end := m.shape.begun(g, m.hour), m.shape.begun(g, m.hour+1); x < end; x++ {
			v := m.take()
			m.open(v, g, x)
			m.plan(v, g)
		}
	}
}

// take gives a session to fill, drop takes it back after its last line.
func (m *maker) take() *session {
	if n := len(m.free); n > 0 {
		v := m.free[n-1]
		m.free = m.free[:n-1]
		return v
	}
	return &session{about: make([]byte, 0, 768)}
}

func (m *maker) drop(v *session) {
	if v.left--; v.left == 0 {
		m.free = append(m.free, v)
	}
}

// push puts a line into the hour in which it comes in.
func (m *maker) push(ev event) {
	ev.v.left++
	if ev.recv < startAt+int64(m.hour+1)*hourLen {
		m.now = append(m.now, ev)
	} else {
		m.next = append(m.next, ev)
	}
}

// Rates, in lines of 100,000, of what goes wrong from the third line of a session on.
const (
	rateWrong     = 140 // of each kind but the last
	rateLarge     = 12
	rateRetry     = 600 // the line before it again, seconds later
	rateReplay    = 300 // the first line of the session before it again, days later
	rateSynthetic = 30
	rateFuture    = 50
)

// plan decides the lines of a session.
func (m *maker) plan(v *session, g *group) {
	gap := min(70_000, 3_400_000/v.lines)
	t := v.begin
	f := flow{v: v, shelf: m.shelf}
	last := event{}
	for k := range uint32(v.lines) {
		if k > 0 {
			t += 1 + int64(v.rng.roll(gap))
		}
		ev := event{v: v, k: k, step: none}
		m.stamp(&ev, t)
		if k > 2 || k == 2 && !v.mail { // who it is, and on which device, is never wrong
			m.spoil(&ev, &last, g)
		}
		if ev.step == none {
			ev.step, ev.product = f.next(k)
			ev.items = v.items
		}
		if ev.fate == plain {
			last = ev
		}
		m.push(ev)
	}
}

// stamp decides the times of a line that the person caused at t, or, of a device
// that was away, of one that is sent together with all others at the begin.
func (m *maker) stamp(ev *event, t int64) {
	v := ev.v
	ev.at, ev.sent = t-v.late, t+int64(v.rng.roll(300))
	if v.late > 0 {
		ev.sent = v.begin + int64(ev.k)*7
	}
	ev.recv = ev.sent + 30 + int64(v.rng.roll(700))
}

// spoil makes few lines wrong, or repeats another line in their place.
func (m *maker) spoil(ev, last *event, g *group) {
	v := ev.v
	if v.p.no == 0 {
		return // nothing goes wrong with Ada
	}
	r := v.rng.roll(100_000)
	below := func(rate uint64) bool {
		if r < rate {
			return true
		}
		r -= rate
		return false
	}
	for i := range wrongs {
		rate := uint64(rateWrong)
		if i == len(wrongs)-1 {
			rate = rateLarge
		}
		if below(rate) {
			ev.fate, ev.step, ev.product = wrong+fate(i), wrongs[i].step, popular(&v.rng)
			return
		}
	}
	switch {
	case below(rateRetry):
		sent, recv := ev.sent, max(ev.recv, last.recv)
		*ev = *last
		ev.sent, ev.recv, ev.fate = sent, recv, repeated
	case below(rateReplay):
		m.replay(ev, g)
	case below(rateSynthetic):
		ev.k, ev.recv = last.k, max(ev.recv, last.recv)
		ev.step, ev.product, ev.fate = stepShare, popular(&v.rng), synthetic
	case below(rateFuture):
		ev.step, ev.product, ev.fate = stepView, popular(&v.rng), clamped
	}
}

// replay makes ev the first line of the person's session before this one, if
// that began some hours ago.
func (m *maker) replay(ev *event, g *group) {
	v := ev.v
	if v.round == 0 {
		return
	}
	x := g.visit(v.p.no, v.round-1)
	if m.shape.hourOf(g, x)+3 > m.hour {
		return
	}
	old := m.take()
	m.open(old, g, x)
	first := event{v: old, step: (&flow{v: old, shelf: m.shelf}).opening(), fate: repeated}
	m.stamp(&first, old.begin)
	first.sent, first.recv = ev.sent, ev.recv
	*ev = first
}
