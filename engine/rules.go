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
	return e.meta(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		r.Version = e.line.head.Rules + 1
		m, err := r.Compile(e.matcher.Load().Names()...)
		if err != nil { // spaces keep their indexes: cleaned items wait with them
			return err
		}
		if err := tx.PutRules(storage.RulesRecord{Version: r.Version, Seq: seq, At: at, Text: r.Format()}); err != nil {
			return err
		}
		e.line.head.Rules = r.Version
		e.useRules(m)
		return nil
	})
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
