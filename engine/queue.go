package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith"
)

// call is one request, or one piece of a load, on its way through the line.
type call struct {
	items   []item
	load    *session // nil: a request
	run     func() error
	bytes   int64
	next    int // the first item that is not applied
	results []kith.Result
	stored  int // results of earlier turns, which are durable
	err     error
	done    chan struct{}
}

// queue holds the calls that wait for the line. Requests go before loads. It is
// bounded in bytes: a full one blocks put.
type queue struct {
	mu       sync.Mutex
	changed  *sync.Cond
	requests []*call // guarded by mu
	loads    []*call // guarded by mu
	bytes    int64   // guarded by mu: of all that wait
	limit    int64
	closed   bool         // guarded by mu
	urgent   atomic.Int32 // requests that wait
}

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
	for q.bytes > 0 && q.bytes+c.bytes > q.limit && !q.closed && ctx.Err() == nil {
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
		case len(q.requests) > 0:
			c, q.requests = q.requests[0], q.requests[1:]
			q.urgent.Add(-1)
		case len(q.loads) > 0:
			c, q.loads = q.loads[0], q.loads[1:]
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

// back puts a call that is not finished at the front again.
func (q *queue) back(c *call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes += c.bytes
	if c.load != nil {
		q.loads = append([]*call{c}, q.loads...)
	} else {
		q.requests = append([]*call{c}, q.requests...)
		q.urgent.Add(1)
	}
}

// close lets take give what waits and then end.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
