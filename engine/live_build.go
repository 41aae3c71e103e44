package engine

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
)

// rowsAtOnce is how many people are asked about in one turn while a segment is built.
const rowsAtOnce = 4096

// open takes up the segments and computed traits of a directory, as of the instant of its last commit.
func (l *live) open(all map[string]Segment, traits map[string]ComputedTrait, now int64, cause kith.Cause) error {
	l.now, l.resuming = now, len(all)+len(traits)
	inOrder, err := usedFirst(traits)
	if err != nil {
		return err
	}
	for _, t := range inOrder { // they are built in this order
		n, err := l.defineTrait(t, cause)
		if err != nil {
			return err
		}
		n.resumed = true
	}
	for _, s := range numbered(all) {
		n, err := l.define(s, cause)
		if err != nil {
			return err
		}
		n.resumed = true
	}
	return nil
}

// numbered gives segments in the order of their numbers.
func numbered(all map[string]Segment) []Segment {
	list := make([]Segment, 0, len(all))
	for _, s := range all {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Segment) int { return int(a.number) - int(b.number) })
	return list
}

// define takes up a definition of a segment, or that it was dropped, and lets it
// be built. Everything that happens from here on goes into its leaves.
func (l *live) define(def Segment, cause kith.Cause) (*liveSegment, error) {
	s := l.fresh(def, cause)
	l.numbers[def.Name] = def.number
	if def.Text != "" {
		c, err := query.Parse(def.Text)
		if err == nil {
			s.prog, err = query.Compile(c)
		}
		if err != nil {
			return nil, err
		}
	}
	l.enter(s)
	return s, nil
}

func (l *live) fresh(def Segment, cause kith.Cause) *liveSegment {
	return &liveSegment{
		l: l, Segment: def, number: def.number, timer: map[uint32]int64{}, cause: cause,
		built: make(chan struct{}), gauge: &gauge{p: Progress{Doing: isWaiting}},
	}
}

// enter lets what was defined be built.
func (l *live) enter(s *liveSegment) {
	if s.prog != nil {
		for _, leaf := range s.prog.Leaves() {
			s.leaves = append(s.leaves, l.leaf(leaf, s.trait))
		}
		for i := range s.prog.Tops() {
			s.ranks = append(s.ranks, newRanking(s.prog, i))
		}
		for range s.prog.Peers() {
			s.accounts = append(s.accounts, newAccounts())
		}
	}
	l.segs[s.number] = s
	l.arrange()
	l.tell(s, false)
	l.e.builder.put(s)
}

// leaf gives the state of a sub-select, that of another segment where one has the
// same. To computed traits what is sealed is missing: their state is their own,
// where it looks at what events say.
func (l *live) leaf(leaf *query.Leaf, trait bool) *liveLeaf {
	n := &liveLeaf{Leaf: leaf, of: map[uint32][]query.Match{}, from: l.e.line.head.Seq, since: l.now, clear: trait && leaf.Says()}
	if known := l.leaves[n.key()]; known != nil {
		return known
	}
	l.leaves[n.key()] = n
	return n
}

// key is that of the state among all.
func (leaf *liveLeaf) key() string {
	if leaf.clear {
		return "clear\n" + leaf.Key
	}
	return leaf.Key
}

// arrange puts segments into order, and finds out anew who is to be told of what.
func (l *live) arrange() {
	l.order, l.stages, l.fixed, l.every = nil, nil, nil, nil
	clear(l.named)
	clear(l.traits)
	clear(l.onLists)
	seen := map[uint32]bool{}
	var visit func(s *liveSegment)
	visit = func(s *liveSegment) {
		if s == nil || seen[s.number] {
			return
		}
		seen[s.number] = true
		s.users = nil
		if s.prog != nil {
			for _, used := range s.prog.Traits() {
				visit(l.computed[used])
			}
			for _, used := range s.prog.Segments() {
				visit(l.segs[l.numbers[used]])
			}
		}
		s.place = len(l.order)
		l.order = append(l.order, s)
	}
	for _, name := range sortedKeys(l.computed) {
		visit(l.computed[name])
	}
	l.values = len(l.order)
	for n := uint32(0); int(n) < len(l.numbers); n++ {
		visit(l.segs[n])
	}
	l.stages = inStages(l.order[l.values:])
	for _, leaf := range l.leaves {
		leaf.users = nil
	}
	for _, s := range l.order {
		l.subscribe(s)
	}
	for key, leaf := range l.leaves {
		if len(leaf.users) == 0 {
			delete(l.leaves, key)
			continue
		}
		names, any := leaf.Names()
		if any {
			l.every = append(l.every, leaf)
		}
		for _, name := range names {
			l.named[name] = append(l.named[name], leaf)
		}
	}
}

