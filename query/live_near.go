package query

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

func (g Gap) by() *move { return &move{months: g.Months, span: g.Span.Microseconds()} }
