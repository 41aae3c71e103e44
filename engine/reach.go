package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// Reach says how people can be reached.
type Reach struct {
	People int          `json:"people"`
	Spaces []SpaceReach `json:"spaces"` // of identifiers that somebody of them has, by name
}

// SpaceReach says how many people have an identifier of a space.
type SpaceReach struct {
	Space  string `json:"space"`
	People int    `json:"people"`
}

// Reach says of how many people for whom a condition is true there is an e-mail
// address, a phone number, a device: an identifier of each space. It tells
// nothing of consent, of which the platform knows nothing.
func (e *Engine) Reach(ctx context.Context, condition string, o *AskOptions) (Reach, error) {
	a, err := e.inquiry(o)
	if err != nil {
		return Reach{}, err
	}
	defer a.close()
	people, err := a.answer(ctx, "engine.Reach", condition, nil)
	if err != nil {
		return Reach{}, err
	}
	have := map[uint8]*bitmap.Set{}
	for block := 0; block <= int(a.v.fragments>>16); block++ {
		if err := ctx.Err(); err != nil {
			return Reach{}, err
		}
		if err := a.reach(block, people, have); err != nil {
			return Reach{}, err
		}
	}
	out := Reach{People: people.Len(), Spaces: []SpaceReach{}}
	for space, who := range have {
		out.Spaces = append(out.Spaces, SpaceReach{e.spaces.at(int(space)), who.Len()})
	}
	slices.SortFunc(out.Spaces, func(a, b SpaceReach) int { return strings.Compare(a.Space, b.Space) })
	return out, nil
}

// reach notes which of some people have a fragment of a block, by its space.
func (a *inquiry) reach(block int, people *bitmap.Set, have map[uint8]*bitmap.Set) error {
	owners, err := a.e.people.Owners(a.v.pin, block)
	if err != nil {
		return err
	}
	marks, err := a.e.people.Spaces(a.v.pin, block)
	if err != nil {
		return err
	}
	for w, has := range owners.Has {
		for ; has != 0; has &= has - 1 {
			i := w<<6 | trailing(has)
			if uint32(block<<16+i) >= a.v.fragments || !people.Has(owners.U32[i]) {
				continue
			}
			space := storage.MarksOf(marks.U16[i]).Space
			if have[space] == nil {
				have[space] = bitmap.Of()
			}
			have[space].Add(owners.U32[i])
		}
	}
	return nil
}

// Union says how many people some conditions reach together.
type Union struct {
	People int   `json:"people"` // for whom at least one is true; each counts once
	Each   []int `json:"each"`   // of each condition, in their order
	Only   []int `json:"only"`   // of each: for whom no other is true
}

// Union counts the people for whom at least one of some conditions is true, and
// for each those whom it alone reaches.
func (e *Engine) Union(ctx context.Context, conditions []string, o *AskOptions) (Union, error) {
	a, err := e.inquiry(o)
	if err != nil {
		return Union{}, err
	}
	defer a.close()
	sets, once, twice := make([]*bitmap.Set, len(conditions)), bitmap.Of(), bitmap.Of()
	for i, c := range conditions {
		if sets[i], err = a.answer(ctx, "engine.Union", c, nil); err != nil {
			return Union{}, err
		}
		twice.Or(bitmap.And(once, sets[i]))
		once.Or(sets[i])
	}
	out := Union{People: once.Len(), Each: []int{}, Only: []int{}}
	for _, s := range sets {
		out.Each = append(out.Each, s.Len())
		out.Only = append(out.Only, s.Len()-s.AndLen(twice))
	}
	return out, nil
}