// subscribe notes what a segment is to be told of.
func (l *live) subscribe(s *liveSegment) {
	if s.prog == nil {
		return
	}
	for _, leaf := range s.leaves {
		if !slices.Contains(leaf.users, s) {
			leaf.users = append(leaf.users, s)
		}
	}
	for _, path := range s.prog.Traits() {
		if path == "first_seen" || path == "last_seen" || path == "known" {
			if !slices.Contains(l.fixed, s) {
				l.fixed = append(l.fixed, s)
			}
			continue
		}
		if u := l.computed[path]; u != nil && u.prog != nil {
			u.users = append(u.users, s)
			continue
		}
		top := l.e.traits.top(traitPath(path))
		if !slices.Contains(l.traits[top], s) {
			l.traits[top] = append(l.traits[top], s)
		}
	}
	for _, name := range s.prog.Lists() {
		l.onLists[name] = append(l.onLists[name], s)
	}
	for _, used := range s.prog.Segments() {
		if u := l.segs[l.numbers[used]]; u != nil && !slices.Contains(u.users, s) {
			u.users = append(u.users, s)
		}
	}
}

// build makes a segment answer: it reads from history what its leaves could
// count of what is over, and asks about everybody, some at a time between the
// turns of others. It runs beside the line, for one segment after another.
func (e *Engine) build(ctx context.Context, s *liveSegment) error {
	s.gauge.set(Progress{Doing: isReading})
	if err := e.fillLeaves(ctx, s); err != nil {
		return err
	}
	if err := e.fillLists(ctx, s); err != nil {
		return err
	}
	for from, done := uint32(0), len(s.ranks)+len(s.accounts) == 0; !done; from += rowsAtOnce {
		if err := e.inLive(ctx, s, func(l *live) (err error) {
			done, err = l.fillOthers(s, from)
			return err
		}); err != nil {
			return err
		}
	}
	for done := false; !done; {
		if err := e.inLive(ctx, s, func(l *live) (err error) { done, err = l.askNext(s); return err }); err != nil {
			return err
		}
	}
	return nil
}

var errReplaced = errors.New("the segment has got another definition")

// inLive carries f out in the line, as long as s is the segment's newest definition.
func (e *Engine) inLive(ctx context.Context, s *liveSegment, f func(l *live) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.inLine(func() error {
		l := e.line.live
		if l == nil || l.segs[s.number] != s {
			return errReplaced
		}
		return f(l)
	})
}

