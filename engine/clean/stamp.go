package clean

import (
	"bytes"
	"time"
)

// The years 1 to 9999, in µs since 1970.
const (
	minTime = -62135596800_000000
	maxTime = 253402300799_999999
	hour    = 3600_000000
)

// when reads a time: an RFC 3339 string, or seconds or milliseconds since 1970
// as a number. null gives NoTime.
func (c *Cleaner) when(b []byte, from, to int) (int64, bool) {
	switch b[from] {
	case 'n':
		return NoTime, true
	case '"':
		return parseTime(c.word(b, from, to), c.cfg.Zone)
	case '{', '[', 't', 'f':
		return 0, false
	}
	return parseEpoch(b[from:to])
}

// parseEpoch reads a number of seconds or, from 10^11 on, milliseconds.
func parseEpoch(s []byte) (int64, bool) {
	minus := s[0] == '-'
	if minus {
		s = s[1:]
	}
	whole, frac, _ := bytes.Cut(s, []byte{'.'})
	n, ok := number(whole)
	f, size := int64(0), int64(1_000_000)
	for _, ch := range frac {
		if !digit(ch) {
			return 0, false
		}
		if size >= 10 {
			size /= 10
			f += int64(ch-'0') * size
		}
	}
	if !ok || len(whole) > 15 {
		return 0, false
	}
	us := n*1_000_000 + f
	if n >= 100_000_000_000 {
		us = n*1000 + f/1000
	} else if n > maxTime/1_000_000 {
		return 0, false
	}
	if minus {
		us = -us
	}
	return us, minTime <= us && us <= maxTime
}

// number reads digits.
func number(s []byte) (n int64, ok bool) {
	for _, ch := range s {
		if !digit(ch) {
			return 0, false
		}
		n = n*10 + int64(ch-'0')
	}
	return n, len(s) > 0 && len(s) < 19
}

// parseTime reads "2006-01-02T15:04:05.999999999Z", with any offset, a blank
// for the T, or without seconds; digits below a µs are cut. Without an offset
// the time, or the date alone, is in the zone; without a zone it is refused.
func parseTime(s []byte, zone *time.Location) (int64, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year, ok1 := number(s[:4])
	month, ok2 := number(s[5:7])
	day, ok3 := number(s[8:10])
	if !ok1 || !ok2 || !ok3 || year < 1 || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) {
		return 0, false
	}
	clock, off, zoned, ok := int64(0), int64(0), false, true
	if len(s) > 10 {
		if s[10]|0x20 != 't' && s[10] != ' ' {
			return 0, false
		}
		if clock, s, ok = parseClock(s[11:]); !ok {
			return 0, false
		}
		if off, zoned, ok = parseOffset(s); !ok {
			return 0, false
		}
	}
	us := daysSince1970(year, month, day)*86400_000000 + clock - off
	if !zoned {
		if zone == nil {
			return 0, false
		}
		t := time.UnixMicro(us).UTC()
		us = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone).UnixMicro()
	}
	return us, minTime <= us && us <= maxTime
}

// parseClock reads hh:mm[:ss[.fraction]] and gives what is left. A leap second
// is the first instant of the next minute.
func parseClock(s []byte) (us int64, rest []byte, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, nil, false
	}
	h, ok1 := number(s[:2])
	m, ok2 := number(s[3:5])
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, nil, false
	}
	us, s = (h*60+m)*60_000000, s[5:]
	if len(s) < 3 || s[0] != ':' {
		return us, s, true
	}
	sec, ok3 := number(s[1:3])
	if !ok3 || sec > 60 {
		return 0, nil, false
	}
	us, s = us+sec*1_000000, s[3:]
	if len(s) == 0 || s[0] != '.' && s[0] != ',' {
		return us, s, true
	}
	n, unit := 1, int64(100_000)
	for ; n < len(s) && digit(s[n]); n++ {
		us, unit = us+int64(s[n]-'0')*unit, unit/10
	}
	return us, s[n:], n > 1
}

// parseOffset reads Z, ±hh:mm, ±hhmm or ±hh.
func parseOffset(s []byte) (us int64, zoned, ok bool) {
	if len(s) == 0 {
		return 0, false, true
	}
	if len(s) == 1 {
		return 0, true, s[0]|0x20 == 'z'
	}
	sign, h, m := s[0], s[1:], []byte("00")
	switch {
	case len(h) == 5 && h[2] == ':':
		h, m = h[:2], h[3:]
	case len(h) == 4:
		h, m = h[:2], h[2:]
	case len(h) != 2:
		return 0, false, false
	}
	hh, ok1 := number(h)
	mm, ok2 := number(m)
	if !ok1 || !ok2 || hh > 23 || mm > 59 || sign != '+' && sign != '-' {
		return 0, false, false
	}
	us = (hh*60 + mm) * 60_000000
	if sign == '-' {
		us = -us
	}
	return us, true, true
}

func monthDays(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days of the Gregorian calendar.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return year*365 + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}

// times works out when it happened. In this order:
//
//   - received is receivedAt, or now where it is absent or more than an hour ahead of now;
//   - client is originalTimestamp, or timestamp where that is absent;
//   - received - (sent - client) where both are there: the client's clock is corrected.
//     But a timestamp that differs from its originalTimestamp was corrected before:
//     where there is no receivedAt to repeat that with, it is taken;
//   - timestamp, then originalTimestamp, then received;
//   - received, where that is more than an hour ahead of it: Clamped.
func (c *Cleaner) times(b []byte) bool {
	var at [4]int64
	for k, r := range [...]role{roleTimestamp, roleOriginal, roleSent, roleReceived} {
		at[k] = NoTime
		if f := c.fields[r]; f.to != 0 {
			var ok bool
			if at[k], ok = c.when(b, int(f.from), int(f.to)); !ok {
				return c.refuse(BadTimestamp, r)
			}
		}
	}
	it := &c.it
	stamp, original, sent, received := at[0], at[1], at[2], at[3]
	if sent == NoTime {
		sent = c.wrap.sent
	}
	if received == NoTime {
		received = c.wrap.received
	}
	bare := received == NoTime
	if bare || received > c.now+hour {
		it.Clamped = !bare
		c.keepReceived = !bare
		received = c.now
	}
	client := original
	if client == NoTime {
		client = stamp
	}
	it.Received, it.Sent, it.Original, c.client = received, sent, original, client
	it.Stamped = client != NoTime
	switch {
	case client == NoTime:
		it.Time = received
	case sent != NoTime && !(bare && stamp != NoTime && stamp != client):
		it.Time = received - (sent - client)
	case stamp != NoTime:
		it.Time = stamp
	default:
		it.Time = client
	}
	if it.Time > received+hour || it.Time < minTime {
		it.Time, it.Clamped = received, true
	}
	if original == NoTime && stamp != NoTime && (stamp != it.Time || stamp == received) {
		it.Original = stamp
	}
	c.keepStamp = stamp != NoTime && stamp != it.Time && stamp != it.Original
	return true
}
