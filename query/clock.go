package query

import (
	"math"
	"time"
)

// Times of the evaluator are microseconds since 1970, UTC.
const (
	second = int64(time.Second / time.Microsecond)
	hour   = 60 * 60 * second
	day    = 24 * hour
	never  = math.MaxInt64
)

// move is one thing that is done to an instant: months are added, then a span;
// with begin, the beginning of the unit that it is in is taken; with zone, what
// the clock there shows, or with back, when that shows it.
type move struct {
	months, span int64
	begin        unit
	zone         *Zone
	back         bool
}

// moving is a time that goes with now: what is left of an instant after each of its moves.
//
// It grows with now but for two things: a month that is added to the evening of
// 30 January gives a later instant than one added to the morning of the 31st,
// and clocks are put back. So nothing here asks it to be monotone. It is
// piecewise: within a piece it goes as fast as now, or stands.
type moving struct {
	moves    []move
	low, top int64 // what it gives lies between now+low and now+top
}

// Bounds of what months add: a month has 30.436875 days in the mean of 400
// years, and no run of months, cut to the last of a month, is 8 days off.
const (
	meanMonth = day * 30436875 / 1000000
	monthSlip = 8 * day
)

// by gives a moving time that moves once more.
func (m *moving) by(n move) *moving {
	out := &moving{append(m.moves[:len(m.moves):len(m.moves)], n), m.low + n.span, m.top + n.span}
	switch {
	case n.months != 0:
		out.low += n.months*meanMonth - monthSlip
		out.top += n.months*meanMonth + monthSlip
	case n.begin != "":
		out.low -= longest[n.begin] - 1
	case n.zone != nil && n.back:
		out.low -= n.zone.most
		out.top -= n.zone.least
	case n.zone != nil:
		out.low += n.zone.least
		out.top += n.zone.most
	}
	return out
}

// movingOf reads a value as an instant that moves: of now(), or where of is
// given, of that time of an event. It gives false for any other value.
func movingOf(v Value, of string) (*moving, bool) {
	switch x := v.(type) {
	case Instant:
		m := (&moving{}).by(move{months: x.Months, span: x.Span.Microseconds()})
		if x.Day {
			m = m.by(move{begin: theDay})
		}
		return m, of == ""
	case *Field:
		return &moving{}, of != "" && x.Path == of && x.Up == 0
	case *Shift:
		if m, ok := movingOf(x.V, of); ok {
			return m.by(move{months: x.Months, span: x.Span.Microseconds()}), true
		}
	case *Call:
		if t, ok := x.timed(); ok {
			if m, ok := movingOf(t, of); ok {
				return m.by(x.move()), true
			}
		}
	}
	return nil, false
}

// at gives the time where now is n.
func (m *moving) at(n int64) int64 {
	for i := range m.moves {
		n = m.moves[i].of(n)
	}
	return n
}

// of gives what the move makes of a time.
func (s *move) of(t int64) int64 {
	if s.begin == "" && s.zone == nil {
		return addMonths(t, s.months) + s.span
	}
	t, _, _ = s.step(t)
	return t
}

// step gives what the move makes of a time, whether that stands as the time goes
// on, or goes with it, and for how long that is so.
func (s *move) step(t int64) (to int64, stands bool, lasts int64) {
	switch {
	case s.begin != "":
		begin, end := s.begin.around(t)
		return begin, true, end - t
	case s.zone != nil && s.back:
		return s.zone.shown(t)
	case s.zone != nil:
		ahead, until := s.zone.at(t)
		return t + ahead, false, left(t, until)
	case s.months != 0:
		return addMonths(t, s.months) + s.span, false, sameMonths(t, s.months)
	}
	return t + s.span, false, never
}

// left gives how long it is to an end that there may never be.
func left(t, until int64) int64 {
	if until == never {
		return never
	}
	return until - t
}

// piece gives the time where now is n, whether it stands there, and the end of
// the piece that n is in.
func (m *moving) piece(n int64) (t int64, stands bool, end int64) {
	t, end = n, never
	for i := range m.moves {
		to, stood, lasts := m.moves[i].step(t)
		if !stands && lasts != never {
			end = min(end, n+lasts)
		}
		t, stands = to, stands || stood
	}
	return t, stands, end
}

// flip gives the first instant after now at which a comparison of it with a
// time is not what it is now.
func (m *moving) flip(op Op, x, now int64) int64 {
	if m.low == m.top { // a span alone: it comes to x once
		if n := x - m.low; now < n && holds(op, -1) != holds(op, 0) {
			return n
		} else if now <= n && holds(op, compareTo(now, n)) != holds(op, 1) {
			return n + 1
		}
		return never
	}
	t, stands, end := m.piece(now)
	was := holds(op, compareTo(t, x))
	for n := now; ; {
		if reach := n + x - t; !stands {
			for c := max(reach, now+1); c <= reach+1 && c < end; c++ {
				if c > n && holds(op, compareTo(c, reach)) != was {
					return c
				}
			}
		}
		if n = end; t < x {
			n = max(n, x-m.top) // before that it cannot have come to x
		}
		if n == never {
			return never
		}
		t, stands, end = m.piece(n)
		switch {
		case holds(op, compareTo(t, x)) != was:
			return n
		case n > x-m.low: // and from then on it is beyond x
			return never
		}
	}
}

