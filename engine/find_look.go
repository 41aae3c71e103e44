package engine

import (
	"container/heap"
	"slices"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// look opens what a person says and tells whether it fits, and how well. near
// says that errors count.
func (f *finder) look(c *candidate, near bool) (bool, error) {
	is, err := f.e.people.Exists(f.v.pin, c.who)
	if err != nil || !is {
		return false, err
	}
	best := make([]identity.Fit, len(f.query.Tokens))
	for i := range best {
		best[i] = identity.NoFit
	}
	var values []kith.Value
	say := func(name string, text []byte, shown bool) {
		fits := f.fit(best, text)
		if v := (kith.Value{Name: name, Value: string(text), Fits: fits}); fits || shown {
			if !slices.ContainsFunc(values, func(o kith.Value) bool { return o.Value == v.Value }) {
				values = append(values, v)
			}
		}
	}
	doc, err := f.e.joined(f.v, kith.FragmentID(c.who))
	if err != nil {
		return false, err
	}
	for i := range doc.Traits {
		name := strings.TrimPrefix(f.e.paths.Path(doc.Traits[i].Path), "traits.")
		eachText(doc.Traits[i].Last.Raw, func(text []byte) { say(name, text, naming(name)) })
	}
	slices.SortStableFunc(values, func(a, b kith.Value) int { return rank(a.Name) - rank(b.Name) })
	if err := f.identifiers(c.who, say); err != nil {
		return false, err
	}
	c.sure, c.score = true, 0
	f.values[c.who] = values
	for _, fit := range best {
		switch {
		case fit == identity.NoFit, fit == identity.FitError && !near:
			return false, nil
		case fit == identity.FitError:
			c.score += oneError
		case fit == identity.FitPrefix:
			c.score++
		}
	}
	return true, nil
}

// fit notes how well the words of a text fit each token, and tells whether one does.
func (f *finder) fit(best []identity.Fit, text []byte) bool {
	fits := false
	for _, w := range f.lexer.Words(text) {
		for i := range f.query.Tokens {
			if fit := f.query.Tokens[i].Fits(w); fit < identity.NoFit {
				best[i], fits = min(best[i], fit), true
			}
		}
	}
	return fits
}

// identifiers says those of a person that people are looked for by.
func (f *finder) identifiers(who kith.ProfileID, say func(name string, text []byte, shown bool)) error {
	frags, err := f.e.people.Fragments(f.v.pin, kith.FragmentID(who))
	if err != nil {
		return err
	}
	slices.Sort(frags)
	firm := frags[:0]
	for _, frag := range frags {
		marks, err := f.e.people.Marks(f.v.pin, frag)
		if err != nil {
			return err
		}
		if marks.Firm {
			firm = append(firm, frag)
		}
	}
	for err == nil && len(firm) > 0 {
		err = f.v.snap.Fragments(firm[0], func(rec storage.FragmentRecord) error {
			switch {
			case rec.Fragment < firm[0]:
				return nil
			case rec.Fragment > firm[0]:
				return &kith.Error{Op: "engine.Find", On: on("fragment", firm[0]), Kind: kith.ErrCorrupt}
			}
			value, err := storage.UnpackValue(f.e.keys.Open(rec.Fragment, uint64(rec.Seq), sealIdentity, rec.Sealed, nil))
			if err != nil {
				return err
			}
			say(f.e.spaces.at(int(rec.Space)), value, true)
			if firm = firm[1:]; len(firm) == 0 || firm[0] > rec.Fragment+nearby {
				return storage.ErrStop
			}
			return nil
		})
	}
	return err
}

// nearby is how far the next identifier of a person may stand to be read on to: most are numbered together.
const nearby = 64

// names are the traits by which people are shown, whether they fit or not.
var byNames = []string{"name", "firstname", "lastname", "company", "email", "phone"}

func rank(name string) int {
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	if i := slices.Index(byNames, name); i >= 0 {
		return i
	}
	return len(byNames)
}

func naming(name string) bool { return rank(name) < len(byNames) }

// peek reads a column at many rows: whole blocks once, where much of one is read.
type peek struct {
	v      *version
	image  func(p *storage.Pin, block int) (*storage.Image, error)
	blocks []*storage.Image
}

func newPeek(v *version, image func(p *storage.Pin, block int) (*storage.Image, error)) *peek {
	return &peek{v: v, image: image, blocks: make([]*storage.Image, v.fragments>>16+1)}
}

// at gives the value of a row, and whether it has one.
func (p *peek) at(row uint32) (uint64, bool, error) {
	if row >= p.v.fragments {
		return 0, false, nil
	}
	img := p.blocks[row>>16]
	if img == nil {
		var err error
		if img, err = p.image(p.v.pin, int(row>>16)); err != nil {
			return 0, false, err
		}
		p.blocks[row>>16] = img
	}
	i := row & 0xffff
	if img.Has[i>>6]>>(i&63)&1 == 0 {
		return 0, false, nil
	}
	if len(img.U32) > 0 {
		return uint64(img.U32[i]), true, nil
	}
	return uint64(img.I64[i]), true, nil
}

// best gives candidates from the best to the worst.
type best struct{ list candidateHeap }

func newBest(list []candidate) *best {
	b := &best{list}
	heap.Init(&b.list)
	return b
}

func (b *best) len() int         { return len(b.list) }
func (b *best) push(c candidate) { heap.Push(&b.list, c) }
func (b *best) pop() candidate   { return heap.Pop(&b.list).(candidate) }

// candidateHeap is what container/heap asks for.
type candidateHeap []candidate

func (h candidateHeap) Len() int           { return len(h) }
func (h candidateHeap) Less(i, j int) bool { return h[i].compare(&h[j]) < 0 }
func (h candidateHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *candidateHeap) Push(c any)        { *h = append(*h, c.(candidate)) }
func (h *candidateHeap) Pop() any {
	c := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return c
}
