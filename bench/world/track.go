package world

import "iter"

// TrackSize is the length of a line of Track, without its newline.
const TrackSize = 768

// Track gives n track lines of exactly TrackSize bytes, all of them right, in
// the order of receivedAt, for benchmarks. They are by people with a user id:
// where there are as many people as lines or more, each line is by another one
// (cold); where there are fewer, popular ones come back more often (warm). The
// slice is good until the next line.
func Track(seed uint64, n, people int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if n <= 0 || people <= 0 {
			return
		}
		t := tracker{seed: seed, shape: &shape{seed: seed}, group: group{rounds: 1}, shelf: newShelf(seed)}
		order := newPerm(uint64(people), hash(seed, aboutTrack, 0, 1))
		for i := range uint64(n) {
			who := order.at(i % uint64(people))
			d := dice(hash(seed, aboutTrack, i, 2))
			if people < n {
				who = min(d.roll(uint64(people)), d.roll(uint64(people)))
			}
			at := startAt + int64(share(uint64(endAt-startAt-1000), i, uint64(n)))
			if t.line = t.append(t.line[:0], &d, i, 1+who, at); !yield(t.line) {
				return
			}
		}
	}
}

// tracker makes the lines of Track.
type tracker struct {
	seed  uint64
	shape *shape
	group group
	shelf []product
	line  []byte
}

func (t *tracker) append(b []byte, d *dice, i, who uint64, at int64) []byte {
	p := t.shape.person(who, &t.group)
	device := t.shape.private(&p, 0)
	step := [...]step{stepView, stepView, stepView, stepAdd, stepWish}[d.roll(5)]
	b = append(append(b, `{"type":"track","event":"`...), stepNames[step].name...)
	b = p.appendUserID(append(b, `","userId":"`...))
	b = appendUUID(append(b, `","anonymousId":"`...), mix(device^1), mix(device^2))
	id := hash(t.seed, aboutTrack, i, 3)
	b = appendUUID(append(b, `","messageId":"`...), id, mix(id^t.seed))
	b = appendTime(append(b, `","originalTimestamp":"`...), at)
	b = appendTime(append(b, `","sentAt":"`...), at+int64(d.roll(300)))
	b = appendTime(append(b, `","receivedAt":"`...), at+900)
	b = appendInt(append(append(b, `","context":{"ip":"`...), p.country.net...), p.seed>>8&255)
	b = appendInt(append(b, '.'), p.seed>>16&255)
	b = append(append(b, `","userAgent":"`...), platforms[2].agent...) // a short one leaves room
	b = append(append(b, `","locale":"`...), p.country.locale...)
	b = append(append(b, `","timezone":"`...), p.country.zone...)
	thing := &t.shelf[popular(d)]
	b = append(append(append(b, `"`+webLib+`,"page":{"path":"`...), thing.path...), `","search":"?gclid=`...)
	pad := len(b)
	b = append(append(append(b, `"}},"properties":{`...), thing.text...), `,"currency":"`...)
	b = appendInt(append(append(b, p.country.currency...), `","quantity":`...), 1+d.roll(3))
	return t.stretch(append(b, `}}`...), pad, d)
}

// stretch puts letters into the line at pad, where a click id ends, until it is long enough.
func (t *tracker) stretch(b []byte, pad int, d *dice) []byte {
	n := TrackSize - len(b)
	if n < 0 {
		panic("unreachable: no line is longer than TrackSize before it is stretched")
	}
	for range n {
		b = append(b, 0)
	}
	copy(b[pad+n:], b[pad:])
	for i := range n {
		b[pad+i] = digits36[d.roll(36)]
	}
	return b
}
