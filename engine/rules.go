package engine

import "github.com/kithdb/kith/identity"

// Rules gives the rules of identity that are in force, with their version.
func (e *Engine) Rules() identity.Rules {
	e.rulesMu.Lock()
	defer e.rulesMu.Unlock()
	return e.rules
}

// SetRules puts other rules into force for what comes: decisions that were
// taken stand. The version counts up; every version stays in the log.
func (e *Engine) SetRules(r identity.Rules) error {
	return e.inLine(func() error {
		version := e.line.head.Rules + 1
		r.Version = version
		m, err := r.Compile(e.matcher.Load().Names()...) // spaces keep their indexes: cleaned items wait with them
		if err != nil {
			return err
		}
		tx := e.store.Update()
		defer tx.Discard()
		if err := tx.PutRules(version, r.Format()); err != nil {
			return err
		}
		e.line.head.Rules = version
		if err := e.commitMeta(tx); err != nil {
			return err
		}
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
