package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// FindOptions say how Find looks; nil is the same as the zero value.
type FindOptions struct {
	Limit int // people at most; 0: 20, and no more than 1000
}

const (
	foundDefault = 20
	foundMost    = 1000
	mostTyped    = 256     // bytes of what is typed
	mostWords    = 1 << 18 // of the index that the rarest token may have, to be looked through as a whole
	mostNarrowed = 1 << 22 // that another one may have, for the index to be asked for it
	mostLooked   = 1000    // people whose documents it opens, beside those that it gives
	fewWords     = 64      // so few candidates are looked at without asking the index for another token
)

// Find gives the people of whom a trait that is a text, or an identifier that is
// not a browser's or device's, has a word that begins as typed, for each word
// typed. Case and accents make no difference, nor does one typing error in a
// word of four letters or more: a letter too few, too many, another one, or two
// that changed places. A number of seven digits or more is one word, and is
// found by its last digits too; whoever has what was typed as an identifier is found
// by it whatever it looks like.
//
// People with fewer errors come before others, then those with fewer words that
// are beginnings only, then those seen last. The answer is as of the last commit.
func (e *Engine) Find(ctx context.Context, typed string, o *FindOptions) (kith.Found, error) {
	limit := foundDefault
	if o != nil && o.Limit > 0 {
		limit = min(o.Limit, foundMost)
	}
	if len(typed) > mostTyped {
		return kith.Found{}, notFindable("more than 256 bytes")
	}
	v, err := e.acquire()
	if err != nil {
		return kith.Found{}, err
	}
	defer e.release(v)
	if e.words == nil {
		return kith.Found{}, &kith.Error{Op: "engine.Find", Kind: kith.ErrUnsupported,
			Err: errors.New("the directory is of a version that could not find people: open it for writing once")}
	}
	f := &finder{e: e, v: v, ctx: ctx, limit: limit, given: map[kith.ProfileID]bool{}, values: map[kith.ProfileID][]kith.Value{}, query: e.secret.Lexer().Query(typed), lexer: e.secret.Lexer()}
	if len(f.query.Tokens) == 0 {
		return kith.Found{}, notFindable("no letter and no digit")
	}
	f.room = roomFor(v.fragments)
	f.index = e.words.View()
	defer f.index.Release()
	f.owners, f.nexts, f.seen = newPeek(v, e.people.Owners), newPeek(v, e.people.Nexts), newPeek(v, e.people.Last.Image)
	for _, step := range []func() error{func() error { return f.whole(typed) }, func() error { return f.pass(false) }, func() error { return f.pass(true) }} {
		if len(f.found.People) >= limit {
			break
		}
		if err := step(); err != nil {
			return kith.Found{}, err // the room may not be clean: it is left to the collector
		}
	}
	findRooms.Put(f.room)
	return f.found, nil
}

func notFindable(why string) error {
	return &kith.Error{Op: "engine.Find", On: "what is looked for", Kind: kith.ErrInvalid, Err: errors.New(why)}
}

// finder is one find under way.
type finder struct {
	e      *Engine
	v      *version
	ctx    context.Context
	limit  int
	query  identity.Query
	lexer  *identity.Lexer // of what is compared
	index  *storage.WordView
	found  kith.Found
	given  map[kith.ProfileID]bool
	looked int
	owners *peek // of fragments
	nexts  *peek // of fragments: the next of the same person
	seen   *peek // of profiles: the last event
	room   *findRoom
	values map[kith.ProfileID][]kith.Value // of those who were looked at
}

// whole finds who has what was typed as an identifier.
func (f *finder) whole(typed string) error {
	spaces := []string{"id"}
	for _, s := range f.e.matcher.Load().Rules().Spaces {
		spaces = append(spaces, s.Name)
	}
	for _, space := range spaces {
		who, err := f.e.resolveID(f.v, kith.Identifier{Space: space, Value: typed})
		switch {
		case errors.Is(err, kith.ErrNotFound):
			continue
		case err != nil:
			return err
		case f.given[who] || len(f.found.People) >= f.limit:
			continue
		}
		c := candidate{who: who}
		if _, err := f.look(&c, true); err != nil {
			return err
		}
		c.score = 0
		if err := f.give(&c); err != nil {
			return err
		}
	}
	return nil
}

// candidate is somebody who may fit: as well as score says, or worse.
type candidate struct {
	who   kith.ProfileID
	score int32 // errors << 8 + words that are beginnings only; less is better
	last  int64
	sure  bool // the score was found by looking
}

func (a *candidate) compare(b *candidate) int {
	return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(b.last, a.last), cmp.Compare(a.who, b.who))
}

const oneError = 1 << 8

// pass finds who fits without an error, or those too who fit with errors.
func (f *finder) pass(near bool) error {
	list, err := f.candidates(near)
	if err != nil {
		return err
	}
	for i := range list {
		last, ok, err := f.seen.at(uint32(list[i].who))
		if err != nil {
			return err
		}
		if list[i].last = storage.NoTime; ok {
			list[i].last = int64(last)
		}
	}
	for q := newBest(list); len(f.found.People) < f.limit && q.len() > 0; {
		c := q.pop()
		if c.sure {
			if err := f.give(&c); err != nil {
				return err
			}
			continue
		}
		if f.looked++; f.looked > mostLooked+f.limit {
			f.found.Partial = true
			return nil
		}
		if fits, err := f.look(&c, near); err != nil {
			return err
		} else if fits {
			q.push(c)
		}
	}
	return f.ctx.Err()
}

// sought is one token with what the index has of it.
type sought struct {
	exact  func(key uint64) bool
	plain  []storage.WordRange
	ranges []storage.WordRange
	size   int
}

