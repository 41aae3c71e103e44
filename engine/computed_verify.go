package engine

import (
	"context"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
)

// TraitVerification says whether the values of a computed trait that are kept
// are those that DuckDB works out, at one number and one instant.
type TraitVerification struct {
	Trait   string   `json:"trait"`
	Version uint32   `json:"version"`
	At      kith.Seq `json:"at"`
	Kept    int      `json:"kept"`    // people who have a value
	Found   int      `json:"found"`   // for whom DuckDB works one out
	Missing int      `json:"missing"` // found and not kept
	Extra   int      `json:"extra"`   // kept and not found
	Other   int      `json:"other"`   // kept and another
}

// Same tells whether both ways gave the same values.
func (v *TraitVerification) Same() bool { return v.Missing+v.Extra+v.Other == 0 }

// VerifyTrait compares the values of a computed trait that are kept with what
// DuckDB works out. It is ErrUnsupported while the trait is being built.
func (e *Engine) VerifyTrait(ctx context.Context, name string) (TraitVerification, error) {
	const op = "engine.VerifyTrait"
	if err := e.current(ctx); err != nil {
		return TraitVerification{}, err
	}
	a, err := e.inquiry(nil)
	if err != nil {
		return TraitVerification{}, err
	}
	defer a.close()
	def, ok := a.traits[name]
	if !ok {
		return TraitVerification{}, noTrait(op, name)
	}
	if a.written[name] != nil {
		return TraitVerification{}, &kith.Error{Op: op, On: name, Kind: kith.ErrUnsupported, Err: errBuilding}
	}
	a.written = a.traits // so that what is kept of others is no part of the proof
	k := a.v.shown[name]
	out, err := a.compare(ctx, def, k.col)
	out.Trait, out.Version, out.At = name, k.version, a.v.seq
	return out, err
}

// compare compares a column with what DuckDB works out.
func (a *inquiry) compare(ctx context.Context, def query.Value, c *column) (out TraitVerification, err error) {
	q, err := a.write(ctx, "engine.VerifyTrait", func(cat *catalog) (query.SQL, error) {
		cat.clear = true
		defer func() { cat.clear = false }()
		return query.RenderValue(def, a.now, cat)
	})
	if err != nil {
		return out, err
	}
	rows, err := a.rows(ctx, q, nil)
	if err != nil {
		return out, err
	}
	defer rows.Close()
	for rows.Next() {
		var id uint32
		var cell any
		if err := rows.Scan(&id, &cell); err != nil {
			return out, err
		}
		d, found, err := datumOf(cell, def.Type())
		if err != nil {
			return out, err
		}
		is, kept, err := c.datumAt(a.v, id)
		if err != nil {
			return out, err
		}
		if found {
			out.Found++
		}
		switch {
		case found && !kept:
			out.Missing++
		case kept && !found:
			out.Extra++
		case kept && is != d:
			out.Other++
		}
	}
	if err := rows.Err(); err != nil {
		return out, err
	}
	if out.Kept, err = c.filled(a.v); err != nil {
		return out, err
	}
	out.Extra += out.Kept - out.Found - out.Extra + out.Missing // of who is nobody
	return out, nil
}