// fillLeaves reads what happened before the leaves of a segment were asked for.
func (e *Engine) fillLeaves(ctx context.Context, s *liveSegment) error {
	for _, leaf := range s.leaves {
		if leaf.ready {
			continue
		}
		past, err := e.past(ctx, leaf, s.l.veil, s.gauge)
		if err != nil {
			return err
		}
		err = e.inLive(ctx, s, func(*live) error {
			for f, list := range leaf.of { // what came meanwhile
				past[f] = append(past[f], list...)
			}
			leaf.of, leaf.ready = past, true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// past gives the events that a leaf can count, up to the number from which on it was told of each.
func (e *Engine) past(ctx context.Context, leaf *liveLeaf, over *veil, g *gauge) (map[uint32][]query.Match, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	if err := e.follow.catchUp(ctx, v.seq); err != nil {
		return nil, err
	}
	w := &view{e: e, v: v, now: leaf.since}
	if w.owner, err = e.owners(v); err != nil {
		return nil, err
	}
	var since *time.Time
	if before, ok := leaf.Expires(leaf.since); ok {
		at := time.UnixMicro(before).UTC()
		since = &at
	}
	cat := w.catalog()
	cat.clear = leaf.clear
	q, err := query.RenderLeaf(leaf.Leaf, since, cat)
	if err != nil {
		return nil, err
	}
	if !v.hold() { // for history, which releases it
		return nil, &kith.Error{Op: "engine", Kind: kith.ErrClosed}
	}
	rows, err := e.hist.SQL(ctx, earlier{w, uint64(leaf.from)}, q.Text, q.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[uint32][]query.Match{}
	values := leaf.Values()
	in := make([]any, 4+len(values))
	for n := 1; rows.Next(); n++ {
		f, m, err := readMatch(rows, values, in)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			if d := m.Vals[i]; d.As != query.Untold && !leaf.clear && cat.opens(v.(*query.Field).Leaf()) {
				m.Vals[i] = over.hide(d)
			}
		}
		out[f] = append(out[f], m)
		if n%rowsAtOnce == 0 {
			g.read(rowsAtOnce)
		}
	}
	return out, rows.Err()
}

// earlier is a view that sees events up to a number before its own.
type earlier struct {
	*view
	seq uint64
}

// Seq gives the number.
func (w earlier) Seq() uint64 { return w.seq }

// readMatch reads one row of what RenderLeaf asks for.
func readMatch(rows *sql.Rows, values []query.Value, in []any) (fragment uint32, m query.Match, err error) {
	var ts time.Time
	var received sql.NullTime
	var message sql.NullString
	in[0], in[1], in[2], in[3] = &fragment, &ts, &received, &message
	cells := make([]any, len(values))
	for i := range values {
		in[4+i] = &cells[i]
	}
	if err := rows.Scan(in...); err != nil {
		return 0, m, err
	}
	m = query.Match{TS: ts.UnixMicro(), Received: storage.NoTime, Message: message.String}
	if received.Valid {
		m.Received = received.Time.UnixMicro()
	}
	for i, v := range values {
		d, ok, err := datumOf(cells[i], v.Type())
		if err != nil {
			return 0, m, err
		}
		if !ok {
			d = query.Datum{}
		}
		m.Vals = append(m.Vals, d)
	}
	return fragment, m, nil
}

// tell lets readers of the next version know how a segment, or a computed trait, stands.
func (l *live) tell(s *liveSegment, ready bool) {
	if s.trait {
		l.tellTrait(s, ready)
		return
	}
	l.known = maps.Clone(l.known)
	if l.known == nil {
		l.known = map[string]keeping{}
	}
	l.known[s.Name] = keeping{number: s.number, version: s.Segment.Version, ready: ready && s.prog != nil, built: s.built, gauge: s.gauge}
}

// fillOthers gives the rankings the numbers of some people, and the accounts their places.
func (l *live) fillOthers(s *liveSegment, from uint32) (done bool, err error) {
	all := l.e.line.head.Fragments
	to := min(from+rowsAtOnce, all)
	s.gauge.set(upTo(isComparing, from, all))
	err = l.look(func() error {
		for row := from; row < to; row++ {
			if err := l.rank(s, row, l.now); err != nil {
				return err
			}
			if err := l.seat(s, row, l.now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || to < all {
		return false, err
	}
	for _, a := range s.accounts {
		clear(a.was)
	}
	for _, r := range s.ranks {
		r.settle()
	}
	return true, nil
}

// resume notes that the clock need not wait for a segment any more.
func (l *live) resume(s *liveSegment) {
	if s.resumed && s.l == l {
		s.resumed = false
		l.resuming--
	}
}

// askNext asks about some more people, in a turn of its own.
func (l *live) askNext(s *liveSegment) (done bool, err error) {
	t, err := l.e.line.begin()
	if err != nil {
		return false, err
	}
	from, to, all := s.upTo, s.upTo+rowsAtOnce, l.e.line.head.Fragments
	if to >= all {
		to, done = wholeUp, true
	}
	s.upTo = to
	s.gauge.set(upTo(isAsking, from, all))
	for row := from; row < min(to, all); row++ {
		if s.prog != nil || s.trait && s.left(row) || !s.trait && l.members.Has(s.number, row) {
			l.touch(kith.FragmentID(row), s, s.cause, s.of)
		}
	}
	l.turn = t
	err = l.settle(l.now) // before the clock goes on, where it waited for this
	l.turn = nil
	if err != nil {
		t.rollback(err)
		return false, err
	}
	if done {
		l.tell(s, true)
		l.resume(s)
	}
	if err := t.commit(); err != nil {
		t.rollback(err)
		return false, err
	}
	if done {
		s.cause = 0
		if s.prog == nil {
			delete(l.segs, s.number)
			l.arrange()
		}
	}
	return done, nil
}
