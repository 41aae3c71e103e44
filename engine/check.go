package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/storage"
)

// CheckOptions say what Check does; nil is the same as the zero value.
type CheckOptions struct {
	// Rebuild makes everything derived anew from what is truth, after the check,
	// and puts it in the place of what there was. The engine answers nothing
	// after that: close it and open it again. In memory it only compares.
	Rebuild  bool
	Progress func(done, total int64, what string) // called at each step; nil: nobody asks
}

// CheckReport is what Check found. No problem means that every derived value is
// what its truth makes of it.
type CheckReport struct {
	At       kith.Seq         `json:"at"`       // the version that was looked at
	Problems []Problem        `json:"problems"` // the first of each kind
	Checked  map[string]int64 `json:"checked"`  // how many of what were compared
	Rebuilt  bool             `json:"rebuilt"`  // what is derived was made anew
	Same     bool             `json:"same"`     // and it was the same as before
}

// Problem is the first difference of one kind. It names positions, never a person's value.
type Problem struct {
	What string // the kind, such as "count"
	On   string // where, such as "profile 12"; may be empty
	Err  error
	More int64 // further ones of the kind
}

// String gives the problem as one line.
func (p Problem) String() string {
	s := p.What
	if p.On != "" {
		s += ", " + p.On
	}
	s += ": " + p.Err.Error()
	if p.More > 0 {
		s += fmt.Sprintf(" (and %d more)", p.More)
	}
	return s
}

// Check proves a version of the platform while it goes on: every stored value
// and file is read and compared with its checksum, and everything derived is
// compared with what a second, slow and obvious way makes of the events,
// decisions and identifiers. The error says why it could not be ended; what is
// wrong with the platform stands in the report.
//
// It takes about 25 bytes of memory an identifier and an eighth of a byte a
// record of the log, and an eighth of Options.Memory: history is read once for
// each group of profiles that fits in there.
func (e *Engine) Check(ctx context.Context, o *CheckOptions) (CheckReport, error) {
	if o == nil {
		o = &CheckOptions{}
	}
	v, err := e.acquire()
	if err == nil && len(v.shown) > 0 && !e.o.ReadOnly { // what is being built is of no use to anybody yet
		e.release(v)
		if err = e.await(ctx); err == nil {
			v, err = e.acquire()
		}
	}
	if err != nil {
		return CheckReport{}, err
	}
	c := &checker{e: e, v: v, ctx: ctx, o: o, kinds: map[string]int{}, known: map[uint32]kith.Identifier{}}
	c.report = CheckReport{At: v.seq, Checked: map[string]int64{}}
	err = c.run()
	e.release(v)
	if err == nil && o.Rebuild {
		err = e.rebuild(ctx, o, &c.report)
	}
	return c.report, err
}

// checker is one check under way.
type checker struct {
	e      *Engine
	v      *version
	ctx    context.Context
	o      *CheckOptions
	report CheckReport
	kinds  map[string]int // place of a kind's first problem

	head   storage.Head // as the version's snapshot has it
	point  storage.CheckpointRecord
	keys   *storage.Keyring // read anew from the disk
	paths  *clean.Paths     // a copy, so that looking adds nothing
	names  map[string]uint32
	sealed map[uint32]bool            // paths of which a leaf was found sealed
	tail   []tailEvent                // the events of the log
	given  []given                    // the identifiers that were numbered after the checkpoint
	logged map[kith.Seq]uint64        // prints of what the log says: events and decisions
	number numbers                    // which numbers of the log were met
	said   map[string]kith.Tally      // by source, counted anew
	loads  map[uint32]kith.Tally      // accepted events by load
	ended  int                        // loads that have ended
	known  map[uint32]kith.Identifier // opened identifiers, as many as there is memory for

	unloads []storage.Unload
	there   set          // fragments that have a record: an unload may have taken others away
	tokens  []kith.Token // by fragment
	owner   []uint32     // by fragment, from the decisions
	alone   map[uint32]bool
}

// tailEvent is an event of the log, for the index of message ids.
type tailEvent struct {
	seq              kith.Seq
	idPrint, payment uint64
}

// given is an identifier of the log.
type given struct {
	token    kith.Token
	fragment kith.FragmentID
}

// run takes the steps one after the other. A step that cannot go on is a problem.
func (c *checker) run() error {
	steps := []struct {
		what string
		do   func() error
	}{
		{"store", c.store}, {"keys", c.keyring}, {"log", c.log}, {"history", c.history},
		{"identifiers", c.identifiers}, {"decisions", c.decisions}, {"events", c.events},
		{"rejects", c.rejects}, {"tables", c.tables}, {"segments", c.segments}, {"computed traits", c.computed}, {"lists", c.lists}, {"changes", c.changes}, {"numbers", c.accounted}, {"message ids", c.ids}, {"near-duplicates", c.near}, {"places", c.runs}, {"words", c.words},
		{"profiles", c.profiles}, {"values", c.values},
	}
	for i, s := range steps {
		if c.o.Progress != nil {
			c.o.Progress(int64(i), int64(len(steps)), s.what)
		}
		if err := s.do(); err != nil {
			if c.ctx.Err() != nil {
				return c.ctx.Err()
			}
			if errors.Is(err, kith.ErrClosed) {
				return err
			}
			c.bad(s.what, "", err)
		}
	}
	if c.o.Progress != nil {
		c.o.Progress(int64(len(steps)), int64(len(steps)), "")
	}
	return nil
}

// bad notes a problem: the first of its kind whole, the others as a number.
func (c *checker) bad(what, on string, err error) {
	if i, ok := c.kinds[what]; ok {
		c.report.Problems[i].More++
		return
	}
	c.kinds[what] = len(c.report.Problems)
	c.report.Problems = append(c.report.Problems, Problem{What: what, On: on, Err: err})
}

// want notes a problem where two numbers differ that should not.
func want[T comparable](c *checker, what, on string, got, want T) {
	if got != want {
		c.bad(what, on, fmt.Errorf("it is %v and should be %v", got, want))
	}
}

func (c *checker) count(what string, n int) { c.report.Checked[what] += int64(n) }

func on(what string, n any) string { return fmt.Sprintf("%s %v", what, n) }

// numbers is a set of the log's numbers.
type numbers []uint64

func newNumbers(last kith.Seq) numbers { return make(numbers, last>>6+1) }

// add tells whether the number was not there.
func (n numbers) add(s kith.Seq) bool {
	if int(s>>6) >= len(n) {
		return false
	}
	was := n[s>>6]
	n[s>>6] |= 1 << (s & 63)
	return was>>(s&63)&1 == 0
}

func (n numbers) has(s kith.Seq) bool { return int(s>>6) < len(n) && n[s>>6]>>(s&63)&1 == 1 }

// meet notes that a record with this number was found.
func (c *checker) meet(s kith.Seq, what string) {
	if s == 0 || s > c.v.seq || !c.number.add(s) {
		c.bad("number", on("number", s), errors.New("it stands twice or beyond the end of the log, "+what))
	}
}
