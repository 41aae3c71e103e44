package query

import "time"

// near makes the question ready whether another event stands near the one that
// is looked at. Both keep what they are in order of.
func (c *compiler) near(x *Near) test {
	c.leaf.Ordered = true
	l := c.leafNear(x.Where, x)
	l.Ordered = true
	least, most := x.Least, x.Most
	if x.Back {
		least, most = least.negative(), most.negative()
	}
	from, to := least.by(), most.by()
	open := most == Gap{}
	return func(e *env) Answer {
		here := e.m
		begin, end := from.of(here.TS), to.of(here.TS)
		before, lasts, begins, answer := e.next, e.now, int64(never), No
		e.out = append(e.out, here)
		all := e.who.Matches(l.at)
		for i := range all {
			m := &all[i]
			if x.Back {
				if m.TS > begin || !open && m.TS <= end || inOrder(m, here) >= 0 {
					continue
				}
			} else if m.TS < begin || !open && m.TS >= end || inOrder(m, here) <= 0 {
				continue
			}
			e.next = never
			if !l.live(e, m) {
				begins = min(begins, e.next)
				continue
			}
			answer = Yes
			if lasts = max(lasts, e.next); lasts == never {
				break
			}
		}
		e.m, e.out, e.next = here, e.out[:len(e.out)-1], before
		switch {
		case answer == Yes:
			e.change(lasts)
			return answer
		case !open && !x.Back && e.now < end:
			e.change(end)
			answer = Unknown
		}
		e.change(begins)
		return answer
	}
}

// begin gives where the n-th period from the last begins, or the last ends.
func (l Last) begin(n int64) Value {
	end := l.End
	if end == nil {
		end = Instant{}
	}
	if l.Zone != "" {
		end = inZone(end, l.Zone)
	}
	var begin Value = &Shift{end, -n * l.Every.Months, -time.Duration(n) * l.Every.Span}
	if l.Zone != "" {
		begin = &Call{UTCTime, []Value{begin, Literal{As: Text, Text: l.Zone}}}
	}
	return begin
}

// edges gives how an event must stand to where a period begins, and ends.
func (l Last) edges() (from, to Op) {
	if l.End == nil {
		return More, AtMost
	}
	return AtLeast, Less
}

// inZone makes what is made of now() of what the clock of a zone shows then.
func inZone(v Value, zone string) Value {
	switch x := v.(type) {
	case *Shift:
		return &Shift{inZone(x.V, zone), x.Months, x.Span}
	case *Call:
		t, _ := x.timed()
		return x.ofTime(inZone(t, zone))
	}
	x := v.(Instant)
	v = &Call{LocalTime, []Value{Instant{}, Literal{As: Text, Text: zone}}}
	if x.Months != 0 || x.Span != 0 {
		v = &Shift{v, x.Months, x.Span}
	}
	if x.Day {
		v = &Call{Date, []Value{v}}
	}
	return v
}

func (g Gap) by() *move { return &move{months: g.Months, span: g.Span.Microseconds()} }

// periods counts the periods in which there are enough events. An event passes
// from one to the next as now goes on.
func (c *compiler) periods(a *Agg) get[Dec] {
	begins := make([]*moving, a.Last.Periods+1) // of period i at i+1
	values := make([]Value, len(begins))
	for i := range begins {
		values[i] = a.Last.begin(int64(i))
		begins[i], _ = movingOf(values[i], "")
	}
	ts := &Field{Path: "ts", As: Time}
	from, to := a.Last.edges()
	where := And{&Compare{from, ts, values[len(values)-1]}, &Compare{to, ts, values[0]}}
	if a.Where != nil {
		where = append(where, a.Where)
	}
	l := c.leafOf(where)
	begun, ended := mirror[from], mirror[to]
	return func(e *env) (Dec, bool) {
		in, all := e.counts[:0], e.who.Matches(l.at)
		for range a.Last.Periods {
			in = append(in, 0)
		}
		for i := range all {
			m := &all[i]
			if !l.live(e, m) {
				continue
			}
			k := 0
			for k < len(in) && !holds(begun, compareTo(begins[k+1].at(e.now), m.TS)) { // it begins too late
				k++
			}
			in[k]++
			e.change(begins[k+1].flip(begun, m.TS, e.now))
			e.change(begins[k].flip(ended, m.TS, e.now))
		}
		n := int64(0)
		for _, k := range in {
			if k >= a.N {
				n++
			}
		}
		e.counts = in
		return DecOf(n), true
	}
}
