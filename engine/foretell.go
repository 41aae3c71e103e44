package engine

import (
	"cmp"
	"context"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/storage"
)

// Forecast says what a load would come to.
type Forecast struct {
	kith.Tally
	Rows        int64     `json:"rows"`        // that were looked at
	Excepted    int64     `json:"excepted"`    // those of them that the mapping leaves out on purpose
	Faults      []Fault   `json:"faults"`      // why items would be rejected, the most frequent first
	People      int       `json:"people"`      // that the events which count would be about
	Known       int       `json:"known"`       // those of them who are there already
	Identifiers int       `json:"identifiers"` // that are not there yet
	Merged      int       `json:"merged"`      // links that would make one of two people who are there
	Merges      []Merge   `json:"merges"`      // the first of these
	Decisions   []Outcome `json:"decisions"`   // all decisions about people, by kind and rule
}

// Fault is a reason for which items would be rejected.
type Fault struct {
	Code  string `json:"code"`
	Path  string `json:"path"`
	Count int    `json:"count"`
	Line  int64  `json:"line"` // of the first
}

// Merge is a link that would make one of two people who are there.
type Merge struct {
	A      string    `json:"a"` // public ids that are shown of them now
	B      string    `json:"b"`
	Line   int64     `json:"line"`
	Rule   string    `json:"rule"`
	Spaces [2]string `json:"spaces"` // of the identifiers that are linked
}

// Outcome is how often a rule would come to a conclusion.
type Outcome struct {
	Kind  string `json:"kind"` // link, refuse, leave
	Rule  string `json:"rule"`
	Space string `json:"space,omitempty"` // that the rule speaks about
	Count int    `json:"count"`
}

// Bounds of a forecast.
const (
	mostForetold = 16 << 20 // bytes of input: what comes after them is not looked at
	mostMerges   = 5
)

// Foretell says what LoadRows would come to if it were called now: which
// verdicts, and which decisions about people. Nothing is stored, no number is
// used up, and nothing else comes to know of it. Of a long input it looks at the
// first 16 MiB; whoever wants less gives less. Meanwhile nothing is taken in:
// that lasts as long as storing the rows would.
func (e *Engine) Foretell(ctx context.Context, rows Rows, o *LoadOptions) (Forecast, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	if err := o.mapped(); err != nil {
		return Forecast{}, err
	}
	return e.foretell(ctx, &mapped{Rows: rows, progress: o.Progress}, o)
}

func (e *Engine) foretell(ctx context.Context, in input, o *LoadOptions) (out Forecast, err error) {
	if !e.writable.Load() {
		return out, &kith.Error{Op: "engine.Foretell", Kind: kith.ErrClosed}
	}
	var chunks []*chunk
	for n := 0; n < mostForetold; {
		c, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return out, err
		}
		chunks, n = append(chunks, c), n+len(c.data)+len(c.made)
	}
	s := &session{source: cmp.Or(o.Source, "load")}
	s.equals.dir = e.dir
	err = e.inLine(func() (err error) {
		out, err = e.pretend(ctx, in, chunks, s)
		return err
	})
	return out, err
}

// pretend lets an engine that shares what e knows, and has names, rules and
// caches of its own, store the chunks in a turn that is taken back. It is called
// in the line, so that nothing changes meanwhile.
func (e *Engine) pretend(ctx context.Context, in input, chunks []*chunk, s *session) (Forecast, error) {
	x, err := e.double()
	if err != nil {
		return Forecast{}, err
	}
	x.cleanAll(in, chunks, s)
	v, err := e.acquire()
	if err != nil {
		return Forecast{}, err
	}
	defer e.release(v)
	f := &foretelling{v: v, about: map[kith.FragmentID]bool{}, person: map[kith.ProfileID]kith.ProfileID{}, outcomes: map[Outcome]int{}, faults: map[[2]string]*Fault{}}
	f.begin(x)
	defer f.takeBack()
	for _, c := range chunks {
		if err := cmp.Or(c.err, s.compare(c.call.items)); err != nil {
			return Forecast{}, err
		}
		if err := f.items(ctx, c.call.items, s); err != nil {
			return Forecast{}, err
		}
		f.out.Rows, f.out.Excepted = f.out.Rows+c.rows, f.out.Excepted+c.excepted
		c.free()
	}
	f.out.Tally = s.rec.Tally
	err = cmp.Or(s.equals.close(), f.end())
	return f.out, err
}

