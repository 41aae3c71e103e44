package history

// The times of an event lie close together: when it was received, and what its
// device said, differ from ts by little, and when the device says it sent the
// event follows from the other three (T20). So ts stands in a column as it is,
// and of the others what they differ by from what is likely:
//
//	received  from ts
//	original  from ts
//	sent      from original + (received − ts), or from whichever of the two there is
//
// A difference below about two minutes is an INTEGER: twice the milliseconds
// where it is a whole number of them, else twice the microseconds plus one. Of
// a greater one that INTEGER is 0, and the microseconds stand in a BIGINT
// column beside it: a device whose clock is wrong by days must not widen the
// numbers of its neighbours, which are packed together.

// The other times of a row, in the order of their columns.
const (
	timeReceived = iota
	timeSent
	timeOriginal
	timeKinds
)

// nearTime bounds the milliseconds of a difference that is an INTEGER; of
// microseconds it is 1,024 times as much.
const nearTime = 1 << 17

// gap is how a time of a row is kept.
type gap struct {
	near  int32
	far   int64
	isFar bool
	there bool // the time is not absent
}

// gapOf keeps a difference in µs.
func gapOf(d int64) gap {
	switch ms := d / 1000; {
	case ms*1000 == d && -nearTime < ms && ms < nearTime:
		return gap{near: int32(ms) << 1, there: true}
	case ms*1000 != d && -nearTime<<10 < d && d < nearTime<<10:
		return gap{near: int32(d)<<1 | 1, there: true}
	}
	return gap{far: d, isFar: true, there: true}
}

// size gives the difference back.
func (g gap) size() int64 {
	switch {
	case g.isFar:
		return g.far
	case g.near&1 == 0:
		return int64(g.near>>1) * 1000
	}
	return int64(g.near >> 1)
}

// likely gives what time k is most likely to be; those that it depends on are
// known. Numbers that are too large wrap around, and around again when the
// difference is added.
func likely(k int, ts int64, t *[timeKinds]int64) int64 {
	if ts == NoTime {
		ts = 0
	}
	if k != timeSent {
		return ts
	}
	switch received, original := t[timeReceived], t[timeOriginal]; {
	case received != NoTime && original != NoTime:
		return original + (received - ts)
	case original != NoTime:
		return original
	case received != NoTime:
		return received
	}
	return ts
}

// gaps makes of the times of a row what is kept of them.
func gaps(ts int64, t *[timeKinds]int64) (g [timeKinds]gap) {
	for k := range t {
		if t[k] != NoTime {
			g[k] = gapOf(t[k] - likely(k, ts, t))
		}
	}
	return g
}

// times puts the times of a row together again.
func times(ts int64, g *[timeKinds]gap) (t [timeKinds]int64) {
	t = [timeKinds]int64{NoTime, NoTime, NoTime}
	for _, k := range [...]int{timeReceived, timeOriginal, timeSent} {
		if g[k].there {
			t[k] = likely(k, ts, &t) + g[k].size()
		}
	}
	return t
}
