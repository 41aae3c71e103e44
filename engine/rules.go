package engine

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/identity"
	"github.com/kithdb/kith/storage"
)

// Rules gives the rules of identity that are in force, with their version.
func (e *Engine) Rules() identity.Rules {
	e.rulesMu.Lock()
	defer e.rulesMu.Unlock()
	return e.rules
}

// SetRules puts other rules into force for what comes: decisions that were
// taken stand. The version counts up; every version stays in the log.
func (e *Engine) SetRules(r identity.Rules) error {
	var m *identity.Matcher
	return e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) (err error) {
		r.Version = e.line.head.Rules + 1
		m, err = r.Compile(e.matcher.Load().Names()...)
		if err != nil { // spaces keep their indexes: cleaned items wait with them
			return err
		}
		if err := tx.PutRules(storage.RulesRecord{Version: r.Version, Seq: seq, At: at, Text: r.Format()}); err != nil {
			return err
		}
		e.line.head.Rules = r.Version
		return nil
	}, func() { e.useRules(m) })
}

// useRules makes compiled rules those that cleaning and resolving use. Pooled
// cleaners know theirs, and are made anew.
func (e *Engine) useRules(m *identity.Matcher) {
	e.rulesMu.Lock()
	e.rules = m.Rules()
	e.rulesMu.Unlock()
	e.matcher.Store(m)
	if e.line != nil {
		e.line.prints, e.line.judge = e.newCleaner(), e.newJudge(m)
	}
}

// weak tells whether the space that the directory gave a number named browsers
// or devices by a version of the rules. What was decided by rules that are not
// in force any more is told again by them.
func (e *Engine) weak(version uint32, space uint8) (bool, error) {
	e.rulesMu.Lock()
	defer e.rulesMu.Unlock()
	weak, ok := e.weakBy[version]
	if !ok {
		snap := e.store.Snapshot()
		defer snap.Release()
		rec, err := snap.Rules(version)
		if err != nil {
			return false, err
		}
		rules, err := identity.Parse(rec.Text)
		if err != nil {
			return false, damagedRules(version, err)
		}
		weak = map[string]bool{}
		for _, s := range rules.Spaces {
			weak[s.Name] = s.Weak
		}
		if e.weakBy == nil {
			e.weakBy = map[uint32]map[string]bool{}
		}
		e.weakBy[version] = weak
	}
	return weak[e.spaces.at(int(space))], nil
}

func damagedRules(version uint32, err error) error {
	return &kith.Error{Op: "engine.rules", On: "version " + strconv.Itoa(int(version)), Kind: kith.ErrCorrupt, Err: err}
}

// renew makes an item that other rules cleaned what the rules in force make of
// its identifiers and anomalies. Their spaces are numbered by the matcher that cleaned them,
// which may have come to know others since.
func (e *Engine) renew(it *item, by *identity.Matcher) {
	m := e.matcher.Load()
	if by == m || it.code != "" {
		return
	}
	claims := make([]claim, 0, len(it.claims))
	for _, c := range it.claims {
		space := m.Space(by.Name(c.space))
		if space < 0 {
			continue
		}
		norm, ok := m.Normalise(space, c.value, nil)
		known := slices.ContainsFunc(claims, func(o claim) bool { return o.space == space && bytes.Equal(o.norm, norm) })
		if ok && !known {
			claims = append(claims, claim{space: space, norm: norm, value: c.value})
		}
	}
	slices.SortStableFunc(claims, func(a, b claim) int {
		switch {
		case m.Stronger(a.space, b.space):
			return -1
		case m.Stronger(b.space, a.space):
			return 1
		}
		return 0
	})
	it.claims = claims
	if len(claims) == 0 || it.alias && len(claims) < 2 { // an alias has two of different spaces
		it.code, it.path = clean.BlockedID, "$"
	}
	it.mark(e.line.judge)
}