// least gives the least that the time is from now on.
func (m *moving) least(now int64) int64 {
	t, _, end := m.piece(now)
	least := t
	for n := end; n != never && n+m.low < least; {
		t, _, end = m.piece(n)
		least, n = min(least, t), end
	}
	return least
}

func compareTo(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// clockOf gives what has passed of the day.
func clockOf(t int64) int64 {
	c := t % day
	if c < 0 {
		c += day
	}
	return c
}

// addMonths adds months to an instant, as Add does.
func addMonths(t, months int64) int64 {
	if months == 0 {
		return t
	}
	clock := clockOf(t)
	y, m, d := civil((t - clock) / day)
	m += months - 1
	y += floorDiv(m, 12)
	m -= floorDiv(m, 12)*12 - 1
	return daysOf(y, m, min(d, lengthOf(y, m)))*day + clock
}

// sameMonths gives how long from a time on addMonths adds the same to it: until
// the last day that both months have, and after that from day to day.
func sameMonths(t, months int64) int64 {
	begin := t - clockOf(t)
	y, m, d := civil(begin / day)
	to := m + months - 1
	both := min(lengthOf(y, m), lengthOf(y+floorDiv(to, 12), to-floorDiv(to, 12)*12+1))
	return begin + (max(both-d, 0)+1)*day - t
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// lengthOf gives the number of days of a month.
func lengthOf(y, m int64) int64 {
	if m == 2 {
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (m+m/8)%2
}

// civil gives the date of a day, counted from 1970. Years begin in March here,
// so that the leap day is the last; 400 of them have 146097 days.
func civil(days int64) (y, m, d int64) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	y, m, d = yoe+era*400, mp+3, doy-(153*mp+2)/5+1
	if m > 12 {
		y, m = y+1, m-12
	}
	return y, m, d
}

// daysOf counts the days from 1970 to a date.
func daysOf(y, m, d int64) int64 {
	if m <= 2 {
		y, m = y-1, m+12
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

// yearsTo gives the whole years from a time to now, and when there is one more;
// false: it lies ahead.
func yearsTo(from, now int64) (years, next int64, ok bool) {
	if from > now {
		return 0, from, false
	}
	a, _, _ := civil(floorDiv(from, day))
	b, _, _ := civil(floorDiv(now, day))
	years = b - a
	if addMonths(from, 12*years) > now {
		years--
	}
	return years, addMonths(from, 12*(years+1)), true
}

// readTime reads a text as ParseTime does.
func readTime(s string) (int64, bool) {
	if len(s) < 10 || s[0] == '0' || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	y, ok1 := digitsOf(s[:4])
	m, ok2 := digitsOf(s[5:7])
	d, ok3 := digitsOf(s[8:10])
	if !ok1 || !ok2 || !ok3 || m < 1 || m > 12 || d < 1 || d > lengthOf(y, m) {
		return 0, false
	}
	t := daysOf(y, m, d) * day
	if len(s) == 10 {
		return t, true
	}
	clock, rest, ok := readClock(s[10:])
	if !ok {
		return 0, false
	}
	zone, ok := readZone(rest)
	return t + clock - zone, ok
}

// readClock reads T12:00:00.123456 and gives what stands behind it.
func readClock(s string) (t int64, rest string, ok bool) {
	if len(s) < 9 || s[0] != 'T' && s[0] != ' ' || s[3] != ':' || s[6] != ':' {
		return 0, "", false
	}
	h, ok1 := digitsOf(s[1:3])
	m, ok2 := digitsOf(s[4:6])
	sec, ok3 := digitsOf(s[7:9])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || sec > 59 {
		return 0, "", false
	}
	t, s = ((h*60+m)*60+sec)*second, s[9:]
	if s == "" || s[0] != '.' {
		return t, s, true
	}
	n := 1
	for unit := second / 10; n < len(s) && n <= 6 && s[n] >= '0' && s[n] <= '9'; n++ {
		t += int64(s[n]-'0') * unit
		unit /= 10
	}
	return t, s[n:], n > 1
}

// readZone reads nothing, Z or +01:00.
func readZone(s string) (int64, bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	h, ok1 := digitsOf(s[1:3])
	m, ok2 := digitsOf(s[4:6])
	if !ok1 || !ok2 || h > 14 || m > 59 {
		return 0, false
	}
	t := (h*60 + m) * 60 * second
	if s[0] == '-' {
		t = -t
	}
	return t, true
}

func digitsOf(s string) (int64, bool) {
	n := int64(0)
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}