// double gives an engine that has the state, the indexes and the store of e.
// What it would add to names of paths, sources and spaces, and to the caches, is its own.
func (e *Engine) double() (*Engine, error) {
	x := &Engine{
		o: e.o, lim: e.lim, dir: e.dir, secret: e.secret, classes: e.classes, store: e.store, keys: e.keys, state: e.state,
		people: e.people, tokens: e.tokens, mids: e.mids, nears: e.nears,
		sources: newNames(e.sources.all()), spaces: newNames(e.spaces.all()),
	}
	var paths []string
	for i := range e.paths.Len() {
		paths = append(paths, e.paths.Path(uint32(i)))
	}
	var err error
	if x.paths, err = clean.NewPaths(paths); err != nil {
		return nil, err
	}
	old := e.matcher.Load()
	m, err := old.Rules().Compile(old.Names()...)
	if err != nil {
		return nil, err
	}
	x.matcher.Store(m)
	x.traits.e = x
	head := e.line.head
	head.Tallies = nil // its own
	x.line = newLine(x, head)
	x.line.words = nil
	x.line.fold, err = newFolder(x)
	return x, err
}

// cleanAll makes items of chunks, on several cores.
func (e *Engine) cleanAll(in input, chunks []*chunk, s *session) {
	todo := make(chan *chunk, len(chunks))
	for _, c := range chunks {
		todo <- c
	}
	close(todo)
	var all sync.WaitGroup
	for range e.lim.threads {
		all.Go(func() {
			for c := range todo {
				e.cleanChunk(in, c, s)
			}
		})
	}
	all.Wait()
}

// foretelling is a turn of which all is taken back, and what it was about.
type foretelling struct {
	*turn
	v        *version // what there is
	line     int64    // of the item in hand
	last     Merge    // the link that was decided last
	about    map[kith.FragmentID]bool
	person   map[kith.ProfileID]kith.ProfileID // of profiles that changed: who they are in v, 0: nobody
	outcomes map[Outcome]int
	faults   map[[2]string]*Fault
	out      Forecast
}

// begin starts the turn.
func (f *foretelling) begin(x *Engine) {
	f.turn = &turn{l: x.line, tx: x.store.Pretend(), at: x.o.now().UTC(), docs: map[kith.FragmentID]*document{}, dry: true}
	x.state.Begin()
	x.mids.Begin()
	x.nears.Begin()
	x.tokens.Begin()
	f.startBlob()
	f.graph = x.graph(f.turn)
	f.graph.Effects = f
}

// takeBack leaves everything as it was.
func (f *foretelling) takeBack() {
	x := f.l.e
	f.tx.Discard()
	x.state.Rollback()
	x.mids.Rollback()
	x.nears.Rollback()
	x.tokens.Rollback()
}

// items lets items come.
func (f *foretelling) items(ctx context.Context, items []item, s *session) error {
	for i := range items {
		if f.events&yieldMask == yieldMask {
			runtime.Gosched()
		}
		it := &items[i]
		f.line = it.line
		res, err := f.apply(it, s)
		if err = cmp.Or(err, f.l.e.state.Err(), ctx.Err()); err != nil {
			return err
		}
		switch {
		case res.Verdict == kith.Accepted && !res.Flags.Anomalous():
			f.about[f.frags[0]] = true
		case res.Verdict == kith.Rejected:
			f.fault(res)
		}
	}
	return nil
}