// candidates gives who may fit all tokens, from the rarest to the others.
func (f *finder) candidates(near bool) ([]candidate, error) {
	var all []sought
	tolerant := false
	for i := range f.query.Tokens {
		t := &f.query.Tokens[i]
		a := sought{exact: f.query.Exact(t), plain: wordRanges(f.query.Plain(t))}
		a.ranges = a.plain
		if near {
			a.ranges = wordRanges(f.query.Near(t))
			tolerant = tolerant || len(a.ranges) > len(a.plain)
		}
		var err error
		if a.size, err = f.index.Size(a.ranges); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	if near && !tolerant {
		return nil, nil // the pass before has found them all
	}
	slices.SortStableFunc(all, func(a, b sought) int { return cmp.Compare(a.size, b.size) })
	list, err := f.begin(&all[0])
	for i := 1; i < len(all) && err == nil && len(list) > fewWords && all[i].size <= mostNarrowed; i++ {
		list, err = f.narrow(list, &all[i])
	}
	return list, err
}

func wordRanges(list []identity.Range) []storage.WordRange {
	out := make([]storage.WordRange, len(list))
	for i, r := range list {
		out[i] = storage.WordRange(r)
	}
	return out
}

// begin gives who may have a word that fits the token.
func (f *finder) begin(a *sought) ([]candidate, error) {
	left := mostWords
	err := f.read(a, func(fragments []uint32, score int32) bool {
		if left -= len(fragments); left < 0 {
			f.found.Partial = true
			return false
		}
		for _, frag := range fragments {
			f.room.said.add(frag, score)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if err := f.owned(); err != nil {
		return nil, err
	}
	list := make([]candidate, 0, f.room.who.any.count())
	f.room.who.take(func(row uint32, score int32) {
		if !f.given[kith.ProfileID(row)] {
			list = append(list, candidate{who: kith.ProfileID(row), score: score})
		}
	})
	return list, nil
}

// narrow keeps those of the list who may have a word that fits the token. Of the
// words that it reads most are of others: their fragments are marked first.
func (f *finder) narrow(list []candidate, a *sought) ([]candidate, error) {
	theirs := f.room.theirs
	defer theirs.clean()
	if err := f.fragments(list, theirs); err != nil {
		return nil, err
	}
	err := f.read(a, func(fragments []uint32, score int32) bool {
		for _, frag := range fragments {
			if theirs.has(frag) {
				f.room.said.add(frag, score)
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if err := f.owned(); err != nil {
		return nil, err
	}
	out, at := list[:0], 0
	f.room.who.take(func(row uint32, score int32) { // both ascend
		for at < len(list) && uint32(list[at].who) < row {
			at++
		}
		if at < len(list) && uint32(list[at].who) == row {
			c := list[at]
			c.score += score
			out = append(out, c)
			at++
		}
	})
	return out, nil
}

// read calls each for the words that may fit a token, with how well they do,
// until it says false.
func (f *finder) read(a *sought, each func(fragments []uint32, score int32) bool) error {
	err := f.index.Each(a.ranges, func(key uint64, fragments []uint32) bool {
		score := int32(oneError)
		switch {
		case a.exact(key):
			score = 0
		case within(a.plain, key):
			score = 1
		}
		return each(fragments, score) && f.ctx.Err() == nil
	})
	return errors.Join(err, f.ctx.Err())
}

// owned turns the marks of fragments into those of the profiles that own them. It
// goes through the fragments in order, which memory likes better than that of words.
func (f *finder) owned() error {
	var failed error
	f.room.said.take(func(frag uint32, score int32) {
		who, ok, err := f.owners.at(frag)
		if err != nil || !ok || who >= uint64(f.v.fragments) { // numbered after the version, or gone
			failed = errors.Join(failed, err)
			return
		}
		f.room.who.add(uint32(who), score)
	})
	return failed
}

// fragments adds those of all candidates.
func (f *finder) fragments(list []candidate, out rows) error {
	for _, c := range list {
		at := uint32(c.who)
		for n := uint32(0); ; n++ {
			out.add(at)
			next, ok, err := f.nexts.at(at)
			if err != nil {
				return err
			}
			if !ok || next >= uint64(f.v.fragments) || n > f.v.fragments {
				return &kith.Error{Op: "engine.Find", On: on("profile", c.who), Kind: kith.ErrCorrupt}
			}
			if at = uint32(next); at == uint32(c.who) {
				break
			}
		}
	}
	return nil
}

// within tells whether a key lies in one of a few ranges.
func within(ranges []storage.WordRange, key uint64) bool {
	return slices.ContainsFunc(ranges, func(r storage.WordRange) bool { return r.From <= key && key <= r.To })
}

// give puts a person into the answer.
func (f *finder) give(c *candidate) error {
	p := kith.Match{ID: c.who, Values: f.values[c.who], Fit: "exact"}
	switch {
	case c.score >= oneError:
		p.Fit = "error"
	case c.score > 0:
		p.Fit = "prefix"
	}
	var err error
	if p.Public, err = f.e.public(f.v, c.who); err != nil {
		return err
	}
	count, _, err := f.e.people.Count.At(f.v.pin, uint32(c.who))
	if err != nil {
		return err
	}
	last, ok, err := f.e.people.Last.At(f.v.pin, uint32(c.who))
	if err != nil {
		return err
	}
	if p.Events = count.Lo; ok {
		p.LastSeen = instant(int64(last.Lo))
	}
	f.given[c.who] = true
	f.found.People = append(f.found.People, p)
	return nil
}
