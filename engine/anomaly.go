package engine

import (
	"math/bits"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// Anomalies: an event that a rule finds is flagged and stands outside of
// profiles and counts (docs/anomalies.md). What depends on the event alone is
// decided where it is cleaned; whether it is a near-duplicate, in the line,
// which knows what came before. What was decided is stored and never decided
// again.

// newJudge gives a judge by the rules of a matcher, nil where they have no anomalies.
func (e *Engine) newJudge(m *identity.Matcher) *identity.Judge {
	return m.Judge(e.paths.Path, bits.ReverseBytes64(seedOf(e.secret)))
}

// seedOf gives a word of the secret.
func seedOf(s *identity.Secret) (w uint64) {
	for _, b := range s[:8] {
		w = w<<8 | uint64(b)
	}
	return w
}

// mark lets a judge look at an item, whose flags are what it says and nothing else.
func (it *item) mark(j *identity.Judge) {
	it.flags, it.near, it.within = 0, 0, 0
	if j == nil || it.code != "" {
		return
	}
	j.Begin(it.name, it.times[0], it.times[1])
	history.EachCell(it.cells, func(path uint32, text []byte) bool { j.Leaf(path, text); return true })
	history.EachCell(it.secret, func(path uint32, text []byte) bool { j.Leaf(path, text); return true })
	for i := range it.claims {
		j.Identifier(it.claims[i].space, it.claims[i].norm)
	}
	it.flags = j.Flags()
	if print, within, ok := j.Near(it.kind); ok {
		it.near, it.within = print, within
	}
}

// flags decides what is remarkable about an item, now that its identifiers have numbers.
func (t *turn) flags(it *item, frags []kith.FragmentID) (kith.Flags, error) {
	f := it.flags
	if it.clamped {
		f |= kith.Clamped
	}
	if it.within == 0 {
		return f, nil
	}
	n := near{nearPrint(it.near, it.flags, frags[0], frags[1:]), it.within, it.times[0]}
	again, err := n.among(t.l.e.nears, 1<<63)
	if err == nil && again {
		f |= kith.NearDuplicate
	}
	return f, err
}

// near is an event among those that are equal but for times and message id.
type near struct {
	print  uint64
	within int64 // microseconds
	time   int64
}

// nearPrint is a print of what near-duplicates have in common: what the judge
// says of their leaves, their identifiers, and their other flags, so that an
// event that counts is never measured against one that does not.
func nearPrint(print uint64, f kith.Flags, frag kith.FragmentID, also []kith.FragmentID) uint64 {
	sum := stirred(uint64(f&kith.Anomalous&^kith.NearDuplicate), 1) + stirred(uint64(frag), 2)
	for _, a := range also {
		sum += stirred(uint64(a), 3)
	}
	return stirred(print, sum)
}

func stirred(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9E3779B97F4A7C15, b^0xD6E8FEB86659FD93)
	return hi ^ lo ^ a
}

// key is where the index has the event of a window. Windows are as long as
// near-duplicates may be apart, so that two that are none never share one, and
// whatever is near stands in the same window or in one beside it.
func (n near) key(window int64) uint64 {
	return stirred(stirred(n.print, uint64(window)), uint64(n.within))
}

func (n near) window() int64 {
	w := n.time / n.within
	if n.time%n.within < 0 {
		w--
	}
	return w
}

// among tells whether an event with a smaller number than before, that is no
// near-duplicate itself, stands near.
func (n near) among(index *storage.Mids, before uint64) (bool, error) {
	for w := n.window() - 1; w <= n.window()+1; w++ {
		at, ok, err := index.Find(n.key(w))
		if err != nil {
			return false, err
		}
		if d := n.time - int64(at.Payload^1<<63); ok && at.Seq < before && -n.within <= d && d <= n.within {
			return true, nil
		}
	}
	return false, nil
}

// put notes the event in the index.
func (n near) put(index *storage.Mids, seq kith.Seq) {
	index.Add(n.key(n.window()), uint64(n.time)^1<<63, uint64(seq))
}

// noted puts an event that was accepted into the index of near-duplicates, if it is none.
func (t *turn) noted(it *item, ev *storage.Event) {
	if f := kith.Flags(ev.Flags); it.within > 0 && f&kith.NearDuplicate == 0 {
		near{nearPrint(it.near, f, ev.Fragment, ev.Also), it.within, ev.Time}.put(t.l.e.nears, ev.Seq)
	}
}

// rulings are the judges of all versions of the rules, by the number from which
// they were in force: what is told again is told by those of its time.
type rulings []ruling

type ruling struct {
	from  kith.Seq
	judge *identity.Judge // nil: no anomalies
}

// everRuled gives the judges of all versions so far.
func (e *Engine) everRuled() (rulings, error) {
	snap := e.store.Snapshot()
	defer snap.Release()
	return e.rulings(snap, e.line.head.Rules)
}

// rulings reads them.
func (e *Engine) rulings(snap *storage.Snapshot, versions uint32) (rulings, error) {
	var all rulings
	for v := uint32(1); v <= versions; v++ {
		rec, err := snap.Rules(v)
		if err != nil {
			return nil, err
		}
		rules, err := identity.Parse(rec.Text)
		if err != nil {
			return nil, damagedRules(v, err)
		}
		m, err := rules.Compile()
		if err != nil {
			return nil, damagedRules(v, err)
		}
		all = append(all, ruling{rec.Seq, e.newJudge(m)})
	}
	return all, nil
}

// near gives what near-duplicates of a stored event have in common; ok is false
// where no rule asked for it then.
func (all rulings) near(r *history.Row, secret []byte) (n near, ok bool) {
	var j *identity.Judge
	for _, ruling := range all {
		if uint64(ruling.from) < r.Seq {
			j = ruling.judge
		}
	}
	if j == nil {
		return n, false
	}
	j.Begin([]byte(r.Name), r.Time, r.Received)
	history.EachCell(r.Cells, func(path uint32, text []byte) bool { j.Leaf(path, text); return true })
	history.EachCell(secret, func(path uint32, text []byte) bool { j.Leaf(path, text); return true })
	print, within, ok := j.Near(kith.Kind(r.Kind))
	if !ok {
		return n, false
	}
	also := make([]kith.FragmentID, len(r.Also))
	for i, f := range r.Also {
		also[i] = kith.FragmentID(f)
	}
	return near{nearPrint(print, kith.Flags(r.Flags), kith.FragmentID(r.Fragment), also), within, r.Time}, true
}
