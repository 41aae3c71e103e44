package engine

import (
	"cmp"
	"slices"
	"sync"

	"github.com/kithdb/kith/storage"
)

// recentDays keeps when the events of a name happened on days that windows cut.
// Segments with windows of 7, 30, 90 days share those days, and ask again and
// again until the day is over.
type recentDays struct {
	mu   sync.Mutex
	list []*dayEvents // guarded by mu; the one used last is the last
}

// dayEvents is the events of one name on one day, by time. It never changes
// after it was sorted.
type dayEvents struct {
	of     *storage.Days // the counts of the name
	day    int32
	events []momentOf
}

// momentOf is an event.
type momentOf struct {
	at       int64
	fragment uint32
}

func (d *dayEvents) add(fragment uint32, at int64) {
	d.events = append(d.events, momentOf{at, fragment})
}

func (d *dayEvents) sort() {
	slices.SortFunc(d.events, func(a, b momentOf) int { return cmp.Compare(a.at, b.at) })
}

// between calls f for each event from one instant to another, both included.
func (d *dayEvents) between(from, to int64, f func(fragment uint32, at int64)) {
	i, _ := slices.BinarySearchFunc(d.events, from, func(m momentOf, t int64) int { return cmp.Compare(m.at, t) })
	for ; i < len(d.events) && d.events[i].at <= to; i++ {
		f(d.events[i].fragment, d.events[i].at)
	}
}

// find gives the events of a name on a day; nil: they are not kept. total is how
// many the version counts: events are never taken away but with all the counts,
// so that as many events are the same events.
func (r *recentDays) find(of *storage.Days, day int32, total uint64) *dayEvents {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, d := range r.list {
		if d.of == of && d.day == day && uint64(len(d.events)) == total {
			r.list = append(slices.Delete(r.list, i, i+1), d)
			return d
		}
	}
	return nil
}

// keep keeps the events of a day, and forgets what was not used for longest
// where all together take more than so many bytes.
func (r *recentDays) keep(d *dayEvents, memory int64) {
	const each = 16
	if int64(len(d.events))*each > memory {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(o *dayEvents) bool { return o.of == d.of && o.day == d.day })
	r.list = append(r.list, d)
	sum := int64(0)
	for i, d := range slices.Backward(r.list) {
		if sum += int64(len(d.events)) * each; sum > memory {
			r.list = slices.Clone(r.list[i+1:])
			return
		}
	}
}
