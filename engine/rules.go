package engine

import (
	"github.com/kithdb/kith"
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
	return e.meta(func(tx *storage.Tx, seq kith.Seq, at int64) (err error) {
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
// cleaners know the old ones by their number of use, and are made anew.
func (e *Engine) useRules(m *identity.Matcher) {
	e.rulesMu.Lock()
	e.rules = m.Rules()
	e.rulesMu.Unlock()
	e.matcher.Store(m)
	e.generation.Add(1)
	if e.line != nil {
		e.line.prints = e.newCleaner()
	}
}

// weakAt tells whether the space that the directory gave a number is of
// anonymous or device ids by the rules of a version: what is told again is told
// by the rules that it was told by.
func (e *Engine) weakAt(space uint8, version uint32) (bool, error) {
	if version == 0 {
		return e.weak(space), nil
	}
	e.rulesMu.Lock()
	defer e.rulesMu.Unlock()
	m := e.oldRules[version]
	if m == nil {
		snap := e.store.Snapshot()
		defer snap.Release()
		rec, err := snap.Rules(version)
		if err != nil {
			return false, err
		}
		rules, err := identity.Parse(rec.Text)
		if err != nil {
			return false, &kith.Error{Op: "engine", On: "rules", Kind: kith.ErrCorrupt, Err: err}
		}
		if m, err = rules.Compile(); err != nil {
			return false, err
		}
		if e.oldRules == nil {
			e.oldRules = map[uint32]*identity.Matcher{}
		}
		e.oldRules[version] = m
	}
	return m.Weak(m.Space(e.spaces.at(int(space)))), nil
}
