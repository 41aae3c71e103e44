package engine

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"crypto/sha256"
	"errors"
	"strconv"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage/bitmap"
)

// chosen gives the people of a condition, or the sample of them that is asked for.
func (e *Engine) chosen(ctx context.Context, op, condition string, o *AskOptions) (*bitmap.Set, error) {
	if o == nil || o.Sample == 0 {
		return e.answer(ctx, op, condition, o)
	}
	a, err := e.inquiry(o)
	if err != nil {
		return nil, err
	}
	defer a.close()
	all, err := a.answer(ctx, op, condition, nil)
	if err != nil {
		return nil, err
	}
	return a.sample(op, all, o)
}

// sample gives those of some people whom o asks for: the ones with the least
// SHA-256 of the seed, a zero byte and the public id. So it is the same in
// another directory with the same people, in whatever order they came, a smaller
// sample is part of a greater one, and who comes later takes the place of one.
func (a *inquiry) sample(op string, all *bitmap.Set, o *AskOptions) (*bitmap.Set, error) {
	switch {
	case o == nil || o.Sample == 0:
		return all, nil
	case o.Sample < 0:
		return nil, &kith.Error{Op: op, On: "sample", Kind: kith.ErrInvalid, Err: errors.New("a sample has at least one person")}
	case all.Len() <= o.Sample:
		return all, nil
	}
	seed := strconv.FormatInt(o.Seed, 10) + "\x00"
	var least lots
	for row := range all.All() {
		public, err := a.e.public(a.v, kith.ProfileID(row))
		if err != nil {
			return nil, err
		}
		l := lot{sha256.Sum256([]byte(seed + public)), row}
		switch {
		case len(least) < o.Sample:
			heap.Push(&least, l)
		case l.before(least[0]):
			least[0] = l
			heap.Fix(&least, 0)
		}
	}
	out := bitmap.Of()
	for _, l := range least {
		out.Add(l.row)
	}
	return out, nil
}

// lot is what somebody has drawn.
type lot struct {
	sum [sha256.Size]byte
	row uint32
}

func (l lot) before(o lot) bool {
	return cmp.Or(bytes.Compare(l.sum[:], o.sum[:]), cmp.Compare(l.row, o.row)) < 0
}

// lots are the least so far, the greatest of them on top.
type lots []lot

func (l lots) Len() int           { return len(l) }
func (l lots) Less(i, j int) bool { return l[j].before(l[i]) }
func (l lots) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lots) Push(x any)        { *l = append(*l, x.(lot)) }
func (l *lots) Pop() any          { panic("unreachable: the greatest is replaced") }
