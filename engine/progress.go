package engine

import (
	"strconv"
	"sync"
)

// Progress says how far a segment, or a computed trait, is that is being built.
type Progress struct {
	Doing  string `json:"doing"`            // waiting: others come first; reading events; comparing people: for ranks and accounts; asking people; stopped: it could not be built
	Events int64  `json:"events,omitempty"` // that were read for its sub-selects
	People int64  `json:"people,omitempty"` // compared or asked so far
	Of     int64  `json:"of,omitempty"`     // all of them; who turned out to be one counts with each number that he had
}

// What is done to build, in this order.
const (
	isWaiting   = "waiting"
	isReading   = "reading events"
	isComparing = "comparing people"
	isAsking    = "asking people"
	isStopped   = "stopped"
)

// upTo tells of those below a row, of which 0 is nobody's.
func upTo(doing string, row, all uint32) Progress {
	return Progress{Doing: doing, People: int64(max(row, 1)) - 1, Of: int64(max(all, 1)) - 1}
}

// String writes it for a terminal and a table; what is not being built is empty.
func (p Progress) String() string {
	switch {
	case p.Of > 0:
		return p.Doing + ": " + strconv.FormatInt(p.People, 10) + " of " + strconv.FormatInt(p.Of, 10)
	case p.Events > 0:
		return p.Doing + ": " + strconv.FormatInt(p.Events, 10)
	}
	return p.Doing
}

// gauge is where whoever builds says how far he is, and others read it.
type gauge struct {
	mu sync.Mutex
	p  Progress // guarded by mu
}

func (g *gauge) set(p Progress) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.p = p
}

// read notes that so many events more were read.
func (g *gauge) read(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.p.Events += n
}

// far gives what was said last of something that is being built.
func (k keeping) far() Progress {
	if k.ready || k.gauge == nil {
		return Progress{}
	}
	k.gauge.mu.Lock()
	defer k.gauge.mu.Unlock()
	return k.gauge.p
}