func (f *foretelling) fault(res kith.Result) {
	key := [2]string{res.Code, res.Path}
	if f.faults[key] == nil {
		f.faults[key] = &Fault{Code: res.Code, Path: res.Path, Line: f.line}
	}
	f.faults[key].Count++
}

// end counts what came of it.
func (f *foretelling) end() error {
	x := f.l.e
	f.out.Identifiers = int(f.l.head.Fragments - f.v.fragments)
	people := map[kith.ProfileID]bool{}
	for frag := range f.about {
		who := x.people.Owner(frag)
		if people[who] {
			continue
		}
		people[who] = true
		known, err := f.there(who)
		if err != nil {
			return err
		}
		if known {
			f.out.Known++
		}
	}
	f.out.People = len(people)
	for o, n := range f.outcomes {
		o.Count = n
		f.out.Decisions = append(f.out.Decisions, o)
	}
	slices.SortFunc(f.out.Decisions, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Space, b.Space))
	})
	for _, fault := range f.faults {
		f.out.Faults = append(f.out.Faults, *fault)
	}
	slices.SortFunc(f.out.Faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Path, b.Path))
	})
	return x.state.Err()
}

// there tells whether somebody of v is in a profile.
func (f *foretelling) there(who kith.ProfileID) (bool, error) {
	p := f.l.e.people
	members, err := p.Fragments(nil, kith.FragmentID(who))
	for _, m := range members {
		if err != nil || uint32(m) >= f.v.fragments {
			continue
		}
		var old kith.ProfileID
		known := false
		if old, err = p.OwnerAt(f.v.pin, m); err == nil {
			known, err = p.Exists(f.v.pin, old)
		}
		if known {
			return true, err
		}
	}
	return false, err
}

// was gives who a profile of the turn is in v; 0: nobody.
func (f *foretelling) was(who kith.ProfileID) (kith.ProfileID, error) {
	if old, ok := f.person[who]; ok || uint32(who) >= f.v.fragments {
		return old, nil
	}
	known, err := f.l.e.people.Exists(f.v.pin, who) // nothing has changed it: it is one of v
	if !known {
		who = 0
	}
	return who, err
}

// Decided counts a decision.
func (f *foretelling) Decided(d *storage.Decision) (kith.Seq, error) {
	f.outcomes[Outcome{Kind: d.Kind.String(), Rule: d.Rule, Space: d.Space}]++
	if d.Kind == kith.Link {
		f.last = Merge{Line: f.line, Rule: d.Rule}
		for i, frag := range [2]kith.FragmentID{d.A, d.B} {
			m, err := f.l.e.people.Marks(nil, frag)
			if err != nil {
				return 0, err
			}
			f.last.Spaces[i] = f.l.e.spaces.at(int(m.Space))
		}
	}
	return f.turn.Decided(d)
}

// Joined notes whether two who are there would be one.
func (f *foretelling) Joined(stay, gone kith.ProfileID, _ []kith.FragmentID) error {
	a, err1 := f.was(stay)
	b, err2 := f.was(gone)
	if err := cmp.Or(err1, err2); err != nil {
		return err
	}
	f.person[stay] = cmp.Or(a, b)
	delete(f.person, gone)
	if a == 0 || b == 0 || a == b {
		return nil
	}
	if f.out.Merged++; len(f.out.Merges) == mostMerges {
		return nil
	}
	m := f.last
	m.A, err1 = f.l.e.public(f.v, a)
	m.B, err2 = f.l.e.public(f.v, b)
	f.out.Merges = append(f.out.Merges, m)
	return cmp.Or(err1, err2)
}

// Parted notes that the parts are all of one who is there.
func (f *foretelling) Parted(changes []storage.Assignment) error {
	whole := changes[0].Profile
	for _, c := range changes {
		whole = min(whole, c.Profile)
	}
	old, err := f.was(whole)
	for _, c := range changes {
		f.person[c.Profile] = old
	}
	return err
}
