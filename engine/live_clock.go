package engine

import (
	"container/heap"
	"math"

	"github.com/kithdb/kith"
)

// timers says when to ask again though nothing happens. A person has at most
// one that counts for each segment: where the next boundary moves on, the old
// timer stays, finds nothing changed, and sets the next.
type timers []timer

type timer struct {
	at  int64
	seg uint32 // number
	row uint32
}

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	old := *t
	x := old[len(old)-1]
	*t = old[:len(old)-1]
	return x
}

// wake sets the instant at which a person is asked about again.
func (l *live) wake(s *liveSegment, row uint32, next int64) {
	if next == math.MaxInt64 {
		return // one that is set finds nothing to do
	}
	if at, ok := s.timer[row]; ok && at <= next {
		return
	}
	s.timer[row] = next
	heap.Push(&l.timers, timer{next, s.number, row})
}

// tick tells the clock up to an instant: whoever passes a boundary on the way
// is asked about as of that instant, in true order.
func (l *live) tick(now int64) (more bool, err error) {
	asked := 0
	for len(l.timers) > 0 && l.timers[0].at <= now {
		at := l.timers[0].at
		if asked >= mostDue {
			return true, nil
		}
		var due []timer
		for len(l.timers) > 0 && l.timers[0].at == at {
			t := heap.Pop(&l.timers).(timer)
			if s := l.segs[t.seg]; s != nil && s.timer[t.row] == at {
				delete(s.timer, t.row)
				due = append(due, t)
			}
		}
		l.now = max(l.now, at)
		if err := l.pass(due, at); err != nil {
			return false, err
		}
		asked += len(due)
	}
	l.now = max(l.now, now)
	return false, nil
}

// pass asks about those for whom time has passed a boundary. Others may be
// touched already by what happened in this turn: they come afterwards.
func (l *live) pass(due []timer, at int64) error {
	if len(due) == 0 {
		return nil
	}
	happened := l.touched
	l.touched = make(map[uint32]*touch, len(due))
	for _, t := range due {
		l.touch(kith.FragmentID(t.row), l.segs[t.seg], kith.ByClock, 0)
	}
	err := l.settle(at)
	l.touched = happened
	return err
}

// due gives the instant of the next boundary.
func (l *live) due() int64 {
	if len(l.timers) == 0 {
		return math.MaxInt64
	}
	return l.timers[0].at
}
