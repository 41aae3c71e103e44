package engine

import (
	"slices"
	"sync"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// Days are rolled up by 8 and by 64: aligned at the first of January 1970, so
// that all windows share them.
const rollDays = 8

// dayParts is the counts of one name on one day.
type dayParts struct {
	of    *storage.Days
	day   int32
	parts []*bitmap.Counts
}

// rollups keeps who did something on any of several days, as long as the counts
// of none of them change: a version gives the same counts that another gave,
// where nothing was written to them between.
type rollups struct {
	mu   sync.Mutex
	kept map[rollKey]*rollup // guarded by mu
	size int                 // guarded by mu: bytes of kept
}

type rollKey struct {
	of   *storage.Days
	days int32 // how many: 8 or 64
	at   int32 // the first is days*at
}

type rollup struct {
	from []*bitmap.Counts // what it was made of
	any  *bitmap.Set
}

// sets gives sets that together are who has an event on one of the days, which
// are of one name and ascend. covers tells whether a window has all days from one
// to another.
func (r *rollups) sets(days []dayParts, covers func(first, last int32) bool, memory int64) (out []*bitmap.Set) {
	for len(days) > 0 {
		n := 1
		for _, width := range []int32{rollDays * rollDays, rollDays} {
			if set, m := r.block(days, width, covers, memory); m > 0 {
				out, n = append(out, set), m
				break
			}
		}
		if n == 1 {
			out = append(out, planesOf(days[0].parts)...)
		}
		days = days[n:]
	}
	return out
}

// block gives the set of the block of days that the first is in, and how many of
// days that is; none where the window or the days do not fill it well enough.
func (r *rollups) block(days []dayParts, width int32, covers func(first, last int32) bool, memory int64) (*bitmap.Set, int) {
	at := days[0].day / width
	if days[0].day < 0 || !covers(at*width, at*width+width-1) {
		return nil, 0
	}
	n := 0
	var from []*bitmap.Counts
	for n < len(days) && days[n].day/width == at {
		from = append(from, days[n].parts...)
		n++
	}
	if n < 3 {
		return nil, 0
	}
	key := rollKey{days[0].of, width, at}
	r.mu.Lock()
	k := r.kept[key]
	r.mu.Unlock()
	if k != nil && slices.Equal(k.from, from) {
		return k.any, n
	}
	var below []*bitmap.Set
	if width > rollDays {
		below = r.sets(days[:n], func(first, last int32) bool { return last-first < rollDays }, memory)
	} else {
		below = planesOf(from)
	}
	k = &rollup{from, bitmap.Or(below...)}
	r.keep(key, k, memory)
	return k.any, n
}

// keep keeps a set, and forgets any others where all take more than so many bytes.
func (r *rollups) keep(key rollKey, k *rollup, memory int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept = map[rollKey]*rollup{}
	}
	r.forget(key)
	r.kept[key] = k
	r.size += k.bytes()
	for other := range r.kept {
		if int64(r.size) <= memory {
			return
		}
		r.forget(other)
	}
}

func (r *rollups) forget(key rollKey) {
	if k := r.kept[key]; k != nil {
		r.size -= k.bytes()
		delete(r.kept, key)
	}
}

// bytes counts what k was made of, too: nobody else may keep it any more.
func (k *rollup) bytes() int {
	n := 64 + k.any.Size()
	for _, c := range k.from {
		n += 8 + c.Size()
	}
	return n
}
