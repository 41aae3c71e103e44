package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

// call is one request, or one piece of a load, on its way through the line.
type call struct {
	items   []item
	load    *session          // nil: a request
	rules   *identity.Matcher // that the items were cleaned by
	run     func() error
	bytes   int64
	next    int // the first item that is not applied
	results []kith.Result
	stored  int // results of earlier turns, which are durable
	err     error
	done    chan struct{}
	keep    *chunk // of a load through a mapping: the rows, while they are not kept
	kept    int    // parts of them that are
	taken   int64  // of a load: bytes of the input up to the end of this piece,
	print   []byte // and their print
}

// left tells whether there is something of the call that no turn has carried out.
func (c *call) left() bool { return c.next < len(c.items) || c.keep != nil }

// queue holds the calls that wait for the line. Requests go before loads, but
// not for ever: after mostPassed turns that began with a request while a load
// waited, the next begins with the load. It is bounded in bytes: a full one
// blocks put, of a load earlier than of a request.
type queue struct {
	mu       sync.Mutex
	changed  *sync.Cond
	requests []*call // guarded by mu
	loads    []*call // guarded by mu
	passed   int     // guarded by mu: turns in a row that began with a request while a load waited
	bytes    int64   // guarded by mu: of all that wait
	limit    int64
	closed   bool         // guarded by mu
	urgent   atomic.Int32 // requests that wait
}

const mostPassed = 4

func newQueue(limit int64) *queue {
	q := &queue{limit: limit}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// put hands a call to the line. It waits while the queue is full, until ctx ends.
func (q *queue) put(ctx context.Context, c *call) error {
	c.done = make(chan struct{})
	stop := context.AfterFunc(ctx, q.wake)
	defer stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	limit := q.limit
	if c.load == nil {
		limit *= 2 // a load that fills the queue keeps no request out
	}
	for q.bytes > 0 && q.bytes+c.bytes > limit && !q.closed && ctx.Err() == nil {
		q.changed.Wait()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if q.closed {
		return &kith.Error{Op: "engine", Kind: kith.ErrClosed}
	}
	q.bytes += c.bytes
	if c.load != nil {
		q.loads = append(q.loads, c)
	} else {
		q.requests = append(q.requests, c)
		q.urgent.Add(1)
	}
	q.changed.Broadcast()
	return nil
}

// wake lets those who wait look again.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

// take gives the next call, or nil: at once when nothing waits and wait is
// false; ok is false when the queue is closed and empty.
func (q *queue) take(wait bool) (c *call, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case len(q.loads) > 0 && (len(q.requests) == 0 || q.passed >= mostPassed):
			c, q.loads, q.passed = q.loads[0], q.loads[1:], 0
		case len(q.requests) > 0:
			if len(q.loads) > 0 {
				q.passed++
			}
			c = q.pop()
		case q.closed:
			return nil, false
		case !wait:
			return nil, true
		default:
			q.changed.Wait()
			continue
		}
		q.bytes -= c.bytes
		q.changed.Broadcast()
		return c, true
	}
}

// request gives the next request, or nil.
func (q *queue) request() *call {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.requests) == 0 {
		return nil
	}
	c := q.pop()
	q.bytes -= c.bytes
	q.changed.Broadcast()
	return c
}

// pop takes the first request out; mu is held.
func (q *queue) pop() *call {
	c := q.requests[0]
	q.requests = q.requests[1:]
	q.urgent.Add(-1)
	return c
}

// back puts a call that is not finished into the queue again: pieces of a load
// keep their order, and a request with many events goes behind the others.
func (q *queue) back(c *call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes += c.bytes
	switch {
	case c.load != nil:
		q.loads = append([]*call{c}, q.loads...)
		return
	case c.run != nil: // it was not begun
		q.requests = append([]*call{c}, q.requests...)
	default:
		q.requests = append(q.requests, c)
	}
	q.urgent.Add(1)
}

// close lets take give what waits and then end.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
