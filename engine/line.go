package engine

import (
	"runtime"
	"slices"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// Bounds of a turn: the events after which it commits, and the time after which
// a long call gives way to a request that waits.
const (
	turnEvents = 2000
	turnTime   = 2 * time.Millisecond
	freshBytes = 80        // of a new fragment's record, about
	blobBytes  = 224 << 10 // a log record is cut here, so that one fits into a block of the store
	blobSlack  = 16 << 10  // and has the record that went beyond
)

// Who works through much at once lets others run after this many events, some
// 100 µs: a goroutine that comes back from a wait stands behind what runs, and
// Go itself ends a turn on a processor only after 10 ms.
const yieldMask = 1<<4 - 1

// Point is called at the named steps of a commit. Fault tests set it; it does nothing otherwise.
var Point = func(name string) {}

// PartRows is after how many rows a part of history is sealed. Fault tests set it; 0 is history's own number.
var PartRows int

// line is the one goroutine that changes anything. It takes calls in turns:
// what a turn changes is one transaction, and is published when it is durable.
type line struct {
	e      *Engine
	q      *queue
	head   storage.Head
	failed error // set when a commit failed: nothing is written after that

	sessions map[uint32]*session // loads that run

	live    *live // members of segments; nil: nothing is kept current
	fold    *folder
	prints  *clean.Cleaner  // for the prints of derived message ids
	judge   *identity.Judge // for items that other rules cleaned; nil: the rules have no anomalies
	texts   map[string]string
	frags   *fragmentCache
	spelled map[kith.FragmentID]bool // whether a fragment's record has the normal form; see said.go
	pairs   *pairCache
	docs    *docCache
	words   *teller
	late    bool   // time has passed more boundaries than one turn took
	blob    int    // bytes that the next blob will probably have
	chunk   []byte // room for the decisions of a blob
}

func newLine(e *Engine, head storage.Head) *line {
	l := &line{
		e: e, q: newQueue(e.lim.queue), head: head, texts: map[string]string{}, sessions: map[uint32]*session{}, prints: e.newCleaner(), judge: e.newJudge(e.matcher.Load()),
		frags: newFragmentCache(e.lim.caches), spelled: map[kith.FragmentID]bool{}, pairs: newPairCache(e.lim.caches), docs: newDocCache(e.lim.docs),
	}
	l.words = &teller{e: e, x: e.secret.Lexer()}
	if l.head.Tallies == nil {
		l.head.Tallies = map[string]kith.Tally{}
	}
	return l
}

// intern gives one string for equal names, so that a warm name costs no allocation.
func (l *line) intern(b []byte) string {
	if s, ok := l.texts[string(b)]; ok {
		return s
	}
	if len(l.texts) > 10_000 {
		clear(l.texts)
	}
	s := string(b)
	l.texts[s] = s
	return s
}

// tally counts a result for its source and its load.
func (l *line) tally(source string, load *session, r kith.Result) {
	t := l.head.Tallies[source]
	t.Of(r)
	l.head.Tallies[source] = t
	if load != nil {
		load.count(r)
	}
}

// turn is one transaction in the making.
type turn struct {
	l        *line
	tx       *storage.Tx
	graph    *graph
	blob     *storage.Blob
	chunk    []byte // the decisions of the blob
	from     uint64 // ordinal of the blob's first event
	at       time.Time
	start    time.Time
	fresh    []storage.FragmentRecord
	pieces   []piece // finished blobs, for history
	docs     map[kith.FragmentID]*document
	docBytes int64 // of the changed documents, about
	events   int
	repeat   []byte // natural duplicates
	rejects  storage.Rejects
	unseen   kith.FragmentID // fragments from here on were numbered for the event in hand
	calls    []*call
	loads    []*session      // of calls
	replay   bool            // the log is told again: nothing is written
	dry      bool            // nothing is sealed or shown, and all of it is taken back
	held     *held           // of a replay
	numbered kith.FragmentID // likewise: the first that the log numbers; 0: none
	rulings  rulings         // likewise

	ev     storage.Event // scratch, from here on
	seal   []byte
	said   []byte
	secret []byte
	plain  []byte
	frags  []kith.FragmentID
	claims []identity.Claim
}

// piece is a blob on its way to history.
type piece struct {
	blob   []byte
	first  uint64 // ordinal of the first event
	events []storage.EventMark
	from   kith.Seq // number of the first record
	last   kith.Seq // and of the last
	newest kith.Seq // and of the last event
}

// run takes turns until the queue is closed and empty.
func (l *line) run() {
	defer close(l.e.ended)
	for {
		c, ok := l.q.take(!l.e.busy() && !l.late)
		if !ok {
			return
		}
		switch {
		case c == nil && l.late:
			if _, err := l.tick(l.e.o.now()); err != nil {
				return
			}
		case c == nil:
		case c.run != nil:
			c.err = c.run()
			close(c.done)
		default:
			l.turn(c)
		}
		l.e.upkeep()
	}
}

// turn applies calls, beginning with c, commits them together, and answers them.
func (l *line) turn(c *call) {
	t, err := l.begin()
	if err != nil {
		c.finish(err)
		return
	}
	for c != nil {
		t.calls = append(t.calls, c)
		if s := c.load; s != nil && !slices.Contains(t.loads, s) {
			t.loads = append(t.loads, s)
		}
		c.stored = len(c.results)
		if err = t.call(c); err != nil || t.full() {
			break
		}
		switch {
		case l.q.urgent.Load() > 0:
			c = l.q.request() // into the same turn: it is answered by the same sync
		case c.load != nil && !c.left():
			c, _ = l.q.take(false)
		default:
			c = nil // who asked is answered before a load goes on
		}
		if c != nil && c.run != nil {
			l.q.back(c)
			break
		}
	}
	if err == nil {
		err = t.commit()
	}
	if err != nil {
		t.rollback(err)
	}
	for _, c := range t.calls {
		if err != nil {
			c.results = c.results[:c.stored] // what the report tells of is stored
		}
		if err == nil && c.left() {
			l.q.back(c)
			continue
		}
		c.finish(err)
	}
}

// call applies the items of a call until it ends, the turn is full, or others
// press: they come into the same turn.
func (t *turn) call(c *call) error {
	if c.load != nil && c.load.stopped() {
		c.items, c.keep = c.items[:c.next], nil
		return nil
	}
	if c.keep != nil {
		if all, err := t.keepPiece(c); !all || err != nil {
			return err
		}
	}
	if c.print != nil {
		c.load.rec.Taken, c.load.rec.Print, c.print = c.taken, c.print, nil
	}
	for c.next < len(c.items) && !t.full() && !t.pressed() {
		if t.events&yieldMask == yieldMask && t.l.q.urgent.Load() == 0 {
			runtime.Gosched()
		}
		t.l.e.renew(&c.items[c.next], c.rules)
		res, err := t.apply(&c.items[c.next], c.load)
		if err != nil {
			return err
		}
		c.results = append(c.results, res)
		c.next++
		if res.Verdict == kith.Rejected && c.load != nil && c.load.stopped() {
			c.items = c.items[:c.next]
		}
	}
	return nil
}

// full tells whether the turn has as much as one commits.
func (t *turn) full() bool {
	return t.events >= turnEvents || t.tx.Full(t.docBytes+int64(t.blob.Len()+t.rejects.Pending()+len(t.fresh)*freshBytes))
}

// pressed tells whether a request waits, and the turn has lasted as long as it may then.
func (t *turn) pressed() bool {
	return t.events&31 == 31 && t.l.q.urgent.Load() > 0 && time.Since(t.start) > turnTime
}

// finish answers the call.
func (c *call) finish(err error) {
	c.err = err
	close(c.done)
}

// begin starts a turn, or says why nothing can be written.
func (l *line) begin() (*turn, error) {
	if l.failed != nil {
		return nil, l.failed
	}
	if err := l.e.room(); err != nil {
		return nil, err
	}
	e := l.e
	t := &turn{l: l, tx: e.store.Update(), at: e.o.now().UTC(), start: time.Now(), docs: map[kith.FragmentID]*document{}}
	e.state.Begin()
	e.mids.Begin()
	e.nears.Begin()
	e.places.Begin()
	e.tokens.Begin()
	e.words.Begin()
	e.keys.Begin()
	t.startBlob()
	t.graph = e.graph(t)
	return t, nil
}

func (t *turn) startBlob() {
	t.blob = storage.NewBlob(t.l.head.Seq+1, t.l.head.Events, t.at.UnixMicro(), make([]byte, 0, t.l.blob))
	t.from = t.l.head.Events
	t.chunk = t.l.chunk[:0]
}

// endBlob puts the records so far into the transaction, so that the next go into a blob of their own.
func (t *turn) endBlob() error {
	if t.blob.Empty() {
		return nil
	}
	t.l.head.Seq = t.blob.Last
	// A turn of a load is a large blob and what is left of it: the next large one must not be copied as it grows.
	t.l.blob = min(max(t.blob.Len()+t.blob.Len()/8, t.l.blob-t.l.blob/8), blobBytes+blobSlack)
	if err := t.tx.PutLog(t.blob, t.chunk); err != nil {
		return err
	}
	t.l.chunk = t.chunk // the transaction has a copy
	t.pieces = append(t.pieces, piece{t.blob.Bytes(), t.from, t.blob.Events, t.blob.First, t.blob.Last, t.ev.Seq})
	return nil
}
